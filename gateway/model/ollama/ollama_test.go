package ollama

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/model/ollama/ollamafake"
	"github.com/tidegate/tidegate/molt"
)

func request() model.Request {
	return model.Request{
		Persona: model.Persona{
			Name: "intake", Text: "Take the intake.", Collect: []string{"name", "dob"}, Languages: []string{"en"},
			Disclosure: map[string]string{"en": "I am a computer at {clinic}."},
		},
		Clinic: model.Clinic{Name: "Harbor", Emergency: "911"}, Lang: "en", Question: "name", New: 1,
		Window: []model.Message{
			{From: model.FromAgent, Words: "What is your name?", Seq: 3, At: 1},
			{From: model.FromPatient, Words: "Ana Ruiz", Seq: 5, At: 2},
		},
	}
}

func ask(t *testing.T, base string, more ...func(*Options)) (model.Answer, error) {
	t.Helper()
	return askFor(t, base, func(*model.Request) {}, more...)
}

// askFor asks what another request would.
func askFor(t *testing.T, base string, change func(*model.Request), more ...func(*Options)) (model.Answer, error) {
	t.Helper()
	o := Options{Name: "ollama/stand-in", Model: "stand-in", BaseURL: base}
	for _, m := range more {
		m(&o)
	}
	m, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r := request()
	change(&r)
	return m.Ask(ctx, r)
}

func stand(t *testing.T, mode ollamafake.Mode) (*ollamafake.Server, string) {
	t.Helper()
	f, err := ollamafake.New(mode)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return f, s.URL
}

func TestAsk(t *testing.T) {
	fake, base := stand(t, ollamafake.ModeOK)
	a, err := ask(t, base)
	if err != nil {
		t.Fatal(err)
	}
	if a.Kind != model.KindReply || !strings.Contains(a.Text.Reveal(), "date of birth") || a.Question != "dob" {
		t.Errorf("got %+v, text %q", a, a.Text.Reveal())
	}
	if len(a.Facts) != 1 || a.Facts[0] != (model.Fact{Name: "name", Value: "Ana Ruiz", Source: 5, At: 2}) {
		t.Errorf("facts: got %v", a.Facts)
	}
	x := fake.Asked()
	if len(x) != 1 || a.TokensIn != x[0].TokensIn || a.TokensOut != x[0].TokensOut || a.TokensIn == 0 {
		t.Errorf("tokens: got %d and %d, the server counted %v", a.TokensIn, a.TokensOut, x)
	}
	if a.Model != "ollama/stand-in" || len(a.Digest) != 64 || string(a.Raw) != x[0].Answer {
		t.Errorf("what a replay needs: model %q, digest %q, raw %q", a.Model, a.Digest, a.Raw)
	}
}

func TestGarbageIsNoAnswer(t *testing.T) {
	_, base := stand(t, ollamafake.ModeGarbage)
	for i := range 12 {
		a, err := ask(t, base)
		if !errors.Is(err, model.ErrBadAnswer) && !errors.Is(err, model.ErrUnavailable) {
			// Length and visible words are the session's to judge.
			if text := a.Text.Reveal(); err != nil || strings.TrimSpace(strings.ReplaceAll(text, "\u200b", "")) != "" && len(text) < 1600 {
				t.Errorf("way %d: got %v, %v", i, a.Kind, err)
			}
		}
	}
}

// respond is a server that has the model and answers a chat so.
func respond(t *testing.T, chat http.HandlerFunc) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/tags", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"models":[{"name":"stand-in:latest","digest":"d1"}]}`)
	})
	mux.HandleFunc("POST /api/chat", chat)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

const wholeAnswer = `{\"action\":\"reply\",\"text\":\"Thank you.\",\"reason\":\"\",\"severity\":\"\",\"facts\":[],\"question\":\"\",\"lang\":\"en\",\"done\":false}`

func line(content string, more string) string {
	return fmt.Sprintf(`{"model":"m","message":{"role":"assistant","content":"%s"}%s}`+"\n", content, more)
}

