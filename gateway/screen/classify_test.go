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
