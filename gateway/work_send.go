package gateway

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/channels/outbox"
	"github.com/tidegate/tidegate/channels/segment"
	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// beginSend takes one outbound text through its steps: the wait for the sender's
// budget; the last look, which commits the attempt; the call; the outcome.
func (g *Gateway) beginSend(it molt.Leased) step {
	return func(ctx context.Context) step {
		w, err := g.desk.OpenWork(ctx, it.Item)
		if err != nil || w.Out == nil {
			g.unreadable(ctx, it, err)
			return nil
		}
		if err := g.waitForBudget(ctx, it, outboundOf(it, *w.Out)); err != nil {
			return nil
		}
		return g.attempt(it, *w.Out, false)
	}
}

// attempt takes the last look and commits what it says. The call comes next.
// recalled: the carrier was asked what a restore cannot know.
func (g *Gateway) attempt(it molt.Leased, w turn.Out, recalled bool) step {
	return g.withRoom(it, "attempt", func(ctx context.Context) (step, error) {
		look, frozen, err := g.lookAndAttempt(ctx, it, w, recalled)
		if err != nil {
			return nil, err
		}
		o := outboundOf(it, w)
		o.Attempt = look.Attempt
		switch look.Do {
		case turn.LookRecall:
			return func(ctx context.Context) step { return g.recall(ctx, it, w, o, look.Recall) }, nil
		case turn.LookCheck:
			return func(ctx context.Context) step { return g.check(ctx, it, w.Channel, o, look) }, nil
		case turn.LookSend:
			if frozen {
				return func(ctx context.Context) step { return g.sendFrozen(ctx, it, w, o) }, nil
			}
			return func(ctx context.Context) step { return g.send(ctx, it, w.Channel, o) }, nil
		}
		return nil, nil
	})
}

// outboundOf is the text as the carrier gets it: folded, so that a typographic
// quote does not double its price, and always the same for one item.
func outboundOf(it molt.Leased, o turn.Out) channels.Outbound {
	return channels.Outbound{
		Conversation: it.Conversation, Item: it.ID, Put: o.Put, Account: o.Account, Peer: o.Peer, Class: o.Class,
		Words: molt.Words(segment.Fold(o.Words.Reveal())), Validity: time.Duration(o.ValidityMS) * time.Millisecond,
	}
}

// waitForBudget waits before the attempt is recorded, so that whatever changes
// meanwhile can still stop the text. When the wait is long the item goes back.
func (g *Gateway) waitForBudget(ctx context.Context, it molt.Leased, o channels.Outbound) error {
	wait, cancel := context.WithTimeout(ctx, budgetWait)
	defer cancel()
	err := g.outbox.Wait(wait, o)
	if err != nil && ctx.Err() == nil {
		g.metrics.faults.WithLabelValues("sender_budget").Inc()
		g.putBack(ctx, it, molt.TimeOf(g.o.Now()).Add(time.Second))
	}
	return err
}

// lookAndAttempt decides whether the text may still leave and commits that it
// is about to. Beside a frozen journal safety texts and pages run on.
func (g *Gateway) lookAndAttempt(ctx context.Context, it molt.Leased, o turn.Out, recalled bool) (look turn.Look, frozen bool, err error) {
	now := molt.TimeOf(g.o.Now())
	var seen turn.Look // read only when the step is done: a step goes on when ctx ends
	_, err = g.desk.Step(ctx, it.Conversation, nil, func(s *turn.State, _ func(turn.Ref) molt.Words) intake.Plan {
		seen = s.SendDue(g.rules(), it.ID, o, now)
		if ask, need := g.recallOf(s, it.ID, o); need && !recalled && seen.Do == turn.LookSend {
			seen.Do, seen.Recall = turn.LookRecall, ask
		}
		p := intake.Plan{Leases: []molt.Lease{it.Lease}}
		switch seen.Do {
		case turn.LookSend:
			p.Facts = []intake.Fact{{Kind: turn.KindAttempted, Body: &turn.Attempted{Item: it.ID, Attempt: seen.Attempt, Class: o.Class, Person: o.Person}}}
		case turn.LookDrop:
			p.Facts = []intake.Fact{{Kind: turn.KindLooked, Body: &turn.Looked{Item: it.ID, Reason: seen.Reason}}}
		}
		return p
	})
	switch {
	case err == nil:
		return seen, false, nil
	case !unusable(err):
		return turn.Look{}, false, err
	}
	// What an empty state says of the text alone: the agent's and what is too
	// old do not leave.
	if look = new(turn.State).SendDue(g.rules(), it.ID, o, now); look.Do == turn.LookDrop {
		return look, true, g.cancelItem(ctx, it)
	}
	return look, true, g.desk.Bare(ctx, it.Conversation, []intake.Fact{
		{Kind: turn.KindAttempted, Body: &turn.Attempted{Item: it.ID, Attempt: 1}},
	}, it.Lease, intake.BareGoesOn)
}

