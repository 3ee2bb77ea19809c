package policy

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"
)

//go:embed texts.txt
var builtinTexts string

// Texts are the fixed texts to patients: language → name → words.
type Texts struct {
	words   map[string]map[string]string
	vars    map[string]string
	lang    string              // the clinic's first language
	replies map[string][]string // that nurses are offered
}

// TextFault is one thing wrong with a clinic's own wording.
type TextFault struct {
	Lang, Name string // Name is empty when the language is at fault
	Rule       string
	Hint       string
}

// TextFaults is all that is wrong with a clinic's own wording, as an error.
type TextFaults []TextFault

func (fs TextFaults) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = fmt.Sprintf("texts.%s.%s: %s; %s", f.Lang, f.Name, f.Rule, f.Hint)
	}
	return strings.Join(lines, "\n")
}

// NewTexts lays a clinic's own wording over the built-in one and keeps the
// values of {clinic}, {emergency}, {crisis} and {phone}. It refuses a language
// or name it does not know, and a placeholder nobody fills; its error is
// [TextFaults].
func NewTexts(first string, vars map[string]string, own map[string]map[string]string) (Texts, error) {
	t := Texts{words: parseTexts(builtinTexts), vars: vars, lang: first}
	var faults TextFaults
	for _, lang := range slices.Sorted(maps.Keys(own)) {
		if t.words[lang] == nil {
			faults = append(faults, TextFault{Lang: lang, Rule: "must be a language that has texts", Hint: "there are " + strings.Join(TextLanguages(), ", ")})
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(own[lang])) {
			words := own[lang][name]
			if rule, hint := t.wrong(lang, name, words); rule != "" {
				faults = append(faults, TextFault{lang, name, rule, hint})
			}
			t.words[lang][name] = words
		}
	}
	if len(faults) > 0 {
		return t, faults
	}
	return t, nil
}

// wrong says which rule a text of the clinic's breaks first, and what to do.
func (t Texts) wrong(lang, name, words string) (rule, hint string) {
	if _, ok := t.words[lang][name]; !ok {
		return "must be the name of a built-in text", "there are " + strings.Join(TextNames(), ", ")
	}
	if bad := placeholder(words); bad != "" {
		return "must hold placeholders that somebody fills, not " + bad, "there are {clinic} {emergency} {crisis} {phone} {by}"
	}
	if !saysNumber(name, words, t.vars) {
		return "must say the emergency number", "write {emergency} where the number belongs"
	}
	if ReadToken(words) != TokenAbsent {
		return "must not hold the token with which a model says nothing", "say it in other words"
	}
	return "", ""
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

// TextLanguages lists the languages that have texts, in order.
func TextLanguages() []string { return slices.Sorted(maps.Keys(parseTexts(builtinTexts))) }

// Say fills in a text. A language without texts is answered in the clinic's
// first; by may be empty.
func (t Texts) Say(lang, name, by string) string {
	w, ok := t.words[lang][name]
	if !ok {
		if w, ok = t.words[t.lang][name]; !ok {
			w = t.words["en"][name]
		}
	}
	return t.fill(w, by)
}

func (t Texts) fill(words, by string) string {
	pairs := []string{"{by}", by}
	for k, v := range t.vars {
		pairs = append(pairs, "{"+k+"}", v)
	}
	return strings.NewReplacer(pairs...).Replace(words) // in one pass: a value is never read again
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

// InDanger reports whether a fixed text is one for somebody in danger.
func InDanger(name string) bool {
	of := func(prefix string) bool { return strings.HasPrefix(name, prefix) }
	return slices.ContainsFunc([]string{"emergency", "crisis", "violence", "urgent", "exhausted"}, of)
}

// saysNumber reports whether a text for somebody in danger says whom to call.
func saysNumber(name, words string, vars map[string]string) bool {
	if name != "call" && name != "call_nobody" && !InDanger(name) {
		return true
	}
	for _, v := range []string{"emergency", "crisis"} {
		if strings.Contains(words, "{"+v+"}") || vars[v] != "" && strings.Contains(words, vars[v]) {
			return true
		}
	}
	return false
}

// maxPlaceholder bounds what is repeated of a placeholder nobody fills.
const maxPlaceholder = 20

// placeholder returns the first that nobody fills, or nothing.
func placeholder(words string) string {
	for rest := words; ; {
		_, after, ok := strings.Cut(rest, "{")
		if !ok {
			return ""
		}
		name, tail, closed := strings.Cut(after, "}")
		if !closed {
			return "an open {"
		}
		if !slices.Contains([]string{"clinic", "emergency", "crisis", "phone", "by"}, name) {
			if r := []rune(name); len(r) > maxPlaceholder {
				name = string(r[:maxPlaceholder]) + "…"
			}
			return "{" + name + "}"
		}
		rest = tail
	}
}
