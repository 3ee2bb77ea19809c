package policy

import (
	"slices"
	"strings"
	"unicode"
)

// Limits of what a text may look like.
const (
	hiddenLetters  = 32  // of instructions in a row: about six words
	taskLetters    = 100 // of the persona's own text, which may hold what patients are told
	longestWord    = 60  // without a space in it; links are looked at apart
	foreignWords   = 3   // more words of the other language than of the right one
	unknownWords   = 8   // a text of so many has a little word of its language in it
	foreignLetters = 4   // one letter in so many may be of another alphabet
)

// garbled reports what nobody writes to a patient: pieces of a program's or a
// model's own format, and words that are no words.
func garbled(text string) bool {
	if strings.ContainsAny(text, "{}`|") || strings.Contains(text, "</") || strings.Contains(text, "<s") {
		return true
	}
	return slices.ContainsFunc(strings.Fields(text), func(w string) bool {
		return len([]rune(w)) > longestWord && !strings.Contains(w, "://")
	})
}

// repeatsHidden reports whether a text repeats instructions, written plainly,
// backwards or with each letter moved by thirteen.
func (g Gate) repeatsHidden(text string) bool {
	plain := string(LettersOf(text))
	back := []rune(plain)
	slices.Reverse(back)
	return slices.ContainsFunc([]string{plain, string(back), strings.Map(rot13, plain)}, func(form string) bool {
		return overlaps(form, string(g.Task), taskLetters) || overlaps(form, string(g.Hidden), hiddenLetters)
	})
}

// overlaps reports whether so many letters in a row of text stand in hidden. Such a
// run holds one of the blocks of half its length that text is parted into, and few of
// those stand in hidden by chance: only around them is there more to look for.
func overlaps(text, hidden string, n int) bool {
	block := n / 2
	for i := 0; i+block <= len(text); i += block {
		if !strings.Contains(hidden, text[i:i+block]) {
			continue
		}
		for j := max(0, i+block-n); j <= i && j+n <= len(text); j++ {
			if strings.Contains(hidden, text[j:j+n]) {
				return true
			}
		}
	}
	return false
}

// Letters are the plain letters of a text, in small.
type Letters string

// LettersOf keeps the letters of a text and drops all else.
func LettersOf(text string) Letters {
	return Letters(strings.Map(func(r rune) rune {
		if r = unicode.ToLower(r); r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}, FoldAccents(text)))
}

func rot13(r rune) rune { return 'a' + (r-'a'+13)%26 }

// inLanguage reports whether a text can be in that language: not plainly in the
// other one, not in another alphabet, and with some of its little words when it
// is long.
func inLanguage(text, lang string) bool {
	en, es, all := count(text)
	own, other := en, es
	if lang == "es" {
		own, other = es, en
	}
	known, foreign := 0, 0
	for _, r := range text {
		switch {
		case !unicode.IsLetter(r):
		case unicode.Is(unicode.Latin, r):
			known++
		default:
			foreign++
		}
	}
	return other < own+foreignWords && (own > 0 || all < unknownWords) && foreign*foreignLetters <= known+foreign
}

// AsksLanguage reports whether a text asks to be answered in a language.
func AsksLanguage(text string) bool {
	low := strings.ToLower(FoldAccents(text))
	for _, w := range []string{"english", "spanish", "espanol", "español", "ingles"} {
		if strings.Contains(low, w) {
			return true
		}
	}
	return false
}
