package gateway

import (
	"context"
	"time"

	"github.com/tidegate/tidegate/gateway/notary"
	"github.com/tidegate/tidegate/molt"
)

const (
	// checkpointEvery is the longest that what was committed stays unsigned.
	checkpointEvery = time.Minute
	// lastCheckpoint bounds the one at a stop.
	lastCheckpoint = 5 * time.Second
)

// checkpoints signs how far all journals have come into the second place, at
// most once a minute and at a stop. Where that place cannot be written to, the
// daemon serves on and says so.
func (g *Gateway) checkpoints(ctx context.Context) error {
	if g.o.Checkpoints == "" {
		return nil
	}
	c := notary.NewCheckpoints(g.o.Checkpoints, g.o.Ring)
	every := time.NewTicker(checkpointEvery)
	defer every.Stop()
	for failed := false; ; {
		err := g.checkpoint(ctx, c)
		if err != nil && ctx.Err() == nil {
			g.metrics.faults.WithLabelValues("checkpoint").Inc()
			if !failed {
				g.o.Log.Error().Err(err).Msg("checkpoints are not written: what changes from here on cannot be proven unchanged")
			}
		}
		failed = err != nil
		select {
		case <-every.C:
		case <-ctx.Done():
			g.checkpointAtStop(ctx, c)
			return nil
		}
	}
}

func (g *Gateway) checkpointAtStop(ctx context.Context, c *notary.Checkpoints) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastCheckpoint)
	defer cancel()
	if err := g.checkpoint(ctx, c); err != nil {
		g.o.Log.Error().Err(err).Msg("the last checkpoint was not written")
	}
}

func (g *Gateway) checkpoint(ctx context.Context, c *notary.Checkpoints) error {
	var heads []molt.ConversationHead
	q := molt.Query{Table: molt.TableConversations, Limit: molt.MaxPage}
	for {
		p, err := g.o.Store.Scan(ctx, q)
		if err != nil {
			return err
		}
		heads = append(heads, p.Conversations...)
		if q.After = p.Next; q.After == "" {
			return c.Sign(molt.TimeOf(g.o.Now()), heads)
		}
	}
}
