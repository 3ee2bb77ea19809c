package custody

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/gateway/audit"
	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/gateway/notary"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/seal"
)

// dropBeside takes what colleagues wrote about a conversation out of their own
// journals: their words to the patient lie there too. It returns how many texts
// are deleted at their carrier for it, and whether one of those journals is damaged:
// what does not read in it stays, and keeps nothing else from being erased.
func (c *Custody) dropBeside(ctx context.Context, about molt.ConversationID) (texts int, damaged bool, err error) {
	var streams []molt.ConversationID
	err = c.each(ctx, func(h molt.ConversationHead) error {
		if !strings.HasPrefix(string(h.ID), streamPrefix) {
			return nil
		}
		all, err := c.o.Desk.Journals(ctx, h.ID)
		streams = append(streams, all...)
		return err
	})
	if err != nil {
		return 0, false, err
	}
	for _, id := range streams {
		n, err := c.dropIn(ctx, id, about)
		switch {
		case errors.Is(err, molt.ErrCorrupt):
			c.o.Log.Error().Str("conversation", string(id)).Err(err).Msg("what was written beside an erased conversation does not read")
			damaged = true
		case err != nil:
			return texts, damaged, err
		}
		texts += n
	}
	return texts, damaged, nil
}

func (c *Custody) dropIn(ctx context.Context, stream, about molt.ConversationID) (texts int, err error) {
	for try := 0; ; {
		left, err := c.audit.Beside(ctx, stream, about)
		if err == nil && len(left.Whole) == 0 && left.Fault != nil {
			err = left.Fault
		}
		if err != nil || len(left.Whole) == 0 {
			return texts, err
		}
		left.Whole = left.Whole[:min(len(left.Whole), molt.MaxBatchEvents)]
		put, err := c.elsewhere(about, stream, audit.Traces{Texts: left.Texts}, c.now())
		if err != nil {
			return texts, err
		}
		s := sheds{id: stream, left: left, why: turn.AnchorBeside, put: put, change: func(s *turn.State) turn.State { return *s }}
		err = c.shed(ctx, s)
		switch {
		case err == nil:
			for _, w := range put {
				texts += w.texts
			}
		case !molt.IsRefused(err, molt.RefusedSeq):
			return texts, err
		default:
			if try++; try >= eraseTries {
				return texts, &UnfinishedError{about, "a colleague's journal does not hold still"}
			}
		}
	}
}

// streamPrefix is how the ids of staff members' journals begin. Those of the
// journals that follow a damaged one do not.
const streamPrefix = "s_"

// alone has f done in the turn of a conversation's mailbox.
func (c *Custody) alone(ctx context.Context, id molt.ConversationID, f func(context.Context) error) error {
	ticket, err := c.o.Desk.Alone(ctx, id, f)
	if err != nil {
		return err
	}
	_, err = ticket.Wait(ctx)
	return err
}

// dropKeys is the commit that erases: the wrapped keys go, what is left of the
// bodies, what was still due, its rows in the lists. A state with nobody in it
// stays, under a key of its own.
func (c *Custody) dropKeys(ctx context.Context, left audit.Traces, put []wanted, t *notary.Tombstone) error {
	id := t.Conversation
	if err := c.held(ctx, id); err != nil { // laid since it was looked at
		return err
	}
	b := molt.Batch{Conversation: id, Expect: molt.Expect{Seq: left.Head.Seq, Unseen: unlessHeld(id)}}
	for _, w := range put {
		b.Put = append(b.Put, w.Item)
	}
	if err := c.dropAround(ctx, &b, t); err != nil {
		return err
	}
	s, err := c.audit.State(ctx, id)
	if left.Fault != nil || errors.Is(err, molt.ErrCorrupt) { // whatever its head is
		if err := c.listed(ctx, id); err != nil {
			return err
		}
		b.Expect = molt.Expect{AnySeq: true, Unseen: b.Expect.Unseen}
		_, err := c.o.Store.Commit(ctx, b)
		return heldMeanwhile(id, err)
	}
	if err != nil {
		return err
	}
	if why := s.Unfinished(); why != "" {
		return &UnfinishedError{id, why}
	}
	if s.Code != "" {
		rests, err := intake.RestingCode(s.Code, c.now())
		if err != nil {
			return err
		}
		b.Marks = append(b.Marks, rests)
	}
	if _, err := c.o.Desk.ForgetCodes(ctx, id); err != nil {
		return err
	}
	// Their bodies open no more; clear takes those beyond a batch.
	b.Shed = left.Whole[:min(len(left.Whole), molt.MaxBatchEvents)]
	return heldMeanwhile(id, c.anchored(ctx, b, left.Head, turn.Anchor{Why: turn.AnchorErased, Upto: left.Head.Seq, State: s.Erased()}))
}

