package policy

import (
	"strings"
	"unicode"
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
func ReadToken(answer string) TokenUse {
	bare := bareWord(answer)
	switch {
	case bare == tokenLetters:
		return TokenWhole
	case strings.Contains(squeeze(answer), tokenLetters):
		return TokenAmong
	}
	return TokenAbsent
}

// tokenLetters is the token as squeeze writes it.
const tokenLetters = "no_reply"

// bareWord is the answer without what a model may wrap a word in.
func bareWord(s string) string {
	return strings.TrimFunc(squeeze(s), func(r rune) bool {
		return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) || r == '_'
	})
}

// squeeze lowers letters and removes what does not show: zero-width marks,
// controls, and Markdown's backslash before an underscore.
func squeeze(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\\', unicode.Is(unicode.Cf, r), r == '\u034f', r == '\u115f', r == '\u3164':
			return -1
		case r == '\uff3f':
			return '_'
		case r >= '\uff01' && r <= '\uff5e': // full-width forms
			return unicode.ToLower(r - 0xfee0)
		}
		return unicode.ToLower(r)
	}, s)
}

// maxCloserWords bounds what counts as a mere closing of the conversation.
const maxCloserWords = 7

// NothingAsked reports whether a patient's text asks for nothing: thanks, a
// greeting at the end, a lone emoji. Anything with a question mark, a number or
// a word outside the list asks.
func NothingAsked(text string) bool {
	if strings.ContainsAny(text, "?¿") {
		return false
	}
	words := strings.FieldsFunc(strings.ToLower(FoldAccents(text)), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '\''
	})
	if len(words) > maxCloserWords {
		return false
	}
	for _, w := range words {
		if !closer(w) {
			return false
		}
	}
	return true
}

func closer(word string) bool {
	switch strings.ReplaceAll(word, "'", "") {
	case "ok", "okay", "okey", "k", "kk", "thanks", "thank", "thx", "ty", "tysm", "you", "u", "so", "much", "very",
		"great", "good", "perfect", "cool", "awesome", "nice", "got", "it", "will", "do", "bye", "goodbye", "alright",
		"all", "right", "sounds", "thats", "fine", "appreciate", "cheers", "a", "lot", "for", "your", "help", "have",
		"day", "one", "night", "wonderful", "and", "the", "understood", "np", "no", "problem", "welcome", "i",
		"gracias", "muchas", "mil", "muy", "amable", "vale", "bueno", "bien", "perfecto", "listo", "adios", "hasta",
		"luego", "entendido", "de", "acuerdo", "esta", "que", "tenga", "buen", "dia", "tarde", "buenas", "noches",
		"igualmente", "excelente", "genial", "y":
		return true
	}
	return false
}

// FoldAccents removes the accents of Spanish letters, which patients often
// leave out.
func FoldAccents(s string) string {
	return strings.NewReplacer("á", "a", "é", "e", "í", "i", "ó", "o", "ú", "u", "ü", "u",
		"Á", "A", "É", "E", "Í", "I", "Ó", "O", "Ú", "U", "Ü", "U").Replace(s)
}
