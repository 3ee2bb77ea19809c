package turn

import (
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/molt"
)

// Restored is the end of the time that a restored record knows nothing of: the
// moment at which it began to be served. What was said until then may have been
// said by whoever served the record that was lost.
type Restored struct{ At molt.Time }

// Recall is what the carrier is asked before a text leaves that may have left,
// or be answered, in the time that a restore took from the record.
type Recall struct {
	Since, Until molt.Time
	// Any asks for whatever went to the patient, and not for these words: she
	// had her answer, though the agent would word it otherwise today.
	Any bool
}

// Recall reports whether the carrier is asked before a text leaves, and what.
// A routine text is, when it answers nothing newer than the restore. Everything
// else is when it was put before the restore: a red flag that back-fill brings
// again is answered and paged again, since nobody here knows what became of it.
func (r Restored) Recall(s *State, item molt.ItemID, o Out) (Recall, bool) {
	if r.At == 0 || s.Began.Live {
		return Recall{}, false // no carrier holds what a live channel said
	}
	if o.Person == "" && (o.Class == channels.ClassAgent || permitted(o.What)) {
		heard := s.lastHeardFrom(model.FromPatient)
		return Recall{Since: second(heard), Until: r.At, Any: true}, heard > 0 && heard <= r.At
	}
	d := s.send(item)
	if d == nil || d.Put > r.At || d.LastAt > r.At {
		return Recall{}, false
	}
	return Recall{Since: second(d.Put), Until: r.At}, true
}

// lastHeardFrom is when somebody's newest text was sent; 0: there is none.
func (s *State) lastHeardFrom(who string) (at molt.Time) {
	for _, t := range s.Turns {
		if t.From == who {
			at = max(at, t.At)
		}
	}
	return at
}

// second cuts a moment as carriers' lists do.
func second(t molt.Time) molt.Time { return molt.TimeOf(t.Std().Truncate(time.Second)) }
