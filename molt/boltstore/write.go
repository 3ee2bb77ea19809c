package boltstore

import (
	"bytes"
	"fmt"
	"runtime"

	bolt "go.etcd.io/bbolt"

	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/seal"
)

const (
	bucketMeta   = "meta"
	bucketHeads  = "heads"
	bucketEvents = "events"
	bucketSnaps  = "snaps"
	bucketKeys   = "keys"
	bucketItems  = "items"
	bucketIDs    = "ids"
	bucketDue    = "due"
	bucketMarks  = "marks"
)

func bucketNames() []string {
	return []string{bucketMeta, bucketHeads, bucketEvents, bucketSnaps, bucketKeys, bucketItems, bucketIDs, bucketDue, bucketMarks}
}

// tables are the buckets within one transaction.
type tables struct {
	heads, events, snaps, keys, items, ids, due, marks *bolt.Bucket
}

func tablesOf(tx *bolt.Tx) *tables {
	b := func(name string) *bolt.Bucket { return tx.Bucket([]byte(name)) }
	return &tables{
		heads: b(bucketHeads), events: b(bucketEvents), snaps: b(bucketSnaps), keys: b(bucketKeys),
		items: b(bucketItems), ids: b(bucketIDs), due: b(bucketDue), marks: b(bucketMarks),
	}
}

// head returns where a journal stands; the zero Head when it is empty.
func (t *tables) head(id molt.ConversationID) (molt.Head, error) {
	b := t.heads.Get([]byte(id))
	if b == nil {
		return molt.Head{}, nil
	}
	return decodeHead(b)
}

// item returns the item at a key of the items bucket; with an error, where it lies.
func (t *tables) item(key []byte) (molt.Item, error) {
	b := t.items.Get(key)
	if b == nil {
		return placeOf(key), fmt.Errorf("item: %w: an index points at nothing", molt.ErrCorrupt)
	}
	return decodeItem(key, b)
}

// writer checks and writes the batches of one group into one transaction.
type writer struct {
	*tables
	leases map[molt.ItemID]lease // as they stood before the group; not changed here
	ended  map[molt.ItemID]bool  // leases this group ends
	fault  func(step string, b *molt.Batch)
}

// faultError says that writing a batch went wrong midway, so that the
// transaction holds a part of it and must not be committed.
type faultError struct{ cause error }

func (e *faultError) Error() string { return "while writing: " + e.cause.Error() }

// refusal is what the batch's caller is told once the transaction is gone: as
// after any refusal, nothing was written.
func (e *faultError) refusal() error {
	refused := &molt.Refused{Kind: molt.RefusedForm, Why: e.Error()}
	return fmt.Errorf("%w (%w)", refused, e.cause)
}

// batch checks all that must hold and then writes all of it. The error is a
// refusal, or a *faultError when the transaction is spoiled.
func (w *writer) batch(b *molt.Batch) (c molt.Committed, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &faultError{cause: panicError(p)}
		}
	}()
	head, err := w.head(b.Conversation)
	if err != nil {
		return molt.Committed{}, (&faultError{cause: err}).refusal()
	}
	if refused := w.refuse(b, head); refused != nil {
		return molt.Committed{}, refused
	}
	if err := w.write(b, &head); err != nil {
		return molt.Committed{}, &faultError{cause: err}
	}
	if b.Conversation == "" {
		return molt.Committed{}, nil
	}
	return molt.Committed{Head: head}, nil
}

// panicError names a panic without its words, which may be a patient's.
func panicError(p any) error {
	if err, ok := p.(runtime.Error); ok {
		return fmt.Errorf("panic: %w", err)
	}
	return fmt.Errorf("panic: %T", p)
}

