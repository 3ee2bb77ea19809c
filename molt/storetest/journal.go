package storetest

import (
	"bytes"
	"context"
	"errors"

	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/seal"
)

func journalCases() []Case {
	return []Case{
		on("load/an unknown conversation is empty", func(w *world) {
			for _, id := range []molt.ConversationID{conv, "", "\x00", "\xff"} {
				w.same(plain(w.load(id, 5)), plain(molt.Loaded{}), "load %q", id)
			}
		}),
		on("journal/numbered from 1 without a gap", func(w *world) {
			w.same(w.commit(journal(2)).Head.Seq, uint64(2), "head")
			w.commit(molt.Batch{Conversation: conv, Expect: molt.Expect{Seq: 2}, Events: []molt.Event{{Seq: 77, At: now + 5, Kind: "x"}}})
			for i, e := range w.load(conv, 0).Tail {
				w.same(e.Seq, uint64(i+1), "sequence number")
			}
		}),
		on("journal/chained", func(w *world) {
			w.commit(journal(3))
			w.commit(molt.Batch{Conversation: other, Events: []molt.Event{event(now, "fact", "body 1")}})
			head := w.commit(molt.Batch{Conversation: conv, Expect: molt.Expect{Seq: 3}, Events: []molt.Event{
				{At: now + 9, Kind: "x", Body: []byte("b"), Sum: molt.Hash{1}, Hash: molt.Hash{2}},
			}}).Head
			l := w.load(conv, 0)
			w.verifies(molt.Hash{}, 1, l.Tail)
			w.same(l.Head, head, "head as loaded and as committed")
			w.same(l.Tail[3].Hash, head.Hash, "the chain leads to the head")
			w.same(l.Tail[3].Sum, seal.Sum([]byte("b")), "digest of the body")
			if w.load(other, 0).Tail[0].Hash == l.Tail[0].Hash {
				w.Errorf("two conversations share a link")
			}
		}),
		on("journal/what was written is read back", func(w *world) {
			b := molt.Batch{Conversation: conv, Epoch: 3, Events: []molt.Event{{At: 5, Kind: "odd", Key: "", Body: nil}, {At: now, Kind: "ünï", Key: "k2", Body: []byte{0, 1, 255}}}}
			w.commit(b)
			l := w.load(conv, 0)
			for i, e := range l.Tail {
				want := b.Events[i]
				if e.At != want.At || e.Kind != want.Kind || e.Key != want.Key || !bytes.Equal(e.Body, want.Body) || e.Body == nil {
					w.Errorf("event: got %+v, want %+v with a body that is not nil", e, want)
				}
			}
			w.same(l.Head.At, now, "head's time")
			w.same(l.Head.Epoch, uint64(3), "head's epoch")
		}),
		on("journal/each its own", func(w *world) {
			w.commit(journal(2))
			w.same(w.commit(molt.Batch{Conversation: other, Events: []molt.Event{event(now, "x", "x")}}).Head.Seq, uint64(1), "seq of the other")
			w.commit(molt.Batch{Conversation: conv + "x", Events: []molt.Event{event(now, "x", "x")}})
			w.same(len(w.load(conv, 0).Tail), 2, "events of the one")
		}),
		on("committed/zero head when no journal is touched", func(w *world) {
			w.same(w.commit(molt.Batch{Marks: []molt.Mark{{ID: "m"}}}), molt.Committed{}, "answer")
			w.same(w.commit(molt.Batch{}), molt.Committed{}, "answer to an empty batch")
		}),
		on("snapshot/tail is after it, recent before", func(w *world) {
			b := journal(5)
			b.Snapshot, b.SnapshotKey = []byte("state 5"), "k9"
			head := w.commit(b).Head
			w.commit(molt.Batch{Conversation: conv, Expect: molt.Expect{AnySeq: true}, Events: []molt.Event{event(now+9, "x", "body 6"), event(now+9, "x", "body 7")}})
			l := w.load(conv, 2)
			w.same(l.Snapshot, molt.Snapshot{Seq: 5, Hash: head.Hash, Key: "k9", Body: []byte("state 5")}, "snapshot")
			w.same(bodies(l.Tail), []string{"body 6", "body 7"}, "tail")
			w.same(bodies(l.Recent), []string{"body 4", "body 5"}, "recent")
			w.verifies(l.Snapshot.Hash, 6, l.Tail)
			w.same(l.Head.Seq, uint64(7), "head")
			for recent, want := range map[int]int{0: 0, -1: 0, 1: 1, 5: 5, 50: 5} {
				w.same(len(w.load(conv, recent).Recent), want, "recent when %d are asked for", recent)
			}
		}),
		on("snapshot/nil leaves the old one", func(w *world) {
			b := journal(2)
			b.Snapshot = []byte("state 2")
			w.commit(b)
			w.commit(molt.Batch{Conversation: conv, Expect: molt.Expect{Seq: 2}, Events: []molt.Event{event(now+9, "x", "x")}})
			w.same(w.load(conv, 0).Snapshot.Seq, uint64(2), "snapshot")
			w.commit(molt.Batch{Conversation: conv, Expect: molt.Expect{Seq: 3}, Snapshot: []byte{}})
			l := w.load(conv, 0)
			w.same(l.Snapshot.Seq, uint64(3), "snapshot of no bytes, without an event")
			w.same(len(l.Tail), 0, "tail")
		}),
		on("snapshot/without one the tail is everything", func(w *world) {
			w.commit(journal(4))
			l := w.load(conv, 2)
			w.same(len(l.Tail), 4, "tail")
			w.same(len(l.Recent), 0, "recent")
			w.same(l.Snapshot.Seq, uint64(0), "snapshot")
		}),
		on("keys/kept, replaced, emptied", func(w *world) {
			key := func(id molt.KeyID, wrapped string) molt.WrappedKey {
				return molt.WrappedKey{ID: id, Conversation: conv, Period: "2026-11", Wrapped: []byte(wrapped)}
			}
			w.commit(molt.Batch{Conversation: conv, Keys: []molt.WrappedKey{key("k2", "two"), key("k1", "one")}})
			w.same(w.load(conv, 0).Keys, []molt.WrappedKey{key("k1", "one"), key("k2", "two")}, "keys")
			w.commit(molt.Batch{Conversation: conv, Keys: []molt.WrappedKey{key("k1", "again"), key("k2", "")}})
			w.same(plain(w.load(conv, 0)).Keys, []molt.WrappedKey{key("k1", "again"), {ID: "k2", Conversation: conv, Period: "2026-11", Wrapped: []byte{}}}, "keys")
			w.same(len(w.load(other, 0).Keys), 0, "keys of another")
		}),
		on("shed/keeps sum and chain", func(w *world) {
			w.commit(journal(3))
			before := w.load(conv, 0)
			w.commit(molt.Batch{Conversation: conv, Expect: molt.Expect{Seq: 3}, Events: []molt.Event{event(now+9, "shed", "why")}, Shed: []uint64{2, 4}})
			l := w.load(conv, 0)
			w.verifies(molt.Hash{}, 1, l.Tail)
			for i, e := range l.Tail {
				if shed := i == 1 || i == 3; (e.Body == nil) != shed {
					w.Errorf("event %d: got body %q, shed %v", e.Seq, e.Body, shed)
				}
			}
			w.same(l.Tail[1].Sum, before.Tail[1].Sum, "digest of the shed body")
			w.same(l.Tail[1].Hash, before.Tail[1].Hash, "hash of the shed event")
			w.commit(molt.Batch{Conversation: conv, Expect: molt.Expect{Seq: 4}, Shed: []uint64{2}})
			w.refused(molt.Batch{Conversation: conv, Expect: molt.Expect{Seq: 4}, Shed: []uint64{5}}, molt.RefusedForm)
		}),
		on("shed/behind a snapshot", func(w *world) {
			b := journal(6)
			b.Snapshot = []byte("s")
			w.commit(b)
			w.commit(molt.Batch{Conversation: conv, Expect: molt.Expect{Seq: 6}, Shed: []uint64{5}})
			w.same(bodies(w.load(conv, 3).Recent), []string{"body 4", "", "body 6"}, "recent")
		}),
		on("copies/what is returned may be changed", func(w *world) {
			b := journal(3)
			b.Snapshot = []byte("state")
			b.Keys = []molt.WrappedKey{{ID: "k", Conversation: conv, Wrapped: []byte("wrapped")}}
			b.Put = []molt.Item{item("i", conv, "agent", now)}
			b.Marks = []molt.Mark{{ID: "m", Value: []byte("value")}}
			w.commit(b)
			w.commit(molt.Batch{Conversation: conv, Expect: molt.Expect{AnySeq: true}, Events: []molt.Event{event(now+9, "x", "tail")}})
			before := w.dump()
			scribble(w.dump())
			for _, it := range w.claim(now, "agent").Items {
				clear(it.Body)
			}
			p := w.rows(molt.Query{Table: molt.TableKeys, Conversation: conv})
			clear(p.Keys[0].Wrapped)
			w.same(w.dump(), before, "after scribbling over what was returned")
		}),
		on("copies/what was given may be changed", func(w *world) {
			b := journal(2)
			b.Snapshot = []byte("state")
			b.Keys = []molt.WrappedKey{{ID: "k", Conversation: conv, Wrapped: []byte("wrapped")}}
			b.Put = []molt.Item{item("i", conv, "agent", now)}
			b.Marks = []molt.Mark{{ID: "m", Value: []byte("value")}}
			w.commit(b)
			before := w.dump()
			clear(b.Events[0].Body)
			clear(b.Snapshot)
			clear(b.Keys[0].Wrapped)
			clear(b.Put[0].Body)
			clear(b.Marks[0].Value)
			w.same(w.dump(), before, "after scribbling over what was given")
		}),
		on("context/ended before: unknown, never refused", func(w *world) {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			before := w.dump()
			b := journal(1)
			b.Expect.Seq = 9
			_, err := w.store.Commit(ctx, b)
			w.isUnknown(err)
			_, err = w.store.Commit(ctx, journal(molt.MaxBatchEvents+1))
			w.isUnknown(err)
			w.same(w.dump(), before, "the store after")
			if _, err := w.store.Load(ctx, conv, 0); err == nil {
				w.Errorf("load with an ended context: got no error")
			}
		}),
	}
}

func scribble(s state) {
	for _, events := range s.Events {
		for _, e := range events {
			clear(e.Body)
		}
	}
	for _, l := range s.Journals {
		clear(l.Snapshot.Body)
		for _, e := range append(l.Tail, l.Recent...) {
			clear(e.Body)
		}
		for _, k := range l.Keys {
			clear(k.Wrapped)
		}
	}
	for _, it := range s.Items {
		clear(it.Body)
	}
	for _, m := range s.Marks {
		clear(m.Value)
	}
}

func (w *world) verifies(prev molt.Hash, from uint64, events []molt.Event) {
	w.Helper()
	if err := seal.VerifyChain(prev, from, conv, events); err != nil {
		w.Errorf("chain: got %v", err)
	}
}

func (w *world) isUnknown(err error) {
	w.Helper()
	var r *molt.Refused
	if !errors.Is(err, molt.ErrUnknown) || errors.As(err, &r) {
		w.Errorf("commit of a caller that left: got %v, want ErrUnknown", err)
	}
}
