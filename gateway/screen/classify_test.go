package screen

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// The classifier may add, and never takes away: with any weights at all a verdict
// is at least what the rules alone say.
func TestClassifierOnlyAdds(t *testing.T) {
	s := mustNew(t)
	mute := &Screen{d: s.d, c: &classifier{}, version: s.version}
	for _, e := range golden(t) {
		with, without := s.Judge(e.text, nil, 0, ""), mute.Judge(e.text, nil, 0, "")
		if with.Severity.Rank() < without.Severity.Rank() {
			t.Errorf("got %s with the classifier, want at least %s: %q", with.Severity, without.Severity, e.text)
		}
		for _, r := range without.Rules {
			if !slices.Contains(with.Rules, r) {
				t.Errorf("got rules %v with the classifier, want %s among them: %q", with.Rules, r, e.text)
			}
		}
	}
}

// It is not asked about what a rule has read as denied, asked or remembered.
func TestClassifierLeavesScopesToTheRules(t *testing.T) {
	s := mustNew(t)
	deaf := *s.c
	deaf.threshold = math.Inf(-1)
	loud := &Screen{d: s.d, c: &deaf, version: s.version}
	for text, want := range map[string]string{
		"i have no chest pain at all today":                                       "no",
		"what are the symptoms of chest pain please":                              "no",
		"had chest pain in 2015, here for a refill":                               "no",
		"some words the rules know nothing of":                                    "now",
		"too short":                                                               "no",
		"i have no chest pain at all today. some words the rules know nothing of": "now",
	} {
		if v := loud.Judge(text, nil, 0, ""); v.Severity.Escalate() != want {
			t.Errorf("got %s %v, want %s: %q", v.Severity.Escalate(), v.Rules, want, text)
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
		"too many":      []byte("TGW2\xff........"),
		"ends at count": []byte("TGW2\x01"),
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
		r := &room{}
		for _, p := range d.pieces(d.parseOne(text, d.newSpeller()).toks, r) {
			if len(p.words) > maxPiece || len(p.words) == 0 {
				t.Errorf("got a piece of %d words", len(p.words))
			}
			for _, k := range d.cut(d.fold(text, r), 0, r) {
				if k.start >= p.start && k.end <= p.end {
					seen[k.start] = true
				}
			}
		}
		if got, want := len(seen), len(strings.Fields(strings.ReplaceAll(text, ".", " "))); got != want {
			t.Errorf("got %d words in pieces, want %d: %.40q", got, want, text)
		}
	}
}
