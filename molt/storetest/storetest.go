// Package storetest is the one conformance suite for every molt.Store: each
// sentence of the contract in package molt is a case here, and molt/memstore is
// its meaning where two stores could differ.
//
// It owns the cases and nothing else. It must never know which store it tests,
// and never sleep or judge by a clock. Cases speak to a small TB, so that a
// run that must fail can be observed; the package's own tests plant defects in
// a store and watch which cases bite.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"testing"

	"github.com/tidegate/tidegate/molt"
)

// TB is the part of testing.TB that the cases use.
type TB interface {
	Helper()
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Case is one sentence of the contract.
type Case struct {
	Name string
	Run  func(t TB, store molt.Store)
}

// ReopenCase is a sentence about a store that is closed and opened again. Each
// call of open opens the same place, which nobody else holds.
type ReopenCase struct {
	Name string
	Run  func(t TB, open func() molt.Store)
}

// Run runs every case as a subtest, each on a store of its own.
func Run(t *testing.T, open func(t *testing.T) molt.Store) {
	for _, c := range Cases() {
		t.Run(c.Name, func(t *testing.T) {
			store := open(t)
			defer func() {
				if err := store.Close(); err != nil {
					t.Errorf("close: got %v", err)
				}
			}()
			c.Run(t, store)
		})
	}
}

// Reopen runs every case about reopening as a subtest. The place that place
// gives is opened again and again by the function it returns.
func Reopen(t *testing.T, place func(t *testing.T) func() molt.Store) {
	for _, c := range ReopenCases() {
		t.Run(c.Name, func(t *testing.T) { c.Run(t, place(t)) })
	}
}

// Cases lists the suite.
func Cases() []Case {
	return slices.Concat(expectCases(), journalCases(), itemCases(), scanCases(), callerCases(), differentialCases())
}

// Observe runs a case and returns what it complained of.
func Observe(c Case, store molt.Store) []string {
	r := &recorder{}
	ended := make(chan struct{})
	go func() { // ends with the case, or where the case calls Fatalf
		defer close(ended)
		c.Run(r, store)
	}()
	<-ended
	return r.complaints
}

type recorder struct{ complaints []string }

func (r *recorder) Helper()             {}
func (r *recorder) Logf(string, ...any) {}
func (r *recorder) Errorf(format string, args ...any) {
	r.complaints = append(r.complaints, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

// on wraps a case in a world.
func on(name string, run func(w *world)) Case {
	return Case{Name: name, Run: func(t TB, store molt.Store) { run(&world{TB: t, store: store}) }}
}

// world is a store under test, with verbs that fail the test.
type world struct {
	TB
	store molt.Store
}

const (
	conv  molt.ConversationID = "c_one"
	other molt.ConversationID = "c_two"
	now   molt.Time           = 1_000_000
)

func event(at molt.Time, kind, body string) molt.Event {
	return molt.Event{At: at, Kind: kind, Key: "k1", Body: []byte(body)}
}

func item(id molt.ItemID, c molt.ConversationID, lane molt.Lane, due molt.Time) molt.Item {
	return molt.Item{ID: id, Conversation: c, Lane: lane, Due: due, Epoch: 7, Key: "k1", Body: []byte("do " + id)}
}

// journal is a batch that appends n events to an empty conv.
func journal(n int) molt.Batch {
	b := molt.Batch{Conversation: conv}
	for i := range n {
		b.Events = append(b.Events, event(now+molt.Time(i), "fact", fmt.Sprintf("body %d", i+1)))
	}
	return b
}

func put(items ...molt.Item) molt.Batch { return molt.Batch{Put: items} }

func (w *world) commit(b molt.Batch) molt.Committed {
	w.Helper()
	c, err := w.store.Commit(context.Background(), b)
	if err != nil {
		w.Fatalf("commit %+v: got %v, want it taken", b, err)
	}
	return c
}

// refused expects a refusal of one kind that leaves everything as it was.
func (w *world) refused(b molt.Batch, kind molt.RefusedKind) *molt.Refused {
	w.Helper()
	before := w.dump()
	_, err := w.store.Commit(context.Background(), b)
	var r *molt.Refused
	if !errors.As(err, &r) || r.Kind != kind {
		w.Fatalf("commit %s: got %v, want it refused (%s)", describe(b), err, kind)
	}
	if r.Why == "" {
		w.Errorf("refusal (%s) without a reason in words", kind)
	}
	w.same(w.dump(), before, "the store after a refusal (%s)", kind)
	return r
}

func describe(b molt.Batch) string {
	return fmt.Sprintf("of %q with %d events, %d put, %d marks, expecting %+v", b.Conversation, len(b.Events), len(b.Put), len(b.Marks), b.Expect)
}

func (w *world) load(id molt.ConversationID, recent int) molt.Loaded {
	w.Helper()
	l, err := w.store.Load(context.Background(), id, recent)
	if err != nil {
		w.Fatalf("load %s: got %v", id, err)
	}
	return l
}

// claim asks for up to ten items of the classes, for ten seconds.
func (w *world) claim(at molt.Time, classes ...molt.Lane) molt.Claimed {
	w.Helper()
	return w.claimN(10, at, classes...)
}

func (w *world) claimN(limit int, at molt.Time, classes ...molt.Lane) molt.Claimed {
	w.Helper()
	c, err := w.store.Claim(context.Background(), molt.Claim{Classes: classes, Now: at, Until: at + 10_000, Limit: limit})
	if err != nil {
		w.Fatalf("claim: got %v", err)
	}
	return c
}

// claimOne expects exactly one item to be handed out.
func (w *world) claimOne(at molt.Time, want molt.ItemID, classes ...molt.Lane) molt.Leased {
	w.Helper()
	c := w.claim(at, classes...)
	w.handed(c, want)
	return c.Items[0]
}

func (w *world) handed(c molt.Claimed, want ...molt.ItemID) {
	w.Helper()
	var got []molt.ItemID
	for _, it := range c.Items {
		got = append(got, it.ID)
		if it.Lease.Item != it.ID || it.Lease.Token == 0 {
			w.Errorf("item %s came with lease %+v", it.ID, it.Lease)
		}
	}
	if !slices.Equal(got, want) {
		w.Fatalf("handed out: got %v, want %v", got, want)
	}
}

func (w *world) same(got, want any, format string, args ...any) {
	w.Helper()
	if !reflect.DeepEqual(got, want) {
		w.Errorf("%s:\n got %+v\nwant %+v", fmt.Sprintf(format, args...), got, want)
	}
}

// rows reads a whole table in pages.
func (w *world) rows(q molt.Query) molt.Page {
	w.Helper()
	var all molt.Page
	if q.Limit == 0 {
		q.Limit = molt.MaxPage
	}
	for range 10_000 {
		p, err := w.store.Scan(context.Background(), q)
		if err != nil {
			w.Fatalf("scan %+v: got %v", q, err)
		}
		all.Conversations = append(all.Conversations, p.Conversations...)
		all.Events = append(all.Events, p.Events...)
		all.Items = append(all.Items, p.Items...)
		all.Marks = append(all.Marks, p.Marks...)
		all.Keys = append(all.Keys, p.Keys...)
		if p.Next == "" {
			return all
		}
		if p.Next == q.After {
			w.Fatalf("scan %+v: the cursor does not move", q)
		}
		q.After = p.Next
	}
	w.Fatalf("scan %+v: never ends", q)
	return all
}

// dump reads all that can be read, for comparison. Empty and nil are the same
// but for an event's body.
func (w *world) dump() state {
	w.Helper()
	s := state{
		Conversations: w.rows(molt.Query{Table: molt.TableConversations}).Conversations,
		Items:         w.rows(molt.Query{Table: molt.TableItems}).Items,
		Marks:         w.rows(molt.Query{Table: molt.TableMarks}).Marks,
		Journals:      map[molt.ConversationID]molt.Loaded{},
		Events:        map[molt.ConversationID][]molt.Event{},
	}
	for _, id := range append([]molt.ConversationID{conv, other}, conversationsOf(s)...) {
		s.Journals[id] = plain(w.load(id, 3))
		s.Events[id] = w.rows(molt.Query{Table: molt.TableEvents, Conversation: id}).Events
	}
	for i := range s.Items {
		s.Items[i].Body = append([]byte{}, s.Items[i].Body...)
	}
	for i := range s.Marks {
		s.Marks[i].Value = append([]byte{}, s.Marks[i].Value...)
	}
	return s
}

type state struct {
	Conversations []molt.ConversationHead
	Items         []molt.Item
	Marks         []molt.Mark
	Journals      map[molt.ConversationID]molt.Loaded
	Events        map[molt.ConversationID][]molt.Event
}

func conversationsOf(s state) []molt.ConversationID {
	var ids []molt.ConversationID
	for _, c := range s.Conversations {
		ids = append(ids, c.ID)
	}
	return ids
}

func plain(l molt.Loaded) molt.Loaded {
	l.Snapshot.Body = append([]byte{}, l.Snapshot.Body...)
	l.Tail = append([]molt.Event{}, l.Tail...)
	l.Recent = append([]molt.Event{}, l.Recent...)
	l.Keys = append([]molt.WrappedKey{}, l.Keys...)
	for i := range l.Keys {
		l.Keys[i].Wrapped = append([]byte{}, l.Keys[i].Wrapped...)
	}
	return l
}

func bodies(events []molt.Event) []string {
	var out []string
	for _, e := range events {
		out = append(out, string(e.Body))
	}
	return out
}

func ids(items []molt.Item) []molt.ItemID {
	var out []molt.ItemID
	for _, it := range items {
		out = append(out, it.ID)
	}
	return out
}
