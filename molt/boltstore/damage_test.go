package boltstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/tidegate/tidegate/molt"
)

// One damaged item of which no more than its place can be read must not keep the items of
// others from being claimed.
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
		return b.Put(bytes.Clone(k), bytes.Clone(v[:len(itemHead)+sumLength+1]))
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

// What no index leads to would never come due, and nobody would miss it.
func TestALostIndexIsMadeAnew(t *testing.T) {
	for _, bucket := range []string{bucketDue, bucketIDs} {
		path := filepath.Join(t.TempDir(), "store.db")
		s := open(t, Options{Path: path})
		for _, id := range []molt.ItemID{"i1", "i2", "i3"} {
			commit(t, s, molt.Batch{
				Conversation: "c", Expect: molt.Expect{AnySeq: true}, Events: []molt.Event{{Kind: "k", At: 1, Body: []byte("x")}},
				Put: []molt.Item{{ID: id, Conversation: "c", Lane: "page:alice:sms", Due: 1}},
			})
		}
		s.edit(t, func(tx *bolt.Tx) error {
			b := tx.Bucket([]byte(bucket))
			k, _ := b.Cursor().First()
			return b.Delete(bytes.Clone(k))
		})
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, Options{Path: path})
		if err := s.db.View(headsAreDue); err != nil {
			t.Errorf("%s: %v", bucket, err)
		}
		c, err := s.Claim(t.Context(), molt.Claim{Classes: []molt.Lane{"page"}, Now: 10, Until: 20, Limit: 8})
		if err != nil || len(c.Items) != 1 || c.Items[0].ID != "i1" {
			t.Errorf("%s: claimed %v, %v; want i1", bucket, c.Items, err)
		}
	}
}

// TestDamagedPagesAreRefused writes nonsense into each field of a page's table of
// contents: bbolt would follow it out of the page. All of it is said in a sentence.
func TestDamagedPagesAreRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := open(t, Options{Path: path, InitialMmapSize: 1 << 18})
	for i := range 200 {
		commit(t, s, molt.Batch{Conversation: "c", Expect: molt.Expect{AnySeq: true}, Events: []molt.Event{{Kind: "k", At: 1, Body: make([]byte, 200+i)}}})
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	was, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	_, _, w := newestRoot(file)
	if err := checkPages(file); err != nil || w == nil {
		t.Fatalf("the undamaged file: %v", err)
	}
	root, _, _ := newestRoot(file)
	branch := 0
	for id := uint64(2); id < w.end; id++ {
		at := int(id) * w.page
		kind, count := binary.LittleEndian.Uint16(was[at+8:]), binary.LittleEndian.Uint16(was[at+10:])
		if id != root && kind != branchPage || count == 0 {
			continue
		}
		branch++
		for field := pageHeader; field < pageHeader+element; field += 4 {
			image := bytes.Clone(was)
			binary.LittleEndian.PutUint32(image[at+field:], 0x7fffff00)
			if err := os.WriteFile(path, image, 0o600); err != nil {
				t.Fatal(err)
			}
			// A page that is no longer reached may hold anything.
			if s, err := Open(Options{Path: path, InitialMmapSize: 1 << 18}); err == nil {
				marks(t, s)
				_ = s.Close()
				if id == root {
					t.Errorf("page %d, byte %d: opened", id, field)
				}
			} else if !errors.Is(err, molt.ErrCorrupt) || !strings.Contains(err.Error(), "restore a backup") {
				t.Errorf("page %d, byte %d: %v", id, field, err)
			}
		}
	}
	if branch < 2 {
		t.Errorf("only %d pages were tried", branch)
	}
}

// FuzzPages wants any bytes walked to an end.
func FuzzPages(f *testing.F) {
	path := filepath.Join(f.TempDir(), "store.db")
	s, err := Open(Options{Path: path, InitialMmapSize: 1 << 16})
	if err != nil {
		f.Fatal(err)
	}
	commit(f, s, mark("m"))
	if err := s.Close(); err != nil {
		f.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw[8192:16384], uint64(2))
	f.Add(raw[12288:24576], uint64(3))
	f.Fuzz(func(t *testing.T, b []byte, root uint64) {
		b = append(make([]byte, 8192), b...)
		w := &walker{file: bytes.NewReader(b), page: 4096, end: uint64(len(b) / 4096)}
		w.seen = make([]uint64, w.end/64+1)
		for _, err := range []error{w.tree(root, nil, nil, 0), w.freelist(root + 1)} {
			if err != nil && !errors.Is(err, molt.ErrCorrupt) && !errors.Is(err, io.EOF) {
				t.Errorf("an error of another kind: %v", err)
			}
		}
	})
}

