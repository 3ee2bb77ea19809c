package boltstore

import (
	"path/filepath"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/tidegate/tidegate/molt"
)

// One damaged item must not keep the items of others from being claimed.
func TestADamagedItemStopsItsLaneOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	open := func() *Store {
		s, err := Open(Options{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	put := func(s *Store, item molt.ItemID, c molt.ConversationID) {
		_, err := s.Commit(t.Context(), molt.Batch{
			Conversation: c, Expect: molt.Expect{AnySeq: true}, Events: []molt.Event{{Kind: "k", At: 1, Body: []byte("x")}},
			Put: []molt.Item{{ID: item, Conversation: c, Lane: "page:alice:sms", Due: 1, Body: []byte("x")}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	s := open()
	put(s, "i1", "c_a")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		b := tx.Bucket([]byte(bucketItems))
		k, v := b.Cursor().First()
		torn := append([]byte(nil), v...)
		torn[0] ^= 0x80
		return b.Put(append([]byte(nil), k...), torn)
	})
	if cerr := db.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		t.Fatal(err)
	}
	s = open()
	defer s.Close()
	put(s, "i2", "c_b")
	c, err := s.Claim(t.Context(), molt.Claim{Classes: []molt.Lane{"page"}, Now: 10, Until: 20, Limit: 8})
	if err != nil || len(c.Items) != 1 || c.Items[0].ID != "i2" {
		t.Errorf("claimed %v, %v; want the other conversation's page", c.Items, err)
	}
}
