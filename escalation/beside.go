package escalation

import (
	"slices"
	"time"
)

// BesideEvery is how often somebody is asked about a case that stands beside
// another.
const BesideEvery = 10 * time.Minute

// beside reports whether a case begins, or goes on, beside a graver or equal one
// of the same anonymous source, for which people are asked already: who opens
// one chat after another must not set one chain of pages after another going.
// Only what would ring is held back so.
func (m *machine) beside(e Event) bool { return e.Beside != "" && m.c.Severity.Rank() <= 2 }

// askBeside asks one turn of people and no more: who has the other case, else
// the first step with anybody on call. Where there is nobody it rings as any
// case does.
func (m *machine) askBeside(e Event) {
	m.c.Beside, m.c.Round, m.c.Step = e.Beside, 1, 1
	due := sane(m.now.Add(BesideEvery))
	paged := e.Ask != "" && !slices.Contains(m.c.Exclude, e.Ask) && m.page(e.Ask, PageBeside, due)
	for i := 0; i < len(m.c.Chain) && !paged; i++ {
		people, _ := m.team(m.c.Chain[i].Name)
		for _, id := range people {
			paged = m.page(id, PageBeside, due) || paged
		}
	}
	if !paged {
		m.c.Beside = ""
		m.dispatch(true)
		return
	}
	m.c.State, m.c.Due = StateNotified, due
}

// tickBeside asks once more while the other case is there, and rings when it is
// over.
func (m *machine) tickBeside(e Event) {
	if m.beside(e) {
		m.askBeside(e)
		return
	}
	m.c.Beside = ""
	m.dispatch(false)
}

// besideOf says beside whose case this one stands; "" once it rings by itself or
// somebody has it.
func (c Case) besideOf() string {
	if c.State == StateNotified {
		return c.Beside
	}
	return ""
}
