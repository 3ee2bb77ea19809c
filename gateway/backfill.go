package gateway

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/gateway/intake"
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

// What a carrier allows is shared with the sends, so lists take little of it.
const (
	lookBreath = time.Second      // between two parts of a list
	lookAgain  = 30 * time.Second // after a list that broke off, where that is sooner than the next look
)

// looks is when the carriers' lists were last looked through, and what is still to be
// read of them.
type looks struct {
	last, wide time.Time
	searches   map[string]*intake.Search // by channel and account
	open       map[string]bool           // of them, those with more to read
	next       time.Time                 // the next part
	broke      bool                      // a list did since the last look
}

// backfill looks at the start, then every so often; at the start and once a day further
// back. A look that goes wrong is counted and made again soon: at the start the network
// may not be up yet.
func (g *Gateway) backfill(ctx context.Context) error {
	var l looks
	for {
		if b := g.lookIfDue(ctx, &l); !g.untilLook(ctx, b, l.next) {
			return nil
		}
	}
}

// lookIfDue begins a look through all lists when it is time to, or reads the next part
// of those that were not read to the end, and says by which settings. A part of each
// comes before a second one of any.
func (g *Gateway) lookIfDue(ctx context.Context, l *looks) Backfill {
	f, now := g.force.Load(), g.o.Now()
	if f.Backfill.Enabled && (l.last.IsZero() || now.Sub(l.last) >= l.every(f.Backfill)) {
		g.beginLook(ctx, f, now, l)
	}
	if !f.Backfill.Enabled || len(l.open) > 0 && now.Before(l.next) {
		return f.Backfill
	}
	_ = f.eachAccount(func(a channels.Adapter, account molt.Address) error {
		if key := searchOf(a, account); l.open[key] {
			look, err := g.desk.ReadOn(ctx, a, a.ID(), account, l.searches[key])
			g.looked(ctx, a, look, err)
			l.broke = l.broke || look.Broke
			if !look.More {
				delete(l.open, key)
			}
		}
		return nil
	})
	l.next = l.last.Add(l.every(f.Backfill))
	if soon := g.o.Now().Add(lookBreath); len(l.open) > 0 && soon.Before(l.next) {
		l.next = soon
	}
	return f.Backfill
}

// every is how far apart looks begin.
func (l *looks) every(b Backfill) time.Duration {
	if l.broke {
		return min(b.Every, lookAgain)
	}
	return b.Every
}

// beginLook has all lists looked through once more.
func (g *Gateway) beginLook(ctx context.Context, f *force, now time.Time, l *looks) {
	overlap := f.Backfill.Overlap
	if now.Sub(l.wide) >= wideEvery {
		l.wide, overlap = now, max(overlap, wideOverlap)
	}
	l.last, l.next, l.broke = now, now, false
	was := l.searches
	l.searches, l.open = map[string]*intake.Search{}, map[string]bool{}
	_ = f.eachAccount(func(a channels.Adapter, account molt.Address) error {
		key := searchOf(a, account)
		s := was[key]
		if s == nil {
			s = &intake.Search{}
		}
		l.searches[key], l.open[key] = s, true
		if err := g.desk.BeginLook(ctx, a.ID(), account, overlap, s); err != nil {
			delete(l.open, key)
			g.looked(ctx, a, intake.Look{}, err)
		}
		return nil
	})
}

func searchOf(a channels.Adapter, account molt.Address) string {
	return a.ID() + " " + account.Reveal()
}

// untilLook waits until a look is due or other parts are in force; it reports
// false when all is to end.
func (g *Gateway) untilLook(ctx context.Context, b Backfill, next time.Time) bool {
	var due <-chan time.Time
	if b.Enabled {
		t := time.NewTimer(next.Sub(g.o.Now()))
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

func (g *Gateway) looked(ctx context.Context, a channels.Adapter, look intake.Look, err error) {
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
