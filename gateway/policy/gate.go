package policy

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// Gate is what an agent's text must pass before it may leave.
type Gate struct {
	MaxChars int      // the longest text, in characters; 0 means DefaultMaxChars
	Links    []string // hosts that may be linked
	Numbers  []string // phone numbers that may be given, digits only
}

// DefaultMaxChars is three segments of the seven-bit alphabet.
const DefaultMaxChars = 459

var (
	linkPattern   = regexp.MustCompile(`(?i)\b(?:https?://|www\.)([a-z0-9.-]+)|\b([a-z0-9-]+\.(?:com|net|org|info|io|ly|co|us|me|link|xyz|top))\b`)
	numberPattern = regexp.MustCompile(`\+?\d[\d\s().-]{5,}\d`)
)

// Check reads an agent's text. The first rule that blocks is returned.
func (g Gate) Check(text string) Finding {
	switch {
	case strings.TrimSpace(text) == "":
		return Finding{"gate_empty", Block, "empty"}
	case ReadToken(text) != TokenAbsent:
		return Finding{"gate_token", Block, "token"}
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		return Finding{"gate_form", Block, "not_text"}
	case utf8.RuneCountInString(text) > g.maxChars():
		return Finding{"gate_length", Block, "too_long"}
	case !g.linksListed(text):
		return Finding{"gate_link", Block, "link"}
	case !g.numbersListed(text):
		return Finding{"gate_number", Block, "number"}
	}
	return Finding{"gate", Pass, ""}
}

func (g Gate) maxChars() int {
	if g.MaxChars > 0 {
		return g.MaxChars
	}
	return DefaultMaxChars
}

func (g Gate) linksListed(text string) bool {
	for _, m := range linkPattern.FindAllStringSubmatch(text, -1) {
		if !listed(g.Links, strings.ToLower(m[1]+m[2])) {
			return false
		}
	}
	return true
}

// numbersListed looks at runs of seven digits and more that are written as a
// phone number; a date or an insurance number the patient gave has its own form.
func (g Gate) numbersListed(text string) bool {
	for _, m := range numberPattern.FindAllString(text, -1) {
		d := Digits(m)
		if len(d) < 10 || len(d) > 15 {
			continue
		}
		if !listed(g.Numbers, d) && !listed(g.Numbers, strings.TrimPrefix(d, "1")) {
			return false
		}
	}
	return true
}

func listed(list []string, x string) bool {
	for _, l := range list {
		if l == x || Digits(l) != "" && Digits(l) == x || strings.TrimPrefix(Digits(l), "1") == x {
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