func TestWhatIsNotWhole(t *testing.T) {
	end := `,"done":true,"done_reason":"stop","prompt_eval_count":900,"eval_count":9`
	for _, c := range []struct {
		name, body string
		status     int
		want       error
		says       string
	}{
		{"cut by its length", line(wholeAnswer, strings.Replace(end, "stop", "length", 1)), 200, model.ErrBadAnswer, "cut at 9 tokens"},
		{"killed in the middle", line(wholeAnswer, ""), 200, model.ErrUnavailable, "ended before"},
		{"unloaded", line("", strings.Replace(end, "stop", "unload", 1)), 200, model.ErrBadAnswer, "by itself"},
		{"the prompt was cut", line(wholeAnswer, strings.Replace(end, "900", "7", 1)), 200, model.ErrBadAnswer, "only 7 tokens"},
		{"the prompt was not counted", line(wholeAnswer, `,"done":true,"done_reason":"stop"`), 200, model.ErrBadAnswer, "does not say"},
		{"the prompt filled the context", line(wholeAnswer, strings.Replace(end, "900", "8192", 1)), 200, model.ErrBadAnswer, "longer than"},
		{"a fault in the stream", `{"error":"Ana Ruiz broke it"}` + "\n", 200, model.ErrUnavailable, "gave up"},
		{"no JSON", "<html>Ana Ruiz</html>\n", 200, model.ErrUnavailable, "gave up"},
		{"a fault", `{"error":"Ana Ruiz broke it"}`, 500, model.ErrUnavailable, "answered 500"},
		{"no such model", `{"error":"model 'stand-in' not found"}`, 404, model.ErrSetup, "ollama pull stand-in"},
		{"no key", `{}`, 401, model.ErrSetup, "key"},
		{"elsewhere", "", 302, model.ErrUnavailable, ""},
		{"endless", strings.Repeat(line(strings.Repeat("la ", 3000), ""), 20), 200, model.ErrBadAnswer, "does not end"},
	} {
		t.Run(c.name, func(t *testing.T) {
			base := respond(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "http://127.0.0.1:1/")
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			})
			a, err := ask(t, base)
			if !errors.Is(err, c.want) || !strings.Contains(fmt.Sprint(err), c.says) || a.Kind != "" {
				t.Errorf("got %q and %v, want %v with %q", a.Kind, err, c.want, c.says)
			}
			if strings.Contains(fmt.Sprint(err), "Ana") {
				t.Errorf("the error repeats what came back: %v", err)
			}
		})
	}
}

func TestAFullQueueIsWaitedFor(t *testing.T) {
	var asked atomic.Int32
	base := respond(t, func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, `{"error":"server busy, please try again"}`)
			return
		}
		_, _ = io.WriteString(w, line(wholeAnswer, `,"done":true,"done_reason":"stop","prompt_eval_count":900,"eval_count":9`))
	})
	if a, err := ask(t, base); err != nil || a.Kind != model.KindReply || asked.Load() != 3 {
		t.Errorf("got %q, %v after %d questions; want a reply after 3", a.Kind, err, asked.Load())
	}
}

func TestTheDeadlineEndsTheWait(t *testing.T) {
	base := respond(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	m, err := New(Options{Name: "x/y", Model: "stand-in", BaseURL: base})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := m.Ask(ctx, request()); !errors.Is(err, model.ErrUnavailable) && !errors.Is(err, model.ErrDeadline) {
		t.Errorf("got %v", err)
	}
}

func TestAModelThatIsSwappedMeanwhile(t *testing.T) {
	digest := atomic.Pointer[string]{}
	set := func(s string) { digest.Store(&s) }
	set("d1")
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/tags", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"models":[{"name":"stand-in:latest","digest":%q}]}`, *digest.Load())
	})
	mux.HandleFunc("POST /api/chat", func(w http.ResponseWriter, _ *http.Request) {
		set("d2")
		_, _ = io.WriteString(w, line(wholeAnswer, `,"done":true,"done_reason":"stop","prompt_eval_count":900,"eval_count":9`))
	})
	s := httptest.NewServer(mux)
	defer s.Close()
	if _, err := ask(t, s.URL); !errors.Is(err, model.ErrUnavailable) || !strings.Contains(err.Error(), "moved") {
		t.Errorf("got %v, want that the tag moved", err)
	}
	if a, err := ask(t, s.URL); err != nil || a.Digest != "d2" {
		t.Errorf("the next answer: digest %q, %v; want d2", a.Digest, err)
	}
}

