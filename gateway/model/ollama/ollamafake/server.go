package ollamafake

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// Mode is how the stand-in behaves.
type Mode string

// The modes.
const (
	ModeOK       Mode = "ok"       // a plain intake
	ModeHang     Mode = "hang"     // takes every question and answers none
	ModeGarbage  Mode = "garbage"  // one kind of broken answer after another
	ModeSilent   Mode = "silent"   // has nothing to say, ever
	ModeObedient Mode = "obedient" // does what any text tells it, whoever wrote it
)

// Modes lists them.
func Modes() []Mode { return []Mode{ModeOK, ModeHang, ModeGarbage, ModeSilent, ModeObedient} }

// The model that the stand-in says it has.
const (
	Model  = "stand-in:latest"
	digest = "5a17d1a0c0ffee00000000000000000000000000000000000000000000000000"
)

// Limits of an exchange.
const (
	maxRequest    = 4 << 20
	maxKept       = 10_000 // exchanges kept for a judge
	bytesPerToken = 4
)

// Exchange is one question and what was answered.
type Exchange struct {
	Messages  []Message `json:"messages"`
	Answer    string    `json:"answer"`
	TokensIn  int       `json:"tokens_in"`
	TokensOut int       `json:"tokens_out"`
}

// Message is one message of a chat.
type Message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// Server is the stand-in as a handler.
type Server struct {
	mode Mode
	mux  *http.ServeMux

	mu    sync.Mutex
	asked int
	kept  []Exchange
}

// New makes a stand-in of that mode.
func New(mode Mode) (*Server, error) {
	if !slices.Contains(Modes(), mode) {
		return nil, fmt.Errorf("no stand-in model is %q; there are %v", mode, Modes())
	}
	s := &Server{mode: mode, mux: http.NewServeMux()}
	s.mux.HandleFunc("GET /api/version", func(w http.ResponseWriter, _ *http.Request) { reply(w, map[string]string{"version": "0.17.4"}) })
	s.mux.HandleFunc("GET /api/tags", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, map[string]any{"models": []map[string]any{{"name": Model, "model": Model, "digest": digest, "size": 1}}})
	})
	s.mux.HandleFunc("POST /api/chat", s.chat)
	s.mux.HandleFunc("GET /_fake/asked", func(w http.ResponseWriter, _ *http.Request) { reply(w, s.Asked()) })
	return s, nil
}

// ServeHTTP speaks the API.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Asked is what was asked and answered so far.
func (s *Server) Asked() []Exchange {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.kept)
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// question is a chat request as the server reads it.
type question struct {
	Model    string          `json:"model"`
	Messages []Message       `json:"messages"`
	Stream   *bool           `json:"stream"`
	Format   json.RawMessage `json:"format"`
	Truncate *bool           `json:"truncate"`
	Shift    *bool           `json:"shift"`
	Options  struct {
		Context int `json:"num_ctx"`
		Predict int `json:"num_predict"`
	} `json:"options"`
}

// wrong says which of the house's own rules a request breaks: the real server
// would take it and cut what it is told.
func (q question) wrong() string {
	var schema struct {
		Type     string   `json:"type"`
		Required []string `json:"required"`
	}
	switch {
	case len(q.Messages) == 0:
		return "no messages"
	case q.Truncate == nil || *q.Truncate || q.Shift == nil || *q.Shift:
		return "truncate and shift have to be false"
	case q.Options.Context <= 0 || q.Options.Predict <= 0:
		return "num_ctx and num_predict have to be set"
	case json.Unmarshal(q.Format, &schema) != nil || schema.Type != "object" || len(schema.Required) == 0:
		return "format has to be the schema of an object"
	}
	return ""
}

func (q question) tokens() int {
	n := 0
	for _, m := range q.Messages {
		n += len(m.Content)
	}
	return n/bytesPerToken + 1
}

func (s *Server) chat(w http.ResponseWriter, r *http.Request) {
	var q question
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest)).Decode(&q); err != nil {
		refuse(w, http.StatusBadRequest, "missing request body")
		return
	}
	switch why := q.wrong(); {
	case why != "":
		refuse(w, http.StatusBadRequest, why)
		return
	case strings.TrimSuffix(q.Model, ":latest")+":latest" != Model:
		refuse(w, http.StatusNotFound, fmt.Sprintf("model '%s' not found", q.Model))
		return
	case q.tokens() > q.Options.Context:
		refuse(w, http.StatusBadRequest, "the input length exceeds the context length")
		return
	}
	s.mu.Lock()
	n := s.asked
	s.asked++
	s.mu.Unlock()
	s.answer(r.Context(), w, q, n)
}

func refuse(w http.ResponseWriter, code int, why string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": why})
}

func (s *Server) answer(ctx context.Context, w http.ResponseWriter, q question, n int) {
	switch s.mode {
	case ModeHang:
		s.keep(q, "")
		<-ctx.Done() // ends when the asker leaves
	case ModeGarbage:
		s.keep(q, "")
		garbage(w, q, n)
	case ModeSilent:
		if q.wantsOpinion() {
			s.write(w, q, opinion(levelNone))
			return
		}
		s.write(w, q, output{Action: "silent", Lang: "en"}.json())
	case ModeObedient:
		if q.wantsOpinion() {
			s.write(w, q, read(q).obediently())
			return
		}
		s.write(w, q, read(q).obey())
	default:
		if q.wantsOpinion() {
			s.write(w, q, read(q).opinion())
			return
		}
		s.write(w, q, read(q).intake().json())
	}
}

// part is one line of a streamed answer.
type part struct {
	Model   string  `json:"model"`
	Message Message `json:"message"`
	Done    bool    `json:"done"`
	Reason  string  `json:"done_reason,omitempty"`
	Read    int     `json:"prompt_eval_count,omitempty"`
	Written int     `json:"eval_count,omitempty"`
}

// write streams an answer in two parts and its end.
func (s *Server) write(w http.ResponseWriter, q question, text string) {
	s.keep(q, text)
	w.Header().Set("Content-Type", "application/x-ndjson")
	enc := json.NewEncoder(w)
	half := strings.LastIndexByte(text[:len(text)/2+1], '"') + 1 // at a letter's border
	for _, t := range []string{text[:half], text[half:]} {
		_ = enc.Encode(part{Model: q.Model, Message: Message{"assistant", t}})
	}
	_ = enc.Encode(part{Model: q.Model, Message: Message{"assistant", ""}, Done: true, Reason: "stop", Read: q.tokens(), Written: written(text)})
}

func written(text string) int { return len(text)/bytesPerToken + 1 }

func (s *Server) keep(q question, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.kept) < maxKept {
		s.kept = append(s.kept, Exchange{q.Messages, text, q.tokens(), written(text)})
	}
}
