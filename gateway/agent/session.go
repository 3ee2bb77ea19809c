package agent

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"strings"
	"time"

	"github.com/tidegate/tidegate/gateway/model"
)

// Defaults of Options.
const (
	DefaultTimeout = 20 * time.Second
	// MaxProviders bounds a chain, and with the timeout the length of a run.
	MaxProviders = 8
)

// Options are what a session is made of.
type Options struct {
	Providers []model.Provider // the chain: each is asked when all before it faulted
	Timeout   time.Duration    // for one provider; 0 means DefaultTimeout
	Limits    Limits
	Prices    map[string]Price // of models on servers, by name; the others cost nothing
	Now       func() time.Time // to measure how long an attempt took; nil means time.Now
}

// Price is what a model costs for a million tokens read and written.
type Price struct{ In, Out float64 }

// micros is what tokens cost, in millionths.
func (p Price) micros(in, out int) int64 {
	return int64(math.Ceil(float64(in)*p.In + float64(out)*p.Out))
}

// Session asks a chain of models. It may be used from many goroutines.
type Session struct {
	providers []model.Provider
	timeout   time.Duration
	limits    Limits
	prices    map[string]Price
	now       func() time.Time
}

// New checks the options and fills in the defaults. It starts nothing.
func New(o Options) (*Session, error) {
	switch {
	case len(o.Providers) == 0:
		return nil, errors.New("agent session: no provider")
	case len(o.Providers) > MaxProviders:
		return nil, fmt.Errorf("agent session: %d providers, at most %d", len(o.Providers), MaxProviders)
	case o.Timeout < 0:
		return nil, fmt.Errorf("agent session: timeout %s is negative", o.Timeout)
	}
	for i, p := range o.Providers {
		if p == nil {
			return nil, fmt.Errorf("agent session: provider %d is nil", i)
		}
	}
	s := &Session{providers: o.Providers, timeout: o.Timeout, limits: o.Limits.filled(), prices: o.Prices, now: o.Now}
	if s.timeout == 0 {
		s.timeout = DefaultTimeout
	}
	if s.now == nil {
		s.now = time.Now
	}
	return s, nil
}

// Result is what became of a request.
type Result struct {
	Answer   model.Answer `json:"answer"` // zero when Failed
	Steps    []model.Step `json:"steps,omitempty"`
	Attempts []Attempt    `json:"attempts"`
	Failed   bool         `json:"failed"`           // no provider gave a usable answer
	Why      string       `json:"why"`              // when Failed: a sentence without anybody's words
	Budget   string       `json:"budget,omitempty"` // which budget ended it
	Limit    string       `json:"limit,omitempty"`  // when Failed: which limit of the question ended it
}

// Attempt is one provider's turn.
type Attempt struct {
	Model  string  `json:"model"`
	Err    ErrKind `json:"err"`     // "" when its answer was taken
	Rule   string  `json:"rule"`    // for a bad answer: the rule it broke
	TookMS int64   `json:"took_ms"` // how long it took, in milliseconds

	TokensIn  int `json:"tokens_in,omitempty"` // spent, whatever came of it
	TokensOut int `json:"tokens_out,omitempty"`

	Micros int64 `json:"micros,omitempty"` // what they cost, in millionths
	// Cause is the whole error, for the log. It is not recorded.
	Cause error `json:"-"`
}

// ErrKind says how a provider faulted.
type ErrKind string

// The ways to fault.
const (
	ErrDeadline    ErrKind = "deadline"
	ErrUnavailable ErrKind = "unavailable"
	ErrBadAnswer   ErrKind = "bad_answer"
	ErrPanic       ErrKind = "panic"
	ErrBusy        ErrKind = "busy"    // the server was needed for a question of the agent's; nobody answered
	ErrStopped     ErrKind = "stopped" // the caller stopped waiting; nobody else is asked
	ErrOther       ErrKind = "fault"
)

var errPanic = errors.New("provider panicked")

// chain asks one provider after the other until one gives an answer that keeps
// to the contract. It returns when ctx ends, and at the latest after the timeout
// of each provider.
func (s *Session) chain(ctx context.Context, r model.Request, providers []model.Provider) Result {
	var res Result
	for _, p := range providers {
		answer, at := s.attempt(ctx, p, r)
		res.Attempts = append(res.Attempts, at)
		if at.Err == "" {
			res.Answer = answer
			return res
		}
		if at.Err == ErrStopped {
			break
		}
	}
	res.Failed, res.Why = true, why(res.Attempts)
	return res
}

func why(attempts []Attempt) string {
	parts := make([]string, len(attempts))
	for i, a := range attempts {
		parts[i] = a.Model + ": " + string(a.Err)
		if a.Rule != "" {
			parts[i] += " (" + a.Rule + ")"
		}
	}
	return "no usable answer: " + strings.Join(parts, "; ")
}

func (s *Session) attempt(ctx context.Context, p model.Provider, r model.Request) (model.Answer, Attempt) {
	at := Attempt{Model: p.Name()}
	begun := s.now()
	answer, err := s.ask(ctx, p, r)
	at.TookMS, at.TokensIn, at.TokensOut = s.now().Sub(begun).Milliseconds(), answer.TokensIn, answer.TokensOut
	at.Micros = s.prices[at.Model].micros(at.TokensIn, at.TokensOut)
	if err == nil {
		answer, err = s.limits.accept(r, answer)
	}
	if err != nil {
		at.Err, at.Cause = kindOf(ctx, err), err
		var b *broken
		if errors.As(err, &b) {
			at.Rule = b.rule
		}
		return model.Answer{}, at
	}
	answer.Model = at.Model
	return answer, at
}

// ask lets a provider neither run over its time nor take the session down.
func (s *Session) ask(ctx context.Context, p model.Provider, r model.Request) (_ model.Answer, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	defer func() {
		if v := recover(); v != nil {
			// The value may hold a patient's words; its type does not.
			err = fmt.Errorf("%w: %T\n%s", errPanic, v, debug.Stack())
		}
	}()
	if err := ctx.Err(); err != nil {
		return model.Answer{}, err
	}
	return p.Ask(ctx, r)
}

func kindOf(ctx context.Context, err error) ErrKind {
	switch {
	case errors.Is(err, errBusy):
		return ErrBusy
	case errors.Is(err, errPanic):
		return ErrPanic
	case errors.Is(err, model.ErrBadAnswer):
		return ErrBadAnswer
	case ctx.Err() != nil:
		return ErrStopped
	case errors.Is(err, model.ErrDeadline), errors.Is(err, context.DeadlineExceeded):
		return ErrDeadline
	case errors.Is(err, model.ErrUnavailable):
		return ErrUnavailable
	}
	return ErrOther
}
