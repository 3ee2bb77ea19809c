package escalation

import (
	"cmp"
)

// raise makes a case worse, never milder. A flag that is just as bad still tells
// the patient what its category needs, and the claimant that it came. "A nurse
// reads this later" is not for a patient whom one has in hand.
func (m *machine) raise(sev Severity, e Event) {
	before := m.c.Severity
	m.c.Severity = sev.Worse(before)
	raised := m.c.Severity != before
	if raised && e.Category != "" {
		m.c.Category = e.Category
	}
	urgent := m.c.Severity.Rank() <= 2
	if sev.Rank() == m.c.Severity.Rank() && (urgent || raised && !m.c.Held()) {
		m.text(m.c.Severity, cmp.Or(e.Category, m.c.Category), raised)
	}
	switch {
	case m.c.Held():
		m.raiseHeld(raised, e)
	case raised:
		m.raiseWaiting(e)
	}
	if raised && !urgent && m.was.Held() && !m.c.Held() { // nobody has it in hand any more
		m.text(m.c.Severity, m.c.Category, true)
	}
	if e.Kind == EventRaise && e.Actor != "" && e.Actor != m.c.Claimant {
		m.notice(e.Actor, NoticeRaised, true)
	}
}

// raiseWaiting asks again, now that it is worse: everybody asked so far on
// whatever step, for nobody on the first step knows yet.
func (m *machine) raiseWaiting(e Event) {
	m.c.Passed, m.c.Beside, m.c.Crowd = nil, "", ""
	switch {
	case m.crowded(e) && m.was.State == StateListed:
		m.queue(e)
		return
	case m.beside(e) && (m.was.Beside != "" || m.was.State == StateListed):
		m.askBeside(e)
		return
	case m.c.State == StateExhausted && m.was.Severity.Rank() <= 2:
		m.c.Due = m.after(m.terms().AllHandsEvery)
		m.callAllHands()
		return
	case m.c.State != StateNotified || m.c.Severity.Rank() > 2:
		m.dispatch(true)
		return
	}
	asked := min(m.c.Step, len(m.c.Chain))
	m.c.Round = 1
	paged := false
	for i := range asked {
		paged = m.pageStep(i) || paged
	}
	if !paged {
		m.climb(asked, true)
	}
}

// raiseHeld tells the claimant. She has the contact time of the new severity to
// act in any way; then others are asked.
func (m *machine) raiseHeld(raised bool, e Event) {
	m.notice(m.c.Claimant, NoticeRaised, e.Kind == EventRaise && e.Actor == m.c.Claimant)
	if e.Actor != "" && e.Actor == m.c.Claimant {
		m.acted()
		return
	}
	m.patientWrote()
	// An operator at the machine has no phone to ring: danger goes to who has.
	if !m.p.reachable(m.c.Claimant) && m.mayPage() {
		m.lapse()
		return
	}
	if !raised {
		return
	}
	m.c.Nudges = maxNudges
	m.c.Due = m.after(m.terms().Contact)
	if m.c.State == StateClaimed {
		m.c.ContactBy = min(m.c.ContactBy, m.c.Due)
		m.c.Due = m.c.ContactBy
	}
	if m.mayPage() && !m.page(m.c.Claimant, PageRaised, m.c.Due) {
		m.lapse()
	}
}

// patientWrote starts the clock of an answer where a person holds the case.
func (m *machine) patientWrote() {
	if !m.c.Held() || m.c.Unanswered != 0 {
		return
	}
	m.c.Unanswered = m.now
	if m.c.State == StateActive && m.c.Nudges == 0 {
		m.c.Due = min(m.c.Due, m.heldDue())
	}
}
