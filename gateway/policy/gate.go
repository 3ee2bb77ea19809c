package policy

import (
	"regexp"
	"slices"
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
	Numbers  []string // phone numbers that may be given, digits only
	Quotes   []string // the patient's own words, which may be read back whatever medicine they name
}

// DefaultMaxChars is three segments of the seven-bit alphabet.
const DefaultMaxChars = 459

var (
	linkPattern = regexp.MustCompile(`(?i)(?:[a-z][a-z0-9+.-]*://|\bwww\.)([^\s/?#:@]*)` +
		`|\b((?:[a-z0-9-]+\.)+(?:com|net|org|info|io|ly|co|us|me|link|xyz|top|app|dev|biz|edu|gov|tv|cc|ru|cn|uk|mx|gl|gd|site|online|shop|click|health|care|clinic|doctor|page))\b` +
		`|\b(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})\b`)
	mailPattern   = regexp.MustCompile(`(?i)[a-z0-9._%+-]+@[a-z0-9-]`)
	numberPattern = regexp.MustCompile(`\+?\d[\d\s().-]{5,}\d`)
	localPattern  = regexp.MustCompile(`^\d{3}[\s.-]\d{4}$`)
	// A short number counts when one is told to call or text it.
	shortPattern = regexp.MustCompile(`(?i)\b(?:call|dial|text|phone|llame|llama|marque|marca|escriba|envie)(?: (?:us|at|to|al?|the|number|numero|el))* (\d[\d().-]*)`)
	dosePattern  = regexp.MustCompile(`(?i)\b\d+(?:[.,]\d+)?\s*(?:mg|mcg|ml|cc|iu|milligrams?|micrograms?|milliliters?|tablets?|pills?|capsules?|drops?|puffs?|units|miligramos?|mililitros?|pastillas?|tabletas?|capsulas?|gotas?)\b` +
		`|\b(?:take|tome|double|duplique|stop taking|deje de tomar) (?:an?|un[ao]?|two|three|dos|tres|another|otra|more|mas|your|el|la|su) (?:extra )?(?:dose|dosis|pills?|tablets?|pastillas?|medications?|medicines?|medicinas?|insulin|insulina)\b`)
	diagnosisPattern = regexp.MustCompile(`(?i)\byou (?:probably|likely|most likely|almost certainly) have\b|\bsounds like (?:you have|you are having|it is|its|it's|an? (?:infection|virus|cold|flu|migraine|allergy|heart|stroke|panic|anxiety))\b` +
		`|\b(?:it is|it's|its|this is|that is|that's|is) (?:probably |likely |most likely |just |only |surely )*(?:not (?:serious|dangerous|urgent|an emergency)|nothing (?:serious|to worry))` +
		`|\bnothing to worry about\b|\byou (?:do not|don't|dont) need (?:to see |to call |an? )(?:a )?(?:doctor|911|ambulance|emergency)|\b(?:my|your|the) diagnosis is\b` +
		`|\bno es (?:nada )?(?:grave|serio|peligroso|urgente|una emergencia)\b|\bnada de que preocuparse\b|\b(?:probablemente|seguramente|parece que) (?:usted )?tiene\b|\bsu diagnostico es\b`)
)

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
	case !g.linksListed(plain):
		return Finding{"gate_link", Block, "link"}
	case !g.numbersListed(plain):
		return Finding{"gate_number", Block, "number"}
	case dosePattern.MatchString(g.unquoted(plain)):
		return Finding{"gate_dose", Block, "dose"}
	case diagnosisPattern.MatchString(g.unquoted(plain)):
		return Finding{"gate_diagnosis", Block, "diagnosis"}
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

func (g Gate) linksListed(text string) bool {
	for _, m := range linkPattern.FindAllStringSubmatch(text, -1) {
		if !listedHost(g.Links, strings.Trim(strings.ToLower(m[1]+m[2]+m[3]), ".,;!)")) {
			return false
		}
	}
	return !mailPattern.MatchString(text)
}

func listedHost(hosts []string, host string) bool {
	return slices.ContainsFunc(hosts, func(h string) bool { return strings.EqualFold(h, host) })
}

// numbersListed looks at what is written as a phone number, and at short ones
// that one is told to call. A date or an insurance number the patient gave has
// its own form.
func (g Gate) numbersListed(text string) bool {
	for _, m := range numberPattern.FindAllString(text, -1) {
		d := Digits(m)
		if len(d) < 10 && !localPattern.MatchString(m) {
			continue
		}
		if !listed(g.Numbers, d) {
			return false
		}
	}
	for _, m := range shortPattern.FindAllStringSubmatch(text, -1) {
		if d := Digits(m[1]); len(d) >= 3 && len(d) <= 6 && !listed(g.Numbers, d) {
			return false
		}
	}
	return true
}

// listed compares numbers by their digits, with and without the country's 1. A
// local number is the end of a listed one.
func listed(list []string, x string) bool {
	x = strings.TrimPrefix(x, "1")
	for _, l := range list {
		d := strings.TrimPrefix(Digits(l), "1")
		if d != "" && (d == x || len(x) == 7 && len(d) == 10 && strings.HasSuffix(d, x)) {
			return true
		}
	}
	return false
}

// Digits keeps the digits of a text.
func Digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
}
