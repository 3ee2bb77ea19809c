package escalation

import (
	"fmt"
	"slices"

	"github.com/tidegate/tidegate/molt"
)

// dispatch puts a case that nobody holds on its way: S4, and S3 outside hours
// or just come, on the work list; everything else to the first step.
func (m *machine) dispatch(fresh bool) {
	if m.c.Severity == S4 || m.c.Severity == S3 && (fresh || !m.mayPage()) {
		m.list()
		return
	}
	m.forgetRounds()
	m.c.Round = 1
	m.climb(0, true)
}

// forgetRounds makes the pages ones of another life: not asked in this round.
func (m *machine) forgetRounds() {
	for i := range m.c.Pages {
		m.c.Pages[i].Step, m.c.Pages[i].Round = 0, 0
	}
}

// list puts the case on the work list until the next opening, or for an S3 in
// hours until somebody should have picked it up.
func (m *machine) list() {
	m.withdraw(WhySuperseded, "") // an S3 whose last step declines at night may have somebody asked on an earlier one
	m.c.State, m.c.Step, m.c.Round = StateListed, 0, 0
	m.c.Due = m.p.Hours.NextOpening(m.now)
	if m.c.Severity == S3 && m.mayPage() {
		m.c.Due = m.after(m.terms().Ack)
	}
}

// mayPage reports whether a page may ring now: S1 and S2 at any hour, S3 in
// hours, S4 never.
func (m *machine) mayPage() bool {
	r := m.c.Severity.Rank()
	return r <= 2 || r == 3 && m.p.Hours.In(m.now)
}

// climb asks the first step from index i on where anybody can be asked. Waited
// says that the step before had its time; otherwise its pages failed or were
// declined, and whoever is still asked on earlier steps keeps what is left.
func (m *machine) climb(i int, waited bool) {
	for ; i < len(m.c.Chain); i++ {
		if m.pageStep(i) {
			return
		}
	}
	inRound := func(p Page) bool { return p.Round == m.c.Round && p.Kind != PageAgain }
	alive := slices.ContainsFunc(m.c.Pages, func(p Page) bool { return inRound(p) && p.Live() })
	switch {
	case alive && !waited && m.c.State == StateNotified:
		m.c.Step = len(m.c.Chain)
	case alive && m.c.Round < m.terms().Rounds:
		m.c.Round++
		m.c.Passed = nil
		m.climb(0, true) // with no page of the new round this ends below
	case alive:
		m.exhaust(AdminExhausted, false)
	case slices.ContainsFunc(m.c.Pages, inRound):
		m.exhaust(AdminExhausted, true)
	default:
		m.exhaust(AdminNobodyOnCall, true)
	}
}

// pageStep asks everybody who is on call now on step i+1, and reports whether
// that is anybody.
func (m *machine) pageStep(i int) bool {
	m.c.Step = i + 1
	rung := m.c.Chain[i]
	ack := rung.Ack
	if ack <= 0 {
		ack = m.terms().Ack
	}
	due, paged := m.after(ack), false
	people, kind := m.team(rung.Name)
	for _, id := range people {
		paged = m.page(id, kind, due) || paged
	}
	if paged {
		m.c.State, m.c.Due = StateNotified, due
	}
	return paged
}

// team resolves a step's name into people as late as can be. A team that is no
// longer in the plan is all hands, and the admin's business.
func (m *machine) team(name string) ([]molt.PersonID, PageKind) {
	step, ok := m.p.step(name)
	if !ok {
		m.admin(AdminTeamVanished, name)
		return m.askable(), PageAllHands
	}
	return less(less(step.onCall(m.now), m.c.Exclude), m.c.Passed), PageStep
}

// less returns the people who are not among the others.
func less(people, others []molt.PersonID) []molt.PersonID {
	return slices.DeleteFunc(slices.Clone(people), func(id molt.PersonID) bool { return slices.Contains(others, id) })
}

// askable lists all hands less who must not be asked, and less who said "not
// me" while there is anybody else.
func (m *machine) askable() []molt.PersonID {
	all := less(m.p.hands(m.now), m.c.Exclude)
	if len(all) == 0 {
		// The named hands may all be excluded; then it is everybody else.
		everybody := m.p
		everybody.AllHands, everybody.Steps = nil, nil
		all = less(everybody.hands(m.now), m.c.Exclude)
	}
	if willing := less(all, m.c.Passed); len(willing) > 0 {
		return willing
	}
	return all
}

// exhaust ends a chain that did not answer. It never ends in silence: S1 and S2
// call all hands in their beat, S3 begins anew at the next opening; and when
// nobody could even be asked all hands are called at once.
func (m *machine) exhaust(why AdminKind, unasked bool) {
	m.c.State, m.c.Step = StateExhausted, 0
	m.admin(why, "")
	if m.c.Severity.Rank() <= 2 {
		m.c.Due = m.after(m.terms().AllHandsEvery)
	} else {
		m.c.Due = m.resume()
	}
	if unasked || m.c.Severity.Rank() <= 2 {
		m.callAllHands()
	}
	m.tellExhausted()
}

