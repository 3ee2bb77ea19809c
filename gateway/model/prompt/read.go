package prompt

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/molt"
)

// MaxAnswerBytes bounds a model's output. What is longer is no answer.
const MaxAnswerBytes = 64 << 10

// output is what a model writes.
type output struct {
	Action   string  `json:"action"`
	Text     string  `json:"text"`
	Reason   string  `json:"reason"`
	Severity string  `json:"severity"`
	Facts    []given `json:"facts"`
	Question string  `json:"question"`
	Lang     string  `json:"lang"`
	Done     bool    `json:"done"`

	Call   *model.Call `json:"call"`
	Intent string      `json:"intent"`

	Summary string `json:"summary"`
}

type given struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Source uint64 `json:"source"`
}

// Read takes a model's output as the answer to a request. What it holds beside
// the known members counts for nothing: there is no member that names a
// receiver, a person or a case. An error wraps model.ErrBadAnswer and says
// nothing of what was written.
func Read(r model.Request, raw string) (model.Answer, error) {
	if len(raw) > MaxAnswerBytes {
		return model.Answer{}, fmt.Errorf("%w: longer than %d bytes", model.ErrBadAnswer, MaxAnswerBytes)
	}
	if r.Opinion {
		return readOpinion(raw)
	}
	return readAnswer(r, raw)
}

func readAnswer(r model.Request, raw string) (model.Answer, error) {
	var o output
	if err := json.Unmarshal([]byte(unfenced(raw)), &o); err != nil {
		return model.Answer{}, fmt.Errorf("%w: not the JSON that was asked for", model.ErrBadAnswer)
	}
	a := model.Answer{Kind: model.Kind(o.Action), Lang: o.Lang, Question: o.Question, Done: o.Done, Raw: []byte(raw)}
	if !slices.Contains(r.Persona.Languages, a.Lang) {
		a.Lang = ""
	}
	if !slices.Contains(append(slices.Clone(r.Persona.Collect), "", model.QuestionConfirm), a.Question) {
		return model.Answer{}, fmt.Errorf("%w: asks for what the persona does not collect", model.ErrBadAnswer)
	}
	a.Facts = facts(r, o.Facts)
	if r.Summarize && len(o.Summary) <= model.MaxSummary {
		a.Summary = molt.Words(strings.TrimSpace(o.Summary))
	}
	switch a.Kind {
	case model.KindReply, model.KindClarify:
		if strings.TrimSpace(o.Text) == "" {
			return model.Answer{}, fmt.Errorf("%w: a reply without a text", model.ErrBadAnswer)
		}
		if scope := r.Persona.Intents; a.Kind == model.KindReply && len(scope) > 0 {
			if a.Intent = o.Intent; !slices.Contains(scope, a.Intent) && a.Intent != model.IntentOther {
				return model.Answer{}, fmt.Errorf("%w: it does not say what it is about", model.ErrBadAnswer)
			}
		}
		a.Reason, a.Text = "model", molt.Words(opened(r, o))
	case model.KindSilent:
		a.Reason, a.Silence, a.Question = "model", model.SilenceNothingAsked, r.Question
	case model.KindEscalate:
		if a.Reason = o.Reason; !slices.Contains(Reasons(), o.Reason) {
			a.Reason = "unspecified"
		}
		a.Severity, a.Question = o.Severity, r.Question
		if a.Severity == model.S4 && strings.TrimSpace(o.Text) != "" {
			a.Text = molt.Words(opened(r, o))
		}
	case model.KindCall:
		if o.Call == nil || len(r.Tools) == 0 {
			return model.Answer{}, fmt.Errorf("%w: it calls nothing", model.ErrBadAnswer)
		}
		a.Reason, a.Call, a.Question = "model", o.Call, r.Question
	default:
		return model.Answer{}, fmt.Errorf("%w: its action is unknown", model.ErrBadAnswer)
	}
	return a, nil
}

// opened puts the disclosure in front of a text that is due one and has none.
func opened(r model.Request, o output) string {
	lang := language(r)
	if slices.Contains(r.Persona.Languages, o.Lang) {
		lang = o.Lang
	}
	head, text := opening(r, lang), strings.TrimSpace(o.Text)
	if head == "" || strings.HasPrefix(text, strings.TrimSpace(head)) {
		return text
	}
	return head + text
}

// facts keeps what the persona collects and a message of the patient is behind.
// A model that makes up a source has made up the fact.
func facts(r model.Request, list []given) []model.Fact {
	var out []model.Fact
	for _, g := range list {
		from := slices.IndexFunc(r.Window, func(m model.Message) bool { return m.Seq == g.Source && m.From == model.FromPatient })
		value := strings.Join(strings.Fields(g.Value), " ")
		if from < 0 || value == "" || len(out) == maxFacts || !slices.Contains(r.Persona.Collect, g.Name) {
			continue
		}
		out = append(out, model.Fact{Name: g.Name, Value: value, Source: g.Source, At: r.Window[from].At})
	}
	return out
}

// unfenced takes away the Markdown some models put around JSON.
func unfenced(s string) string {
	s = strings.TrimSpace(s)
	s = strings.TrimPrefix(strings.TrimPrefix(s, "```json"), "```")
	return strings.TrimSpace(strings.TrimSuffix(s, "```"))
}
