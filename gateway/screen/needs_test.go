package screen

import (
	"slices"
	"testing"
)

// TestNeeds: what a pattern is first looked for by is what it cannot be found without.
func TestNeeds(t *testing.T) {
	d := mustNew(t).d
	var all []pattern
	for _, r := range d.rules {
		all = append(all, r.patterns...)
	}
	for _, c := range slices.Concat(d.idioms, d.concepts) {
		all = append(all, c.patterns...)
	}
	for _, p := range all {
		if !slices.ContainsFunc(p.parts, func(s sequence) bool {
			return slices.ContainsFunc(s.elems, func(e elem) bool { return e.class == p.needs })
		}) {
			t.Errorf("%q needs class %d, which is in none of its parts", p.src, p.needs)
		}
	}
	if len(all) < 1000 {
		t.Errorf("%d patterns", len(all))
	}
}