// dropAround has a batch drop a conversation's keys, what is due of it and its rows,
// and put its tombstone.
func (c *Custody) dropAround(ctx context.Context, b *molt.Batch, t *notary.Tombstone) error {
	keys, err := c.keys(ctx, t.Conversation)
	if err != nil {
		return err
	}
	b.Keys = dropped(keys)
	if b.Cancel, err = c.due(ctx, t.Conversation, func(molt.Item) bool { return true }); err != nil {
		return err
	}
	if b.Marks, err = c.rows(ctx, t.Conversation); err != nil {
		return err
	}
	tomb, err := t.Mark(c.o.Ring)
	b.Marks = append(b.Marks, tomb)
	return err
}

// due are items of a conversation, as many as one commit cancels, but none that
// deletes it elsewhere.
func (c *Custody) due(ctx context.Context, id molt.ConversationID, want func(molt.Item) bool) (out []molt.ItemID, err error) {
	err = c.items(ctx, id, func(it molt.Item) {
		if it.Lane.Class() != molt.LaneErase && len(out) < molt.MaxBatchItems && want(it) {
			out = append(out, it.ID)
		}
	})
	return out, err
}

// items visits what is due of a conversation.
func (c *Custody) items(ctx context.Context, id molt.ConversationID, visit func(molt.Item)) error {
	q := molt.Query{Table: molt.TableItems, Conversation: id, Limit: molt.MaxPage}
	for {
		p, err := c.o.Store.Scan(ctx, q)
		if err != nil {
			return err
		}
		for _, it := range p.Items {
			if it.ID != "" { // a torn one may have none to end it by; what is in it is sealed
				visit(it)
			}
		}
		if q.After = p.Next; q.After == "" {
			return nil
		}
	}
}

// clear takes away, a slice at a time, what the commit that dropped the keys had no
// room for: bodies, and what is due under those keys. What a new text has brought
// since is under another.
func (c *Custody) clear(ctx context.Context, t notary.Tombstone) error {
	keys, err := c.keys(ctx, t.Conversation)
	if err != nil {
		return err
	}
	gone := map[molt.KeyID]bool{}
	for _, k := range keys {
		gone[k.ID] = len(k.Wrapped) == 0
	}
	for after := ""; ; {
		b := molt.Batch{Conversation: t.Conversation, Expect: molt.Expect{AnySeq: true}}
		if b.Shed, after, err = c.whole(ctx, t, after); err != nil {
			return err
		}
		if b.Cancel, err = c.due(ctx, t.Conversation, func(it molt.Item) bool { return gone[it.Key] }); err != nil {
			return err
		}
		if len(b.Shed)+len(b.Cancel) > 0 {
			if _, err := c.o.Store.Commit(ctx, b); err != nil {
				return err
			}
		} else if after == "" {
			return nil
		}
	}
}

// whole are the events of a page that have a body and were there when their
// conversation was erased, and the page that follows; "": the last has none. What
// does not read stays: no key opens it.
func (c *Custody) whole(ctx context.Context, t notary.Tombstone, after string) (shed []uint64, next string, err error) {
	p, err := c.o.Store.Scan(ctx, molt.Query{Table: molt.TableEvents, Conversation: t.Conversation, After: after, Limit: molt.MaxBatchEvents})
	if errors.Is(err, molt.ErrCorrupt) {
		return nil, "", nil
	}
	for _, e := range p.Events {
		if e.Body != nil && e.Seq <= t.Events {
			shed = append(shed, e.Seq)
		}
	}
	return shed, p.Next, err
}

