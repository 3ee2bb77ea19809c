package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidegate/tidegate/gateway/model"
)

func withTools() model.Request {
	r := request()
	r.Tools = []model.Tool{{Name: model.ToolFind}, {Name: model.ToolBook, Acts: true}}
	return r
}

func calls(tool, args string) model.Answer {
	return model.Answer{Kind: model.KindCall, Call: &model.Call{Tool: tool, Arguments: json.RawMessage(args)}, TokensIn: 100, TokensOut: 10}
}

func TestACallIsMadeAndTold(t *testing.T) {
	seen := ""
	s := session(t, Options{Providers: []model.Provider{fake{"a/x", func(_ context.Context, r model.Request) (model.Answer, error) {
		seen += fmt.Sprintf("%d steps, %d offered; ", len(r.Steps), len(r.Offered))
		if len(r.Steps) == 0 {
			return calls(model.ToolFind, `{"from":"2026-05-04"}`), nil
		}
		return reply("At ten?"), nil
	}}}})
	u := s.Begin(withTools())
	call, _ := u.Next(t.Context())
	if call == nil || call.Tool != model.ToolFind {
		t.Fatalf("got %+v", call)
	}
	u.Tell(model.Outcome{State: model.CallDone, Slots: []model.Slot{{ID: "a"}}})
	call, res := u.Next(t.Context())
	if call != nil || res.Failed || res.Answer.Text != "At ten?" || len(res.Steps) != 1 || len(res.Attempts) != 2 {
		t.Errorf("got %+v, %+v", call, res)
	}
	if want := "0 steps, 0 offered; 1 steps, 1 offered; "; seen != want {
		t.Errorf("the model saw %q, want %q", seen, want)
	}
	if a := res.Attempts[0]; a.TokensIn != 100 || a.TokensOut != 10 {
		t.Errorf("the first round's tokens: %+v", a)
	}
}

// What a patient told in the text that led to a call counts, whether the model says
// it again or not; what nobody told does not.
func TestFactsOfACallCount(t *testing.T) {
	s := session(t, Options{Providers: []model.Provider{fake{"a/x", func(_ context.Context, r model.Request) (model.Answer, error) {
		if len(r.Steps) > 0 {
			return reply("At ten?"), nil
		}
		a := calls(model.ToolFind, `{"from":"2026-05-04"}`)
		a.Facts = []model.Fact{{Name: "name", Value: "Eve", Source: 5}, {Name: "name", Value: "Mallory", Source: 999}, {Name: "shoe_size", Value: "9", Source: 5}}
		return a, nil
	}}}})
	u := s.Begin(withTools())
	if _, res := u.Next(t.Context()); res.Failed {
		t.Fatal(res.Why)
	}
	if got := u.SoFar().Answer.Facts; len(got) != 1 || got[0].Value != "Eve" {
		t.Errorf("before it is made: %+v", got)
	}
	u.Tell(model.Outcome{State: model.CallDone})
	if _, res := u.Next(t.Context()); len(res.Answer.Facts) != 1 || res.Answer.Facts[0].Value != "Eve" {
		t.Errorf("afterwards: %+v", res.Answer.Facts)
	}
}

// TestARunEnds lets a model call for ever, in each way it may.
func TestARunEnds(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(n int) model.Answer
		took   time.Duration
		calls  int
	}{
		"repetition": {func(int) model.Answer { return calls(model.ToolFind, `{"from":"x"}`) }, 0, 1},
		"calls":      {func(n int) model.Answer { return calls(model.ToolFind, fmt.Sprintf(`{"from":"%d"}`, n)) }, 0, MaxCalls},
		"tokens": {func(n int) model.Answer {
			a := calls(model.ToolFind, fmt.Sprintf(`{"from":"%d"}`, n))
			a.TokensIn = maxTokens / 2
			return a
		}, 0, 2},
		"seconds": {func(n int) model.Answer { return calls(model.ToolFind, fmt.Sprintf(`{"from":"%d"}`, n)) }, longestRun / 2, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := 0
				s := session(t, Options{Timeout: time.Hour, Providers: []model.Provider{fake{"a/x", func(context.Context, model.Request) (model.Answer, error) {
					n++
					time.Sleep(c.took) // the bubble's clock
					return c.answer(n), nil
				}}}})
				u, made := s.Begin(withTools()), 0
				for range 2 * MaxRounds {
					call, res := u.Next(context.Background())
					if call == nil {
						if !res.Failed || !strings.Contains(res.Why, name) || made != c.calls || len(res.Steps) != made {
							t.Errorf("after %d calls: %+v", made, res)
						}
						return
					}
					made++
					u.Tell(model.Outcome{State: model.CallDone})
				}
				t.Error("it never ended")
			})
		})
	}
}

