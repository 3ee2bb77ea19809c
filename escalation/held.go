package escalation

import (
	"slices"
	"time"

	"github.com/tidegate/tidegate/molt"
)

// maxNudges is how often the claimant is paged again before others are.
const maxNudges = 2

// staff handles what a person at the clinic does. Each act has exactly one
// answer, a notice or a refusal.
func (m *machine) staff(e Event) {
	switch {
	case m.c.State == "":
		m.refuse(e, WhyNoCase)
	case e.Actor == "" || e.Actor != m.c.Claimant && !m.p.named(e.Actor):
		m.refuse(e, WhyNotHuman)
	case slices.Contains(m.c.Exclude, e.Actor):
		m.refuse(e, WhyOwnCase)
	case m.c.Settled():
		m.staffSettled(e)
	case e.Kind == EventClaim:
		m.claim(e)
	case e.Kind == EventPass:
		m.pass(e)
	case e.Kind == EventLower:
		m.lower(e)
	case !m.c.Held() || m.c.Claimant != e.Actor:
		m.refuse(e, WhyNotYours)
	default:
		m.holder(e)
	}
}

// holder handles what only the claimant may do.
func (m *machine) holder(e Event) {
	switch e.Kind {
	case EventTransfer:
		m.transfer(e)
	case EventResolve:
		m.resolve(e)
	case EventContact:
		m.contacted()
		m.notice(e.Actor, NoticeNoted, true)
	case EventRelay:
		if m.c.CannotText {
			m.acted()
			m.refuse(e, WhyCannotText)
			return
		}
		m.contacted()
		m.notice(e.Actor, NoticeNoted, true)
	case EventNote:
		m.acted()
		m.notice(e.Actor, NoticeNoted, true)
	}
}

// staffSettled handles staff acts on a case that is over. Only a nurse's own
// text in the cool-down changes it.
func (m *machine) staffSettled(e Event) {
	r := m.c.Resolution
	switch {
	case e.Kind == EventRelay && m.c.State == StateResolved && m.c.CannotText:
		m.refuse(e, WhyCannotText)
	case e.Kind == EventRelay && m.c.State == StateResolved:
		m.reopen(m.c.Severity, "")
		m.freeze()
		m.hold(e.Actor)
		m.contacted()
		m.notice(e.Actor, NoticeReopened, true)
	case e.Kind == EventResolve && r != nil && r.By == e.Actor:
		m.notice(e.Actor, NoticeAlreadyResolved, true)
	default:
		m.refuse(e, WhyResolved)
	}
}

// claim is a compare-and-set. What it compares is that nobody has the case and
// that this take is not a copy of one the same person used up before. A code
// that is old only because the chain went on or the case got worse is good:
// refusing the one person who answered would leave the patient with nobody.
func (m *machine) claim(e Event) {
	switch {
	case m.c.Held() && m.c.Claimant == e.Actor:
		n := NoticeAlreadyYours
		if m.c.StaffAt == 0 {
			n = NoticeWon // she says that she has what a colleague handed her
		}
		m.acted()
		m.notice(e.Actor, n, true)
	case m.c.Held():
		m.refuse(e, WhyTaken)
	case !m.fresh(e):
		m.refuse(e, WhyStale)
	default:
		m.hold(e.Actor)
		m.notice(e.Actor, NoticeWon, true)
	}
}

// fresh reports whether the actor can have seen that version since she last
// gave the case back.
func (m *machine) fresh(e Event) bool {
	for _, s := range m.c.Spent {
		if s.Person == e.Actor && e.Version <= s.Version {
			return false
		}
	}
	return e.Version >= 1 && e.Version <= m.c.Version
}

// hold gives the case to a person; everybody else stops being asked.
func (m *machine) hold(id molt.PersonID) {
	m.withdraw(WhyTaken, id)
	m.c.State, m.c.Claimant = StateClaimed, id
	m.c.ClaimedAt, m.c.StaffAt = m.now, m.now
	m.c.ContactAt, m.c.Unanswered, m.c.Nudges = 0, 0, 0
	m.c.Step, m.c.Round, m.c.Passed = 0, 0, nil
	m.c.ContactBy = m.after(m.terms().Contact)
	m.c.Due = m.heldDue()
}

