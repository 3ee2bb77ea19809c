package escalation

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tidegate/tidegate/molt"
)

// The slowest a chain may be before Validate calls it deadly: S2 means within
// the hour, and S1 cannot take the better part of it.
const (
	slowestS1 = 15 * time.Minute
	slowestS2 = time.Hour
)

// Fault is one thing that would leave a patient with nobody, and where the plan
// says it: as in steps[0].ack, terms.S1.ack or all_hands[2].
type Fault struct{ Field, Says string }

func (f Fault) String() string { return f.Field + ": " + f.Says }

func fault(field, says string, args ...any) []Fault {
	return []Fault{{field, fmt.Sprintf(says, args...)}}
}

// Validate lists what is well-formed and would still leave a patient with
// nobody. An empty list means that every severity reaches somebody in time.
func (p Plan) Validate() []Fault {
	var out []Fault
	out = append(out, p.peopleFaults()...)
	out = append(out, p.stepFaults()...)
	out = append(out, p.termFaults()...)
	out = append(out, p.Hours.faults("hours", "")...)
	if !slices.ContainsFunc(slices.Collect(maps.Keys(p.People)), p.reachable) {
		out = append(out, fault("people", "nobody has a route, so no severity can page anybody")...)
	}
	return out
}

func (p Plan) peopleFaults() []Fault {
	var out []Fault
	for _, id := range slices.Sorted(maps.Keys(p.People)) {
		who := p.People[id]
		if who.ID != id {
			out = append(out, fault("people."+string(id), "%q is filed under %q", who.ID, id)...)
		}
		seen := map[string]bool{}
		for _, r := range who.Routes {
			if r.Name == "" || r.Channel == "" || r.Address == "" {
				out = append(out, fault("people."+string(id), "%q has a route without name, channel or address", id)...)
			}
			if seen[r.Name] {
				out = append(out, fault("people."+string(id), "%q has two routes named %q", id, r.Name)...)
			}
			seen[r.Name] = true
		}
	}
	if len(p.Admins) == 0 {
		out = append(out, fault("admins", "nobody would hear that the chain is broken")...)
	}
	for i, id := range p.AllHands {
		out = append(out, p.known(fmt.Sprintf("all_hands[%d]", i), "", id)...)
	}
	for i, id := range p.Admins {
		out = append(out, p.known(fmt.Sprintf("admins[%d]", i), "", id)...)
	}
	return out
}

// known says that a person is unknown or out of reach.
func (p Plan) known(field, where string, id molt.PersonID) []Fault {
	if _, ok := p.People[id]; !ok {
		return fault(field, "%s%q is not among the people", where, id)
	}
	if !p.reachable(id) {
		return fault(field, "%s%q has no route", where, id)
	}
	return nil
}

func (p Plan) stepFaults() []Fault {
	var out []Fault
	if len(p.Steps) == 0 {
		out = append(out, fault("steps", "the chain is empty, every case would go to all hands at once")...)
	}
	seen := map[string]bool{}
	for i, s := range p.Steps {
		field, where := fmt.Sprintf("steps[%d]", i), fmt.Sprintf("step %d %q", i+1, s.Name)
		if s.Name == "" {
			out = append(out, fault(field+".name", "%s has no name", where)...)
		}
		if seen[s.Name] {
			out = append(out, fault(field+".name", "%s has the name of an earlier step", where)...)
		}
		seen[s.Name] = true
		if s.Ack < 0 {
			out = append(out, fault(field+".ack", "%s: ack is %v", where, s.Ack)...)
		}
		if len(s.OnCall) == 0 {
			out = append(out, fault(field, "%s has nobody on call", where)...)
		}
		for j, sh := range s.OnCall {
			field := fmt.Sprintf("%s.on_call[%d]", field, j)
			out = append(out, p.known(field+".person", where+": ", sh.Person)...)
			if sh.Hours != nil {
				out = append(out, sh.Hours.faults(field+".hours", fmt.Sprintf("%s, %q: ", where, sh.Person))...)
			}
		}
	}
	return out
}

