package gateway

import (
	"context"
	"time"

	"github.com/tidegate/tidegate/gateway/custody"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/seal"
)

// keysAgain is how long after a change of the key that did not succeed it is
// tried again.
const keysAgain = 10 * time.Minute

// CustodyOptions say how keys are changed.
type CustodyOptions struct {
	KeyFile string // that holds the tenant key; "": it is supplied from outside
	// Copy takes the copies that are to survive a change of the key; nil: none.
	Copy func(ctx context.Context, at molt.Time, key *seal.Keyring) (custody.Copies, error)
}

func (g *Gateway) makeCustody() (err error) {
	g.custody, err = custody.New(custody.Options{
		Store: g.o.Store, Ring: g.o.Ring, Desk: g.desk, Files: g.o.Files, KeyFile: g.o.Custody.KeyFile, Copy: g.o.Custody.Copy,
		Now: g.o.Now, Random: g.o.Random, Log: g.o.Log,
	})
	return err
}

// keepKeys ends what was begun with the keys before the start.
func (g *Gateway) keepKeys(ctx context.Context) error {
	for {
		err := g.custody.Resume(ctx)
		if err == nil || ctx.Err() != nil {
			return nil
		}
		g.metrics.faults.WithLabelValues("custody").Inc()
		g.o.Log.Error().Err(err).Msg("a change of the tenant key is not at its end")
		select {
		case <-time.After(keysAgain):
		case <-ctx.Done():
			return nil
		}
	}
}
