package agent

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/budget"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/retrypolicy"

	"github.com/tidegate/tidegate/gateway/model"
)

// Limits of a guarded provider.
const (
	breakAfter   = 3                // faults in a row until nobody waits for it any more
	breakFor     = 30 * time.Second // then one question tries it again
	maxRetries   = 2                // of one question, while its time lasts
	firstRetry   = 100 * time.Millisecond
	longestRetry = time.Second
	retryRate    = 0.2 // of all questions to a server that may be repetitions
	retryFloor   = 3   // repetitions at once that are always allowed
)

// Server is a server that models run on, as all questions to it share it: so
// many side by side, the others in the order they came. A conversation asks one
// question at a time, so the order is fair between conversations.
type Server struct {
	turns   chan struct{}
	retries budget.Budget

	mu    sync.Mutex
	aside []*aside // opinions that have a turn
}

// NewServer makes a server that takes so many questions at once.
func NewServer(atOnce int) *Server {
	return &Server{
		turns:   make(chan struct{}, max(atOnce, 1)),
		retries: budget.NewBuilder().WithMaxRate(retryRate).WithMinConcurrency(retryFloor).Build(),
	}
}

// guarded is a model on a server, with a breaker of its own.
type guarded struct {
	model  model.Provider
	server *Server
	policy failsafe.Executor[model.Answer]
	broken circuitbreaker.CircuitBreaker[model.Answer]
	aside  failsafe.Executor[model.Answer] // of opinions, whose faults break nothing of the agent's
}

// Guard lets a model be asked as its server bears: in turn, again after a fault
// that may pass, and not at all for a while after several.
func Guard(m model.Provider, s *Server) model.Provider {
	g := &guarded{model: m, server: s}
	g.broken = circuitbreaker.NewBuilder[model.Answer]().HandleIf(down).
		WithFailureThreshold(breakAfter).WithDelay(breakFor).Build()
	again := retrypolicy.NewBuilder[model.Answer]().HandleIf(mayPass).
		WithMaxRetries(maxRetries).WithBackoff(firstRetry, longestRetry).WithJitterFactor(0.2).
		WithBudget(s.retries).ReturnLastFailure().Build()
	g.policy = failsafe.With[model.Answer](again, g.broken)
	g.aside = failsafe.With[model.Answer](circuitbreaker.NewBuilder[model.Answer]().HandleIf(down).
		WithFailureThreshold(breakAfter).WithDelay(breakFor).Build())
	return g
}

// down reports a fault of the server's. A patient's text that no model can
// answer is none, nor is a question that was withdrawn or never had its turn.
func down(_ model.Answer, err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, errNoTurn) || errors.Is(err, errBusy) {
		return false
	}
	return errors.Is(err, model.ErrUnavailable) || errors.Is(err, model.ErrDeadline) || errors.Is(err, context.DeadlineExceeded)
}

// mayPass reports a fault that is worth another try at once.
func mayPass(_ model.Answer, err error) bool {
	return errors.Is(err, model.ErrUnavailable) && !errors.Is(err, model.ErrSetup) && !errors.Is(err, errNoTurn)
}

var errNoTurn = errors.New("its turn never came")

func (g *guarded) Name() string { return g.model.Name() }

func (g *guarded) Ask(ctx context.Context, r model.Request) (model.Answer, error) {
	if r.Opinion {
		return g.opinion(ctx, r)
	}
	var spent model.Answer
	a, err := g.policy.WithContext(ctx).Get(func() (model.Answer, error) {
		a, err := g.inTurn(ctx, r)
		spent.TokensIn, spent.TokensOut = spent.TokensIn+a.TokensIn, spent.TokensOut+a.TokensOut
		return a, err
	})
	a.TokensIn, a.TokensOut = spent.TokensIn, spent.TokensOut
	switch {
	case errors.Is(err, circuitbreaker.ErrOpen):
		return a, fmt.Errorf("%w: it faulted %d times in a row and is tried again later", model.ErrUnavailable, breakAfter)
	case errors.Is(err, retrypolicy.ErrExceeded), errors.Is(err, budget.ErrExceeded):
		return a, fmt.Errorf("%w: %w", model.ErrUnavailable, err)
	case errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, model.ErrDeadline):
		return a, fmt.Errorf("%w: %w", model.ErrDeadline, err)
	}
	return a, err
}

// inTurn waits for a free place at the server.
func (g *guarded) inTurn(ctx context.Context, r model.Request) (model.Answer, error) {
	if !g.server.free() {
		g.server.makeRoom()
	}
	select {
	case g.server.turns <- struct{}{}:
	case <-ctx.Done():
		return model.Answer{}, fmt.Errorf("%w: %w: %w", model.ErrDeadline, errNoTurn, context.Cause(ctx))
	}
	defer func() { <-g.server.turns }()
	return g.model.Ask(ctx, r)
}
