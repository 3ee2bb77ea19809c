package escalation

import "github.com/tidegate/tidegate/molt"

// Next is the whole machine: a case, the plan of the moment, one event and the
// time of the step give the case as it stands then and what must be done.
//
// It is total: any event in any state has an answer, and none panics. It
// changes nothing it was given. The zero Case is one that does not exist yet.
func Next(c Case, p Plan, e Event, now molt.Time) (Case, []Action) {
	return c, nil
}
