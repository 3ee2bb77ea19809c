// Package memstore is the reference store: the contract of molt.Store in plain
// maps under one lock, to be read as its executable specification and used by
// tests and simulations.
//
// It owns nothing durable and must never grow faster ways of doing things: when
// another store differs from it in molt/storetest, this one is the meaning.
//
// Where the contract leaves a choice, this is the choice: expectations are
// checked in the order Seq, Epoch, Unseen, Leases; the head of a lane is the
// item with the smallest Order, whatever is due; with any sequence an event
// that would be earlier than the journal's last one is given its time.
package memstore

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/seal"
)

// Store is a molt.Store in memory.
type Store struct {
	mu       sync.Mutex
	closed   bool
	journals map[molt.ConversationID]*journal
	items    map[molt.ItemID]*item
	marks    map[molt.MarkID][]byte
	order    uint64 // of the last item put
	token    uint64 // of the last lease granted
}

type journal struct {
	head     molt.Head
	events   []molt.Event // events[i].Seq is i+1
	snapshot molt.Snapshot
	keys     map[molt.KeyID]molt.WrappedKey
}

type item struct {
	molt.Item
	lease molt.Lease // the last one granted; zero when none or given back
}

// New returns an empty store.
func New() *Store {
	return &Store{
		journals: map[molt.ConversationID]*journal{},
		items:    map[molt.ItemID]*item{},
		marks:    map[molt.MarkID][]byte{},
	}
}

// Close implements molt.Store.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

// Reopen ends the store and returns another one over what was committed, with
// all leases dropped: what a process finds when the one before it died.
func (s *Store) Reopen() *Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, it := range s.items {
		it.lease = molt.Lease{}
	}
	return &Store{journals: s.journals, items: s.items, marks: s.marks, order: s.order, token: s.token}
}

// Copy returns another store with what is committed by now, as a backup holds it:
// nothing that either does from here on is in the other.
func (s *Store) Copy() *Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := New()
	c.order, c.token = s.order, s.token
	for id, j := range s.journals {
		// Events but their bodies stay as they are; a snapshot is replaced as a whole.
		c.journals[id] = &journal{head: j.head, events: copyEvents(j.events), snapshot: j.snapshot, keys: maps.Clone(j.keys)}
	}
	for id, it := range s.items {
		c.items[id] = &item{Item: copyItem(it.Item)}
	}
	c.marks = maps.Clone(s.marks)
	return c
}

