package turn

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/policy"
	"github.com/tidegate/tidegate/molt"
)

// summarize takes over what an answer writes down of older messages, or refuses
// it. The ledger stands whatever a summary says, and one that lost who the patient
// is has lost more.
func (x *decider) summarize(a model.Answer) {
	if a.Summary == "" {
		return
	}
	if why := x.unsummed(a.Summary.Reveal()); why != "" {
		x.d.Unsummed = why
		return
	}
	x.set(func(s *Set) { s.Summary = ptr(x.from) })
}

// unsummed says why a summary is not taken; "" when it is.
func (x *decider) unsummed(text string) string {
	switch {
	case !utf8.ValidString(text) || len(text) > model.MaxSummary:
		return "length"
	case policy.ReadToken(text) != policy.TokenAbsent:
		return "token"
	}
	plain := strings.ToLower(policy.FoldAccents(text))
	for _, f := range Latest(x.s.Ledger) {
		identifies := f.Name == model.FactName || f.Name == model.FactDOB || f.Name == model.FactInsurance
		if identifies && !strings.Contains(plain, strings.ToLower(policy.FoldAccents(f.Value))) {
			return "lost_" + f.Name
		}
	}
	return ""
}

// window is what a model is shown of what was said: the last messages, as many as
// the persona says, and all that nobody answered. full reports that there is no
// room for one more.
func (s *State) window(most int) (shown []Ref, full bool) {
	if most <= 0 || most > MaxTurns {
		most = MaxTurns
	}
	from := max(0, len(s.Turns)-most)
	waits := func(r Ref) bool { return slices.Contains(s.Pending, r.Seq) }
	if i := slices.IndexFunc(s.Turns[:from], waits); i >= 0 {
		from = i
	}
	return s.Turns[from:], len(s.Turns) >= most
}

// summary is what the agent wrote down of older messages.
func (s *State) summary(recall func(Ref) molt.Words) string {
	if s.Summary == 0 {
		return ""
	}
	return recall(Ref{Seq: s.Summary}).Reveal()
}
