package turn

import (
	"slices"
	"strings"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/model"
)

// outside reports whether an answer is about what the persona may not answer
// about. A model that does not say what its answer is about is outside.
func (x *decider) outside(a model.Answer) bool {
	scope := x.env.Rules.Intents
	switch {
	case len(scope) == 0:
		return false
	case a.Intent == "" && strings.HasPrefix(a.Model, model.BuiltIn):
		return false
	}
	return !slices.Contains(scope, a.Intent)
}

// strays reports whether a text that need not say what it is about says that it is
// about something outside.
func (x *decider) strays(a model.Answer) bool { return a.Intent != "" && x.outside(a) }

// outOfScope says nothing of such an answer. The patient is asked once, in the
// clinic's own words, what they need; then a person has it.
func (x *decider) outOfScope(r *Replied) {
	if x.s.Clarified {
		x.notOurs("not_my_task")
		return
	}
	x.because(ReasonClarify, "scope")
	x.set(func(s *Set) { s.Clarified, s.Silences = ptr(true), ptr(0) })
	x.answeredTo(r.Saw)
	x.say("clarify", channels.ClassNurse, x.fixed("clarify", ""))
}

// clarify says the agent's question what the patient means, once in a row.
func (x *decider) clarify(r *Replied) {
	if x.s.Clarified {
		x.notOurs("not_understood")
		return
	}
	if x.waits(r) {
		x.draft(r)
		return
	}
	x.set(func(s *Set) { s.Clarified = ptr(true) })
	x.sayAgent(r)
	x.because(ReasonClarify, "asked")
}

// notOurs hands over what one question did not clear up.
func (x *decider) notOurs(why string) {
	x.because(ReasonEscalated, why)
	x.escalate(x.newCase(escalation.Event{Why: escalation.KindAgent, Severity: escalation.S3, Category: why, Evidence: x.waitingOrLast()}))
}

// within ends a row of questions, once what leaves is none.
func (x *decider) within() {
	if x.s.Clarified {
		x.set(func(s *Set) { s.Clarified = ptr(false) })
	}
}
