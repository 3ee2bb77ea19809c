package boltstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/tidegate/tidegate/molt"
)

func open(t testing.TB, o Options) *Store {
	t.Helper()
	if o.Path == "" {
		o.Path = filepath.Join(t.TempDir(), "tidegate.db")
	}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func commit(t testing.TB, s *Store, b molt.Batch) molt.Committed {
	t.Helper()
	c, err := s.Commit(context.Background(), b)
	if err != nil {
		t.Fatalf("commit: %v", err)
	}
	return c
}

func mark(id string) molt.Batch { return molt.Batch{Marks: []molt.Mark{{ID: molt.MarkID(id)}}} }

func marks(t testing.TB, s *Store) map[string]bool {
	t.Helper()
	there := map[string]bool{}
	for q := (molt.Query{Table: molt.TableMarks, Limit: molt.MaxPage}); ; {
		p, err := s.Scan(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range p.Marks {
			there[string(m.ID)] = true
		}
		if q.After = p.Next; p.Next == "" {
			return there
		}
	}
}

// gated holds the committer inside the batch that puts the mark "gate", so that
// others gather behind it.
type gated struct {
	entered, release chan struct{}
}

func gate(s *Store, then func(step string, b *molt.Batch)) gated {
	g := gated{entered: make(chan struct{}), release: make(chan struct{})}
	first := true
	s.fault = func(step string, b *molt.Batch) {
		if first && len(b.Marks) == 1 && b.Marks[0].ID == "gate" {
			first = false
			close(g.entered)
			<-g.release
		}
		if then != nil {
			then(step, b)
		}
	}
	return g
}

// behind runs commits of all batches while the committer is held, and gives
// their errors once all are in the queue and the gate is opened.
func (g gated) behind(s *Store, batches ...molt.Batch) []error {
	errs := make([]error, len(batches))
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = s.Commit(context.Background(), mark("gate")) })
	<-g.entered
	for i, b := range batches {
		wg.Go(func() { _, errs[i] = s.Commit(context.Background(), b) })
		for len(s.queue) <= i { // each in its turn
			runtime.Gosched()
		}
	}
	close(g.release)
	wg.Wait()
	return errs
}

func transactions(t testing.TB, s *Store) int {
	t.Helper()
	tx, err := s.db.Begin(false)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	return tx.ID()
}

func TestWhatWaitsIsOneTransaction(t *testing.T) {
	s := open(t, Options{})
	g := gate(s, nil)
	before := transactions(t, s)
	var batches []molt.Batch
	for i := range 100 {
		batches = append(batches, mark(fmt.Sprint("m", i)))
	}
	for i, err := range g.behind(s, batches...) {
		if err != nil {
			t.Errorf("batch %d: %v", i, err)
		}
	}
	if n := transactions(t, s) - before; n != 2 {
		t.Errorf("transactions for the gate and 100 that waited: got %d, want 2", n)
	}
}

func TestABatchSeesThoseBeforeItInItsGroup(t *testing.T) {
	s := open(t, Options{})
	g := gate(s, nil)
	append1 := func(seq uint64) molt.Batch {
		return molt.Batch{Conversation: "c", Expect: molt.Expect{Seq: seq}, Events: []molt.Event{{At: 1, Kind: "x"}}}
	}
	once := molt.Batch{Expect: molt.Expect{Unseen: []molt.MarkID{"m"}}, Marks: []molt.Mark{{ID: "m"}}}
	errs := g.behind(s, append1(0), append1(0), append1(1), once, once)
	for i, want := range []molt.RefusedKind{"", molt.RefusedSeq, "", "", molt.RefusedSeen} {
		if got := errs[i]; (want == "") != (got == nil) || (want != "" && !molt.IsRefused(got, want)) {
			t.Errorf("batch %d: got %v, want %q", i, got, want)
		}
	}
}

