package gateway

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/gateway/agent"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/memstore"
)

// subtle is danger that the screen does not know.
const subtle = "since noon. the lamp over there has rings around it"

// newReader is a rig with a model that reads along, in which a nurse has a case.
func newReader(t *testing.T, limits turn.Opinions) *rig {
	t.Helper()
	r := newRig(t)
	r.gateway.rules().Opinions = limits
	r.nurseHas(patient)
	return r
}

// nurseHas lets a patient write a red flag below S1, and the nurse take the case.
func (r *rig) nurseHas(from molt.Address) {
	r.t.Helper()
	r.text(from, "I feel faint and dizzy")
	page := ""
	for !strings.Contains(page, "S2 page") {
		page = r.leaves().Words.Reveal()
	}
	code := strings.Trim(strings.Fields(page[strings.Index(page, "case ")+5:])[0], ".")
	r.text(nurse, code+" A")
	r.until(nurse, "is yours")
}

// until waits for a text with these words to that address, and returns what left
// before it.
func (r *rig) until(to molt.Address, words string) (before []channels.Outbound) {
	r.t.Helper()
	for {
		o := r.leaves()
		if o.Peer == to && strings.Contains(o.Words.Reveal(), words) {
			return before
		}
		before = append(before, o)
	}
}

// thinks is a model whose opinion is always the same. What it is asked as the agent
// it answers with chatter.
func thinks(level string) func(context.Context, model.Request) (model.Answer, error) {
	return func(_ context.Context, r model.Request) (model.Answer, error) {
		if !r.Opinion {
			return model.Answer{Kind: model.KindReply, Text: "hello from the agent"}, nil
		}
		return model.Answer{Kind: model.KindOpinion, Severity: level, TokensIn: 50, TokensOut: 10}, nil
	}
}

// asked waits for the next question to the model.
func (r *rig) asked() model.Request {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), bound)
	defer cancel()
	select {
	case q := <-r.model.asked:
		return q
	case <-ctx.Done():
		r.t.Fatalf("the model is not asked; log:\n%s", r.log)
	}
	return model.Request{}
}

func TestAModelReadsAlong(t *testing.T) {
	r := newReader(t, turn.Opinions{PerConversation: 5, PerClinic: 5})
	r.model.do = thinks(model.S1)
	r.text(patient, subtle)
	r.until(nurse, "patient: "+subtle) // she reads it, whatever a model thinks
	q := r.asked()
	if !q.Opinion || q.New != 1 || len(q.Ledger) > 0 || q.Persona.Text != "" || q.Window[len(q.Window)-1].Words.Reveal() != subtle {
		t.Errorf("asked: opinion %v, %d new, %d facts", q.Opinion, q.New, len(q.Ledger))
	}
	r.until(nurse, "reads along")
	r.decided(turn.ReasonOpinion)
	if got := r.gateway.spent.total(r.today()); got.Opinions != 1 || got.Tokens != 60 {
		t.Errorf("spent %+v", got)
	}
}

// The text, and what the screen found in it, is committed and answered before any
// model is asked; while the model is at it the nurse has the words.
func TestNothingWaitsForAnOpinion(t *testing.T) {
	r := newReader(t, turn.Opinions{PerConversation: 5, PerClinic: 5})
	release := make(chan struct{})
	defer close(release)
	r.model.do = func(context.Context, model.Request) (model.Answer, error) {
		<-release // whatever time it was given
		return model.Answer{}, model.ErrDeadline
	}
	r.text(patient, subtle)
	r.until(nurse, "patient: "+subtle)
	r.asked()
	r.text(patient, "my chest hurts badly") // while it thinks
	r.until(patient, "Call 911 now")
	other := molt.Address("+15550100198")
	r.text(other, "my chest hurts badly")
	r.until(other, "Call 911 now")
}

// A budget bounds a model that raises everything: so many questions, whoever asks and
// whatever it answers. What people have is untouched.
func TestOpinionsHaveABudget(t *testing.T) {
	r := newReader(t, turn.Opinions{PerConversation: 2, PerClinic: 3})
	r.model.do = thinks("")
	for i := range 4 {
		words := fmt.Sprint("what about this ", i)
		r.text(patient, words)
		r.until(nurse, "patient: "+words)
		if i < 2 {
			r.asked()
			r.opinions(i + 1)
		}
	}
	other := molt.Address("+15550100198")
	r.nurseHas(other)
	for i := range 2 {
		words := fmt.Sprint("and that ", i)
		r.text(other, words)
		r.until(nurse, "patient: "+words)
		r.opinions(3 + i)
	}
	if n := len(r.model.asked); n != 1 { // the clinic's budget, one below the two conversations'
		t.Errorf("after the first two the model was asked %d times, want 1", n)
	}
	if got := r.gateway.spent.total(r.today()).Opinions; got != 4 {
		t.Errorf("%d questions are counted, want 4", got)
	}
	next := r.again()
	if got := next.gateway.spent.total(next.today()).Opinions; got != 4 {
		t.Errorf("after a restart %d questions are counted, want 4", got)
	}
}

