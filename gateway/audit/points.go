package audit

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/tidegate/tidegate/gateway/notary"
	"github.com/tidegate/tidegate/molt"
)

// ErrCheckpoints says that the checkpoints cannot be read.
var ErrCheckpoints = errors.New("the checkpoints cannot be read")

// Signed is what comparing the record with its checkpoints came to.
type Signed struct {
	Points   int       `json:"points"`             // signed heads that were compared
	Last     molt.Time `json:"last"`               // when the newest was signed
	Restored int       `json:"restored,omitempty"` // of them, those whose events a restore took away
}

// points compares the record with what was signed about it elsewhere.
func (a *Auditor) points(ctx context.Context, path string, r *Report) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCheckpoints, err)
	}
	defer f.Close()
	trail, err := notary.ReadTrail(f, a.ring)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCheckpoints, err)
	}
	for _, cause := range trail.Faults {
		r.fault(Fault{Cause: cause})
	}
	r.Signed = &Signed{Points: len(trail.Points), Last: trail.Last}
	for i, p := range trail.Points {
		fault, err := a.point(ctx, p)
		switch {
		case err != nil:
			return err
		case fault == nil:
		case lostBy(r.Restores, p.At):
			r.Signed.Restored++
		case fault.Seq != p.Seq && i+1 < len(trail.Points) && trail.Points[i+1].Conversation == p.Conversation:
			// Cut off: the journal's last point tells how far it went.
		default:
			r.fault(*fault)
		}
	}
	return nil
}

// point looks for a signed head in its journal.
func (a *Auditor) point(ctx context.Context, p notary.Point) (*Fault, error) {
	page, err := a.store.Scan(ctx, molt.Query{
		Table: molt.TableEvents, Conversation: p.Conversation, After: strconv.FormatUint(p.Seq-1, 10), Limit: 1,
	})
	if err != nil {
		return nil, err
	}
	if len(page.Events) == 0 || page.Events[0].Seq != p.Seq {
		l, err := a.store.Load(ctx, p.Conversation, 0)
		if err != nil {
			return nil, nil //nolint:nilerr // the journal does not verify, and its own fault is told
		}
		return &Fault{Conversation: p.Conversation, Seq: l.Head.Seq + 1, Cause: fmt.Sprintf(
			"cut off: it ends before event %d, which the checkpoint of %s has", p.Seq, p.At)}, nil
	}
	if e := page.Events[0]; hex.EncodeToString(e.Hash[:]) != p.Hash {
		return &Fault{Conversation: p.Conversation, Seq: p.Seq, Cause: fmt.Sprintf(
			"rewritten: it is not the event that the checkpoint of %s has", p.At)}, nil
	}
	return nil, nil
}

// lostBy reports whether a restore explains that something signed then is not
// there: it was signed after the backup's newest event, and before the restore
// was served.
func lostBy(restores []notary.Restore, at molt.Time) bool {
	for _, r := range restores {
		if at > r.AsOf && at <= max(r.At, r.Served) {
			return true
		}
	}
	return false
}
