package agent

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tidegate/tidegate/gateway/model"
)

// Limits bound an answer.
type Limits struct {
	ReplyChars int // the longest text in characters; the persona's own holds when it is smaller
	Facts      int // the most facts of one answer
	FactChars  int // the longest value of a fact, in characters
}

// Limits left at 0.
const (
	defaultReplyChars = 1600
	defaultFacts      = 32
	defaultFactChars  = 500
)

// Limits of the ids a provider may invent.
const (
	maxQuestionBytes = 64
	maxReasonBytes   = 64
)

func (l Limits) filled() Limits {
	for _, f := range []struct {
		of    *int
		least int
	}{{&l.ReplyChars, defaultReplyChars}, {&l.Facts, defaultFacts}, {&l.FactChars, defaultFactChars}} {
		if *f.of <= 0 {
			*f.of = f.least
		}
	}
	return l
}

// broken is an answer that does not keep to the contract. Its rule names no
// words of the answer.
type broken struct{ rule string }

func (b *broken) Error() string { return "answer refused: " + b.rule }

func (b *broken) Unwrap() error { return model.ErrBadAnswer }

func breaks(format string, args ...any) error { return &broken{fmt.Sprintf(format, args...)} }

// accept returns the answer as it may be used, or why it may not. A reply that
// breaks a rule is refused. An escalation never is: a person must see it, so
// what is wrong in it is left out.
func (l Limits) accept(r model.Request, a model.Answer) (model.Answer, error) {
	if r.Opinion {
		return opinion(a)
	}
	if a.Lang != "" && !slices.Contains(r.Persona.Languages, a.Lang) {
		a.Lang = ""
	}
	a.Facts = l.dated(r, a.Facts)
	switch a.Kind {
	case model.KindEscalate:
		return l.escalation(r, a), nil
	case model.KindReply, model.KindClarify:
		if err := l.text(r, a); err != nil {
			return model.Answer{}, err
		}
	case model.KindCall:
		a.Facts = slices.DeleteFunc(a.Facts, func(f model.Fact) bool { return l.fact(r, f) != nil })
		a.Facts = a.Facts[:min(len(a.Facts), l.Facts)]
		return a, l.call(r, a)
	case model.KindSilent:
		if a.Text != "" {
			return model.Answer{}, breaks("silence has a text")
		}
		if !idLike(a.Silence, maxReasonBytes) || a.Silence == "" {
			return model.Answer{}, breaks("silence does not say why")
		}
	default:
		return model.Answer{}, breaks("kind is unknown")
	}
	if !idLike(a.Question, maxQuestionBytes) {
		return model.Answer{}, breaks("question is no id")
	}
	if !idLike(a.Reason, maxReasonBytes) {
		a.Reason = ""
	}
	if a.Intent != "" && a.Intent != model.IntentOther && !slices.Contains(r.Persona.Intents, a.Intent) {
		return model.Answer{}, breaks("is about what the persona does not answer")
	}
	if len(a.Facts) > l.Facts {
		return model.Answer{}, breaks("has %d facts, at most %d", len(a.Facts), l.Facts)
	}
	for _, f := range a.Facts {
		if err := l.fact(r, f); err != nil {
			return model.Answer{}, err
		}
	}
	return a, nil
}

// opinion takes a word and nothing beside it. What a model would say or do with it
// is not heard.
func opinion(a model.Answer) (model.Answer, error) {
	if a.Kind != model.KindOpinion || !slices.Contains([]string{"", model.S1, model.S2, model.S3}, a.Severity) {
		return model.Answer{}, breaks("is no opinion")
	}
	return model.Answer{
		Kind: a.Kind, Severity: a.Severity, Model: a.Model, Digest: a.Digest, Raw: a.Raw, TokensIn: a.TokensIn, TokensOut: a.TokensOut,
	}, nil
}

// maxArguments bounds a call, in bytes.
const maxArguments = 2 << 10

// call checks that a call is one the persona may make. What its arguments mean the
// tool knows.
func (l Limits) call(r model.Request, a model.Answer) error {
	switch {
	case a.Call == nil:
		return breaks("calls nothing")
	case !slices.ContainsFunc(r.Tools, func(t model.Tool) bool { return t.Name == a.Call.Tool }):
		return breaks("calls a tool it does not have")
	case len(a.Call.Arguments) > maxArguments || !json.Valid(a.Call.Arguments):
		return breaks("calls a tool with arguments that are none")
	}
	return nil
}

func (l Limits) escalation(r model.Request, a model.Answer) model.Answer {
	switch a.Severity {
	case model.S1, model.S2, model.S3, model.S4:
	default:
		a.Severity = model.S3
	}
	if a.Severity != model.S4 || l.text(r, a) != nil {
		a.Text = ""
	}
	if !idLike(a.Question, maxQuestionBytes) {
		a.Question = r.Question
	}
	if !idLike(a.Reason, maxReasonBytes) || a.Reason == "" {
		a.Reason = "unspecified"
	}
	a.Facts = slices.DeleteFunc(a.Facts, func(f model.Fact) bool { return l.fact(r, f) != nil })
	a.Facts = a.Facts[:min(len(a.Facts), l.Facts)]
	return a
}

func (l Limits) text(r model.Request, a model.Answer) error {
	text := a.Text.Reveal()
	limit := min(l.ReplyChars, r.Persona.ReplyLimit())
	switch n := utf8.RuneCountInString(text); {
	case !utf8.ValidString(text):
		return breaks("text is not UTF-8")
	case !strings.ContainsFunc(text, visible):
		return breaks("text is empty")
	case n > limit:
		return breaks("text has %d characters, at most %d", n, limit)
	}
	return nil
}

// visible reports whether a reader sees anything of c.
func visible(c rune) bool { return unicode.IsGraphic(c) && !unicode.IsSpace(c) && c != '\u2800' }

func (l Limits) fact(r model.Request, f model.Fact) error {
	switch {
	case !slices.Contains(r.Persona.Collect, f.Name):
		return breaks("a fact is not one the persona collects")
	case strings.TrimSpace(f.Value) == "":
		return breaks("fact %s is empty", f.Name)
	case !utf8.ValidString(f.Value) || strings.ContainsFunc(f.Value, unicode.IsControl):
		return breaks("fact %s is not plain text", f.Name)
	case utf8.RuneCountInString(f.Value) > l.FactChars:
		return breaks("fact %s is longer than %d characters", f.Name, l.FactChars)
	case source(r, f.Source) == nil:
		return breaks("fact %s comes from no message of the patient", f.Name)
	}
	return nil
}

// dated gives each fact the time of the message it came from, which is the
// only one that counts. The provider's own slice stays as it is.
func (l Limits) dated(r model.Request, facts []model.Fact) []model.Fact {
	out := slices.Clone(facts)
	for i := range out {
		if m := source(r, out[i].Source); m != nil {
			out[i].At = m.At
		}
	}
	return out
}

func source(r model.Request, seq uint64) *model.Message {
	for i := range r.Window {
		if m := &r.Window[i]; m.Seq == seq && m.From == model.FromPatient {
			return m
		}
	}
	return nil
}

// idLike reports whether s can be an id: short, and of characters in which no
// sentence is written.
func idLike(s string, limit int) bool { //nolint:unparam // the bounds are equal by chance
	return len(s) <= limit && !strings.ContainsFunc(s, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("_.:/-", c)
	})
}
