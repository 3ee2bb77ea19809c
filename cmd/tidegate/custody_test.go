package main

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/gateway/custody"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/seal"
)

// keeper is a data folder whose copies lie where another's do.
type keeper struct {
	t *testing.T
	*house
	id string
	c  copies
}

func newKeeper(t *testing.T, backup, escrow, id, journal string, ring func(dir string) (*seal.Keyring, error)) *keeper {
	t.Helper()
	h, err := openHouseAt(filepath.Join(t.TempDir(), "data"), 0, ring)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.close)
	box, err := seal.NewBox(h.ring, molt.ConversationID(journal), nil, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, body, err := box.Seal(1, "x", []byte("words"))
	if err != nil {
		t.Fatal(err)
	}
	b := molt.Batch{Conversation: molt.ConversationID(journal), Events: []molt.Event{{At: 1, Kind: "x", Key: key, Body: body}}, Keys: box.Fresh()}
	if _, err := h.store.Commit(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	return &keeper{t: t, house: h, id: id, c: copies{store: h.store, backup: backup, escrow: escrow}}
}

func (k *keeper) take(at molt.Time) custody.Copies {
	k.t.Helper()
	done, err := k.c.take(context.Background(), custody.Copying{At: at, Key: k.ring.Alone(), Store: k.id})
	if err != nil {
		k.t.Fatal(err)
	}
	return done
}

// TestCopiesOfTwoStoresInOneFolder: each takes away its own of before and no other,
// within one second as well, and though one key was supplied to both. Copies that
// were named before a name said whose they are are told by what is in them.
func TestCopiesOfTwoStoresInOneFolder(t *testing.T) {
	backup, escrow := t.TempDir(), t.TempDir()
	drawn, err := seal.Draw(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	one := func(string) (*seal.Keyring, error) { return drawn, nil }
	own := func(dir string) (*seal.Keyring, error) {
		return seal.LoadOrCreate(filepath.Join(dir, keyFile), rand.Reader)
	}
	keepers := []*keeper{
		newKeeper(t, backup, escrow, "aaaa", "c_a", one), newKeeper(t, backup, escrow, "bbbb", "c_b", one), newKeeper(t, backup, escrow, "cccc", "c_c", own),
	}
	old := map[string]string{} // as an earlier version named them, and whose they are
	for _, k := range []*keeper{keepers[0], keepers[2]} {
		done := k.take(1000)
		for _, path := range []string{done.Backup, done.Escrow} {
			named := strings.Replace(path, k.id+"-", "", 1)
			if strings.HasSuffix(path, backupSuffix) { // which had no key in its name
				named = strings.Replace(named, "000001", "00000"+string(k.id[0]-'a'+'1'), 1)
			}
			if err := os.Rename(path, named); err != nil {
				t.Fatal(err)
			}
			old[named] = k.id
		}
	}
	want := map[string]custody.Copies{}
	for round := range molt.Time(2) {
		for _, k := range keepers {
			want[k.id] = k.take(5000 + 1000*round)
			for named, id := range old {
				_, err := os.Lstat(named)
				if gone := err != nil; gone != (id == k.id) && gone == (want[id] == custody.Copies{}) {
					t.Errorf("%s took copies: %s, of %s, gone: %v", k.id, filepath.Base(named), id, gone)
				}
			}
		}
	}
	var left, wanted []string
	for _, c := range want {
		wanted = append(wanted, c.Backup, c.Escrow)
	}
	for _, folder := range []string{backup, escrow} {
		entries, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			left = append(left, filepath.Join(folder, e.Name()))
		}
	}
	slices.Sort(left)
	slices.Sort(wanted)
	if !slices.Equal(left, wanted) {
		t.Errorf("left %q,\nwant %q", left, wanted)
	}
}
