package agent

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/gateway/agent/persona"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/model/scripted"
	"github.com/tidegate/tidegate/molt"
)

// fake is a provider that does what a test says.
type fake struct {
	name string
	ask  func(context.Context, model.Request) (model.Answer, error)
}

func (f fake) Name() string { return f.name }

func (f fake) Ask(ctx context.Context, r model.Request) (model.Answer, error) { return f.ask(ctx, r) }

func says(name string, a model.Answer) fake {
	return fake{name, func(context.Context, model.Request) (model.Answer, error) { return a, nil }}
}

func faults(name string, err error) fake {
	return fake{name, func(context.Context, model.Request) (model.Answer, error) { return model.Answer{}, err }}
}

func request() model.Request {
	return model.Request{
		Persona: model.Persona{Collect: []string{model.FactName}, Languages: []string{"en"}, ReplyChars: 200},
		Window: []model.Message{
			{From: model.FromAgent, Words: "name?", At: 10, Seq: 4},
			{From: model.FromPatient, Words: "Ana", At: 20, Seq: 5},
		},
		New: 1, Question: "name",
	}
}

func session(t *testing.T, o Options) *Session {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func reply(text string) model.Answer {
	return model.Answer{Kind: model.KindReply, Text: molt.Words(text)}
}

func TestChainFallsToTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := fake{"slow/x", func(ctx context.Context, _ model.Request) (model.Answer, error) {
			<-ctx.Done()
			return model.Answer{}, fmt.Errorf("calling: %w", ctx.Err())
		}}
		s := session(t, Options{Timeout: time.Second, Providers: []model.Provider{
			slow,
			faults("down/x", fmt.Errorf("dial: %w", model.ErrUnavailable)),
			fake{"panics/x", func(context.Context, model.Request) (model.Answer, error) { panic("Ana Ruiz") }},
			says("empty/x", reply(" \u200b\n")),
			faults("odd/x", errors.New("odd")),
			says("good/x", reply("Thank you.")),
			fake{"never/x", func(context.Context, model.Request) (model.Answer, error) {
				t.Error("asked although there was an answer")
				return model.Answer{}, nil
			}},
		}})
		res := run(context.Background(), s, request())
		if res.Failed || res.Answer.Text != "Thank you." || res.Answer.Model != "good/x" {
			t.Errorf("got %+v", res)
		}
		got := ""
		for _, a := range res.Attempts {
			got += fmt.Sprintf("%s %q %q %d\n", a.Model, a.Err, a.Rule, a.TookMS)
		}
		want := `slow/x "deadline" "" 1000
down/x "unavailable" "" 0
panics/x "panic" "" 0
empty/x "bad_answer" "text is empty" 0
odd/x "fault" "" 0
good/x "" "" 0
`
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("attempts (-want +got):\n%s", d)
		}
		if c := fmt.Sprint(res.Attempts[2].Cause); strings.Contains(c, "Ruiz") {
			t.Errorf("cause of a panic tells its value: %s", c)
		}
	})
}

func TestAllFail(t *testing.T) {
	s := session(t, Options{Providers: []model.Provider{
		faults("a/x", model.ErrDeadline), says("b/x", model.Answer{Kind: "sing"}),
	}})
	res := run(context.Background(), s, request())
	want := "no usable answer: a/x: deadline; b/x: bad_answer (kind is unknown)"
	if !res.Failed || res.Why != want || res.Answer.Kind != "" {
		t.Errorf("got %+v, want failed with %q", res, want)
	}
}

func TestStoppedCallerEndsTheChain(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	s := session(t, Options{Providers: []model.Provider{
		fake{"a/x", func(ctx context.Context, _ model.Request) (model.Answer, error) {
			cancel()
			return model.Answer{}, ctx.Err()
		}},
		says("b/x", reply("late")),
	}})
	res := run(ctx, s, request())
	if !res.Failed || len(res.Attempts) != 1 || res.Attempts[0].Err != ErrStopped {
		t.Errorf("got %+v, want one stopped attempt", res)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, o := range []Options{
		{},
		{Providers: []model.Provider{nil}},
		{Providers: []model.Provider{says("a/x", model.Answer{})}, Timeout: -1},
		{Providers: make([]model.Provider, MaxProviders+1)},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("New(%+v): got no error", o)
		}
	}
}

