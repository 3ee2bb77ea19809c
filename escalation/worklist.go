package escalation

import (
	"cmp"
	"slices"

	"github.com/tidegate/tidegate/molt"
)

// Waiting is since when somebody waits: for a person to take the case, for an
// answer, or for the case to be settled.
func (c Case) Waiting() molt.Time {
	switch {
	case c.Settled():
		return c.Since
	case c.Held() && c.Unanswered != 0:
		return c.Unanswered
	case c.Held():
		return c.ClaimedAt
	}
	return c.Opened
}

// Compare orders a work list: what is settled last, then the severity, then
// who has waited longest. It never calls two different cases equal.
func Compare(a, b Case) int {
	return cmp.Or(
		cmp.Compare(rank(a), rank(b)),
		cmp.Compare(a.Waiting(), b.Waiting()),
		cmp.Compare(a.ID, b.ID),
	)
}

// WorkList returns the cases that are not closed, in the order a nurse should
// look at them.
func WorkList(cases []Case) []Case {
	out := slices.DeleteFunc(slices.Clone(cases), func(c Case) bool { return c.State == StateClosed || c.State == "" })
	slices.SortFunc(out, Compare)
	return out
}

func rank(c Case) int {
	if c.Settled() {
		return 4 + c.Severity.Rank()
	}
	return c.Severity.Rank()
}
