package boltstore

import (
	"bytes"
	"fmt"
	"path/filepath"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/tidegate/tidegate/molt"
)

// torn3 is a store with a lane of three items, of which the second is torn while the store
// is open, and one of another lane.
func torn3(t *testing.T, tear func(value []byte) []byte) *Store {
	t.Helper()
	s := open(t, Options{Path: filepath.Join(t.TempDir(), "store.db")})
	item := func(id molt.ItemID, lane molt.Lane) molt.Item {
		return molt.Item{ID: id, Conversation: "c", Lane: lane, Due: 5, Key: "k", Body: []byte("body")}
	}
	commit(t, s, molt.Batch{
		Conversation: "c", Expect: molt.Expect{AnySeq: true}, Events: []molt.Event{{Kind: "k", At: 1, Body: []byte("x")}},
		Put: []molt.Item{item("i1", "page:alice:sms"), item("i2", "page:alice:sms"), item("i3", "page:alice:sms"), item("j1", "page:bob:sms")},
	})
	s.edit(t, func(tx *bolt.Tx) error {
		key := bytes.Clone(tx.Bucket([]byte(bucketIDs)).Get([]byte("i2")))
		items := tx.Bucket([]byte(bucketItems))
		return items.Put(key, tear(bytes.Clone(items.Get(key))))
	})
	return s
}

// ended claims what is due, ends it, and says what it was; a torn one with a mark.
func ended(t *testing.T, s *Store) (out []string) {
	t.Helper()
	c, err := s.Claim(t.Context(), molt.Claim{Classes: []molt.Lane{"page"}, Now: 10, Until: 20, Limit: 8})
	if err != nil {
		t.Fatal(err)
	}
	for _, it := range c.Items {
		what := string(it.ID)
		if it.Torn {
			what += "!"
		}
		out = append(out, what)
		commit(t, s, molt.Batch{Conversation: "c", Expect: molt.Expect{AnySeq: true, Leases: []molt.Lease{it.Lease}, Now: 10}, Events: []molt.Event{{Kind: "k", At: 1, Body: []byte("x")}}, Done: []molt.ItemID{it.ID}})
	}
	return out
}

// TestATornItemComesToItsEnd: it is handed out as torn, so that who opens it ends it, and
// what waits behind it follows: at once, after it was put back, and opened anew.
func TestATornItemComesToItsEnd(t *testing.T) {
	flip := func(v []byte) []byte { v[len(v)-1] ^= 1; return v }
	s := torn3(t, flip)
	for i, want := range []string{"[i1 j1]", "[i2!]", "[i3]", "[]"} {
		if got := fmt.Sprint(ended(t, s)); got != want {
			t.Errorf("claim %d: %s, want %s", i, got, want)
		}
	}
	s = torn3(t, flip)
	ended(t, s)
	c, err := s.Claim(t.Context(), molt.Claim{Classes: []molt.Lane{"page"}, Now: 10, Until: 20, Limit: 8})
	if err != nil || len(c.Items) != 1 {
		t.Fatal(c, err)
	}
	commit(t, s, molt.Batch{Expect: molt.Expect{Leases: []molt.Lease{c.Items[0].Lease}, Now: 10}, Retry: []molt.Retry{{Item: "i2", Due: 9}}})
	for i, want := range []string{"[i2!]", "[i3]", "[]"} {
		if got := fmt.Sprint(ended(t, s)); got != want {
			t.Errorf("put back, claim %d: %s, want %s", i, got, want)
		}
	}
	s = torn3(t, flip)
	path := s.db.Path()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, Options{Path: path})
	for i, want := range []string{"[i1 j1]", "[i2!]", "[i3]", "[]"} {
		if got := fmt.Sprint(ended(t, s)); got != want {
			t.Errorf("opened anew, claim %d: %s, want %s", i, got, want)
		}
	}
}

