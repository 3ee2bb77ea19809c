package gateway

import (
	"context"
	"time"

	"github.com/tidegate/tidegate/molt"
)

// alive tells whoever watches the daemon that it lives, each time after a commit:
// a process that can no longer commit is one to end and start anew. Without
// somebody who wants to hear it, it does nothing.
func (g *Gateway) alive(ctx context.Context) error {
	if g.o.Alive == nil || g.o.AliveEvery <= 0 {
		return nil
	}
	tick := time.NewTicker(g.o.AliveEvery)
	defer tick.Stop()
	for {
		if g.commits(ctx, g.o.AliveEvery) == nil {
			g.o.Alive()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// commits reports whether the store takes a write within a time, by writing.
func (g *Gateway) commits(ctx context.Context, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	_, err := g.o.Store.Commit(ctx, molt.Batch{Marks: []molt.Mark{{ID: "probe:ready", Value: []byte(molt.TimeOf(g.o.Now()).String())}}})
	return err
}