// Commit implements molt.Store.
func (s *Store) Commit(ctx context.Context, b molt.Batch) (molt.Committed, error) {
	if ctx.Err() != nil {
		return molt.Committed{}, fmt.Errorf("commit: %w", molt.ErrUnknown)
	}
	if err := b.Check(); err != nil {
		return molt.Committed{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return molt.Committed{}, molt.ErrClosed
	}
	if refused := s.refuse(&b); refused != nil {
		return molt.Committed{}, refused
	}
	s.writeJournal(&b)
	s.writeItems(&b)
	s.writeMarks(&b)
	if b.Conversation == "" {
		return molt.Committed{}, nil
	}
	return molt.Committed{Head: s.journal(b.Conversation).head}, nil
}

// refuse checks everything that must hold, before anything is written.
func (s *Store) refuse(b *molt.Batch) *molt.Refused {
	head := s.journal(b.Conversation).head
	if b.Conversation != "" && !b.Expect.AnySeq && head.Seq != b.Expect.Seq {
		return &molt.Refused{Kind: molt.RefusedSeq, Why: fmt.Sprintf("the journal is at %d, expected %d", head.Seq, b.Expect.Seq)}
	}
	if b.Expect.Epoch != nil && head.Epoch != *b.Expect.Epoch {
		return &molt.Refused{Kind: molt.RefusedEpoch, Why: fmt.Sprintf("the epoch is %d, expected %d", head.Epoch, *b.Expect.Epoch)}
	}
	if seen := s.seen(b.Expect.Unseen); len(seen) > 0 {
		return &molt.Refused{Kind: molt.RefusedSeen, Marks: seen, Why: fmt.Sprintf("%d marks are there already", len(seen))}
	}
	for _, l := range b.Expect.Leases {
		it := s.items[l.Item]
		if it == nil || it.lease.Token == 0 || it.lease.Token != l.Token || it.lease.Until <= b.Expect.Now {
			return &molt.Refused{Kind: molt.RefusedLease, Item: l.Item, Why: "the lease is not held"}
		}
	}
	if b.Epoch != 0 && b.Epoch < head.Epoch {
		return &molt.Refused{Kind: molt.RefusedEpoch, Why: fmt.Sprintf("the epoch is %d and cannot become %d", head.Epoch, b.Epoch)}
	}
	return s.refuseWrites(b, head)
}

func (s *Store) refuseWrites(b *molt.Batch, head molt.Head) *molt.Refused {
	if len(b.Events) > 0 && !b.Expect.AnySeq && b.Events[0].At < head.At {
		return &molt.Refused{Kind: molt.RefusedForm, Why: "the first event is earlier than the journal's last"}
	}
	for _, seq := range b.Shed {
		if seq < 1 || seq > head.Seq+uint64(len(b.Events)) {
			return &molt.Refused{Kind: molt.RefusedForm, Why: fmt.Sprintf("no event %d to shed", seq)}
		}
	}
	gone := func(id molt.ItemID) *molt.Refused {
		return &molt.Refused{Kind: molt.RefusedLease, Item: id, Why: "the item is gone"}
	}
	for _, id := range b.Done {
		if s.items[id] == nil {
			return gone(id)
		}
	}
	for _, r := range b.Retry {
		if s.items[r.Item] == nil {
			return gone(r.Item)
		}
	}
	return nil
}

func (s *Store) seen(ids []molt.MarkID) []molt.MarkID {
	var seen []molt.MarkID
	for _, id := range ids {
		if _, there := s.marks[id]; there {
			seen = append(seen, id)
		}
	}
	return seen
}

// journal returns the journal of a conversation, or an empty one that is not kept.
func (s *Store) journal(id molt.ConversationID) *journal {
	if j := s.journals[id]; j != nil {
		return j
	}
	return &journal{keys: map[molt.KeyID]molt.WrappedKey{}}
}

func (s *Store) writeJournal(b *molt.Batch) {
	if b.Conversation == "" {
		return
	}
	j := s.journal(b.Conversation)
	s.journals[b.Conversation] = j
	for _, e := range b.Events {
		e.Seq = j.head.Seq + 1
		e.At = max(e.At, j.head.At)
		e.Body = append([]byte{}, e.Body...)
		e.Sum = seal.Sum(e.Body)
		e.Hash = seal.Link(j.head.Hash, b.Conversation, e)
		j.events = append(j.events, e)
		j.head.Seq, j.head.At, j.head.Hash = e.Seq, e.At, e.Hash
	}
	if b.Epoch != 0 {
		j.head.Epoch = b.Epoch
	}
	if b.Snapshot != nil {
		j.snapshot = molt.Snapshot{Seq: j.head.Seq, Hash: j.head.Hash, Key: b.SnapshotKey, Body: bytes.Clone(b.Snapshot)}
	}
	for _, k := range b.Keys {
		k.Wrapped = bytes.Clone(k.Wrapped)
		j.keys[k.ID] = k
	}
	for _, seq := range b.Shed {
		j.events[seq-1].Body = nil
	}
}

func (s *Store) writeItems(b *molt.Batch) {
	for _, id := range slices.Concat(b.Done, b.Cancel) {
		delete(s.items, id)
	}
	for _, r := range b.Retry {
		if it := s.items[r.Item]; it != nil { // else this very batch cancelled it
			it.Due, it.lease = r.Due, molt.Lease{}
		}
	}
	for _, it := range b.Put {
		if s.items[it.ID] != nil {
			continue
		}
		s.order++
		it.Order = s.order
		it.Body = bytes.Clone(it.Body)
		s.items[it.ID] = &item{Item: it}
	}
}

func (s *Store) writeMarks(b *molt.Batch) {
	for _, m := range b.Marks {
		if m.Drop {
			delete(s.marks, m.ID)
		} else {
			s.marks[m.ID] = bytes.Clone(m.Value)
		}
	}
}

// Claim implements molt.Store.
func (s *Store) Claim(ctx context.Context, c molt.Claim) (molt.Claimed, error) {
	if err := ctx.Err(); err != nil {
		return molt.Claimed{}, fmt.Errorf("claim: %w", err)
	}
	if err := c.Check(); err != nil {
		return molt.Claimed{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return molt.Claimed{}, molt.ErrClosed
	}
	var out molt.Claimed
	// A moment of 0 or before is told as 1, since 0 says that there is none.
	wake := func(t molt.Time) {
		if t = max(t, 1); out.Next == 0 || t < out.Next {
			out.Next = t
		}
	}
	for i, class := range c.Classes {
		if slices.Contains(c.Classes[:i], class) {
			continue
		}
		for _, it := range s.heads(class) {
			leased := it.lease.Until > c.Now && it.lease.Token != 0
			if !leased && it.Due <= c.Now && len(out.Items) < c.Limit {
				s.token++
				it.lease = molt.Lease{Item: it.ID, Token: s.token, Until: c.Until}
				out.Items = append(out.Items, molt.Leased{Item: copyItem(it.Item), Lease: it.lease})
				leased = true
			}
			if leased {
				wake(it.lease.Until)
			} else {
				wake(it.Due)
			}
		}
	}
	return out, nil
}

// heads returns the first item of every lane of a class, earliest due first.
func (s *Store) heads(class molt.Lane) []*item {
	type lane struct {
		conversation molt.ConversationID
		lane         molt.Lane
	}
	first := map[lane]*item{}
	for _, it := range s.items {
		key := lane{it.Conversation, it.Lane}
		if h := first[key]; it.Lane.Class() == class && (h == nil || it.Order < h.Order) {
			first[key] = it
		}
	}
	heads := make([]*item, 0, len(first))
	for _, it := range first {
		heads = append(heads, it)
	}
	slices.SortFunc(heads, func(a, b *item) int {
		return cmp.Or(cmp.Compare(a.Due, b.Due), cmp.Compare(a.Order, b.Order))
	})
	return heads
}

// Load implements molt.Store.
func (s *Store) Load(ctx context.Context, id molt.ConversationID, recent int) (molt.Loaded, error) {
	if err := ctx.Err(); err != nil {
		return molt.Loaded{}, fmt.Errorf("load: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return molt.Loaded{}, molt.ErrClosed
	}
	j := s.journal(id)
	snap := j.snapshot.Seq
	from := snap - min(snap, uint64(max(recent, 0)))
	out := molt.Loaded{
		Head:     j.head,
		Snapshot: j.snapshot,
		Tail:     copyEvents(j.events[snap:]),
		Recent:   copyEvents(j.events[from:snap]),
		Keys:     j.sortedKeys(),
	}
	out.Snapshot.Body = bytes.Clone(out.Snapshot.Body)
	return out, nil
}

// Scan implements molt.Store.
func (s *Store) Scan(ctx context.Context, q molt.Query) (molt.Page, error) {
	if err := ctx.Err(); err != nil {
		return molt.Page{}, fmt.Errorf("scan: %w", err)
	}
	if err := q.Check(); err != nil {
		return molt.Page{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return molt.Page{}, molt.ErrClosed
	}
	var p molt.Page
	switch q.Table {
	case molt.TableConversations:
		p.Conversations, p.Next = page(s.conversations(), q, func(c molt.ConversationHead) string { return string(c.ID) })
	case molt.TableEvents:
		return s.scanEvents(q)
	case molt.TableItems:
		p.Items, p.Next = page(s.itemsOf(q.Conversation), q, itemCursor)
	case molt.TableMarks:
		p.Marks, p.Next = page(s.marksWith(q.Prefix), q, func(m molt.Mark) string { return string(m.ID) })
	case molt.TableKeys:
		p.Keys, p.Next = page(s.journal(q.Conversation).sortedKeys(), q, func(k molt.WrappedKey) string { return string(k.ID) })
	}
	return p, nil
}

// page cuts out of rows, ascending by key, what follows the cursor.
func page[T any](rows []T, q molt.Query, key func(T) string) ([]T, string) {
	if q.After != "" {
		i := slices.IndexFunc(rows, func(r T) bool { return key(r) > q.After })
		if i < 0 {
			return nil, ""
		}
		rows = rows[i:]
	}
	if len(rows) <= q.Limit {
		return rows, ""
	}
	return rows[:q.Limit], key(rows[q.Limit-1])
}

func (s *Store) scanEvents(q molt.Query) (molt.Page, error) {
	events := s.journal(q.Conversation).events
	after := uint64(0)
	if q.After != "" {
		var err error
		if after, err = strconv.ParseUint(q.After, 10, 64); err != nil {
			return molt.Page{}, &molt.Refused{Kind: molt.RefusedForm, Why: "scan: not a cursor of events"}
		}
	}
	events = events[min(after, uint64(len(events))):]
	p := molt.Page{Events: copyEvents(events[:min(q.Limit, len(events))])}
	if len(events) > q.Limit {
		p.Next = strconv.FormatUint(p.Events[q.Limit-1].Seq, 10)
	}
	return p, nil
}

func (s *Store) conversations() []molt.ConversationHead {
	var rows []molt.ConversationHead
	for id, j := range s.journals {
		if j.head != (molt.Head{}) {
			rows = append(rows, molt.ConversationHead{ID: id, Head: j.head})
		}
	}
	slices.SortFunc(rows, func(a, b molt.ConversationHead) int { return cmp.Compare(a.ID, b.ID) })
	return rows
}

// itemsOf returns items lane by lane, each lane in the order in which its items
// leave it.
func (s *Store) itemsOf(conversation molt.ConversationID) []molt.Item {
	var rows []molt.Item
	for _, it := range s.items {
		if conversation == "" || it.Conversation == conversation {
			rows = append(rows, copyItem(it.Item))
		}
	}
	slices.SortFunc(rows, func(a, b molt.Item) int { return cmp.Compare(itemCursor(a), itemCursor(b)) })
	return rows
}

func itemCursor(it molt.Item) string {
	return fmt.Sprintf("%s\x00%s\x00%016x", it.Conversation, it.Lane, it.Order)
}

func (s *Store) marksWith(prefix string) []molt.Mark {
	var rows []molt.Mark
	for id, value := range s.marks {
		if strings.HasPrefix(string(id), prefix) {
			rows = append(rows, molt.Mark{ID: id, Value: bytes.Clone(value)})
		}
	}
	slices.SortFunc(rows, func(a, b molt.Mark) int { return cmp.Compare(a.ID, b.ID) })
	return rows
}

func (j *journal) sortedKeys() []molt.WrappedKey {
	var rows []molt.WrappedKey
	for _, k := range j.keys {
		k.Wrapped = bytes.Clone(k.Wrapped)
		rows = append(rows, k)
	}
	slices.SortFunc(rows, func(a, b molt.WrappedKey) int { return cmp.Compare(a.ID, b.ID) })
	return rows
}

func copyEvents(events []molt.Event) []molt.Event {
	out := slices.Clone(events)
	for i := range out {
		out[i].Body = bytes.Clone(out[i].Body)
	}
	return out
}

func copyItem(it molt.Item) molt.Item {
	it.Body = bytes.Clone(it.Body)
	return it
}

var _ molt.Store = (*Store)(nil)
