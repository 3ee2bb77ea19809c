package intake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/seal"
)

// load brings the conversation's state into the mailbox, verified: the chain
// from the snapshot on, the seal of everything that is read.
func (d *Desk) load(ctx context.Context, m *mailbox) error {
	if m.loaded || m.moved != "" {
		return nil
	}
	to, ok, err := d.Mark(ctx, molt.MarkID(MarkSuccessor+string(m.id)))
	if err != nil {
		return err
	}
	if ok && len(to) == 0 {
		return fmt.Errorf("%w: the mark of who follows it is damaged", ErrFrozen)
	}
	if ok {
		m.moved = molt.ConversationID(to)
		return nil
	}
	if _, frozen, err := d.Mark(ctx, molt.MarkID(MarkFrozen+string(m.id))); err != nil {
		return err
	} else if frozen { // in a part of it that is not read here
		return fmt.Errorf("%w: the scrub found it damaged", ErrFrozen)
	}
	l, err := d.o.Store.Load(ctx, m.id, recentEvents)
	switch {
	case errors.Is(err, molt.ErrCorrupt): // the store found it damaged itself
		return fmt.Errorf("%w: %w", ErrFrozen, err)
	case err != nil:
		return fmt.Errorf("load: %w", err)
	}
	state, memory, box, err := d.fold(ctx, m.id, l)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFrozen, err)
	}
	m.state, m.memory, m.box, m.head, m.loaded = state, memory, box, l.Head, true
	return nil
}

// fold verifies and reads a loaded journal.
func (d *Desk) fold(ctx context.Context, id molt.ConversationID, l molt.Loaded) (turn.State, memory, *seal.Box, error) {
	var s turn.State
	box, err := seal.NewBox(d.o.Ring, id, l.Keys, d.o.Random)
	if err != nil {
		return s, nil, nil, err
	}
	if err := seal.VerifyChain(l.Snapshot.Hash, l.Snapshot.Seq+1, id, l.Tail); err != nil {
		return s, nil, nil, err
	}
	if l.Snapshot.Body != nil {
		plain, err := box.Open(seal.KindSnapshot, l.Snapshot.Key, l.Snapshot.Body)
		if err != nil {
			return s, nil, nil, fmt.Errorf("snapshot: %w", err)
		}
		if err := json.Unmarshal(plain, &s); err != nil {
			return s, nil, nil, fmt.Errorf("snapshot: %w", err)
		}
		if s.Seq != l.Snapshot.Seq {
			return s, nil, nil, fmt.Errorf("snapshot is of event %d and stored as of %d: %w", s.Seq, l.Snapshot.Seq, molt.ErrCorrupt)
		}
	}
	mem := memory{}
	recent, err := d.reach(ctx, id, &s, l)
	if err != nil {
		return s, nil, nil, err
	}
	for _, e := range recent {
		if _, err := d.read(box, mem, e); err != nil {
			return s, nil, nil, err
		}
	}
	for _, e := range l.Tail {
		ev, err := d.read(box, mem, e)
		if err != nil {
			return s, nil, nil, err
		}
		s = turn.Apply(s, ev)
	}
	return s, mem, box, nil
}

// reach returns the events up to the snapshot whose words the state refers to.
// What lies before those that were loaded is fetched one by one: a note of long
// ago is one event, and a night of looks may lie between.
func (d *Desk) reach(ctx context.Context, id molt.ConversationID, s *turn.State, l molt.Loaded) ([]molt.Event, error) {
	if len(l.Recent) == 0 {
		return nil, nil
	}
	var seqs []uint64 // at most turn.MaxTurns, turn.MaxDeeds and turn.MaxReviews
	for _, r := range s.Turns {
		seqs = append(seqs, r.Seq)
	}
	for _, d := range s.Deeds {
		seqs = append(seqs, d.Seq)
	}
	seqs = append(seqs, s.Summary)
	for _, r := range s.Reviews {
		seqs = append(seqs, r.Number)
	}
	slices.Sort(seqs)
	var old []molt.Event
	for _, seq := range slices.Compact(seqs) {
		if seq == 0 || seq >= l.Recent[0].Seq {
			continue
		}
		e, ok, err := d.event(ctx, id, seq)
		if err != nil {
			return nil, err
		}
		if ok {
			old = append(old, e)
		}
	}
	return append(old, l.Recent...), nil
}

