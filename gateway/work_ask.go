package gateway

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/tidegate/tidegate/gateway/agent"
	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/skill"
	"github.com/tidegate/tidegate/gateway/telemetry"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// question is one item of the ask lane on its way: asked, perhaps called for a
// tool and asked again, answered.
type question struct {
	it      molt.Leased
	f       *force
	channel string
	req     model.Request
	run     *agent.Run
	r       turn.Replied
	began   time.Time
	call    model.Call   // being made
	act     turn.Calling // that it is, if it acts
	making  turn.Making  // of an act that was under way before the question
	who     skill.Patient
	came    *model.Outcome      // of the act that the model asked for, while something is put back
	spent   turn.Spent          // by the conversation before
	told    *telemetry.Question // nil: to nobody
}

// beginAsk asks the agent, with no transaction open, and brings its answer as a
// fact. An act that an earlier making of this item had begun is ended first.
func (g *Gateway) beginAsk(it molt.Leased) step {
	return func(ctx context.Context) step {
		if g.waitsForRoom(ctx, it) {
			return nil
		}
		now := molt.TimeOf(g.o.Now())
		if due := g.asks.take(now); due > now {
			g.putBack(ctx, it, due)
			return nil
		}
		q := &question{it: it, f: g.force.Load(), r: turn.Replied{Item: it.ID}, began: g.o.Now()}
		current := false
		_, err := g.desk.Step(ctx, it.Conversation, nil, func(s *turn.State, recall func(turn.Ref) molt.Words) intake.Plan {
			q.req = s.Request(q.f.rules, q.f.Persona, q.f.Clinic, recall, now)
			q.r.Epoch, q.r.Saw = s.Epoch, s.Seq
			q.r.Budget, q.spent = g.overBudget(q.f.rules, s.Spent, now), s.Spent
			current, q.channel, q.who = s.Ask.Item == it.ID, s.Began.Channel, patientOf(s)
			q.act, q.making = s.Making(it.ID)
			return intake.Plan{}
		})
		if err != nil || !current {
			if err == nil || unusable(err) {
				err = g.cancelItem(ctx, it)
			}
			if err != nil {
				g.stepError(it, "ask", err)
			}
			return nil
		}
		if q.making != turn.MakeNothing {
			return g.goOn(q)
		}
		q.r.Request = digestOf(q.req)
		if q.f.Skills != nil {
			q.req.Tools = q.f.Skills.Tools()
		}
		q.run = q.f.Session.Begin(q.req)
		q.told = g.o.Tracer.Begin(it.Conversation, q.channel, q.f.Persona.Name)
		if q.r.Budget == budgetClinic && q.run.Thrift() {
			q.r.Budget = "" // a model that costs nothing answers
		}
		q.run.Within(func(tokens int, micros int64) string { return g.budgetUsed(q, tokens, micros) })
		return func(ctx context.Context) step { return g.ask(ctx, q) }
	}
}

// patientOf is whom an act is for. No model has a say in it.
func patientOf(s *turn.State) skill.Patient {
	p := skill.Patient{Phone: s.Phone()}
	for _, f := range turn.Latest(s.Ledger) {
		switch f.Name {
		case model.FactName:
			p.Name = f.Value
		case model.FactDOB:
			p.DOB = f.Value
		case model.FactReason:
			p.Reason = f.Value
		}
	}
	return p
}

// ask makes the call. A paused agent is not called: what waits is decided
// without it.
func (g *Gateway) ask(ctx context.Context, q *question) step {
	var res agent.Result
	var call *model.Call
	if g.rules().MayAgent(q.channel) && q.r.Budget == "" {
		asking, done := g.sessions.begin(q.told.In(ctx), q.it.Conversation, q.r.Epoch, q.it.ID)
		call, res = q.run.Next(asking)
		done()
	}
	switch {
	case ctx.Err() != nil:
		return nil // stopping: it is asked again after the start
	case call != nil:
		q.call = *call
		return g.made(q)
	}
	return g.ends(q, res)
}

// ends brings what a question came to, with what it cost.
func (g *Gateway) ends(q *question, res agent.Result) step {
	r := &q.r
	r.Answer, r.Steps, r.Failed, r.Why, r.TookMS = res.Answer, res.Steps, res.Failed, res.Why, g.o.Now().Sub(q.began).Milliseconds()
	for _, a := range res.Attempts {
		r.Tokens, r.Micros = r.Tokens+a.TokensIn+a.TokensOut, r.Micros+a.Micros
	}
	r.Budget = cmp.Or(r.Budget, res.Budget)
	r.Failed = r.Failed || r.Budget != ""
	g.countAsk(q.it, res)
	q.told.End(r.Answer.Kind, r.Failed, res.Limit, r.Tokens)
	g.flag(q.it.Conversation, g.watchman.replied(r.Tokens, res.Limit))
	return func(ctx context.Context) step {
		g.answer(ctx, q.it, q.r)
		return nil
	}
}

