package boltstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/tidegate/tidegate/molt"
)

// smallDisk is a file system of so many bytes, gone with the test.
func smallDisk(t *testing.T, size int) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		t.Skipf("mount: %v: only root may mount a small disk", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir
}

// fillUp takes all the room there is, and returns the file that holds it.
func fillUp(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "other")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 4096); ; {
		if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) {
			return path
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// note is a batch that needs new pages.
func note(n int) molt.Batch {
	return molt.Batch{Conversation: "c", Expect: molt.Expect{AnySeq: true}, Events: []molt.Event{{At: 1, Kind: "x", Body: make([]byte, 60_000+n)}}}
}

// TestAFullDisk: the reserve carries the store on, then it refuses in words that
// are certain, and goes on when there is room. What it answered for is there.
func TestAFullDisk(t *testing.T) {
	dir := smallDisk(t, 16<<20)
	path, ctx := filepath.Join(dir, "tidegate.db"), context.Background()
	const size = 2 << 20
	s := open(t, Options{Path: path, Reserve: size})
	commit(t, s, note(0))
	if r, err := s.Room(); err != nil || r.Reserve != size || r.Scarce {
		t.Fatalf("with room: %+v, %v", r, err)
	}
	other := fillUp(t, dir)
	kept := 1
	for ; ; kept++ {
		if _, err := s.Commit(ctx, note(kept)); errors.Is(err, molt.ErrFull) {
			break
		} else if err != nil {
			t.Fatalf("commit %d: got %v, want it taken, or refused as full", kept, err)
		}
		if kept > 1000 {
			t.Fatal("the disk is never full")
		}
	}
	if kept < size/2/60_000 {
		t.Errorf("%d commits on a full disk: the reserve was not used", kept)
	}
	if r, err := s.Room(); err != nil || r.Reserve != 0 || !r.Scarce {
		t.Errorf("without room: %+v, %v", r, err)
	}
	select {
	case <-s.Broken():
		t.Fatal("a full disk broke the store")
	default:
	}
	if err := s.Refill(); err != nil {
		t.Errorf("refill without room: %v", err)
	}
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	commit(t, s, note(kept))
	kept++
	if err := s.Refill(); err != nil {
		t.Fatal(err)
	}
	if r, err := s.Room(); err != nil || r.Scarce {
		t.Errorf("with room again: %+v, %v", r, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, Options{Path: path, Reserve: size})
	l, err := again.Load(ctx, "c", 0)
	if err != nil || l.Head.Seq != uint64(kept) {
		t.Errorf("reopened: %d events, %v, want the %d that were answered", l.Head.Seq, err, kept)
	}
	if err := again.db.View(func(tx *bolt.Tx) error {
		for err := range tx.Check() {
			t.Errorf("the file: %v", err)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

// TestAFullDiskIsOpened: whoever starts on a full disk uses the reserve too.
func TestAFullDiskIsOpened(t *testing.T) {
	dir := smallDisk(t, 16<<20)
	path := filepath.Join(dir, "tidegate.db")
	s := open(t, Options{Path: path, Reserve: 4 << 20})
	commit(t, s, note(0))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	fillUp(t, dir)
	s = open(t, Options{Path: path, Reserve: 4 << 20})
	for n := range 20 {
		commit(t, s, note(n))
	}
}
