package turn

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"

	"github.com/tidegate/tidegate/molt"
)

// Pause is the switch that people hold: where the agent may not speak, whatever
// the configuration says.
type Pause struct {
	All      bool     `json:"all,omitempty"`
	Channels []string `json:"channels,omitempty"`
}

// On reports whether anything is paused.
func (p Pause) On() bool { return p.All || len(p.Channels) > 0 }

// MayAgent reports whether the agent may speak on a channel.
func (r *Rules) MayAgent(channel string) bool {
	return r.Agent && !r.Paused.All && !slices.Contains(r.Paused.Channels, channel)
}

// Silent lists the channels on which the agent may not speak, all reports that
// it may on none.
func (r *Rules) Silent() (paused []string, all bool) {
	all = true
	for _, channel := range slices.Sorted(maps.Keys(r.Accounts)) {
		if !r.MayAgent(channel) {
			paused = append(paused, channel)
		} else {
			all = false
		}
	}
	return paused, all && len(r.Accounts) > 0 || !r.Agent || r.Paused.All
}

// MarkRules names the record of rules: what their digest is the digest of.
func MarkRules(digest string) molt.MarkID { return molt.MarkID("rules:" + digest) }

// PausedRecord is what the digest of rules under a pause is the digest of: with
// it a replay finds the rules that lie below.
type PausedRecord struct {
	Base  string `json:"base"` // the digest of the rules without the pause
	Pause Pause  `json:"pause"`
}

// Under returns the rules with a pause laid over them, and the record that their
// digest stands for. Without a pause they are themselves, and need none.
func (r *Rules) Under(p Pause) (*Rules, []byte) {
	p.Channels = slices.Compact(slices.Sorted(slices.Values(p.Channels)))
	if !p.On() {
		return r, nil
	}
	record, err := json.Marshal(PausedRecord{Base: r.Digest, Pause: p})
	if err != nil {
		panic(err) // strings and a switch always marshal
	}
	sum := sha256.Sum256(record)
	under := *r
	under.base, under.Paused, under.Digest = r, p, hex.EncodeToString(sum[:8])
	return &under, record
}

// Base are the rules of the configuration alone.
func (r *Rules) Base() *Rules {
	if r.base != nil {
		return r.base
	}
	return r
}

// At returns the rules with a digest, as far as they are these, with whatever
// pause lay over them; nil for others. record is what the store keeps under it.
func (r *Rules) At(digest string, record func() []byte) *Rules {
	base := r.Base()
	if digest == base.Digest {
		return base
	}
	var was PausedRecord
	if json.Unmarshal(record(), &was) != nil || was.Base != base.Digest {
		return nil
	}
	if under, _ := base.Under(was.Pause); under.Digest == digest {
		return under
	}
	return nil
}

// Instead returns these rules for a decision that was made by others: with
// whatever pause lay over those. record is what the store keeps under their digest.
func (r *Rules) Instead(record func() []byte) *Rules {
	var was PausedRecord
	if json.Unmarshal(record(), &was) != nil || was.Base == "" {
		return r.Base()
	}
	under, _ := r.Base().Under(was.Pause)
	return under
}
