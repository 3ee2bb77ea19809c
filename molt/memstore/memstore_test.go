package memstore_test

import (
	"fmt"
	"testing"

	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/memstore"
	"github.com/tidegate/tidegate/molt/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(*testing.T) molt.Store { return memstore.New() })
}

func TestReopen(t *testing.T) {
	storetest.Reopen(t, func(*testing.T) func() molt.Store {
		s := memstore.New()
		return func() molt.Store {
			s = s.Reopen()
			return s
		}
	})
}

// TestCopy: a copy holds what was committed, and nothing that comes after, on either
// side.
func TestCopy(t *testing.T) {
	ctx, s := t.Context(), memstore.New()
	commit := func(to *memstore.Store, words string) {
		t.Helper()
		_, err := to.Commit(ctx, molt.Batch{
			Conversation: "c_1", Expect: molt.Expect{AnySeq: true}, Events: []molt.Event{{Kind: "noted", Body: []byte(words)}},
			Put: []molt.Item{{ID: molt.ItemID("c_1/" + words), Conversation: "c_1", Lane: "ask"}}, Marks: []molt.Mark{{ID: molt.MarkID(words), Value: []byte{1}}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	count := func(of *memstore.Store) string {
		t.Helper()
		n := ""
		for _, q := range []molt.Query{{Table: molt.TableEvents, Conversation: "c_1"}, {Table: molt.TableItems}, {Table: molt.TableMarks}} {
			q.Limit = molt.MaxPage
			p, err := of.Scan(ctx, q)
			if err != nil {
				t.Fatal(err)
			}
			n += fmt.Sprint(len(p.Events)+len(p.Items)+len(p.Marks), " ")
		}
		return n
	}
	commit(s, "one")
	c := s.Copy()
	commit(s, "two")
	commit(s, "three")
	if was, is := count(s), count(c); was != "3 3 3 " || is != "1 1 1 " {
		t.Errorf("events, items and marks: %s and in the copy %s", was, is)
	}
	commit(c, "four")
	if was, is := count(s), count(c); was != "3 3 3 " || is != "2 2 2 " {
		t.Errorf("events, items and marks: %s and in the copy %s", was, is)
	}
}
