package agent

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidegate/tidegate/gateway/model"
)

// counted is a provider that counts its questions.
func counted(n *int, do func(ctx context.Context, n int) (model.Answer, error)) fake {
	var mu sync.Mutex
	return fake{"x/y", func(ctx context.Context, _ model.Request) (model.Answer, error) {
		mu.Lock()
		*n++
		at := *n
		mu.Unlock()
		return do(ctx, at)
	}}
}

func TestAFaultThatPassesIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		g := Guard(counted(&n, func(_ context.Context, n int) (model.Answer, error) {
			a := reply("Thank you.")
			a.TokensIn, a.TokensOut = 10, 1
			if n <= maxRetries {
				return model.Answer{TokensIn: 10}, fmt.Errorf("%w: reset", model.ErrUnavailable)
			}
			return a, nil
		}), NewServer(1))
		a, err := g.Ask(context.Background(), request())
		if err != nil || n != maxRetries+1 || a.Text != "Thank you." {
			t.Errorf("got %v, %v after %d questions", a.Kind, err, n)
		}
		if a.TokensIn != 10*n || a.TokensOut != 1 {
			t.Errorf("tokens: got %d and %d, want those of all %d tries", a.TokensIn, a.TokensOut, n)
		}
	})
}

func TestWhatCannotPassIsNotTriedAgain(t *testing.T) {
	for _, fault := range []error{model.ErrSetup, model.ErrBadAnswer, model.ErrDeadline, errors.New("odd")} {
		synctest.Test(t, func(t *testing.T) {
			n := 0
			g := Guard(counted(&n, func(context.Context, int) (model.Answer, error) { return model.Answer{}, fault }), NewServer(1))
			if _, err := g.Ask(context.Background(), request()); !errors.Is(err, fault) || n != 1 {
				t.Errorf("%v: got %v after %d questions", fault, err, n)
			}
		})
	}
}

func TestABreakerOpensAndTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		up := false
		g := Guard(counted(&n, func(ctx context.Context, _ int) (model.Answer, error) {
			if up {
				return reply("Thank you."), nil
			}
			<-ctx.Done()
			return model.Answer{}, fmt.Errorf("%w: %w", model.ErrDeadline, ctx.Err())
		}), NewServer(1))
		ask := func() error {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			_, err := g.Ask(ctx, request())
			return err
		}
		for range breakAfter {
			if err := ask(); !errors.Is(err, model.ErrDeadline) {
				t.Fatalf("got %v", err)
			}
		}
		begun := time.Now()
		if err := ask(); !errors.Is(err, model.ErrUnavailable) || n != breakAfter || time.Since(begun) != 0 {
			t.Errorf("after %d faults: %v, %d questions, %s", breakAfter, err, n, time.Since(begun))
		}
		time.Sleep(breakFor) // the bubble's clock
		up = true
		if err := ask(); err != nil || n != breakAfter+1 {
			t.Errorf("later: %v after %d questions", err, n)
		}
	})
}

func TestAWithdrawnQuestionIsNoFaultOfTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		g := Guard(counted(&n, func(ctx context.Context, _ int) (model.Answer, error) {
			<-ctx.Done()
			return model.Answer{}, fmt.Errorf("%w: %w", model.ErrDeadline, context.Cause(ctx))
		}), NewServer(1))
		for range 2 * breakAfter {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			_, _ = g.Ask(ctx, request())
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		before := n
		_, _ = g.Ask(ctx, request())
		if n != before+1 {
			t.Error("the breaker opened for questions that were withdrawn")
		}
	})
}

// Questions are taken in the order they came, so many at once. With one at a
// time the order can be seen.
func TestTurns(t *testing.T) {
	for _, atOnce := range []int{1, 2} {
		turns(t, atOnce)
	}
}

func turns(t *testing.T, atOnce int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var order []string
		inside, most := 0, 0
		g := Guard(fake{"x/y", func(_ context.Context, r model.Request) (model.Answer, error) {
			mu.Lock()
			inside++
			most = max(most, inside)
			order = append(order, r.Question)
			mu.Unlock()
			time.Sleep(time.Second) // the bubble's clock
			mu.Lock()
			inside--
			mu.Unlock()
			return reply("Thank you."), nil
		}}, NewServer(atOnce))
		for i := range 9 {
			r := request()
			r.Question = fmt.Sprint(i)
			go func() { _, _ = g.Ask(context.Background(), r) }()
			synctest.Wait()
		}
		time.Sleep(10 * time.Second) // the bubble's clock
		mu.Lock()
		defer mu.Unlock()
		if got := fmt.Sprint(order); most != atOnce || len(order) != 9 || atOnce == 1 && got != "[0 1 2 3 4 5 6 7 8]" {
			t.Errorf("order %s with %d at once", got, most)
		}
	})
}

func TestNobodyWaitsForATurnForever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		block := make(chan struct{})
		s := NewServer(1)
		n := 0
		g := Guard(counted(&n, func(context.Context, int) (model.Answer, error) {
			<-block
			return reply("Thank you."), nil
		}), s)
		go func() { _, _ = g.Ask(context.Background(), request()) }()
		synctest.Wait()
		for range 2 * breakAfter {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			if _, err := g.Ask(ctx, request()); !errors.Is(err, model.ErrDeadline) {
				t.Errorf("got %v", err)
			}
			cancel()
		}
		close(block)
		synctest.Wait()
		if a, err := g.Ask(context.Background(), request()); err != nil || a.Kind != model.KindReply {
			t.Errorf("waiting opened the breaker: %v", err)
		}
	})
}
