package audit

import (
	"context"
	"errors"

	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/seal"
)

// Sound reads one journal from its first event and finds what the disk did to it: a
// link that does not hold, a seal that does not open, a snapshot that does not. It
// judges no decoding and no folding: those are this build's doing, and no damage.
func (a *Auditor) Sound(ctx context.Context, id molt.ConversationID) (*Fault, error) {
	j, err := a.open(ctx, id)
	if err == nil {
		err = a.links(ctx, id, j.head, func(e molt.Event) error {
			if e.Body == nil {
				return nil
			}
			_, err := j.box.Open(e.Kind, e.Key, e.Body)
			return damage(id, e.Seq, err)
		})
	}
	if err == nil && j.snapshot.Body != nil {
		_, openErr := j.box.Open(seal.KindSnapshot, j.snapshot.Key, j.snapshot.Body)
		err = damage(id, j.snapshot.Seq, openErr)
	}
	var f *Fault
	if errors.As(err, &f) {
		return f, nil
	}
	return nil, err
}

// damage makes a fault of bytes that changed. A key that is not at hand changes none.
func damage(id molt.ConversationID, seq uint64, err error) error {
	if !errors.Is(err, molt.ErrCorrupt) {
		return nil
	}
	return &Fault{Conversation: id, Seq: seq, Cause: sealCause(err)}
}
