package escalation

import (
	"slices"
	"time"

	"github.com/tidegate/tidegate/molt"
)

// Limits of what a case carries. What falls off is in the journal.
const (
	maxEvidence = 64
	maxSaid     = 32
)

// Next is the whole machine: a case, the plan of the moment, one event and the
// time of the step give the case as it stands then and what must be done.
//
// It is total: any event in any state has an answer, and none panics. It
// changes nothing it was given. The zero Case is one that does not exist yet.
func Next(c Case, p Plan, e Event, now molt.Time) (Case, []Action) {
	m := machine{was: c, c: c.clone(), p: p, now: sane(now)}
	switch {
	case e.Kind.Staff():
		m.staff(e)
	case c.State == "":
		m.none(e)
	case c.Settled():
		m.settled(e)
	default:
		m.running(e)
	}
	return m.finish(e)
}

// machine is one call of Next under way.
type machine struct {
	was  Case
	c    Case
	p    Plan
	now  molt.Time
	acts []Action
	tell *Action // the one text to the patient of this step
}

// sane keeps a time within the years a calendar can count.
func sane(t molt.Time) molt.Time {
	const last = 253402300799000 // the end of 9999
	return min(max(t, 1), last)
}

func (c Case) clone() Case {
	c.Pages = slices.Clone(c.Pages)
	c.Spent = slices.Clone(c.Spent)
	c.Passed = slices.Clone(c.Passed)
	c.Exclude = slices.Clone(c.Exclude)
	c.Evidence = slices.Clone(c.Evidence)
	c.Said = slices.Clone(c.Said)
	return c
}

func (m *machine) do(a Action) { m.acts = append(m.acts, a) }

// none handles an event for a case that does not exist.
func (m *machine) none(e Event) {
	switch e.Kind {
	case EventOpen:
		m.c.ID, m.c.Number, m.c.Kind = e.ID, e.Number, e.Why
		m.c.Severity = opening(e)
		m.c.Category = e.Category
		m.gather(e)
		m.open(e)
	case EventRaise, EventRedFlag, EventWantsPerson:
		m.another(e)
	}
}

// opening is the severity an event opens a case with.
func opening(e Event) Severity {
	switch {
	case e.Kind == EventWantsPerson:
		return S3
	case e.Severity != "":
		return e.Severity.Worse(S4)
	case e.Kind == EventOpen && e.Why != KindScreen:
		return S3
	}
	return S2 // a red flag without a severity is a fault of the screen
}

// open starts the clock of a case that has its severity: the patient is told,
// the chain frozen, and somebody asked. A nurse who takes over holds it at once.
func (m *machine) open(e Event) {
	m.freeze()
	takeOver := e.Kind == EventOpen && e.Why == KindNurse && m.mayAct(e.Actor)
	if !takeOver || opening(e).Rank() <= 2 {
		m.text(m.c.Severity, m.c.Category, true)
	}
	if takeOver {
		m.hold(e.Actor)
		m.notice(e.Actor, NoticeWon, true)
		return
	}
	switch {
	case m.crowded(e):
		m.queue(e)
	case m.beside(e):
		m.askBeside(e)
	default:
		m.dispatch(true)
	}
}

// freeze begins a life of the case: from here on its chain does not change.
func (m *machine) freeze() {
	m.c.State, m.c.Opened = StateOpen, m.now
	m.c.Chain = nil
	for _, s := range m.p.Steps {
		m.c.Chain = append(m.c.Chain, Rung{Name: s.Name, Ack: s.Ack})
	}
	m.c.Said, m.c.Passed, m.c.Step, m.c.Round, m.c.Beside, m.c.Crowd = nil, nil, 0, 0, "", ""
}