// rows are the rows of its cases on the work list, and of what waits for a nurse, to
// be dropped.
func (c *Custody) rows(ctx context.Context, id molt.ConversationID) ([]molt.Mark, error) {
	p, err := c.o.Store.Scan(ctx, molt.Query{Table: molt.TableMarks, Prefix: intake.MarkWork + string(id) + "#", Limit: molt.MaxPage / 2})
	if err != nil {
		return nil, err
	}
	out, err := c.o.Desk.ReviewMarks(ctx, id)
	for _, m := range p.Marks {
		out = append(out, molt.Mark{ID: m.ID, Drop: true})
	}
	return out, err
}

// anchored commits a batch with an anchor as its event, and the state in it as the
// snapshot, both under a key that the batch does not drop.
func (c *Custody) anchored(ctx context.Context, b molt.Batch, head molt.Head, a turn.Anchor) error {
	now := max(c.now(), head.At)
	var kept []molt.WrappedKey
	if all, err := c.keys(ctx, b.Conversation); err != nil {
		return err
	} else if len(b.Keys) < len(all) {
		kept = slices.DeleteFunc(all, func(k molt.WrappedKey) bool {
			return slices.ContainsFunc(b.Keys, func(d molt.WrappedKey) bool { return d.ID == k.ID })
		})
	}
	box, err := seal.NewBox(c.o.Ring, b.Conversation, kept, c.o.Random)
	if err != nil {
		return err
	}
	a.State.Seq, a.State.At = head.Seq, head.At
	next := turn.Apply(turn.State{}, turn.Event{Seq: head.Seq + 1, At: now, Kind: turn.KindAnchor, Body: &a})
	plain, err := json.Marshal(a)
	if err != nil {
		return err
	}
	e := molt.Event{At: now, Kind: turn.KindAnchor}
	if e.Key, e.Body, err = box.Seal(now, e.Kind, plain); err != nil {
		return err
	}
	if plain, err = json.Marshal(next); err != nil {
		return err
	}
	if b.SnapshotKey, b.Snapshot, err = box.Seal(now, seal.KindSnapshot, plain); err != nil {
		return err
	}
	b.Events = []molt.Event{e}
	return box.Commit(func(fresh []molt.WrappedKey) error {
		b.Keys = append(b.Keys, fresh...)
		_, err := c.o.Store.Commit(ctx, b)
		return err
	})
}

// sheds are bodies that go from a journal that stays: at most one batch of them.
type sheds struct {
	id     molt.ConversationID
	left   audit.Traces
	why    string
	put    []wanted
	drop   []molt.WrappedKey // that nothing needs afterwards
	change func(*turn.State) turn.State
}

// shed takes bodies away and leaves an anchor from which the journal goes on. No
// event may have come since they were read.
func (c *Custody) shed(ctx context.Context, x sheds) error {
	return c.alone(ctx, x.id, func(ctx context.Context) error {
		s, err := c.audit.State(ctx, x.id)
		if err != nil {
			return err
		}
		b := molt.Batch{Conversation: x.id, Expect: molt.Expect{Seq: x.left.Head.Seq}, Shed: x.left.Whole, Keys: dropped(x.drop)}
		if x.why == turn.AnchorRetention { // something may have come since it was looked at
			if why := s.Unfinished(); why != "" {
				return &UnfinishedError{x.id, why}
			}
			if err := c.held(ctx, x.id); err != nil {
				return err
			}
			b.Expect.Unseen = unlessHeld(x.id)
		}
		for _, w := range x.put {
			b.Put = append(b.Put, w.Item)
		}
		return heldMeanwhile(x.id, c.anchored(ctx, b, x.left.Head, turn.Anchor{Why: x.why, Upto: x.left.Whole[len(x.left.Whole)-1], State: x.change(&s)}))
	})
}
