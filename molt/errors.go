package molt

import (
	"errors"
	"fmt"
)

var (
	// ErrUnknown says the caller's context ended before the store answered:
	// the batch may or may not be written.
	ErrUnknown = errors.New("outcome unknown: the caller stopped waiting")
	// ErrClosed says the store was closed.
	ErrClosed = errors.New("store is closed")
	// ErrBroken says a write or fsync failed: the store takes nothing more and
	// the process must reopen it. It is never retried.
	ErrBroken = errors.New("store is broken: a write to disk did not succeed")
	// ErrFull says the disk has no room, not even a reserve: the batch is not
	// written, and another may be once there is room.
	ErrFull = errors.New("no room on the disk")
	// ErrHeld says another process holds the store's file.
	ErrHeld = errors.New("another process holds the store")
	// ErrCorrupt says bytes read back are not what was written.
	ErrCorrupt = errors.New("stored bytes do not verify")
)

// RefusedKind says which expectation failed.
type RefusedKind string

// The reasons for which a batch is refused.
const (
	RefusedSeq   RefusedKind = "seq"   // the journal moved on
	RefusedEpoch RefusedKind = "epoch" // the owner changed
	RefusedSeen  RefusedKind = "seen"  // a mark is already there; Marks names all of them
	RefusedLease RefusedKind = "lease" // the lease is not held, or the item is gone
	RefusedSize  RefusedKind = "size"  // over a named limit
	RefusedForm  RefusedKind = "form"  // the batch contradicts itself; Why says how
)

// Refused is the error of a batch that was not taken. Nothing was written.
type Refused struct {
	Kind  RefusedKind
	Marks []MarkID // for RefusedSeen: the marks that were there
	Item  ItemID   // for RefusedLease
	Why   string
}

func (r *Refused) Error() string {
	return fmt.Sprintf("batch refused (%s): %s", r.Kind, r.Why)
}

// IsRefused reports whether err is a refusal of kind k.
func IsRefused(err error, k RefusedKind) bool {
	var r *Refused
	return errors.As(err, &r) && r.Kind == k
}