func (p Plan) termFaults() []Fault {
	var out []Fault
	for _, sev := range []Severity{S1, S2, S3, S4} {
		t := p.Terms[sev]
		for _, f := range []struct {
			name string
			d    time.Duration
		}{
			{"ack", t.Ack},
			{"contact", t.Contact},
			{"repage", t.Repage},
			{"idle", t.Idle},
			{"all_hands_every", t.AllHandsEvery},
			{"retell", t.Retell},
		} {
			if f.d < 0 || f.d > 0 && f.d < time.Second {
				out = append(out, fault(fmt.Sprintf("terms.%s.%s", sev, f.name), "%s.%s is %v, less than a second", sev, f.name, f.d)...)
			}
		}
		if t.Rounds < 0 || t.Rounds > maxRounds {
			out = append(out, fault(fmt.Sprintf("terms.%s.rounds", sev), "%s.rounds is %d, not 1 to %d", sev, t.Rounds, maxRounds)...)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(p.Terms)) {
		if !k.Known() {
			out = append(out, fault("terms", "there is no severity %q", k)...)
		}
	}
	if p.CoolDown < 0 {
		out = append(out, fault("cool_down", "cool_down is %v", p.CoolDown)...)
	}
	return append(out, p.slowFaults()...)
}

func (p Plan) slowFaults() []Fault {
	var out []Fault
	for _, l := range []struct {
		sev  Severity
		most time.Duration
	}{{S1, slowestS1}, {S2, slowestS2}} {
		if d := p.pass(l.sev); d > l.most {
			out = append(out, fault(p.slowest(l.sev), "an unanswered %s takes %v to go through the chain once, more than %v", l.sev, d, l.most)...)
		}
		if d := p.terms(l.sev).AllHandsEvery; d > l.most {
			out = append(out, fault(fmt.Sprintf("terms.%s.all_hands_every", l.sev), "%s calls all hands every %v, more than %v", l.sev, d, l.most)...)
		}
	}
	for _, w := range [][2]Severity{{S1, S2}, {S2, S3}, {S3, S4}} {
		if a, b := p.terms(w[0]).Ack, p.terms(w[1]).Ack; a > b {
			out = append(out, fault(fmt.Sprintf("terms.%s.ack", w[1]), "%s waits %v for an answer and the milder %s only %v", w[0], a, w[1], b)...)
		}
	}
	return out
}

// slowest names what makes the chain slow: the ack of the step that has most,
// which is its own or the severity's.
func (p Plan) slowest(sev Severity) string {
	field, most := fmt.Sprintf("terms.%s.ack", sev), p.terms(sev).Ack
	for i, s := range p.Steps {
		if s.Ack > most {
			field, most = fmt.Sprintf("steps[%d].ack", i), s.Ack
		}
	}
	return field
}

// ack is how long a step has to answer.
func (p Plan) ack(s Step, sev Severity) time.Duration {
	if s.Ack > 0 {
		return s.Ack
	}
	return p.terms(sev).Ack
}

// pass is how long one pass over the chain takes when nobody answers.
func (p Plan) pass(sev Severity) time.Duration {
	var d time.Duration
	for _, s := range p.Steps {
		d += p.ack(s, sev)
	}
	return d
}

// WorstCase returns the longest time from a red flag until the last person who
// is to be asked has been asked for the first time, when nobody answers and
// every page arrives. For S4 it is the time to the digest. It reports false
// when there is nobody to ask at all.
func (p Plan) WorstCase(sev Severity) (time.Duration, bool) {
	first := map[molt.PersonID]int{} // the step a person is first asked on
	last := -1
	for i, s := range p.Steps {
		for _, sh := range s.OnCall {
			if _, ok := first[sh.Person]; !ok && p.reachable(sh.Person) {
				first[sh.Person] = i
				last = i
			}
		}
	}
	everybody := p
	everybody.Steps = nil // all hands whoever is on call
	if last < 0 && len(everybody.hands(0)) == 0 {
		return 0, false
	}
	if sev.Rank() > 2 {
		return p.worstInHours(sev, last), true
	}
	if last < 0 {
		return 0, true // all hands at once
	}
	for _, id := range everybody.hands(0) {
		if _, ok := first[id]; !ok {
			return p.pass(sev) * time.Duration(p.terms(sev).Rounds), true
		}
	}
	var d time.Duration
	for _, s := range p.Steps[:last] {
		d += p.ack(s, sev)
	}
	return d, true
}

// worstInHours tries the hours and the closings of a week, since a case that
// comes at closing waits longest.
func (p Plan) worstInHours(sev Severity, last int) time.Duration {
	start := molt.TimeOf(time.Date(2024, time.January, 8, 0, 0, 0, 0, time.UTC))
	var from []molt.Time
	for h := range 7 * 24 {
		from = append(from, start.Add(time.Duration(h)*time.Hour))
	}
	for _, s := range p.Hours.stretches(start, weekDays) {
		from = append(from, s.to, s.to.Add(-time.Minute), s.from)
	}
	var worst time.Duration
	for _, t := range from {
		at := p.Hours.NextOpening(t)
		if sev == S3 && p.Hours.In(t) {
			at = p.Hours.After(t, p.terms(sev).Ack)
		}
		for i := 0; sev == S3 && i < last; i++ {
			at = p.Hours.After(at, p.ack(p.Steps[i], sev))
		}
		worst = max(worst, at.Sub(t))
	}
	return worst
}

// Hole is a stretch of time in which no step has anybody on call.
type Hole struct {
	From molt.Time `json:"from"`
	To   molt.Time `json:"to"`
}

// Holes lists, to the quarter of an hour, when in the week from t nobody is on
// call anywhere; all hands are called then.
func (p Plan) Holes(t molt.Time) []Hole {
	const beat = 15 * time.Minute
	var out []Hole
	open := false
	for at := t; at < t.Add(7*24*time.Hour); at = at.Add(beat) {
		on := slices.ContainsFunc(p.Steps, func(s Step) bool { return slices.ContainsFunc(s.onCall(at), p.reachable) })
		switch {
		case on:
			open = false
		case open:
			out[len(out)-1].To = at.Add(beat)
		default:
			open = true
			out = append(out, Hole{From: at, To: at.Add(beat)})
		}
	}
	return out
}
