package policy

import (
	"regexp"
	"slices"
	"strings"
)

// topDomains are the endings by which a bare name is a link.
const topDomains = `com|net|org|info|io|ly|co|us|me|link|xyz|top|app|dev|biz|edu|gov|tv|cc|ru|cn|uk|mx|gl|gd|site|online|shop|click|health|care|clinic|doctor|page` +
	`|store|club|live|vip|zip|mov|support|help|example|test|pro|win|bid|loan|tk|ml|ga|cf|gq|eu|de|fr|ca|br|jp|ws|su|pw|to|gg|ai|ch|au|nz`

// callVerbs are the words that make a number one to be used, and callStems what they
// begin with.
const callVerbs = `call|dial|text|phone|ring|sms|message|whatsapp|reach|contact|send|forward|page|notify|alert|fax|tel|telephone` +
	`|llam[ea]\w*|marqu?[ea]\w*|escrib[ae]\w*|envi[ae]\w*|mand[ae]\w*|contact[ae]\w*|avis[ae]\w*|mensaje`
const callStems = "cal dia tex pho rin sms mes wha rea con sen for pag not ale fax tel lla mar esc env man avi men"

// What the matches of mailPattern and of spelledLink hold.
const (
	mailWords    = `@|dot|punto`
	spelledWords = `hxxp|[|(|{|<|dot|punto`
)

var (
	linkPattern = regexp.MustCompile(`(?i)(?:[a-z][a-z0-9+.-]*://|\bwww\.)([^\s/?#:@]*)` +
		`|\b((?:[a-z0-9-]+\.)+(?:` + topDomains + `))\b` +
		`|\b((?:[a-z0-9-]+\.)+[a-z]{2,})/\S` +
		`|\b(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})\b`)
	mailPattern = regexp.MustCompile(`(?i)[a-z0-9._%+-]+@[a-z0-9-]|\b[a-z0-9._-]+\s*[\[({<]?\s*\b(?:at|arroba)\b\s*[\])}>]?\s*[a-z0-9-]+\s*[\[({<]?\s*\b(?:dot|punto)\b`)
	// A link that is written so that only a person reads it as one.
	spelledLink = regexp.MustCompile(`(?i)\bhxxps?\b|[a-z0-9-]\s*(?:[\[({<]\s*(?:\.|dot|punto)\s*[\])}>]|\s(?:dot|punto)\s)\s*(?:` + topDomains + `)\b`)
	// A link with a space at its last dot.
	looseLink = regexp.MustCompile(`(?i)\b[a-z0-9-]{2,}\s\.\s?(?:com|net|org|info|io|ly)\b|\b[a-z0-9-]{2,}\.\s(?:com|net|org)\b`)

	numberPattern = regexp.MustCompile(`\+?\d[\d\s().-]{5,}\d`)
	localPattern  = regexp.MustCompile(`^\d{3}[\s.-]\d{4}$`)
	// callPattern is a number that one is told to call, text or write to in the
	// same sentence, however short.
	// It is asked at the beginning of a word.
	callPattern = regexp.MustCompile(`(?i)^(?:` + callVerbs + `)\b(?:[^.!?\d]|\.\S){0,60}?[^\w.]\(?(\+?\(?\d[\d\s().-]*)`)
	callVerb    = regexp.MustCompile(`(?i)\b(?:` + callVerbs + `)\b`)
	// oneByOne are digits that something stands between.
	oneByOne = regexp.MustCompile(`(?:\d[^\pL\d]{1,3}){6,}\d`)
)

// The words of numbers.
const (
	digitWords = `zero|oh|one|two|three|four|five|six|seven|eight|nine|cero|uno|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|hundred|\d`
	countWords = digitWords + `|double|triple|cien`
)

var (
	// spelledNumber is a number as people say it.
	spelledNumber = regexp.MustCompile(`(?i)\b(?:(?:` + countWords + `)[\s,.-]+){6,}(?:` + digitWords + `)\b`)
	countWord     = regexp.MustCompile(`(?i)^(?:` + countWords + `)$`)
)

func (g Gate) linksListed(text string) bool {
	for word := range strings.FieldsFuncSeq(text, space) {
		if !linkLike(word) {
			continue
		}
		for _, m := range linkPattern.FindAllStringSubmatch(word, -1) {
			if !listedHost(g.Links, strings.Trim(strings.ToLower(m[1]+m[2]+m[3]+m[4]), ".,;!)")) {
				return false
			}
		}
	}
	return !matches(mailPattern, mailWords, text) && !matches(spelledLink, spelledWords, text) && (!looseDot(text) || !looseLink.MatchString(text))
}

// space is what the patterns mean by \s.
func space(r rune) bool { return strings.ContainsRune(" \t\n\f\r", r) }

// linkLike reports whether a word has what each match of linkPattern has, none of
// which goes beyond a word: a dot before something, or one of two signs.
func linkLike(word string) bool {
	dot := strings.IndexByte(word, '.')
	return dot >= 0 && dot < len(word)-1 || strings.Contains(word, "://") || strings.EqualFold(word[max(0, len(word)-4):], "www.")
}

// looseEndings are those of the second of looseLink's forms.
const looseEndings = "com net org"

// looseDot reports whether a text has what each match of looseLink has: a dot behind
// a space, or one before a space and a short ending.
func looseDot(text string) bool {
	for i := range len(text) {
		if text[i] != '.' {
			continue
		}
		if i > 0 && space(rune(text[i-1])) {
			return true
		}
		if rest := text[i+1:]; len(rest) > 3 && space(rune(rest[0])) && strings.Contains(looseEndings, strings.ToLower(rest[1:4])) {
			return true
		}
	}
	return false
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
	digits := len(Digits(text))
	if digits > 0 {
		for _, m := range numberPattern.FindAllString(text, -1) {
			d := Digits(m)
			if listed(g.Private, d) || (len(d) >= 10 || localPattern.MatchString(m)) && !listed(readBack(), d) {
				return false
			}
		}
	}
	folded := FoldAccents(text)
	if digits > 0 && slices.ContainsFunc(toldToCall(folded), func(number string) bool { return !g.callable(number) }) {
		return false
	}
	if digits > 6 {
		for _, m := range oneByOne.FindAllString(text, -1) {
			if !isDate(m) && !listed(readBack(), Digits(m)) {
				return false
			}
		}
	}
	return !counts(folded) || !spelledNumber.MatchString(folded)
}

// toldToCall are the numbers that callPattern finds, from the first word on that it
// can begin with.
func toldToCall(text string) (numbers []string) {
	for i := 0; i < len(text); i++ {
		if i > 0 && letterOrDigit(text[i-1]) || len(text)-i < 3 || !strings.Contains(callStems, strings.ToLower(text[i:i+3])) {
			continue
		}
		if m := callPattern.FindStringSubmatch(text[i:]); m != nil {
			numbers = append(numbers, m[1])
			i += len(m[0]) - 1
		}
	}
	return numbers
}

// letterOrDigit is what the patterns mean by \w.
func letterOrDigit(b byte) bool {
	return b == '_' || b >= '0' && b <= '9' || b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z'
}

// counts reports whether a text has what each match of spelledNumber has: so many of
// its words in a row, behind the first and before the last.
func counts(text string) bool {
	row := 0
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return space(r) || strings.ContainsRune(",.-", r) }) {
		if row++; !countWord.MatchString(word) {
			row = 0
		}
		if row == 5 {
			return true
		}
	}
	return false
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
