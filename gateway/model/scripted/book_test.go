package scripted

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/gateway/model"
)

// sevenBit is the alphabet in which a text message holds 160 characters, but
// for the Greek capitals and the escaped signs, which no text here needs.
const sevenBit = "@£$¥èéùìòÇØøÅåÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"

func mustBook(t testing.TB) *book {
	t.Helper()
	b, _, err := loadBook()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// everything returns all that the flow can say, by where it stands.
func everything(b *book) map[string]said {
	out := map[string]said{}
	for k, v := range b.Texts {
		out["texts."+k] = v
	}
	for k, q := range b.Questions {
		out["questions."+k+".ask"], out["questions."+k+".again"] = q.Ask, q.Again
	}
	for k, f := range b.Fields {
		out["fields."+k+".label"], out["fields."+k+".shown"] = f.Label, f.Shown
	}
	for k, v := range b.Values {
		out["values."+k] = v
	}
	return out
}

func TestTextsAreInBothLanguagesAndCheapToSend(t *testing.T) {
	place := regexp.MustCompile(`\{[a-z]+\}`)
	for where, s := range everything(mustBook(t)) {
		for _, lang := range []string{"en", "es"} {
			text := s[lang]
			if text == "" {
				t.Errorf("%s has no text in %q", where, lang)
			}
			for _, c := range place.ReplaceAllString(text, "") {
				if !strings.ContainsRune(sevenBit, c) {
					t.Errorf("%s.%s: %q is outside the seven-bit alphabet: %q", where, lang, c, text)
				}
			}
			if n := len([]rune(text)); n > 160 {
				t.Errorf("%s.%s has %d characters, want at most 160", where, lang, n)
			}
		}
	}
}

// What a carrier acts on must not be what a text of ours tells the patient to
// send, and no question may have yes for its natural answer.
func TestNoQuestionAsksForACarrierWord(t *testing.T) {
	carrier := []string{"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout", "start", "yes", "unstop", "help", "info"}
	yesNo := regexp.MustCompile(`(?i)(^|[.!] )(do|does|are|is|can|could|would|will|have|did) [^.?]*\?|¿(tiene|quiere|puede|es|esta|desea)[^?]*\?`)
	for where, s := range everything(mustBook(t)) {
		if where == "values.yes" {
			continue
		}
		for lang, text := range s {
			for _, w := range strings.FieldsFunc(strings.ToLower(text), func(c rune) bool { return !isLetter(c) }) {
				if slices.Contains(carrier, w) {
					t.Errorf("%s.%s says %q, a word carriers act on: %q", where, lang, w, text)
				}
			}
			if yesNo.MatchString(text) {
				t.Errorf("%s.%s asks what is answered by yes or no: %q", where, lang, text)
			}
		}
	}
}

// The code names texts, questions and fields by string; the file must have them.
func TestBookHoldsWhatTheCodeNames(t *testing.T) {
	b := mustBook(t)
	for _, id := range []string{model.FactName, model.FactDOB, model.FactReason, model.FactInsurance, model.FactTime, askLastName, askInsurance} {
		if b.Questions[id].Ask == nil {
			t.Errorf("no question %q", id)
		}
	}
	for _, v := range []string{"none", "not sure", "not given", "morning", "afternoon", "any", "picture"} {
		if b.Values[v] == nil {
			t.Errorf("no value %q", v)
		}
	}
	for _, name := range []string{
		"disclosure", "clinic", "greeting_hours", "greeting_emergency", "resume", "hello", "thanks", "heard_dob", "changed", "changed_done",
		"pass_on", "pass_on_request", "pass_on_media", "language", "hours", "open_now", "closed_now", "hours_unknown", "phone", "phone_unknown",
		"address", "address_unknown", "cost", "why", "not_understood", "bad_date", "confirm", "change", "closing", "any_time", "as_written",
	} {
		if b.Texts[name] == nil {
			t.Errorf("no text %q", name)
		}
	}
	v := reflect.ValueOf(*b)
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("the file has no %s", v.Type().Field(i).Name)
		}
	}
}