func unusable(err error) bool {
	return errors.Is(err, intake.ErrFrozen) || errors.Is(err, intake.ErrDecide)
}

func (g *Gateway) send(ctx context.Context, it molt.Leased, channel string, o channels.Outbound) step {
	r, fault := g.call(ctx, it, channel, o)
	return g.outcome(it, factOf(o, r, fault))
}

// call makes the attempt.
func (g *Gateway) call(ctx context.Context, it molt.Leased, channel string, o channels.Outbound) (channels.Receipt, *channels.SendError) {
	r, fault := g.outbox.Send(ctx, channel, o)
	if fault != nil {
		g.metrics.sends.WithLabelValues(string(o.Class), string(fault.Kind)).Inc()
		g.logFault(it, o, fault)
		g.traffic.failed(channel, fault.Kind)
	} else {
		g.traffic.sent(channel)
		g.metrics.sends.WithLabelValues(string(o.Class), "sent").Inc()
	}
	return r, fault
}

func factOf(o channels.Outbound, r channels.Receipt, fault *channels.SendError) intake.Fact {
	if fault == nil {
		return intake.Fact{Kind: turn.KindSent, Body: &turn.Sent{Item: o.Item, Attempt: o.Attempt, Receipt: r}}
	}
	return intake.Fact{Kind: turn.KindFailed, Body: &turn.Failed{
		Item: o.Item, Attempt: o.Attempt, Fault: fault.Kind, Code: fault.Code, Certain: fault.Certain,
		RetryAfterMS: fault.RetryAfter.Milliseconds(), Hint: fault.Hint,
	}}
}

// frozenAgain is how long after an attempt without an answer a text beside a
// frozen journal leaves once more.
const frozenAgain = 10 * time.Second

// sendFrozen sends a text whose journal can count no attempts. It is tried
// again by the schedule of a first attempt, for as long as that allows from
// when the text was put.
func (g *Gateway) sendFrozen(ctx context.Context, it molt.Leased, w turn.Out, o channels.Outbound) step {
	r, fault := g.call(ctx, it, w.Channel, o)
	return g.withRoom(it, "outcome", func(ctx context.Context) (step, error) {
		return nil, g.outcomeFrozen(context.WithoutCancel(ctx), it, w, o, r, fault)
	})
}

func (g *Gateway) outcomeFrozen(ctx context.Context, it molt.Leased, w turn.Out, o channels.Outbound, r channels.Receipt, fault *channels.SendError) error {
	again := molt.Time(0)
	if fault != nil {
		now := molt.TimeOf(g.o.Now())
		p := outbox.Next(outbox.Outcome{
			Class: o.Class, Item: it.ID, Attempt: 1, Kind: fault.Kind, RetryAfter: fault.RetryAfter, First: w.Put, Now: now,
		})
		switch {
		case p.Do == outbox.DoRetry:
			again = p.Due
		case p.Do == outbox.DoCheck && now.Sub(w.Put) < frozenAgain:
			again = now.Add(frozenAgain)
		}
	}
	err := g.desk.Bare(ctx, it.Conversation, []intake.Fact{factOf(o, r, fault)}, it.Lease, max(again, intake.BareDone))
	if again > 0 {
		g.kick(it.Lane.Class())
	}
	return err
}

// logFault says what went wrong with a send. Credentials and registration are
// an admin's to mend; the rest is weather.
func (g *Gateway) logFault(it molt.Leased, o channels.Outbound, fault *channels.SendError) {
	level := zerolog.WarnLevel
	if fault.Kind == channels.FaultConfiguration {
		level = zerolog.ErrorLevel
	}
	g.o.Log.WithLevel(level).Str("conversation", string(it.Conversation)).Str("item", string(it.ID)).Int("attempt", o.Attempt).
		Str("fault", string(fault.Kind)).Int("code", fault.Code).Str("hint", fault.Hint).Msg("send")
}

