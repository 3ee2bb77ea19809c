package policy

import (
	"regexp"
	"slices"
	"strings"
)

// topDomains are the endings by which a bare name is a link.
const topDomains = `com|net|org|info|io|ly|co|us|me|link|xyz|top|app|dev|biz|edu|gov|tv|cc|ru|cn|uk|mx|gl|gd|site|online|shop|click|health|care|clinic|doctor|page` +
	`|store|club|live|vip|zip|mov|support|help|example|test|pro|win|bid|loan|tk|ml|ga|cf|gq|eu|de|fr|ca|br|jp|ws|su|pw|to|gg|ai|ch|au|nz`

// callVerbs are the words that make a number one to be used.
const callVerbs = `call|dial|text|phone|ring|sms|message|whatsapp|reach|contact|send|forward|page|notify|alert|fax|tel|telephone` +
	`|llam[ea]\w*|marqu?[ea]\w*|escrib[ae]\w*|envi[ae]\w*|mand[ae]\w*|contact[ae]\w*|avis[ae]\w*|mensaje`

var (
	linkPattern = regexp.MustCompile(`(?i)(?:[a-z][a-z0-9+.-]*://|\bwww\.)([^\s/?#:@]*)` +
		`|\b((?:[a-z0-9-]+\.)+(?:` + topDomains + `))\b` +
		`|\b((?:[a-z0-9-]+\.)+[a-z]{2,})/\S` +
		`|\b(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})\b`)
	mailPattern = regexp.MustCompile(`(?i)[a-z0-9._%+-]+@[a-z0-9-]|\b[a-z0-9._-]+\s*[\[({<]?\s*\b(?:at|arroba)\b\s*[\])}>]?\s*[a-z0-9-]+\s*[\[({<]?\s*\b(?:dot|punto)\b`)
	// A link that is written so that only a person reads it as one.
	spelledLink = regexp.MustCompile(`(?i)\bhxxps?\b|[a-z0-9-]\s*(?:[\[({<]\s*(?:\.|dot|punto)\s*[\])}>]|\s(?:dot|punto)\s)\s*(?:` + topDomains + `)\b` +
		`|\b[a-z0-9-]{2,}\s\.\s?(?:com|net|org|info|io|ly)\b|\b[a-z0-9-]{2,}\.\s(?:com|net|org)\b`)

	numberPattern = regexp.MustCompile(`\+?\d[\d\s().-]{5,}\d`)
	localPattern  = regexp.MustCompile(`^\d{3}[\s.-]\d{4}$`)
	// callPattern is a number that one is told to call, text or write to in the
	// same sentence, however short.
	callPattern = regexp.MustCompile(`(?i)\b(?:` + callVerbs + `)\b(?:[^.!?\d]|\.\S){0,60}?[^\w.]\(?(\+?\(?\d[\d\s().-]*)`)
	callVerb    = regexp.MustCompile(`(?i)\b(?:` + callVerbs + `)\b`)
	// oneByOne are digits that something stands between.
	oneByOne = regexp.MustCompile(`(?:\d[^\pL\d]{1,3}){6,}\d`)
)

// spelledNumber is a number as people say it.
var spelledNumber = regexp.MustCompile(`(?i)\b(?:(?:zero|oh|one|two|three|four|five|six|seven|eight|nine|cero|uno|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|double|triple|hundred|cien|\d)[\s,.-]+){6,}(?:zero|oh|one|two|three|four|five|six|seven|eight|nine|cero|uno|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|hundred|\d)\b`)

func (g Gate) linksListed(text string) bool {
	for _, m := range linkPattern.FindAllStringSubmatch(text, -1) {
		if !listedHost(g.Links, strings.Trim(strings.ToLower(m[1]+m[2]+m[3]+m[4]), ".,;!)")) {
			return false
		}
	}
	return !mailPattern.MatchString(text) && !spelledLink.MatchString(text)
}

func listedHost(hosts []string, host string) bool {
	return slices.ContainsFunc(hosts, func(h string) bool { return strings.EqualFold(h, host) })
}

// numbersListed looks at what is written as a phone number, at any number that
// one is told to call, and at numbers that are spelled out. What the patient gave
// has its own form, and is read back, not called.
func (g Gate) numbersListed(text string) bool {
	var all []string // of the clinic's and the patient's, once there is one to look for
	readBack := func() []string {
		if all == nil {
			all = slices.Concat(g.Numbers, g.given())
		}
		return all
	}
	for _, m := range numberPattern.FindAllString(text, -1) {
		d := Digits(m)
		if listed(g.Private, d) || (len(d) >= 10 || localPattern.MatchString(m)) && !listed(readBack(), d) {
			return false
		}
	}
	for _, m := range callPattern.FindAllStringSubmatch(FoldAccents(text), -1) {
		if !g.callable(m[1]) {
			return false
		}
	}
	for _, m := range oneByOne.FindAllString(text, -1) {
		if !isDate(m) && !listed(readBack(), Digits(m)) {
			return false
		}
	}
	return !spelledNumber.MatchString(FoldAccents(text))
}

// given are the numbers that may be read back: those that came without being told
// to use them.
func (g Gate) given() []string {
	return slices.DeleteFunc(slices.Clone(g.Given), func(v string) bool { return callVerb.MatchString(FoldAccents(v)) })
}

// callable reports whether a number behind a word such as "call" is one of the
// clinic's, or no number to call at all: a day, an hour, a choice.
func (g Gate) callable(number string) bool {
	first, _, _ := strings.Cut(strings.TrimSpace(number), " ")
	short, whole := Digits(first), Digits(number)
	return len(short) < 3 && len(whole) < 7 || listed(g.Numbers, short) || listed(g.Numbers, whole)
}

// isDate tells "3/4/1980 10:30" and lists of short numbers from digits that are
// given one by one: single digits are most of those.
func isDate(run string) bool {
	single := 0
	all := strings.FieldsFunc(run, func(r rune) bool { return r < '0' || r > '9' })
	for _, d := range all {
		if len(d) == 1 {
			single++
		}
	}
	return single < 7
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

// minNumberDigits is the length from which digits are somebody's number.
const minNumberDigits = 9

// BornOut reports whether a value can come from that message: the digits of anything
// like a number stand in it. Other values are told in other words.
func BornOut(value, message string) bool {
	d := Digits(value)
	return len(d) < minNumberDigits || strings.Contains(Digits(message), d)
}
