package scripted

import (
	"slices"
	"strings"

	"github.com/tidegate/tidegate/gateway/model"
)

// speak chooses the language of the answer. A wish in words decides. Otherwise
// the language stays as it was, unless several words of another stand there and
// none of its own: one foreign name must not turn a conversation around.
func (b *book) speak(r model.Request, fresh []model.Message) string {
	offered := r.Persona.Languages
	if len(offered) == 0 {
		offered = []string{"en", "es"}
	}
	cur := r.Lang
	for _, m := range fresh {
		t := readText(m)
		if lang, _ := b.wishes(t); lang != "" && slices.Contains(offered, lang) {
			cur = lang
			continue
		}
		if lang := b.shows(t, cur); slices.Contains(offered, lang) {
			cur = lang
		}
	}
	if _, ok := b.Language.Words[cur]; ok && slices.Contains(offered, cur) {
		return cur
	}
	for _, lang := range offered {
		if _, ok := b.Language.Words[lang]; ok {
			return lang
		}
	}
	return "en"
}

// wishes returns the language a text asks for, and the words that ask. The
// words around must belong to the wish: "English" inside a sentence about
// something else asks for nothing.
func (b *book) wishes(t *text) (string, span) {
	for _, lang := range []string{"es", "en"} {
		i, j, ok := t.find(b.Language.Asks[lang])
		if !ok {
			continue
		}
		run := span{i, j}
		for run.i > 0 && t.words[run.i-1].stop == 0 && !t.used[run.i-1] {
			run.i--
		}
		for run.j < len(t.words) && t.words[run.j-1].stop == 0 && !t.used[run.j] {
			run.j++
		}
		if t.covered(run, b.Language.Asks[lang], b.Language.Around) {
			return lang, run
		}
		if j-i > 1 {
			return lang, span{i, j}
		}
	}
	return "", span{}
}

// strongWords is how many words of the other language, with none of the
// current one, change the language without being asked.
const strongWords = 3

// shows returns the language a text is written in, "" when it does not tell.
func (b *book) shows(t *text, cur string) string {
	score := map[string]int{}
	for lang, words := range b.Language.Words {
		for i := range t.words {
			if t.matchAt(words, i) > 0 {
				score[lang]++
			}
		}
	}
	if cur == "" && strings.ContainsAny(t.m.Words.Reveal(), "¿¡ñÑ") {
		score["es"]++
	}
	other := map[string]string{"en": "es", "es": "en"}
	switch {
	case cur != "":
		o := other[cur]
		if o != "" && score[o] >= strongWords && score[cur] == 0 {
			return o
		}
	case score["es"] > score["en"]:
		return "es"
	case score["en"] > 0:
		return "en"
	}
	return ""
}
