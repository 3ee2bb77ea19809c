package screen

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func said(words ...string) []Message {
	var out []Message
	for i, w := range words {
		from, text, ok := strings.Cut(w, ": ")
		if !ok {
			from, text = "patient", w
		}
		out = append(out, Message{from, text, int64(i+1) * 120_000})
	}
	return out
}

func ids(list []Symptom, st Standing) string {
	var out []string
	for _, s := range list {
		if s.Standing == st {
			out = append(out, s.ID)
		}
	}
	if len(out) == 0 {
		return "-"
	}
	return strings.Join(out, ",")
}

func symptomOf(t *testing.T, list []Symptom, id string) Symptom {
	t.Helper()
	for _, s := range list {
		if s.ID == id {
			return s
		}
	}
	t.Fatalf("got no symptom %q in %v", id, list)
	return Symptom{}
}

// Every symptom must be found present somewhere in the table, so that none is
// written in words that nobody texts.
func TestChecklistGolden(t *testing.T) {
	s := mustNew(t)
	b, err := os.ReadFile("testdata/checklist.txt")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for i, l := range strings.Split(strings.TrimSpace(string(b)), "\n") {
		if strings.HasPrefix(l, "#") {
			continue
		}
		f := strings.SplitN(l, "\t", 5)
		if len(f) != 5 {
			t.Fatalf("checklist.txt:%d: want five columns, got %q", i+1, l)
		}
		list := s.Checklist(f[0], said(f[4]), "")
		for k, st := range []Standing{StandingPresent, StandingPast, StandingDenied} {
			if got := ids(list, st); got != f[k+1] {
				t.Errorf("checklist.txt:%d: got %s %s, want %s: %q", i+1, st, got, f[k+1], f[4])
			}
		}
		for _, id := range strings.Split(f[1], ",") {
			seen[id] = true
		}
	}
	for id := range s.list.symptoms {
		if !seen[id] {
			t.Errorf("got symptom %s present in no line of checklist.txt, want one", id)
		}
	}
}

// The checklists must not change a verdict, nor what a verdict is called by.
func TestChecklistsChangeNoVerdict(t *testing.T) {
	s := mustNew(t)
	d, err := load("", judging)
	if err != nil {
		t.Fatal(err)
	}
	without := &Screen{d: d, c: s.c, version: s.version}
	recent := []Message{{"nurse", "Any chest pain or trouble breathing?", 60_000}, {"patient", "my arm", 100_000}}
	for _, e := range sparse(golden(t)) {
		for _, before := range [][]Message{nil, recent} {
			got, _ := json.Marshal(s.Judge(e.text, before, 120_000, ""))
			want, _ := json.Marshal(without.Judge(e.text, before, 120_000, ""))
			if !bytes.Equal(got, want) {
				t.Errorf("%s: got %s, want %s: %q", e.id, got, want, e.text)
			}
		}
	}
	if got, all := len(s.d.symptoms), len(s.list.rules); got != 0 || all != len(s.d.rules) {
		t.Errorf("got %d symptoms among the rules and %d rules among the checklists, want 0 and %d", got, all, len(s.d.rules))
	}
}

func TestChecklistsAreWhole(t *testing.T) {
	s := mustNew(t)
	used := map[string]bool{}
	for category := range s.d.ranks {
		list := s.Checklist(category, nil, "")
		if len(list) < 5 || len(list) > 9 {
			t.Errorf("%s: got %d symptoms, want 5 to 9", category, len(list))
		}
		for i, x := range list {
			used[x.ID] = true
			if es := s.Checklist(category, nil, "es")[i].Label; x.Label == "" || es == "" || es == x.Label {
				t.Errorf("%s: got labels %q and %q, want one in each language", x.ID, x.Label, es)
			}
			if x.Standing != StandingNotAsked || x.Message != -1 || x.Answers != -1 || x.Quote != "" {
				t.Errorf("%s: got %+v of no messages, want not asked", x.ID, x)
			}
		}
	}
	for id := range s.list.symptoms {
		if !used[id] {
			t.Errorf("got symptom %s on no checklist, want one", id)
		}
	}
	for _, unknown := range []string{"", "fault", "cardiac "} {
		if got := s.Checklist(unknown, said("my chest hurts"), ""); got != nil {
			t.Errorf("got %v for category %q, want nil", got, unknown)
		}
	}
}

