package screen

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// unseenSets are lines that nothing is learned from: they are judged. Rules' guards were
// written with the false alarms of all but the last in view; see the README for that, and for
// what was reached when they were new.
var unseenSets = []struct {
	path       string
	lines      int
	leastFound float64 // of the dangers
	mostAlarms float64 // of the routine lines
}{
	{"testdata/unseen.jsonl", 5000, 0.97, 0.04},
	{"testdata/strangers.jsonl", 1700, 0.90, 0.07},
	{"testdata/afterwards.jsonl", 1800, 0.90, 0.05},
	{"testdata/later.jsonl", 1400, 0.95, 0.045},
}

// mostApart is how far lines as written and the same misspelled, in capitals or wrapped
// may be from each other.
const mostApart = 0.03

func TestUnseen(t *testing.T) {
	for _, set := range unseenSets {
		t.Run(set.path, func(t *testing.T) {
			f, err := os.Open(set.path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			all, err := mustNew(t).judgeLabeled(f)
			if err != nil {
				t.Fatal(err)
			}
			r := ratesOf(all)
			t.Logf("found %.3f, varied %+.3f; alarms %.3f, varied %+.3f", r.found, r.foundApart, r.alarms, r.alarmsApart)
			if !(r.found >= set.leastFound && r.alarms <= set.mostAlarms) || -r.foundApart > mostApart || r.alarmsApart > mostApart {
				t.Errorf("too far from what was reached; see tidegate screen --report gateway/screen/%s", set.path)
			}
			if len(all) < set.lines {
				t.Errorf("got %d lines, want %d", len(all), set.lines)
			}
		})
	}
}

// rates are the shares of dangers found and of routine lines that raise an alarm, as
// written, and by how much those varied differ; 0 where none is varied.
type rates struct{ found, foundApart, alarms, alarmsApart float64 }

func ratesOf(all []judged) rates {
	p := reporting{all: all, own: map[string]judged{}}
	for _, j := range all {
		p.own[j.ID] = j
	}
	rate := func(hit, of func(judged) bool) (written, apart float64) {
		k, n := map[bool]float64{}, map[bool]float64{}
		for _, j := range all {
			if v := p.varies(j); of(j) {
				n[v]++
				if hit(j) {
					k[v]++
				}
			}
		}
		written = k[false] / n[false]
		if n[true] > 0 {
			apart = k[true]/n[true] - written
		}
		return written, apart
	}
	var r rates
	r.found, r.foundApart = rate(judged.now, judged.clearDanger)
	r.alarms, r.alarmsApart = rate(judged.fires, judged.routine)
	return r
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

// unseenLine is a line of an unseen set.
type unseenLine struct {
	Text     string
	Lang     string
	Escalate []string
}

func unseen(t *testing.T) (out []unseenLine) {
	t.Helper()
	for _, set := range unseenSets {
		b, err := os.ReadFile(set.path)
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
	}
	return out
}