func TestALeaseEndedInAGroupIsNotHeldInIt(t *testing.T) {
	s := open(t, Options{})
	it := molt.Item{ID: "i", Conversation: "c", Lane: "agent", Due: 1}
	commit(t, s, molt.Batch{Put: []molt.Item{it}})
	c, err := s.Claim(context.Background(), molt.Claim{Classes: []molt.Lane{"agent"}, Now: 1, Until: 9, Limit: 1})
	if err != nil || len(c.Items) != 1 {
		t.Fatal(c, err)
	}
	held := molt.Expect{Now: 2, Leases: []molt.Lease{c.Items[0].Lease}}
	errs := gate(s, nil).behind(s,
		molt.Batch{Expect: held},
		molt.Batch{Cancel: []molt.ItemID{"i"}, Put: []molt.Item{it}},
		molt.Batch{Expect: held},
	)
	if errs[0] != nil || errs[1] != nil || !molt.IsRefused(errs[2], molt.RefusedLease) {
		t.Errorf("got %v, want only the last refused", errs)
	}
}

// A refused batch leaves nothing of itself in the transaction that it shares
// with others that are taken, whatever it was refused for.
func TestARefusalLeavesNothingInItsGroup(t *testing.T) {
	one := uint64(1)
	for name, refuse := range map[string]func(b *molt.Batch){
		"seq":          func(b *molt.Batch) { b.Expect.Seq = 9 },
		"epoch":        func(b *molt.Batch) { b.Expect.Epoch = &one },
		"seen":         func(b *molt.Batch) { b.Expect.Unseen = []molt.MarkID{"before"} },
		"lease":        func(b *molt.Batch) { b.Expect.Leases = []molt.Lease{{Item: "old", Token: 1}} },
		"epoch falls":  func(b *molt.Batch) { b.Epoch = 1 },
		"time":         func(b *molt.Batch) { b.Events[0].At = 1 },
		"shed":         func(b *molt.Batch) { b.Shed = []uint64{2, 9} },
		"done absent":  func(b *molt.Batch) { b.Done = []molt.ItemID{"old", "absent"} },
		"retry absent": func(b *molt.Batch) { b.Retry = []molt.Retry{{Item: "absent"}} },
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, Options{})
			commit(t, s, molt.Batch{Conversation: "c", Events: []molt.Event{{At: 5, Kind: "x"}}, Epoch: 2, Put: []molt.Item{{ID: "old", Lane: "agent"}}})
			bad := molt.Batch{
				Conversation: "c", Expect: molt.Expect{Seq: 1, Now: 1}, Events: []molt.Event{{At: 6, Kind: "x"}}, Snapshot: []byte("s"), Epoch: 3,
				Keys: []molt.WrappedKey{{ID: "k", Conversation: "c"}}, Shed: []uint64{1}, Cancel: []molt.ItemID{"old"},
				Put: []molt.Item{{ID: "bad", Lane: "agent"}}, Marks: []molt.Mark{{ID: "bad"}},
			}
			refuse(&bad)
			errs := gate(s, nil).behind(s, mark("before"), bad, mark("after"))
			var r *molt.Refused
			if errs[0] != nil || errs[2] != nil || !errors.As(errs[1], &r) {
				t.Fatalf("got %v, want only the second refused", errs)
			}
			if got := fmt.Sprint(marks(t, s)); got != "map[after:true before:true gate:true]" {
				t.Errorf("marks: got %v", got)
			}
			l, err := s.Load(context.Background(), "c", 0)
			if err != nil || l.Head.Seq != 1 || l.Head.Epoch != 2 || len(l.Tail) != 1 || l.Tail[0].Body == nil || len(l.Keys)+len(l.Snapshot.Body) != 0 {
				t.Errorf("journal: got %+v, %v, want it as it was", l, err)
			}
			p, err := s.Scan(context.Background(), molt.Query{Table: molt.TableItems, Limit: 10})
			if err != nil || len(p.Items) != 1 || p.Items[0].ID != "old" {
				t.Errorf("items: got %+v, %v, want the old one", p.Items, err)
			}
		})
	}
}

