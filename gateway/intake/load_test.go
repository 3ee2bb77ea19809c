package intake

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// A note of long ago is read after a restart as before it, and what is decided
// then replays.
func TestOldNoteIsReadAfterARestart(t *testing.T) {
	w := newWorld(t)
	id := w.say(w.desk, text(patient, "SM1", "my chest hurts")).Conversation
	const note = "allergic to aspirin"
	w.act(id, "take", turn.VerbTake, "")
	w.act(id, "note", turn.VerbNote, note)
	const looks = 10 * recentEvents // of a night, two events each
	for i := range looks {
		w.step(id, func(*turn.State) Plan {
			return Plan{Facts: []Fact{{Kind: turn.KindRead, Body: &turn.Read{Actor: "carmen", What: fmt.Sprint("look", i)}}}}
		})
	}
	for i := range turn.MaxTurns { // and every message is later than the note
		w.say(w.desk, text(patient, fmt.Sprint("SMx", i), "still here"))
	}
	read := func() (handoff string) {
		if _, err := w.desk.Step(t.Context(), id, nil, func(s *turn.State, recall func(turn.Ref) molt.Words) Plan {
			handoff = turn.HandoffText(s, w.rules, recall)
			return Plan{}
		}); err != nil {
			t.Fatal(err)
		}
		return handoff
	}
	hot := read()
	w.desk = w.newDesk(nil)
	if cold := read(); cold != hot || !strings.Contains(cold, note) {
		t.Errorf("before the restart:\n%s\n\nafter:\n%s", hot, cold)
	}
	w.act(id, "show", turn.VerbShow, "")
	w.replays(id)
}
