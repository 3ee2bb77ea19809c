package config

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

func (c *checker) steps() {
	if c.broken["escalation.steps"] {
		return
	}
	var names []string
	for i, s := range c.cfg.Escalation.Steps {
		at := index("escalation.steps", i)
		if slices.Contains(names, s.Name) {
			c.report(at+".name", "must differ from the other steps", shown(s.Name), "the record could not tell them apart")
		}
		names = append(names, s.Name)
		for j, on := range s.OnCall {
			if c.broken[at+".on_call"] {
				break
			}
			at := index(at+".on_call", j)
			c.person(at+".person", on.Person)
			if on.Hours.IsZero() {
				c.report(at+".hours", "must hold some time", "no hours", "write always or days with their hours, or take the person off the step")
			}
		}
	}
}

// A paceRule bounds the pace of one severity. Where never is allowed, 0 says it.
type paceRule struct {
	ack, contact, repage, allHands [2]Duration
	never                          bool
	rounds                         [2]int
}

// paceRules are the bounds of what a clinic may promise. The upper ones keep a
// slip (2h for 2m) from turning an emergency into a wait; the lower ones leave
// a person the time to pick up a telephone.
func paceRules() map[Severity]paceRule {
	between := func(low, high time.Duration) [2]Duration { return [2]Duration{Duration(low), Duration(high)} }
	day := 24 * time.Hour
	return map[Severity]paceRule{
		S1: {
			ack: between(10*time.Second, 15*time.Minute), contact: between(10*time.Second, 30*time.Minute),
			repage: between(30*time.Second, time.Hour), allHands: between(30*time.Second, 15*time.Minute),
		},
		S2: {
			ack: between(30*time.Second, time.Hour), contact: between(time.Minute, 2*time.Hour),
			repage: between(time.Minute, 4*time.Hour), allHands: between(time.Minute, time.Hour), rounds: [2]int{1, 100},
		},
		S3: {
			ack: between(time.Minute, day), contact: between(5*time.Minute, 3*day),
			repage: between(5*time.Minute, day), allHands: between(5*time.Minute, day), never: true, rounds: [2]int{0, 100},
		},
		S4: {
			ack: between(time.Hour, 7*day), contact: between(time.Hour, 30*day),
			repage: between(time.Hour, 30*day), allHands: between(time.Hour, 30*day), never: true, rounds: [2]int{0, 100},
		},
	}
}

func (c *checker) severities() {
	rules := paceRules()
	var before Severity
	for _, word := range S1.Words() {
		sev := Severity(word)
		at, p, r := "escalation.severities."+word, c.cfg.Escalation.Severities[sev], rules[sev]
		c.pace(at+".ack", p.Ack, r.ack, false)
		c.pace(at+".contact", p.Contact, r.contact, false)
		c.pace(at+".repage", p.Repage, r.repage, r.never)
		c.pace(at+".all_hands_every", p.AllHandsEvery, r.allHands, r.never)
		c.rounds(at+".rounds", sev, p.Rounds, r.rounds)
		if p.Contact < p.Ack && c.sound(at+".ack") {
			c.report(at+".contact", "must not be shorter than ack", p.Contact.String(), "a case is taken first and the patient reached after; ack is "+p.Ack.String())
		}
		if before != "" {
			c.slower(at, before, c.cfg.Escalation.Severities[before], p)
		}
		before = sev
	}
}

func (c *checker) pace(path string, d Duration, r [2]Duration, never bool) {
	if d >= r[0] && d <= r[1] || never && d == 0 {
		return
	}
	hint := ""
	if d == 0 {
		hint = "without a time nobody would be waited for or paged again"
	}
	rule := fmt.Sprintf("must be %v to %v", r[0], r[1])
	if never {
		rule += ", or 0s for never"
	}
	c.report(path, rule, d.String(), hint)
}

func (c *checker) rounds(path string, sev Severity, n int, r [2]int) {
	if n >= r[0] && n <= r[1] {
		return
	}
	if sev == S1 {
		c.report(path, "must be 0, which is without limit", strconv.Itoa(n), "for an emergency the paging never ends before somebody takes it")
		return
	}
	c.report(path, fmt.Sprintf("must be %d to %d", r[0], r[1]), strconv.Itoa(n), "")
}

// slower refuses a severity that is answered faster than a worse one: the two
// were written into each other's place.
func (c *checker) slower(at string, before Severity, worse, p Pace) {
	worseAt := "escalation.severities." + string(before)
	if p.Ack < worse.Ack && c.sound(worseAt+".ack") {
		c.report(at+".ack", "must not be shorter than for "+string(before), p.Ack.String(), string(before)+" is worse and has "+worse.Ack.String())
	}
	if p.Contact < worse.Contact && c.sound(worseAt+".contact") {
		c.report(at+".contact", "must not be shorter than for "+string(before), p.Contact.String(), string(before)+" is worse and has "+worse.Contact.String())
	}
}
