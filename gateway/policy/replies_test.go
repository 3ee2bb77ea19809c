package policy

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func replyTexts(t *testing.T) Texts {
	t.Helper()
	texts, err := NewTexts("en", map[string]string{"clinic": "Harbor", "emergency": "911", "crisis": "988", "phone": "555-010-0100"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

func replyGate() Gate {
	return Gate{Numbers: []string{"+15550100100", "911", "988"}, Private: []string{"+15550100111"}, Links: []string{"harbor.example"}}
}

// TestRepliesThatMayStandReady: a nurse may be called one; what is right for one
// patient may not stand ready for all.
func TestRepliesThatMayStandReady(t *testing.T) {
	for _, c := range []struct{ lang, words, rule string }{
		{"en", "This is Ada, a nurse at {clinic}. Can you talk on the phone now?", ""},
		{"en", "If it gets worse, call {emergency}, or us at {phone}.", ""},
		{"en", "How to get here: https://harbor.example/way", ""},
		{"es", "Soy enfermera de {clinic}. ¿Puede hablar por telefono ahora?", ""},
		{"en", "  ", "must hold words"},
		{"en", "We call you by {by}.", "must hold placeholders that somebody fills"},
		{"en", "Dear {name}, come in today.", "must hold placeholders that somebody fills"},
		{"en", "NO_REPLY", "must not hold the token with which a model says nothing"},
		{"en", "Read this: https://evil.example/x", "must link to nothing but what agent.links lists"},
		{"en", "Call me on 555-010-0111.", "must give no number but the clinic's"},
		{"en", "Take two tablets now.", "must not name a dose"},
		{"en", "It is nothing to worry about.", "must not diagnose, or say that nothing is wrong"},
		{"en", "¿Desde cuando lo tiene, y esta empeorando? Conteste por favor.", "must be in the language it is listed under"},
		{"en", strings.Repeat("Please tell us more about it. ", 17), "must fit 3 texts, not take 4"},
	} {
		_, err := replyTexts(t).WithReplies(map[string][]string{c.lang: {"OK.", c.words}}, replyGate())
		got := ""
		var wrong ReplyFaults
		if errors.As(err, &wrong) {
			last := wrong[len(wrong)-1]
			if got = last.Rule; last.Index != 1 || last.Lang != c.lang || last.Hint == "" {
				t.Errorf("%q: %+v", c.words, last)
			}
		}
		if got != c.rule {
			t.Errorf("%q: %v, want %q", c.words, err, c.rule)
		}
	}
}

// TestBuiltInReplies holds ours to the same, and fills them in; a clinic's own take
// the place of those of their language alone.
func TestBuiltInReplies(t *testing.T) {
	for lang, replies := range builtinReplies() {
		if _, err := replyTexts(t).WithReplies(map[string][]string{lang: replies}, replyGate()); err != nil {
			t.Errorf("%s: %v", lang, err)
		}
	}
	texts, err := replyTexts(t).WithReplies(map[string][]string{"en": {"Hello from {clinic}."}}, replyGate())
	if err != nil {
		t.Fatal(err)
	}
	if got := texts.Replies("en"); !slices.Equal(got, []string{"Hello from Harbor."}) {
		t.Errorf("en: %q", got)
	}
	if got := texts.Replies("es"); len(got) != 4 || got[3] != "Gracias. Si empeora, llame al 911." {
		t.Errorf("es: %q", got)
	}
}
