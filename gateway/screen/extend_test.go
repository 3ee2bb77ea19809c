package screen

import (
	"strings"
	"testing"
)

func TestExtendAddsPhrases(t *testing.T) {
	s := mustNew(t)
	const words = "mi Bomba está píando"
	if v := s.Judge("oiga "+words, nil, 0, ""); v.Severity != None {
		t.Fatalf("got %s, want a text the screen does not know", v.Severity)
	}
	x, err := s.Extend(Extension{Phrases: []Phrase{{words, "diabetic", S2}, {"unless (x) & y", "burn", S3}}, Ignore: []string{"Chest Pain Pavilion!"}})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]Severity{
		"oiga mi bomba esta piando ya":                      S2,
		"my son says mi bomba esta piaando":                 S2,
		"mi bomba":                                          None,
		"where is the chest pain pavilion":                  None,
		"no parking at the chest pain pavilion":             None,
		"chest pain pavilion? my chest hurts":               S1,
		"unless x and y":                                    S3,
		"i am in the chest pain pavilion and cant breathe!": S1,
	} {
		if v := x.Judge(text, nil, 0, ""); v.Severity != want {
			t.Errorf("got %s %v, want %s: %q", v.Severity, v.Rules, want, text)
		}
	}
	if x.Version() == s.Version() {
		t.Error("got one version for two screens")
	}
	if same, err := s.Extend(Extension{}); err != nil || same != s {
		t.Errorf("got %p, %v of nothing added, want %p", same, err, s)
	}
	if v := s.Judge("oiga "+words, nil, 0, ""); v.Severity != None {
		t.Errorf("got %s of the first screen, want it as it was", v.Severity)
	}
}

// What quiets an emergency is named with it.
func TestLosses(t *testing.T) {
	s := mustNew(t)
	if lost, err := s.Losses(); err != nil || len(lost) > 0 {
		t.Fatalf("got %v, %v of the built-in screen, want none", lost, err)
	}
	for name, x := range map[string]Extension{
		"a quiet phrase":       {Ignore: []string{"can't breathe"}},
		"a category too light": {Severities: map[string]Severity{"bleeding": S3}},
	} {
		y, err := s.Extend(x)
		if err != nil {
			t.Fatal(err)
		}
		lost, err := y.Losses()
		if err != nil || len(lost) == 0 || lost[0].Text == "" || lost[0].Want != "now" || lost[0].Got == "now" {
			t.Errorf("%s: got %v, %v, want lost emergencies with their text", name, lost, err)
		}
	}
	graver, err := s.Extend(Extension{Severities: map[string]Severity{"diabetic": S1}})
	if err != nil {
		t.Fatal(err)
	}
	if lost, err := graver.Losses(); err != nil || len(lost) > 0 {
		t.Errorf("got %v, %v of a graver category, want none", lost, err)
	}
}

func TestMisfits(t *testing.T) {
	s := mustNew(t)
	got := s.Misfits(Extension{
		Phrases:    []Phrase{{"?!", "cardiac", S1}, {"odd words", "hearts", S2}, {"odd words", "cardiac", "S7"}},
		Ignore:     []string{"chest"},
		Severities: map[string]Severity{"nowhere": S1, "stroke": "none"},
	})
	var where []string
	for _, m := range got {
		where = append(where, m.Where)
	}
	if w := strings.Join(where, " "); w != "phrases[0].words phrases[1].category phrases[2].severity ignore[0] severities.nowhere severities.stroke" {
		t.Errorf("got %s: %v", w, got)
	}
	if many := s.Misfits(Extension{Ignore: make([]string, MaxPhrases+1)}); many[0].Where != "phrases" {
		t.Errorf("got %v of too many phrases", many[0])
	}
	if c := s.Categories(); c[0] != "self-harm" || len(c) != 25 {
		t.Errorf("got categories %v", c)
	}
}

func TestScrub(t *testing.T) {
	s := mustNew(t)
	for in, want := range map[string]string{
		"this is Hortensia Quintero, 555-867-5309, my chest hurts": "this is … …, 555-867-…, my chest hurts",
		"dob 03/14/1961 temp 101.3 sugar 520":                      "… 03/14/… temp 101.3 sugar 520",
		"me llamo Xochitl y me duele el pechoo":                    "me llamo … y me duele el pechoo",
		"mail qzx@vexmail.org, mrn A77341":                         "mail ….…, … …",
	} {
		if got := s.Scrub(in); got != want {
			t.Errorf("got %q, want %q: %q", got, want, in)
		}
	}
}

func TestCandidates(t *testing.T) {
	s := mustNew(t)
	in := `{"id":"c1","text":"Zebulon here, my chest hurts","said":"false_alarm"}

{"text":"Zebulon feels wompy","said":"missed"}
`
	var b strings.Builder
	if err := s.Candidates(strings.NewReader(in), &b); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	for i, want := range []string{
		`"id":"c1","label":"benign","escalate":["no"],"got":"now"`,
		`"id":"3","label":"emergency","escalate":["now"],"got":"no"`,
	} {
		if i >= len(lines) || !strings.Contains(lines[i], want) {
			t.Errorf("got %v, want %s", lines, want)
		}
	}
	if strings.Contains(b.String(), "Zebulon") {
		t.Errorf("got a name in %s", b.String())
	}
	if err := s.Report(strings.NewReader(b.String()), &strings.Builder{}); err != nil {
		t.Errorf("got %v, want lines that a report reads", err)
	}
	for in, want := range map[string]string{"nonsense": "line 1: want", `{"text":"x","said":"perhaps"}`: "said: want"} {
		if err := s.Candidates(strings.NewReader(in), &b); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
