package policy

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/channels/segment"
)

// Gate is what an agent's text must pass before it may leave.
type Gate struct {
	MaxChars int      // the longest text, in characters; 0 means DefaultMaxChars
	Links    []string // hosts that may be linked
	Numbers  []string // phone numbers that may be given
	Private  []string // numbers that may never be given, whoever wrote them: the staff's
	Hidden   Letters  // of instructions to models, of which no sentence may be repeated
	Task     Letters  // of the persona's own instructions: no paragraph of them may be

	// What follows is the conversation's.
	Given    []string // what the patient wrote that looks like a number: it may be read back, nobody may be told to call it
	Quotes   []string // the patient's own words, which may be read back whatever medicine they name
	Lang     string   // the patient's language, "en" or "es"; "": any will do
	Disclose bool     // the text has to say that a machine answers
}

// DefaultMaxChars is three segments of the seven-bit alphabet.
const DefaultMaxChars = 459

// What the matches of a pattern hold, in small letters: each of them one at least.
const (
	doseWords      = `mg|mcg|ml|cc|iu|milli|micro|mili|tablet|pill|capsul|drop|puff|unit|pastilla|gota|dose|dosis|medica|medici|insulin`
	diagnosisWords = `ly have|sounds like|not serious|not dangerous|not urgent|not an emergency|nothing serious|nothing to worry|not need |n't need |dont need ` +
		`|diagnosis is|no es |nada de que|tiene|diagnostico es`
)

var (
	dosePattern = regexp.MustCompile(`(?i)\b\d+(?:[.,]\d+)?\s*(?:mg|mcg|ml|cc|iu|milligrams?|micrograms?|milliliters?|tablets?|pills?|capsules?|drops?|puffs?|units|miligramos?|mililitros?|pastillas?|tabletas?|capsulas?|gotas?)\b` +
		`|\b(?:take|tome|double|duplique|stop taking|deje de tomar) (?:an?|un[ao]?|two|three|dos|tres|another|otra|more|mas|your|el|la|su) (?:extra )?(?:dose|dosis|pills?|tablets?|pastillas?|medications?|medicines?|medicinas?|insulin|insulina)\b`)
	diagnosisPattern = regexp.MustCompile(`(?i)\byou (?:probably|likely|most likely|almost certainly) have\b|\bsounds like (?:you have|you are having|it is|its|it's|an? (?:infection|virus|cold|flu|migraine|allergy|heart|stroke|panic|anxiety))\b` +
		`|\b(?:it is|it's|its|this is|that is|that's|is) (?:probably |likely |most likely |just |only |surely )*(?:not (?:serious|dangerous|urgent|an emergency)|nothing (?:serious|to worry))` +
		`|\bnothing to worry about\b|\b(?:you|i|we|they) (?:do not|don't|dont) need (?:to see |to call |an? )(?:a )?(?:doctor|911|ambulance|emergency)|\b(?:my|your|the) diagnosis is\b` +
		`|\bno es (?:nada )?(?:grave|serio|peligroso|urgente|una emergencia)\b|\bnada de que preocuparse\b|\b(?:probablemente|seguramente|parece que) (?:usted )?tiene\b|\bsu diagnostico es\b`)
)

// matches reports whether a pattern has a match in a text, all of whose matches hold one
// of those words. Most texts hold none, and are not read letter by letter for it. The
// text is as shown writes it: its letters are small or large and of no third form.
func matches(p *regexp.Regexp, words, text string) bool {
	low := strings.ToLower(text)
	for w := range strings.SplitSeq(words, "|") {
		if strings.Contains(low, w) {
			return p.MatchString(text)
		}
	}
	return false
}

// Check reads an agent's text. The first rule that blocks is returned.
func (g Gate) Check(text string) Finding {
	plain := shown(text)
	switch {
	case strings.TrimSpace(plain) == "":
		return Finding{"gate_empty", Block, "empty"}
	case ReadToken(text) != TokenAbsent:
		return Finding{"gate_token", Block, "token"}
	case !utf8.ValidString(text) || strings.ContainsAny(text, "\x00\ufffd"):
		return Finding{"gate_form", Block, "not_text"}
	case utf8.RuneCountInString(text) > g.maxChars() || !sendable(text):
		return Finding{"gate_length", Block, "too_long"}
	case garbled(plain):
		return Finding{"gate_form", Block, "garbled"}
	case g.repeatsHidden(plain):
		return Finding{"gate_instructions", Block, "instructions"}
	case !g.linksListed(plain):
		return Finding{"gate_link", Block, "link"}
	case !g.numbersListed(plain):
		return Finding{"gate_number", Block, "number"}
	}
	return g.said(plain)
}

// said looks at what the words say, once the text may be read as one.
func (g Gate) said(plain string) Finding {
	bare, line := g.unquoted(plain), oneLine(plain)
	switch {
	case matches(dosePattern, doseWords, bare):
		return Finding{"gate_dose", Block, "dose"}
	case matches(diagnosisPattern, diagnosisWords, bare):
		return Finding{"gate_diagnosis", Block, "diagnosis"}
	case matches(humanPattern, humanWords, line):
		return Finding{"gate_human", Block, "claims_to_be_a_person"}
	case g.Disclose && !saysPattern.MatchString(line):
		return Finding{"gate_disclosure", Block, "does_not_say_it_is_a_machine"}
	case g.Lang != "" && !inLanguage(bare, g.Lang):
		return Finding{"gate_language", Block, "another_language"}
	}
	return Finding{"gate", Pass, ""}
}

func (g Gate) maxChars() int {
	if g.MaxChars > 0 {
		return g.MaxChars
	}
	return DefaultMaxChars
}

// sendable reports whether a door takes the text whole: signs outside the
// seven-bit alphabet more than double it.
func sendable(text string) bool {
	n, _ := segment.Count(segment.Fold(text))
	return n <= channels.MaxSegmentsSent
}

// shown writes the text as a handset's eye for links and numbers reads it:
// without zero-width marks, compatibility forms and foreign digits as plain ones.
func shown(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Cf, r):
			return -1
		case r == '\u2019':
			return '\''
		case r > unicode.MaxASCII && unicode.IsDigit(r):
			return '0' + digitValue(r)
		}
		return r
	}, norm.NFKC.String(text))
}

// digitValue is what a decimal digit of any script stands for: they lie in tens.
func digitValue(r rune) rune {
	for v := rune(0); v < 10; v++ {
		if !unicode.IsDigit(r - v - 1) {
			return v
		}
	}
	return 9
}

// unquoted is the text without accents and without what the patient wrote.
func (g Gate) unquoted(text string) string {
	for _, q := range g.Quotes {
		if q = shown(q); q != "" {
			text = strings.ReplaceAll(text, q, "...")
		}
	}
	return FoldAccents(text)
}
