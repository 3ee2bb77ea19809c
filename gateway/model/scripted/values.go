package scripted

import (
	"regexp"
	"strings"
	"unicode"
)

// maxValueRunes bounds one fact's value; maxShownRunes what of it is read back.
const (
	maxValueRunes = 200
	maxShownRunes = 60
)

// clip cuts a value to its limit.
func clip(v string) string {
	rs := []rune(strings.TrimSpace(v))
	return strings.TrimSpace(string(rs[:min(len(rs), maxValueRunes)]))
}

// raw returns the words of a span as written, without punctuation.
func (t *text) raw(s span) string {
	var out []string
	for i := s.i; i < s.j; i++ {
		out = append(out, t.words[i].raw)
	}
	return strings.Join(out, " ")
}

// unreadable is what is never read back to a patient, because the text it came
// from could be made to carry it: links, addresses, long numbers, doses, names
// with underscores, and words about replies, which could spell the word by
// which a model keeps silent.
var unreadable = regexp.MustCompile(`(?i)_|@|://|www|[a-z]\.[a-z]|[0-9][0-9 ().-]{5,}[0-9]|[0-9]\s*(mg|mcg|ml|g|units?|iu)\b|reply`)

// readable returns a value as it may be read back in the seven-bit alphabet,
// "" when it may not be.
func readable(v string) string {
	if unreadable.MatchString(v) {
		return ""
	}
	v = strings.Map(func(c rune) rune {
		switch {
		case c == 'é' || c == 'ñ' || c == 'Ñ' || c == 'ü' || c == 'É' || c == 'Ü':
			return c
		case c == '’' || c == '‘':
			return '\''
		case unicode.IsMark(c) || invisible(c):
			return -1
		}
		return plain(c)
	}, v)
	rs := []rune(v)
	if len(rs) <= maxShownRunes {
		return v
	}
	cut := strings.TrimRight(string(rs[:maxShownRunes]), " ,.;")
	if i := strings.LastIndexByte(cut, ' '); i > maxShownRunes/2 {
		cut = cut[:i]
	}
	return strings.TrimRight(cut, " ,.;") + "..."
}

func isLetter(c rune) bool { return unicode.IsLetter(c) }
func isDigit(c rune) bool  { return c >= '0' && c <= '9' }

func hasDigit(s string) bool { return strings.ContainsFunc(s, isDigit) }

func isUpper(s string) bool {
	for _, c := range s {
		return unicode.IsUpper(c)
	}
	return false
}
