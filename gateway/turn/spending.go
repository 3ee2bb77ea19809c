package turn

import (
	"time"

	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/molt"
)

// Budget bounds what models may spend. Zero fields are no limit.
type Budget struct {
	Tokens int   // of a day, in and out
	Micros int64 // of a day, in millionths of the currency that prices are in
}

// Spent is what models were paid on one day.
type Spent struct {
	Day    string `json:"day,omitempty"` // in the clinic's zone, as 2006-01-02
	Tokens int    `json:"tokens,omitempty"`
	Micros int64  `json:"micros,omitempty"`
	// Opinions counts the questions what a model thinks of texts that no agent reads.
	Opinions int `json:"opinions,omitempty"`
}

// Over reports whether a budget is used up.
func (s Spent) Over(b Budget) bool {
	return b.Tokens > 0 && s.Tokens >= b.Tokens || b.Micros > 0 && s.Micros >= b.Micros
}

// And is both together, of the first one's day.
func (s Spent) And(o Spent) Spent {
	s.Tokens, s.Micros, s.Opinions = s.Tokens+o.Tokens, s.Micros+o.Micros, s.Opinions+o.Opinions
	return s
}

// On is what was spent on a day: nothing, where it was another.
func (s Spent) On(day string) Spent {
	if s.Day != day {
		return Spent{Day: day}
	}
	return s
}

// Day is the day of a moment, as the clinic counts.
func (r *Rules) Day(t molt.Time) string { return t.Std().In(r.zone()).Format(time.DateOnly) }

// spend counts what an answer cost, whatever becomes of it. The day's sum stands
// under a mark of its own, from which the clinic's is made after a start.
func (x *decider) spend(cost Spent) {
	if cost == (Spent{}) {
		return
	}
	now := x.s.Spent.On(x.env.Rules.Day(x.env.Now))
	if was := x.s.Spent; was.Day != "" && was.Day != now.Day {
		x.emit(Effect{Kind: EffectSpent, Name: was.Day})
	}
	now = now.And(cost)
	x.set(func(s *Set) { s.Spent = &now })
	x.emit(Effect{Kind: EffectSpent, Name: now.Day, Spent: &now})
}

// spentUp ends a question for which nothing may be spent any more: a fixed text
// and a person, never silence.
func (x *decider) spentUp(r *Replied) {
	x.because(ReasonAgentFailed, "budget_"+shortID(r.Budget))
	x.escalate(x.newCase(escalation.Event{Why: escalation.KindFault, Severity: escalation.S3, Category: "budget", Evidence: x.waitingOrLast()}))
	x.sayUnavailable()
}
