package openai

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tidegate/tidegate/gateway/model"
)

func request() model.Request {
	return model.Request{
		Persona: model.Persona{Name: "intake", Text: "Take the intake.", Collect: []string{"name", "dob"}, Languages: []string{"en"}},
		Clinic:  model.Clinic{Name: "Harbor", Emergency: "911"}, Lang: "en", Question: "name", New: 1,
		Window: []model.Message{
			{From: model.FromAgent, Words: "What is your name?", Seq: 3, At: 1},
			{From: model.FromPatient, Words: "Ana Ruiz", Seq: 5, At: 2},
		},
	}
}

func serve(t *testing.T, h http.HandlerFunc) *Model {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	m, err := New(Options{Name: "near/m", Model: "m", BaseURL: s.URL + "/v1", Key: "k1", AnswerTokens: 100})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

const whole = `{\"action\":\"reply\",\"text\":\"Thank you.\",\"reason\":\"\",\"severity\":\"\",\"facts\":[{\"name\":\"name\",\"value\":\"Ana Ruiz\",\"source\":5}],\"question\":\"dob\",\"lang\":\"en\",\"done\":false}`

func completion(content, finish string, more string) string {
	return fmt.Sprintf(`{"id":"c1","object":"chat.completion","model":"m-2026","system_fingerprint":"fp1","choices":[{"index":0,"finish_reason":%q,"message":{"role":"assistant","content":"`, finish) +
		content + `"` + more + `}}],"usage":{"prompt_tokens":700,"completion_tokens":40,"total_tokens":740}}`
}

func TestAsk(t *testing.T) {
	m := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var q struct {
			Model          string
			MaxTokens      int     `json:"max_tokens"`
			Temperature    float64 `json:"temperature"`
			Messages       []struct{ Role, Content string }
			ResponseFormat struct {
				Type       string
				JSONSchema struct {
					Strict bool
					Schema json.RawMessage
				} `json:"json_schema"`
			} `json:"response_format"`
		}
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
			t.Error(err)
		}
		f := q.ResponseFormat
		if r.URL.Path != "/v1/chat/completions" || r.Header.Get("Authorization") != "Bearer k1" || q.Model != "m" || q.MaxTokens != 100 {
			t.Errorf("asked %s for %s with %q, %d tokens", r.URL.Path, q.Model, r.Header.Get("Authorization"), q.MaxTokens)
		}
		if f.Type != "json_schema" || !f.JSONSchema.Strict || !strings.HasPrefix(string(f.JSONSchema.Schema), `{"type":"object","properties":{"action"`) || strings.Contains(string(f.JSONSchema.Schema), "maxLength") {
			t.Errorf("format: %+v", f)
		}
		if n := len(q.Messages); n != 4 || q.Messages[0].Role != "system" || q.Messages[1].Role != "assistant" || q.Messages[n-1].Role != "user" {
			t.Errorf("messages: %+v", q.Messages)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, completion(whole, "stop", ""))
	})
	a, err := m.Ask(t.Context(), request())
	if err != nil {
		t.Fatal(err)
	}
	if a.Kind != model.KindReply || a.Text != "Thank you." || a.Question != "dob" || len(a.Facts) != 1 {
		t.Errorf("got %+v", a)
	}
	if a.Model != "near/m" || a.Digest != "m-2026" || a.TokensIn != 700 || a.TokensOut != 40 || len(a.Raw) == 0 {
		t.Errorf("what a replay needs: %+v", a)
	}
}

