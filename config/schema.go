package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
)

// Schema is a JSON Schema (draft 2020-12) of the file, made from the same
// structs and tags the decoder reads, with a sentence and the default for each
// field. It knows the form of a file only; the rules between fields are
// [Parse]'s. Sections of channels are open but for their type.
func Schema() ([]byte, error) {
	s := structSchema(reflect.ValueOf(Default()).Elem())
	s.Schema = "https://json-schema.org/draft/2020-12/schema"
	s.Title = "Tidegate configuration"
	s.Description = "The one file that configures a Tidegate gateway."
	enabled := s.Properties["screen"].Properties["enabled"]
	enabled.Const = jsonschema.Ptr[any](true)
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the schema: %w", err)
	}
	return append(b, '\n'), nil
}

// structSchema describes a section; v holds its defaults.
func structSchema(v reflect.Value) *jsonschema.Schema {
	s := &jsonschema.Schema{
		Type:                 "object",
		Properties:           map[string]*jsonschema.Schema{},
		AdditionalProperties: &jsonschema.Schema{Not: &jsonschema.Schema{}},
	}
	for _, f := range fieldsOf(v.Type()) {
		value := v.FieldByIndex(f.index)
		p := valueSchema(value)
		p.Description = f.doc
		limit(p, f)
		if isLeaf(p) && !value.IsZero() {
			// Each leaf of Default marshals, as the digest relies on too.
			p.Default, _ = json.Marshal(value.Interface())
		}
		if f.need != "" {
			s.Required = append(s.Required, f.name)
		}
		s.Properties[f.name] = p
		s.PropertyOrder = append(s.PropertyOrder, f.name)
	}
	return s
}

func isLeaf(s *jsonschema.Schema) bool { return s.Type != "object" && s.Type != "array" }

// valueSchema describes one value; v holds its default.
func valueSchema(v reflect.Value) *jsonschema.Schema {
	t := v.Type()
	if s := formSchema(t); s != nil {
		return s
	}
	if w, ok := v.Interface().(worded); ok {
		s := &jsonschema.Schema{Type: "string"}
		for _, word := range w.Words() {
			s.Enum = append(s.Enum, word)
		}
		return s
	}
	switch t.Kind() {
	case reflect.Struct:
		return structSchema(v)
	case reflect.Slice:
		return &jsonschema.Schema{Type: "array", Items: valueSchema(reflect.Zero(t.Elem()))}
	case reflect.Map:
		return &jsonschema.Schema{
			Type:                 "object",
			PropertyNames:        valueSchema(reflect.Zero(t.Key())),
			AdditionalProperties: valueSchema(reflect.Zero(t.Elem())),
		}
	case reflect.Bool:
		return &jsonschema.Schema{Type: "boolean"}
	case reflect.Int:
		return &jsonschema.Schema{Type: "integer"}
	case reflect.Float64:
		return &jsonschema.Schema{Type: "number"}
	default:
		return &jsonschema.Schema{Type: "string"}
	}
}

// formSchema describes the types that read themselves. Numbers people dial may
// stand without quotes, and then YAML takes them for integers.
func formSchema(t reflect.Type) *jsonschema.Schema {
	text := func(pattern string, examples ...any) *jsonschema.Schema {
		return &jsonschema.Schema{Type: "string", Pattern: pattern, Examples: examples}
	}
	dialed := func(pattern string, examples ...any) *jsonschema.Schema {
		return &jsonschema.Schema{Types: []string{"string", "integer"}, Pattern: pattern, Examples: examples}
	}
	switch t {
	case reflect.TypeFor[Duration]():
		return text(durationPattern.String(), "90s", "2m", "1h30m", "7d")
	case reflect.TypeFor[Secret]():
		return text(`^(env:[A-Z][A-Z0-9_]{0,63}|file:.+)$`, "env:TWILIO_AUTH_TOKEN", "file:/etc/tidegate/twilio-token")
	case reflect.TypeFor[Phone]():
		return dialed(e164Pattern.String(), "+15550100100")
	case reflect.TypeFor[Address]():
		return dialed(`^\S{1,128}$`, "+15550100123", "U0123456789")
	case reflect.TypeFor[Dial]():
		return dialed(dialPattern.String(), "911", "988", "112")
	case reflect.TypeFor[Timezone]():
		return text("", "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles")
	case reflect.TypeFor[Date]():
		return text(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`, "2026-12-25")
	case reflect.TypeFor[time.Time]():
		return text(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T`, "2026-05-01T00:00:00Z")
	case reflect.TypeFor[ChannelID](), reflect.TypeFor[PersonID]():
		return text(idPattern.String())
	case reflect.TypeFor[Host]():
		return text(hostPattern.String(), "harbor.example.org")
	case reflect.TypeFor[ProviderID]():
		return text(providerPattern.String())
	case reflect.TypeFor[Language]():
		return text(languagePattern.String(), "en", "es")
	case reflect.TypeFor[Country]():
		return text(countryPattern.String(), "US")
	case reflect.TypeFor[Model]():
		return text(modelPattern.String(), "scripted/intake")
	case reflect.TypeFor[Text]():
		return &jsonschema.Schema{Type: "string", MinLength: jsonschema.Ptr(1), MaxLength: jsonschema.Ptr(MaxText)}
	case reflect.TypeFor[Hours]():
		return hoursSchema()
	case reflect.TypeFor[Channel]():
		return channelSchema()
	}
	return nil
}

func hoursSchema() *jsonschema.Schema {
	span := &jsonschema.Schema{Type: "string", Pattern: timePattern.String(), Examples: []any{"08:00-17:00"}}
	return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{
		{Const: jsonschema.Ptr[any]("always")},
		{
			Type:          "object",
			PropertyNames: &jsonschema.Schema{Pattern: `^ *(sun|mon|tue|wed|thu|fri|sat)(-(sun|mon|tue|wed|thu|fri|sat))? *(, *(sun|mon|tue|wed|thu|fri|sat)(-(sun|mon|tue|wed|thu|fri|sat))? *)*$`},
			AdditionalProperties: &jsonschema.Schema{AnyOf: []*jsonschema.Schema{
				{Const: jsonschema.Ptr[any]("closed")},
				span,
				{Type: "array", Items: span},
			}},
		},
	}}
}

func channelSchema() *jsonschema.Schema {
	return &jsonschema.Schema{
		Type:     "object",
		Required: []string{"type"},
		Properties: map[string]*jsonschema.Schema{
			"type": {Type: "string", Pattern: idPattern.String(), Description: "The kind of channel; it chooses the adapter that checks the other fields.", Examples: []any{"twilio", "webchat", "slack"}},
		},
	}
}

// limit adds what the range tag says. JSON Schema cannot compare durations, so
// theirs is said in words.
func limit(s *jsonschema.Schema, f field) {
	b := f.bounds
	if b == nil {
		return
	}
	whole := func(v float64) *int { return jsonschema.Ptr(int(v)) }
	switch f.typ.Kind() {
	case reflect.String:
		s.MinLength, s.MaxLength = whole(b.min), whole(b.max)
	case reflect.Slice:
		s.MinItems, s.MaxItems = whole(b.min), whole(b.max)
	case reflect.Map:
		s.MinProperties, s.MaxProperties = whole(b.min), whole(b.max)
	case reflect.Int, reflect.Float64:
		s.Minimum, s.Maximum = jsonschema.Ptr(b.min), jsonschema.Ptr(b.max)
	default:
		s.Description += " From " + b.text + "."
	}
}
