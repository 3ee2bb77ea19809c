package screen

import (
	"sync"
	"testing"

	"github.com/tidegate/tidegate/molt/raced"
)

// example is one line of the golden set.
type example struct {
	id, level, category, lang, text string
}

func golden(t testing.TB) []example {
	t.Helper()
	lines, err := goldenLines()
	if err != nil {
		t.Fatal(err)
	}
	var out []example
	for _, l := range lines {
		out = append(out, example{l.ID, l.Escalate[0], l.Category, l.Lang, l.Text})
	}
	return out
}

// sparse is every fourth line where the race detector watches, which needs no more
// and is ten times as slow; and all of them otherwise.
func sparse(all []example) (out []example) {
	if !raced.On {
		return all
	}
	for i := 0; i < len(all); i += 4 {
		out = append(out, all[i])
	}
	return out
}

// built is the screen of this build, which nobody changes.
var built = sync.OnceValues(New)

func mustNew(t testing.TB) *Screen {
	t.Helper()
	s, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestGolden(t *testing.T) {
	s := mustNew(t)
	for _, e := range golden(t) {
		v := s.Judge(e.text, nil, 0, "")
		if got := v.Severity.Escalate(); got != e.level {
			t.Errorf("%s: got %s %v, want %s: %q %v", e.id, got, v.Rules, e.level, e.text, v.Notes)
			continue
		}
		if e.category != "" && v.Category != e.category {
			t.Errorf("%s: got category %s %v, want %s: %q", e.id, v.Category, v.Rules, e.category, e.text)
		}
	}
}