// A batch that goes wrong midway, at whatever step, leaves nothing of itself,
// and costs its neighbors nothing.
func TestAFaultTakesItsOwnBatchOnly(t *testing.T) {
	for _, step := range []string{"events", "snapshot", "keys", "shed", "items", "marks"} {
		t.Run(step, func(t *testing.T) {
			s := open(t, Options{})
			g := gate(s, func(at string, b *molt.Batch) {
				if at == step && b.Conversation == "c_bad" {
					panic("midway")
				}
			})
			bad := molt.Batch{
				Conversation: "c_bad", Events: []molt.Event{{At: 1, Kind: "x"}}, Snapshot: []byte("s"), Epoch: 2,
				Keys: []molt.WrappedKey{{ID: "k", Conversation: "c_bad"}}, Shed: []uint64{1},
				Put: []molt.Item{{ID: "bad", Lane: "agent"}}, Marks: []molt.Mark{{ID: "bad"}}, Done: []molt.ItemID{"old"},
			}
			commit(t, s, molt.Batch{Put: []molt.Item{{ID: "old", Lane: "agent"}}})
			errs := g.behind(s, mark("before"), bad, mark("after"))
			if errs[0] != nil || errs[2] != nil {
				t.Errorf("neighbors: got %v and %v, want both taken", errs[0], errs[2])
			}
			if !molt.IsRefused(errs[1], molt.RefusedForm) || !strings.Contains(errs[1].Error(), "panic") {
				t.Errorf("the bad one: got %v, want it refused with the panic named", errs[1])
			}
			if got := fmt.Sprint(marks(t, s)); got != "map[after:true before:true gate:true]" {
				t.Errorf("marks: got %v", got)
			}
			l, err := s.Load(context.Background(), "c_bad", 0)
			if err != nil || l.Head != (molt.Head{}) || len(l.Tail)+len(l.Keys)+len(l.Snapshot.Body) != 0 {
				t.Errorf("journal: got %+v, %v, want nothing", l, err)
			}
			p, err := s.Scan(context.Background(), molt.Query{Table: molt.TableItems, Limit: 10})
			if err != nil || len(p.Items) != 1 || p.Items[0].ID != "old" {
				t.Errorf("items: got %+v, %v, want the old one", p.Items, err)
			}
			select {
			case <-s.Broken():
				t.Error("the store is broken")
			default:
			}
		})
	}
}

func TestACallerThatLeavesIsToldUnknown(t *testing.T) {
	s := open(t, Options{})
	g := gate(s, nil)
	ctx, cancel := context.WithCancel(context.Background())
	body := []byte("as given")
	left := make(chan error, 1)
	go func() { // ends when its context is cancelled
		<-g.entered
		_, err := s.Commit(ctx, molt.Batch{Conversation: "c", Events: []molt.Event{{At: 1, Kind: "x", Body: body}}})
		left <- err
	}()
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = s.Commit(context.Background(), mark("gate")) })
	<-g.entered
	for len(s.queue) == 0 {
		runtime.Gosched()
	}
	cancel()
	if err := <-left; !errors.Is(err, molt.ErrUnknown) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want ErrUnknown", err)
	}
	clear(body) // a caller that left may use its slices again
	close(g.release)
	wg.Wait()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, Options{Path: filepath.Join(filepath.Dir(s.holderPath), "tidegate.db")})
	l, err := again.Load(context.Background(), "c", 0)
	if err != nil || len(l.Tail) != 1 || string(l.Tail[0].Body) != "as given" {
		t.Errorf("got %+v, %v, want the batch written as it was given", l.Tail, err)
	}
}

