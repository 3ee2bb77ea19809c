package screen

import (
	"math"
	"strings"
	"testing"
)

const labeledSample = `{"id":"a","label":"emergency","lang":"en","category":"cardiac","escalate":["now"],"clear":true,"text":"my chest hurts"}
{"id":"b","label":"emergency","lang":"en","escalate":["now"],"tags":["made up"],"text":"glorp the frobnicator"}
{"id":"c","label":"benign","lang":"en","pair":"x","escalate":["no"],"text":"me duele el pecho"}
{"id":"d","label":"benign","lang":"es","pair":"x","escalate":["no"],"text":"thanks"}
{"id":"e","parent":"a","variant":"typo","label":"emergency","lang":"en","escalate":["now"],"text":"zzz"}

{"id":"f","lang":"en","turns":[{"from":"patient","text":"hi"},{"from":"patient","text":"my chest hurts"}],"expect":{"ok_from":2,"escalate_at":2,"kind":"now","label":"emergency"}}
{"id":"g","lang":"en","turns":[{"from":"patient","text":"my chest hurts"}],"expect":{"ok_from":null,"escalate_at":null,"kind":"no","label":"benign"}}
{"id":"h","class":"noise","text":"()","expect":"no_crash_no_escalation"}
`

func TestReportCounts(t *testing.T) {
	var b strings.Builder
	if err := mustNew(t).Report(strings.NewReader(labeledSample), &b); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(strings.Fields(b.String()), " ")
	for _, want := range []string{
		"clear emergencies and crises that escalate now 1/2 50.0 %",
		"dangers that escalate now, as written 1/1", "dangers that escalate now, varied 0/1",
		"benign that escalate at all 1/2 50.0 %",
		"dialogs that fire in time 1/1 100.0 %",
		"benign dialogs that fire 1/1 100.0 %",
		"judged worse than their original 1/1",
		"lines that page a nurse for nothing 1/6 16.7 %",
		"en benign 0/1",
		"made up 0/1", "variant: typo 0/1", "class: noise 1/1", "cardiac 1/1",
		"1 pairs: 0 judged rightly in English alone, 1 in Spanish alone; McNemar's exact p = 1.000",
		"emergency, want now, got no: b e",
		"benign, want no, got now: c",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got no %q in:\n%s", want, b.String())
		}
	}
	for _, word := range []string{"glorp", "duele", "hurts"} {
		if strings.Contains(got, word) {
			t.Errorf("got the word %q of a judged text in the report, want ids alone", word)
		}
	}
}

func TestReportRefusesWhatItCannotJudge(t *testing.T) {
	for in, want := range map[string]string{
		`nonsense`:                                   "line 1: want a labeled line",
		`{"id":"a","text":"x"}`:                      "line 1 (id a): want escalate",
		`{"id":"a","text":"x","escalate":[1]}`:       "line 1: want a labeled line",
		`{"id":"a","text":"x","escalate":["maybe"]}`: `want now, same_day or no (got "maybe")`,
		`{"id":"a","turns":[{"from":"robot","text":"x"}],"expect":{"ok_from":1}}`:    "want patient, agent or nurse",
		`{"id":"a","turns":[{"from":"patient","text":"x"}]}`:                         "expect: want",
		`{"id":"a","escalate":["no"],"text":"` + strings.Repeat("x", maxLine) + `"}`: "read labeled lines",
	} {
		if err := mustNew(t).Report(strings.NewReader(in), &strings.Builder{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %.120v, want %q: %.60s", err, want, in)
		}
	}
}

// The values are of the binomial distribution of a fair coin.
func TestMcNemar(t *testing.T) {
	for _, c := range []struct {
		b, c int
		want float64
	}{{0, 0, 1}, {1, 0, 1}, {5, 0, 0.0625}, {0, 5, 0.0625}, {2, 8, 0.1094}, {7, 7, 1}} {
		if got := mcnemar(c.b, c.c); math.Abs(got-c.want) > 0.0001 {
			t.Errorf("got %.4f, want %.4f: %d and %d", got, c.want, c.b, c.c)
		}
	}
}

// The bounds are those of Newcombe, Statistics in Medicine 17 (1998), table I.
func TestWilson(t *testing.T) {
	for _, c := range []struct {
		k, n   int
		lo, hi float64
	}{{81, 263, 0.2553, 0.3662}, {15, 148, 0.0624, 0.1605}, {0, 20, 0, 0.1611}, {1, 29, 0.0061, 0.1718}} {
		if lo, hi := wilson(c.k, c.n); math.Abs(lo-c.lo) > 0.0001 || math.Abs(hi-c.hi) > 0.0001 {
			t.Errorf("got [%.4f, %.4f], want [%.4f, %.4f]: %d of %d", lo, hi, c.lo, c.hi, c.k, c.n)
		}
	}
}

// The golden set read as labeled lines is judged without a fault.
func TestReportOfTheGoldenSet(t *testing.T) {
	lines, err := Golden()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := mustNew(t).Report(strings.NewReader(lines), &b); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "misses") {
		t.Errorf("got misses in the golden set:\n%s", b.String())
	}
}
