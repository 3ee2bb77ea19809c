package gateway

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

func (g *Gateway) putBack(ctx context.Context, it molt.Leased, due molt.Time) {
	_, err := g.o.Store.Commit(ctx, molt.Batch{
		Expect: molt.Expect{Leases: []molt.Lease{it.Lease}, Now: molt.TimeOf(g.o.Now())},
		Retry:  []molt.Retry{{Item: it.ID, Due: due}},
	})
	if err != nil {
		g.stepError(it, "put back", err)
	}
}

// beginTimer brings a moment that has come as a fact. Where the journal is frozen
// its case would be forgotten; a successor takes it over.
func (g *Gateway) beginTimer(it molt.Leased) step {
	return g.withRoom(it, "timer", func(ctx context.Context) (step, error) { return nil, g.timer(ctx, it) })
}

func (g *Gateway) timer(ctx context.Context, it molt.Leased) error {
	w, err := g.desk.OpenWork(ctx, it.Item)
	if err != nil {
		g.unreadable(ctx, it, err)
		return nil
	}
	_, err = g.desk.Step(ctx, it.Conversation, &w.Began, func(*turn.State, func(turn.Ref) molt.Words) intake.Plan {
		return intake.Plan{
			Facts:  []intake.Fact{{Kind: turn.KindTimed, Body: &turn.Timed{Name: w.Name, Item: it.ID}}},
			Leases: []molt.Lease{it.Lease},
		}
	})
	if unusable(err) {
		if err = g.desk.Orphan(ctx, it.Conversation); err == nil {
			err = g.cancelItem(ctx, it)
		}
	}
	return err
}

// beginAct carries a staff act, or a case for a digest, to another journal by the
// same door. A mark makes a second delivery nothing.
func (g *Gateway) beginAct(it molt.Leased) step {
	return g.withRoom(it, "carry", func(ctx context.Context) (step, error) { return nil, g.act(ctx, it) })
}

func (g *Gateway) act(ctx context.Context, it molt.Leased) error {
	w, err := g.desk.OpenWork(ctx, it.Item)
	if err != nil || w.Act == nil {
		g.unreadable(ctx, it, err)
		return nil
	}
	target, began := w.Act.Conversation, (*turn.Began)(nil)
	if w.Act.Stream != nil {
		id, b := g.desk.StreamOf(w.Act.Person, w.Act.Stream.Channel, w.Act.Stream.Address)
		target, began = id, &b
	}
	fact := intake.Fact{Kind: turn.KindListed, Body: w.Act.Listed}
	if w.Act.Acted != nil {
		fact = intake.Fact{Kind: turn.KindActed, Body: w.Act.Acted}
	}
	carry := func() error {
		_, err := g.desk.Step(ctx, target, began, func(*turn.State, func(turn.Ref) molt.Words) intake.Plan {
			return intake.Plan{Facts: []intake.Fact{fact}, Unseen: []molt.MarkID{intake.MarkCarried(it.ID)}}
		})
		return err
	}
	if err = carry(); unusable(err) {
		// The journal is frozen: its successor takes the case, and the act.
		if err = g.desk.Orphan(ctx, target); err == nil {
			err = carry()
		}
	}
	if err != nil && !unusable(err) && !errors.Is(err, intake.ErrUnknownConversation) {
		return err
	}
	if err != nil {
		// The case's journal cannot take it; its patient is with staff by now.
		g.o.Log.Error().Str("conversation", string(target)).Str("item", string(it.ID)).Err(err).Msg("act not delivered")
	}
	_, err = g.o.Store.Commit(ctx, molt.Batch{
		Expect: molt.Expect{Leases: []molt.Lease{it.Lease}, Now: molt.TimeOf(g.o.Now())}, Done: []molt.ItemID{it.ID},
	})
	return err
}

// askBudget bounds the asks of all patients together within an hour. What is
// over waits; each patient's watchdog runs meanwhile.
type askBudget struct {
	mu    sync.Mutex
	limit int
	asked []molt.Time // of the last hour, oldest first
}

// bound sets another limit. What was asked stays counted.
func (b *askBudget) bound(limit int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.limit = limit
}

func newAskBudget(limit int) *askBudget { return &askBudget{limit: limit} }

// take counts an ask and returns now, or returns when there is room.
func (b *askBudget) take(now molt.Time) molt.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.limit <= 0 {
		return now
	}
	for len(b.asked) > 0 && now.Sub(b.asked[0]) >= time.Hour {
		b.asked = b.asked[1:]
	}
	if len(b.asked) >= b.limit {
		return b.asked[0].Add(time.Hour)
	}
	b.asked = append(b.asked, now)
	return now
}