// resume is when an exhausted S3 begins anew. A clinic that never closes has no
// opening to wait for.
func (m *machine) resume() molt.Time {
	next := m.p.Hours.NextOpening(m.now)
	if m.p.Hours.neverCloses(m.now) {
		next = min(next, m.after(m.terms().Contact))
	}
	return next
}

// callAllHands asks everybody, each on the route after the one tried last.
func (m *machine) callAllHands() {
	m.c.Round++
	paged := false
	for _, id := range m.askable() {
		paged = m.page(id, PageAllHands, m.c.Due) || paged
	}
	if !paged {
		m.admin(AdminNobody, "")
	}
}

// tellExhausted is honest with the patient, once and then rarely, and not in
// the step that told her something else.
func (m *machine) tellExhausted() {
	if m.tell == nil && m.mayRepeat("text:"+string(TextExhausted), false) {
		m.tell = &Action{Kind: ActTell, Text: TextExhausted, Severity: m.c.Severity, Category: m.c.Category}
	}
}

// page asks one person anew, on the route after the one tried last. It reports
// whether there was a way.
func (m *machine) page(id molt.PersonID, kind PageKind, deadline molt.Time) bool {
	if !m.p.reachable(id) {
		return false
	}
	m.put(Page{Kind: kind, Person: id, Try: 1, Deadline: deadline})
	return true
}

// nextRoute asks the person of a failed page on her next route, unless all have
// been tried.
func (m *machine) nextRoute(failed Page) bool {
	if failed.Try >= len(m.p.People[failed.Person].Routes) {
		return false
	}
	m.put(Page{Kind: failed.Kind, Person: failed.Person, Try: failed.Try + 1, Deadline: m.c.Due})
	return true
}

// put makes the page, in place of the person's last one. One that has not left
// yet need not leave any more.
func (m *machine) put(pg Page) {
	routes, next := m.p.People[pg.Person].Routes, 0
	for i, old := range m.c.Pages {
		if old.Person != pg.Person {
			continue
		}
		next = 1 + slices.IndexFunc(routes, func(r Route) bool { return r.Name == old.Route.Name })
		if old.State == PageDue {
			m.do(Action{Kind: ActWithdraw, Page: old, Why: WhySuperseded, At: m.now})
		}
		m.c.Pages = slices.Delete(m.c.Pages, i, i+1)
		break
	}
	m.c.PageSeq++
	pg.ID = pageID(m.c.ID, m.c.PageSeq)
	pg.Route = routes[next%len(routes)]
	pg.At, pg.Step, pg.Round, pg.State = m.now, m.c.Step, m.c.Round, PageDue
	m.c.Pages = append(m.c.Pages, pg)
	m.do(Action{Kind: ActPage, Page: pg})
}

func pageID(id molt.CaseID, seq int) string { return fmt.Sprintf("%s/p%d", string(id), seq) }

func (m *machine) setPage(id string, s PageState) {
	for i := range m.c.Pages {
		if m.c.Pages[i].ID == id && m.c.Pages[i].Live() {
			m.c.Pages[i].State = s
		}
	}
}

// withdraw stops asking everybody. By is who made it needless.
func (m *machine) withdraw(why Why, by molt.PersonID) {
	for i, pg := range m.c.Pages {
		if !pg.Live() {
			continue
		}
		m.c.Pages[i].State = PageWithdrawn
		if pg.Person == by {
			m.c.Pages[i].State = PageAnswered
		}
		m.do(Action{Kind: ActWithdraw, Page: pg, Why: why, Actor: by, At: m.now})
	}
}

// pageFailed goes on at once where waiting would help nobody.
func (m *machine) pageFailed(id string) {
	pg, ok := m.c.Page(id)
	if !ok || !pg.Live() {
		return
	}
	m.setPage(id, PageFailed)
	switch {
	case m.c.Held():
		// A page that only reminds may fail; one that brings news may not.
		if pg.Person == m.c.Claimant && !m.nextRoute(pg) && pg.Kind != PageAgain {
			m.lapse()
		}
	case m.c.State == StateNotified && !m.mayPage():
		m.stepOn()
	case m.c.State == StateNotified:
		if !m.nextRoute(pg) {
			m.stepOn()
		}
	case m.c.State == StateExhausted && m.mayPage():
		m.nextRoute(pg)
	}
}

// stepOn leaves the step when nobody on it can answer any more. Who came on
// call on it meanwhile is asked first.
func (m *machine) stepOn() {
	onStep := func(p Page) bool { return p.Step == m.c.Step && p.Round == m.c.Round }
	if slices.ContainsFunc(m.c.Pages, func(p Page) bool { return onStep(p) && p.Live() }) {
		return
	}
	if !m.mayPage() {
		m.list()
		return
	}
	if m.c.Beside != "" {
		m.stepOnBeside()
		return
	}
	if i := m.c.Step - 1; i >= 0 && i < len(m.c.Chain) {
		people, kind := m.team(m.c.Chain[i].Name)
		paged := false
		for _, id := range people {
			asked := slices.ContainsFunc(m.c.Pages, func(p Page) bool { return onStep(p) && p.Person == id })
			paged = !asked && m.page(id, kind, m.c.Due) || paged
		}
		if paged {
			return
		}
	}
	m.climb(m.c.Step, false)
}
