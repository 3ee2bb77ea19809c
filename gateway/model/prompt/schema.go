package prompt

import (
	"encoding/json"

	"github.com/tidegate/tidegate/gateway/model"
)

// Limits of what a model may write.
const (
	maxFacts      = 8
	maxValueChars = 200
)

// Reasons are the words with which a model says why a person has to see it.
func Reasons() []string {
	return []string{"patient_wish", "clinical_question", "unwell", "complaint", "not_my_task", "not_understood"}
}

// pair is one member of an object whose order counts: a model writes them so.
type pair struct {
	key   string
	value any
}

// ordered is a JSON object in the order it was written in.
type ordered []pair

// MarshalJSON keeps the order.
func (o ordered) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i, p := range o {
		if i > 0 {
			out = append(out, ',')
		}
		key, err := json.Marshal(p.key)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(p.value)
		if err != nil {
			return nil, err
		}
		out = append(append(append(out, key...), ':'), value...)
	}
	return append(out, '}'), nil
}

// Form says what a provider's schema may hold.
type Form struct {
	// Lengths bounds texts in the schema itself. Some endpoints refuse that; what
	// is too long is then found when the answer is read.
	Lengths bool
}

// Schema is the form of an answer to a request, for structured output.
func Schema(r model.Request, f Form) (json.RawMessage, error) {
	if r.Opinion {
		return json.Marshal(whole(ordered{{"level", words(levels())}}))
	}
	actions := []string{string(model.KindReply), string(model.KindSilent), string(model.KindEscalate), string(model.KindClarify)}
	if len(r.Tools) > 0 {
		actions = append(actions, string(model.KindCall))
	}
	fact := whole(ordered{
		{"name", words(r.Persona.Collect)}, {"value", f.text(maxValueChars)}, {"source", ordered{{"type", "integer"}}},
	})
	members := ordered{
		{"action", words(actions)},
		{"text", f.text(room(r))},
		{"reason", words(append([]string{""}, Reasons()...))},
		{"severity", words([]string{"", model.S1, model.S2, model.S3, model.S4})},
	}
	if len(r.Persona.Collect) > 0 {
		members = append(members, pair{"facts", ordered{{"type", "array"}, {"maxItems", maxFacts}, {"items", fact}}})
	}
	if len(r.Tools) > 0 {
		members = append(members, pair{"call", calls(r.Tools)})
	}
	if len(r.Persona.Intents) > 0 {
		members = append(members, pair{"intent", words(append(append([]string{""}, r.Persona.Intents...), model.IntentOther))})
	}
	if r.Summarize {
		members = append(members, pair{"summary", f.text(model.MaxSummary / 2)})
	}
	members = append(members,
		pair{"question", words(append(append([]string{""}, r.Persona.Collect...), model.QuestionConfirm))},
		pair{"lang", words(r.Persona.Languages)},
		pair{"done", ordered{{"type", "boolean"}}},
	)
	return json.Marshal(whole(members))
}

// calls is one of the tools with its arguments, or nothing.
func calls(tools []model.Tool) ordered {
	either := []ordered{{{"type", "null"}}}
	for _, t := range tools {
		either = append(either, whole(ordered{{"tool", words([]string{t.Name})}, {"arguments", t.Arguments}}))
	}
	return ordered{{"anyOf", either}}
}

// whole is an object all of whose members have to be there.
func whole(members ordered) ordered {
	var names []string
	for _, m := range members {
		names = append(names, m.key)
	}
	return ordered{{"type", "object"}, {"properties", members}, {"required", names}, {"additionalProperties", false}}
}

func words(list []string) ordered { return ordered{{"type", "string"}, {"enum", list}} }

func (f Form) text(limit int) ordered {
	o := ordered{{"type", "string"}}
	if f.Lengths {
		o = append(o, pair{"maxLength", limit})
	}
	return o
}