// refuse checks every expectation against the transaction as it stands.
func (w *writer) refuse(b *molt.Batch, head molt.Head) error {
	if b.Conversation != "" && !b.Expect.AnySeq && head.Seq != b.Expect.Seq {
		return &molt.Refused{Kind: molt.RefusedSeq, Why: fmt.Sprintf("the journal is at %d, expected %d", head.Seq, b.Expect.Seq)}
	}
	if b.Expect.Epoch != nil && head.Epoch != *b.Expect.Epoch {
		return &molt.Refused{Kind: molt.RefusedEpoch, Why: fmt.Sprintf("the epoch is %d, expected %d", head.Epoch, *b.Expect.Epoch)}
	}
	var seen []molt.MarkID
	for _, id := range b.Expect.Unseen {
		if id != "" && w.marks.Get([]byte(id)) != nil {
			seen = append(seen, id)
		}
	}
	if len(seen) > 0 {
		return &molt.Refused{Kind: molt.RefusedSeen, Marks: seen, Why: fmt.Sprintf("%d marks are there already", len(seen))}
	}
	for _, l := range b.Expect.Leases {
		if !w.held(l, b.Expect.Now) {
			return &molt.Refused{Kind: molt.RefusedLease, Item: l.Item, Why: "the lease is not held"}
		}
	}
	if b.Epoch != 0 && b.Epoch < head.Epoch {
		return &molt.Refused{Kind: molt.RefusedEpoch, Why: fmt.Sprintf("the epoch is %d and cannot become %d", head.Epoch, b.Epoch)}
	}
	return w.refuseWrites(b, head)
}

func (w *writer) refuseWrites(b *molt.Batch, head molt.Head) error {
	if len(b.Events) > 0 && !b.Expect.AnySeq && b.Events[0].At < head.At {
		return &molt.Refused{Kind: molt.RefusedForm, Why: "the first event is earlier than the journal's last"}
	}
	for _, seq := range b.Shed {
		if seq < 1 || seq > head.Seq+uint64(len(b.Events)) {
			return &molt.Refused{Kind: molt.RefusedForm, Why: fmt.Sprintf("no event %d to shed", seq)}
		}
	}
	for _, id := range b.Done {
		if !w.there(id) {
			return &molt.Refused{Kind: molt.RefusedLease, Item: id, Why: "the item is gone"}
		}
	}
	for _, r := range b.Retry {
		if !w.there(r.Item) {
			return &molt.Refused{Kind: molt.RefusedLease, Item: r.Item, Why: "the item is gone"}
		}
	}
	return nil
}

// there says whether an item waits or is leased. bbolt finds nothing under an
// empty key.
func (w *writer) there(id molt.ItemID) bool { return w.ids.Get([]byte(id)) != nil }

// held says whether a lease was granted, has not ended, and its item is there.
func (w *writer) held(l molt.Lease, now molt.Time) bool {
	granted, ok := w.leases[l.Item]
	return ok && granted.Token == l.Token && granted.Until > now && !w.ended[l.Item] && w.there(l.Item)
}

