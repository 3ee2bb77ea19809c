package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// A field is what the tags of a struct field say.
type field struct {
	name   string
	index  []int
	typ    reflect.Type
	need   string
	doc    string
	secret bool // a text that has to be a reference
	bounds *bounds
}

// bounds is a range tag: 1..100 for numbers and lengths, 1s..1h for durations.
type bounds struct {
	min, max float64
	text     string // as a fault says it
}

type fields []field

func (fs fields) find(name string) (field, bool) {
	for _, f := range fs {
		if f.name == name {
			return f, true
		}
	}
	return field{}, false
}

func (fs fields) names() []string {
	names := make([]string, len(fs))
	for i, f := range fs {
		names[i] = f.name
	}
	return names
}

// fieldsOf reads the tags of a struct. An adapter may write yaml tags where
// this package writes json; fields with neither cannot be configured.
func fieldsOf(t reflect.Type) fields {
	var fs fields
	for i := range t.NumField() {
		sf := t.Field(i)
		tag, ok := sf.Tag.Lookup("yaml")
		if !ok {
			tag, ok = sf.Tag.Lookup("json")
		}
		name, _, _ := strings.Cut(tag, ",")
		if !sf.IsExported() || !ok || name == "-" || name == "" {
			continue
		}
		fs = append(fs, field{
			name:   name,
			index:  sf.Index,
			typ:    sf.Type,
			need:   sf.Tag.Get("need"),
			doc:    sf.Tag.Get("jsonschema"),
			secret: holdsSecret(name, sf.Tag.Get("secret")),
			bounds: parseBounds(sf.Type, sf.Tag.Get("range")),
		})
	}
	return fs
}

// holdsSecret decides by the tag secret:"yes" or secret:"no", and without one by
// the name: bot_token and signing_secret hold secrets, token_limit does not.
func holdsSecret(name, tag string) bool {
	switch tag {
	case "yes":
		return true
	case "no":
		return false
	}
	for _, end := range []string{"token", "tokens", "secret", "secrets", "password", "passphrase", "credential", "credentials", "api_key", "private_key", "access_key"} {
		if name == end || strings.HasSuffix(name, "_"+end) {
			return true
		}
	}
	return false
}

// parseBounds reads a range tag. A tag that cannot be read is a mistake in the
// program, which the first test that touches the struct finds.
func parseBounds(t reflect.Type, tag string) *bounds {
	if tag == "" {
		return nil
	}
	low, high, _ := strings.Cut(tag, "..")
	b := &bounds{text: low + " to " + high}
	if low == high {
		b.text = low
	}
	b.min, b.max = parseBound(t, low), parseBound(t, high)
	return b
}

func parseBound(t reflect.Type, s string) float64 {
	if t == reflect.TypeFor[Duration]() {
		d, err := ParseDuration(s)
		if err != nil {
			panic(fmt.Sprintf("config: range bound %q: %v", s, err))
		}
		return float64(d)
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		panic(fmt.Sprintf("config: range bound %q: %v", s, err))
	}
	return f
}
