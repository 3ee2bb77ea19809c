package gateway

import (
	"context"
	"errors"

	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/lane"
)

// step is a part of the work on one item: it commits, or it waits for what is
// outside, and never both. It returns what comes next; nil: the item is dealt
// with, or left to its next worker.
type step func(ctx context.Context) step

// worker is one kind of work.
type worker struct {
	*lane.Lane
	class molt.Lane
	begin func(molt.Leased) step
}

// through takes an item through all its steps, as a lane's worker does.
func through(begin func(molt.Leased) step) func(context.Context, molt.Leased) {
	return func(ctx context.Context, it molt.Leased) {
		for s := begin(it); s != nil; {
			s = s(ctx)
		}
	}
}

// Steps is a Gateway that a simulator runs instead of Run: the same mailboxes,
// lanes and workers, a step at a time and without goroutines. It is used by one
// goroutine. Its doors are the desk's.
type Steps struct {
	g     *Gateway
	hands []*hands
	looks looks
}

// hands are the workers of a lane.
type hands struct {
	worker
	busy int
	asks bool      // something may be due
	next molt.Time // when to claim again; 0: on a kick
}

// Steps begins as Run does, without opening a door. Options.Spawn must run what
// it is given on the goroutine that steps.
func (g *Gateway) Steps(ctx context.Context) (*Steps, error) {
	now := g.force.Load()
	if err := errors.Join(g.commitMarks(ctx, now.marks()), g.markStart(ctx, now), g.openRestored(ctx)); err != nil {
		return nil, err
	}
	g.begin(func(string, func(context.Context) error) {})
	s := &Steps{g: g}
	for _, w := range g.workers {
		s.hands = append(s.hands, &hands{worker: w, asks: true})
	}
	return s, nil
}

// Desk is where facts come in.
func (s *Steps) Desk() *intake.Desk { return s.g.desk }

// Rules are those in force now.
func (s *Steps) Rules() *turn.Rules { return s.g.rules() }

// Claim hands out what is due to the workers that are free.
func (s *Steps) Claim(ctx context.Context) ([]*Work, error) {
	now := s.g.o.Now()
	var out []*Work
	for _, h := range s.hands {
		h.asks = h.Kicked() || h.asks || h.next > 0 && h.next <= molt.TimeOf(now)
		free := h.Workers - h.busy
		if !h.asks || free == 0 {
			continue
		}
		items, next, err := h.Step(ctx, now, free)
		if err != nil {
			return out, err
		}
		h.asks, h.next = false, next
		for _, it := range items {
			h.busy++
			out = append(out, &Work{Item: it, hands: h, next: h.begin(it)})
		}
	}
	return out, nil
}

// Next is when something may be due; 0: not before something happens.
func (s *Steps) Next() (next molt.Time) {
	for _, h := range s.hands {
		if h.next > 0 && h.busy < h.Workers && (next == 0 || h.next < next) {
			next = h.next
		}
	}
	return next
}

// LookBack looks through the carriers' lists if it is time to, and returns when
// it is again; 0: never.
func (s *Steps) LookBack(ctx context.Context) molt.Time {
	b := s.g.lookIfDue(ctx, &s.looks)
	if !b.Enabled {
		return 0
	}
	return molt.TimeOf(s.looks.next)
}

// Work is an item in a worker's hands.
type Work struct {
	Item  molt.Leased
	hands *hands
	next  step
}

// Step does the next step, under a context that ends with the item's lease. It
// reports whether there is another one.
func (w *Work) Step(ctx context.Context) bool {
	g := w.next(ctx)
	if w.next = g; g == nil {
		w.hands.busy--
		w.hands.asks = true
	}
	return g != nil
}
