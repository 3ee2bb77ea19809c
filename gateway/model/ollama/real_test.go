package ollama

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/model/ollama/ollamatest"
	"github.com/tidegate/tidegate/molt"
)

// These tests run a real Ollama server, where its binary is; see ollamatest.

// server is a real one, and the models of this package on it.
type server struct {
	*ollamatest.Server
	t *testing.T
}

func startServer(t *testing.T) *server {
	t.Helper()
	return &server{ollamatest.Start(t), t}
}

// patience bounds every wait for the server.
const patience = 60 * time.Second

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func (s *server) model(name string, more ...func(*Options)) *Model {
	s.t.Helper()
	o := Options{Name: "ollama/" + name, Model: name, BaseURL: s.Base, Threads: 1, AnswerTokens: 64}
	for _, m := range more {
		m(&o)
	}
	m, err := New(o)
	if err != nil {
		s.t.Fatal(err)
	}
	return m
}

// said is a request whose newest text is that.
func said(words string) model.Request {
	r := request()
	r.Window[1].Words = molt.Words(words)
	return r
}

// wholeScript is an answer in the form that is asked for.
func wholeScript(action, text, facts, question string) []string {
	return []string{
		`{"action":"` + action + `","text":"` + text + `",`,
		`"reason":"","severity":"","facts":[` + facts + `],"question":"` + question + `","lang":"en","done":false}`,
	}
}

func (s *server) scripts(name string) string {
	path := filepath.Join(s.Dir, name+".gguf")
	ollamatest.ScriptedModel(s.t, path, []ollamatest.Script{
		{Chunks: wholeScript("silent", "", "", "")},
		{Word: "zebra", Chunks: wholeScript("reply", "When were you born?", `{"name":"name","value":"`+name+`","source":5}`, "dob")},
		{Word: "giraffe", Chunks: []string{`{"action":"reply","text":"`, "la ", "lo "}, Loops: true},
		{Word: "walrus", Chunks: []string{`{"action":"call","text":"`, `","reason":"","severity":"","facts":[],"call":{"tool":"find_slot","arguments":{"from":"2026-03-03"}},"question":"","lang":"en","done":false}`}},
		// What the tool found stands behind the question, and outweighs it.
		{Word: "pelican", Chunks: []string{`{"action":"reply","text":"Tuesday `, `at ten?","reason":"","severity":"","facts":[],"call":null,"question":"","lang":"en","done":false}`}, Weight: 4},
	})
	return path
}

