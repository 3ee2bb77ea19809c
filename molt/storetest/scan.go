package storetest

import (
	"context"
	"fmt"

	"github.com/tidegate/tidegate/molt"
)

func scanCases() []Case {
	return []Case{
		on("scan/pages meet without gap or double", func(w *world) {
			fill(w)
			for _, q := range []molt.Query{
				{Table: molt.TableConversations},
				{Table: molt.TableEvents, Conversation: "c_03"},
				{Table: molt.TableItems},
				{Table: molt.TableItems, Conversation: "c_03"},
				{Table: molt.TableMarks},
				{Table: molt.TableMarks, Prefix: "even:"},
				{Table: molt.TableKeys, Conversation: "c_03"},
			} {
				whole := w.rows(q)
				for _, limit := range []int{1, 2, 3, 5, 7} {
					q.Limit = limit
					w.same(w.rows(q), whole, "%+v", q)
				}
			}
		}),
		on("scan/conversations ascend with their heads", func(w *world) {
			fill(w)
			w.commit(molt.Batch{Conversation: "c_touched", Put: []molt.Item{item("x", conv, "agent", now)}})
			rows := w.rows(molt.Query{Table: molt.TableConversations}).Conversations
			w.same(len(rows), 10, "conversations; one that has no head is not listed")
			for i, c := range rows {
				w.same(c.ID, molt.ConversationID(fmt.Sprintf("c_%02d", i)), "row")
				w.same(c.Head, w.load(c.ID, 0).Head, "head")
			}
		}),
		on("scan/events ascend and are those of Load", func(w *world) {
			fill(w)
			w.same(w.rows(molt.Query{Table: molt.TableEvents, Conversation: "c_03"}).Events, w.load("c_03", 0).Tail, "events")
			w.same(len(w.rows(molt.Query{Table: molt.TableEvents, Conversation: "c_0"}).Events), 0, "events of one that is not there")
		}),
		on("scan/marks by prefix ascend", func(w *world) {
			fill(w)
			var got []molt.MarkID
			for _, m := range w.rows(molt.Query{Table: molt.TableMarks, Prefix: "even:"}).Marks {
				got = append(got, m.ID)
			}
			w.same(got, []molt.MarkID{"even:00", "even:02", "even:04", "even:06", "even:08"}, "marks")
			w.same(len(w.rows(molt.Query{Table: molt.TableMarks}).Marks), 10, "all marks")
		}),
		on("scan/only the asked field", func(w *world) {
			fill(w)
			p, err := w.store.Scan(context.Background(), molt.Query{Table: molt.TableMarks, Limit: 10})
			if err != nil || p.Conversations != nil || p.Events != nil || p.Items != nil || p.Keys != nil || len(p.Marks) != 10 {
				w.Errorf("page of marks: got %+v, %v", p, err)
			}
			w.same(p.Next, "", "cursor at the end, when the page is just full")
		}),
		on("scan/a page may follow a row that is gone", func(w *world) {
			fill(w)
			q := molt.Query{Table: molt.TableItems, Conversation: "c_03", Limit: 2}
			p, err := w.store.Scan(context.Background(), q)
			if err != nil || len(p.Items) != 2 {
				w.Fatalf("scan: got %+v, %v", p, err)
			}
			w.commit(molt.Batch{Done: ids(p.Items)})
			q.After = p.Next
			w.same(len(w.rows(q).Items), 2, "rest of the items")
		}),
		on("scan/what cannot be answered", func(w *world) {
			for _, q := range []molt.Query{
				{Table: molt.TableMarks},
				{Table: molt.TableMarks, Limit: -1},
				{Table: molt.TableMarks, Limit: molt.MaxPage + 1},
				{Table: molt.TableEvents, Limit: 1},
				{Table: molt.TableKeys, Limit: 1},
				{Table: "nothing", Limit: 1},
				{Limit: 1},
				{Table: molt.TableEvents, Conversation: conv, After: "no number", Limit: 1},
			} {
				if _, err := w.store.Scan(context.Background(), q); !molt.IsRefused(err, molt.RefusedForm) {
					w.Errorf("scan %+v: got %v, want it refused", q, err)
				}
			}
		}),
	}
}

// fill makes ten conversations, each with events, items, keys and a mark.
func fill(w *world) {
	w.Helper()
	for i := range 10 {
		c := molt.ConversationID(fmt.Sprintf("c_%02d", i))
		b := molt.Batch{Conversation: c, Events: journal(4).Events}
		for j := range 4 {
			lane := molt.Lane([]string{"agent", "nurse", "page:a", "agent"}[j])
			b.Put = append(b.Put, item(molt.ItemID(fmt.Sprintf("i%d.%d", 9-i, j)), c, lane, now))
			b.Keys = append(b.Keys, molt.WrappedKey{ID: molt.KeyID(fmt.Sprint("k", 9-j)), Conversation: c, Wrapped: []byte{1}})
		}
		parity := []string{"even", "odd"}[i%2]
		b.Marks = []molt.Mark{{ID: molt.MarkID(fmt.Sprintf("%s:%02d", parity, i))}}
		w.commit(b)
	}
}
