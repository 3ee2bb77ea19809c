package gateway

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/skill"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// TestANoteOutlivesItsQuestion: a fact that the model notes is in the ledger with the
// message it came from, though the model gives no answer afterwards; a later note
// takes its place; and what it notes with no message behind it is not there.
func TestANoteOutlivesItsQuestion(t *testing.T) {
	r := newRig(t)
	f := r.gateway.force.Load()
	f.Persona.Collect = []string{model.FactName}
	f.Skills = skill.New(skill.Options{Zone: time.UTC, Collect: f.Persona.Collect})
	r.model.do = func(_ context.Context, q model.Request) (model.Answer, error) {
		seq := q.Window[len(q.Window)-1].Seq
		value := []string{"Ana", "Ana Lopez", "+1 555 010 0123"}
		if n := len(q.Steps); n < len(value) {
			return model.Answer{Kind: model.KindCall, Call: &model.Call{Tool: model.ToolNote, Arguments: []byte(`{"name":"name","value":"` + value[n] + `","source":` + strconv.FormatUint(seq, 10) + `}`)}}, nil
		}
		return model.Answer{}, errors.New("it died")
	}
	r.text(patient, "I am Ana, Ana Lopez")
	if o := r.leaves(); o.Class == channels.ClassAgent {
		t.Fatalf("a text of class %s left", o.Class)
	}
	id := r.gateway.desk.ConversationOf("main", clinic, patient)
	_, err := r.gateway.desk.Step(t.Context(), id, nil, func(s *turn.State, recall func(turn.Ref) molt.Words) intake.Plan {
		if got := turn.LedgerText(s.Ledger); got != "name: Ana Lopez" || s.Ledger[0].Source == 0 || !strings.Contains(recall(turn.Ref{Seq: s.Ledger[0].Source}).Reveal(), "Ana Lopez") {
			t.Errorf("the ledger: %q, %+v", got, s.Ledger)
		}
		return intake.Plan{}
	})
	if err != nil {
		t.Fatal(err)
	}
}
