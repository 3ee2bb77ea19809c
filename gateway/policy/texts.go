package policy

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
)

//go:embed texts.txt
var builtinTexts string

// Texts are the fixed texts to patients: language → name → words.
type Texts struct {
	words map[string]map[string]string
	vars  map[string]string
	lang  string // the clinic's first language
}

// NewTexts lays a clinic's own wording over the built-in one and keeps the
// values of {clinic}, {emergency}, {crisis} and {phone}. It refuses a language
// or name it does not know, and a placeholder nobody fills.
func NewTexts(first string, vars map[string]string, own map[string]map[string]string) (Texts, error) {
	t := Texts{words: parseTexts(builtinTexts), vars: vars, lang: first}
	for lang, named := range own {
		if t.words[lang] == nil {
			return t, fmt.Errorf("texts.%s: no such language; known: %s", lang, strings.Join(t.Languages(), ", "))
		}
		for name, words := range named {
			if _, ok := t.words[lang][name]; !ok {
				return t, fmt.Errorf("texts.%s.%s: no such text; known: %s", lang, name, strings.Join(TextNames(), ", "))
			}
			if err := checkPlaceholders(words); err != nil {
				return t, fmt.Errorf("texts.%s.%s: %w", lang, name, err)
			}
			if err := checkNumber(name, words, vars); err != nil {
				return t, fmt.Errorf("texts.%s.%s: %w", lang, name, err)
			}
			if ReadToken(words) != TokenAbsent {
				return t, fmt.Errorf("texts.%s.%s: holds the silence token", lang, name)
			}
			t.words[lang][name] = words
		}
	}
	return t, nil
}

// TextNames lists the names of all texts, in order.
func TextNames() []string {
	var names []string
	for name := range parseTexts(builtinTexts)["en"] {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Languages lists the languages that have texts, in order.
func (t Texts) Languages() []string {
	var langs []string
	for l := range t.words {
		langs = append(langs, l)
	}
	slices.Sort(langs)
	return langs
}

// Say fills in a text. A language without texts is answered in the clinic's
// first; by may be empty.
func (t Texts) Say(lang, name, by string) string {
	w, ok := t.words[lang][name]
	if !ok {
		if w, ok = t.words[t.lang][name]; !ok {
			w = t.words["en"][name]
		}
	}
	pairs := []string{"{by}", by}
	for k, v := range t.vars {
		pairs = append(pairs, "{"+k+"}", v)
	}
	return strings.NewReplacer(pairs...).Replace(w) // in one pass: a value is never read again
}

func parseTexts(src string) map[string]map[string]string {
	out := map[string]map[string]string{}
	for line := range strings.Lines(src) {
		key, words, ok := strings.Cut(strings.TrimSpace(line), " = ")
		if !ok || strings.HasPrefix(key, "#") {
			continue
		}
		lang, name, _ := strings.Cut(key, ".")
		if out[lang] == nil {
			out[lang] = map[string]string{}
		}
		out[lang][name] = words
	}
	return out
}

// checkNumber refuses a text for somebody in danger that does not say whom to
// call.
func checkNumber(name, words string, vars map[string]string) error {
	danger := func(prefix string) bool { return strings.HasPrefix(name, prefix) }
	if !slices.ContainsFunc([]string{"emergency", "crisis", "violence", "urgent", "exhausted"}, danger) {
		return nil
	}
	for _, v := range []string{"emergency", "crisis"} {
		if strings.Contains(words, "{"+v+"}") || vars[v] != "" && strings.Contains(words, vars[v]) {
			return nil
		}
	}
	return errors.New("does not say the emergency number; write {emergency}")
}

func checkPlaceholders(words string) error {
	rest := words
	for {
		_, after, ok := strings.Cut(rest, "{")
		if !ok {
			return nil
		}
		name, tail, closed := strings.Cut(after, "}")
		if !closed || !slices.Contains([]string{"clinic", "emergency", "crisis", "phone", "by"}, name) {
			return fmt.Errorf("placeholder {%s nobody fills; known: {clinic} {emergency} {crisis} {phone} {by}", name)
		}
		rest = tail
	}
}
