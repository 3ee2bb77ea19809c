package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/tidegate/tidegate/molt"
)

func callerCases() []Case {
	return []Case{
		on("callers/of many with one expectation one wins", func(w *world) {
			const callers = 32
			var won, lost atomic.Int32
			parallel(callers, func(i int) {
				_, err := w.store.Commit(context.Background(), molt.Batch{
					Conversation: conv, Expect: molt.Expect{Seq: 0}, Events: []molt.Event{event(now, "x", fmt.Sprint(i))},
				})
				switch {
				case err == nil:
					won.Add(1)
				case molt.IsRefused(err, molt.RefusedSeq):
					lost.Add(1)
				default:
					w.Errorf("commit: got %v", err)
				}
			})
			w.same([]int32{won.Load(), lost.Load()}, []int32{1, callers - 1}, "won and lost")
			w.same(w.load(conv, 0).Head.Seq, uint64(1), "head")
		}),
		on("callers/each mark is put once", func(w *world) {
			var won atomic.Int32
			parallel(32, func(i int) {
				id := molt.MarkID(fmt.Sprint("seen:", i%4))
				_, err := w.store.Commit(context.Background(), molt.Batch{
					Conversation: conv, Expect: molt.Expect{AnySeq: true, Unseen: []molt.MarkID{id}},
					Events: []molt.Event{event(now, "x", string(id))}, Marks: []molt.Mark{{ID: id}},
				})
				if err == nil {
					won.Add(1)
				} else if !molt.IsRefused(err, molt.RefusedSeen) {
					w.Errorf("commit: got %v", err)
				}
			})
			w.same(won.Load(), int32(4), "taken")
			w.verifies(molt.Hash{}, 1, w.load(conv, 0).Tail)
		}),
		on("callers/appends of many make one chain", func(w *world) {
			parallel(24, func(i int) {
				for j := range 5 {
					b := molt.Batch{Conversation: conv, Expect: molt.Expect{AnySeq: true}, Events: []molt.Event{
						event(now, "first", fmt.Sprint(i, j)), event(now, "second", fmt.Sprint(i, j)),
					}}
					if _, err := w.store.Commit(context.Background(), b); err != nil {
						w.Errorf("commit: got %v", err)
					}
				}
			})
			tail := w.load(conv, 0).Tail
			w.same(len(tail), 240, "events")
			w.verifies(molt.Hash{}, 1, tail)
			for i := 0; i+1 < len(tail); i += 2 {
				if tail[i].Kind != "first" || !bytes.Equal(tail[i].Body, tail[i+1].Body) {
					w.Fatalf("events %d and %d of one batch are torn apart", i+1, i+2)
				}
			}
		}),
		on("callers/no item is in two hands", twoHands),
		on("callers/reading while writing sees whole batches", func(w *world) {
			var wg sync.WaitGroup
			stop := make(chan struct{})
			for range 3 {
				wg.Go(func() { // ends when stop is closed
					for {
						select {
						case <-stop:
							return
						default:
							w.wholeBatch()
						}
					}
				})
			}
			for i := range uint64(40) {
				w.commit(molt.Batch{
					Conversation: conv, Expect: molt.Expect{Seq: 2 * i}, Snapshot: fmt.Append(nil, i),
					Events: []molt.Event{event(now, "first", "x"), event(now, "second", "x")},
				})
			}
			close(stop)
			wg.Wait()
		}),
		on("close/twice, and then everything is closed", func(w *world) {
			w.commit(journal(1))
			for range 2 {
				if err := w.store.Close(); err != nil {
					w.Errorf("close: got %v", err)
				}
			}
			ctx := context.Background()
			_, commit := w.store.Commit(ctx, journal(1))
			_, load := w.store.Load(ctx, conv, 0)
			_, scan := w.store.Scan(ctx, molt.Query{Table: molt.TableMarks, Limit: 1})
			_, claim := w.store.Claim(ctx, molt.Claim{Limit: 1, Until: 1})
			for name, err := range map[string]error{"commit": commit, "load": load, "scan": scan, "claim": claim} {
				if !errors.Is(err, molt.ErrClosed) {
					w.Errorf("%s after close: got %v, want ErrClosed", name, err)
				}
			}
		}),
	}
}

func parallel(n int, do func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { do(i) })
	}
	wg.Wait()
}

// wholeBatch loads a journal to which batches of two events and a snapshot are
// committed, and complains of anything between two batches.
func (w *world) wholeBatch() {
	l, err := w.store.Load(context.Background(), conv, 2)
	switch {
	case err != nil:
		w.Errorf("load: got %v", err)
	case l.Head.Seq%2 != 0 || l.Snapshot.Seq != l.Head.Seq || len(l.Tail) != 0 || l.Snapshot.Hash != l.Head.Hash:
		w.Errorf("load: got a part of a batch: head %d, snapshot %d, %d events after it", l.Head.Seq, l.Snapshot.Seq, len(l.Tail))
	}
}

// twoHands lets workers claim and finish items of few lanes and keeps its own
// book of who holds what.
func twoHands(w *world) {
	const items = 60
	var b molt.Batch
	for i := range items {
		c := molt.ConversationID(fmt.Sprint("c", i%5))
		b.Put = append(b.Put, item(molt.ItemID(fmt.Sprintf("i%03d", i)), c, "agent", now))
	}
	w.commit(b)
	var done atomic.Int32
	var held sync.Map
	parallel(8, func(int) {
		for range 10_000 {
			if done.Load() == items {
				return
			}
			c, err := w.store.Claim(context.Background(), molt.Claim{Classes: []molt.Lane{"agent"}, Now: now, Until: now + 1000, Limit: 2})
			if err != nil {
				w.Errorf("claim: got %v", err)
				return
			}
			for _, it := range c.Items {
				if _, taken := held.LoadOrStore(it.Conversation, it.ID); taken {
					w.Errorf("item %s was handed out while another of its lane was held", it.ID)
				}
				// From here the follower may be claimed, though not yet answered.
				held.Delete(it.Conversation)
				if _, err := w.store.Commit(context.Background(), molt.Batch{Expect: holds(now, it), Done: []molt.ItemID{it.ID}}); err != nil {
					w.Errorf("done: got %v", err)
				}
				done.Add(1)
			}
		}
	})
	w.same(done.Load(), int32(items), "items done")
	w.same(len(w.rows(molt.Query{Table: molt.TableItems}).Items), 0, "items left")
}
