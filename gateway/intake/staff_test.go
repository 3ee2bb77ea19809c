package intake

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// told is what the last commit sends to a member of staff.
func told(t *testing.T, w *world) (words string) {
	t.Helper()
	all := w.store.batches()
	for _, it := range all[len(all)-1].Put {
		if it.Lane.Class() != molt.LanePage {
			continue
		}
		work, err := w.desk.OpenWork(t.Context(), it)
		if err != nil {
			t.Fatal(err)
		}
		words += work.Out.Words.Reveal() + "\n"
	}
	return words
}

func TestANurseWithoutACodeReadsWhichAreHers(t *testing.T) {
	w := newWorld(t)
	id := w.say(w.desk, text(patient, "SM1", "my chest hurts")).Conversation
	code := codes(t, w)[0]
	w.say(w.desk, text(nurse, "SM2", "on my way"))
	if got := told(t, w); !strings.Contains(got, code+" waits for you") {
		t.Errorf("paged, she reads %q; want her code %s", got, code)
	}
	w.say(w.desk, text(second, "SM3", "on my way"))
	if got := told(t, w); strings.Contains(got, code) {
		t.Errorf("a colleague who is not asked reads %q", got)
	}
	take := turn.Acted{ID: "a", Actor: "alice", Via: "cli", Verb: turn.VerbTake}
	if _, err := w.desk.Step(t.Context(), id, nil, func(*turn.State, func(turn.Ref) molt.Words) Plan {
		return Plan{Facts: []Fact{{Kind: turn.KindActed, Body: &take}}}
	}); err != nil {
		t.Fatal(err)
	}
	w.say(w.desk, text(nurse, "SM4", "are you still there?"))
	if got := told(t, w); !strings.Contains(got, "You hold "+code) {
		t.Errorf("holding it, she reads %q; want her code %s", got, code)
	}
}

func TestADamagedWorkListHoldsNoNursesRedFlag(t *testing.T) {
	w := newWorld(t)
	bad := molt.Batch{Marks: []molt.Mark{{ID: MarkWork + "x", Value: []byte("torn")}}}
	if _, err := w.store.Commit(t.Context(), bad); err != nil {
		t.Fatal(err)
	}
	if a := w.say(w.desk, text(nurse, "SM1", "my chest hurts")); a.Reason != turn.ReasonRedFlag {
		t.Errorf("reason %q, want %q", a.Reason, turn.ReasonRedFlag)
	}
}

func TestNotesAreReadAfterARestart(t *testing.T) {
	w := newWorld(t)
	id := w.say(w.desk, text(patient, "SM1", "my chest hurts")).Conversation
	act := func(verb turn.Verb, words molt.Words) {
		a := turn.Acted{ID: string(verb), Actor: "alice", Via: "cli", Verb: verb, Words: words}
		if _, err := w.desk.Step(t.Context(), id, nil, func(*turn.State, func(turn.Ref) molt.Words) Plan {
			return Plan{Facts: []Fact{{Kind: turn.KindActed, Body: &a}}}
		}); err != nil {
			t.Fatal(err)
		}
	}
	act(turn.VerbTake, "")
	act(turn.VerbNote, "her husband is with her")
	for i := range turn.MaxTurns + 10 { // the note lies further back than any message
		w.say(w.desk, text(patient, fmt.Sprint("SMx", i), "still here"))
	}
	var done []turn.Done
	_, err := w.newDesk(nil).Step(t.Context(), id, nil, func(s *turn.State, recall func(turn.Ref) molt.Words) Plan {
		done = turn.DoneOf(s, w.rules, recall)
		return Plan{}
	})
	if err != nil || len(done) != 1 || done[0].Actor != "alice" || done[0].What != "noted: her husband is with her" {
		t.Errorf("done: %+v, %v; want alice's note with its words", done, err)
	}
}
