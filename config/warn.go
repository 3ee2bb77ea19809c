package config

import (
	"slices"
	"strings"
)

// Warnings lists what is allowed and easily meant otherwise, in the form of
// faults: a step on which no page can say who the patient is.
func (c *Config) Warnings() Faults {
	var out Faults
	blind := func(field, who, severities string, ids []PersonID) {
		if slices.ContainsFunc(ids, c.shown) {
			return
		}
		out = append(out, c.Fault(field, "nobody "+who+" is told the patient's number or words by text, at "+severities,
			"no phi: true on a route of "+nameList(ids), "mark the route phi: true where they may be shown, or the nurse uses tidegate cases show CODE"))
	}
	for i, s := range c.Escalation.Steps {
		var ids []PersonID
		for _, on := range s.OnCall {
			if !slices.Contains(ids, on.Person) {
				ids = append(ids, on.Person)
			}
		}
		blind(index("escalation.steps", i), "on this step", "S1, S2 or S3", ids)
	}
	blind("escalation.all_hands", "of all hands", "S1 or S2", c.Escalation.AllHands)
	return out.tidy()
}

// shown reports whether a person has a route on which words may be shown.
func (c *Config) shown(id PersonID) bool {
	return slices.ContainsFunc(c.Staff, func(p Person) bool {
		return p.ID == id && slices.ContainsFunc(p.Routes, func(r Route) bool { return r.PHI })
	})
}

// maxNamed bounds how many people a warning names.
const maxNamed = 5

func nameList(ids []PersonID) string {
	words := make([]string, 0, maxNamed)
	for _, id := range ids[:min(len(ids), maxNamed)] {
		words = append(words, string(id))
	}
	text := quoteList(words)
	if len(ids) > maxNamed {
		text = strings.Join(words, ", ") + " …"
	}
	return text
}
