package ollama

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ollama/ollama/api"

	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/model/prompt"
	"github.com/tidegate/tidegate/gateway/model/wire"
)

// Defaults of Options.
const (
	DefaultBaseURL      = "http://127.0.0.1:11434"
	DefaultContext      = 8192
	DefaultAnswerTokens = 512
	DefaultKeepAlive    = 30 * time.Minute
)

// Limits of an exchange.
const (
	// bytesPerToken is how many bytes of a prompt a token is taken to be, for what
	// is left out of a long conversation before it is sent.
	bytesPerToken = 3
	// mostBytesPerToken is more than any vocabulary gets out of such a prompt: a
	// server that counts fewer tokens did not read all of it.
	mostBytesPerToken = 24
	maxShorter        = 2 // times a prompt that did not fit is tried again with half the room
)

// Options say which model, and how it is run.
type Options struct {
	Name         string // what the chain and the journal call it, as "ollama/llama3.1:8b"
	Model        string // what the server calls it
	BaseURL      string // default DefaultBaseURL
	Key          string // sent as a bearer token to what stands in front of the server; "": none
	Context      int    // num_ctx
	AnswerTokens int    // num_predict
	KeepAlive    time.Duration
	Threads      int               // num_thread; 0: the server chooses
	Transport    http.RoundTripper // default: one of its own
}

// Model is one model on one server. It may be asked from many goroutines.
type Model struct {
	o      Options
	client *api.Client
}

// New checks the options and calls nobody.
func New(o Options) (*Model, error) {
	if o.BaseURL == "" {
		o.BaseURL = DefaultBaseURL
	}
	for _, f := range []struct {
		of    *int
		least int
	}{{&o.Context, DefaultContext}, {&o.AnswerTokens, DefaultAnswerTokens}} {
		if *f.of <= 0 {
			*f.of = f.least
		}
	}
	if o.KeepAlive == 0 {
		o.KeepAlive = DefaultKeepAlive
	}
	base, err := url.Parse(o.BaseURL)
	switch {
	case err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https":
		return nil, errors.New("ollama: the address must be http://host:port or https://…")
	case o.Name == "" || o.Model == "":
		return nil, errors.New("ollama: no model is named")
	case o.AnswerTokens >= o.Context:
		return nil, fmt.Errorf("ollama: an answer of %d tokens leaves no room in a context of %d", o.AnswerTokens, o.Context)
	}
	m := &Model{o: o}
	m.client = api.NewClient(base, wire.Client(o.Key, o.Transport))
	return m, nil
}

// Name is what the chain and the journal call it.
func (m *Model) Name() string { return m.o.Name }

// Ask asks once, and again while the server's queue is full or the prompt does
// not fit, until ctx ends.
func (m *Model) Ask(ctx context.Context, r model.Request) (model.Answer, error) {
	schema, err := prompt.Schema(r, prompt.Form{Lengths: true})
	if err != nil {
		return model.Answer{}, err
	}
	room := (m.o.Context - m.o.AnswerTokens) * bytesPerToken
	for try := 0; ; try++ {
		p, err := prompt.Build(r, room)
		if err != nil {
			return model.Answer{}, err
		}
		a, err := m.whole(ctx, r, p, schema)
		if !errors.Is(err, errTooLong) || try == maxShorter {
			return a, err
		}
		room /= 2
	}
}

// whole asks with one prompt, and sees to it that one model answered.
func (m *Model) whole(ctx context.Context, r model.Request, p prompt.Prompt, schema []byte) (model.Answer, error) {
	digest, err := m.Digest(ctx)
	if err != nil {
		return model.Answer{}, err
	}
	said, err := m.chat(ctx, p, schema)
	spent := model.Answer{Model: m.o.Name, Digest: digest, TokensIn: said.PromptEvalCount, TokensOut: said.EvalCount}
	if err != nil {
		return spent, err
	}
	if err := m.complete(said, p); err != nil {
		return spent, err
	}
	now, err := m.Digest(ctx)
	if err != nil {
		return spent, err
	}
	if now != digest {
		return spent, fmt.Errorf("%w: the tag moved to another model meanwhile", model.ErrUnavailable)
	}
	a, err := prompt.Read(r, said.Message.Content)
	a.Model, a.Digest, a.TokensIn, a.TokensOut = spent.Model, spent.Digest, spent.TokensIn, spent.TokensOut
	return a, err
}