// TestADamagedMarkIsTorn: whatever byte of it or of its id is changed; it hides no
// other, and can be written anew. One that a build of layout 2 wrote reads.
func TestADamagedMarkIsTorn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := open(t, Options{Path: path})
	put := []molt.Mark{{ID: "a:1", Value: []byte(`{"n":1}`)}, {ID: "a:2", Value: []byte(`{"n":2}`)}, {ID: "a:3", Value: nil}}
	commit(t, s, molt.Batch{Marks: put})
	var whole []byte
	s.edit(t, func(tx *bolt.Tx) error {
		whole = bytes.Clone(tx.Bucket([]byte(bucketMarks)).Get([]byte("a:2")))
		return errors.Join(tx.Bucket([]byte(bucketMarks)).Put([]byte("a:4"), []byte("c_older")), tx.Bucket([]byte(bucketMarks)).Put([]byte("a:5"), whole))
	})
	read := func() map[molt.MarkID]molt.Mark {
		p, err := s.Scan(t.Context(), molt.Query{Table: molt.TableMarks, Limit: molt.MaxPage})
		if err != nil {
			t.Fatal(err)
		}
		out := map[molt.MarkID]molt.Mark{}
		for _, m := range p.Marks {
			out[m.ID] = m
		}
		return out
	}
	for at := range whole {
		torn := bytes.Clone(whole)
		torn[at] ^= 1 << (at % 8)
		s.edit(t, func(tx *bolt.Tx) error { return tx.Bucket([]byte(bucketMarks)).Put([]byte("a:2"), torn) })
		got := read()
		if m := got["a:2"]; !m.Torn || len(m.Value) > 0 {
			t.Errorf("byte %d changed: %+v, want it torn", at, m)
		}
		if string(got["a:1"].Value) != `{"n":1}` || got["a:1"].Torn || got["a:3"].Torn || string(got["a:4"].Value) != "c_older" || !got["a:5"].Torn {
			t.Errorf("byte %d changed: the others read %+v", at, got)
		}
	}
	for cut := range whole[1:] {
		s.edit(t, func(tx *bolt.Tx) error { return tx.Bucket([]byte(bucketMarks)).Put([]byte("a:2"), whole[:cut+1]) })
		if m := read()["a:2"]; !m.Torn {
			t.Errorf("cut after %d bytes: %+v, want it torn", cut+1, m)
		}
	}
	s.edit(t, func(tx *bolt.Tx) error { // its id runs over into its value
		return tx.Bucket([]byte(bucketMarks)).Put(append([]byte("a:6"), whole[:9]...), whole[9:])
	})
	if m := read()[molt.MarkID("a:6"+string(whole[:9]))]; !m.Torn {
		t.Errorf("an id that is none: %+v, want it torn", m)
	}
	s.edit(t, func(tx *bolt.Tx) error { // its value begins within its id
		return tx.Bucket([]byte(bucketMarks)).Put([]byte("a"), append([]byte(":2"), whole[:len(whole)-2]...))
	})
	if m := read()["a"]; !m.Torn {
		t.Errorf("a value that begins within the id: %+v, want it torn", m)
	}
	commit(t, s, molt.Batch{Marks: put})
	if m := read()["a:2"]; m.Torn || string(m.Value) != `{"n":2}` {
		t.Errorf("written anew: %+v", m)
	}
}

