package storetest

import (
	"fmt"
	"strings"

	"github.com/tidegate/tidegate/molt"
)

func expectCases() []Case {
	return []Case{
		on("expect/seq of an empty journal is 0", func(w *world) {
			b := journal(1)
			b.Expect.Seq = 1
			w.refused(b, molt.RefusedSeq)
			w.commit(journal(1))
		}),
		on("expect/seq is the journal's last", func(w *world) {
			w.commit(journal(3))
			for _, seq := range []uint64{0, 2, 4} {
				w.refused(molt.Batch{Conversation: conv, Expect: molt.Expect{Seq: seq}, Events: []molt.Event{event(now+9, "x", "x")}}, molt.RefusedSeq)
			}
			got := w.commit(molt.Batch{Conversation: conv, Expect: molt.Expect{Seq: 3}, Events: []molt.Event{event(now+9, "x", "x")}})
			w.same(got.Head.Seq, uint64(4), "seq after")
		}),
		on("expect/seq is checked when nothing is appended", func(w *world) {
			w.commit(journal(1))
			w.refused(molt.Batch{Conversation: conv, Put: []molt.Item{item("i", conv, "agent", now)}}, molt.RefusedSeq)
		}),
		on("expect/any seq is not looked at", func(w *world) {
			w.commit(journal(3))
			got := w.commit(molt.Batch{Conversation: conv, Expect: molt.Expect{Seq: 99, AnySeq: true}, Events: []molt.Event{event(now+9, "x", "x")}})
			w.same(got.Head.Seq, uint64(4), "seq after")
		}),
		on("expect/any seq may hold no snapshot", func(w *world) {
			b := journal(1)
			b.Expect.AnySeq, b.Snapshot = true, []byte("state")
			w.refused(b, molt.RefusedForm)
		}),
		on("expect/any seq lifts an event to the journal's time", func(w *world) {
			w.commit(molt.Batch{Conversation: conv, Events: []molt.Event{event(now, "a", "a")}})
			got := w.commit(molt.Batch{Conversation: conv, Expect: molt.Expect{AnySeq: true}, Events: []molt.Event{event(now-5, "b", "b"), event(now+1, "c", "c")}})
			w.same(got.Head.At, now+1, "head's time")
			w.same(w.load(conv, 0).Tail[1].At, now, "time of the lifted event")
		}),
		on("expect/epoch", func(w *world) {
			b := journal(1)
			b.Epoch = 4
			w.same(w.commit(b).Head.Epoch, uint64(4), "epoch after")
			for _, e := range []uint64{0, 3, 5} {
				w.refused(molt.Batch{Conversation: conv, Expect: molt.Expect{AnySeq: true, Epoch: &e}, Events: []molt.Event{event(now, "x", "x")}}, molt.RefusedEpoch)
			}
			four := uint64(4)
			w.commit(molt.Batch{Conversation: conv, Expect: molt.Expect{AnySeq: true, Epoch: &four}, Events: []molt.Event{event(now, "x", "x")}})
			w.same(w.load(conv, 0).Head.Epoch, uint64(4), "epoch when a batch leaves it")
		}),
		on("expect/epoch of an unknown journal is 0", func(w *world) {
			one, zero := uint64(1), uint64(0)
			w.refused(molt.Batch{Conversation: conv, Expect: molt.Expect{Epoch: &one}}, molt.RefusedEpoch)
			w.commit(molt.Batch{Conversation: conv, Expect: molt.Expect{Epoch: &zero}})
		}),
		on("epoch/a smaller one is refused", func(w *world) {
			w.commit(molt.Batch{Conversation: conv, Epoch: 4})
			w.refused(molt.Batch{Conversation: conv, Epoch: 3}, molt.RefusedEpoch)
			w.commit(molt.Batch{Conversation: conv, Epoch: 4})
			w.same(w.commit(molt.Batch{Conversation: conv, Epoch: 9}).Head.Epoch, uint64(9), "epoch after")
		}),
		on("expect/unseen names all that were seen", func(w *world) {
			w.commit(molt.Batch{Marks: []molt.Mark{{ID: "seen:a"}, {ID: "seen:b", Value: []byte("v")}, {ID: "seen:c"}}})
			r := w.refused(molt.Batch{
				Expect: molt.Expect{Unseen: []molt.MarkID{"seen:c", "seen:new", "seen:a"}},
				Marks:  []molt.Mark{{ID: "seen:new"}},
			}, molt.RefusedSeen)
			w.same(r.Marks, []molt.MarkID{"seen:c", "seen:a"}, "marks of the refusal")
			w.commit(molt.Batch{Expect: molt.Expect{Unseen: []molt.MarkID{"seen:new"}}, Marks: []molt.Mark{{ID: "seen:new"}}})
			w.refused(molt.Batch{Expect: molt.Expect{Unseen: []molt.MarkID{"seen:new"}}}, molt.RefusedSeen)
		}),
		on("expect/unseen after a drop", func(w *world) {
			w.commit(molt.Batch{Marks: []molt.Mark{{ID: "code:1"}}})
			w.commit(molt.Batch{Marks: []molt.Mark{{ID: "code:1", Drop: true}}})
			w.commit(molt.Batch{Expect: molt.Expect{Unseen: []molt.MarkID{"code:1"}}})
		}),
		on("expect/checked before the batch itself writes", func(w *world) {
			w.commit(molt.Batch{Expect: molt.Expect{Unseen: []molt.MarkID{"a"}}, Marks: []molt.Mark{{ID: "a"}}})
			zero := uint64(0)
			w.commit(molt.Batch{Conversation: conv, Epoch: 3, Expect: molt.Expect{Epoch: &zero}})
		}),
		on("expect/order is seq, epoch, unseen, leases", func(w *world) {
			w.commit(molt.Batch{Marks: []molt.Mark{{ID: "m"}}})
			one := uint64(1)
			b := molt.Batch{Conversation: conv, Expect: molt.Expect{Seq: 1, Epoch: &one, Unseen: []molt.MarkID{"m"}, Leases: []molt.Lease{{Item: "i", Token: 1}}, Now: now}}
			w.refused(b, molt.RefusedSeq)
			b.Expect.Seq = 0
			w.refused(b, molt.RefusedEpoch)
			b.Expect.Epoch = nil
			w.refused(b, molt.RefusedSeen)
			b.Expect.Unseen = nil
			w.refused(b, molt.RefusedLease)
		}),
		on("whole or nothing", func(w *world) {
			w.commit(journal(2))
			w.commit(put(item("old", conv, "agent", now)))
			b := molt.Batch{
				Conversation: conv, Expect: molt.Expect{Seq: 2, Unseen: []molt.MarkID{"m"}}, Epoch: 2,
				Events: []molt.Event{event(now+5, "x", "x")}, Snapshot: []byte("s"),
				Keys:  []molt.WrappedKey{{ID: "k1", Conversation: conv, Period: "2026-11", Wrapped: []byte("w")}},
				Marks: []molt.Mark{{ID: "m"}}, Shed: []uint64{1},
				Put: []molt.Item{item("new", conv, "agent", now)}, Done: []molt.ItemID{"absent"}, Cancel: []molt.ItemID{"old"},
			}
			w.refused(b, molt.RefusedLease) // and w.refused sees that nothing else changed
			b.Done = nil
			w.commit(b)
			w.same(ids(w.rows(molt.Query{Table: molt.TableItems}).Items), []molt.ItemID{"new"}, "items")
			w.same(len(w.rows(molt.Query{Table: molt.TableMarks}).Marks), 1, "marks")
		}),
		on("form/what contradicts itself", func(w *world) {
			e := uint64(0)
			for name, b := range map[string]molt.Batch{
				"events without a journal":   {Events: []molt.Event{event(now, "x", "x")}},
				"epoch without a journal":    {Epoch: 1},
				"snapshot without a journal": {Snapshot: []byte("s")},
				"shed without a journal":     {Shed: []uint64{1}},
				"keys without a journal":     {Keys: []molt.WrappedKey{{ID: "k"}}},
				"seq without a journal":      {Expect: molt.Expect{Seq: 1}},
				"expected epoch without one": {Expect: molt.Expect{Epoch: &e}},
				"snapshot of nothing":        {Conversation: conv, Snapshot: []byte("s")},
				"event without a kind":       {Conversation: conv, Events: []molt.Event{{At: now}}},
				"events that go back":        {Conversation: conv, Events: []molt.Event{event(now, "x", ""), event(now-1, "x", "")}},
				"shedding what is not there": {Conversation: conv, Shed: []uint64{1}},
				"shedding number 0":          {Conversation: conv, Events: []molt.Event{event(now, "x", "")}, Shed: []uint64{0}},
				"key of another journal":     {Conversation: conv, Keys: []molt.WrappedKey{{ID: "k", Conversation: other}}},
				"item without an id":         put(item("", conv, "agent", now)),
				"item without a lane":        put(item("i", conv, "", now)),
				"item without a class":       put(item("i", conv, ":x", now)),
				"mark without an id":         {Marks: []molt.Mark{{}}},
				"mark named twice":           {Marks: []molt.Mark{{ID: "m"}, {ID: "m", Drop: true}}},
				"mark unseen twice":          {Expect: molt.Expect{Unseen: []molt.MarkID{"m", "m"}}},
				"item done twice":            {Done: []molt.ItemID{"i", "i"}},
				"item done and retried":      {Done: []molt.ItemID{"i"}, Retry: []molt.Retry{{Item: "i"}}},
				"leases without Now":         {Expect: molt.Expect{Leases: []molt.Lease{{Item: "i", Token: 1}}}},
				"id with NUL":                {Marks: []molt.Mark{{ID: "a\x00b"}}},
				"id that is not UTF-8":       {Conversation: "c\xff"},
			} {
				w.Logf("%s", name)
				w.refused(b, molt.RefusedForm)
			}
		}),
		on("form/an event is never earlier than the one before it", func(w *world) {
			w.commit(journal(1))
			w.refused(molt.Batch{Conversation: conv, Expect: molt.Expect{Seq: 1}, Events: []molt.Event{event(now-1, "x", "x")}}, molt.RefusedForm)
			w.commit(molt.Batch{Conversation: conv, Expect: molt.Expect{Seq: 1}, Events: []molt.Event{event(now, "x", "x")}})
		}),
		on("limits/by name", limits),
	}
}

