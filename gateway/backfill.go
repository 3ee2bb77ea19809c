package gateway

import (
	"context"
	"maps"
	"slices"
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

// markStart commits the first watermark of each account that has none, before
// its door opens.
func (g *Gateway) markStart(ctx context.Context, f *force) error {
	since := molt.TimeOf(g.o.Now())
	if !f.Backfill.Since.IsZero() {
		since = molt.TimeOf(f.Backfill.Since)
	}
	return f.eachAccount(func(a channels.Adapter, account molt.Address) error {
		return g.desk.MarkStart(ctx, a.ID(), account, since)
	})
}

func (f *force) eachAccount(do func(channels.Adapter, molt.Address) error) error {
	for _, id := range slices.Sorted(maps.Keys(f.Adapters)) {
		a := f.Adapters[id]
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

// looks is when the carriers' lists were last looked through.
type looks struct{ last, wide time.Time }

// backfill looks at the start, then every so often, once a day further back. A
// look that goes wrong is counted and made again at the next turn.
func (g *Gateway) backfill(ctx context.Context) error {
	var l looks
	for {
		if b := g.lookIfDue(ctx, &l); !g.untilLook(ctx, b, l.last) {
			return nil
		}
	}
}

// lookIfDue looks through all lists when it is time to, and says by which
// settings.
func (g *Gateway) lookIfDue(ctx context.Context, l *looks) Backfill {
	f, now := g.force.Load(), g.o.Now()
	if f.Backfill.Enabled && (l.last.IsZero() || now.Sub(l.last) >= f.Backfill.Every) {
		overlap := f.Backfill.Overlap
		if now.Sub(l.wide) >= wideEvery {
			l.wide, overlap = now, max(overlap, wideOverlap)
		}
		l.last = now
		_ = f.eachAccount(func(a channels.Adapter, account molt.Address) error {
			g.lookBack(ctx, a, account, overlap)
			return nil
		})
	}
	return f.Backfill
}

// untilLook waits until a look is due or other parts are in force; it reports
// false when all is to end.
func (g *Gateway) untilLook(ctx context.Context, b Backfill, last time.Time) bool {
	var due <-chan time.Time
	if b.Enabled {
		t := time.NewTimer(last.Add(b.Every).Sub(g.o.Now()))
		defer t.Stop()
		due = t.C
	}
	select {
	case <-due:
	case <-g.swapped:
	case <-ctx.Done():
		return false
	}
	return true
}

func (g *Gateway) lookBack(ctx context.Context, a channels.Adapter, account molt.Address, overlap time.Duration) {
	look, err := g.desk.Backfill(ctx, a, a.ID(), account, overlap)
	g.metrics.backfill.WithLabelValues(a.ID(), "listed").Add(float64(look.Listed))
	g.metrics.backfill.WithLabelValues(a.ID(), "new").Add(float64(look.New))
	g.traffic.looked(a.ID(), look, err)
	switch {
	case err != nil && ctx.Err() == nil:
		g.metrics.backfill.WithLabelValues(a.ID(), "failed").Inc()
		g.o.Log.Warn().Str("channel", a.ID()).Err(err).Msg("back-fill")
	case look.New > 0:
		g.o.Log.Info().Str("channel", a.ID()).Int("new", look.New).Msg("back-fill")
	}
}