// The disk is taken away by closing the file under the store.
func TestAWriteThatFailsBreaksTheStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tidegate.db")
	var file *os.File
	s := open(t, Options{Path: path, openFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
		var err error
		file, err = os.OpenFile(name, flag, mode)
		return file, err
	}})
	commit(t, s, mark("kept"))
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	g := gate(s, nil)
	for i, err := range g.behind(s, mark("lost"), molt.Batch{Conversation: "c", Expect: molt.Expect{Seq: 5}}) {
		if !errors.Is(err, molt.ErrBroken) {
			t.Errorf("batch %d: got %v, want ErrBroken", i, err)
		}
	}
	<-s.Broken()
	ctx := context.Background()
	_, load := s.Load(ctx, "c", 0)
	_, scan := s.Scan(ctx, molt.Query{Table: molt.TableMarks, Limit: 1})
	_, claim := s.Claim(ctx, molt.Claim{Limit: 1, Until: 1})
	for name, err := range map[string]error{"load": load, "scan": scan, "claim": claim} {
		if !errors.Is(err, molt.ErrBroken) {
			t.Errorf("%s: got %v, want ErrBroken", name, err)
		}
	}
	_ = s.Close()
	if there := marks(t, open(t, Options{Path: path})); !there["kept"] || there["lost"] {
		t.Errorf("after reopening: got %v, want what was answered and no more", there)
	}
}

func TestASecondOpenerLearnsWhoHoldsTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tidegate.db")
	s := open(t, Options{Path: path, Holder: "the daemon, pid 123"})
	_, err := Open(Options{Path: path, LockTimeout: 60 * time.Millisecond})
	if !errors.Is(err, molt.ErrHeld) || !strings.Contains(err.Error(), "the daemon, pid 123") {
		t.Errorf("second open: got %v, want ErrHeld and the holder", err)
	}
	if err := os.Remove(s.holderPath); err != nil {
		t.Fatal(err)
	}
	if _, err = Open(Options{Path: path, LockTimeout: 60 * time.Millisecond}); !errors.Is(err, molt.ErrHeld) {
		t.Errorf("second open without the note: got %v, want ErrHeld", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := open(t, Options{Path: path}).Close(); err != nil {
		t.Errorf("after it was given up: got %v", err)
	}
	if names, _ := filepath.Glob(path + "*"); len(names) != 1 {
		t.Errorf("files left: got %v, want the store alone", names)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode: got %v, %v, want 0600", info.Mode(), err)
	}
}

func TestANewerSchemaIsRefused(t *testing.T) {
	s := open(t, Options{})
	path := s.db.Path()
	s.edit(t, func(tx *bolt.Tx) error {
		return tx.Bucket([]byte(bucketMeta)).Put([]byte("schema"), []byte("7"))
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := Open(Options{Path: path})
	var newer *SchemaError
	if !errors.As(err, &newer) || newer.Found != 7 || !strings.Contains(err.Error(), "newer version") {
		t.Errorf("got %v, want a sentence about a newer version", err)
	}
}

// TestAnOlderLayoutIsBroughtToThisOne: in the transaction of the opening, and not at
// all by who only reads.
func TestAnOlderLayoutIsBroughtToThisOne(t *testing.T) {
	s := open(t, Options{})
	path := s.db.Path()
	commit(t, s, mark("kept"))
	s.edit(t, func(tx *bolt.Tx) error {
		return tx.Bucket([]byte(bucketMeta)).Put([]byte("schema"), []byte("1"))
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	version := func(s *Store) (version string) {
		if err := s.db.View(func(tx *bolt.Tx) error {
			version = string(tx.Bucket([]byte(bucketMeta)).Get([]byte("schema")))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return version
	}
	reader, err := OpenToRead(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := version(reader); got != "1" || !marks(t, reader)["kept"] {
		t.Errorf("a reader finds layout %s, want 1 as it was", got)
	}
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	if s = open(t, Options{Path: path}); version(s) != fmt.Sprint(schema) || !marks(t, s)["kept"] {
		t.Errorf("opened: layout %s, want %d with all that was in it", version(s), schema)
	}
}

func TestWhatIsNoStoreIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tidegate.db")
	if err := os.WriteFile(path, bytes.Repeat([]byte("not a store\n"), 4000), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Path: path}); !errors.Is(err, molt.ErrCorrupt) {
		t.Errorf("got %v, want ErrCorrupt", err)
	}
	if _, err := Open(Options{}); err == nil {
		t.Errorf("without a path: got no error")
	}
}

// edit changes the file behind the store's back.
func (s *Store) edit(t testing.TB, change func(tx *bolt.Tx) error) {
	t.Helper()
	if err := s.db.Update(change); err != nil {
		t.Fatal(err)
	}
}

func TestDamageStaysWithItsConversation(t *testing.T) {
	flip := func(bucket string, key []byte, at int) func(tx *bolt.Tx) error {
		return func(tx *bolt.Tx) error {
			b := tx.Bucket([]byte(bucket))
			value := bytes.Clone(b.Get(key))
			value[at] ^= 1
			return b.Put(key, value)
		}
	}
	for name, damage := range map[string]func(tx *bolt.Tx) error{
		"a body":            flip(bucketEvents, eventKey("c_bad", 4), 78),
		"a time":            flip(bucketEvents, eventKey("c_bad", 4), 8),
		"a format byte":     flip(bucketEvents, eventKey("c_bad", 4), 0),
		"a recent event":    flip(bucketEvents, eventKey("c_bad", 2), 8),
		"the snapshot":      flip(bucketSnaps, []byte("c_bad"), 20),
		"the head's number": flip(bucketHeads, []byte("c_bad"), 7),
		"the head's hash":   flip(bucketHeads, []byte("c_bad"), 20),
		"the head's time":   flip(bucketHeads, []byte("c_bad"), 9),
		"the last event":    func(tx *bolt.Tx) error { return tx.Bucket([]byte(bucketEvents)).Delete(eventKey("c_bad", 5)) },
		"a middle event":    func(tx *bolt.Tx) error { return tx.Bucket([]byte(bucketEvents)).Delete(eventKey("c_bad", 4)) },
		"half a head":       func(tx *bolt.Tx) error { return tx.Bucket([]byte(bucketHeads)).Put([]byte("c_bad"), []byte("x")) },
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, Options{})
			for _, c := range []molt.ConversationID{"c_bad", "c_good"} {
				e := []molt.Event{{At: 1, Kind: "k", Body: []byte("body")}, {At: 1, Kind: "k", Body: []byte("body")}, {At: 1, Kind: "k", Body: []byte("body")}}
				commit(t, s, molt.Batch{Conversation: c, Events: e, Snapshot: []byte("state")})
				commit(t, s, molt.Batch{Conversation: c, Expect: molt.Expect{Seq: 3}, Events: e[:2]})
			}
			s.edit(t, damage)
			if _, err := s.Load(context.Background(), "c_bad", 2); !errors.Is(err, molt.ErrCorrupt) || !strings.Contains(err.Error(), "c_bad") {
				t.Errorf("load: got %v, want ErrCorrupt that names the conversation", err)
			}
			if l, err := s.Load(context.Background(), "c_good", 2); err != nil || l.Head.Seq != 5 {
				t.Errorf("load of the other: got %+v, %v", l.Head, err)
			}
			if name == "half a head" {
				_, err := s.Commit(context.Background(), molt.Batch{Conversation: "c_bad", Expect: molt.Expect{AnySeq: true}})
				if !errors.Is(err, molt.ErrCorrupt) || !molt.IsRefused(err, molt.RefusedForm) {
					t.Errorf("commit: got %v, want it refused as corrupt", err)
				}
			}
			commit(t, s, mark("the store goes on"))
		})
	}
}

// The due index holds the head of each lane and nothing else, whatever happens.
func TestTheDueIndexHoldsLaneHeads(t *testing.T) {
	s := open(t, Options{})
	rnd := rand.New(rand.NewPCG(1, 2))
	id := func() molt.ItemID { return molt.ItemID(fmt.Sprint("i", rnd.IntN(30))) }
	for range 150 {
		var b molt.Batch
		for range rnd.IntN(4) {
			b.Put = append(b.Put, molt.Item{ID: id(), Conversation: "c", Lane: molt.Lane(fmt.Sprint("agent:", rnd.IntN(4))), Due: molt.Time(rnd.IntN(100) - 50)})
		}
		b.Cancel = append(b.Cancel, id(), id())
		if rnd.IntN(3) == 0 {
			b.Retry = append(b.Retry, molt.Retry{Item: id(), Due: molt.Time(rnd.IntN(100))})
		}
		if _, err := s.Commit(context.Background(), b); err != nil && !molt.IsRefused(err, molt.RefusedLease) {
			t.Fatal(err)
		}
		if err := s.db.View(headsAreDue); err != nil {
			t.Fatal(err)
		}
	}
}

func headsAreDue(tx *bolt.Tx) error { return tablesOf(tx).indexed() }

// FuzzDecode wants the decoders to refuse or to read what encodes to the same.
func FuzzDecode(f *testing.F) {
	f.Add(encodeHead(molt.Head{Seq: 1, At: 2, Epoch: 3}))
	f.Add(encodeEvent(molt.Event{Seq: 1, At: 2, Kind: "k", Key: "y", Body: []byte("b")}))
	f.Add(encodeEvent(molt.Event{Seq: 1, At: 2, Kind: "k"}))
	f.Add(encodeSnapshot(molt.Snapshot{Seq: 1, Key: "k", Body: []byte("b")}))
	item := molt.Item{ID: "i", Conversation: "c", Lane: "agent:x", Due: -1, Order: 9, Body: []byte("b")}
	f.Add(encodeItem(item))
	f.Add(encodeKey(molt.WrappedKey{Period: "2026-11", Wrapped: []byte("w")}))
	f.Fuzz(func(t *testing.T, b []byte) {
		same := func(what string, err error, encoded []byte) {
			if err == nil && len(encoded) > len(b) {
				t.Errorf("%s: %x reads as what encodes to %x", what, b, encoded)
			}
		}
		h, err := decodeHead(b)
		same("head", err, encodeHead(h))
		e, err := decodeEvent(1, b)
		same("event", err, encodeEvent(e))
		s, err := decodeSnapshot(b)
		same("snapshot", err, encodeSnapshot(s))
		it, err := decodeItem(itemKey(item), b)
		same("item", err, encodeItem(it)[len(itemHead)+sumLength:])
		k, err := decodeKey("c", []byte("k"), b)
		same("key", err, encodeKey(k))
	})
}

// TestACrowdIsWaitedFor: where several came together the next group waits for as many,
// and not for more; where nobody comes it goes on alone, and does so from then on.
func TestACrowdIsWaitedFor(t *testing.T) {
	s := &Store{queue: make(chan request, queueLimit), crowd: 2, company: time.Hour}
	go func() { s.queue <- request{} }() // ends when gather takes it
	if g := s.gather(request{}); len(g) != 2 {
		t.Errorf("got a group of %d, want the one that came behind in it", len(g))
	}
	for range 3 {
		s.queue <- request{}
	}
	if g := s.gather(request{}); len(g) != 4 || s.crowd != 4 {
		t.Errorf("got a group of %d, want all that waited", len(g))
	}
	s.company = time.Millisecond
	if g := s.gather(request{}); len(g) != 1 || s.crowd != 1 {
		t.Errorf("got a group of %d, want one that nobody joined", len(g))
	}
	s.company = time.Hour
	if g := s.gather(request{}); len(g) != 1 {
		t.Errorf("got a group of %d, want one that waits for nobody", len(g))
	}
	s.crowd = 2
	close(s.queue)
	if g := s.gather(request{}); len(g) != 1 {
		t.Errorf("got a group of %d from a closed queue, want what was taken", len(g))
	}
}
