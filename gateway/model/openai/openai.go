package openai

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	api "github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/shared"

	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/model/prompt"
	"github.com/tidegate/tidegate/gateway/model/wire"
)

// Defaults of Options.
const (
	DefaultContext      = 8192
	DefaultAnswerTokens = 512
)

// Limits of an exchange; see package ollama, whose servers count likewise.
const (
	bytesPerToken     = 3
	mostBytesPerToken = 24
	maxShorter        = 2
)

// Options say which model, and where.
type Options struct {
	Name         string // what the chain and the journal call it, as "openai/gpt-5-mini"
	Model        string // what the server calls it
	BaseURL      string // up to and with the version, as https://api.openai.com/v1
	Key          string // "": none is sent
	Context      int
	AnswerTokens int
	Transport    http.RoundTripper // default: one of its own
}

// Model is one model at one server. It may be asked from many goroutines.
type Model struct {
	o      Options
	chats  api.ChatCompletionService
	models api.ModelService
	strict bool // the server is OpenAI's or Azure's own
}

// New checks the options and calls nobody.
func New(o Options) (*Model, error) {
	if o.Context <= 0 {
		o.Context = DefaultContext
	}
	if o.AnswerTokens <= 0 {
		o.AnswerTokens = DefaultAnswerTokens
	}
	base, err := url.Parse(o.BaseURL)
	switch {
	case err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https":
		return nil, errors.New("openai: the address must be https://host/v1 or http://host:port/v1")
	case o.Name == "" || o.Model == "":
		return nil, errors.New("openai: no model is named")
	case o.AnswerTokens >= o.Context:
		return nil, fmt.Errorf("openai: an answer of %d tokens leaves no room in a context of %d", o.AnswerTokens, o.Context)
	}
	// The services are made one by one: the client as a whole would also take a
	// key and an address from the environment.
	opts := []option.RequestOption{
		option.WithBaseURL(strings.TrimRight(o.BaseURL, "/") + "/"), option.WithMaxRetries(0),
		option.WithHTTPClient(wire.Client(o.Key, o.Transport)),
	}
	azure := strings.HasSuffix(base.Hostname(), ".azure.com")
	if azure && o.Key != "" {
		opts = append(opts, option.WithHeader("api-key", o.Key))
	}
	return &Model{
		o: o, chats: api.NewChatCompletionService(opts...), models: api.NewModelService(opts...),
		strict: azure || strings.HasSuffix(base.Hostname(), ".openai.com"),
	}, nil
}

// Name is what the chain and the journal call it.
func (m *Model) Name() string { return m.o.Name }

// Ask asks once, and again while the server is busy or the prompt does not fit,
// until ctx ends.
func (m *Model) Ask(ctx context.Context, r model.Request) (model.Answer, error) {
	// These servers bound no text in a schema; what is too long is found when it
	// is read.
	schema, err := prompt.Schema(r, prompt.Form{})
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

func (m *Model) whole(ctx context.Context, r model.Request, p prompt.Prompt, schema []byte) (model.Answer, error) {
	said, err := m.chat(ctx, m.params(p, schema))
	if err != nil {
		return model.Answer{Model: m.o.Name}, err
	}
	spent := model.Answer{
		Model: m.o.Name, Digest: said.Model,
		TokensIn: int(said.Usage.PromptTokens), TokensOut: int(said.Usage.CompletionTokens),
	}
	if err := complete(said, p); err != nil {
		return spent, err
	}
	a, err := prompt.Read(r, said.Choices[0].Message.Content)
	a.Model, a.Digest, a.TokensIn, a.TokensOut = spent.Model, spent.Digest, spent.TokensIn, spent.TokensOut
	return a, err
}

// params is the question. The newest of OpenAI's models take no temperature and
// another name for the length of an answer; other servers know the old ones.
func (m *Model) params(p prompt.Prompt, schema []byte) api.ChatCompletionNewParams {
	q := api.ChatCompletionNewParams{
		Model: m.o.Model,
		ResponseFormat: api.ChatCompletionNewParamsResponseFormatUnion{OfJSONSchema: &shared.ResponseFormatJSONSchemaParam{
			JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{Name: "answer", Strict: api.Bool(true), Schema: rawJSON(schema)},
		}},
	}
	if m.strict {
		q.MaxCompletionTokens, q.Store = api.Int(int64(m.o.AnswerTokens)), api.Bool(false)
	} else {
		q.MaxTokens, q.Temperature = api.Int(int64(m.o.AnswerTokens)), api.Float(0)
	}
	for _, msg := range p.Messages {
		switch msg.Role {
		case prompt.RoleSystem:
			q.Messages = append(q.Messages, api.SystemMessage(msg.Text))
		case prompt.RoleAssistant:
			q.Messages = append(q.Messages, api.AssistantMessage(msg.Text))
		default:
			q.Messages = append(q.Messages, api.UserMessage(msg.Text))
		}
	}
	return q
}

// rawJSON is sent as it stands: the order of a schema's members counts.
type rawJSON []byte

// MarshalJSON is the text itself.
func (r rawJSON) MarshalJSON() ([]byte, error) { return r, nil }

// complete reports what shows that the prompt was not read, or the answer not
// written, to its end.
func complete(said *api.ChatCompletion, p prompt.Prompt) error {
	if len(said.Choices) == 0 {
		return fmt.Errorf("%w: there is none in what came back", model.ErrBadAnswer)
	}
	c, read := said.Choices[0], int(said.Usage.PromptTokens)
	switch {
	case c.FinishReason == "length":
		return fmt.Errorf("%w: cut at %d tokens", model.ErrBadAnswer, said.Usage.CompletionTokens)
	case c.Message.Refusal != "" || c.FinishReason == "content_filter":
		return fmt.Errorf("%w: the server's own filter refused it", model.ErrBadAnswer)
	case c.FinishReason != "stop":
		return fmt.Errorf("%w: it did not end by itself", model.ErrBadAnswer)
	case read <= 0:
		return fmt.Errorf("%w: the server does not say how much of the prompt it read", model.ErrBadAnswer)
	case read*mostBytesPerToken < p.Bytes:
		return fmt.Errorf("%w: only %d tokens of a prompt of %d bytes were read", model.ErrBadAnswer, read, p.Bytes)
	}
	return nil
}

func (m *Model) chat(ctx context.Context, q api.ChatCompletionNewParams) (said *api.ChatCompletion, err error) {
	err = wire.Patiently(ctx, errBusy, func() error {
		said, err = m.chats.New(ctx, q)
		err = m.fault(ctx, err)
		return err
	})
	if errors.Is(err, errBusy) {
		err = fmt.Errorf("%w: %w", model.ErrUnavailable, err)
	}
	return said, err
}

// Examine asks the server which models it has. Some do not tell.
func (m *Model) Examine(ctx context.Context) (string, error) {
	list, err := m.models.List(ctx)
	var status *api.Error
	if errors.As(err, &status) && (status.StatusCode == http.StatusNotFound || status.StatusCode == http.StatusMethodNotAllowed) {
		return "the server answers; it does not tell which models it has", nil
	}
	if err := m.fault(ctx, err); err != nil {
		return "", err
	}
	for _, l := range list.Data {
		if l.ID == m.o.Model {
			return "the server has it", nil
		}
	}
	return "", fmt.Errorf("%w: %s is not among the %d models that the server lists", model.ErrSetup, m.o.Model, len(list.Data))
}