func limits(w *world) {
	long := strings.Repeat("x", molt.MaxIDBytes+1)
	big := make([]byte, molt.MaxBodyBytes+1)
	over := map[string]molt.Batch{}
	over["MaxBatchEvents"] = journal(molt.MaxBatchEvents + 1)
	for i := range molt.MaxBatchItems + 1 {
		b := over["MaxBatchItems"]
		b.Put = append(b.Put, item(molt.ItemID(fmt.Sprint("i", i)), conv, "agent", now))
		over["MaxBatchItems"] = b
	}
	for i := range molt.MaxBatchMarks + 1 {
		b := over["MaxBatchMarks"]
		b.Marks = append(b.Marks, molt.Mark{ID: molt.MarkID(fmt.Sprint("m", i))})
		over["MaxBatchMarks"] = b
	}
	over["MaxBodyBytes"] = molt.Batch{Conversation: conv, Events: []molt.Event{{At: now, Kind: "x", Body: big}}}
	over["MaxIDBytes"] = molt.Batch{Conversation: molt.ConversationID(long)}
	for name, b := range over {
		if r := w.refused(b, molt.RefusedSize); !strings.Contains(r.Why, name) {
			w.Errorf("refusal: got %q, want the limit %s named", r.Why, name)
		}
	}
	for name, b := range map[string]molt.Batch{
		"item's body":  put(molt.Item{ID: "i", Lane: "agent", Body: big}),
		"mark's value": {Marks: []molt.Mark{{ID: "m", Value: big}}},
		"snapshot":     {Conversation: conv, Events: []molt.Event{event(now, "x", "")}, Snapshot: big},
		"wrapped key":  {Conversation: conv, Keys: []molt.WrappedKey{{ID: "k", Conversation: conv, Wrapped: big}}},
		"item's id":    put(item(molt.ItemID(long), conv, "agent", now)),
		"lane":         put(item("i", conv, molt.Lane(long), now)),
		"mark's id":    {Marks: []molt.Mark{{ID: molt.MarkID(long)}}},
		"key's id":     {Conversation: conv, Keys: []molt.WrappedKey{{ID: molt.KeyID(long), Conversation: conv}}},
		"kind":         {Conversation: conv, Events: []molt.Event{event(now, long, "")}},
	} {
		w.Logf("%s", name)
		w.refused(b, molt.RefusedSize)
	}
	b := over["MaxBatchItems"]
	b.Put = b.Put[1:]
	w.commit(b)
	b = journal(molt.MaxBatchEvents)
	b.Events[0].Body = big[1:]
	w.commit(b)
	b = over["MaxBatchMarks"]
	b.Marks = b.Marks[1:]
	w.commit(b)
}
