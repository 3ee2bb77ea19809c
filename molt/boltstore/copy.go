package boltstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	bolt "go.etcd.io/bbolt"

	"github.com/tidegate/tidegate/molt"
)

// ErrReadOnly says that a store was opened to be read.
var ErrReadOnly = errors.New("the store is open for reading only")

// Copy writes the whole store to w as it stands now, in one read transaction:
// what is committed meanwhile is not in it, and waits for nothing. begun hears
// how many bytes there will be. It is for a reader that goes on reading: as long
// as the transaction is open, the file grows instead of using freed pages again.
func (s *Store) Copy(ctx context.Context, w io.Writer, begun func(size int64)) error {
	return s.view(ctx, "copy", func(t *tables) error {
		tx := t.heads.Tx()
		begun(tx.Size())
		_, err := tx.WriteTo(writeFunc(func(b []byte) (int, error) {
			if err := ctx.Err(); err != nil {
				return 0, err
			}
			return w.Write(b)
		}))
		return errors.Join(ctx.Err(), err) // bbolt drops what it wraps
	})
}

// writeFunc is a function as a writer.
type writeFunc func(b []byte) (int, error)

func (f writeFunc) Write(b []byte) (int, error) { return f(b) }

// OpenToRead opens a store that nobody writes to, such as a backup, and changes
// nothing of it: no opening is counted and no note is left. Commits and claims
// are refused. A file that is cut short is found here, before it is read.
func OpenToRead(path string) (s *Store, err error) {
	defer func() {
		if err != nil {
			s, err = nil, fmt.Errorf("open store %s: %w", path, err)
		}
	}()
	db, err := openMap(path)
	if err != nil {
		return nil, err
	}
	if err := checkFile(path); err != nil {
		_ = db.Close()
		return nil, err
	}
	s = &Store{db: db, queue: make(chan request), ended: make(chan struct{}), broken: make(chan struct{}), inspected: make(chan struct{}), closing: make(chan struct{}), readOnly: true}
	close(s.ended)     // there is no committer to wait for
	close(s.inspected) // and it was looked through
	err = s.read(func(t *tables) error {
		tx := t.heads.Tx()
		info, err := os.Stat(path)
		if err == nil && info.Size() < tx.Size() {
			err = fmt.Errorf("%w: it is cut short: %d bytes of %d", molt.ErrCorrupt, info.Size(), tx.Size())
		}
		return err
	})
	if err != nil {
		_ = db.Close()
	}
	return s, err
}

// checkFile checks all pages of a file.
func checkFile(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	return checkPages(file)
}

// openMap opens the file for reading and checks that its layout is ours. bbolt
// panics over first pages that make no sense.
func openMap(path string) (db *bolt.DB, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %w", molt.ErrCorrupt, panicError(p))
		}
	}()
	if info, err := os.Stat(path); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() || info.Size() == 0 {
		return nil, fmt.Errorf("%w: it is not a store", molt.ErrCorrupt)
	}
	db, err = openFile(Options{Path: path, LockTimeout: defaultLockTimeout, readOnly: true})
	if err != nil {
		return nil, err
	}
	err = db.View(func(tx *bolt.Tx) error {
		for _, name := range bucketNames() {
			if tx.Bucket([]byte(name)) == nil {
				return fmt.Errorf("%w: it is not a store of this kind", molt.ErrCorrupt)
			}
		}
		return checkSchema(tx)
	})
	if err != nil {
		_ = db.Close()
		return nil, err
	}
	return db, nil
}
