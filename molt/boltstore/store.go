package boltstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/seal"
)

// Store is a molt.Store in one bbolt file.
type Store struct {
	db         *bolt.DB
	holderPath string
	readOnly   bool

	// gate is held for reading while a request enters the queue, and for
	// writing when Close shuts it: after that nobody can enter any more.
	gate   sync.RWMutex
	closed bool
	queue  chan request
	ended  chan struct{} // closed when the committer has ended

	closeOnce sync.Once
	closeErr  error

	broken    chan struct{}
	breakOnce sync.Once
	brokenBy  error // set before broken is closed

	file      *os.File      // the same that bbolt has open, to be read
	closing   chan struct{} // closed when Close begins
	inspected chan struct{} // closed when the file was looked through
	reserve   reserve

	// The committer alone reads and writes what follows.
	leases map[molt.ItemID]lease
	crowd  int    // of the group before
	token  uint64 // of the last lease granted
	stuck  bool   // bbolt kept its write lock after a panic: its Close would wait for ever

	company time.Duration // how long a group waits for such a crowd

	// fault, when a test sets it, is called before each step of writing a
	// batch, to fail or panic there.
	fault func(step string, b *molt.Batch)
}

// request is one batch or one claim on its way to the committer.
type request struct {
	batch *molt.Batch
	claim *molt.Claim
	fix   func(*bolt.Tx) error
	reply chan answer // of capacity 1: the committer never waits for a caller
}

type answer struct {
	committed molt.Committed
	claimed   molt.Claimed
	err       error
}

// Commit implements molt.Store. The batch is copied before it waits.
func (s *Store) Commit(ctx context.Context, b molt.Batch) (molt.Committed, error) {
	if ctx.Err() != nil {
		return molt.Committed{}, fmt.Errorf("commit: %w", molt.ErrUnknown)
	}
	if err := b.Check(); err != nil {
		return molt.Committed{}, err
	}
	a, answered := s.ask(ctx, request{batch: copyBatch(b)})
	if !answered {
		return molt.Committed{}, fmt.Errorf("commit: %w (%w)", molt.ErrUnknown, context.Cause(ctx))
	}
	return a.committed, a.err
}

// Claim implements molt.Store. Leases are not durable: they end with the
// process, whose file lock is the proof that nobody else acts on them.
func (s *Store) Claim(ctx context.Context, c molt.Claim) (molt.Claimed, error) {
	if err := ctx.Err(); err != nil {
		return molt.Claimed{}, fmt.Errorf("claim: %w", err)
	}
	if err := c.Check(); err != nil {
		return molt.Claimed{}, err
	}
	c.Classes = slices.Clone(c.Classes)
	a, answered := s.ask(ctx, request{claim: &c})
	if !answered {
		return molt.Claimed{}, fmt.Errorf("claim: %w", context.Cause(ctx))
	}
	return a.claimed, a.err
}

// ask hands a request to the committer and waits for its answer. It returns
// false when the context ended first; the request may be served all the same.
func (s *Store) ask(ctx context.Context, r request) (answer, bool) {
	r.reply = make(chan answer, 1)
	if entered, err := s.enter(ctx, r); !entered {
		return answer{err: err}, err != nil
	}
	select {
	case a := <-r.reply:
		return a, true
	case <-ctx.Done():
		return answer{}, false
	}
}

// enter puts a request into the queue. It returns an error when the store is
// closed, and no error when the context ended while the queue was full.
func (s *Store) enter(ctx context.Context, r request) (bool, error) {
	s.gate.RLock()
	defer s.gate.RUnlock()
	switch {
	case s.closed:
		return false, molt.ErrClosed
	case s.readOnly:
		return false, ErrReadOnly
	}
	select {
	case s.queue <- r:
		return true, nil
	case <-ctx.Done():
		return false, nil
	}
}

// Broken is closed when a write or fsync did not succeed. From then on every
// call answers molt.ErrBroken, and the process should end and reopen the file.
func (s *Store) Broken() <-chan struct{} { return s.broken }

// Fault says what broke the store; nil: it is not broken.
func (s *Store) Fault() error {
	select {
	case <-s.broken:
		return s.brokenBy
	default:
		return nil
	}
}

// Close implements molt.Store: no request enters any more, those that wait are
// served, then the file is closed and its lock given up.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		close(s.closing)
		<-s.inspected
		s.gate.Lock()
		s.closed = true
		close(s.queue)
		s.gate.Unlock()
		<-s.ended
		s.closeErr = s.closeFile()
	})
	return s.closeErr
}

// view runs a read, unless the store is broken or closed.
func (s *Store) view(ctx context.Context, what string, read func(t *tables) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	select {
	case <-s.broken:
		return fmt.Errorf("%s: %w", what, s.brokenBy)
	default:
	}
	err := s.read(read)
	if errors.Is(err, errNotOpen) {
		return molt.ErrClosed
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// read runs a read in a transaction. bbolt panics over pages that make no
// sense, and one that lies beyond the map is a fault of memory; that is one
// journal's misfortune and not the end of the process.
func (s *Store) read(read func(t *tables) error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %w", molt.ErrCorrupt, panicError(p))
		}
	}()
	return s.db.View(func(tx *bolt.Tx) error { return read(tablesOf(tx)) })
}

// copyBatch copies all that the committer will read, since a caller that
// stopped waiting may use its slices again, and takes the bodies' digests on
// the way, so that the one committer need not.
func copyBatch(b molt.Batch) *molt.Batch {
	if b.Expect.Epoch != nil {
		epoch := *b.Expect.Epoch
		b.Expect.Epoch = &epoch
	}
	b.Expect.Unseen = slices.Clone(b.Expect.Unseen)
	b.Expect.Leases = slices.Clone(b.Expect.Leases)
	b.Events = slices.Clone(b.Events)
	for i := range b.Events {
		e := &b.Events[i]
		e.Body = append([]byte{}, e.Body...) // never nil: nil says that it was shed
		e.Sum = seal.Sum(e.Body)
	}
	b.Snapshot = bytes.Clone(b.Snapshot)
	b.Keys = slices.Clone(b.Keys)
	for i := range b.Keys {
		b.Keys[i].Wrapped = bytes.Clone(b.Keys[i].Wrapped)
	}
	b.Marks = slices.Clone(b.Marks)
	for i := range b.Marks {
		b.Marks[i].Value = append([]byte{}, b.Marks[i].Value...)
	}
	b.Shed = slices.Clone(b.Shed)
	b.Put = slices.Clone(b.Put)
	for i := range b.Put {
		b.Put[i].Body = bytes.Clone(b.Put[i].Body)
	}
	b.Done, b.Retry, b.Cancel = slices.Clone(b.Done), slices.Clone(b.Retry), slices.Clone(b.Cancel)
	return &b
}

var _ molt.Store = (*Store)(nil)
