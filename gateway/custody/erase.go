package custody

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/audit"
	"github.com/tidegate/tidegate/gateway/notary"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// eraseTries is how often a conversation that moves while it is erased is begun
// with anew, until it waits for the next run.
const eraseTries = 5

// UnfinishedError says why a conversation cannot be erased now.
type UnfinishedError struct {
	Conversation molt.ConversationID
	Why          string
}

func (e *UnfinishedError) Error() string {
	return fmt.Sprintf("conversation %s is not erased: %s", e.Conversation, e.Why)
}

// Erasing is how far a run of erasures is.
type Erasing struct {
	Conversation molt.ConversationID `json:"conversation,omitempty"`
	Waits        string              `json:"waits,omitempty"` // why it is not erased in this run
	Tombstone    *notary.Tombstone   `json:"tombstone,omitempty"`
}

// Ask puts conversations among those that the next run erases, in one commit. The
// error is an *UnfinishedError where one of them cannot be erased now.
func (c *Custody) Ask(ctx context.Context, ids []molt.ConversationID, by molt.PersonID) error {
	var b molt.Batch
	for _, id := range ids {
		if err := c.finished(ctx, id); err != nil {
			return err
		}
		m, err := notary.Asked{Conversation: id, At: c.now(), By: by}.Mark(c.o.Ring)
		if err != nil {
			return err
		}
		b.Marks = append(b.Marks, m)
	}
	if _, err := c.o.Store.Commit(ctx, b); err != nil {
		return fmt.Errorf("ask for an erasure: %w", err)
	}
	return nil
}

// finished reports whether anything still needs a conversation. Of one that does
// not read the work list tells.
func (c *Custody) finished(ctx context.Context, id molt.ConversationID) error {
	if err := c.held(ctx, id); err != nil {
		return err
	}
	s, err := c.audit.State(ctx, id)
	if errors.Is(err, molt.ErrCorrupt) {
		return c.listed(ctx, id)
	}
	if err != nil {
		return err
	}
	if why := s.Unfinished(); why != "" {
		return &UnfinishedError{id, why}
	}
	return nil
}

// listed reports whether a conversation that does not read has a case on the work
// list that is not settled: its successor takes that over, and then it has none.
func (c *Custody) listed(ctx context.Context, id molt.ConversationID) error {
	rows, err := c.o.Desk.WorkList(ctx)
	if err != nil {
		return err
	}
	open := func(r turn.WorkRow) bool {
		return r.Conversation == id && r.State != escalation.StateResolved && r.State != escalation.StateClosed
	}
	if slices.ContainsFunc(rows, open) {
		return &UnfinishedError{id, "it is damaged, and has an open case"}
	}
	return nil
}

// Run erases all that was asked for, and changes the tenant key, so that no copy
// of a dropped key opens any more.
func (c *Custody) Run(ctx context.Context, tell func(Erasing), turned func(Rotation)) error {
	if !c.mu.TryLock() {
		return ErrBusy
	}
	defer c.mu.Unlock()
	asks, forged := notary.Asks(ctx, c.o.Store, c.o.Ring)
	if forged != nil && !errors.Is(forged, notary.ErrForged) {
		return forged
	}
	return errors.Join(forged, c.run(ctx, asks, tell, turned))
}

func (c *Custody) run(ctx context.Context, asks []notary.Asked, tell func(Erasing), turned func(Rotation)) error {
	for _, a := range asks {
		done, err := c.erase(ctx, a)
		var unfinished *UnfinishedError
		switch {
		case errors.As(err, &unfinished):
			tell(Erasing{Conversation: a.Conversation, Waits: unfinished.Why})
			continue
		case err != nil:
			return fmt.Errorf("erase conversation %s: %w", a.Conversation, err)
		}
		c.o.Log.Warn().Str("conversation", string(a.Conversation)).Str("actor", string(a.By)).Msg("erased")
		tell(Erasing{Conversation: a.Conversation, Tombstone: &done})
		if err := c.o.step("erased"); err != nil {
			return err
		}
	}
	return c.takeEffect(ctx, turned)
}

// takeEffect changes the tenant key where something was dropped under the one in
// force, and says on the tombstones when the key before it was destroyed.
func (c *Custody) takeEffect(ctx context.Context, turned func(Rotation)) error {
	waiting, err := c.waiting(ctx)
	if err != nil || len(waiting) == 0 {
		return err
	}
	under := slices.ContainsFunc(waiting, func(t notary.Tombstone) bool { return t.Tenant == c.o.Ring.ID() })
	switch {
	case len(c.o.Ring.Earlier()) > 0:
		err = c.finish(ctx, turned)
		if err == nil && under && c.o.KeyFile != "" { // dropped while the key changed, maybe under the new one
			err = c.rotate(ctx, turned)
		}
	case under && c.o.KeyFile == "":
		return nil // who supplies the key changes it
	case under:
		err = c.rotate(ctx, turned)
	}
	if err != nil {
		return err
	}
	return c.settle(ctx)
}