// release takes the case from its claimant without saying who is next.
func (m *machine) release() {
	who := m.c.Claimant
	m.withdraw(WhyGivenBack, who)
	m.c.Spent = slices.DeleteFunc(m.c.Spent, func(s Spent) bool { return s.Person == who })
	m.c.Spent = append(m.c.Spent, Spent{Person: who, Version: m.was.Version})
	m.c.Claimant, m.c.ClaimedAt, m.c.ContactBy, m.c.ContactAt = "", 0, 0, 0
	m.c.StaffAt, m.c.Unanswered, m.c.Nudges = 0, 0, 0
}

// lapse takes the case from a claimant who did not act, and asks others.
func (m *machine) lapse() {
	who := m.c.Claimant
	m.release()
	m.notice(who, NoticeLapsed, false)
	m.dispatch(false)
}

// acted notes a sign of life of the claimant.
func (m *machine) acted() {
	m.c.StaffAt, m.c.Nudges = m.now, 0
	m.withdraw(WhyTaken, m.c.Claimant)
	m.c.Due = m.heldDue()
}

// contacted notes that she spoke, or tried to speak, with the patient.
func (m *machine) contacted() {
	m.c.Unanswered = 0
	if m.c.State == StateClaimed {
		m.c.State, m.c.ContactAt, m.c.ContactBy = StateActive, m.now, 0
	}
	m.acted()
}

// heldDue is when the claimant is to be looked after next.
func (m *machine) heldDue() molt.Time {
	t := m.terms()
	switch {
	case m.c.State == StateClaimed && t.Repage > 0:
		return min(m.c.ContactBy, m.after(t.Repage))
	case m.c.State == StateClaimed:
		return m.c.ContactBy
	case m.c.Unanswered != 0 && t.Repage > 0:
		return m.after(t.Repage)
	}
	return m.after(t.Idle)
}

// unseen brings the timer forward where a patient's words reach nobody's phone,
// because who holds the case has none, as an operator at the machine. They lie
// no longer than a claimant with a phone is left alone with them, whatever is
// done meanwhile but an answer; then others are asked.
func (m *machine) unseen(e Event) {
	c := &m.c
	if !c.Held() || c.Unanswered == 0 || m.p.reachable(c.Claimant) {
		return
	}
	due := m.afterThen(c.Unanswered, m.p.UnseenFor(c.Severity))
	if due <= m.now && e.Kind == EventTick {
		return // at night nobody is asked: the tick has set the opening
	}
	c.Due = min(c.Due, max(due, m.now))
}

// UnseenFor is how long a patient's words may lie with a holder who has no
// phone: the time after which one with a phone is paged again. An S4, which
// pages nobody again, has that of an S3.
func (p Plan) UnseenFor(s Severity) time.Duration {
	if d := p.terms(s).Repage; d > 0 {
		return d
	}
	return p.terms(S3).Repage
}

// pass gives the case back, or declines a page.
func (m *machine) pass(e Event) {
	switch {
	case m.c.Held() && m.c.Claimant != e.Actor:
		m.refuse(e, WhyNotYours)
	case m.c.Held() && (e.Version < m.c.ClaimVersion || e.Version > m.c.Version):
		m.refuse(e, WhyStale)
	case m.c.Held():
		m.release()
		m.c.Passed = []molt.PersonID{e.Actor}
		m.notice(e.Actor, NoticePassed, true)
		m.dispatch(false)
	default:
		m.decline(e)
	}
}

