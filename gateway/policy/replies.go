package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/channels/segment"
)

// MaxReplySegments is how many texts a ready reply may take: it is the start of an
// answer, and a nurse writes on from there.
const MaxReplySegments = 3

// ReplyFault is one thing wrong with a reply that nurses are offered.
type ReplyFault struct {
	Lang  string
	Index int
	Rule  string
	Hint  string
}

// ReplyFaults is all that is wrong with such replies, as an error.
type ReplyFaults []ReplyFault

func (fs ReplyFaults) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = fmt.Sprintf("replies.%s[%d]: %s; %s", f.Lang, f.Index, f.Rule, f.Hint)
	}
	return strings.Join(lines, "\n")
}

// builtinReplies are offered in a language for which a clinic has none of its own.
func builtinReplies() map[string][]string {
	return map[string][]string{
		"en": {
			"This is a nurse at {clinic}. Can you talk on the phone now?",
			"Since when do you have this, and is it getting worse?",
			"I am calling you now. Please pick up the phone.",
			"Thank you. If it gets worse, call {emergency}.",
		},
		"es": {
			"Soy enfermera de {clinic}. ¿Puede hablar por telefono ahora?",
			"¿Desde cuando lo tiene, y esta empeorando?",
			"Le estoy llamando ahora. Conteste el telefono, por favor.",
			"Gracias. Si empeora, llame al {emergency}.",
		},
	}
}

// WithReplies adds the replies that nurses are offered, by language. They are a
// person's words once she sends them, and may say so; what must not stand ready for
// everybody is refused: a dose, a diagnosis, a link or a number that nobody listed.
// Its error is [ReplyFaults].
func (t Texts) WithReplies(own map[string][]string, g Gate) (Texts, error) {
	t.replies = builtinReplies()
	var faults ReplyFaults
	for _, lang := range slices.Sorted(maps.Keys(own)) {
		for i, words := range own[lang] {
			if rule, hint := t.wrongReply(lang, words, g); rule != "" {
				faults = append(faults, ReplyFault{lang, i, rule, hint})
			}
		}
		t.replies[lang] = own[lang]
	}
	if len(faults) > 0 {
		return t, faults
	}
	return t, nil
}

// Replies are what a nurse is offered for a patient of that language, with their
// values filled in.
func (t Texts) Replies(lang string) []string {
	var out []string
	for _, words := range t.replies[lang] {
		out = append(out, t.fill(words, ""))
	}
	return out
}

func (t Texts) wrongReply(lang, words string, g Gate) (rule, hint string) {
	if bad := placeholder(words); bad != "" || strings.Contains(words, "{by}") {
		return "must hold placeholders that somebody fills", "there are {clinic} {emergency} {crisis} {phone}"
	}
	full := t.fill(words, "")
	plain := shown(full)
	switch n, _ := segment.Count(segment.Fold(full)); {
	case strings.TrimSpace(plain) == "":
		return "must hold words", "take the line out, or write what a nurse would"
	case n > MaxReplySegments:
		return fmt.Sprintf("must fit %d texts, not take %d", MaxReplySegments, n), "make it shorter; each text holds 153 characters, with a letter such as á 67"
	case ReadToken(full) != TokenAbsent:
		return "must not hold the token with which a model says nothing", "say it in other words"
	case !g.linksListed(plain):
		return "must link to nothing but what agent.links lists", "list the host there, or take the link out"
	case !g.numbersListed(plain):
		return "must give no number but the clinic's", "write {phone}, {emergency} or {crisis}"
	case matches(dosePattern, doseWords, FoldAccents(plain)):
		return "must not name a dose", "what is right for one patient stands ready for all"
	case matches(diagnosisPattern, diagnosisWords, FoldAccents(plain)):
		return "must not diagnose, or say that nothing is wrong", "what is right for one patient stands ready for all"
	case !slices.Contains([]string{"", lang}, Language(full)):
		return "must be in the language it is listed under", "move it to its own language"
	}
	return "", ""
}
