package screen

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// What the screen has to reach on lines that neither rules nor weights were made
// with: testdata/unseen.jsonl is judged, and never learned from. See the README for
// what was reached when it was new.
const (
	leastFound  = 0.97 // of the dangers
	mostAlarms  = 0.04 // of the routine lines
	mostApart   = 0.03 // between lines as written and the same misspelled, in capitals or wrapped
	unseenLines = 5000
)

func TestUnseen(t *testing.T) {
	f, err := os.Open("testdata/unseen.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := mustNew(t).judgeLabeled(f)
	if err != nil {
		t.Fatal(err)
	}
	p := reporting{all: all, own: map[string]judged{}}
	for _, j := range all {
		p.own[j.ID] = j
	}
	rate := func(hit, of func(judged) bool) float64 {
		k, n := 0, 0
		for _, j := range all {
			if of(j) {
				n++
				if hit(j) {
					k++
				}
			}
		}
		return float64(k) / float64(n)
	}
	written := func(j judged) bool { return !p.varies(j) }
	found := rate(judged.now, func(j judged) bool { return j.clearDanger() && written(j) })
	alarms := rate(judged.fires, func(j judged) bool { return j.routine() && written(j) })
	varied := rate(judged.now, func(j judged) bool { return j.clearDanger() && p.varies(j) })
	noisy := rate(judged.fires, func(j judged) bool { return j.routine() && p.varies(j) })
	t.Logf("found %.3f, varied %.3f; alarms %.3f, varied %.3f", found, varied, alarms, noisy)
	if found < leastFound || alarms > mostAlarms || found-varied > mostApart || noisy-alarms > mostApart {
		t.Error("too far from what was reached; see tidegate screen --report gateway/screen/testdata/unseen.jsonl")
	}
	if len(all) < unseenLines {
		t.Errorf("got %d lines, want %d", len(all), unseenLines)
	}
}

// None of them is learned from, but for words that everybody writes alone.
func TestUnseenIsNotInTheCorpus(t *testing.T) {
	learned := map[string]bool{}
	for _, s := range append(lines(t), readGrammar(t, "danger.txt").lines...) {
		learned[s.text] = true
	}
	for _, e := range unseen(t) {
		if learned[e.Text] && len(e.Text) > 25 {
			t.Errorf("%q is judged and learned from", e.Text)
		}
	}
}

// unseenLine is a line of testdata/unseen.jsonl.
type unseenLine struct {
	Text     string
	Escalate []string
}

func unseen(t *testing.T) (out []unseenLine) {
	t.Helper()
	b, err := os.ReadFile("testdata/unseen.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for l := range strings.Lines(string(b)) {
		var e unseenLine
		if err := json.Unmarshal([]byte(l), &e); err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}