func TestWhatIsNoAnswer(t *testing.T) {
	for _, c := range []struct {
		name, body string
		status     int
		want       error
		says       string
	}{
		{"cut", completion(whole, "length", ""), 200, model.ErrBadAnswer, "cut at 40"},
		{"filtered", completion("", "content_filter", ""), 200, model.ErrBadAnswer, "filter"},
		{"refused", completion("", "stop", `,"refusal":"Ana Ruiz"`), 200, model.ErrBadAnswer, "filter"},
		{"a tool instead", completion("", "tool_calls", ""), 200, model.ErrBadAnswer, "by itself"},
		{"no schema", completion(`{\"answer\":\"hi\"}`, "stop", ""), 200, model.ErrBadAnswer, ""},
		{"words", completion("Hello Ana Ruiz!", "stop", ""), 200, model.ErrBadAnswer, ""},
		{"the prompt was cut", strings.Replace(completion(whole, "stop", ""), "700", "7", 1), 200, model.ErrBadAnswer, "only 7"},
		{"not counted", strings.Replace(completion(whole, "stop", ""), "700", "0", 1), 200, model.ErrBadAnswer, "does not say"},
		{"nothing", `{"choices":[]}`, 200, model.ErrBadAnswer, "none"},
		{"HTML", "<html>Ana Ruiz</html>", 200, model.ErrBadAnswer, "not the server's API"},
		{"half of it", completion(whole, "stop", "")[:90], 200, model.ErrUnavailable, ""},
		{"a fault", `{"error":{"message":"Ana Ruiz","type":"x"}}`, 500, model.ErrUnavailable, "500"},
		{"no key", `{"error":{"message":"k1"}}`, 401, model.ErrSetup, "key"},
		{"no model", `{"error":{"message":"m"}}`, 404, model.ErrSetup, "no model m"},
		{"no credit", `{"error":{"message":"x","code":"insufficient_quota"}}`, 429, model.ErrSetup, "credit"},
		{"another form", `{"error":{"message":"Ana Ruiz"}}`, 400, model.ErrSetup, "form"},
		{"too long", `{"error":{"message":"This model's maximum context length is 10 tokens","code":"context_length_exceeded"}}`, 400, model.ErrBadAnswer, "longer"},
		{"elsewhere", "", 302, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.Header().Set("Location", "http://127.0.0.1:1/")
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			})
			a, err := m.Ask(t.Context(), request())
			if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) || a.Kind != "" {
				t.Errorf("got %q, %v; want %v with %q", a.Kind, err, c.want, c.says)
			}
			if strings.Contains(fmt.Sprint(err), "Ana") || strings.Contains(fmt.Sprint(err), "k1") {
				t.Errorf("the error repeats what came back: %v", err)
			}
		})
	}
}

func TestALimitedServerIsWaitedFor(t *testing.T) {
	var asked atomic.Int32
	m := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if asked.Add(1) < 3 {
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = io.WriteString(w, `{"error":{"message":"slow down"}}`)
			return
		}
		_, _ = io.WriteString(w, completion(whole, "stop", ""))
	})
	if _, err := m.Ask(t.Context(), request()); err != nil || asked.Load() != 3 {
		t.Errorf("got %v after %d questions", err, asked.Load())
	}
}

func TestTheHouseItselfIsAskedInItsNewWords(t *testing.T) {
	for host, strict := range map[string]bool{"https://api.openai.com/v1": true, "https://x.openai.azure.com/openai/v1": true, "https://openrouter.ai/api/v1": false} {
		m, err := New(Options{Name: "n", Model: "m", BaseURL: host})
		if err != nil || m.strict != strict {
			t.Errorf("%s: %v, %v", host, m, err)
		}
	}
}

func TestTheEnvironmentSaysNothing(t *testing.T) {
	t.Setenv("OPENAI_API_KEY", "secret-of-another")
	t.Setenv("OPENAI_BASE_URL", "http://127.0.0.1:1")
	asked := false
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = true
		if got := r.Header.Get("Authorization"); got != "" {
			t.Errorf("Authorization %q without a key", got)
		}
		w.WriteHeader(http.StatusNotFound)
	}))
	defer s.Close()
	m, err := New(Options{Name: "n", Model: "m", BaseURL: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Ask(t.Context(), request()); !errors.Is(err, model.ErrSetup) || !asked {
		t.Errorf("got %v, asked %v", err, asked)
	}
}

func TestExamine(t *testing.T) {
	body, status := `{"object":"list","data":[{"id":"m","object":"model"}]}`, 200
	m := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
	if say, err := m.Examine(t.Context()); err != nil || !strings.Contains(say, "has it") {
		t.Errorf("got %q, %v", say, err)
	}
	body = `{"object":"list","data":[{"id":"other","object":"model"}]}`
	if _, err := m.Examine(t.Context()); !errors.Is(err, model.ErrSetup) {
		t.Errorf("got %v", err)
	}
	status = 404
	if say, err := m.Examine(t.Context()); err != nil || !strings.Contains(say, "does not tell") {
		t.Errorf("got %q, %v", say, err)
	}
}
