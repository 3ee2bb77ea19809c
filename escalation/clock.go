package escalation

import (
	"slices"

	"github.com/tidegate/tidegate/molt"
)

// tick does what the timer stands for, once it is due. A timer that fires early
// or twice is set again by finish and changes nothing.
func (m *machine) tick(e Event) {
	if m.now < m.c.Due {
		return
	}
	if m.c.Severity.Rank() > 2 && !m.p.Hours.In(m.now) {
		// A late timer, or hours that changed: S3 and S4 do not ring at night.
		m.c.Due = m.p.Hours.NextOpening(m.now)
		return
	}
	if m.c.Beside != "" {
		m.tickBeside(e)
		return
	}
	switch m.c.State {
	case StateListed:
		m.tickListed(e)
	case StateNotified:
		m.climb(m.c.Step, true)
	case StateExhausted:
		m.tickExhausted()
	case StateClaimed, StateActive:
		m.tickHeld()
	default:
		// A state this build does not know. Asking is the safe reading.
		m.dispatch(false)
	}
}

func (m *machine) tickListed(e Event) {
	if m.c.Crowd != "" {
		switch m.c.Crowd = ""; {
		case m.crowded(e):
			m.queue(e)
			m.tellExhausted() // nobody answered, and nobody pretends
		case m.beside(e):
			m.askBeside(e)
		default:
			m.dispatch(true)
		}
		return
	}
	m.digest()
	if m.c.Severity == S4 {
		m.c.Due = m.p.Hours.NextOpening(m.now)
		return
	}
	m.dispatch(false)
}

// digest puts the case into the digest of the opening that has just been, if
// it has waited for one.
func (m *machine) digest() {
	at := m.p.Hours.LastOpening(m.now)
	if at <= m.c.Since {
		return
	}
	a := Action{Kind: ActDigest, At: at, Severity: m.c.Severity}
	for _, r := range m.c.Chain {
		people, _ := m.team(r.Name)
		a.People = slices.DeleteFunc(people, func(id molt.PersonID) bool { return !m.p.reachable(id) })
		if len(a.People) > 0 {
			break
		}
	}
	if len(a.People) == 0 {
		a.People = m.askable()
	}
	m.do(a)
}

func (m *machine) tickExhausted() {
	if m.c.Severity.Rank() > 2 {
		m.digest()
		m.c.Passed = nil
		m.dispatch(false)
		return
	}
	m.c.Passed = nil
	m.c.Due = m.after(m.terms().AllHandsEvery)
	m.admin(AdminExhausted, "")
	m.callAllHands()
	m.tellExhausted()
}

// tickHeld pages a claimant who has not acted, and after that others.
func (m *machine) tickHeld() {
	overdue := m.c.State == StateClaimed && m.now >= m.c.ContactBy
	if overdue || m.c.Nudges >= maxNudges && m.c.State == StateActive {
		if !overdue {
			m.admin(AdminIdle, "")
		}
		m.lapse()
		return
	}
	m.c.Nudges++
	m.c.Due = m.heldDue()
	if !m.page(m.c.Claimant, PageAgain, m.c.Due) {
		m.admin(AdminIdle, "")
		m.lapse()
	}
}
