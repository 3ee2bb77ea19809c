package casework

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// ErrNoReview says that a code stands for nothing that waits.
var ErrNoReview = errors.New("nothing waits under that code; a code ends with what it stands for")

// Reviews lists what of the agent's waits for a nurse, soonest to end first.
func (d *Desk) Reviews(ctx context.Context) ([]turn.ReviewRow, error) {
	rows, err := d.o.Desk.Reviews(ctx)
	slices.SortFunc(rows, func(a, b turn.ReviewRow) int {
		return cmp.Or(cmp.Compare(a.Due, b.Due), strings.Compare(a.Code, b.Code))
	})
	return rows, err
}

// Review finds what waits under a code.
func (d *Desk) Review(ctx context.Context, ref string) (turn.Code, error) {
	var c turn.Code
	code, rest, ok := turn.ReadCode(ref)
	if !ok || rest != "" {
		return c, ErrNoReview
	}
	value, ok, err := d.o.Desk.Mark(ctx, molt.MarkID(intake.MarkCode+code))
	if err == nil && ok {
		err = json.Unmarshal(value, &c)
	}
	switch {
	case err != nil:
		return c, err
	case c.Review == 0, c.Freed > 0:
		return c, ErrNoReview
	}
	return c, nil
}

// Waiting is something that waits for a nurse, as she reads it.
type Waiting struct {
	turn.Review
	Says  string       `json:"says,omitempty"`  // of an act: what would be done
	Words molt.Words   `json:"words,omitempty"` // of a draft
	Asked []molt.Words `json:"asked,omitempty"` // what the patient wrote that it answers, or since an act was put
}

// WaitingOf is what waits in a conversation.
func WaitingOf(s *turn.State, r *turn.Rules, recall func(turn.Ref) molt.Words) (out []Waiting) {
	for _, rev := range s.Reviews {
		w := Waiting{Review: rev}
		if rev.Act != nil {
			w.Says = rev.Act.InWords(r)
			for _, ref := range s.WroteSince(rev.Saw, recall) {
				w.Asked = append(w.Asked, recall(ref))
			}
		} else {
			w.Words = recall(rev.Words())
			for _, seq := range s.Pending {
				if seq <= rev.Saw {
					w.Asked = append(w.Asked, recall(turn.Ref{Seq: seq}))
				}
			}
		}
		out = append(out, w)
	}
	return out
}

func doneReview(v turn.Verb) string {
	switch v {
	case turn.VerbDrop:
		return "Dropped; the conversation is yours if the patient waits for an answer."
	case turn.VerbEdit:
		return "Your words go to the patient."
	}
	return "Released."
}