// event reads one event of a journal, if it is there.
func (d *Desk) event(ctx context.Context, id molt.ConversationID, seq uint64) (e molt.Event, ok bool, err error) {
	p, err := d.o.Store.Scan(ctx, molt.Query{Table: molt.TableEvents, Conversation: id, After: strconv.FormatUint(max(seq, 1)-1, 10), Limit: 1})
	if err != nil {
		return e, false, fmt.Errorf("event %d: %w", seq, err)
	}
	if len(p.Events) == 0 || p.Events[0].Seq != seq {
		return e, false, nil
	}
	return p.Events[0], true, nil
}

// read opens one event and keeps its words. A shed body reads as nothing.
func (d *Desk) read(box *seal.Box, mem memory, e molt.Event) (turn.Event, error) {
	if e.Body == nil {
		return turn.Decode(e.Seq, e.At, e.Kind, nil)
	}
	if seal.Sum(e.Body) != e.Sum {
		return turn.Event{}, fmt.Errorf("event %d: %w", e.Seq, molt.ErrCorrupt)
	}
	plain, err := box.Open(e.Kind, e.Key, e.Body)
	if err != nil {
		return turn.Event{}, fmt.Errorf("event %d: %w", e.Seq, err)
	}
	ev, err := turn.Decode(e.Seq, e.At, e.Kind, plain)
	if err == nil {
		mem.note(ev)
	}
	return ev, err
}

// OpenWork reads an item. Its keys are looked up where the mailbox does not
// have them, so that it works beside a frozen journal too.
func (d *Desk) OpenWork(ctx context.Context, it molt.Item) (Work, error) {
	var w Work
	box, err := d.boxOf(ctx, it.Conversation)
	if err != nil {
		return w, err
	}
	plain, err := box.Open(seal.KindItem(it.Lane), it.Key, it.Body)
	if err != nil {
		return w, fmt.Errorf("item %s: %w", it.ID, err)
	}
	if err := json.Unmarshal(plain, &w); err != nil {
		return w, fmt.Errorf("item %s: %w", it.ID, err)
	}
	return w, nil
}

// Inbound reads one text from the journal with when it was taken in. It fails
// with ErrUnknownConversation where that event is no text, or is shed.
func (d *Desk) Inbound(ctx context.Context, id molt.ConversationID, seq uint64) (*channels.Inbound, molt.Time, error) {
	box, err := d.boxOf(ctx, id)
	if err != nil {
		return nil, 0, err
	}
	stored, ok, err := d.event(ctx, id, seq)
	if err != nil {
		return nil, 0, err
	}
	if !ok {
		return nil, 0, fmt.Errorf("event %d: %w", seq, ErrUnknownConversation)
	}
	e, err := d.read(box, memory{}, stored)
	if err != nil {
		return nil, 0, err
	}
	in, ok := e.Body.(*channels.Inbound)
	if !ok {
		return nil, 0, fmt.Errorf("event %d: %w", seq, ErrUnknownConversation)
	}
	return in, e.At, nil
}

// boxOf makes a box of a conversation's keys, for reading beside its mailbox.
func (d *Desk) boxOf(ctx context.Context, id molt.ConversationID) (*seal.Box, error) {
	ring := d.o.Ring.Now() // before the keys are read
	p, err := d.o.Store.Scan(ctx, molt.Query{Table: molt.TableKeys, Conversation: id, Limit: molt.MaxPage})
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	return seal.NewBox(ring, id, p.Keys, d.o.Random)
}
