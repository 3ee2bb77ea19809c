package turn

import (
	"cmp"
	"fmt"

	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/screen"
	"github.com/tidegate/tidegate/molt"
)

// Lead is the case of another chat of the same anonymous source for which people
// are asked. The zero Lead says that there is none.
type Lead struct {
	Conversation molt.ConversationID `json:"conversation,omitempty"`
	Case         molt.CaseID         `json:"case,omitempty"`
	Code         string              `json:"code,omitempty"`
	Severity     escalation.Severity `json:"severity,omitempty"`
	Claimant     molt.PersonID       `json:"claimant,omitempty"`
	// Crowd says that it leads all anonymous chats that ring, as many as may at
	// once, whatever their source; Waiting how many wait for their turn already.
	Crowd   bool `json:"crowd,omitempty"`
	Waiting int  `json:"waiting,omitempty"`
}

// AtSource is where the patient of a live channel writes from; "" on any other.
func (s *State) AtSource() string {
	if !s.Began.Live {
		return ""
	}
	return s.Source
}

// MayRing reports whether a step with that fact in it may set pages going for a
// case, so that it has to be known whether its source has one already.
func (s *State) MayRing(body any) bool {
	if s.Case != nil && (rings(*s.Case) || s.Case.Held()) {
		return false
	}
	switch b := body.(type) {
	case *screen.Verdict:
		return b.Severity.Rank() >= screen.S2.Rank()
	case *Replied:
		return b.Answer.Severity != ""
	case *Opined:
		return b.Level != ""
	case *Timed:
		return b.Name == timerCase && s.Case != nil && (s.Case.Beside != "" || s.Case.Crowd != "")
	}
	return false
}

// RingSeverity is how grave a case is that such a fact may set ringing.
func (s *State) RingSeverity(body any) escalation.Severity {
	switch b := body.(type) {
	case *screen.Verdict:
		return escalation.Severity(b.Severity)
	case *Replied:
		return escalation.Severity(b.Answer.Severity)
	case *Opined:
		return b.Level
	}
	if s.Case != nil {
		return s.Case.Severity
	}
	return escalation.S1
}

// MayAskAgain reports whether a step with that fact in it may ask more people about
// a chat's case, who are told how many others wait.
func (s *State) MayAskAgain(body any) bool {
	b, ok := body.(*Timed)
	return ok && b.Name == timerCase && s.AtSource() != "" && s.Case != nil && s.Case.Asks()
}

// rings reports whether pages go out for a case, or a person keeps them from it.
func rings(c escalation.Case) bool {
	return c.State != "" && !c.Settled() && c.Severity.Rank() <= 2 && c.Beside == "" && c.Crowd == ""
}

// besideLead completes an event with which a case may begin to ring: where a
// chat of the same source has a case as grave, this one stands beside it.
func (x *decider) besideLead(c escalation.Case, e escalation.Event) escalation.Event {
	sev, l := e.Severity, x.lead
	if e.Kind == escalation.EventTick {
		sev = c.Severity
	}
	if l == nil || l.Case == "" || rings(c) || c.Held() || l.Severity.Rank() > sev.Rank() {
		return e
	}
	if l.Crowd {
		if c.Beside == "" { // who is asked about this one already is asked on
			e.Crowd = l.Code
		}
		return e
	}
	e.Beside, e.Ask = l.Code, l.Claimant
	return e
}

// waiting says how many chats wait behind those that ring.
func (x *decider) waiting() string {
	if x.lead == nil || x.lead.Waiting == 0 {
		return ""
	}
	if x.lead.Waiting == 1 {
		return " 1 more web chat waits to be taken: see the list."
	}
	return fmt.Sprintf(" %d more web chats wait to be taken: see the list.", x.lead.Waiting)
}

// takeLead makes this case the one of its source that rings.
func (x *decider) takeLead(was, now escalation.Case) {
	if x.lead != nil && rings(now) && !rings(was) {
		x.emit(Effect{Kind: EffectLead, Name: x.s.AtSource()})
	}
}

// DefaultChatsRinging is how many anonymous chats ring at once where the rules do
// not say.
const DefaultChatsRinging = 10

// Ringing is how many anonymous chats may ring at once.
func (r *Rules) Ringing() int {
	if r.ChatsRinging <= 0 {
		return DefaultChatsRinging
	}
	return r.ChatsRinging
}

// Asks reports whether people are asked to take that case, an urgent one, now.
func (r WorkRow) Asks() bool {
	return escalation.Case{State: r.State, Severity: r.Severity}.Asks()
}

// Before orders rows: the graver first, then one that stands beside no other, then
// the older.
func (r WorkRow) Before(o WorkRow) bool {
	beside := func(w WorkRow) int { return min(len(w.Beside), 1) }
	return cmp.Or(r.Severity.Rank()-o.Severity.Rank(), beside(r)-beside(o), cmp.Compare(r.Opened, o.Opened), cmp.Compare(r.Case, o.Case)) < 0
}
