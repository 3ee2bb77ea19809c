package intake

import (
	"errors"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// A plan reads a patient's words, as a console's page does: a fault in it is
// answered, the daemon lives, and the journal is as it was.
func TestAPlanThatFaultsIsAnswered(t *testing.T) {
	w := newWorld(t)
	id := w.say(w.desk, text(patient, "SM1", "my chest hurts")).Conversation
	before := len(w.store.batches())
	_, err := w.desk.Step(t.Context(), id, nil, func(s *turn.State, recall func(turn.Ref) molt.Words) Plan {
		s.Owner = "nobody" // what it did before is forgotten
		panic(recall(s.Turns[0]).Reveal())
	})
	if !errors.Is(err, errPlan) || strings.Contains(err.Error(), "chest") {
		t.Errorf("a faulting plan is answered with %v; want its fault, without the words", err)
	}
	if n := len(w.store.batches()) - before; n != 0 {
		t.Errorf("it wrote %d batches", n)
	}
	w.step(id, func(s *turn.State) Plan {
		if s.Owner == "nobody" {
			t.Error("what it changed is still there")
		}
		return Plan{}
	})
}
