// Package telemetry tells an OpenTelemetry collector what the agent's questions
// cost and how they went, by the semantic conventions for generative AI: one span a
// question, below it one a model asked and one a tool called.
//
// It owns the names and the attributes. No attribute may hold anybody's words or
// number, or what a model chose to write: content is off, and there is no switch for
// it. What an attribute holds is a name of the configuration, a count, an id that
// tells nobody, or one of a closed list.
package telemetry

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.37.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/molt"
)

const scope = "github.com/tidegate/tidegate/gateway/telemetry"

// Limits of what waits to be told.
const (
	maxWaiting = 2048 // spans; of more the newest are dropped
	batch      = 256
	every      = 5 * time.Second
	patience   = 5 * time.Second // of one export, and of the last one at a stop
)

// Options say where spans go.
type Options struct {
	URL     string  // of the collector's OTLP/HTTP door, as in http://127.0.0.1:4318; the path is added
	Bearer  string  // a token for it; "": none
	Sample  float64 // which share of the questions is told of; 0: none
	Version string  // of the program
}

// Tracer tells of questions. A nil one tells nobody.
type Tracer struct{ provider *sdk.TracerProvider }

// New makes a tracer. What cannot be delivered is dropped after a while: nothing of
// the gateway waits for a collector.
func New(ctx context.Context, o Options) (*Tracer, error) {
	to := []otlptracehttp.Option{otlptracehttp.WithEndpointURL(o.URL + "/v1/traces"), otlptracehttp.WithTimeout(patience)}
	if o.Bearer != "" {
		to = append(to, otlptracehttp.WithHeaders(map[string]string{"Authorization": "Bearer " + o.Bearer}))
	}
	exporter, err := otlptracehttp.New(ctx, to...)
	if err != nil {
		return nil, err
	}
	return &Tracer{sdk.NewTracerProvider(
		sdk.WithBatcher(exporter, sdk.WithMaxQueueSize(maxWaiting), sdk.WithMaxExportBatchSize(batch), sdk.WithBatchTimeout(every), sdk.WithExportTimeout(patience)),
		sdk.WithSampler(sdk.TraceIDRatioBased(o.Sample)),
		// Only what is said here: the machine's name and the process's arguments are not.
		sdk.WithResource(resource.NewSchemaless(semconv.ServiceName("tidegate"), semconv.ServiceVersion(o.Version))),
	)}, nil
}

// Close delivers what waits, for a while.
func (t *Tracer) Close() error {
	if t == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return t.provider.Shutdown(ctx)
}

// Question is a span around a question to the agent. A nil one does nothing.
type Question struct{ span trace.Span }

// Begin begins the span of a question. The id of a conversation is made with a key,
// and leads to nobody without it.
func (t *Tracer) Begin(id molt.ConversationID, channel, persona string) *Question {
	if t == nil {
		return nil
	}
	_, span := t.provider.Tracer(scope).Start(context.Background(), "invoke_agent "+persona, trace.WithSpanKind(trace.SpanKindInternal), trace.WithAttributes(
		semconv.GenAIOperationNameInvokeAgent, semconv.GenAIAgentName(persona), semconv.GenAIConversationID(string(id)),
		attribute.String("tidegate.channel", channel),
	))
	return &Question{span}
}

// In is a context in which models and tools are told of below the question.
func (q *Question) In(ctx context.Context) context.Context {
	if q == nil {
		return ctx
	}
	return trace.ContextWithSpan(ctx, q.span)
}

// End ends it with what came of it: the kind of the answer, and what was spent.
func (q *Question) End(kind model.Kind, failed bool, limit string, tokens int) {
	if q == nil {
		return
	}
	q.span.SetAttributes(attribute.Int("tidegate.tokens", tokens))
	switch kind {
	case model.KindReply, model.KindSilent, model.KindEscalate:
		q.span.SetAttributes(attribute.String("tidegate.answer", string(kind)))
	}
	if limit != "" {
		q.span.SetAttributes(attribute.String("tidegate.limit", limit))
	}
	if failed {
		q.span.SetStatus(codes.Error, "no usable answer")
	}
	q.span.End()
}

// Tool tells of a call. A name that no tool has is a model's own word, and not told.
func Tool(ctx context.Context, name string, known bool) (done func(state string)) {
	if !known {
		name = "unknown"
	}
	_, span := below(ctx, "execute_tool "+name, trace.SpanKindInternal, semconv.GenAIOperationNameExecuteTool, semconv.GenAIToolName(name), semconv.GenAIToolType("function"))
	return func(state string) {
		span.SetAttributes(attribute.String("tidegate.outcome", state))
		if state == model.CallFailed || state == model.CallUnknown {
			span.SetStatus(codes.Error, state)
		}
		span.End()
	}
}

// below begins a span below the one of a context; without one it tells nobody.
func below(ctx context.Context, name string, kind trace.SpanKind, with ...attribute.KeyValue) (context.Context, trace.Span) {
	return trace.SpanFromContext(ctx).TracerProvider().Tracer(scope).Start(ctx, name, trace.WithSpanKind(kind), trace.WithAttributes(with...))
}

// provider is a model that is told of.
type provider struct {
	model.Provider
	kind, name string
}

// Watch tells of each question to a model, where the question is told of at all.
// kind is what its server speaks, name what it is called there.
func Watch(p model.Provider, kind, name string) model.Provider { return &provider{p, kind, name} }

func (p *provider) Ask(ctx context.Context, r model.Request) (model.Answer, error) {
	ctx, span := below(ctx, "chat "+p.name, trace.SpanKindClient,
		semconv.GenAIOperationNameChat, semconv.GenAIProviderNameKey.String(p.kind), semconv.GenAIRequestModel(p.name), semconv.GenAIOutputTypeJSON)
	defer span.End()
	a, err := p.Provider.Ask(ctx, r)
	span.SetAttributes(semconv.GenAIUsageInputTokens(a.TokensIn), semconv.GenAIUsageOutputTokens(a.TokensOut))
	if err != nil {
		class := faultOf(err)
		span.SetAttributes(semconv.ErrorTypeKey.String(class))
		span.SetStatus(codes.Error, class)
	}
	return a, err
}

// faultOf is the class of a fault: its sentence may hold what a server said.
func faultOf(err error) string {
	switch {
	case errors.Is(err, model.ErrBadAnswer):
		return "bad_answer"
	case errors.Is(err, model.ErrSetup):
		return "setup"
	case errors.Is(err, model.ErrUnavailable):
		return "unavailable"
	case errors.Is(err, model.ErrDeadline), errors.Is(err, context.DeadlineExceeded):
		return "deadline"
	case errors.Is(err, context.Canceled):
		return "canceled"
	}
	return "other"
}