// made makes a call of the model's: at once where it only looks, after a commit
// where it acts.
func (g *Gateway) made(q *question) step {
	tool, ok := q.f.Skills.Tool(q.call.Tool)
	if ok && tool.Acts {
		return func(ctx context.Context) step { return g.commitAct(ctx, q) }
	}
	return func(ctx context.Context) step {
		done := telemetry.Tool(q.told.In(ctx), q.call.Tool, ok)
		var out model.Outcome
		if q.call.Tool == model.ToolNote {
			out = q.run.Note(q.call)
		} else {
			out = q.f.Skills.Look(ctx, q.call)
		}
		done(out.State)
		g.countCall(q.it, q.call.Tool, out)
		return g.told(ctx, q, out)
	}
}

// told gives the model what came of its call, and asks again.
func (g *Gateway) told(ctx context.Context, q *question, out model.Outcome) step {
	if ctx.Err() != nil {
		return nil
	}
	q.run.Tell(out)
	return func(ctx context.Context) step { return g.ask(ctx, q) }
}

// commitAct puts an act on record while the conversation is the agent's still,
// and this question its question.
func (g *Gateway) commitAct(ctx context.Context, q *question) step {
	why, now, waits := "", molt.TimeOf(g.o.Now()), false
	q.act = turn.Calling{}
	_, err := g.desk.Step(ctx, q.it.Conversation, nil, func(s *turn.State, _ func(turn.Ref) molt.Words) intake.Plan {
		if s.Ask.Item != q.it.ID || s.Epoch != q.r.Epoch {
			why = "withdrawn"
			return intake.Plan{}
		}
		act, against := s.Act(q.it.Conversation, q.call, skill.SlotOf(q.call), now)
		if why = against; why != "" {
			return intake.Plan{}
		}
		q.act, q.who = act, patientOf(s)
		if waits = g.rules().MustApprove(act.Tool); waits {
			return intake.Plan{}
		}
		return intake.Plan{Facts: []intake.Fact{{Kind: turn.KindCalling, Body: &act}}, Leases: []molt.Lease{q.it.Lease}}
	})
	switch {
	case err != nil:
		g.stepError(q.it, "calling", err)
		return nil
	case why != "":
		out := model.Outcome{State: model.CallRefused, Why: why}
		g.countCall(q.it, q.call.Tool, out)
		return g.told(ctx, q, out)
	case waits:
		q.r.Proposed = &q.act
		return g.ends(q, q.run.SoFar())
	}
	return func(ctx context.Context) step { return g.doAct(ctx, q) }
}

// goOn goes on with the act that was under way before this question.
func (g *Gateway) goOn(q *question) step {
	if q.making == turn.MakeBegin {
		return func(ctx context.Context) step { return g.commitBegun(ctx, q) }
	}
	return func(ctx context.Context) step { return g.doAct(ctx, q) }
}

// commitBegun puts on record that an approved act is being made, while the approval
// stands. One that ended meanwhile has taken the question with it.
func (g *Gateway) commitBegun(ctx context.Context, q *question) step {
	stands := false
	_, err := g.desk.Step(ctx, q.it.Conversation, nil, func(s *turn.State, _ func(turn.Ref) molt.Words) intake.Plan {
		act, how := s.Making(q.it.ID)
		if stands = how == turn.MakeBegin && act.Key == q.act.Key; !stands {
			return intake.Plan{}
		}
		q.act, q.who = act, patientOf(s)
		return intake.Plan{Facts: []intake.Fact{{Kind: turn.KindCalling, Body: &act}}, Leases: []molt.Lease{q.it.Lease}}
	})
	switch {
	case err != nil:
		g.stepError(q.it, "calling", err)
		return nil
	case !stands:
		return g.beginAsk(q.it)
	}
	return func(ctx context.Context) step { return g.doAct(ctx, q) }
}

// doAct makes the act, or looks what became of one that is over. Stopping does not
// break it off: it has its own time. A worker that stalled past its lease makes
// nothing: whoever has the question since may have made it, and given it back.
func (g *Gateway) doAct(ctx context.Context, q *question) step {
	if molt.TimeOf(g.o.Now()) >= q.it.Lease.Until || !g.mayMake(ctx, q) {
		return nil
	}
	var out model.Outcome
	done := telemetry.Tool(q.told.In(ctx), q.act.Tool, true)
	act := skill.Act{Tool: q.act.Tool, Key: q.act.Key, Slot: q.act.Slot, For: q.who}
	switch {
	case q.f.Skills == nil:
		out = model.Outcome{State: model.CallUnknown, Why: "no_calendar"}
	case q.making == turn.MakeLook:
		out = q.f.Skills.Check(context.WithoutCancel(ctx), act)
	default:
		out = q.f.Skills.Do(context.WithoutCancel(ctx), act)
	}
	done(out.State)
	g.countCall(q.it, q.act.Tool, out)
	return func(ctx context.Context) step { return g.commitCalled(ctx, q, out) }
}

