package screen

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// dull are weights that give every text the same score.
func dull(score float64) regression {
	return regression{bias: score, w: make([]int8, 1<<weightBits)}
}

// What is sure holds whatever the classifier says, so does every rule but hints in a short
// message, and all where the classifier has no opinion.
func TestNoWeightsTakeARuleBack(t *testing.T) {
	s := mustNew(t)
	for name, c := range map[string]struct {
		weights     *classifier
		long, short trust // what counts, and what is trusted more
	}{
		"none":                     {nil, trustHint, trustHint},
		"no opinion":               {&classifier{danger: dull(0), doubtful: doubtful}, trustHint, trustHint},
		"all is held for harmless": {&classifier{danger: dull(-100), doubtful: doubtful}, trustSure, trustCore},
	} {
		other := &Screen{d: s.d, c: &classifier{}, version: s.version}
		if c.weights != nil {
			other.c = c.weights
		}
		for _, e := range sparse(golden(t)) {
			j, text := judgment{d: s.d}, s.d.parseOne(e.text, s.d.newSpeller())
			j.read(text, s.d.rules, kindPatient)
			counts := c.long
			if len(text.toks) < doubtful[trustCore].words {
				counts = c.short
			}
			got := other.Judge(e.text, nil, 0, "").Rules
			for _, f := range j.found {
				if f.trust <= counts && !slices.Contains(got, f.rule.id) {
					t.Errorf("%s: got rules %v, want %s among them: %q", name, got, f.rule.id, e.text)
				}
			}
		}
	}
}

// What hints may cost, of the dangers nobody has learned from, and what they must
// save, of the routine lines that would page somebody if all hints were believed.
const (
	mostDoubted = 0.005
	leastSpared = 0.15
)

// TestHints: that a hint is doubted where all around it is harmless loses next to
// nothing and spares nurses many pages. No emergency of the golden set is doubted.
func TestHints(t *testing.T) {
	s := mustNew(t)
	sure := believing(s)
	for _, e := range sparse(golden(t)) {
		if with, without := s.Judge(e.text, nil, 0, ""), sure.Judge(e.text, nil, 0, ""); e.level == "now" && with.Severity.Rank() < without.Severity.Rank() {
			t.Errorf("got %s, want %s, which its hints say: %q", with.Severity, without.Severity, e.text)
		}
	}
	var dangers, doubted, alarms, spared float64
	for _, e := range unseen(t) {
		with, without := s.Judge(e.Text, nil, 0, "").Severity.Escalate(), sure.Judge(e.Text, nil, 0, "").Severity.Escalate()
		switch want := e.Escalate[0]; {
		case want == "now":
			dangers++
			if without == "now" && with != "now" {
				doubted++
			}
		case want == "no" && without != "no":
			alarms++
			if with == "no" {
				spared++
			}
		}
	}
	t.Logf("of %.0f dangers %.0f are lost by doubt; of %.0f false alarms %.0f are spared", dangers, doubted, alarms, spared)
	if doubted > mostDoubted*dangers || spared < leastSpared*alarms {
		t.Error("doubt costs too much, or saves too little")
	}
}

// It is not asked about what a rule has read as denied, asked or remembered.
func TestClassifierLeavesScopesToTheRules(t *testing.T) {
	s := mustNew(t)
	deaf := *s.c
	deaf.threshold, deaf.closely, deaf.wholly = math.Inf(-1), math.Inf(-1), math.Inf(-1)
	loud := &Screen{d: s.d, c: &deaf, version: s.version}
	for text, want := range map[string]string{
		"i have no chest pain at all today":                                       "no",
		"what are the symptoms of chest pain please":                              "no",
		"had chest pain in 2015 and need a refill":                                "no",
		"some words the rules know nothing of":                                    "now",
		"too short":                                                               "no",
		"i have no chest pain at all today. some words the rules know nothing of": "now",
	} {
		if v := loud.Judge(text, nil, 0, ""); v.Severity.Escalate() != want {
			t.Errorf("got %s %v, want %s: %q", v.Severity.Escalate(), v.Rules, want, text)
		}
	}
	deaf.threshold, deaf.closely = math.Inf(1), math.Inf(1)
	for text, want := range map[string]string{ // as a whole
		"some words the rules know nothing of. nor of these":                           "now",
		"i have no chest pain at all today. can i move my appointment to friday":       "no",
		"no me duele el pecho. no tengo fiebre. solo quiero mi receta para la presion": "no",
	} {
		if v := loud.Judge(text, nil, 0, ""); v.Severity.Escalate() != want {
			t.Errorf("as a whole: got %s %v, want %s: %q", v.Severity.Escalate(), v.Rules, want, text)
		}
	}
}

func TestWeightsAreReadStrictly(t *testing.T) {
	ranks := map[string]int{"distress": 1, "self-harm": 2, "violence": 3}
	for name, file := range map[string][]byte{
		"nothing":       nil,
		"another file":  []byte("TGW9\x01........"),
		"cut off":       weightsFile[:len(weightsFile)-1],
		"too long":      append(slices.Clone(weightsFile), 0),
		"too many":      []byte("TGW5\xff........"),
		"ends at count": []byte("TGW5\x01"),
	} {
		if _, err := newClassifier(file, ranks); err == nil || !strings.HasPrefix(err.Error(), "weights: ") {
			t.Errorf("%s: got %v, want it refused", name, err)
		}
	}
	if _, err := newClassifier(weightsFile, map[string]int{}); err == nil || !strings.Contains(err.Error(), "unknown category") {
		t.Errorf("got %v, want the category refused", err)
	}
}

// A text of any length is read in windows that hold every word.
func TestPiecesHoldEveryWord(t *testing.T) {
	d := mustNew(t).d
	long := strings.TrimSpace(strings.Repeat("word ", 3*maxPiece+5))
	for _, text := range []string{long, "one. two\nthree", "a b c", ""} {
		seen := map[int]bool{}
		toks := d.parseOne(text, d.newSpeller()).toks
		for _, p := range pieces(toks) {
			if p.words() > maxPiece || p.words() == 0 {
				t.Errorf("got a piece of %d words", p.words())
			}
			for _, k := range toks[p.lo:p.hi] {
				seen[k.start] = true
			}
		}
		if got, want := len(seen), len(strings.Fields(strings.ReplaceAll(text, ".", " "))); got != want {
			t.Errorf("got %d words in pieces, want %d: %.40q", got, want, text)
		}
	}
}
