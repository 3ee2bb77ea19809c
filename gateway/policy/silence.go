package policy

import (
	_ "embed"
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Token is what a model without structured output writes when nothing needs
// saying. It is spelled here and nowhere else, and it never reaches anyone.
const Token = "NO_REPLY"

// TokenUse says how an answer uses the token.
type TokenUse string

// The uses.
const (
	TokenAbsent TokenUse = "absent"
	TokenWhole  TokenUse = "whole" // the answer is the token: silence
	TokenAmong  TokenUse = "among" // the token among other words: a broken answer
)

// ReadToken looks for the token in a model's answer. White space, Markdown,
// quotes and zero-width marks around it are nothing; letter case is nothing.
//
// Models misspell it. An answer that is only "no reply", with any sign or none
// between the words, is silence too: nobody means it for a patient. Among other
// words the underscore tells it from English, or capitals do.
func ReadToken(answer string) TokenUse {
	plain := plainLetters(answer)
	lower := strings.ToLower(plain)
	bare := strings.TrimFunc(lower, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	switch {
	case tokenWhole.MatchString(bare):
		return TokenWhole
	case tokenAmong.MatchString(lower), tokenLoud.MatchString(plain):
		return TokenAmong
	}
	return TokenAbsent
}

var (
	tokenWhole = regexp.MustCompile(`^no[\s_-]*reply$`)
	tokenAmong = regexp.MustCompile(`no\s*_\s*reply`)
	tokenLoud  = regexp.MustCompile(`\bNO[\s-]*REPLY\b`)
)

// plainLetters writes compatibility forms as the letters they stand for and
// drops what does not show: zero-width marks, marks over letters, fillers,
// Markdown, and the backslash before an underscore.
func plainLetters(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.In(r, unicode.Cf, unicode.Mn, unicode.Me), strings.ContainsRune("\\*`~\u115f\u1160\u3164\uffa0", r):
			return -1
		case unicode.IsSpace(r), unicode.IsControl(r):
			return ' '
		}
		return r
	}, norm.NFKD.String(s))
}

//go:embed closings.txt
var closingPhrases string

var (
	closing       = regexp.MustCompile(`^(?:` + alternatives(closingPhrases, "") + `)(?: (?:` + alternatives(closingPhrases, "") + `))*$`)
	closingStrong = regexp.MustCompile(`(?:^| )(?:` + alternatives(closingPhrases, "+") + `)(?: |$)`)
	letterRun     = regexp.MustCompile(`a{3,}|e{3,}|i{3,}|k{3,}|m{3,}|o{3,}|s{3,}|u{3,}|y{3,}`)
)

// alternatives makes one pattern of the phrases that are marked so; "" stands
// for all.
func alternatives(src, mark string) string {
	var out []string
	for line := range strings.Lines(src) {
		m, phrases, _ := strings.Cut(strings.TrimSpace(line), " ")
		if m != "+" && m != "-" || mark != "" && m != mark {
			continue
		}
		for p := range strings.SplitSeq(phrases, ",") {
			out = append(out, strings.TrimSpace(p))
		}
	}
	return strings.Join(out, "|")
}

// kindEmoji are the signs that close a conversation. Any other asks: a picture
// may be a cry.
const kindEmoji = "👍👌🙏🙌👏🤝❤♥💙💚💛💜💕🤗😊🙂😀😃😄😁☺😉😇🥰🌹🌻🌸💐✅✨🎉👋🤞"

// maxCloserWords bounds what counts as a mere closing of the conversation.
const maxCloserWords = 14

// NothingAsked reports whether a patient's text asks for nothing: thanks, a
// greeting at the end, a kind sign. It must be made of known phrases from
// beginning to end; a question mark, a number, a word or a sign that is in none
// of them asks.
func NothingAsked(text string) bool {
	var kind bool
	plain := strings.Map(func(r rune) rune {
		switch {
		case strings.ContainsRune(kindEmoji, r):
			kind = true
			return ' '
		case unicode.In(r, unicode.Cf, unicode.Mn) || r >= 0x1f3fb && r <= 0x1f3ff: // joiners, accents, tones of skin
			return -1
		case r == '\'' || r == '\u2019' || r == '`':
			return -1
		case strings.ContainsRune(".,!;:-()\"\u2026\u00a1", r) || unicode.IsSpace(r):
			return ' '
		}
		return unicode.ToLower(r)
	}, norm.NFD.String(text))
	words := strings.Fields(letterRun.ReplaceAllStringFunc(plain, func(run string) string { return run[:1] }))
	if len(words) == 0 {
		return kind || strings.TrimSpace(text) == ""
	}
	joined := strings.Join(words, " ")
	return len(words) <= maxCloserWords && closing.MatchString(joined) && closingStrong.MatchString(joined)
}

var accents = strings.NewReplacer("á", "a", "é", "e", "í", "i", "ó", "o", "ú", "u", "ü", "u",
	"Á", "A", "É", "E", "Í", "I", "Ó", "O", "Ú", "U", "Ü", "U")

// FoldAccents removes the accents of Spanish letters, which patients often
// leave out.
func FoldAccents(s string) string {
	return accents.Replace(s)
}
