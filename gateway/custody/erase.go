package custody

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tidegate/tidegate/gateway/audit"
	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/gateway/notary"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/seal"
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

// finished reports whether anything still needs a conversation. One that does not
// read needs nothing.
func (c *Custody) finished(ctx context.Context, id molt.ConversationID) error {
	s, err := c.audit.State(ctx, id)
	if errors.Is(err, molt.ErrCorrupt) {
		return nil
	}
	if err != nil {
		return err
	}
	if why := s.Unfinished(); why != "" {
		return &UnfinishedError{id, why}
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
	asks, err := notary.Asks(ctx, c.o.Store, c.o.Ring)
	if err != nil && !errors.Is(err, notary.ErrForged) {
		return err
	}
	forged := err
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
	return errors.Join(forged, c.takeEffect(ctx, turned))
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
		err = c.o.step("keys dropped")
	}
	if err != nil {
		return t, err
	}
	beside, err := c.dropBeside(ctx, a.Conversation)
	if err != nil {
		return t, err
	}
	t.Texts += beside
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
		left, err := c.audit.Traces(ctx, a.Conversation, 0, 0)
		if err != nil {
			return t, err
		}
		t = notary.Tombstone{
			Asked: a, Dropped: c.now(), Tenant: c.o.Ring.ID(), Events: left.Head.Seq, Damaged: left.Fault != nil, Files: len(left.Files),
		}
		put, err := c.elsewhere(a.Conversation, left, t.Dropped)
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
// carriers, and its files here.
func (c *Custody) elsewhere(id molt.ConversationID, left audit.Traces, now molt.Time) (out []wanted, err error) {
	texts := slices.DeleteFunc(slices.Clone(left.Texts), func(t audit.Text) bool { return !c.o.Erases(t.Channel) })
	add := func(w Wanted) {
		body, jsonErr := json.Marshal(w)
		n := fmt.Sprintf("%s/%d/%d", id, now, len(out))
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

// dropBeside takes what colleagues wrote about a conversation out of their own
// journals: their words to the patient lie there too. It returns how many texts
// are deleted at their carrier for it.
func (c *Custody) dropBeside(ctx context.Context, about molt.ConversationID) (texts int, err error) {
	var streams []molt.ConversationID
	err = c.each(ctx, func(h molt.ConversationHead) error {
		if strings.HasPrefix(string(h.ID), streamPrefix) {
			streams = append(streams, h.ID)
		}
		return nil
	})
	for _, id := range streams {
		if err == nil {
			var n int
			n, err = c.dropIn(ctx, id, about)
			texts += n
		}
	}
	return texts, err
}

func (c *Custody) dropIn(ctx context.Context, stream, about molt.ConversationID) (texts int, err error) {
	for try := 0; ; {
		left, err := c.audit.Beside(ctx, stream, about)
		if err != nil || len(left.Whole) == 0 {
			return texts, err
		}
		left.Whole = left.Whole[:min(len(left.Whole), molt.MaxBatchEvents)]
		put, err := c.elsewhere(about, audit.Traces{Texts: left.Texts}, c.now())
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

// streamPrefix is how the ids of staff members' journals begin.
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
	b := molt.Batch{Conversation: id, Expect: molt.Expect{Seq: left.Head.Seq}}
	for _, w := range put {
		b.Put = append(b.Put, w.Item)
	}
	if left.Fault != nil { // whatever its head is
		b.Expect = molt.Expect{AnySeq: true}
	}
	keys, err := c.keys(ctx, id)
	if err != nil {
		return err
	}
	for _, k := range keys {
		k.Wrapped = nil
		b.Keys = append(b.Keys, k)
	}
	if b.Cancel, err = c.due(ctx, id); err != nil {
		return err
	}
	if b.Marks, err = c.rows(ctx, id); err != nil {
		return err
	}
	tomb, err := t.Mark(c.o.Ring)
	if err != nil {
		return err
	}
	b.Marks = append(b.Marks, tomb)
	if left.Fault != nil {
		_, err := c.o.Store.Commit(ctx, b)
		return err
	}
	s, err := c.audit.State(ctx, id)
	if err != nil {
		return err
	}
	if why := s.Unfinished(); why != "" {
		return &UnfinishedError{id, why}
	}
	if s.Code != "" {
		b.Marks = append(b.Marks, molt.Mark{ID: molt.MarkID(intake.MarkCode + s.Code), Drop: true})
	}
	// Their bodies open no more; those beyond a batch go with the next.
	b.Shed = left.Whole[:min(len(left.Whole), molt.MaxBatchEvents)]
	if err := c.anchored(ctx, b, left.Head, turn.Anchor{Why: turn.AnchorErased, Upto: left.Head.Seq, State: s.Erased()}); err != nil {
		return err
	}
	for part := range slices.Chunk(left.Whole[len(b.Shed):], molt.MaxBatchEvents) {
		if _, err := c.o.Store.Commit(ctx, molt.Batch{Conversation: id, Expect: molt.Expect{AnySeq: true}, Shed: part}); err != nil {
			return err
		}
	}
	return nil
}

// due are the items of a conversation, but those that delete it elsewhere.
func (c *Custody) due(ctx context.Context, id molt.ConversationID) (out []molt.ItemID, err error) {
	q := molt.Query{Table: molt.TableItems, Conversation: id, Limit: molt.MaxPage}
	for {
		p, err := c.o.Store.Scan(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, it := range p.Items {
			if it.Lane.Class() != molt.LaneErase && len(out) < molt.MaxBatchItems {
				out = append(out, it.ID)
			}
		}
		if q.After = p.Next; q.After == "" {
			return out, nil
		}
	}
}

// rows are the rows of its cases on the work list, to be dropped.
func (c *Custody) rows(ctx context.Context, id molt.ConversationID) (out []molt.Mark, err error) {
	p, err := c.o.Store.Scan(ctx, molt.Query{Table: molt.TableMarks, Prefix: intake.MarkWork + string(id) + "#", Limit: molt.MaxPage / 2})
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
		b := molt.Batch{Conversation: x.id, Expect: molt.Expect{Seq: x.left.Head.Seq}, Shed: x.left.Whole}
		for _, k := range x.drop {
			k.Wrapped = nil
			b.Keys = append(b.Keys, k)
		}
		for _, w := range x.put {
			b.Put = append(b.Put, w.Item)
		}
		return c.anchored(ctx, b, x.left.Head, turn.Anchor{Why: x.why, Upto: x.left.Whole[len(x.left.Whole)-1], State: x.change(&s)})
	})
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
	now := c.now()
	due := slices.ContainsFunc(asks, func(a notary.Asked) bool { return now.Sub(a.At) >= every })
	if !due && len(waiting) == 0 {
		return nil
	}
	quiet := func(Rotation) {}
	if !due { // a run was cut short after it had dropped something, or the key is supplied
		if !c.mu.TryLock() {
			return ErrBusy
		}
		defer c.mu.Unlock()
		return c.takeEffect(ctx, quiet)
	}
	return c.Run(ctx, func(e Erasing) {
		if e.Waits != "" {
			c.o.Log.Warn().Str("conversation", string(e.Conversation)).Str("reason", e.Waits).Msg("an erasure waits")
		}
	}, quiet)
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
