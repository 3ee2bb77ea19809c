package screen

import (
	"html"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// glyph is one character after folding, with the raw bytes it came from.
type glyph struct {
	r          rune
	start, end int
}

// fold takes away what hides a word: compatibility forms, accents, case,
// look-alike letters, zero-width and bidi marks. Emoji that carry meaning
// become words. Every glyph keeps the raw span it came from, because a nurse
// is shown what the patient wrote.
func (d *data) fold(raw string, r *room) []glyph {
	out := slices.Grow(r.glyphs.open(), len(raw)+8)
	for i := 0; i < len(raw); {
		if c, n := entity(raw[i:]); n > 0 {
			out = d.foldRune(out, c, i, i+n)
			i += n
			continue
		}
		if c := raw[i]; c < utf8.RuneSelf {
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			out = append(out, glyph{rune(c), i, i + 1})
			i++
			continue
		}
		c, n := utf8.DecodeRuneInString(raw[i:])
		out = d.foldRune(out, c, i, i+n)
		i += n
	}
	return r.glyphs.keep(out)
}

func (d *data) foldRune(out []glyph, r rune, start, end int) []glyph {
	if invisible(r) {
		return out
	}
	if word, ok := d.emoji[r]; ok {
		out = append(out, glyph{' ', start, end})
		for _, w := range word {
			out = append(out, glyph{w, start, end})
		}
		return append(out, glyph{' ', start, end})
	}
	if to, ok := d.confusable[r]; ok {
		return append(out, glyph{to, start, end})
	}
	// NFKD, not NFKC: the accents are dropped in the same pass.
	for _, k := range norm.NFKD.String(string(r)) {
		if invisible(k) {
			continue
		}
		k = unicode.ToLower(k)
		if to, ok := d.confusable[k]; ok {
			k = to
		}
		out = append(out, glyph{k, start, end})
	}
	return out
}

// longestEntity is that of the character references that are read, in bytes.
const longestEntity = len("&#x0001F1E6;")

// entity reads a character reference at the start of s, as a form or a relay leaves it in
// a text ("can&#39;t"), and how long it is; 0 where there is none.
func entity(s string) (r rune, n int) {
	if s[0] != '&' {
		return 0, 0
	}
	end := strings.IndexByte(s[:min(len(s), longestEntity)], ';')
	if end < 0 {
		return 0, 0
	}
	named := html.UnescapeString(s[:end+1])
	r, size := utf8.DecodeRuneInString(named)
	if size != len(named) {
		return 0, 0
	}
	return r, end + 1
}

// invisible reports marks that take no room of their own: combining accents,
// variation selectors, zero-width and bidi controls. U+FFFD and the ordinary
// controls are kept; they separate words.
func invisible(r rune) bool {
	return unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf, unicode.Variation_Selector)
}

// readable reports whether a text with letters has enough Latin letters to be
// English or Spanish. A text without any letter is readable: there is nothing
// in it to misread.
func readable(raw string) bool {
	latin, other := 0, 0
	for _, r := range html.UnescapeString(raw) {
		switch {
		case r < utf8.RuneSelf:
			if 'a' <= r|0x20 && r|0x20 <= 'z' {
				latin++
			}
		case unicode.Is(unicode.Latin, r):
			latin++
		case unicode.IsLetter(r) && norm.NFKD.String(string(r))[0] >= utf8.RuneSelf:
			other++
		}
	}
	return other <= latin
}
