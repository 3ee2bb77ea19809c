package boltstore

import (
	"context"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/tidegate/tidegate/molt"
)

// lookTries bounds how often a look begins anew because commits overtook it before it
// knew where its own began.
const lookTries = 100

var (
	errStopped = errors.New("the store is being closed")
	// errRestore says what to do about a damaged page.
	errRestore = errors.New("restore a backup into a new folder, and keep this file")
)

// inspect looks through a file that was too large for it when it was opened, beside its
// use, and ends with that. What it finds damaged breaks the store: what bbolt reads of
// such a page is anybody's guess. Indexes that do not hold what they should are made
// anew.
func (s *Store) inspect() {
	defer close(s.inspected)
	err := s.look()
	var pages *pageError
	switch {
	case errors.Is(err, errStopped):
	case errors.As(err, &pages):
		_ = s.breakDown(fmt.Errorf("%w; %w", pages.cause, errRestore))
	case err != nil:
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		go func() { // ends when Close begins, or with this
			select {
			case <-s.closing:
				cancel()
			case <-ctx.Done():
			}
		}()
		s.ask(ctx, request{fix: reindex}) // what it does not mend breaks the store, or is found at the next opening
	}
}

// pageError says that a page is damaged, and not what is in it.
type pageError struct{ cause error }

func (e *pageError) Error() string { return e.cause.Error() }
func (e *pageError) Unwrap() error { return e.cause }

// look checks all pages of the file as they stand at one moment, and the indexes: in
// one read transaction, whose pages nothing writes to. Until it ends the file grows
// instead of using freed pages again.
func (s *Store) look() error {
	for range lookTries {
		err := s.read(func(t *tables) error {
			tx := t.heads.Tx()
			root, free, w := rootOf(s.file, func(txid, _ uint64) bool { return txid == uint64(tx.ID()) })
			if w == nil {
				return errOvertaken
			}
			w.stop = s.closing
			if err := w.all(root, free); err != nil {
				if errors.Is(err, errStopped) {
					return err
				}
				return &pageError{err}
			}
			return t.indexed()
		})
		if !errors.Is(err, errOvertaken) {
			return err
		}
	}
	return nil // it is used: the next opening looks again
}

// errOvertaken says that two commits came before a look had read where it begins.
var errOvertaken = errors.New("overtaken")

// fixes runs a repair as a transaction of its own.
func (s *Store) fixes(fix func(*bolt.Tx) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = s.breakDown(fmt.Errorf("%w: %w", molt.ErrCorrupt, panicError(p)))
		}
	}()
	select {
	case <-s.broken:
		return s.brokenBy
	default:
	}
	err = s.db.Update(fix)
	switch {
	case isFull(err):
		return fmt.Errorf("%w: %w", molt.ErrFull, err)
	case err != nil:
		return s.breakDown(err)
	}
	return nil
}
