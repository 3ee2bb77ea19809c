package turn

import (
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/policy"
	"github.com/tidegate/tidegate/gateway/screen"
	"github.com/tidegate/tidegate/molt"
)

// Succeed is the decision with which a successor conversation begins, when a
// journal cannot be loaded or Decide faulted. It looks at nothing that was
// before: s is folded from the successor's own first facts. Somebody is paged,
// the patient is told, and no agent speaks.
func Succeed(s State, env Env, atLeast escalation.Severity) Decided {
	x := newDecider(s, env)
	x.succeed(atLeast)
	return x.d
}

func (x *decider) succeed(atLeast escalation.Severity) {
	sev, category := atLeast.Worse(escalation.S3), "fault"
	var evidence []uint64
	for _, h := range x.s.Undecided {
		evidence = append(evidence, h.Seq)
		if h.Verdict == nil || h.Verdict.Severity.Rank() < screen.S3.Rank() {
			continue
		}
		if v := escalation.Severity(h.Verdict.Severity); v.Rank() <= sev.Rank() {
			sev, category = v, h.Verdict.Category
		}
	}
	x.because(ReasonFault, category)
	x.heedKeywords()
	x.unlist()
	e := x.newCase(escalation.Event{Why: escalation.KindFault, Severity: sev, Category: category, Evidence: evidence})
	if p := x.s.Began.Person; p != "" {
		e.Exclude = []molt.PersonID{p}
	}
	x.escalate(e)
	for _, p := range x.env.Rules.Plan.Admins {
		x.toStaff(p, "admin_frozen", "Tidegate: a conversation's journal is frozen. Its patient is with staff. Run: tidegate verify", 0)
	}
	x.finish()
}

// heedKeywords reads who wants no more texts, and who does again. What was said
// before is not known here: the carrier's own block stands for it.
func (x *decider) heedKeywords() {
	if x.s.Began.Live || x.s.Stream() {
		return
	}
	for _, h := range x.heard() {
		switch word, _ := policy.Words(h.words, x.s.Stopped); word {
		case policy.KeywordStop:
			x.set(func(s *Set) { s.Stopped = ptr(true) })
		case policy.KeywordStart:
			x.set(func(s *Set) { s.Stopped = ptr(false) })
		}
	}
}
