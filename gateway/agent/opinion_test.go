package agent

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/gateway/model"
)

func opines(level string) model.Answer {
	return model.Answer{Kind: model.KindOpinion, Severity: level, TokensIn: 90, TokensOut: 10}
}

// One model takes the question: the next is asked where one cannot be reached, and
// none after one whose answer is no opinion. What is written beforehand has none.
func TestAnOpinionIsOneQuestion(t *testing.T) {
	down := fmt.Errorf("%w: refused", model.ErrUnavailable)
	for _, c := range []struct {
		name    string
		chain   []model.Provider
		level   string
		unheard bool
		asked   int
	}{
		{"the first", []model.Provider{says("a/1", opines(model.S2)), says("b/2", opines(model.S1))}, model.S2, false, 1},
		{"none is none", []model.Provider{says("a/1", opines(""))}, "", false, 1},
		{"past what is built in", []model.Provider{says("scripted/intake", opines(model.S1)), says("b/2", opines(model.S3))}, model.S3, false, 1},
		{"past one that is down", []model.Provider{faults("a/1", down), says("b/2", opines(model.S3))}, model.S3, false, 2},
		{"all down", []model.Provider{faults("a/1", down), faults("b/2", down)}, "failed", true, 2},
		{"too slow", []model.Provider{faults("a/1", model.ErrDeadline), says("b/2", opines(model.S1))}, "failed", false, 1},
		{"garbage", []model.Provider{faults("a/1", model.ErrBadAnswer), says("b/2", opines(model.S1))}, "failed", false, 1},
		{"a reply", []model.Provider{says("a/1", reply("Call 911.")), says("b/2", opines(model.S1))}, "failed", false, 1},
		{"a level there is not", []model.Provider{says("a/1", opines(model.S4))}, "failed", false, 1},
		{"nobody to ask", []model.Provider{says("scripted/intake", opines(model.S1))}, "failed", false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			res := session(t, Options{Providers: c.chain}).Opinion(t.Context(), request())
			got := res.Answer.Severity
			if res.Failed {
				got = "failed"
			}
			if got != c.level || res.Unheard() != c.unheard || len(res.Attempts) != c.asked {
				t.Errorf("got %q after %d questions, unheard %v (%s)", got, len(res.Attempts), res.Unheard(), res.Why)
			}
		})
	}
}

// Nothing but the level is taken of an opinion, whatever a model puts beside it.
func TestAnOpinionSaysNothingToAnybody(t *testing.T) {
	a := opines(model.S2)
	a.Text, a.Reason, a.Question, a.Done, a.Facts = "Take two of these.", "cancel", "name", true, []model.Fact{{Name: model.FactName, Value: "Ana", Source: 5}}
	a.Call = &model.Call{Tool: model.ToolBook}
	res := session(t, Options{Providers: []model.Provider{says("a/1", a)}}).Opinion(t.Context(), request())
	want := opines(model.S2)
	want.Model = "a/1"
	if d := cmp.Diff(want, res.Answer); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	r := request()
	if res := session(t, Options{Providers: []model.Provider{says("a/1", opines(model.S1))}}).Begin(r); res != nil {
		if _, got := res.Next(t.Context()); !got.Failed {
			t.Error("an opinion is an answer to the patient")
		}
	}
}

// An opinion has a turn only while nobody else wants it, and gives it up.
func TestAnOpinionGivesWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		block := make(chan struct{})
		g := Guard(fake{"x/y", func(ctx context.Context, r model.Request) (model.Answer, error) {
			if !r.Opinion {
				<-block
				return reply("Thank you."), nil
			}
			<-ctx.Done()
			return model.Answer{}, fmt.Errorf("%w: %w", model.ErrDeadline, context.Cause(ctx))
		}}, NewServer(1))
		s := session(t, Options{Providers: []model.Provider{g}, Timeout: time.Hour})
		opinion := make(chan Result, 1)
		go func() { opinion <- s.Opinion(context.Background(), request()) }()
		synctest.Wait()
		begun, answered := time.Now(), make(chan error, 1)
		go func() {
			_, err := g.Ask(context.Background(), request())
			answered <- err
		}()
		synctest.Wait()
		if res := <-opinion; !res.Unheard() || time.Since(begun) != 0 {
			t.Errorf("the opinion kept its turn for %s: %+v", time.Since(begun), res.Attempts)
		}
		if res := s.Opinion(context.Background(), request()); !res.Unheard() || time.Since(begun) != 0 {
			t.Errorf("an opinion waited in the agent's queue for %s: %+v", time.Since(begun), res.Attempts)
		}
		close(block)
		if err := <-answered; err != nil {
			t.Errorf("the agent's question: %v", err)
		}
	})
}

// A model that is slow over opinions breaks nothing of the agent's; one that is down
// for the agent is not asked for opinions.
func TestAnOpinionBreaksNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, opinions := 0, 0
		down := false
		g := Guard(fake{"x/y", func(ctx context.Context, r model.Request) (model.Answer, error) {
			if n++; r.Opinion {
				opinions++
				<-ctx.Done()
				return model.Answer{}, fmt.Errorf("%w: %w", model.ErrDeadline, ctx.Err())
			}
			if down {
				return model.Answer{}, model.ErrDeadline
			}
			return reply("Thank you."), nil
		}}, NewServer(1))
		s := session(t, Options{Providers: []model.Provider{g}, Timeout: time.Second})
		for range 2 * breakAfter {
			s.Opinion(t.Context(), request())
		}
		if opinions != breakAfter {
			t.Errorf("%d opinions of a model that is too slow, want %d until it is left alone", opinions, breakAfter)
		}
		if _, err := g.Ask(t.Context(), request()); err != nil {
			t.Errorf("the agent's question after slow opinions: %v", err)
		}
		time.Sleep(breakFor) // the bubble's clock
		down = true
		for range breakAfter {
			if _, err := g.Ask(t.Context(), request()); !errors.Is(err, model.ErrDeadline) {
				t.Errorf("got %v", err)
			}
		}
		before := n
		if res := s.Opinion(t.Context(), request()); !res.Unheard() || n != before {
			t.Errorf("a model that is down is asked for its opinion: %+v", res.Attempts)
		}
	})
}
