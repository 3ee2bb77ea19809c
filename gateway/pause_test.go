package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/gateway/audit"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

func (r *rig) pause(channel string, silent bool) {
	r.t.Helper()
	if err := r.gateway.Pause(r.t.Context(), "bob", channel, silent); err != nil {
		r.t.Fatal(err)
	}
}

// toNurse waits for the fixed text with which a person takes over.
func (r *rig) toNurse() {
	r.t.Helper()
	if o := r.leaves(); o.Peer != patient || o.Class == channels.ClassAgent {
		r.t.Fatalf("a text of class %s to %s left; want the fixed text to the patient", o.Class, o.Peer)
	}
}

// TestPauseTakesEffectInTheNextDecision: the model has answered, and the switch
// was turned meanwhile.
func TestPauseTakesEffectInTheNextDecision(t *testing.T) {
	for _, channel := range []string{"", "main"} {
		t.Run("channel "+channel, func(t *testing.T) {
			r := newRig(t)
			turned := make(chan struct{})
			r.model.do = func(ctx context.Context, req model.Request) (model.Answer, error) {
				<-turned
				return says("hello from the agent")(ctx, req)
			}
			r.text(patient, "I need an appointment")
			<-r.model.asked
			r.pause(channel, true)
			close(turned)
			r.toNurse()
			r.text(molt.Address("+15550100198"), "I need one too")
			if o := r.leaves(); o.Class == channels.ClassAgent {
				t.Error("the agent spoke to the next patient")
			}
			if n := len(r.model.asked); n > 0 {
				t.Errorf("a model was asked %d times though the agent is paused", n)
			}
		})
	}
}

func TestPauseOfAnotherChannelChangesNothingHere(t *testing.T) {
	r := newRig(t)
	r.pause("other", true)
	r.text(patient, "I need an appointment")
	if o := r.leaves(); o.Class != channels.ClassAgent {
		t.Errorf("a text of class %s left, want the agent's", o.Class)
	}
}

func TestPauseOutlivesRestartAndSwap(t *testing.T) {
	r := newRig(t)
	r.pause("", true)
	r = r.again()
	r.text(patient, "I need an appointment")
	r.toNurse()
	if err := r.gateway.Swap(t.Context(), r.gateway.force.Load().Parts); err != nil {
		t.Fatal(err)
	}
	r.text(molt.Address("+15550100197"), "I need one as well")
	if o := r.leaves(); o.Class == channels.ClassAgent {
		t.Error("the agent speaks after a swap of the parts")
	}
	p, turns := r.gateway.Paused()
	if !p.All || len(turns) != 1 || turns[0].By != "bob" || !turns[0].Silent {
		t.Errorf("the switch after a restart: %+v, %+v", p, turns)
	}
	r.pause("", false)
	r.text(molt.Address("+15550100198"), "I need one too")
	if o := r.leaves(); o.Class != channels.ClassAgent {
		t.Errorf("a text of class %s left, want the agent's: the pause is over", o.Class)
	}
}

func TestOnlySoManyTurnsAreRemembered(t *testing.T) {
	r := newRig(t)
	for i := range MaxPauseTurns + 3 {
		r.pause("main", i%2 == 0)
	}
	if _, turns := r.gateway.Paused(); len(turns) != MaxPauseTurns {
		t.Errorf("%d turns are remembered, want %d", len(turns), MaxPauseTurns)
	}
}

// TestABrokenSwitchIsASilentOne: nobody can tell any more what people wanted.
func TestABrokenSwitchIsASilentOne(t *testing.T) {
	r := newRig(t)
	r.stop()
	if _, err := r.store.Commit(t.Context(), molt.Batch{Marks: []molt.Mark{{ID: markPause, Value: []byte("{")}}}); err != nil {
		t.Fatal(err)
	}
	r = r.again()
	r.text(patient, "I need an appointment")
	r.toNurse()
	if !strings.Contains(r.log.String(), "turn the switch") {
		t.Error("the log does not say what to do")
	}
}

// TestDecisionsUnderAPauseReplay: the digest they carry leads to the rules and
// the switch they followed, whatever the switch says now.
func TestDecisionsUnderAPauseReplay(t *testing.T) {
	r := newRig(t)
	r.pause("main", true)
	r.text(patient, "I need an appointment")
	r.toNurse()
	r.pause("main", false)
	r.text(molt.Address("+15550100198"), "hello?")
	r.leaves()
	r.stop()
	again := audit.Again{Known: func(digest string) *turn.Rules {
		return r.gateway.rules().At(digest, func() []byte {
			record, _, _ := r.gateway.desk.Mark(t.Context(), turn.MarkRules(digest))
			return record
		})
	}}
	rep, err := audit.New(r.store, r.ring).Replay(t.Context(), again, func(audit.Redecision) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if d := rep.Tally; d.Equal == 0 || d.Differ+d.NotDecided+d.Gone > 0 {
		t.Errorf("decisions: %+v; want all equal", d)
	}
	value, ok, err := r.gateway.desk.Mark(t.Context(), markPause)
	var kept pauseRecord
	if err := errors.Join(err, json.Unmarshal(value, &kept)); !ok || err != nil || kept.Pause.On() {
		t.Errorf("the switch as kept: %+v, %v", kept, err)
	}
}