// TestADamagedItemIsTorn: whatever byte of it is changed, or where it lies under another's
// key; it hides no other. One that a build of layout 3 wrote reads.
func TestADamagedItemIsTorn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := open(t, Options{Path: path})
	item := func(id molt.ItemID, lane molt.Lane) molt.Item {
		return molt.Item{ID: id, Conversation: "c", Lane: lane, Due: 1, Key: "k", Body: []byte("body")}
	}
	commit(t, s, molt.Batch{
		Conversation: "c", Expect: molt.Expect{AnySeq: true}, Events: []molt.Event{{Kind: "k", At: 1, Body: []byte("x")}},
		Put: []molt.Item{item("i1", "page:alice:sms"), item("i2", "page:alice:sms"), item("i3", "page:alice:sms"), item("j1", "page:bob:sms")},
	})
	at := func(n int) (key, value []byte) {
		err := s.db.View(func(tx *bolt.Tx) error {
			c := tx.Bucket([]byte(bucketItems)).Cursor()
			k, v := c.First()
			for range n {
				k, v = c.Next()
			}
			key, value = bytes.Clone(k), bytes.Clone(v)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return key, value
	}
	read := func() (out []molt.Item) {
		p, err := s.Scan(t.Context(), molt.Query{Table: molt.TableItems, Limit: molt.MaxPage})
		if err != nil || len(p.Items) != 4 {
			t.Fatalf("%d items, %v", len(p.Items), err)
		}
		return p.Items
	}
	key, whole := at(1)
	put := func(value []byte) {
		s.edit(t, func(tx *bolt.Tx) error { return tx.Bucket([]byte(bucketItems)).Put(key, value) })
	}
	for i := range whole {
		torn := bytes.Clone(whole)
		torn[i] ^= 1 << (i % 8)
		put(torn)
		got := read()
		if it := got[1]; !it.Torn || it.Conversation != "c" || it.Lane != "page:alice:sms" || it.Body != nil || it.Due != 0 {
			t.Errorf("byte %d changed: %+v, want it torn", i, it)
		}
		if got[0].ID != "i1" || got[2].ID != "i3" || got[3].ID != "j1" {
			t.Errorf("byte %d changed: the others read %+v", i, got)
		}
	}
	_, others := at(2)
	if put(others); !read()[1].Torn {
		t.Error("another's value under its key: want it torn")
	}
	put(whole[len(itemHead)+sumLength:])
	if got := read()[1]; got.Torn || got.ID != "i2" || string(got.Body) != "body" {
		t.Errorf("as layout 3 has it: %+v", got)
	}
	if put(others[len(itemHead)+sumLength:]); !read()[1].Torn {
		t.Error("another's under its key, as layout 3 has it: want it torn")
	}
}

// TestABucketThatIsNotWhatItWasIsRefused: its root leads to another page, its name is
// another, or it is no bucket any more. Else it would be read as empty, or made anew.
func TestABucketThatIsNotWhatItWasIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := open(t, Options{Path: path, InitialMmapSize: 1 << 18})
	for i := range 100 {
		b := mark(fmt.Sprint("m", i))
		b.Conversation, b.Expect, b.Events = "c", molt.Expect{AnySeq: true}, []molt.Event{{Kind: "k", At: 1, Body: make([]byte, 200)}}
		b.Put = []molt.Item{{ID: molt.ItemID(fmt.Sprint("i", i)), Conversation: "c", Lane: "page:alice:sms", Due: 1, Body: make([]byte, 100)}}
		commit(t, s, b)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	was, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	root, _, w := newestRoot(bytes.NewReader(was))
	page := int(root) * w.page
	n, tried := int(binary.LittleEndian.Uint16(was[page+10:])), 0
	for i := range n {
		e := page + pageHeader + i*element
		name := e + int(binary.LittleEndian.Uint32(was[e+4:]))
		value := name + int(binary.LittleEndian.Uint32(was[e+8:]))
		for what, at := range map[string]int{"root": value, "name": name + 1, "kind": e} {
			for bit := range 5 {
				image := bytes.Clone(was)
				if image[at] ^= 1 << bit; what == "root" && binary.LittleEndian.Uint64(was[value:]) == 0 {
					continue // it lies in the page
				}
				if err := os.WriteFile(path, image, 0o600); err != nil {
					t.Fatal(err)
				}
				tried++
				s, err := Open(Options{Path: path, InitialMmapSize: 1 << 18})
				if err == nil {
					_ = s.Close()
				}
				if !errors.Is(err, molt.ErrCorrupt) {
					t.Errorf("bucket %d, its %s, bit %d: %v, want it refused", i, what, bit, err)
				}
			}
		}
	}
	if n != len(bucketNames()) || tried < 100 {
		t.Errorf("%d buckets, %d tried", n, tried)
	}
}

// large is how a store is opened whose file counts as large.
func large(path string) Options { return Options{Path: path, checkedAtOpen: 1} }

// crowd commits so many journals and items that the tables have several pages.
func crowd(t *testing.T, s *Store, n int) {
	t.Helper()
	for i := range n {
		id := fmt.Sprintf("c_%03d", i)
		commit(t, s, molt.Batch{
			Conversation: molt.ConversationID(id), Events: []molt.Event{{Kind: "k", At: 1, Body: bytes.Repeat([]byte("x"), 500)}},
			Put: []molt.Item{{ID: molt.ItemID("i_" + id), Conversation: molt.ConversationID(id), Lane: "page:alice:sms", Due: 1, Body: []byte("x")}},
		})
	}
}

// TestALargeFileIsLookedThroughBesideItsUse: opening one takes no longer the larger it
// is; a damaged page is found all the same, and the store is broken then, with a
// sentence.
func TestALargeFileIsLookedThroughBesideItsUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := open(t, Options{Path: path})
	crowd(t, s, 100)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	root, free, w := newestRoot(bytes.NewReader(whole))
	if err := w.all(root, free); err != nil {
		t.Fatal(err)
	}
	used, found := 0, 0
	for page := range int(w.end) {
		if page < 2 || !w.was(uint64(page)) || binary.LittleEndian.Uint64(whole[page*4096:]) != uint64(page) {
			continue
		}
		if used++; used%3 > 0 {
			continue
		}
		torn := bytes.Clone(whole)
		binary.LittleEndian.PutUint16(torn[page*4096+10:], 0xFFF0) // it counts what it does not hold
		if err := os.WriteFile(path, torn, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(large(path))
		if err != nil {
			found++ // its opening needs that page
			continue
		}
		<-s.inspected
		select {
		case <-s.Broken():
			_, err := s.Commit(t.Context(), molt.Batch{Marks: []molt.Mark{{ID: "m"}}})
			if !errors.Is(err, molt.ErrBroken) || !errors.Is(s.Fault(), molt.ErrCorrupt) || !strings.Contains(s.Fault().Error(), "restore a backup") {
				t.Errorf("page %d: %v, %v", page, err, s.Fault())
			}
			found++
		default:
			t.Errorf("page %d: its damage is not found", page)
		}
		if err := s.Close(); err != nil && !errors.Is(err, molt.ErrBroken) {
			t.Errorf("page %d: close: %v", page, err)
		}
	}
	if found < 10 {
		t.Errorf("%d of %d damaged pages are found", found, used/3)
	}
}

// TestALostIndexOfALargeFileIsMadeAnew: beside its use as well.
func TestALostIndexOfALargeFileIsMadeAnew(t *testing.T) {
	for _, bucket := range []string{bucketDue, bucketIDs} {
		path := filepath.Join(t.TempDir(), "store.db")
		s := open(t, Options{Path: path})
		crowd(t, s, 10)
		s.edit(t, func(tx *bolt.Tx) error {
			b := tx.Bucket([]byte(bucket))
			k, _ := b.Cursor().First()
			return b.Delete(bytes.Clone(k))
		})
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s, err := Open(large(path))
		if err != nil {
			t.Fatal(err)
		}
		<-s.inspected
		c, err := s.Claim(t.Context(), molt.Claim{Classes: []molt.Lane{"page"}, Now: 10, Until: 20, Limit: 100})
		if err != nil || len(c.Items) != 10 {
			t.Errorf("%s: %d items come due, %v; want 10", bucket, len(c.Items), err)
		}
		var done []molt.ItemID
		for _, it := range c.Items {
			done = append(done, it.ID)
		}
		commit(t, s, molt.Batch{Done: done})
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestALookThroughALargeFileIsNoFalseAlarm: commits go on meanwhile, and a close does
// not wait for its end.
func TestALookThroughALargeFileIsNoFalseAlarm(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s, err := Open(large(path))
	if err != nil {
		t.Fatal(err)
	}
	var looks sync.WaitGroup
	looks.Go(func() {
		for range 200 {
			if err := s.look(); err != nil {
				t.Errorf("a look beside commits: %v", err)
				return
			}
		}
	})
	crowd(t, s, 200)
	looks.Wait()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(large(path)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Error(err)
	}
}