func TestRealServer(t *testing.T) {
	s := startServer(t)
	s.Create("scripted", s.scripts("Ana"))
	t.Run("a reply in the form that was asked for", func(t *testing.T) {
		a, err := s.model("scripted").Ask(within(t), said("it is zebra"))
		if err != nil {
			t.Fatal(err)
		}
		if a.Kind != model.KindReply || a.Text != "When were you born?" || a.Question != "dob" || len(a.Facts) != 1 || a.Facts[0].Value != "Ana" {
			t.Errorf("got %+v, text %q", a, a.Text.Reveal())
		}
		if len(a.Digest) != 64 || a.TokensIn < 1000 || a.TokensOut == 0 {
			t.Errorf("digest %q, %d tokens in, %d out", a.Digest, a.TokensIn, a.TokensOut)
		}
	})
	t.Run("silence", func(t *testing.T) {
		if a, err := s.model("scripted").Ask(within(t), said("ok")); err != nil || a.Kind != model.KindSilent {
			t.Errorf("got %q, %v", a.Kind, err)
		}
	})
	t.Run("a tool is called, and what it found is answered with", func(t *testing.T) {
		r := said("walrus please")
		r.Tools = []model.Tool{{Name: model.ToolFind, Says: "finds openings", Arguments: json.RawMessage(`{"type":"object","properties":{"from":{"type":"string","maxLength":10}},"required":["from"],"additionalProperties":false}`)}}
		m := s.model("scripted", func(o *Options) { o.AnswerTokens = 128 })
		a, err := m.Ask(within(t), r)
		if err != nil || a.Kind != model.KindCall || a.Call.Tool != model.ToolFind || string(a.Call.Arguments) != `{"from":"2026-03-03"}` {
			t.Fatalf("got %+v, call %+v, %v", a.Kind, a.Call, err)
		}
		r.Steps = []model.Step{{Call: *a.Call, Outcome: model.Outcome{State: model.CallDone, Slots: []model.Slot{{ID: "a1", With: "Dr. pelican"}}}}}
		a, err = m.Ask(within(t), r)
		if err != nil || a.Kind != model.KindReply || !strings.HasSuffix(a.Text.Reveal(), "Tuesday at ten?") {
			t.Errorf("told what the tool found it answers %s %q, %v", a.Kind, a.Text.Reveal(), err)
		}
	})
	t.Run("an answer that does not end", func(t *testing.T) {
		r := said("giraffe")
		r.Persona.ReplyChars = 1600
		_, err := s.model("scripted").Ask(within(t), r)
		if !errors.Is(err, model.ErrBadAnswer) || !strings.Contains(err.Error(), "cut at 64") {
			t.Errorf("got %v, want that it was cut", err)
		}
	})
	t.Run("a prompt that does not fit is refused", func(t *testing.T) {
		r := said(strings.Repeat("zebra and more ", 300))
		_, err := s.model("scripted", func(o *Options) { o.Context = 2048 }).Ask(within(t), r)
		if !errors.Is(err, model.ErrBadAnswer) || !strings.Contains(err.Error(), "longer than the model's context") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("no such model", func(t *testing.T) {
		_, err := s.model("missing").Ask(within(t), said("zebra"))
		if !errors.Is(err, model.ErrSetup) || !strings.Contains(err.Error(), "ollama pull missing") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("another model under the tag", func(t *testing.T) {
		m := s.model("scripted")
		before, err := m.Ask(within(t), said("zebra"))
		if err != nil {
			t.Fatal(err)
		}
		s.Create("scripted", s.scripts("Ben"))
		after, err := m.Ask(within(t), said("zebra"))
		if err != nil {
			t.Fatal(err)
		}
		if before.Digest == after.Digest || after.Facts[0].Value != "Ben" {
			t.Errorf("digest %s then %s, fact %q: the record does not tell them apart", before.Digest, after.Digest, after.Facts[0].Value)
		}
	})
	t.Run("what the doctor asks", func(t *testing.T) {
		if say, err := s.model("scripted").Examine(within(t)); err != nil || !strings.Contains(say, "has it") {
			t.Errorf("got %q, %v", say, err)
		}
	})
}

// A model of random weights, held to the form, is an adversary of its own: each
// of its answers is one, or none, and never something else.
func TestRealServerRandomModel(t *testing.T) {
	s := startServer(t)
	path := filepath.Join(s.Dir, "random.gguf")
	ollamatest.RandomModel(t, path)
	s.Create("random", path)
	m := s.model("random", func(o *Options) { o.AnswerTokens = 400 })
	kinds := map[string]int{}
	for i := range 10 {
		r := said(fmt.Sprintf("hello %d, I need an appointment", i))
		a, err := m.Ask(within(t), r)
		switch {
		case err == nil && slices.Contains([]model.Kind{model.KindReply, model.KindSilent, model.KindEscalate}, a.Kind):
			kinds[string(a.Kind)]++
		case errors.Is(err, model.ErrBadAnswer):
			kinds["none"]++
		default:
			t.Errorf("got %q, %v", a.Kind, err)
		}
	}
	t.Logf("its answers: %v", kinds)
}

// snapping kills the server as soon as the first of an answer is there.
type snapping struct{ s *server }

func (x snapping) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err == nil && strings.HasSuffix(r.URL.Path, "/api/chat") {
		resp.Body = &snapped{ReadCloser: resp.Body, s: x.s}
	}
	return resp, err
}

type snapped struct {
	io.ReadCloser
	s *server
}

func (b *snapped) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.s.Kill()
	return n, err
}

func TestRealServerKilledInTheMiddle(t *testing.T) {
	s := startServer(t)
	s.Create("scripted", s.scripts("Ana"))
	r := said("giraffe")
	r.Persona.ReplyChars = 1600
	m := s.model("scripted", func(o *Options) { o.AnswerTokens, o.Transport = 4000, snapping{s} })
	if _, err := m.Ask(within(t), r); !errors.Is(err, model.ErrUnavailable) {
		t.Errorf("got %v, want that it is unavailable", err)
	}
}