func TestChecklistConversations(t *testing.T) {
	s := mustNew(t)
	for _, c := range []struct {
		name                           string
		messages                       []Message
		present, past, denied, unclear string
	}{
		{"no to two", said("agent: Any shortness of breath or sweating?", "no"), "-", "-", "short-of-breath,sweating", "-"},
		{"yes to two", said("agent: Any shortness of breath or sweating?", "yes"), "short-of-breath,sweating", "-", "-", "-"},
		{"no in Spanish", said("nurse: ¿Le falta el aire?", "no"), "-", "-", "short-of-breath", "-"},
		{"si in Spanish", said("nurse: ¿Tiene náusea?", "si"), "nausea", "-", "-", "-"},
		{"half a no", said("agent: Any sweating?", "no only when i walk"), "-", "-", "-", "sweating"},
		{"no and more", said("agent: Any sweating?", "no but i feel faint"), "faint", "-", "-", "sweating"},
		{"no to something else", said("agent: Any sweating?", "hold on", "no"), "-", "-", "-", "sweating"},
		{"yes after a while", said("agent: Any sweating?", "hold on", "yes"), "sweating", "-", "-", "-"},
		{"no to another question", said("agent: Any sweating?", "agent: Is this your first visit?", "no"), "-", "-", "-", "sweating"},
		{"a question the other way, no", said("agent: Are you breathing ok?", "no"), "short-of-breath", "-", "-", "-"},
		{"a question the other way, yes", said("agent: Are you breathing ok?", "yes"), "-", "-", "short-of-breath", "-"},
		{"a question the other way, half a yes", said("agent: Are you breathing ok?", "yes mostly"), "-", "-", "-", "short-of-breath"},
		{"a denial put into the mouth", said("agent: No shortness of breath, right?", "no"), "-", "-", "-", "short-of-breath"},
		{"not answered", said("agent: Any nausea?", "what do you mean"), "-", "-", "-", "nausea"},
		{"advice asks nothing", said("agent: If you start sweating call 911.", "no"), "-", "-", "-", "-"},
		{"an answer is used once", said("agent: Any sweating?", "no", "agent: Ok. Which pharmacy?", "yes"), "-", "-", "sweating", "-"},
		{"present, then denied", said("im sweating", "not sweating"), "sweating", "-", "-", "-"},
		{"denied, then present", said("not sweating", "im sweating"), "sweating", "-", "-", "-"},
		{"past, then denied", said("i fainted last week", "i did not faint"), "-", "faint", "-", "-"},
		{"what we say is nobody's symptom", said("agent: You are sweating."), "-", "-", "-", "-"},
	} {
		list := s.Checklist("cardiac", c.messages, "")
		for st, want := range map[Standing]string{StandingPresent: c.present, StandingPast: c.past, StandingDenied: c.denied, StandingAsked: c.unclear} {
			if got := ids(list, st); got != want {
				t.Errorf("%s: got %s %s, want %s", c.name, st, got, want)
			}
		}
	}
}

func TestChecklistReadsPieces(t *testing.T) {
	s := mustNew(t)
	for _, c := range []struct {
		first, second, present, denied string
	}{
		{"my left arm", "really hurts", "radiating", "-"},
		{"no", "sweating", "sweating", "-"},
		{"breathing", "fine", "-", "-"},
		{"no pain in my left", "arm", "-", "-"},
	} {
		list := s.Checklist("cardiac", []Message{{"patient", c.first, 1000}, {"patient", c.second, 2000}}, "")
		if p, d := ids(list, StandingPresent), ids(list, StandingDenied); p != c.present || d != c.denied {
			t.Errorf("got present %s denied %s, want %s and %s: %q, %q", p, d, c.present, c.denied, c.first, c.second)
		}
	}
	list := s.Checklist("cardiac", []Message{{"agent", "Any sweating?", 1000}, {"patient", "no", 1000 + answerWindow + 1}}, "")
	if got := symptomOf(t, list, "sweating").Standing; got != StandingAsked {
		t.Errorf("got %s from a no too late for its question, want %s", got, StandingAsked)
	}
}

