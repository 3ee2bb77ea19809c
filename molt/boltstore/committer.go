package boltstore

import (
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/tidegate/tidegate/molt"
)

// groupBytes bounds the bodies of one group, so that one transaction stays in
// memory. The count of a group is bounded by queueLimit.
const groupBytes = 32 << 20

// company is how long a group waits for as many as the one before it had. One that
// came alone waits for nobody; of many writers each transaction, whose pages and fsync
// cost what they cost, then serves more.
const company = 300 * time.Microsecond

// run is the committer: it serves group after group until the queue is closed
// and empty.
func (s *Store) run() {
	defer close(s.ended)
	debug.SetPanicOnFault(true) // a damaged page number leads beyond the map
	for first := range s.queue {
		group := s.gather(first)
		batches, claims, fixes := split(group)
		for _, r := range fixes {
			r.reply <- answer{err: s.fixes(r.fix)}
		}
		if len(batches) > 0 {
			s.commit(batches)
		}
		for _, r := range claims {
			r.reply <- s.claim(*r.claim)
		}
	}
}

// gather takes what waits, and waits a moment for as many as came together last time.
func (s *Store) gather(first request) []request {
	group := []request{first}
	bytes := first.size()
	var late <-chan time.Time
	if s.crowd > 1 {
		t := time.NewTimer(s.company)
		defer t.Stop()
		late = t.C
	}
	for len(group) < queueLimit && bytes < groupBytes {
		r, came := s.another(len(group) < s.crowd, late)
		if !came {
			break
		}
		group = append(group, r)
		bytes += r.size()
	}
	s.crowd = len(group)
	return group
}

// another is a request that waits or, where that is wanted, comes before it is late.
func (s *Store) another(wait bool, late <-chan time.Time) (r request, came bool) {
	select {
	case r, came = <-s.queue:
		return r, came
	default:
	}
	if !wait {
		return r, false
	}
	select {
	case r, came = <-s.queue:
	case <-late:
	}
	return r, came
}

func (r request) size() int {
	if r.batch == nil {
		return 0
	}
	n := len(r.batch.Snapshot)
	for _, e := range r.batch.Events {
		n += len(e.Body)
	}
	for _, it := range r.batch.Put {
		n += len(it.Body)
	}
	for _, m := range r.batch.Marks {
		n += len(m.Value)
	}
	return n
}

func split(group []request) (batches, claims, fixes []request) {
	for _, r := range group {
		switch {
		case r.fix != nil:
			fixes = append(fixes, r)
		case r.batch != nil:
			batches = append(batches, r)
		default:
			claims = append(claims, r)
		}
	}
	return batches, claims, fixes
}

// commit writes what it can of a group in one transaction and answers all of
// it. When a batch faults in the midst of being written, the transaction is
// begun again without it; that happens at most once a batch.
func (s *Store) commit(group []request) {
	faults := make([]error, len(group))
	for {
		answers, again, err := s.try(group, faults)
		if again {
			continue
		}
		for i, r := range group {
			if err != nil {
				answers[i] = answer{err: fmt.Errorf("commit: %w", err)}
			}
			r.reply <- answers[i]
		}
		return
	}
}

// try runs one transaction. It asks to be run again when it noted a new fault,
// and when it let go of the reserve.
// An error means that nothing of the group may be called written.
func (s *Store) try(group []request, faults []error) (answers []answer, again bool, err error) {
	answers = make([]answer, len(group))
	select {
	case <-s.broken:
		return answers, false, s.brokenBy
	default:
	}
	tx, err := s.start()
	if err != nil {
		return answers, false, s.breakDown(err)
	}
	w := &writer{tables: tablesOf(tx), leases: s.leases, ended: map[molt.ItemID]bool{}, fault: s.fault}
	taken, spoiled := w.all(group, faults, answers)
	if spoiled || taken == 0 {
		err = s.rollback(tx)
	} else {
		err = s.finish(tx)
	}
	switch {
	case isFull(err):
		// bbolt writes to free pages first and its meta page last, and has rolled
		// back: nothing of the group is in the file, which is as it was.
		if s.reserve.release() {
			return answers, true, nil
		}
		return answers, false, fmt.Errorf("%w: %w", molt.ErrFull, err)
	case err != nil:
		return answers, false, s.breakDown(err)
	}
	if !spoiled {
		for id := range w.ended {
			delete(s.leases, id)
		}
	}
	return answers, spoiled, nil
}

// all writes what it can of a group, fills in the answers, and says how many
// batches were taken. When one faults it notes that and stops: the transaction
// is spoiled.
func (w *writer) all(group []request, faults []error, answers []answer) (taken int, spoiled bool) {
	for i, r := range group {
		if faults[i] != nil {
			answers[i].err = faults[i]
			continue
		}
		committed, err := w.batch(r.batch)
		var fault *faultError
		if errors.As(err, &fault) {
			faults[i] = fault.refusal()
			return taken, true
		}
		if err == nil {
			taken++
		}
		answers[i] = answer{committed: committed, err: err}
	}
	return taken, false
}

// start begins the transaction. Where that panics bbolt keeps its lock.
func (s *Store) start() (tx *bolt.Tx, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.stuck = true
			err = fmt.Errorf("%w: %w", molt.ErrCorrupt, panicError(p))
		}
	}()
	return s.db.Begin(true)
}

// finish makes the transaction durable: when it returns nil, fdatasync has.
func (s *Store) finish(tx *bolt.Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("bbolt: panic: %v", p)
			_ = s.rollback(tx) // so that Close finds no lock held
		}
	}()
	return tx.Commit()
}

func (s *Store) rollback(tx *bolt.Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.stuck = true
			err = fmt.Errorf("bbolt: panic: %v", p)
		}
	}()
	return tx.Rollback()
}

// breakDown ends the store's usefulness. Nothing is tried again after a write
// or fsync that did not succeed: the kernel may have thrown the pages away and
// a second fsync would then say that all is well.
func (s *Store) breakDown(cause error) error {
	if noRoom(cause) {
		s.reserve.release() // for whoever opens the file next
	}
	s.breakOnce.Do(func() {
		s.brokenBy = fmt.Errorf("%w: %w", molt.ErrBroken, cause)
		close(s.broken)
	})
	return s.brokenBy
}
