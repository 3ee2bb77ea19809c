package attic_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/attic"
	"github.com/tidegate/tidegate/molt/memstore"
	"github.com/tidegate/tidegate/molt/seal"
)

const (
	one = molt.ConversationID("c_one")
	two = molt.ConversationID("c_two")
)

var (
	november = molt.TimeOf(time.Date(2026, 11, 30, 23, 59, 59, 0, time.UTC))
	december = november.Add(time.Second)
	photo    = []byte("\xff\xd8\xff a rash on the left arm")
)

// house is an attic beside a store with two conversations, each with a data key
// of November, the first with one of December too.
type house struct {
	t      *testing.T
	folder string
	store  *memstore.Store
	ring   *seal.Keyring
	attic  *attic.Attic
}

func newHouse(t *testing.T) *house {
	t.Helper()
	ring, err := seal.LoadOrCreate(filepath.Join(t.TempDir(), "tenant.key"), rand.Reader)
	must(t, err)
	h := &house{t: t, folder: filepath.Join(t.TempDir(), "media"), store: memstore.New(), ring: ring}
	h.key(one, november)
	h.key(one, december)
	h.key(two, november)
	h.open()
	return h
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (h *house) open() {
	h.t.Helper()
	var err error
	h.attic, err = attic.Open(attic.Options{Folder: h.folder, Store: h.store, Ring: h.ring, Random: rand.Reader})
	must(h.t, err)
}

// key gives a conversation a data key, as the commit of a text does.
func (h *house) key(id molt.ConversationID, at molt.Time) {
	h.t.Helper()
	box, err := seal.NewBox(h.ring, id, nil, rand.Reader)
	must(h.t, err)
	_, _, err = box.Seal(at, "inbound", nil)
	must(h.t, err)
	_, err = h.store.Commit(h.t.Context(), molt.Batch{Conversation: id, Expect: molt.Expect{AnySeq: true}, Keys: box.Fresh()})
	must(h.t, err)
}

func (h *house) keep(id molt.ConversationID, at molt.Time, plain []byte) attic.Ref {
	h.t.Helper()
	r, err := h.attic.Keep(h.t.Context(), id, at, plain)
	must(h.t, err)
	return r
}

func (h *house) path(r attic.Ref) string { return filepath.Join(h.folder, r.Name) }

func TestWhatIsKeptIsRead(t *testing.T) {
	h := newHouse(t)
	for _, plain := range [][]byte{photo, {}, bytes.Repeat([]byte("x"), attic.MaxFileBytes)} {
		r := h.keep(one, november, plain)
		h.open() // as after a start
		if got, err := h.attic.Read(t.Context(), one, r); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes: got %d bytes, %v", len(plain), len(got), err)
		}
	}
	if _, err := h.attic.Keep(t.Context(), one, november, make([]byte, attic.MaxFileBytes+1)); !errors.Is(err, attic.ErrTooLarge) {
		t.Errorf("one byte over the limit: %v", err)
	}
}

// TestNamesTellNothing: the same photo has one name in one conversation and
// month, and another anywhere else; nothing of it lies open.
func TestNamesTellNothing(t *testing.T) {
	h := newHouse(t)
	first := h.keep(one, november, photo)
	if again := h.keep(one, november, photo); again != first {
		t.Errorf("the same bytes again are %v, want %v", again, first)
	}
	for name, r := range map[string]attic.Ref{
		"another conversation": h.keep(two, november, photo),
		"another month":        h.keep(one, december, photo),
		"other bytes":          h.keep(one, november, photo[1:]),
	} {
		if r.Name == first.Name {
			t.Errorf("%s: the same name", name)
		}
	}
	body, err := os.ReadFile(h.path(first))
	must(t, err)
	if bytes.Contains(body, []byte("rash")) || bytes.Contains(body, photo[:3]) {
		t.Error("the file shows what is in it")
	}
	for path, want := range map[string]os.FileMode{h.folder: 0o700, h.path(first): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: mode %v, %v; want %v", path, info.Mode().Perm(), err, want)
		}
	}
}

