package screen

import (
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/tidegate/tidegate/molt/raced"
)

// Judgments side by side, and one after the other in one room, come to what each comes
// to in a room of its own; so do long ones, for which no room is enough.
func TestARoomIsUsedAgain(t *testing.T) {
	s, err := build("", nil) // its rooms are this test's own
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for i, e := range golden(t) {
		if i%8 == 0 {
			texts = append(texts, e.text)
		}
	}
	for name, unit := range hostile() {
		if name == "everything" || name == "merged" {
			texts = append(texts, strings.Repeat(unit, 4_000/len(unit)))
		}
	}
	asked := func(i int) []Message {
		return []Message{{From: "patient", Text: texts[(i+1)%len(texts)], At: 1_000}, {From: "nurse", Text: "Does your chest hurt?", At: 2_000}}
	}
	want := make([]Verdict, len(texts))
	for i := range texts {
		want[i] = s.judge(texts[i], asked(i), 30_000, s.d.newSpeller())
	}
	var all sync.WaitGroup
	got := make([][]Verdict, 4)
	for from := range got {
		got[from] = make([]Verdict, len(texts))
		all.Go(func() { // ends with the texts
			for k := range texts {
				i := (k + from*len(texts)/4) % len(texts)
				got[from][i] = s.Judge(texts[i], asked(i), 30_000, "")
			}
		})
	}
	all.Wait()
	for _, verdicts := range got { // compared last: a verdict that lies in a room would have been written over
		for i, v := range verdicts {
			if !reflect.DeepEqual(v, want[i]) {
				t.Errorf("%.60q: got %+v, want %+v", texts[i], v, want[i])
			}
		}
	}
}

// A room that is given back holds nothing of what was read in it.
func TestARoomIsWiped(t *testing.T) {
	d := mustNew(t).d
	for _, text := range []string{"my naem is wilhelmina zyx, call 2125550199 😟 me duele el pecho", strings.Repeat("wilhelmina zyx ", 3_000)} {
		sp := d.borrow()
		r := sp.room
		read := d.parseOne(text, sp)
		d.features(read.toks, r)
		if len(read.toks) == 0 || len(r.seen) == 0 {
			t.Fatal("nothing was read")
		}
		sp.done()
		if held(r.tokens.all) || held(r.glyphs.all) || held(r.letters[:cap(r.letters)]) || held(r.hashes[:cap(r.hashes)]) || len(r.seen) > 0 {
			t.Errorf("after %.20q a room holds words", text)
		}
		if held(r.spans.all) || held(r.lists.all) || held(r.counts.all) || held(r.flags.all) || held(r.recent[:]) {
			t.Errorf("after %.20q a room holds what was found", text)
		}
	}
}

func held[T any](all []T) bool {
	for i := range all {
		if !reflect.ValueOf(&all[i]).Elem().IsZero() {
			return true
		}
	}
	return false
}

// mostAllocs bounds what a text of two segments asks of the collector, whose pauses
// are the slowest judgments. Before there were rooms it was 846 on the average.
const mostAllocs = 100

func TestAJudgmentAsksForLittle(t *testing.T) {
	if raced.On {
		t.Skip("under the race detector a pool forgets on purpose")
	}
	s := mustNew(t)
	text := strings.Repeat("i threw up twice and my chest feels tight since this morning, no fever. ", 5)[:320]
	if n := testing.AllocsPerRun(100, func() { s.Judge(text, nil, 0, "") }); n > mostAllocs {
		t.Errorf("%.0f pieces of memory a judgment, at most %d", n, mostAllocs)
	}
}
