package escalation

import (
	"slices"
	"time"

	"github.com/tidegate/tidegate/molt"
)

// BesideEvery is how often somebody is asked about a case below S1 that stands
// beside another.
const BesideEvery = 10 * time.Minute

// beside reports whether a case begins, or goes on, beside a graver or equal one
// of the same anonymous source, for which people are asked already: who opens
// one chat after another must not set one chain of pages after another going.
// Only what would ring is held back so.
func (m *machine) beside(e Event) bool { return e.Beside != "" && m.c.Severity.Rank() <= 2 }

// askBeside begins to ask one turn of people a period. The source may be a
// school or a carrier: this may be another patient, so it never stops at one
// nurse. It goes round in a circle: who has the other case, each step, all hands.
func (m *machine) askBeside(e Event) {
	m.forgetRounds()
	m.c.Round, m.c.Step = 1, 0
	m.turnBeside(e)
}

// turnBeside asks the next turn of the circle. Where nobody of it can be asked
// the case rings as any does.
func (m *machine) turnBeside(e Event) {
	m.c.Beside = e.Beside
	if m.c.Step > len(m.c.Chain) {
		m.c.Round, m.c.Step, m.c.Passed = m.c.Round+1, 0, nil
	}
	if e.Ask != "" && m.pageBeside([]molt.PersonID{e.Ask}, 0) {
		return
	}
	for m.c.Step < len(m.c.Chain) {
		rung := m.c.Chain[m.c.Step]
		m.c.Step++
		people, _ := m.team(rung.Name)
		if m.pageBeside(people, rung.Ack) {
			return
		}
	}
	m.handsBeside()
}

// handsBeside ends a circle that nobody answered: all hands are asked, whoever
// was before, and patient and admin hear it as they do of any chain.
func (m *machine) handsBeside() {
	due, paged := m.besideDue(0), false
	if slices.ContainsFunc(m.c.Pages, m.inCircle) {
		m.c.Step = len(m.c.Chain) + 1 // as a turn after the last step
		for _, id := range m.askable() {
			paged = m.page(id, PageAllHands, due) || paged
		}
	}
	if !paged {
		m.c.Beside = ""
		m.dispatch(true)
		return
	}
	m.c.State, m.c.Due = StateNotified, due
	m.admin(AdminExhausted, "")
	m.tellExhausted()
}

// inCircle reports whether a page was made in this round of the circle.
func (m *machine) inCircle(p Page) bool { return p.Round == m.c.Round }

// pageBeside asks those of the people who were not asked in this circle yet, and
// reports whether that is anybody.
func (m *machine) pageBeside(people []molt.PersonID, ack time.Duration) bool {
	due, paged := m.besideDue(ack), false
	for _, id := range less(people, m.c.Exclude) {
		asked := slices.ContainsFunc(m.c.Pages, func(p Page) bool { return p.Person == id && m.inCircle(p) })
		paged = !asked && m.page(id, PageBeside, due) || paged
	}
	if paged {
		m.c.State, m.c.Due = StateNotified, due
	}
	return paged
}

// besideDue is when the next turn is asked: for an S1 as soon as a step of its
// chain would be over.
func (m *machine) besideDue(ack time.Duration) molt.Time {
	switch {
	case m.c.Severity != S1:
		return sane(m.now.Add(BesideEvery))
	case ack <= 0:
		ack = m.terms().Ack
	}
	return m.after(ack)
}

// tickBeside asks the next turn while the other case is there, and rings when it
// is over.
func (m *machine) tickBeside(e Event) {
	if m.beside(e) {
		m.turnBeside(e)
		return
	}
	m.c.Beside = ""
	m.dispatch(false)
}

// stepOnBeside leaves a turn of which nobody can answer any more for the next.
// After all hands it waits its time, so that dead routes are not asked in a loop.
func (m *machine) stepOnBeside() {
	if m.c.Step <= len(m.c.Chain) {
		m.turnBeside(Event{Beside: m.c.Beside})
	}
}

// besideOf says beside whose case this one stands; "" once it rings by itself or
// somebody has it.
func (c Case) besideOf() string {
	if c.State == StateNotified {
		return c.Beside
	}
	return ""
}
