package agent

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/tidegate/tidegate/gateway/model"
)

// Limits of one question, its calls included.
const (
	MaxRounds  = 6 // times a model is asked
	MaxCalls   = 5
	maxTokens  = 60_000 // in and out, of all rounds
	longestRun = 90 * time.Second
)

// Run is one question on its way to an answer: the model is asked, calls a tool,
// is told what came of it, and is asked again. It is bounded in rounds, calls,
// tokens and time, and ends when a model repeats itself. It is not for two
// goroutines.
type Run struct {
	s      *Session
	models []model.Provider
	r      model.Request
	res    Result
	begun  time.Time
	rounds int
	tokens int
	micros int64
	budget func(tokens int, micros int64) string
	facts  []model.Fact // that came with calls
	asked  *model.Call  // what is being made; Tell says what came of it
}

// Begin begins a question. It asks nobody yet.
func (s *Session) Begin(r model.Request) *Run {
	return &Run{s: s, models: s.providers, r: r, begun: s.now()}
}

// Thrift leaves only the models that cost nothing, and reports whether there are
// any.
func (u *Run) Thrift() bool {
	u.models = slices.DeleteFunc(slices.Clone(u.models), func(p model.Provider) bool {
		_, paid := u.s.prices[p.Name()]
		return paid
	})
	return len(u.models) > 0
}

// Within has the question end by a budget: used names the one that is used up once
// the question itself has cost so much, "" while none is.
func (u *Run) Within(used func(tokens int, micros int64) string) { u.budget = used }

// Next asks the chain. With a call it wants that made, and Tell, and Next again;
// else the result is the end.
func (u *Run) Next(ctx context.Context) (*model.Call, Result) {
	if rule := u.over(); rule != "" {
		return nil, u.ends(rule)
	}
	u.rounds++
	one := u.s.chain(ctx, u.r, u.models)
	u.res.Attempts = append(u.res.Attempts, one.Attempts...)
	for _, a := range one.Attempts {
		u.tokens, u.micros = u.tokens+a.TokensIn+a.TokensOut, u.micros+a.Micros
	}
	u.facts = append(u.facts, one.Answer.Facts...)
	if one.Failed || one.Answer.Kind != model.KindCall {
		u.res.Answer, u.res.Failed, u.res.Why = one.Answer, one.Failed, one.Why
		u.res.Answer.Facts = u.facts
		return nil, u.res
	}
	call := *one.Answer.Call
	if rule := u.futile(call); rule != "" {
		return nil, u.ends(rule)
	}
	u.asked = &call
	return &call, Result{}
}

// Tell says what came of the call.
func (u *Run) Tell(o model.Outcome) {
	if u.asked == nil {
		return
	}
	u.r.Steps = append(slices.Clip(u.r.Steps), model.Step{Call: *u.asked, Outcome: o})
	u.res.Steps, u.asked = u.r.Steps, nil
	if o.Slots != nil {
		u.r.Offered = o.Slots
	}
}

// SoFar is what the question came to by now, where it ends with a call that is not
// made.
func (u *Run) SoFar() Result {
	u.res.Answer.Facts = u.facts
	return u.res
}

// over names the limit that is reached before a model is asked once more.
func (u *Run) over() string {
	if u.budget != nil && u.rounds > 0 {
		u.res.Budget = u.budget(u.tokens, u.micros)
	}
	switch {
	case u.res.Budget != "":
		return "money"
	case u.rounds >= MaxRounds:
		return "rounds"
	case u.tokens >= maxTokens:
		return "tokens"
	case u.s.now().Sub(u.begun) >= longestRun:
		return "seconds"
	}
	return ""
}

// futile names why a call is not made: there were enough, or it was made before.
func (u *Run) futile(c model.Call) string {
	if len(u.r.Steps) >= MaxCalls {
		return "calls"
	}
	for _, s := range u.r.Steps {
		if s.Call.Tool == c.Tool && bytes.Equal(s.Call.Arguments, c.Arguments) {
			return "repetition"
		}
	}
	return ""
}

func (u *Run) ends(rule string) Result {
	u.res.Answer.Facts = u.facts
	u.res.Failed, u.res.Limit, u.res.Why = true, rule, "no usable answer: the question ended by its limit of "+rule
	return u.res
}