// mayMake takes the last look before an act: one that somebody spoke over since it was
// put on record is only looked up, by this worker as by any later one.
func (g *Gateway) mayMake(ctx context.Context, q *question) bool {
	_, err := g.desk.Step(context.WithoutCancel(ctx), q.it.Conversation, nil, func(s *turn.State, _ func(turn.Ref) molt.Words) intake.Plan {
		if act, how := s.Making(q.it.ID); how != turn.MakeAgain || act.Key != q.act.Key {
			q.making = turn.MakeLook
		}
		return intake.Plan{}
	})
	if err != nil {
		g.stepError(q.it, "calling", err)
	}
	return err == nil
}

// commitCalled brings what came of an act as a fact, whoever owns the conversation
// by now. A question that only ended an earlier one's act begins anew.
func (g *Gateway) commitCalled(ctx context.Context, q *question, out model.Outcome) step {
	b := turn.Called{Tool: q.act.Tool, Key: q.act.Key, Slot: q.act.Slot, State: out.State, Why: out.Why}
	_, err := g.desk.Step(context.WithoutCancel(ctx), q.it.Conversation, nil, func(*turn.State, func(turn.Ref) molt.Words) intake.Plan {
		return intake.Plan{Facts: []intake.Fact{{Kind: turn.KindCalled, Body: &b}}}
	})
	switch {
	case err != nil:
		g.stepError(q.it, "called", err)
		return nil
	case q.run == nil:
		return g.beginAsk(q.it)
	case q.act.Tool == model.ToolBook && !q.act.Back && (out.State == model.CallRefused || out.State == model.CallFailed):
		q.came = &out
		return func(ctx context.Context) step { return g.putBackAct(ctx, q) }
	case q.came != nil:
		out, q.came = *q.came, nil // what the model asked for, and not what was put back
	}
	return g.told(ctx, q, out)
}

// putBackAct puts back what the question gave back, if the decision on the act wants
// it. It is on record: whoever does this question after a death does it too.
func (g *Gateway) putBackAct(ctx context.Context, q *question) step {
	wanted := false
	_, err := g.desk.Step(ctx, q.it.Conversation, nil, func(s *turn.State, _ func(turn.Ref) molt.Words) intake.Plan {
		act, how := s.Making(q.it.ID)
		if wanted = how == turn.MakeAgain && act.Back; wanted {
			q.act, q.who = act, patientOf(s)
		}
		return intake.Plan{}
	})
	switch {
	case err != nil:
		g.stepError(q.it, "put back", err)
		return nil
	case wanted:
		return func(ctx context.Context) step { return g.doAct(ctx, q) }
	}
	out := *q.came
	q.came = nil
	return g.told(ctx, q, out)
}

func (g *Gateway) answer(ctx context.Context, it molt.Leased, r turn.Replied) {
	_, err := g.desk.Step(ctx, it.Conversation, nil, func(s *turn.State, _ func(turn.Ref) molt.Words) intake.Plan {
		p := intake.Plan{Facts: []intake.Fact{{Kind: turn.KindReplied, Body: &r}}}
		if s.Ask.Item == it.ID {
			p.Leases = []molt.Lease{it.Lease}
		}
		return p
	})
	if err != nil {
		g.stepError(it, "answer", err)
	}
}

func (g *Gateway) countAsk(it molt.Leased, res agent.Result) {
	for _, a := range res.Attempts {
		outcome := "ok"
		if a.Err != "" {
			outcome = string(a.Err)
		}
		if a.Err != "" && a.Err != agent.ErrBusy {
			g.o.Log.Warn().Str("conversation", string(it.Conversation)).Str("model", a.Model).Str("reason", outcome).
				Str("rule", a.Rule).Int64("took_ms", a.TookMS).AnErr("err", a.Cause).Msg("model")
		}
		g.metrics.asked(a, outcome)
	}
}

// countCall counts a call of a tool, and tells of one that did not come out.
func (g *Gateway) countCall(it molt.Leased, tool string, out model.Outcome) {
	g.metrics.calls.WithLabelValues(tool, out.State).Inc()
	if out.State == model.CallFailed || out.State == model.CallUnknown {
		g.o.Log.Warn().Str("conversation", string(it.Conversation)).Str("tool", tool).Str("state", out.State).Str("reason", out.Why).Msg("tool")
	}
}

// digestOf names what was asked, so that a replay knows the same question.
func digestOf(req model.Request) string {
	b, err := json.Marshal(req)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}
