package gateway

import (
	"context"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/molt"
)

// wideOverlap is how far back the look of once a day goes: texts that the
// carrier listed late, or under an earlier time, are found by it.
const (
	wideEvery   = 24 * time.Hour
	wideOverlap = 24 * time.Hour
)

// markStart commits each account's first watermark before the doors open.
func (g *Gateway) markStart(ctx context.Context) error {
	since := molt.TimeOf(g.o.Now())
	if !g.o.Backfill.Since.IsZero() {
		since = molt.TimeOf(g.o.Backfill.Since)
	}
	return g.eachAccount(func(a channels.Adapter, account molt.Address) error {
		return g.desk.MarkStart(ctx, a.ID(), account, since)
	})
}

func (g *Gateway) eachAccount(do func(channels.Adapter, molt.Address) error) error {
	for _, a := range g.o.Adapters {
		if _, ok := a.(channels.Live); ok {
			continue // no carrier holds texts for it
		}
		for _, account := range a.Accounts() {
			if err := do(a, account); err != nil {
				return err
			}
		}
	}
	return nil
}

// backfill looks at the start, then every so often, once a day further back. A
// look that goes wrong is counted and made again at the next turn.
func (g *Gateway) backfill(ctx context.Context) error {
	every := time.NewTicker(g.o.Backfill.Every)
	defer every.Stop()
	var wide time.Time
	for {
		overlap := g.o.Backfill.Overlap
		if now := g.o.Now(); now.Sub(wide) >= wideEvery {
			wide, overlap = now, max(overlap, wideOverlap)
		}
		_ = g.eachAccount(func(a channels.Adapter, account molt.Address) error {
			g.lookBack(ctx, a, account, overlap)
			return nil
		})
		select {
		case <-every.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (g *Gateway) lookBack(ctx context.Context, a channels.Adapter, account molt.Address, overlap time.Duration) {
	look, err := g.desk.Backfill(ctx, a, a.ID(), account, overlap)
	g.metrics.backfill.WithLabelValues(a.ID(), "listed").Add(float64(look.Listed))
	g.metrics.backfill.WithLabelValues(a.ID(), "new").Add(float64(look.New))
	switch {
	case err != nil && ctx.Err() == nil:
		g.metrics.backfill.WithLabelValues(a.ID(), "failed").Inc()
		g.o.Log.Warn().Str("channel", a.ID()).Err(err).Msg("back-fill")
	case look.New > 0:
		g.o.Log.Info().Str("channel", a.ID()).Int("new", look.New).Msg("back-fill")
	}
}
