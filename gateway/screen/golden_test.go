package screen

import (
	"os"
	"strings"
	"testing"
)

// example is one line of the golden set.
type example struct {
	level, category, text string
	line                  int
}

func golden(t testing.TB) []example {
	t.Helper()
	b, err := os.ReadFile("testdata/golden.txt")
	if err != nil {
		t.Fatal(err)
	}
	var out []example
	for i, l := range strings.Split(string(b), "\n") {
		if l == "" || strings.HasPrefix(l, "#") {
			continue
		}
		f := strings.SplitN(l, "\t", 3)
		if len(f) != 3 {
			t.Fatalf("golden.txt:%d: want three columns, got %q", i+1, l)
		}
		out = append(out, example{f[0], f[1], f[2], i + 1})
	}
	return out
}

func mustNew(t testing.TB) *Screen {
	t.Helper()
	s, err := New()
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
			t.Errorf("golden.txt:%d: got %s %v, want %s: %q %v", e.line, got, v.Rules, e.level, e.text, v.Notes)
			continue
		}
		if e.category != "-" && v.Category != e.category {
			t.Errorf("golden.txt:%d: got category %s %v, want %s: %q", e.line, v.Category, v.Rules, e.category, e.text)
		}
	}
}
