package intake

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// pointer is the value of a lead's mark.
type pointer struct {
	Conversation molt.ConversationID `json:"conversation"`
	Case         molt.CaseID         `json:"case"`
	N            int                 `json:"n"` // the how-manieth that led this source
}

// addLead adds to the step which case of the patient's source rings already, if
// another chat has one that is not over. It is looked up once a step. Where that
// cannot be read nothing is added: the case rings by itself and leads nobody.
func (s *step) addLead(ctx context.Context) {
	source := s.state.AtSource()
	if source == "" || s.led {
		return
	}
	s.led = true
	at, err := s.d.leadOf(ctx, source)
	var lead turn.Lead
	if err == nil && at.Case != "" && at.Conversation != s.m.id {
		lead, err = s.d.openLead(ctx, at)
	}
	if err != nil {
		s.d.o.Log.Error().Str("conversation", string(s.m.id)).Err(err).Msg("lead")
		return
	}
	s.before = at
	s.add(turn.KindLead, &lead)
}

func (d *Desk) leadOf(ctx context.Context, source string) (p pointer, err error) {
	value, ok, err := d.Mark(ctx, molt.MarkID(MarkLead+source))
	if err != nil || !ok {
		return p, err
	}
	if err := json.Unmarshal(value, &p); err != nil {
		return p, fmt.Errorf("mark of a source: %w", err)
	}
	return p, nil
}

// openLead reads a case off the work list; one that is over leads nobody.
func (d *Desk) openLead(ctx context.Context, at pointer) (l turn.Lead, err error) {
	value, ok, err := d.Mark(ctx, molt.MarkID(MarkWork+string(at.Case)))
	if err != nil || !ok {
		return l, err
	}
	var r turn.WorkRow
	if err := json.Unmarshal(value, &r); err != nil {
		return l, fmt.Errorf("mark of a case: %w", err)
	}
	if r.State == escalation.StateResolved || r.State == escalation.StateClosed {
		return l, nil
	}
	return turn.Lead{Conversation: r.Conversation, Case: r.Case, Code: r.Code, Severity: r.Severity, Claimant: r.Claimant}, nil
}

// putLead makes the step's case the one of its source that rings. Of two that
// would follow the same one, one does: the other is decided again, and finds it.
func (s *step) putLead(b *molt.Batch, next *turn.State, source string) error {
	if next.Case == nil {
		return nil
	}
	p := pointer{Conversation: s.m.id, Case: next.Case.ID, N: s.before.N + 1}
	taken := MarkLead + source + "/" + strconv.Itoa(p.N)
	b.Expect.Unseen = append(b.Expect.Unseen, molt.MarkID(taken))
	if err := mark(b, taken, p.Case); err != nil {
		return err
	}
	return mark(b, MarkLead+source, p)
}
