package config

import (
	"strings"
	"testing"
)

// TestWarnings spoils a file in which nothing is to be warned of.
func TestWarnings(t *testing.T) {
	_, text := minimal(t)
	for _, c := range []struct {
		name, phi string
		want      []string
	}{
		{"everybody is shown", "alice bob", nil},
		{"nobody is shown", "", []string{
			`x:LINE: escalation.steps[0]: nobody on this step is told the patient's number or words by text, at S1, S2 or S3 (got no phi: true on a route of alice); mark the route phi: true where they may be shown, or the nurse uses tidegate cases show CODE`,
			`x:LINE: escalation.all_hands: nobody of all hands is told the patient's number or words by text, at S1 or S2 (got no phi: true on a route of alice or bob); mark the route phi: true where they may be shown, or the nurse uses tidegate cases show CODE`,
		}},
		{"one of all hands is shown", "bob", []string{
			`x:LINE: escalation.steps[0]: nobody on this step`,
		}},
	} {
		cfg, faults := Parse("x", []byte(text), testOptions())
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		for i, p := range cfg.Staff {
			for j := range p.Routes {
				cfg.Staff[i].Routes[j].PHI = strings.Contains(c.phi, string(p.ID))
			}
		}
		got := cfg.Warnings()
		if len(got) != len(c.want) {
			t.Errorf("%s: got %d warnings, want %d:\n%v", c.name, len(got), len(c.want), got)
			continue
		}
		for i, w := range got {
			field := strings.Split(c.want[i], ": ")[1]
			if w.Line == 0 || w.Line != cfg.lines.line(field) {
				t.Errorf("%s: got line %d, want that of %s", c.name, w.Line, field)
			}
			w.Line = 0
			if want := strings.Replace(c.want[i], ":LINE", "", 1); !strings.HasPrefix(w.Error(), want) {
				t.Errorf("%s: got  %s\nwant %s", c.name, w, want)
			}
		}
	}
}

// TestMaxNamed has a warning name no more people than fit its line.
func TestMaxNamed(t *testing.T) {
	if got, want := nameList([]PersonID{"a", "b", "c", "d", "e", "f"}), "a, b, c, d, e …"; got != want {
		t.Errorf("six people: got %q, want %q", got, want)
	}
	if got, want := nameList([]PersonID{"a", "b", "c", "d", "e"}), "a, b, c, d or e"; got != want {
		t.Errorf("five people: got %q, want %q", got, want)
	}
}

// TestParts has the parts asked in the same run as everything else, and what
// they say of a broken field dropped.
func TestParts(t *testing.T) {
	_, text := minimal(t)
	opts := testOptions()
	opts.Parts = func(c *Config, whole func(...string) bool) []Fault {
		if whole("clinic.languages") || !whole("clinic.name", "escalation") {
			t.Error("the parts are told wrongly what is whole")
		}
		return []Fault{c.Fault("clinic.languages[0]", "follows from another fault", "", ""), c.Fault("clinic.name", "must be said by the part", "", "")}
	}
	_, faults := Parse("x", []byte(strings.Replace(text, "languages: [", "languages: [English, ", 1)), opts)
	got := faults.Error()
	if !strings.Contains(got, "x:2: clinic.name: must be said by the part") || !strings.Contains(got, "clinic.languages[0]: must be a language") || strings.Contains(got, "follows from") {
		t.Errorf("got %s", got)
	}
}
