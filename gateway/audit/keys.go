package audit

import (
	"context"
	"encoding/hex"
	"errors"

	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/seal"
)

// Keys is what can be told of a record's keys without telling any.
type Keys struct {
	Tenant   string   `json:"tenant"`                  // the tenant key's id
	Verifier string   `json:"verifier"`                // the public key of our signatures, hexadecimal
	Earlier  []string `json:"earlier,omitempty"`       // ids of the tenant keys that only open, while it changes
	Opens    int      `json:"opens"`                   // data keys that open
	Under    int      `json:"under_earlier,omitempty"` // of them, those that open under an earlier tenant key alone
	Other    int      `json:"other"`                   // those that do not: of another key, or damaged
	Erased   int      `json:"erased,omitempty"`        // those that were destroyed
	Oldest   string   `json:"oldest,omitempty"`        // the month of the oldest data key, "2026-11"
	Newest   string   `json:"newest,omitempty"`
}

// Keys counts the data keys of a store. The first that opens is enough to know
// the key file for the store's own.
func (a *Auditor) Keys(ctx context.Context) (Keys, error) {
	k := Keys{Tenant: a.ring.ID(), Earlier: a.ring.Earlier()}
	by, err := a.ring.Verifier()
	if err != nil {
		return k, err
	}
	k.Verifier = hex.EncodeToString(by)
	err = a.each(ctx, func(h molt.ConversationHead) error {
		return a.scan(ctx, molt.Query{Table: molt.TableKeys, Conversation: h.ID}, func(p molt.Page) {
			for _, w := range p.Keys {
				k.count(w.Period, a.ring.Unwraps(w), a.ring.Current(w))
			}
		})
	})
	return k, err
}

func (k *Keys) count(period string, err error, current bool) {
	switch {
	case err == nil:
		if k.Opens++; !current {
			k.Under++
		}
	case errors.Is(err, seal.ErrErased):
		k.Erased++
	default:
		k.Other++
	}
	if k.Oldest == "" || period < k.Oldest {
		k.Oldest = period
	}
	k.Newest = max(k.Newest, period)
}