// check asks the carrier whether it has a text whose send had no answer.
func (g *Gateway) check(ctx context.Context, it molt.Leased, channel string, o channels.Outbound, look turn.Look) step {
	find, cancel := context.WithTimeout(ctx, channels.SendTimeout)
	defer cancel()
	r, found, err := g.outbox.Find(find, channel, o, look.Since)
	if err != nil {
		g.o.Log.Warn().Str("conversation", string(it.Conversation)).Str("item", string(it.ID)).Err(err).Msg("check")
	}
	return g.outcome(it, intake.Fact{Kind: turn.KindChecked, Body: &turn.Checked{
		Item: it.ID, Attempt: look.Attempt, Found: found, Failed: err != nil, Receipt: r,
	}})
}

// outcome commits what became of an attempt. Its lease may be gone: a later
// report may have finished the item, and then there is nothing more to do.
func (g *Gateway) outcome(it molt.Leased, fact intake.Fact) step {
	return g.withRoom(it, "outcome", func(ctx context.Context) (step, error) {
		ctx = context.WithoutCancel(ctx) // the call is made: its outcome is worth a commit though we stop
		_, err := g.desk.Step(ctx, it.Conversation, nil, func(*turn.State, func(turn.Ref) molt.Words) intake.Plan {
			return intake.Plan{Facts: []intake.Fact{fact}, Leases: []molt.Lease{it.Lease}}
		})
		return nil, err
	})
}

// unreadable ends an item that nobody can read: its keys are gone or its bytes
// are not what was written. Its lane still tells what it was for: a timer is
// taken as fired, a text as refused, so that its case goes on.
func (g *Gateway) unreadable(ctx context.Context, it molt.Leased, err error) {
	if ctx.Err() != nil || errors.Is(err, molt.ErrClosed) || errors.Is(err, molt.ErrBroken) {
		return
	}
	g.metrics.faults.WithLabelValues("item").Inc()
	g.o.Log.Error().Str("conversation", string(it.Conversation)).Str("item", string(it.ID)).Err(err).Msg("item cannot be read")
	if it.Torn { // no scrub finds it once it has ended
		g.tellTornItem(ctx, it)
	}
	fact := intake.Fact{Kind: turn.KindFailed, Body: &turn.Failed{Item: it.ID, Fault: channels.FaultRejected, Certain: true}}
	switch it.Lane.Class() {
	case molt.LaneTimer:
		_, name, _ := strings.Cut(string(it.Lane), ":")
		fact = intake.Fact{Kind: turn.KindTimed, Body: &turn.Timed{Name: name, Item: it.ID}}
	case molt.LaneMedia:
		at, _ := turn.FileOf(it.Lane)
		fact = intake.Fact{Kind: turn.KindFetchFailed, Body: &turn.FetchFailed{Item: it.ID, Seq: at.Seq, Index: at.Index, Why: turn.WhyUnreadable}}
	case molt.LaneAction:
		if err := g.cancelItem(ctx, it); err != nil {
			g.stepError(it, "cancel", err)
		}
		return
	}
	_, err = g.desk.Step(ctx, it.Conversation, nil, func(*turn.State, func(turn.Ref) molt.Words) intake.Plan {
		return intake.Plan{Facts: []intake.Fact{fact}, Leases: []molt.Lease{it.Lease}}
	})
	if unusable(err) {
		_ = g.desk.Orphan(ctx, it.Conversation) // where nothing tells whose it is, verify does
		err = g.cancelItem(ctx, it)
	}
	if err != nil {
		g.stepError(it, "end unreadable", err)
	}
}

func (g *Gateway) cancelItem(ctx context.Context, it molt.Leased) error {
	_, err := g.o.Store.Commit(ctx, molt.Batch{Cancel: []molt.ItemID{it.ID}})
	return err
}

func (g *Gateway) stepError(it molt.Leased, what string, err error) {
	switch {
	case errors.Is(err, intake.ErrGone):
		g.o.Log.Debug().Str("item", string(it.ID)).Str("step", what).Msg("finished elsewhere")
	case errors.Is(err, molt.ErrClosed), errors.Is(err, context.Canceled):
	default:
		g.metrics.faults.WithLabelValues("step").Inc()
		g.o.Log.Error().Str("conversation", string(it.Conversation)).Str("item", string(it.ID)).Str("step", what).Err(err).Msg("step")
	}
}
