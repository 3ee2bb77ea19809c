package storetest

import (
	"context"
	"fmt"

	"github.com/tidegate/tidegate/molt"
)

func itemCases() []Case {
	return []Case{
		on("item/what was put is handed out", func(w *world) {
			want := item("i1", conv, "page:alice:sms", now)
			w.commit(put(want))
			got := w.claimOne(now, "i1", "page")
			if got.Order == 0 {
				w.Errorf("order: got 0")
			}
			want.Order = got.Order
			w.same(got.Item, want, "item")
			w.same(got.Lease.Until, now+10_000, "end of the lease")
		}),
		on("item/not before it is due", func(w *world) {
			w.commit(put(item("i", conv, "agent", now)))
			c := w.claim(now-1, "agent")
			w.handed(c)
			w.same(c.Next, now, "next")
			w.claimOne(now, "i", "agent")
		}),
		on("item/put of an id that is there leaves it", func(w *world) {
			w.commit(put(item("i", conv, "agent", now)))
			first := w.claimOne(now, "i", "agent")
			again := item("i", other, "nurse", now-9)
			again.Body = []byte("changed")
			w.commit(put(again, again))
			w.handed(w.claim(now, "nurse", "agent"))
			w.same(w.rows(molt.Query{Table: molt.TableItems}).Items, []molt.Item{first.Item}, "items")
			w.commit(molt.Batch{Expect: holds(now, first), Done: []molt.ItemID{"i"}})
			w.commit(put(again))
			w.claimOne(now, "i", "nurse")
		}),
		on("item/order rises with each put", func(w *world) {
			w.commit(put(item("b", conv, "agent", now), item("a", conv, "agent", now-5)))
			w.commit(put(item("0", conv, "agent", now-9)))
			rows := w.rows(molt.Query{Table: molt.TableItems}).Items
			w.same(ids(rows), []molt.ItemID{"b", "a", "0"}, "items of one lane in the order of their leaving")
			if rows[0].Order >= rows[1].Order || rows[1].Order >= rows[2].Order {
				w.Errorf("order does not rise: %+v", rows)
			}
		}),
		on("lane/only the head", func(w *world) {
			w.commit(put(item("1", conv, "agent", now), item("2", conv, "agent", now), item("3", conv, "agent", now)))
			for _, id := range []molt.ItemID{"1", "2", "3"} {
				it := w.claimOne(now, id, "agent")
				w.handed(w.claim(now, "agent"))
				w.commit(molt.Batch{Expect: holds(now, it), Done: []molt.ItemID{id}})
			}
			c := w.claim(now, "agent")
			w.handed(c)
			w.same(c.Next, molt.Time(0), "next of nothing")
		}),
		on("lane/a head that is not due holds back what is", func(w *world) {
			w.commit(put(item("1", conv, "agent", now+500), item("2", conv, "agent", now)))
			c := w.claim(now, "agent")
			w.handed(c)
			w.same(c.Next, now+500, "next")
		}),
		on("lane/lanes and conversations do not wait for each other", func(w *world) {
			w.commit(put(
				item("1", conv, "page:a:sms", now), item("2", conv, "page:a:sms", now), item("3", conv, "page:a:call", now),
				item("4", conv, "page:b:sms", now), item("5", other, "page:a:sms", now), item("6", "", "page:a:sms", now),
			))
			w.handed(w.claim(now, "page"), "1", "3", "4", "5", "6")
		}),
		on("lane/names that begin alike are different", func(w *world) {
			w.commit(put(item("1", "c", "page:a", now), item("2", "c", "page:ab", now), item("3", "cp", "page:a", now), item("4", "c", "pager", now)))
			w.handed(w.claim(now, "page"), "1", "2", "3")
			w.handed(w.claim(now, "pager"), "4")
		}),
		on("claim/earliest due first within a class", func(w *world) {
			w.commit(put(
				item("c", "c_3", "agent", now-1), item("a", "c_1", "agent:x", now-3), item("b", "c_2", "agent", now-2),
				item("old", "c_4", "agent", -7), item("later", "c_5", "agent", now+1), item("tie", "c_6", "agent", now-3),
			))
			w.handed(w.claim(now, "agent"), "old", "a", "tie", "b", "c")
		}),
		on("claim/classes in the order asked", func(w *world) {
			w.commit(put(item("a", conv, "agent", now-9), item("n", conv, "nurse", now-5), item("s", conv, "safety", now), item("t", conv, "timer", now)))
			w.handed(w.claimN(2, now, "safety", "nurse", "agent"), "s", "n")
			w.handed(w.claim(now, "safety", "nurse", "agent", "agent"), "a")
		}),
		on("claim/limit", func(w *world) {
			for i := range 5 {
				w.commit(put(item(molt.ItemID(fmt.Sprint(i)), molt.ConversationID(fmt.Sprint("c", i)), "agent", now-9+molt.Time(i))))
			}
			c := w.claimN(2, now, "agent")
			w.handed(c, "0", "1")
			w.same(c.Next, now-7, "next is the earliest that was not handed out")
			for _, bad := range []molt.Claim{{Classes: []molt.Lane{"agent"}, Now: now, Until: now + 1}, {Classes: []molt.Lane{"agent"}, Now: now, Until: now, Limit: 1}} {
				if _, err := w.store.Claim(context.Background(), bad); !molt.IsRefused(err, molt.RefusedForm) {
					w.Errorf("claim %+v: got %v, want it refused", bad, err)
				}
			}
		}),
		on("claim/next", func(w *world) {
			w.same(w.claim(now, "agent").Next, molt.Time(0), "next of an empty store")
			w.commit(put(item("1", "c_1", "agent", now), item("2", "c_2", "agent", now+20_000), item("3", "c_3", "nurse", now+30), item("4", "c_1", "agent", now+1)))
			c := w.claim(now, "agent")
			w.handed(c, "1")
			w.same(c.Next, now+10_000, "next is the end of the lease just given")
			w.same(w.claim(now+1, "agent").Next, now+10_000, "next is the end of a lease of before")
			w.same(w.claim(now, "nurse").Next, now+30, "next of another class")
			w.same(w.claim(now, "agent", "nurse").Next, now+30, "next of both")
			w.same(w.claim(now, "timer").Next, molt.Time(0), "next of a class with nothing")
			w.commit(molt.Batch{Expect: holds(now, c.Items[0]), Done: []molt.ItemID{"1"}})
			w.same(w.claim(now, "agent").Next, now+1, "next is the follower's")
		}),
		on("lease/one at a time, until it ends", func(w *world) {
			w.commit(put(item("i", conv, "agent", now)))
			first := w.claimOne(now, "i", "agent")
			w.handed(w.claim(now+9_999, "agent"))
			second := w.claimOne(now+10_000, "i", "agent")
			if second.Lease.Token <= first.Lease.Token {
				w.Errorf("tokens: got %d and then %d, want them to rise", first.Lease.Token, second.Lease.Token)
			}
			r := w.refused(molt.Batch{Expect: holds(now+1, first), Done: []molt.ItemID{"i"}}, molt.RefusedLease)
			w.same(r.Item, molt.ItemID("i"), "item of the refusal")
			w.commit(molt.Batch{Expect: holds(now+10_001, second), Done: []molt.ItemID{"i"}})
		}),
		on("lease/ended at Now is not held", func(w *world) {
			w.commit(put(item("i", conv, "agent", now)))
			it := w.claimOne(now, "i", "agent")
			w.refused(molt.Batch{Expect: holds(it.Lease.Until, it), Done: []molt.ItemID{"i"}}, molt.RefusedLease)
			longer := it
			longer.Lease.Until += 1000
			w.refused(molt.Batch{Expect: holds(it.Lease.Until, longer), Done: []molt.ItemID{"i"}}, molt.RefusedLease)
			w.commit(molt.Batch{Expect: holds(it.Lease.Until-1, it), Done: []molt.ItemID{"i"}})
		}),
		on("lease/never granted", func(w *world) {
			w.commit(put(item("i", conv, "agent", now)))
			for _, l := range []molt.Lease{{Item: "i"}, {Item: "i", Token: 1, Until: now + 9}, {Item: "nothing", Token: 1, Until: now + 9}, {}} {
				w.refused(molt.Batch{Expect: molt.Expect{Leases: []molt.Lease{l}, Now: now}}, molt.RefusedLease)
			}
		}),
		on("lease/of an item done or cancelled", func(w *world) {
			w.commit(put(item("d", conv, "agent", now), item("c", conv, "nurse", now)))
			done, cancelled := w.claimOne(now, "d", "agent"), w.claimOne(now, "c", "nurse")
			w.commit(molt.Batch{Done: []molt.ItemID{"d"}, Cancel: []molt.ItemID{"c"}})
			w.refused(molt.Batch{Expect: holds(now, done)}, molt.RefusedLease)
			w.refused(molt.Batch{Expect: holds(now, cancelled)}, molt.RefusedLease)
			w.commit(put(item("d", conv, "agent", now), item("c", conv, "nurse", now)))
			w.refused(molt.Batch{Expect: holds(now, done)}, molt.RefusedLease)
			w.claimOne(now, "d", "agent")
			w.refused(molt.Batch{Expect: holds(now, done)}, molt.RefusedLease)
		}),
		on("lease/all of several", func(w *world) {
			w.commit(put(item("1", conv, "agent", now), item("2", conv, "nurse", now)))
			one, two := w.claimOne(now, "1", "agent"), w.claimOne(now, "2", "nurse")
			w.commit(molt.Batch{Expect: holds(now, one, two)})
			w.commit(molt.Batch{Done: []molt.ItemID{"2"}})
			r := w.refused(molt.Batch{Expect: holds(now, one, two), Done: []molt.ItemID{"1"}}, molt.RefusedLease)
			w.same(r.Item, molt.ItemID("2"), "item of the refusal")
		}),
		on("done/absent is a fault, cancel is not", func(w *world) {
			w.refused(molt.Batch{Done: []molt.ItemID{"nothing"}}, molt.RefusedLease)
			w.refused(molt.Batch{Retry: []molt.Retry{{Item: "nothing", Due: now}}}, molt.RefusedLease)
			w.commit(molt.Batch{Cancel: []molt.ItemID{"nothing", "nothing"}})
		}),
		on("retry/ends the lease and is due again", func(w *world) {
			w.commit(put(item("1", conv, "agent", now), item("2", conv, "agent", now)))
			first := w.claimOne(now, "1", "agent")
			w.commit(molt.Batch{Expect: holds(now, first), Retry: []molt.Retry{{Item: "1", Due: now + 50}}})
			w.refused(molt.Batch{Expect: holds(now, first)}, molt.RefusedLease)
			c := w.claim(now+49, "agent")
			w.handed(c)
			w.same(c.Next, now+50, "next")
			again := w.claimOne(now+50, "1", "agent")
			w.same(again.Due, now+50, "due")
			w.same(again.Order, first.Order, "order: it keeps its place")
			if again.Lease.Token <= first.Lease.Token {
				w.Errorf("tokens: got %d and then %d, want them to rise", first.Lease.Token, again.Lease.Token)
			}
		}),
		on("retry/of one behind the head", func(w *world) {
			w.commit(put(item("1", conv, "agent", now), item("2", conv, "agent", now)))
			w.commit(molt.Batch{Retry: []molt.Retry{{Item: "2", Due: now + 50}}})
			w.claimOne(now, "1", "agent")
			w.commit(molt.Batch{Done: []molt.ItemID{"1"}})
			w.handed(w.claim(now, "agent"))
			w.claimOne(now+50, "2", "agent")
		}),
		on("cancel/frees the lane", func(w *world) {
			w.commit(put(item("1", conv, "agent", now), item("2", conv, "agent", now), item("3", conv, "agent", now), item("4", conv, "agent", now)))
			w.claimOne(now, "1", "agent")
			w.commit(molt.Batch{Cancel: []molt.ItemID{"3", "1"}})
			w.claimOne(now, "2", "agent")
			w.commit(molt.Batch{Cancel: []molt.ItemID{"2"}})
			w.claimOne(now, "4", "agent")
		}),
		on("order in a batch/done and cancel, then retry, then put, then marks", func(w *world) {
			w.commit(put(item("d", conv, "agent", now), item("c", conv, "nurse", now), item("r", conv, "ask", now)))
			w.commit(molt.Batch{
				Done: []molt.ItemID{"d"}, Cancel: []molt.ItemID{"c", "d", "r"}, Retry: []molt.Retry{{Item: "r", Due: now + 1}},
				Put: []molt.Item{item("d", conv, "agent", now+2), item("c", conv, "nurse", now+3)},
			})
			w.same(ids(w.rows(molt.Query{Table: molt.TableItems}).Items), []molt.ItemID{"d", "c"}, "items: put again after done and cancel; a cancelled one is not retried")
			w.handed(w.claim(now+1, "agent", "nurse", "ask"))
			w.handed(w.claim(now+3, "agent", "nurse", "ask"), "d", "c")
			w.commit(molt.Batch{Retry: []molt.Retry{{Item: "d", Due: now + 9}}, Put: []molt.Item{item("d", conv, "agent", now)}})
			w.handed(w.claim(now+8, "agent"))
			w.claimOne(now+9, "d", "agent")
		}),
		on("marks/put, replaced, dropped, by any batch", func(w *world) {
			b := journal(1)
			b.Marks = []molt.Mark{{ID: "w:1", Value: []byte("one")}, {ID: "w:2"}}
			w.commit(b)
			w.commit(molt.Batch{Marks: []molt.Mark{{ID: "w:1", Value: []byte("two")}, {ID: "w:2", Drop: true}, {ID: "absent", Drop: true}}})
			w.same(w.dump().Marks, []molt.Mark{{ID: "w:1", Value: []byte("two")}}, "marks")
		}),
	}
}

func holds(at molt.Time, items ...molt.Leased) molt.Expect {
	e := molt.Expect{Now: at}
	for _, it := range items {
		e.Leases = append(e.Leases, it.Lease)
	}
	return e
}
