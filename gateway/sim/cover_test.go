package sim

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/gateway/screen"
	"github.com/tidegate/tidegate/gateway/turn"
)

// TestReasonsAreAll: the table has every reason that the core can give.
func TestReasonsAreAll(t *testing.T) {
	src, err := os.ReadFile("../turn/reason.go")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`Reason = "([a-z_]+)"`).FindAllStringSubmatch(string(src), -1)
	if len(found) != len(Reasons()) {
		t.Errorf("%d reasons in the core, %d in the table", len(found), len(Reasons()))
	}
	for _, m := range found {
		if !slices.Contains(Reasons(), turn.Reason(m[1])) {
			t.Errorf("reason %s is not in the table", m[1])
		}
	}
}

// TestDangerIsDanger: what worlds call a red flag is one to the screen, and what
// they call routine is none.
func TestDangerIsDanger(t *testing.T) {
	s, err := screen.New()
	if err != nil {
		t.Fatal(err)
	}
	for _, words := range []said{english(), spanish()} {
		for k, texts := range words {
			for _, text := range texts {
				v := s.Judge(text, nil, 1, "")
				now := v.Severity == screen.S1 || v.Severity == screen.S2
				if k.red() && !now || (k.wants() || k == closer) && v.Severity != screen.None {
					t.Errorf("%s %q is %s to the screen", k, text, v.Severity)
				}
			}
		}
	}
}

// TestCoverPrints: what was never reached is said to be.
func TestCoverPrints(t *testing.T) {
	c := NewCover()
	c.Reasons[turn.ReasonAsk] = 3
	c.Reasons["newer"] = 1
	c.Edges[Edge{"odd", "odder"}] = 2
	var out strings.Builder
	if err := c.Print(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"ask  ", "newer", "odder", "never"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}