func TestAccept(t *testing.T) {
	fact := func(name, value string, seq uint64) []model.Fact {
		return []model.Fact{{Name: name, Value: value, Source: seq}}
	}
	for _, c := range []struct {
		name string
		a    model.Answer
		rule string
	}{
		{"reply", reply("hello"), ""},
		{"reply without text", reply(""), "text is empty"},
		{"reply of marks nobody sees", reply("\u200b\u2060 \u2800"), "text is empty"},
		{"reply of broken bytes", reply("a\xff"), "text is not UTF-8"},
		{"reply too long", reply(strings.Repeat("ñ", 201)), "text has 201 characters, at most 200"},
		{"reply as long as may be", reply(strings.Repeat("ñ", 200)), ""},
		{"no kind", model.Answer{Text: "hello"}, "kind is unknown"},
		{"silence", model.Answer{Kind: model.KindSilent, Silence: model.SilenceNothingAsked}, ""},
		{"silence with words", model.Answer{Kind: model.KindSilent, Silence: "x", Text: "hello"}, "silence has a text"},
		{"silence without why", model.Answer{Kind: model.KindSilent}, "silence does not say why"},
		{"sentence for a question", model.Answer{Kind: model.KindReply, Text: "a", Question: "how are you"}, "question is no id"},
		{"fact", model.Answer{Kind: model.KindReply, Text: "a", Facts: fact("name", "Ana", 5)}, ""},
		{"fact not collected", model.Answer{Kind: model.KindReply, Text: "a", Facts: fact("dob", "1980-03-04", 5)}, "a fact is not one the persona collects"},
		{"fact from the agent", model.Answer{Kind: model.KindReply, Text: "a", Facts: fact("name", "Ana", 4)}, "fact name comes from no message of the patient"},
		{"fact from nowhere", model.Answer{Kind: model.KindReply, Text: "a", Facts: fact("name", "Ana", 9)}, "fact name comes from no message of the patient"},
		{"empty fact", model.Answer{Kind: model.KindReply, Text: "a", Facts: fact("name", " ", 5)}, "fact name is empty"},
		{"fact with a line break", model.Answer{Kind: model.KindReply, Text: "a", Facts: fact("name", "A\nB", 5)}, "fact name is not plain text"},
		{"long fact", model.Answer{Kind: model.KindReply, Text: "a", Facts: fact("name", strings.Repeat("a", 501), 5)}, "fact name is longer than 500 characters"},
	} {
		_, err := Limits{}.filled().accept(request(), c.a)
		got := ""
		var b *broken
		if errors.As(err, &b) {
			got = b.rule
		}
		if got != c.rule || (err != nil) != errors.Is(err, model.ErrBadAnswer) {
			t.Errorf("%s: got %q (%v), want %q", c.name, got, err, c.rule)
		}
	}
}

// An escalation must reach a person whatever else is wrong with it.
func TestEscalationIsNeverRefused(t *testing.T) {
	a := model.Answer{
		Kind: model.KindEscalate, Severity: "urgent!", Reason: "she said so", Text: "wait for us", Question: "a b", Lang: "xx",
		Facts: []model.Fact{{Name: "name", Value: "Ana", Source: 5}, {Name: "secret", Value: "x", Source: 5}, {Name: "name", Value: "Eve", Source: 9}},
	}
	got, err := Limits{}.filled().accept(request(), a)
	want := model.Answer{
		Kind: model.KindEscalate, Severity: model.S3, Reason: "unspecified", Question: "name",
		Facts: []model.Fact{{Name: "name", Value: "Ana", Source: 5, At: 20}},
	}
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Errorf("error %v (-want +got):\n%s", err, d)
	}
	a.Severity = model.S4
	if got, _ := (Limits{}).filled().accept(request(), a); got.Text != "wait for us" {
		t.Errorf("S4: text %q, want it kept", got.Text.Reveal())
	}
}

// The built-in persona, the scripted flow and the session fit together.
func TestBuiltInPersonaOnTheScriptedFlow(t *testing.T) {
	p, err := persona.Intake()
	if err != nil {
		t.Fatal(err)
	}
	flow, err := scripted.New()
	if err != nil {
		t.Fatal(err)
	}
	if p.Models != nil {
		t.Fatalf("models are %q, want those of the configuration", p.Models)
	}
	s := session(t, Options{Providers: []model.Provider{flow}})
	r := model.Request{
		Persona: p.Model(), Clinic: model.Clinic{Name: "Riverside Clinic", Hours: "Mon-Fri 8am-5pm", Emergency: "911"}, First: true,
		Window: []model.Message{{From: model.FromPatient, Words: "Hola, soy Ana Ruiz", Seq: 1}}, New: 1,
	}
	res := run(context.Background(), s, r)
	text := res.Answer.Text.Reveal()
	if res.Failed || res.Answer.Lang != "es" || len(res.Answer.Facts) != 1 || res.Answer.Digest == "" {
		t.Errorf("got %+v", res)
	}
	for _, want := range []string{"Riverside Clinic", "computadora", "911", "Mon-Fri"} {
		if !strings.Contains(text, want) {
			t.Errorf("first text %q does not say %q", text, want)
		}
	}
}

// run asks without tools.
func run(ctx context.Context, s *Session, r model.Request) Result {
	_, res := s.Begin(r).Next(ctx)
	return res
}