func TestChecklistSaysWhereItRests(t *testing.T) {
	s := mustNew(t)
	list := s.Checklist("cardiac", said("hello", "my mom is sweating. she is 60", "agent: Any nausea?", "no", "she is not sweating", "i am fine"), "")
	got := symptomOf(t, list, "sweating")
	later := Mention{StandingDenied, "other", 4, -1, "she is not sweating"}
	if want := (Mention{StandingPresent, "other", 1, -1, "my mom is sweating"}); got.Mention != want || got.Later == nil || *got.Later != later {
		t.Errorf("got %+v, later %+v, want %+v, later %+v", got.Mention, got.Later, want, later)
	}
	if got, want := symptomOf(t, list, "nausea").Mention, (Mention{StandingDenied, "self", 3, 2, "no"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := symptomOf(t, s.Checklist("pregnancy", said("the baby is kicking, no headache"), ""), "headache"); got.Standing != StandingDenied || got.Experiencer != "" {
		t.Errorf("got a headache %s of %q, want denied of nobody named: the child is not born", got.Standing, got.Experiencer)
	}
}

func TestSymptomLine(t *testing.T) {
	s := mustNew(t)
	list := s.Checklist("cardiac", said("my mom is sweating, no pain in her arm", "she fainted last week", "agent: Any nausea?", "hm", "she is not sweating"), "")
	const want = "Present: Sweating, clammy (another person, later denied). Past: Faint, dizzy or passed out (another person). " +
		"Denied: Pain in arm, jaw, neck or back (another person). Asked, unclear: Nausea or vomiting. " +
		"Not asked: Chest pain or pressure; Short of breath; Heart racing or irregular; Time it began."
	if got := SymptomLine(list); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := SymptomLine(nil); got != "" {
		t.Errorf("got %q for no list, want nothing", got)
	}
}

// What a checklist reads is bounded; the newest is read.
func TestChecklistLimits(t *testing.T) {
	s := mustNew(t)
	standing := func(m []Message) Standing {
		return symptomOf(t, s.Checklist("cardiac", m, ""), "sweating").Standing
	}
	many := append(said("im sweating"), slices.Repeat(said("ok"), MaxListMessages)...)
	if got := standing(many); got != StandingNotAsked {
		t.Errorf("got %s from message %d from the end, want it unread", got, MaxListMessages+1)
	}
	if got := standing(many[:MaxListMessages]); got != StandingPresent {
		t.Errorf("got %s from message %d from the end, want %s", got, MaxListMessages, StandingPresent)
	}
	const words = "im sweating"
	long := said(words, strings.Repeat("ñ", MaxListRunes-len(words)))
	if got := standing(long); got != StandingPresent {
		t.Errorf("got %s from %d characters, want %s", got, MaxListRunes, StandingPresent)
	}
	long[1].Text += "ñ"
	if got := standing(long); got != StandingNotAsked {
		t.Errorf("got %s from more than %d characters, want it unread", got, MaxListRunes)
	}
	text := strings.Repeat("and so on ", 40) + "no sweating" + strings.Repeat(" and ñ on", 40)
	got := symptomOf(t, s.Checklist("cardiac", said(text), ""), "sweating")
	if n := utf8.RuneCountInString(got.Quote); n > MaxSymptomQuote || !strings.Contains(got.Quote, "no sweating") || !strings.Contains(text, got.Quote) {
		t.Errorf("got a quote of %d characters: %q, want at most %d with the words and their denial", n, got.Quote, MaxSymptomQuote)
	}
}

func FuzzChecklist(f *testing.F) {
	for _, e := range golden(f) {
		f.Add("cardiac", e.text, "Any shortness of breath?")
		f.Add(e.category, "no", e.text)
	}
	for _, unit := range hostile() {
		f.Add("stroke", strings.Repeat(unit, 20), unit)
	}
	s := mustNew(f)
	f.Fuzz(func(t *testing.T, category, text, before string) {
		msgs := []Message{{"patient", before, 1000}, {"agent", before, 2000}, {"patient", text, 3000}, {"patient", before, 4000}}
		list := s.Checklist(category, msgs, "es")
		SymptomLine(list)
		for _, x := range list {
			all := []Mention{x.Mention}
			if x.Later != nil {
				all = append(all, *x.Later)
			}
			for _, m := range all {
				if m.Message < 0 && m.Standing == StandingNotAsked {
					continue
				}
				if !strings.Contains(msgs[m.Message].Text, m.Quote) || utf8.RuneCountInString(m.Quote) > MaxSymptomQuote || m.Standing.grave() < 0 {
					t.Fatalf("got %+v, want a quote of %q", m, msgs[m.Message].Text)
				}
			}
		}
	})
}

func TestSymptomsAreReadStrictly(t *testing.T) {
	const head = "category a\nset s\n  one, two words\nsymptom x\n  label X / Y\n  one\n"
	for in, want := range map[string]string{
		"symptom":                                    "wants an id",
		"symptom x\n  label A / B\n  one":            "defined twice",
		"symptom y loudly\n  label A / B\n  one":     "unknown option",
		"symptom y\n  one":                           "label in both",
		"symptom y\n  label A\n  one":                "label in both",
		"symptom y\n  label A / B":                   "a pattern",
		"symptom y\n  label A / B\n  absent one":     "a pattern",
		"symptom y\n  label A / B\n  <nope>":         "unknown class",
		"symptom y\n  label A / B\n  absent <nope>":  "unknown class",
		"symptom y\n  label A / B\n  unless one & s": "one sequence",
		"checklist":                                      "one category",
		"checklist a b\n  x":                             "unborn",
		"checklist b\n  x":                               "unknown category",
		"checklist a\n  y":                               "unknown symptom",
		"checklist a\n  x\nchecklist a\n  x":             "defined twice",
		"checklist a unborn\n  x":                        "",
		"symptom y\n  label A / B\n  always no <s>":      "",
		"symptom y within=3\n  label A / B\n  one & two": "",
	} {
		err := newData().readFile("test", head+in)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("got %v, want %q: %q", err, want, in)
		}
	}
}