// decline is the "not me" of somebody who was paged.
func (m *machine) decline(e Event) {
	i := slices.IndexFunc(m.c.Pages, func(p Page) bool { return p.Person == e.Actor && p.Live() })
	switch {
	case i < 0:
		m.refuse(e, WhyNotYours)
		return
	case !m.fresh(e):
		m.refuse(e, WhyStale)
		return
	}
	m.do(Action{Kind: ActWithdraw, Page: m.c.Pages[i], Why: WhyPassed, Actor: e.Actor, At: m.now})
	m.c.Pages[i].State = PageAnswered
	if !slices.Contains(m.c.Passed, e.Actor) {
		m.c.Passed = append(m.c.Passed, e.Actor)
	}
	m.notice(e.Actor, NoticePassed, true)
	if m.c.State == StateNotified {
		m.stepOn()
	}
}

// transfer hands the case to a colleague, who has it from now on and is paged;
// without contact in time it goes back to the chain like any claim.
func (m *machine) transfer(e Event) {
	switch {
	case e.Version < m.c.ClaimVersion || e.Version > m.c.Version:
		m.refuse(e, WhyStale)
		return
	case e.To == e.Actor:
		m.notice(e.Actor, NoticeAlreadyYours, true)
		return
	case !m.p.reachable(e.To) || slices.Contains(m.c.Exclude, e.To):
		m.refuse(e, WhyUnreachable)
		return
	}
	waiting := m.c.Unanswered
	m.release()
	m.hold(e.To)
	m.c.Unanswered, m.c.StaffAt = waiting, 0
	m.page(e.To, PageTransfer, m.c.Due)
	m.do(Action{Kind: ActNotice, Person: e.Actor, Notice: NoticeTransferred, Actor: e.To, At: m.now, Answer: true})
}

// resolve ends the case. It compares the whole version: what she resolves must
// be what she saw, not what the patient wrote meanwhile.
func (m *machine) resolve(e Event) {
	switch {
	case e.Version != m.c.Version:
		m.refuse(e, WhyStale)
		return
	case m.c.State == StateClaimed && m.c.Severity.Rank() <= 2 && !e.FalseAlarm:
		m.refuse(e, WhyNoContact)
		return
	}
	m.release()
	r := Resolution{
		By: e.Actor, At: m.now, Disposition: e.Disposition, Note: e.Note,
		FalseAlarm: e.FalseAlarm, NextOwner: OwnerAgent,
	}
	if e.NextOwner == OwnerHuman {
		r.NextOwner = OwnerHuman
	}
	m.c.Resolution, m.c.State = &r, StateResolved
	m.c.CoolUntil = sane(m.now.Add(m.p.coolDown()))
	m.c.Due = m.c.CoolUntil
	m.notice(e.Actor, NoticeResolved, true)
}

// lower is the only way down, and a named human's alone.
func (m *machine) lower(e Event) {
	switch {
	case m.c.Held() && m.c.Claimant != e.Actor:
		m.refuse(e, WhyNotYours)
		return
	case e.Version != 0 && e.Version != m.c.Version:
		m.refuse(e, WhyStale)
		return
	case !e.Severity.Known() || e.Severity.Rank() <= m.c.Severity.Rank():
		m.refuse(e, WhyNotLower)
		return
	}
	m.c.Severity = e.Severity
	switch {
	case m.c.Held():
		if m.c.State == StateClaimed {
			m.c.ContactBy = m.after(m.terms().Contact)
		}
		m.acted()
	case m.c.Severity.Rank() > 2:
		m.withdraw(WhyLowered, e.Actor)
		m.dispatch(true)
	case m.c.State == StateNotified:
		m.c.Due = m.after(m.terms().Ack)
	default:
		m.c.Due = m.after(m.terms().AllHandsEvery)
	}
	m.notice(e.Actor, NoticeLowered, true)
}

// refuse answers with who has the case now, or who had it last.
func (m *machine) refuse(e Event, why Why) {
	a := Action{Kind: ActRefused, Person: e.Actor, Why: why, Answer: true}
	if m.c.Held() {
		a.Actor, a.At = m.c.Claimant, m.c.ClaimedAt
	} else if r := m.c.Resolution; r != nil && m.c.Settled() {
		a.Actor, a.At = r.By, r.At
	}
	m.do(a)
}
