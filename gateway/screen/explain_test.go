package screen

import (
	"strings"
	"testing"
)

func TestExplainLines(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"my chest hurtss", []string{"verdict    S1, now, cardiac, of self, now", "read as    my chest hurts", `fired      cardiac.chest-pain S1 (now), on "chest hurtss"`, "classifier: "}},
		{"no chest pain today, thanks", []string{"verdict    none, no", "set aside  cardiac.chest-pain as negated", "not asked"}},
		{"had chest pain last week but it went away", []string{"same_day", "(past)"}},
		{"prob nothing but my arm feels heavy and odd", []string{"near       ", " lacks one step of ", "plays it down"}},
		{"the chest xray hurts my wallet, chest pain when i cough", []string{"taken back cardiac.chest-pain by a guard"}},
		{"hello zyzzyva", []string{"read as    hello zyzzyva?", "too short"}},
		{"", []string{"verdict    none, no"}},
	} {
		var b strings.Builder
		if err := mustNew(t).ExplainLines(strings.NewReader(c.text+"\n"), &b); err != nil {
			t.Fatal(err)
		}
		for _, want := range c.want {
			if !strings.Contains(b.String(), want) {
				t.Errorf("got no %q in:\n%s", want, b.String())
			}
		}
	}
}

// What an explanation says fired is what the verdict says.
func TestExplanationAgreesWithTheVerdict(t *testing.T) {
	s := mustNew(t)
	for i, e := range golden(t) {
		if i%9 != 0 {
			continue
		}
		var b strings.Builder
		s.explain(&b, e.text)
		for _, r := range s.Judge(e.text, nil, 0, "").Rules {
			if !strings.HasPrefix(r, "classifier.") && !strings.Contains(b.String(), "fired      "+r+" ") {
				t.Errorf("got no %s in the explanation of %q:\n%s", r, e.text, b.String())
			}
		}
	}
}