// running handles whatever comes to a case that is neither settled nor new,
// but from staff.
func (m *machine) running(e Event) {
	switch e.Kind {
	case EventTick:
		m.tick(e)
	case EventOpen:
		m.gather(e)
		if e.Why != KindNurse || opening(e).Rank() < m.c.Severity.Rank() {
			m.raise(opening(e), e)
		}
		m.takeOver(e)
	case EventRaise, EventRedFlag:
		m.gather(e)
		m.raise(opening(e), e)
	case EventWantsPerson:
		m.gather(e)
		if m.c.Severity == S4 {
			m.raise(S3, e)
		}
		m.patientWrote()
	case EventPatientText:
		m.patientWrote()
	case EventCannotText:
		if m.c.Held() && !m.c.CannotText {
			m.notice(m.c.Claimant, NoticeCannotText, false)
		}
		m.gather(e)
	case EventPageSent:
		if pg, ok := m.c.Page(e.PageID); ok && pg.State == PageDue {
			m.setPage(e.PageID, PageSent)
		}
	case EventPageFailed:
		m.pageFailed(e.PageID)
	}
}

// takeOver is the wish of a nurse to open a case where one runs already.
func (m *machine) takeOver(e Event) {
	switch {
	case e.Why != KindNurse:
	case m.c.Held() && m.c.Claimant == e.Actor:
		m.notice(e.Actor, NoticeAlreadyYours, true)
	case m.was.Held():
		m.refuse(e, WhyTaken)
	case !m.mayAct(e.Actor):
		m.refuse(e, WhyNotHuman)
	default:
		m.hold(e.Actor)
		m.notice(e.Actor, NoticeWon, true)
	}
}

// gather keeps what an event tells about the case without changing its course.
func (m *machine) gather(e Event) {
	m.c.CannotText = m.c.CannotText || e.CannotText || e.Kind == EventCannotText
	for _, seq := range e.Evidence {
		if slices.Contains(m.c.Evidence, seq) {
			continue
		}
		if len(m.c.Evidence) >= maxEvidence {
			// The first half is what opened the case and stays; of the rest the oldest goes.
			m.c.Evidence = slices.Delete(m.c.Evidence, maxEvidence/2, maxEvidence/2+1)
		}
		m.c.Evidence = append(m.c.Evidence, seq)
	}
	if e.Kind == EventOpen && !m.was.Unclaimed() && !m.was.Held() { // while it runs, who may act does not change
		for _, id := range e.Exclude {
			if !slices.Contains(m.c.Exclude, id) {
				m.c.Exclude = append(m.c.Exclude, id)
			}
		}
	}
}

// mayAct reports whether the actor may have this case.
func (m *machine) mayAct(id molt.PersonID) bool {
	return m.p.named(id) && !slices.Contains(m.c.Exclude, id)
}

// Present is what a patient may honestly be told now, for a text that outlived
// its words. ok is false where a person has the case, or nothing need be said.
func Present(c Case, p Plan, now molt.Time) (tell Action, ok bool) {
	tell = Action{Kind: ActTell, Text: textOf(c.Severity), Severity: c.Severity, Category: c.Category}
	if c.State == StateExhausted {
		tell.Text = TextExhausted
	}
	if !c.Unclaimed() || tell.Text == "" {
		return Action{}, false
	}
	m := machine{was: c, c: c, p: p, now: sane(now)}
	m.promise(&tell, false)
	return tell, true
}

// textOf is the text of a severity; "" for S4, which has none.
func textOf(sev Severity) TextKind {
	return map[Severity]TextKind{S1: TextS1, S2: TextS2, S3: TextS3}[sev]
}

// text puts the text of a severity before the patient, once per category and
// severity, again only when it got worse or long after.
func (m *machine) text(sev Severity, category string, always bool) {
	kind := textOf(sev)
	if kind == "" || !m.mayRepeat("text:"+string(kind)+":"+category, always) {
		return
	}
	m.tell = &Action{Kind: ActTell, Text: kind, Severity: sev, Category: category}
}

// mayRepeat reports whether a thing may be said now, and remembers that it was.
func (m *machine) mayRepeat(what string, always bool) bool {
	for i, s := range m.c.Said {
		if s.What != what {
			continue
		}
		if !always && m.now.Sub(s.At) < m.terms().Retell {
			return false
		}
		m.c.Said[i].At = m.now
		return true
	}
	if len(m.c.Said) >= maxSaid {
		m.c.Said = slices.Delete(m.c.Said, 0, 1)
	}
	m.c.Said = append(m.c.Said, Said{What: what, At: m.now})
	return true
}

func (m *machine) notice(to molt.PersonID, n NoticeKind, answer bool) {
	m.do(Action{Kind: ActNotice, Person: to, Notice: n, Answer: answer, ReadBack: n == NoticeWon && m.c.Severity == S1})
}