// waiting are the tombstones whose erasure has not taken full effect.
func (c *Custody) waiting(ctx context.Context) ([]notary.Tombstone, error) {
	all, err := notary.Tombstones(ctx, c.o.Store, c.o.Ring, "")
	if errors.Is(err, notary.ErrForged) {
		c.o.Log.Error().Err(err).Msg("tombstones")
		err = nil
	}
	return slices.DeleteFunc(all, func(t notary.Tombstone) bool { return t.Effective > 0 }), err
}

// settle signs on the tombstones that the tenant key of their time is no more.
func (c *Custody) settle(ctx context.Context) error {
	if len(c.o.Ring.Earlier()) > 0 {
		return nil
	}
	waiting, err := c.waiting(ctx)
	if err != nil {
		return err
	}
	var b molt.Batch
	for _, t := range waiting {
		if t.Tenant == c.o.Ring.ID() {
			continue
		}
		t.Effective = c.now()
		m, err := t.Mark(c.o.Ring)
		if err != nil {
			return err
		}
		if b.Marks = append(b.Marks, m); len(b.Marks) == molt.MaxBatchMarks {
			break // the next look takes the others
		}
	}
	if len(b.Marks) == 0 {
		return nil
	}
	_, err = c.o.Store.Commit(ctx, b)
	return err
}

// erase drops one conversation, what colleagues wrote about it, and the files that
// it left. A kill in between leaves the wish, from which the next run goes on.
func (c *Custody) erase(ctx context.Context, a notary.Asked) (t notary.Tombstone, err error) {
	t, dropped, err := c.droppedFor(ctx, a)
	if err == nil && !dropped {
		t, err = c.drop(ctx, a)
	}
	if err == nil {
		err = c.clear(ctx, t)
	}
	if err == nil {
		err = c.o.step("keys dropped")
	}
	if err != nil {
		return t, err
	}
	beside, damaged, err := c.dropBeside(ctx, a.Conversation)
	if err != nil {
		return t, err
	}
	t.Texts, t.Damaged = t.Texts+beside, t.Damaged || damaged
	tomb, err := t.Mark(c.o.Ring)
	if err != nil {
		return t, err
	}
	_, err = c.o.Store.Commit(ctx, molt.Batch{Marks: []molt.Mark{tomb, {ID: notary.AskedMark(a.Conversation), Drop: true}}})
	c.o.Kick(molt.LaneErase)
	return t, err
}

// droppedFor finds the tombstone of a wish that an earlier run began with.
func (c *Custody) droppedFor(ctx context.Context, a notary.Asked) (notary.Tombstone, bool, error) {
	all, err := notary.Tombstones(ctx, c.o.Store, c.o.Ring, a.Conversation)
	if err != nil && !errors.Is(err, notary.ErrForged) {
		return notary.Tombstone{}, false, err
	}
	i := slices.IndexFunc(all, func(t notary.Tombstone) bool { return t.Asked == a })
	if i < 0 {
		return notary.Tombstone{}, false, nil
	}
	return all[i], true, nil
}

func (c *Custody) drop(ctx context.Context, a notary.Asked) (t notary.Tombstone, err error) {
	for range eraseTries {
		if err := c.finished(ctx, a.Conversation); err != nil {
			return t, err
		}
		left, err := c.audit.Traces(ctx, a.Conversation, audit.Span{})
		if err != nil {
			return t, err
		}
		t = notary.Tombstone{
			Asked: a, Dropped: c.now(), Tenant: c.o.Ring.ID(), Events: left.Head.Seq, Damaged: left.Fault != nil, Files: len(left.Files),
		}
		put, err := c.elsewhere(a.Conversation, a.Conversation, left, t.Dropped)
		if err != nil {
			return t, err
		}
		for _, w := range put {
			t.Texts += w.texts
		}
		err = c.alone(ctx, a.Conversation, func(ctx context.Context) error { return c.dropKeys(ctx, left, put, &t) })
		if err == nil {
			return t, c.dropFiles(ctx, a.Conversation, left.Files)
		}
		if !molt.IsRefused(err, molt.RefusedSeq) {
			return t, err
		}
	}
	return t, &UnfinishedError{a.Conversation, "it does not hold still"}
}

// textsAtOnce is how many texts one item has deleted at their carrier.
const textsAtOnce = 50

// Wanted is what is to be deleted outside the record: texts at a carrier, and files.
// It lies unsealed: the keys of its conversation are gone, and the carrier's ids
// and the names of sealed files tell nobody anything.
type Wanted struct {
	Texts []audit.Text `json:"texts,omitempty"`
	Files []string     `json:"files,omitempty"`
	Since molt.Time    `json:"since"`
}

// ReadWanted reads the work of an item of the erasing lane.
func ReadWanted(it molt.Item) (w Wanted, err error) {
	if err := json.Unmarshal(it.Body, &w); err != nil {
		return w, fmt.Errorf("item %s: %w", it.ID, molt.ErrCorrupt)
	}
	return w, nil
}

