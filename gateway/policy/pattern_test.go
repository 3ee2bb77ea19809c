package policy

import (
	"math/rand/v2"
	"reflect"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"testing"
)

// quick are the patterns that are asked only about texts which hold one of a few
// words.
func quick() map[string]*regexp.Regexp {
	return map[string]*regexp.Regexp{doseWords: dosePattern, diagnosisWords: diagnosisPattern, humanWords: humanPattern, mailWords: mailPattern, spelledWords: spelledLink}
}

// callAnywhere is callPattern without the rule that a word begins there.
var callAnywhere = regexp.MustCompile(`(?i)\b` + strings.TrimPrefix(callPattern.String(), `(?i)^`))

// found is what the patterns find when all are asked about a text, and what the gate
// finds, which asks few: by name.
func found(text string) (plainly, quickly map[string]any) {
	plainly, quickly = map[string]any{}, map[string]any{}
	for words, p := range quick() {
		plainly[words], quickly[words] = p.MatchString(text), matches(p, words, text)
	}
	links := linkPattern.FindAllStringSubmatch(text, -1)
	plainly["links"] = append([][]string{}, links...)
	byWord := [][]string{}
	for word := range strings.FieldsFuncSeq(text, space) {
		if linkLike(word) {
			byWord = append(byWord, linkPattern.FindAllStringSubmatch(word, -1)...)
		}
	}
	quickly["links"] = byWord
	var calls []string
	for _, m := range callAnywhere.FindAllStringSubmatch(text, -1) {
		calls = append(calls, m[1])
	}
	plainly["calls"], quickly["calls"] = calls, toldToCall(text)
	plainly["loose link"], quickly["loose link"] = looseLink.MatchString(text), looseDot(text) && looseLink.MatchString(text)
	plainly["unlisted number"], quickly["unlisted number"] = unlistedNumber(text, calls), !Gate{}.numbersListed(text)
	return plainly, quickly
}

// unlistedNumber asks all patterns for a number, where none is listed.
func unlistedNumber(text string, calls []string) bool {
	return slices.ContainsFunc(numberPattern.FindAllString(text, -1), func(m string) bool { return len(Digits(m)) >= 10 || localPattern.MatchString(m) }) ||
		slices.ContainsFunc(calls, func(m string) bool { return !Gate{}.callable(m) }) ||
		slices.ContainsFunc(oneByOne.FindAllString(text, -1), func(m string) bool { return !isDate(m) }) || spelledNumber.MatchString(text)
}

func sameFound(t *testing.T, text string) (matches int) {
	t.Helper()
	for _, text := range []string{FoldAccents(shown(text)), oneLine(shown(text))} {
		plainly, quickly := found(text)
		for name, want := range plainly {
			if got := quickly[name]; !reflect.DeepEqual(got, want) {
				t.Fatalf("%s in %q: got %v, want %v", name, text, got, want)
			}
			if yes, ok := want.(bool); ok && yes {
				matches++
			}
		}
	}
	return matches
}

// TestQuickPatterns: what is found without asking all patterns is what they find, in
// texts of which many are made by the patterns themselves.
func TestQuickPatterns(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	var makers []maker
	for _, p := range []*regexp.Regexp{
		dosePattern, diagnosisPattern, humanPattern, mailPattern, spelledLink,
		linkPattern, looseLink, callAnywhere, numberPattern, oneByOne, spelledNumber,
	} {
		makers = append(makers, makerOf(t, p, dice))
	}
	joints := []string{" ", " ", "(", ")", ". ", "", "\n", "\t", ", ", "\u00a0", "\u2028", "-", "'", "_", ".", "é"}
	words := []string{"Please", "call", "the", "front desk", "at", "8:00", "a.m.", "I am", "no es", "dot", "one", "www.", "911", "Mon-Fri", "tiene", "cita", "não", "\u212a", "ſoy", "ＷＷＷ．", "٣", "\xff"}
	matches := 0
	for range 4000 {
		var b strings.Builder
		for range 1 + dice.IntN(4) {
			piece := words[dice.IntN(len(words))]
			if dice.IntN(2) == 0 {
				piece = makers[dice.IntN(len(makers))].make()
			}
			switch dice.IntN(6) {
			case 0:
				piece = strings.ToUpper(piece)
			case 1:
				if r := []rune(piece); len(r) > 0 { // nearly a match
					piece = string(append(r[:dice.IntN(len(r))], r[min(len(r), 1+dice.IntN(len(r))):]...))
				}
			}
			b.WriteString(piece + joints[dice.IntN(len(joints))])
		}
		matches += sameFound(t, b.String())
	}
	if matches < 3000 {
		t.Errorf("%d matches; the dice are loaded", matches)
	}
}

func FuzzQuickPatterns(f *testing.F) {
	for _, s := range []string{
		"call 911", "Call us: 3-4, or text 12345.", "evil . com", "evil. Com", "see www. now", "a@b", "(one two three four five six seven)", "xhttp://a.b/c", "you probably have it",
		"texts 5 messages 6", "text\u20285", "call.5", "9.9.9.9", "i'm  real", "llámanos al 5", "1 2 3 4 5 6 7",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { sameFound(t, s) })
}

// maker makes texts that a pattern matches.
type maker struct {
	re   *syntax.Regexp
	dice *rand.Rand
}

func makerOf(t *testing.T, p *regexp.Regexp, dice *rand.Rand) maker {
	re, err := syntax.Parse(p.String(), syntax.Perl)
	if err != nil {
		t.Fatal(err)
	}
	return maker{re, dice}
}

func (m maker) make() string {
	var b strings.Builder
	m.write(&b, m.re)
	return b.String()
}

func (m maker) write(b *strings.Builder, re *syntax.Regexp) {
	least, most := 1, 1
	switch re.Op {
	case syntax.OpLiteral:
		b.WriteString(string(re.Rune))
	case syntax.OpCharClass:
		at := 2 * m.dice.IntN(len(re.Rune)/2)
		b.WriteRune(re.Rune[at] + m.dice.Int32N(min(re.Rune[at+1]-re.Rune[at], 90)+1))
	case syntax.OpAlternate:
		m.write(b, re.Sub[m.dice.IntN(len(re.Sub))])
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			m.write(b, sub)
		}
	case syntax.OpQuest:
		least, most = 0, 1
	case syntax.OpStar:
		least, most = 0, 3
	case syntax.OpPlus:
		least, most = 1, 3
	case syntax.OpRepeat:
		least, most = re.Min, re.Max
		if most < 0 {
			most = re.Min + 2
		}
	}
	switch re.Op {
	case syntax.OpCapture, syntax.OpQuest, syntax.OpStar, syntax.OpPlus, syntax.OpRepeat:
		for range least + m.dice.IntN(most-least+1) {
			m.write(b, re.Sub[0])
		}
	}
}
