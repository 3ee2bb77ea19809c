package boltstore

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/tidegate/tidegate/molt"
)

// stalled is a reader of a copy that stops after the first bytes until it is
// let go on.
type stalled struct {
	bytes.Buffer
	began, goOn chan struct{}
}

func (s *stalled) Write(b []byte) (int, error) {
	if s.Len() == 0 {
		close(s.began)
		<-s.goOn
	}
	return s.Buffer.Write(b)
}

// TestCopyHoldsNobodyUp: while a copy's reader stands still, commits go on, far
// past the size that the file had; and the copy is the store as it was.
func TestCopyHoldsNobodyUp(t *testing.T) {
	s := open(t, Options{})
	commit(t, s, mark("before"))
	w := &stalled{began: make(chan struct{}), goOn: make(chan struct{})}
	copied := make(chan error, 1)
	var size int64
	go func() { copied <- s.Copy(context.Background(), w, func(n int64) { size = n }) }()
	<-w.began
	const more = 64
	big := molt.Batch{Marks: []molt.Mark{{ID: "big", Value: make([]byte, molt.MaxBodyBytes)}}}
	for n := range more {
		big.Marks[0].ID = molt.MarkID([]byte{'m', byte('0' + n)})
		commit(t, s, big)
	}
	commit(t, s, mark("after"))
	info, err := os.Stat(s.db.Path())
	if err != nil || info.Size() < more*molt.MaxBodyBytes || info.Size() < 4*size {
		t.Fatalf("the file did not grow while it was copied: %d bytes, %v", info.Size(), err)
	}
	close(w.goOn)
	if err := <-copied; err != nil {
		t.Fatal(err)
	}
	if int64(w.Len()) != size {
		t.Errorf("%d bytes, announced %d", w.Len(), size)
	}
	path := filepath.Join(t.TempDir(), "copy")
	if err := os.WriteFile(path, w.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	back, err := OpenToRead(path)
	if err != nil {
		t.Fatal(err)
	}
	defer back.Close()
	if there := marks(t, back); !there["before"] || there["after"] || len(there) != 1 {
		t.Errorf("the copy holds %v, want what was there before it began", there)
	}
	if _, err := back.Commit(context.Background(), mark("x")); !errors.Is(err, ErrReadOnly) {
		t.Errorf("a commit to a copy: %v", err)
	}
	if _, err := back.Claim(context.Background(), molt.Claim{Classes: []molt.Lane{"x"}, Now: 1, Until: 2, Limit: 1}); !errors.Is(err, ErrReadOnly) {
		t.Errorf("a claim on a copy: %v", err)
	}
}

func TestCopyEndsWithItsReader(t *testing.T) {
	s := open(t, Options{})
	commit(t, s, mark("before"))
	ctx, cancel := context.WithCancel(context.Background())
	if err := s.Copy(ctx, io.Discard, func(int64) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want canceled", err)
	}
}

// TestOpenToReadRefuses gives it files that are no whole store of this build.
func TestOpenToReadRefuses(t *testing.T) {
	s := open(t, Options{})
	for n := range 64 {
		commit(t, s, molt.Batch{Marks: []molt.Mark{{ID: molt.MarkID([]byte{'m', byte('0' + n)}), Value: make([]byte, 4096)}}})
	}
	var whole bytes.Buffer
	if err := s.Copy(context.Background(), &whole, func(int64) {}); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	put := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	schemed := func(version string) string {
		path := put("schema"+version, whole.Bytes())
		db, err := bolt.Open(path, 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if err := db.Update(func(tx *bolt.Tx) error {
			return tx.Bucket([]byte(bucketMeta)).Put([]byte("schema"), []byte(version))
		}); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, path := range map[string]string{
		"empty": put("empty", nil), "text": put("text", bytes.Repeat([]byte("no store\n"), 4096)), "cut": put("cut", whole.Bytes()[:whole.Len()/2]),
		"a schema of nobody": schemed("0"), "a schema of words": schemed("new"),
	} {
		if s, err := OpenToRead(path); !errors.Is(err, molt.ErrCorrupt) {
			t.Errorf("%s: got %v %v, want corrupt", name, s, err)
		}
	}
	var newer *SchemaError
	if _, err := OpenToRead(schemed("1000")); !errors.As(err, &newer) || newer.Found != 1000 {
		t.Errorf("a newer schema: %v", err)
	}
	if _, err := OpenToRead(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}