// wanted is an item with how many texts it has deleted.
type wanted struct {
	molt.Item
	texts int
}

// elsewhere are the items that have a conversation's texts deleted at their
// carriers, and its files here. They are named by the journal in which the traces
// lie, and by the last of them: those of several may be found within one moment.
func (c *Custody) elsewhere(id, in molt.ConversationID, left audit.Traces, now molt.Time) (out []wanted, err error) {
	last := uint64(0)
	if n := len(left.Whole); n > 0 {
		last = left.Whole[n-1]
	}
	texts := slices.DeleteFunc(slices.Clone(left.Texts), func(t audit.Text) bool { return !c.o.Erases(t.Channel) })
	add := func(w Wanted) {
		body, jsonErr := json.Marshal(w)
		n := fmt.Sprintf("%s/%s/%d/%d/%d", id, in, now, last, len(out))
		out = append(out, wanted{texts: len(w.Texts), Item: molt.Item{
			ID: molt.ItemID("erase/" + n), Conversation: id, Lane: molt.LaneErase + ":" + molt.Lane(n), Due: now, Body: body,
		}})
		err = errors.Join(err, jsonErr)
	}
	for part := range slices.Chunk(texts, textsAtOnce) {
		add(Wanted{Texts: part, Since: now})
	}
	if len(left.Files) > 0 {
		add(Wanted{Files: left.Files, Since: now})
	}
	if len(out) > molt.MaxBatchItems {
		return nil, fmt.Errorf("conversation %s left %d texts, more than one commit has deleted", id, len(texts))
	}
	return out, err
}

// dropFiles removes files now, where it can be done. The item that says so does it
// again, which is no fault.
func (c *Custody) dropFiles(_ context.Context, id molt.ConversationID, names []string) error {
	if c.o.Files == nil {
		return nil
	}
	if err := c.o.Files.Remove(names); err != nil {
		c.o.Log.Error().Str("conversation", string(id)).Err(err).Msg("files of an erased conversation")
	}
	return nil
}

// GaveUp is the tombstone of a conversation, signed anew, with so many texts that a
// carrier did not delete.
func (c *Custody) GaveUp(ctx context.Context, id molt.ConversationID, texts int) ([]molt.Mark, error) {
	all, err := notary.Tombstones(ctx, c.o.Store, c.o.Ring, id)
	if len(all) == 0 {
		return nil, err
	}
	t := all[len(all)-1]
	t.Left += texts
	m, err := t.Mark(c.o.Ring)
	return []molt.Mark{m}, err
}

// Due carries out the erasures that have waited long enough, and what an earlier
// run left. It returns without doing anything where there is nothing to do.
func (c *Custody) Due(ctx context.Context, every time.Duration) error {
	asks, err := notary.Asks(ctx, c.o.Store, c.o.Ring)
	if err != nil && !errors.Is(err, notary.ErrForged) {
		return err
	}
	waiting, err := c.waiting(ctx)
	if err != nil {
		return err
	}
	var begun []notary.Asked // by a run that was cut short: they wait for no other
	for _, a := range asks {
		_, dropped, err := c.droppedFor(ctx, a)
		if err != nil {
			return err
		}
		if dropped {
			begun = append(begun, a)
		}
	}
	now := c.now()
	due := slices.ContainsFunc(asks, func(a notary.Asked) bool { return now.Sub(a.At) >= every })
	if !due && len(waiting)+len(begun) == 0 {
		return nil
	}
	quiet := func(Rotation) {}
	if due {
		return c.Run(ctx, c.tellWaits, quiet)
	}
	// A run was cut short after it had dropped something, or the key is supplied.
	if !c.mu.TryLock() {
		return ErrBusy
	}
	defer c.mu.Unlock()
	return c.run(ctx, begun, c.tellWaits, quiet)
}

func (c *Custody) tellWaits(e Erasing) {
	if e.Waits != "" {
		c.o.Log.Warn().Str("conversation", string(e.Conversation)).Str("reason", e.Waits).Msg("an erasure waits")
	}
}

// List is what was asked for, what was erased, and how much of it carriers have
// still to delete.
func (c *Custody) List(ctx context.Context) (asked []notary.Asked, tombs []notary.Tombstone, pending map[molt.ConversationID]int, err error) {
	if asked, err = notary.Asks(ctx, c.o.Store, c.o.Ring); err != nil {
		return nil, nil, nil, err
	}
	if tombs, err = notary.Tombstones(ctx, c.o.Store, c.o.Ring, ""); err != nil {
		return nil, nil, nil, err
	}
	pending = map[molt.ConversationID]int{}
	for _, t := range tombs {
		p, err := c.o.Store.Scan(ctx, molt.Query{Table: molt.TableItems, Conversation: t.Conversation, Limit: molt.MaxPage})
		if err != nil {
			return nil, nil, nil, err
		}
		pending[t.Conversation] = 0
		for _, it := range p.Items {
			if it.Lane.Class() == molt.LaneErase {
				pending[t.Conversation]++
			}
		}
	}
	return asked, tombs, pending, nil
}
