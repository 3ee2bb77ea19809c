package segment

import (
	"strings"

	"golang.org/x/text/unicode/norm"
)

// The encodings, as Count names them.
const (
	GSM7 = "GSM-7"
	UCS2 = "UCS-2"
)

// Sizes of a segment, alone and as one of several (the rest is the header that
// joins them; 3GPP TS 23.040, 9.2.3.24.1).
const (
	gsmAlone, gsmPart = 160, 153
	ucsAlone, ucsPart = 70, 67
)

// Count is how many segments the text takes and in which encoding. The empty
// text takes one. One character outside GSM-7 turns the whole text to UCS-2.
func Count(text string) (segments int, encoding string) {
	if isGSM7(text) {
		return pack(text, septets, gsmAlone, gsmPart), GSM7
	}
	return pack(text, units, ucsAlone, ucsPart), UCS2
}

func isGSM7(text string) bool {
	for _, r := range text {
		if septets(r) == 0 {
			return false
		}
	}
	return true
}

// pack fills segments rune by rune: an escape and its character, or the two
// halves of a surrogate pair, stay together.
func pack(text string, cost func(rune) int, alone, part int) int {
	total, segments, used := 0, 1, 0
	for _, r := range text {
		c := cost(r)
		total += c
		if used+c > part {
			segments, used = segments+1, 0
		}
		used += c
	}
	if total <= alone {
		return 1
	}
	return segments
}

// Fold makes a text cheap without changing a word. Typographic quotes, dashes,
// ellipses and spaces always become plain; letters become composed (NFC), so
// that a decomposed é is the one GSM-7 has. Accents outside GSM-7 are dropped
// only when the text would otherwise take twice the segments.
func Fold(text string) string {
	plain := norm.NFC.String(typography.Replace(norm.NFC.String(strings.ToValidUTF8(text, "\uFFFD"))))
	bare := dropAccents(plain)
	have, _ := Count(plain)
	if need, _ := Count(bare); have >= 2*need {
		return bare
	}
	return plain
}

var typography = strings.NewReplacer(
	"\u2018", "'", "\u2019", "'", "\u201A", "'", "\u201B", "'", "\u2032", "'", "\u02BC", "'",
	"\u201C", `"`, "\u201D", `"`, "\u201E", `"`, "\u201F", `"`, "\u2033", `"`, "\u00AB", `"`, "\u00BB", `"`,
	"\u2010", "-", "\u2011", "-", "\u2012", "-", "\u2013", "-", "\u2014", "-", "\u2015", "-", "\u2212", "-",
	"\u2022", "-", "\u2026", "...",
	"\t", " ", "\u00A0", " ", "\u2002", " ", "\u2003", " ", "\u2007", " ", "\u2008", " ", "\u2009", " ", "\u200A", " ", "\u202F", " ",
	"\u2028", "\n", "\u2029", "\n", "\u00AD", "", "\u200B", "", "\u2060", "", "\uFEFF", "",
)

// dropAccents replaces each Latin letter outside GSM-7 by its base letter where
// that is inside, and drops the marks that composed with no letter; all else
// stays.
func dropAccents(text string) string { return strings.Map(bareLetter, text) }

func bareLetter(r rune) rune {
	switch {
	case r >= 0x300 && r <= 0x36F:
		return -1
	case r < 0xC0 || r > 0x24F && (r < 0x1E00 || r > 0x1EFF) || septets(r) != 0:
		return r
	}
	base := []rune(norm.NFD.String(string(r)))[0]
	if septets(base) != 0 {
		return base
	}
	return r
}