func TestWhatIsNotWhatWasWritten(t *testing.T) {
	for name, c := range map[string]struct {
		harm func(h *house, r *attic.Ref)
		want error
	}{
		"gone":         {func(h *house, r *attic.Ref) { must(h.t, os.Remove(h.path(*r))) }, attic.ErrGone},
		"never there":  {func(_ *house, r *attic.Ref) { r.Name = "f_" + strings.Repeat("a", 32) }, attic.ErrGone},
		"one bit":      {func(h *house, r *attic.Ref) { h.rewrite(*r, func(b []byte) []byte { b[20] ^= 1; return b }) }, molt.ErrCorrupt},
		"cut":          {func(h *house, r *attic.Ref) { h.rewrite(*r, func(b []byte) []byte { return b[:len(b)/2] }) }, molt.ErrCorrupt},
		"empty":        {func(h *house, r *attic.Ref) { h.rewrite(*r, func([]byte) []byte { return nil }) }, molt.ErrCorrupt},
		"endless":      {func(h *house, r *attic.Ref) { must(h.t, os.Truncate(h.path(*r), 1<<30)) }, molt.ErrCorrupt},
		"another file": {func(h *house, r *attic.Ref) { h.swap(*r, h.keep(one, november, []byte("other"))) }, molt.ErrCorrupt},
		"a path":       {func(_ *house, r *attic.Ref) { r.Name = "../tenant.key" }, molt.ErrCorrupt},
		"no name":      {func(_ *house, r *attic.Ref) { r.Name = "" }, molt.ErrCorrupt},
		"another key":  {func(h *house, r *attic.Ref) { r.Key = h.keep(one, december, photo).Key }, molt.ErrCorrupt},
		"no such key":  {func(_ *house, r *attic.Ref) { r.Key = "k_none" }, seal.ErrNoKey},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			r := h.keep(one, november, photo)
			c.harm(h, &r)
			if got, err := h.attic.Read(t.Context(), one, r); !errors.Is(err, c.want) || got != nil {
				t.Errorf("got %d bytes, %v; want %v", len(got), err, c.want)
			}
		})
	}
	h := newHouse(t)
	r := h.keep(one, november, photo)
	// Sealed with the right key as that very name, by whoever has the keys.
	p, err := h.store.Scan(t.Context(), molt.Query{Table: molt.TableKeys, Conversation: one, Limit: 10})
	must(t, err)
	box, err := seal.NewBox(h.ring, one, p.Keys, rand.Reader)
	must(t, err)
	_, forged, err := box.Seal(november, "file:"+r.Name, []byte("another photo"))
	must(t, err)
	h.rewrite(r, func([]byte) []byte { return forged })
	if got, err := h.attic.Read(t.Context(), one, r); !errors.Is(err, molt.ErrCorrupt) || got != nil {
		t.Errorf("what does not hash to its name: got %d bytes, %v", len(got), err)
	}
	r = h.keep(one, november, photo)
	if got, err := h.attic.Read(t.Context(), two, r); err == nil || got != nil {
		t.Errorf("as another conversation's: got %d bytes, %v", len(got), err)
	}
}

func (h *house) rewrite(r attic.Ref, change func([]byte) []byte) {
	h.t.Helper()
	b, err := os.ReadFile(h.path(r))
	must(h.t, err)
	must(h.t, os.WriteFile(h.path(r), change(b), 0o600))
}

// swap puts one genuine file under another's name.
func (h *house) swap(to, from attic.Ref) {
	h.t.Helper()
	must(h.t, os.Rename(h.path(from), h.path(to)))
}

// TestTheKeyTakesTheFileAlong: with the data key the file is gone, though its
// bytes lie there, and no key is made to keep another.
func TestTheKeyTakesTheFileAlong(t *testing.T) {
	h := newHouse(t)
	r := h.keep(one, november, photo)
	p, err := h.store.Scan(t.Context(), molt.Query{Table: molt.TableKeys, Conversation: one, Limit: 10})
	must(t, err)
	for _, k := range p.Keys {
		if k.ID == r.Key {
			k.Wrapped = nil
			_, err := h.store.Commit(t.Context(), molt.Batch{Conversation: one, Expect: molt.Expect{AnySeq: true}, Keys: []molt.WrappedKey{k}})
			must(t, err)
		}
	}
	if _, err := h.attic.Read(t.Context(), one, r); !errors.Is(err, seal.ErrErased) {
		t.Errorf("read: %v, want ErrErased", err)
	}
	if _, err := h.attic.Keep(t.Context(), one, november, photo); !errors.Is(err, seal.ErrErased) {
		t.Errorf("keep under an erased key: %v, want ErrErased", err)
	}
	if _, err := h.attic.Keep(t.Context(), two, december, photo); !errors.Is(err, seal.ErrNoKey) {
		t.Errorf("keep where there is no key: %v, want ErrNoKey", err)
	}
	if again := h.keep(one, december, photo); again.Key == r.Key {
		t.Error("December is sealed under November's key")
	}
}

func TestOpenSweepsWhatIsHalfWritten(t *testing.T) {
	h := newHouse(t)
	r := h.keep(one, november, photo)
	half := filepath.Join(h.folder, ".new-123")
	must(t, os.WriteFile(half, []byte("hal"), 0o600))
	h.open()
	if _, err := os.Stat(half); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the half-written file is still there: %v", err)
	}
	if _, err := h.attic.Read(t.Context(), one, r); err != nil {
		t.Errorf("the whole one went with it: %v", err)
	}
}

// TestAFullDiskLeavesNothingBehind: a folder that takes no file is an error, and
// one that takes the file and not its name leaves no half.
func TestAFullDiskLeavesNothingBehind(t *testing.T) {
	h := newHouse(t)
	r := h.keep(one, november, photo)
	must(t, os.Remove(h.path(r)))
	must(t, os.Mkdir(h.path(r), 0o700)) // the name is taken by what no file replaces
	if _, err := h.attic.Keep(t.Context(), one, november, photo); err == nil {
		t.Fatal("kept where its name cannot be given")
	}
	entries, err := os.ReadDir(h.folder)
	must(t, err)
	if len(entries) != 1 {
		t.Errorf("%d entries left behind, want the folder in the way alone", len(entries))
	}
	must(t, os.RemoveAll(h.folder))
	if _, err := h.attic.Keep(t.Context(), one, november, photo); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("kept in a folder that is gone: %v", err)
	}
}