// TestATornItemHasNoOthersID: one whose id is torn is handed out only once the store has
// been opened anew, for its own may be leased to somebody who works on it.
func TestATornItemHasNoOthersID(t *testing.T) {
	s := torn3(t, func(v []byte) []byte { v[len(itemHead)+sumLength+1] ^= 1; return v })
	for i, want := range []string{"[i1 j1]", "[]"} {
		if got := fmt.Sprint(ended(t, s)); got != want {
			t.Errorf("claim %d: %s, want %s", i, got, want)
		}
	}
	path := s.db.Path()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, Options{Path: path})
	for i, want := range []string{"[h2!]", "[i3]", "[]"} {
		if got := fmt.Sprint(ended(t, s)); got != want {
			t.Errorf("opened anew, claim %d: %s, want %s", i, got, want)
		}
	}
}

// TestATornItemHoldsNoCommitBack: whoever cancels or ends one, whatever of it can be read,
// has his commit; nothing of it stays, and what waits behind it follows.
func TestATornItemHoldsNoCommitBack(t *testing.T) {
	for name, tear := range map[string]func([]byte) []byte{
		"its body":  func(v []byte) []byte { v[len(v)-1] ^= 1; return v },
		"its id":    func(v []byte) []byte { v[len(itemHead)+sumLength+1] ^= 1; return v },
		"its lane":  func(v []byte) []byte { v[bytes.Index(v, []byte("alice"))] ^= 1; return v },
		"all of it": func(v []byte) []byte { return v[:1] },
	} {
		s := torn3(t, tear)
		ended(t, s) // i1 and j1
		commit(t, s, molt.Batch{Conversation: "c", Expect: molt.Expect{AnySeq: true}, Events: []molt.Event{{Kind: "k", At: 1, Body: []byte("x")}}, Cancel: []molt.ItemID{"i2"}})
		if got := fmt.Sprint(ended(t, s)); got != "[i3]" {
			t.Errorf("%s: claimed %s, want i3", name, got)
		}
		s.edit(t, func(tx *bolt.Tx) error {
			if err := tablesOf(tx).indexed(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			return nil
		})
	}
}

// TestAGoneItemLeavesItsLane: the head of a lane that is gone from its place ends, and its
// follower is due.
func TestAGoneItemLeavesItsLane(t *testing.T) {
	s := torn3(t, func(v []byte) []byte { return v })
	s.edit(t, func(tx *bolt.Tx) error {
		key := bytes.Clone(tx.Bucket([]byte(bucketIDs)).Get([]byte("i1")))
		return tx.Bucket([]byte(bucketItems)).Delete(key)
	})
	commit(t, s, molt.Batch{Cancel: []molt.ItemID{"i1"}})
	if got := fmt.Sprint(ended(t, s), ended(t, s)); got != "[i2 j1] [i3]" {
		t.Errorf("claimed %s, want i2 and j1, and then i3", got)
	}
}

// TestAPlaceIsGivenOnce: a damaged sequence gives nobody's place to another.
func TestAPlaceIsGivenOnce(t *testing.T) {
	s := torn3(t, func(v []byte) []byte { return v })
	put := func(id molt.ItemID) {
		commit(t, s, molt.Batch{Conversation: "c", Expect: molt.Expect{AnySeq: true}, Events: []molt.Event{{Kind: "k", At: 1, Body: []byte("x")}}, Put: []molt.Item{{ID: id, Conversation: "c", Lane: "page:alice:sms", Due: 5, Key: "k", Body: []byte("body")}}})
	}
	s.edit(t, func(tx *bolt.Tx) error { return tx.Bucket([]byte(bucketItems)).SetSequence(0) })
	put("i4")
	if got, want := fmt.Sprint(ended(t, s), ended(t, s), ended(t, s), ended(t, s)), "[i1 j1] [i2] [i3] [i4]"; got != want {
		t.Errorf("while it is open: claimed %s, want %s", got, want)
	}
	s = torn3(t, func(v []byte) []byte { return v })
	s.edit(t, func(tx *bolt.Tx) error { return tx.Bucket([]byte(bucketItems)).SetSequence(0) })
	path := s.db.Path()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, Options{Path: path})
	s.edit(t, func(tx *bolt.Tx) error {
		if got := tx.Bucket([]byte(bucketItems)).Sequence(); got != 4 {
			t.Errorf("opened anew, the sequence is %d, want 4", got)
		}
		return nil
	})
}