// complete reports what shows that the prompt was not read, or the answer not
// written, to its end.
func (m *Model) complete(said api.ChatResponse, p prompt.Prompt) error {
	read := said.PromptEvalCount
	switch {
	case !said.Done:
		return fmt.Errorf("%w: the stream ended before the answer did", model.ErrUnavailable)
	case said.DoneReason == "length":
		return fmt.Errorf("%w: cut at %d tokens", model.ErrBadAnswer, said.EvalCount)
	case said.DoneReason != "stop":
		return fmt.Errorf("%w: it did not end by itself", model.ErrBadAnswer)
	case read <= 0:
		return fmt.Errorf("%w: the server does not say how much of the prompt it read", model.ErrBadAnswer)
	case read*mostBytesPerToken < p.Bytes:
		return fmt.Errorf("%w: only %d tokens of a prompt of %d bytes were read", model.ErrBadAnswer, read, p.Bytes)
	case read > m.o.Context-1:
		return errTooLong
	}
	return nil
}

// chat waits while the server's queue is full.
func (m *Model) chat(ctx context.Context, p prompt.Prompt, schema []byte) (said api.ChatResponse, err error) {
	err = wire.Patiently(ctx, errBusy, func() error {
		said, err = m.stream(ctx, p, schema)
		return err
	})
	if errors.Is(err, errBusy) {
		err = fmt.Errorf("%w: %w", model.ErrUnavailable, err)
	}
	return said, err
}

func (m *Model) stream(ctx context.Context, p prompt.Prompt, schema []byte) (api.ChatResponse, error) {
	options := map[string]any{"num_ctx": m.o.Context, "num_predict": m.o.AnswerTokens, "temperature": 0}
	if m.o.Threads > 0 {
		options["num_thread"] = m.o.Threads
	}
	yes, no := true, false
	req := &api.ChatRequest{
		Model: m.o.Model, Stream: &yes, Format: schema, Options: options,
		KeepAlive: &api.Duration{Duration: m.o.KeepAlive},
		Truncate:  &no, Shift: &no, Think: &api.ThinkValue{Value: false},
	}
	for _, msg := range p.Messages {
		req.Messages = append(req.Messages, api.Message{Role: msg.Role, Content: msg.Text})
	}
	var last api.ChatResponse
	var text strings.Builder
	err := m.client.Chat(ctx, req, func(part api.ChatResponse) error {
		if text.Len()+len(part.Message.Content) > prompt.MaxAnswerBytes {
			return errEndless
		}
		text.WriteString(part.Message.Content)
		last = part
		return nil
	})
	last.Message.Content = text.String()
	return last, m.fault(ctx, err)
}

// Digest is of the model that the name stands for now.
func (m *Model) Digest(ctx context.Context) (string, error) {
	list, err := m.client.List(ctx)
	if err := m.fault(ctx, err); err != nil {
		return "", err
	}
	for _, l := range list.Models {
		if (tagged(l.Name) == tagged(m.o.Model) || tagged(l.Model) == tagged(m.o.Model)) && l.Digest != "" {
			return l.Digest, nil
		}
	}
	return "", m.missing()
}

// Examine asks the server for its version and whether it has the model.
func (m *Model) Examine(ctx context.Context) (string, error) {
	version, err := m.client.Version(ctx)
	if err := m.fault(ctx, err); err != nil {
		return "", err
	}
	digest, err := m.Digest(ctx)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("Ollama %s has it (%s)", version, digest[:min(len(digest), 12)]), nil
}

// tagged is a model's name with the tag that stands for none.
func tagged(name string) string {
	if last := name[strings.LastIndexByte(name, '/')+1:]; !strings.Contains(last, ":") {
		return name + ":latest"
	}
	return name
}

func (m *Model) missing() error {
	return fmt.Errorf("%w: the server has no model %s; run: ollama pull %s", model.ErrSetup, m.o.Model, m.o.Model)
}