func TestCallsThatAreNone(t *testing.T) {
	for rule, a := range map[string]model.Answer{
		"calls nothing":                             {Kind: model.KindCall},
		"calls a tool it does not have":             calls("send_sms", "{}"),
		"calls a tool with arguments that are none": calls(model.ToolFind, "{"),
	} {
		s := session(t, Options{Providers: []model.Provider{says("a/x", a)}})
		call, res := s.Begin(withTools()).Next(t.Context())
		if call != nil || !res.Failed || !strings.Contains(res.Why, rule) {
			t.Errorf("%s: got %+v, %+v", rule, call, res)
		}
	}
	s := session(t, Options{Providers: []model.Provider{says("a/x", calls(model.ToolFind, "{}"))}})
	if call, res := s.Begin(request()).Next(t.Context()); call != nil || !res.Failed {
		t.Errorf("without tools: %+v, %+v", call, res)
	}
}

func TestWhatAQuestionCosts(t *testing.T) {
	paid := reply("Thank you.")
	paid.TokensIn, paid.TokensOut = 1000, 100
	bad := model.Answer{Kind: "sing", TokensIn: 10, TokensOut: 1}
	s := session(t, Options{
		Providers: []model.Provider{says("bad/x", bad), says("paid/x", paid), says("free/x", reply("Hello."))},
		Prices:    map[string]Price{"bad/x": {In: 0.5, Out: 2}, "paid/x": {In: 0.25, Out: 2}},
	})
	_, res := s.Begin(request()).Next(t.Context())
	if len(res.Attempts) != 2 || res.Attempts[0].Micros != 7 || res.Attempts[1].Micros != 450 {
		t.Errorf("got %+v, want 7 and 450 millionths", res.Attempts)
	}
	u := s.Begin(request())
	if _, res := u.Next(t.Context()); !u.Thrift() || res.Answer.Model != "paid/x" {
		t.Errorf("got %+v", res)
	}
	if _, res := u.Next(t.Context()); res.Answer.Model != "free/x" {
		t.Errorf("thrifty: got %+v", res)
	}
	all := session(t, Options{Providers: []model.Provider{says("paid/x", paid)}, Prices: map[string]Price{"paid/x": {}}})
	if all.Begin(request()).Thrift() {
		t.Error("a model on a server counts as free")
	}
}

// TestANoteIsKept: a fact that is noted goes into the ledger with its message, the rest
// of the question knows it, a later one takes its place, and what no message of the
// patient's bears out is refused with why.
func TestANoteIsKept(t *testing.T) {
	notes := []struct{ args, state, why string }{
		{`{"name":"name","value":"Ana","source":5}`, model.CallDone, ""},
		{`{"name":"name","value":" Ana\nLopez ","source":5}`, model.CallDone, ""},
		{`{"name":"shoe_size","value":"9","source":5}`, model.CallRefused, "not_collected"},
		{`{"name":"name","value":"Ana","source":4}`, model.CallRefused, "no_message_of_the_patient"},
		{`{"name":"name","value":"555-010-0123","source":5}`, model.CallRefused, "not_in_that_message"},
	}
	var known []string
	s := session(t, Options{Providers: []model.Provider{fake{"a/x", func(_ context.Context, r model.Request) (model.Answer, error) {
		now := "nobody"
		for _, f := range r.Ledger {
			now = f.Value
		}
		known = append(known, now)
		if n := len(r.Steps); n < len(notes) {
			return calls(model.ToolNote, notes[n].args), nil
		}
		return reply("Thank you, Ana."), nil
	}}}})
	r := withTools()
	r.Tools = append(r.Tools, model.Tool{Name: model.ToolNote})
	u := s.Begin(r)
	for _, n := range notes {
		call, res := u.Next(t.Context())
		if call == nil {
			t.Fatalf("%s: %+v", n.args, res)
		}
		out := u.Note(*call)
		if out.State != n.state || out.Why != n.why {
			t.Errorf("%s: got %s %q, want %s %q", n.args, out.State, out.Why, n.state, n.why)
		}
		u.Tell(out)
	}
	_, res := u.Next(t.Context())
	if got := res.Answer.Facts; res.Failed || len(got) != 2 || got[1] != (model.Fact{Name: "name", Value: "Ana Lopez", Source: 5, At: 20}) {
		t.Errorf("%v, facts %+v", res.Why, res.Answer.Facts)
	}
	if want := "nobody Ana Ana Lopez Ana Lopez Ana Lopez Ana Lopez"; strings.Join(known, " ") != want {
		t.Errorf("the model knew %q, want %q", strings.Join(known, " "), want)
	}
	for _, bad := range []string{`{"name":"name","value":"","source":5}`, `[]`, `{"name":"name","value":7,"source":5}`} {
		if out := u.Note(model.Call{Tool: model.ToolNote, Arguments: json.RawMessage(bad)}); out.State != model.CallRefused {
			t.Errorf("%s: %+v", bad, out)
		}
	}
}
