package escalation

import (
	"cmp"
	"slices"
)

// reopen gives a case in its cool-down a second life. Its severity stays unless
// a named human called it a false alarm, which is the lowering of it.
func (m *machine) reopen(sev Severity, category string) {
	switch r := m.c.Resolution; {
	case r != nil && r.FalseAlarm:
		m.c.Severity, m.c.Category = sev, category
	case sev.Rank() <= m.c.Severity.Rank():
		m.c.Severity, m.c.Category = sev, cmp.Or(category, m.c.Category)
	}
	m.c.Resolution, m.c.CoolUntil = nil, 0
}

// settled handles whatever comes to a resolved or closed case but from staff.
func (m *machine) settled(e Event) {
	switch e.Kind {
	case EventTick:
		if m.c.State == StateResolved && m.now >= m.c.CoolUntil {
			m.c.State, m.c.Due = StateClosed, 0
		}
	case EventOpen, EventRaise, EventRedFlag, EventWantsPerson:
		if m.c.State == StateClosed || !e.reopens() {
			m.another(e)
			return
		}
		m.gather(e)
		m.reopen(opening(e), e.Category)
		m.open(e)
	case EventPatientText:
		if m.c.Owner() == OwnerHuman {
			m.another(e)
		}
	case EventCannotText:
		m.gather(e)
	case EventPageFailed:
		m.setPage(e.PageID, PageFailed)
	}
}

// reopens reports whether an event in the cool-down goes on with what was
// resolved: danger, a wish for a person, a nurse. What merely went wrong since
// is a matter of its own, and never sends the old one's 911 text again.
func (e Event) reopens() bool {
	if e.Kind != EventOpen {
		return true
	}
	switch e.Why {
	case KindScreen, KindStaffAsPatient, KindPerson, KindNurse:
		return true
	}
	return false
}

// another asks for a new case, since this one is over: nothing a patient says
// may fall between two cases. Who was left to people stays with them.
func (m *machine) another(e Event) {
	o := Event{
		Kind: EventOpen, Severity: opening(e), Category: e.Category, Evidence: slices.Clone(e.Evidence),
		Exclude:    slices.Clone(m.c.Exclude),
		CannotText: m.c.CannotText || e.CannotText,
	}
	switch e.Kind {
	case EventOpen:
		o.Why, o.Actor = e.Why, e.Actor
		o.Exclude = append(o.Exclude, e.Exclude...)
	case EventRedFlag:
		o.Why = KindScreen
	case EventWantsPerson:
		o.Why = KindPerson
	case EventPatientText:
		o.Why, o.Severity = KindHumanOnly, S3
	default:
		o.Why = KindAgent
		if e.Actor != "" {
			o.Why = KindNurse
		}
	}
	if m.c.Owner() == OwnerHuman {
		o.Severity = o.Severity.Worse(S3)
	}
	m.do(Action{Kind: ActOpen, Open: &o})
}
