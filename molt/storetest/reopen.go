package storetest

import (
	"context"
	"fmt"
	"sync"

	"github.com/tidegate/tidegate/molt"
)

// ReopenCases lists what must hold over a close and an open.
func ReopenCases() []ReopenCase {
	return []ReopenCase{
		again("reopen/everything is there", func(w *world, reopen func()) {
			fill(w)
			b := journal(3)
			b.Snapshot, b.Epoch = []byte("state"), 4
			w.commit(b)
			w.commit(molt.Batch{Conversation: conv, Expect: molt.Expect{Seq: 3}, Events: []molt.Event{event(now+9, "x", "tail")}, Shed: []uint64{1}})
			before := w.dump()
			for range 2 {
				reopen()
				w.same(w.dump(), before, "the store opened again")
			}
		}),
		again("reopen/leases are dropped and stay fenced", func(w *world, reopen func()) {
			w.commit(put(item("1", conv, "agent", now), item("2", conv, "agent", now)))
			before := w.claimOne(now, "1", "agent")
			reopen()
			w.refused(molt.Batch{Expect: holds(now, before), Done: []molt.ItemID{"1"}}, molt.RefusedLease)
			after := w.claimOne(now, "1", "agent")
			if after.Lease.Token <= before.Lease.Token {
				w.Errorf("tokens: got %d and then %d, want them to rise", before.Lease.Token, after.Lease.Token)
			}
			w.refused(molt.Batch{Expect: holds(now, before), Done: []molt.ItemID{"1"}}, molt.RefusedLease)
			w.commit(molt.Batch{Expect: holds(now, after), Done: []molt.ItemID{"1"}})
		}),
		again("reopen/order goes on rising", func(w *world, reopen func()) {
			w.commit(put(item("1", conv, "agent", now)))
			reopen()
			w.commit(put(item("2", conv, "agent", now), item("0", conv, "agent", now)))
			w.same(ids(w.rows(molt.Query{Table: molt.TableItems}).Items), []molt.ItemID{"1", "2", "0"}, "items")
		}),
		again("reopen/the chain goes on", func(w *world, reopen func()) {
			w.commit(journal(2))
			reopen()
			w.commit(molt.Batch{Conversation: conv, Expect: molt.Expect{Seq: 2}, Events: []molt.Event{event(now+9, "x", "x")}})
			w.verifies(molt.Hash{}, 1, w.load(conv, 0).Tail)
		}),
		again("close/loses nothing that was answered", func(w *world, reopen func()) {
			var answered sync.Map
			var wg sync.WaitGroup
			begun := make(chan struct{}, 16)
			for i := range 16 {
				wg.Go(func() { // ends when the store is closed
					for j := 0; ; j++ {
						id := molt.MarkID(fmt.Sprintf("m:%d:%d", i, j))
						if _, err := w.store.Commit(context.Background(), molt.Batch{Marks: []molt.Mark{{ID: id}}}); err != nil {
							return
						}
						answered.Store(id, true)
						if j == 0 {
							begun <- struct{}{}
						}
					}
				})
			}
			for range 16 {
				<-begun
			}
			if err := w.store.Close(); err != nil {
				w.Errorf("close: got %v", err)
			}
			wg.Wait()
			reopen()
			there := map[molt.MarkID]bool{}
			for _, m := range w.rows(molt.Query{Table: molt.TableMarks}).Marks {
				there[m.ID] = true
			}
			answered.Range(func(id, _ any) bool {
				if !there[id.(molt.MarkID)] {
					w.Errorf("mark %s was answered and is lost", id)
				}
				return true
			})
		}),
	}
}

// again makes a case whose reopen closes the store and opens it again.
func again(name string, run func(w *world, reopen func())) ReopenCase {
	return ReopenCase{Name: name, Run: func(t TB, open func() molt.Store) {
		w := &world{TB: t, store: open()}
		defer func() {
			if err := w.store.Close(); err != nil {
				w.Errorf("close: got %v", err)
			}
		}()
		run(w, func() {
			if err := w.store.Close(); err != nil {
				w.Fatalf("close: got %v", err)
			}
			w.store = open()
		})
	}}
}