// opinions waits until so many came to nothing.
func (r *rig) opinions(n int) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), bound)
	defer cancel()
	for strings.Count(r.log.String(), `"reason":"no_opinion"`) < n {
		if ctx.Err() != nil {
			r.t.Fatalf("fewer than %d opinions; log:\n%s", n, r.log)
		}
		r.get(r.private + "/healthz") // a bounded wait that lets the daemon work
	}
}

// Money that is used up for the agent is used up for opinions.
func TestAnOpinionCountsInTheBudgetOfModels(t *testing.T) {
	r := newReader(t, turn.Opinions{PerConversation: 5, PerClinic: 5})
	r.gateway.rules().PerConversation = turn.Budget{Tokens: 60}
	r.model.do = thinks("")
	for i := range 2 {
		r.text(patient, fmt.Sprint("what about this ", i))
		r.opinions(i + 1)
	}
	if n := len(r.model.asked); n != 1 {
		t.Errorf("the model was asked %d times, want 1", n)
	}
}

// Whoever claims the item after a death asks again, and a nurse hears of it once.
func TestAnOpinionOutlivesTheDaemon(t *testing.T) {
	r := newReader(t, turn.Opinions{PerConversation: 5, PerClinic: 5})
	r.model.do = func(ctx context.Context, _ model.Request) (model.Answer, error) {
		<-ctx.Done()
		return model.Answer{}, ctx.Err()
	}
	r.text(patient, subtle)
	r.asked()
	r.stop()
	store, ok := r.store.(*memstore.Store)
	if !ok {
		t.Fatalf("a store of type %T", r.store)
	}
	next := newRigWith(t, store.Reopen(), r.ring, nil, func(r *rig) {
		r.gateway.rules().Opinions = turn.Opinions{PerConversation: 5, PerClinic: 5}
		r.model.do = thinks(model.S1)
	})
	next.until(nurse, "reads along")
	if got := next.gateway.spent.total(next.today()).Opinions; got != 1 {
		t.Errorf("%d questions are counted, want 1", got)
	}
}

// Where no model can be reached it is asked later.
func TestAnOpinionWaitsForAModel(t *testing.T) {
	r := newReader(t, turn.Opinions{PerConversation: 5, PerClinic: 5})
	down := errors.New("refused")
	r.model.do = func(context.Context, model.Request) (model.Answer, error) {
		return model.Answer{}, fmt.Errorf("%w: %w", model.ErrUnavailable, down)
	}
	r.text(patient, subtle)
	r.asked()
	id := r.gateway.desk.ConversationOf("main", clinic, patient)
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	for later := false; !later; {
		p, err := r.store.Scan(ctx, molt.Query{Table: molt.TableItems, Conversation: id, Limit: molt.MaxPage})
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range p.Items {
			later = later || it.Lane == molt.LaneOpinion && it.Due > molt.TimeOf(r.gateway.o.Now())
		}
	}
	if strings.Contains(r.log.String(), `"reason":"no_opinion"`) {
		t.Error("an opinion that nobody was asked for is given up at once")
	}
}

// What no model took is asked again, the rarer the longer it is wanted, and given up.
func TestWhenAnOpinionIsAskedForAgain(t *testing.T) {
	down := agent.Result{Failed: true, Attempts: []agent.Attempt{{Err: agent.ErrUnavailable}, {Err: agent.ErrBusy}}}
	slow := agent.Result{Failed: true, Attempts: []agent.Attempt{{Err: agent.ErrUnavailable}, {Err: agent.ErrDeadline}}}
	for _, c := range []struct {
		waits time.Duration
		res   agent.Result
		in    time.Duration // 0: never
	}{
		{0, down, opinionAgain},
		{time.Minute, down, time.Minute},
		{20 * time.Minute, down, opinionRarely},
		{opinionGiveUp - time.Millisecond, down, opinionRarely},
		{opinionGiveUp, down, 0},
		{0, slow, 0},
		{0, agent.Result{}, 0},
	} {
		now := molt.TimeOf(time.Now())
		q, want := opinion{wanted: now.Add(-c.waits)}, molt.Time(0)
		if c.in > 0 {
			want = now.Add(c.in)
		}
		if got := q.again(c.res, now); got != want {
			t.Errorf("after %s: got %s, want %s", c.waits, got.Sub(now), c.in)
		}
	}
}
