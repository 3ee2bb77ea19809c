package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"

	"github.com/tidegate/tidegate/gateway/model"
)

// Opinion asks what a patient's texts look like to a model on a server. The next of
// the chain is asked where one cannot be reached, or its server is needed for the
// agent; the first that takes the question is the last: one opinion is one question.
func (s *Session) Opinion(ctx context.Context, r model.Request) Result {
	r.Opinion = true
	var res Result
	for _, p := range s.providers {
		if strings.HasPrefix(p.Name(), model.BuiltIn) {
			continue // written beforehand: it thinks nothing
		}
		answer, at := s.attempt(ctx, p, r)
		res.Attempts = append(res.Attempts, at)
		if at.Err == "" {
			res.Answer = answer
			return res
		}
		if !at.unheard() {
			break
		}
	}
	res.Failed, res.Why = true, why(res.Attempts)
	return res
}

// unheard reports an attempt that no model took.
func (a Attempt) unheard() bool {
	return (a.Err == ErrBusy || a.Err == ErrUnavailable) && a.TokensIn+a.TokensOut == 0
}

// Unheard reports that no model took the question, so that it may be asked again
// later and counts for nothing.
func (r Result) Unheard() bool {
	return r.Failed && len(r.Attempts) > 0 && !slices.ContainsFunc(r.Attempts, func(a Attempt) bool { return !a.unheard() })
}

var errBusy = fmt.Errorf("%w: its server was needed for the agent", model.ErrUnavailable)

// aside is an opinion that has a turn, which it gives up when the agent needs it.
type aside struct{ giveWay context.CancelCauseFunc }

// free reports whether the next question has its turn at once.
func (s *Server) free() bool { return len(s.turns) < cap(s.turns) }

// makeRoom has one opinion give up its turn, if one has any.
func (s *Server) makeRoom() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.aside) > 0 {
		s.aside[0].giveWay(errBusy)
		s.aside = s.aside[1:]
	}
}

func (s *Server) enter(ctx context.Context) (context.Context, func(), bool) {
	select {
	case s.turns <- struct{}{}:
	default:
		return ctx, nil, false
	}
	ctx, cancel := context.WithCancelCause(ctx)
	a := &aside{cancel}
	s.mu.Lock()
	s.aside = append(s.aside, a)
	s.mu.Unlock()
	return ctx, func() {
		s.mu.Lock()
		s.aside = slices.DeleteFunc(s.aside, func(o *aside) bool { return o == a })
		s.mu.Unlock()
		cancel(nil)
		<-s.turns
	}, true
}

// opinion asks once, and only while nobody waits for the server: it never stands in
// the queue before a question of the agent's, and gives up its turn to one. A breaker
// that is open for the agent is open for it; its own faults open another.
func (g *guarded) opinion(ctx context.Context, r model.Request) (model.Answer, error) {
	if g.broken.IsOpen() {
		return model.Answer{}, fmt.Errorf("%w: it faulted %d times in a row and is tried again later", model.ErrUnavailable, breakAfter)
	}
	a, err := g.aside.WithContext(ctx).Get(func() (model.Answer, error) {
		turn, leave, ok := g.server.enter(ctx)
		if !ok {
			return model.Answer{}, errBusy
		}
		defer leave()
		a, err := g.model.Ask(turn, r)
		if err != nil && errors.Is(context.Cause(turn), errBusy) {
			err = errBusy
		}
		return a, err
	})
	if errors.Is(err, circuitbreaker.ErrOpen) {
		return a, fmt.Errorf("%w: it faulted %d times in a row and is tried again later", model.ErrUnavailable, breakAfter)
	}
	return a, err
}
