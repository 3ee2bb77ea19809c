package gateway

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/gateway/agent"
	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/skill"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// costly answers for so many tokens.
func costly(tokens int) func(context.Context, model.Request) (model.Answer, error) {
	return func(context.Context, model.Request) (model.Answer, error) {
		return model.Answer{Kind: model.KindReply, Text: "hello from the agent", TokensIn: tokens - 10, TokensOut: 10}, nil
	}
}

func TestARunawayConversationStops(t *testing.T) {
	r := newRig(t)
	r.gateway.rules().PerConversation = turn.Budget{Tokens: 100}
	r.model.do = costly(60)
	for range 2 {
		r.text(patient, "when are you open")
		if o := r.leaves(); o.Class != channels.ClassAgent {
			t.Fatalf("a text of class %s left", o.Class)
		}
	}
	r.text(patient, "and tomorrow?")
	if o := r.leaves(); o.Class == channels.ClassAgent || !strings.Contains(o.Words.Reveal(), "911") {
		t.Errorf("over its budget a text of class %s left", o.Class)
	}
	if n := len(r.model.asked); n != 2 {
		t.Errorf("the model was asked %d times, want 2", n)
	}
	other := molt.Address("+15550100198")
	r.text(other, "when are you open")
	if o := r.leaves(); o.Peer != other || o.Class != channels.ClassAgent {
		t.Errorf("another conversation is stopped too: class %s", o.Class)
	}
	if got := r.gateway.spent.total(r.today()).Tokens; got != 180 {
		t.Errorf("all spent %d, want 180", got)
	}
	next := r.again()
	if got := next.gateway.spent.total(next.today()).Tokens; got != 180 {
		t.Errorf("after a restart all spent %d, want 180", got)
	}
}

// caller looks something else up each time it is asked, for ever.
func caller(tokens int) func(context.Context, model.Request) (model.Answer, error) {
	return func(_ context.Context, r model.Request) (model.Answer, error) {
		day := fmt.Sprintf(`{"day":"2026-05-%02d"}`, len(r.Steps)+1)
		return model.Answer{Kind: model.KindCall, Call: &model.Call{Tool: model.ToolHours, Arguments: []byte(day)}, TokensIn: tokens - 10, TokensOut: 10}, nil
	}
}

// A question that calls one tool after the other stops where the budget ends, and
// not only after it: a fixed text and a person, never silence.
func TestARunawayQuestionStops(t *testing.T) {
	r := newRig(t)
	r.gateway.rules().PerConversation = turn.Budget{Tokens: 100}
	r.gateway.force.Load().Skills = skill.New(skill.Options{Zone: time.UTC})
	r.model.do = caller(60)
	r.text(patient, "when are you open")
	if o := r.leaves(); o.Class == channels.ClassAgent || !strings.Contains(o.Words.Reveal(), "911") {
		t.Errorf("over its budget a text of class %s left", o.Class)
	}
	if n := len(r.model.asked); n != 2 {
		t.Errorf("the model was asked %d times, want 2", n)
	}
	if got := r.gateway.spent.total(r.today()).Tokens; got != 120 {
		t.Errorf("all spent %d, want 120", got)
	}
}

func (r *rig) today() string { return r.gateway.rules().Day(molt.TimeOf(r.gateway.o.Now())) }

// When the clinic's budget is used up, a model that costs nothing answers; where
// there is none, a fixed text and a person.
func TestTheClinicsBudget(t *testing.T) {
	for _, free := range []bool{true, false} {
		r := newRig(t)
		r.gateway.rules().PerClinic = turn.Budget{Micros: 50}
		r.model.do = costly(60)
		chain := []model.Provider{r.model}
		if free {
			chain = append(chain, cheap{})
		}
		session, err := agent.New(agent.Options{Providers: chain, Timeout: bound, Prices: map[string]agent.Price{"test/thinker": {In: 1, Out: 1}}})
		if err != nil {
			t.Fatal(err)
		}
		r.gateway.force.Load().Session = session
		r.text(patient, "when are you open")
		if o := r.leaves(); !strings.Contains(o.Words.Reveal(), "hello") {
			t.Fatalf("first left %q", o.Words.Reveal())
		}
		other := molt.Address("+15550100198")
		r.text(other, "when are you open")
		o := r.leaves()
		if free != (o.Words.Reveal() == "from the built-in flow") || o.Peer != other || len(r.model.asked) != 1 {
			t.Errorf("free model %v: %q left after %d questions to the paid one", free, o.Words.Reveal(), len(r.model.asked))
		}
	}
}

// cheap costs nothing.
type cheap struct{}

func (cheap) Name() string { return "scripted/intake" }

func (cheap) Ask(context.Context, model.Request) (model.Answer, error) {
	return model.Answer{Kind: model.KindReply, Text: "from the built-in flow"}, nil
}

// TestATornMarkOfSpending: what nobody can read of a day's spending keeps no daemon
// from starting. It counts as the most that it can be, is told, and gives way to what
// the conversation's own record says.
func TestATornMarkOfSpending(t *testing.T) {
	for name, value := range map[string]string{"torn": `{"day":"20`, "another day's": `{"day":"2001-01-01","tokens":5}`, "below nothing": `{"day":"TODAY","tokens":-5}`} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.model.do = costly(60)
			r.text(patient, "when are you open")
			r.leaves()
			id := r.gateway.desk.ConversationOf("main", clinic, patient)
			mark := molt.MarkID(intake.MarkSpent + r.today() + ":" + string(id))
			value = strings.ReplaceAll(value, "TODAY", r.today())
			if _, err := r.store.Commit(t.Context(), molt.Batch{Marks: []molt.Mark{{ID: mark, Value: []byte(value)}}}); err != nil {
				t.Fatal(err)
			}
			next := r.again()
			if said := next.log.String(); !strings.Contains(said, string(id)) || !strings.Contains(said, "what was spent") {
				t.Errorf("the log does not tell of it: %s", said)
			}
			if _, page := next.get(next.private + "/metrics"); !strings.Contains(page, "tidegate_spending_damaged 1") {
				t.Error("no metric tells of it")
			}
			budgets := turn.Rules{PerConversation: turn.Budget{Tokens: 1000}, PerClinic: turn.Budget{Tokens: 9000, Micros: 70}}
			spent, err := readSpending(t.Context(), r.store, r.today(), mostOf(&budgets))
			if err != nil {
				t.Fatal(err)
			}
			if got := spent.total(next.today()); got.Tokens != 1000 || got.Micros != 70 {
				t.Errorf("it counts as %+v", got)
			}
			next.model.do = costly(60)
			next.text(patient, "and on Friday?")
			next.leaves()
			if got := next.gateway.spent.total(next.today()); got.Tokens != 120 || next.gateway.spent.damaged() != 0 {
				t.Errorf("after the conversation spoke for itself: %+v, %d damaged", got, next.gateway.spent.damaged())
			}
		})
	}
}