// write writes the batch in the order molt.Batch gives. It moves head along.
func (w *writer) write(b *molt.Batch, head *molt.Head) error {
	steps := []struct {
		name string
		do   func() error
	}{
		{"events", func() error { return w.writeEvents(b, head) }},
		{"snapshot", func() error { return w.writeSnapshot(b, head) }},
		{"keys", func() error { return w.writeKeys(b) }},
		{"shed", func() error { return w.shed(b) }},
		{"items", func() error { return w.writeItems(b) }},
		{"marks", func() error { return w.writeMarks(b) }},
	}
	for _, step := range steps {
		if w.fault != nil {
			w.fault(step.name, b)
		}
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}

func (w *writer) writeEvents(b *molt.Batch, head *molt.Head) error {
	if len(b.Events) == 0 && b.Epoch == 0 {
		return nil
	}
	for _, e := range b.Events {
		e.Seq = head.Seq + 1
		e.At = max(e.At, head.At) // with AnySeq the writer cannot know the journal's time
		e.Hash = seal.Link(head.Hash, b.Conversation, e)
		if err := w.events.Put(eventKey(b.Conversation, e.Seq), encodeEvent(e)); err != nil {
			return err
		}
		head.Seq, head.At, head.Hash = e.Seq, e.At, e.Hash
	}
	if b.Epoch != 0 {
		head.Epoch = b.Epoch
	}
	return w.heads.Put([]byte(b.Conversation), encodeHead(*head))
}

func (w *writer) writeSnapshot(b *molt.Batch, head *molt.Head) error {
	if b.Snapshot == nil {
		return nil
	}
	s := molt.Snapshot{Seq: head.Seq, Hash: head.Hash, Key: b.SnapshotKey, Body: b.Snapshot}
	return w.snaps.Put([]byte(b.Conversation), encodeSnapshot(s))
}

func (w *writer) writeKeys(b *molt.Batch) error {
	for _, k := range b.Keys {
		if err := w.keys.Put(keyKey(b.Conversation, k.ID), encodeKey(k)); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) shed(b *molt.Batch) error {
	for _, seq := range b.Shed {
		key := eventKey(b.Conversation, seq)
		e, err := decodeEvent(seq, w.events.Get(key))
		if err != nil {
			return err
		}
		e.Body = nil
		if err := w.events.Put(key, encodeEvent(e)); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) writeItems(b *molt.Batch) error {
	for _, id := range b.Done {
		if err := w.remove(id); err != nil {
			return err
		}
	}
	for _, id := range b.Cancel {
		if err := w.remove(id); err != nil {
			return err
		}
	}
	for _, r := range b.Retry {
		if err := w.retry(r); err != nil {
			return err
		}
	}
	for _, it := range b.Put {
		if err := w.put(it); err != nil {
			return err
		}
	}
	return nil
}

// remove takes an item away, if it is there, and lets its follower be the head
// of the lane.
func (w *writer) remove(id molt.ItemID) error {
	key := bytes.Clone(w.ids.Get([]byte(id)))
	if key == nil {
		return nil
	}
	it, _ := w.item(key) // a torn one ends too: where it lies is known
	w.ended[id] = true
	wasDue, err := w.undue(it, key)
	if err != nil {
		return err
	}
	if err := w.ids.Delete([]byte(id)); err != nil {
		return err
	}
	if err := w.items.Delete(key); err != nil {
		return err
	}
	if !wasDue {
		return nil
	}
	nextKey, value := w.first(it.Conversation, it.Lane)
	if nextKey == nil {
		return nil
	}
	next, err := decodeItem(nextKey, value)
	if err != nil {
		return nil // torn: its lane waits for whoever verifies the store, and nobody else does
	}
	return w.due.Put(dueKey(next), bytes.Clone(nextKey))
}

// undue takes the head of a lane out of the index of what is due, and reports whether it
// is one. When a torn one was due is not known, if at all: it is looked for.
func (w *writer) undue(it molt.Item, key []byte) (head bool, err error) {
	head = w.isHead(it, key)
	if !it.Torn {
		if head {
			err = w.due.Delete(dueKey(it))
		}
		return head, err
	}
	prefix, c := duePrefix(it.Lane.Class()), w.due.Cursor()
	for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
		if bytes.Equal(v, key) {
			return true, c.Delete()
		}
	}
	return head, nil
}

// retry ends the lease and makes the item due again, in its old place. A torn one stays
// as it is, so that it is found to be that.
func (w *writer) retry(r molt.Retry) error {
	key := bytes.Clone(w.ids.Get([]byte(r.Item)))
	if key == nil {
		return nil // this very batch cancelled it
	}
	it, _ := w.item(key)
	w.ended[r.Item] = true
	head, err := w.undue(it, key)
	if err != nil {
		return err
	}
	it.Due = r.Due
	if !it.Torn {
		if err := w.items.Put(key, encodeItem(it)); err != nil {
			return err
		}
	}
	if !head {
		return nil
	}
	return w.due.Put(dueKey(it), key)
}

// put adds an item at the end of its lane, unless its id is there already.
func (w *writer) put(it molt.Item) error {
	if w.there(it.ID) {
		return nil
	}
	key, err := w.next(&it)
	if err != nil {
		return err
	}
	if err := w.items.Put(key, encodeItem(it)); err != nil {
		return err
	}
	if err := w.ids.Put([]byte(it.ID), key); err != nil {
		return err
	}
	if !w.isHead(it, key) {
		return nil
	}
	return w.due.Put(dueKey(it), key)
}

// next gives an item its place, in which none lies.
func (w *writer) next(it *molt.Item) (key []byte, err error) {
	for {
		if it.Order, err = w.items.NextSequence(); err != nil {
			return nil, err
		}
		if key = itemKey(*it); w.items.Get(key) == nil {
			return key, nil
		}
	}
}

func (w *writer) isHead(it molt.Item, key []byte) bool {
	first, _ := w.first(it.Conversation, it.Lane)
	return bytes.Equal(first, key)
}

// first returns the head of a lane, valid until the next write.
func (w *writer) first(c molt.ConversationID, lane molt.Lane) (key, value []byte) {
	prefix := lanePrefix(c, lane)
	key, value = w.items.Cursor().Seek(prefix)
	if !bytes.HasPrefix(key, prefix) {
		return nil, nil
	}
	return key, value
}

func (w *writer) writeMarks(b *molt.Batch) error {
	for _, m := range b.Marks {
		var err error
		if m.Drop {
			err = w.marks.Delete([]byte(m.ID))
		} else {
			err = w.marks.Put([]byte(m.ID), encodeMark(m))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
