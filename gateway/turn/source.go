package turn

import (
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
	case *Timed:
		return b.Name == timerCase && s.Case != nil && s.Case.Beside != ""
	}
	return false
}

// rings reports whether pages go out for a case, or a person keeps them from it.
func rings(c escalation.Case) bool {
	return c.State != "" && !c.Settled() && c.Severity.Rank() <= 2 && c.Beside == ""
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
	e.Beside, e.Ask = l.Code, l.Claimant
	return e
}

// takeLead makes this case the one of its source that rings.
func (x *decider) takeLead(was, now escalation.Case) {
	if x.lead != nil && rings(now) && !rings(was) {
		x.emit(Effect{Kind: EffectLead, Name: x.s.AtSource()})
	}
}