// A prompt that the server refuses is written again with less of the past, and
// never without what is new.
func TestAPromptThatDoesNotFitGetsShorter(t *testing.T) {
	var sizes []int
	base := respond(t, func(w http.ResponseWriter, r *http.Request) {
		var q struct {
			Messages        []struct{ Content string }
			Truncate, Shift *bool
			Options         map[string]any
		}
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
			t.Error(err)
		}
		if q.Truncate == nil || *q.Truncate || q.Shift == nil || *q.Shift || q.Options["num_ctx"] != 2048.0 || q.Options["num_predict"] != 100.0 {
			t.Errorf("asked with %v %v %v", q.Truncate, q.Shift, q.Options)
		}
		n, last := 0, false
		for _, m := range q.Messages {
			n += len(m.Content)
			last = last || strings.Contains(m.Content, "the newest of all")
		}
		if sizes = append(sizes, n); !last {
			t.Error("the new message was left out")
		}
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"error":"the input length exceeds the context length"}`)
	})
	m, err := New(Options{Name: "x/y", Model: "stand-in", BaseURL: base, Context: 2048, AnswerTokens: 100})
	if err != nil {
		t.Fatal(err)
	}
	r := request()
	r.Window = nil
	for i := range 30 {
		r.Window = append(r.Window, model.Message{From: model.FromPatient, Words: molt.Words(strings.Repeat("word ", 40)), Seq: uint64(i + 1)})
	}
	r.Window = append(r.Window, model.Message{From: model.FromPatient, Words: "the newest of all", Seq: 99})
	if _, err := m.Ask(t.Context(), r); !errors.Is(err, model.ErrBadAnswer) || !strings.Contains(err.Error(), "context") {
		t.Errorf("got %v", err)
	}
	if len(sizes) != maxShorter+1 || sizes[1] >= sizes[0] || sizes[2] > sizes[1] {
		t.Errorf("sizes %v, want %d, falling", sizes, maxShorter+1)
	}
}

func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	if _, err := ask(t, "http://"+addr); !errors.Is(err, model.ErrUnavailable) || !strings.Contains(err.Error(), "refused") {
		t.Errorf("got %v", err)
	}
}

func TestTheKeyGoesAlong(t *testing.T) {
	base := respond(t, func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != "Bearer k1" {
			t.Errorf("Authorization: got %q", got)
		}
		w.WriteHeader(http.StatusUnauthorized)
	})
	if _, err := ask(t, base, func(o *Options) { o.Key = "k1" }); err == nil || strings.Contains(err.Error(), "k1") {
		t.Errorf("got %v", err)
	}
}

func TestOptions(t *testing.T) {
	for _, o := range []Options{
		{Model: "m"},
		{Name: "n"},
		{Name: "n", Model: "m", BaseURL: "models"},
		{Name: "n", Model: "m", BaseURL: "ftp://x"},
		{Name: "n", Model: "m", Context: 100, AnswerTokens: 100},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}

func TestExamine(t *testing.T) {
	_, base := stand(t, ollamafake.ModeHang)
	m, err := New(Options{Name: "x/y", Model: "stand-in", BaseURL: base})
	if err != nil {
		t.Fatal(err)
	}
	if say, err := m.Examine(t.Context()); err != nil || !strings.Contains(say, "0.17.4") || !strings.Contains(say, "5a17d1a0c0ff") {
		t.Errorf("got %q, %v", say, err)
	}
	m.o.Model = "other"
	if _, err := m.Examine(t.Context()); !errors.Is(err, model.ErrSetup) || !strings.Contains(err.Error(), "ollama pull other") {
		t.Errorf("got %v", err)
	}
}