func (m *machine) admin(k AdminKind, step string) {
	if m.mayRepeat("admin:"+string(k)+":"+step, false) {
		m.do(Action{Kind: ActAdmin, Admin: k, People: less(m.p.Admins, m.c.Exclude), Step: step})
	}
}

func (m *machine) terms() Terms { return m.p.terms(m.c.Severity) }

// after is a deadline d from now: by the clock for S1 and S2, in opening hours
// for S3, and for S4 by the clock but never outside them.
func (m *machine) after(d time.Duration) molt.Time { return m.afterThen(m.now, d) }

func (m *machine) afterThen(then molt.Time, d time.Duration) molt.Time {
	switch {
	case m.c.Severity.Rank() <= 2:
		return sane(then.Add(d))
	case m.c.Severity == S3:
		return sane(m.p.Hours.After(then, d))
	}
	at := sane(then.Add(d))
	if !m.p.Hours.In(at) {
		at = sane(m.p.Hours.NextOpening(at))
	}
	return at
}

// finish counts the version, stamps it on what carries one, and puts the
// actions in order: the patient, who may speak, everybody else, the timer.
func (m *machine) finish(e Event) (Case, []Action) {
	was, c := m.was, &m.c
	if c.State != was.State {
		c.Since = m.now
	}
	if c.State != was.State || c.Claimant != was.Claimant || c.Severity != was.Severity {
		c.Version++
	}
	if c.Claimant != was.Claimant || c.ClaimedAt != was.ClaimedAt {
		c.ClaimVersion = c.Version
	}
	m.unseen(e)
	c.Beside, c.Crowd = c.besideOf(), c.crowdOf()
	m.annul()
	paged := m.stamp()
	var out []Action
	if m.tell != nil {
		m.promise(m.tell, paged)
		out = append(out, *m.tell)
	}
	if c.Owner() != was.Owner() {
		out = append(out, Action{Kind: ActOwner, Owner: c.Owner()})
	}
	out = append(out, m.acts...)
	if c.Due != was.Due || e.Kind == EventTick && c.Due != 0 {
		out = append(out, Action{Kind: ActTimer, At: c.Due})
	}
	return *c, out
}

// annul drops pages that this very step both made and withdrew: an item cannot
// be put and cancelled in one batch.
func (m *machine) annul() {
	made, gone := map[string]bool{}, map[string]bool{}
	for _, a := range m.acts {
		switch id := a.Page.ID; a.Kind {
		case ActPage:
			made[id] = true
		case ActWithdraw:
			gone[id] = made[id]
		}
	}
	m.acts = slices.DeleteFunc(m.acts, func(a Action) bool {
		return (a.Kind == ActPage || a.Kind == ActWithdraw) && gone[a.Page.ID]
	})
}

// stamp writes the version of the finished step on its pages and answers, and
// reports whether anybody is paged.
func (m *machine) stamp() (paged bool) {
	for i := range m.c.Pages {
		if m.c.Pages[i].Version == 0 {
			m.c.Pages[i].Version = m.c.Version
		}
	}
	for i := range m.acts {
		a := &m.acts[i]
		switch a.Kind {
		case ActPage:
			a.Page.Version = m.c.Version
			paged = true
		case ActNotice, ActRefused:
			a.Version, a.Severity = m.c.Version, m.c.Severity
		}
	}
	return paged
}

// promise says what the text may promise: for S1 and S2 that somebody is paged
// in this very step, or has been and is still asked; for S3 that a person will
// read it by a moment that is on the case's clock.
func (m *machine) promise(t *Action, paged bool) {
	if m.c.Severity.Rank() <= 2 {
		t.Promised = paged || m.c.Held() && m.p.reachable(m.c.Claimant) || slices.ContainsFunc(m.c.Pages, Page.Live)
		return
	}
	t.Promised = len(m.askable()) > 0
	if !t.Promised {
		return
	}
	switch {
	case m.c.State == StateExhausted:
		t.By = m.c.Due
	case m.p.Hours.In(m.now):
		t.By = m.after(m.terms().Contact)
	default:
		t.By = m.p.Hours.NextOpening(m.now)
	}
}
