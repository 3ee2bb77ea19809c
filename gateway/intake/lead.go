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

// anySource stands for the sources of all anonymous chats. It is no source's hash.
const anySource = "*"

// addLead adds to the step which case of the patient's source rings already, if
// another chat has one that is not over, or that as many chats ring as may, whatever
// their sources. Who is asked about a case that stands beside another is asked on:
// for it only its source counts. It is looked up once a step. Where that cannot be
// read nothing is added: the case rings by itself and leads nobody.
func (s *step) addLead(ctx context.Context, sev escalation.Severity) {
	source := s.state.AtSource()
	if source == "" || s.led {
		return
	}
	s.led = true
	rung, err := s.d.leadOf(ctx, anySource)
	var at pointer
	if err == nil {
		at, err = s.d.leadOf(ctx, source)
	}
	var own, lead turn.Lead
	if err == nil && at.Case != "" && at.Conversation != s.m.id {
		own, err = s.d.openLead(ctx, at)
	}
	if err == nil {
		lead, err = s.crowd(ctx, sev, own.Case != "")
	}
	if beside := s.state.Case != nil && s.state.Case.Beside != ""; beside || !lead.Crowd {
		own.Waiting = lead.Waiting
		lead = own
	}
	if err != nil {
		s.d.o.Log.Error().Str("conversation", string(s.m.id)).Err(err).Msg("lead")
		return
	}
	s.before, s.ringing = at, &rung
	s.add(turn.KindLead, &lead)
}

// addWaiting adds how many chats wait for their turn, for who is asked next.
func (s *step) addWaiting(ctx context.Context) {
	if s.led {
		return
	}
	s.led = true
	lead, err := s.crowd(ctx, escalation.S1, false)
	if err != nil {
		s.d.o.Log.Error().Str("conversation", string(s.m.id)).Err(err).Msg("lead")
		return
	}
	if lead.Waiting > 0 {
		s.add(turn.KindLead, &turn.Lead{Waiting: lead.Waiting})
	}
}

// crowd counts the other chats for which people are asked and nobody answered yet,
// each at least as grave. Where they are as many as may, the gravest leads, and of
// those the first. For a chat whose source leads already half as many are: one
// source must not take the places of all others.
func (s *step) crowd(ctx context.Context, sev escalation.Severity, again bool) (l turn.Lead, err error) {
	rows, err := s.d.WorkList(ctx)
	if err != nil {
		return l, err
	}
	ringing, waiting := 0, 0
	var first turn.WorkRow
	for _, r := range rows {
		switch {
		case !r.Live, r.Conversation == s.m.id:
		case r.Crowd != "":
			waiting++
		case r.Asks() && r.Severity.Rank() <= sev.Rank():
			if ringing++; first.Case == "" || r.Before(first) {
				first = r
			}
		}
	}
	may := s.d.o.Rules().Ringing()
	if again {
		may = (may + 1) / 2
	}
	if ringing >= may {
		l = turn.Lead{Conversation: first.Conversation, Case: first.Case, Code: first.Code, Severity: first.Severity, Crowd: true}
	}
	l.Waiting = waiting
	return l, nil
}

// putRinging counts one more chat that begins to ring. Of two that took the last
// place, one does: the other is decided again, and waits.
func (s *step) putRinging(b *molt.Batch, next *turn.State) error {
	was := s.m.state.Case
	if s.ringing == nil || next.Case == nil || !next.Case.Asks() || was != nil && was.Asks() {
		return nil
	}
	return s.putPointer(b, anySource, pointer{Conversation: s.m.id, Case: next.Case.ID, N: s.ringing.N + 1})
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
	return s.putPointer(b, source, pointer{Conversation: s.m.id, Case: next.Case.ID, N: s.before.N + 1})
}

func (s *step) putPointer(b *molt.Batch, source string, p pointer) error {
	taken := MarkLead + source + "/" + strconv.Itoa(p.N)
	b.Expect.Unseen = append(b.Expect.Unseen, molt.MarkID(taken))
	if err := mark(b, taken, p.Case); err != nil {
		return err
	}
	return mark(b, MarkLead+source, p)
}
