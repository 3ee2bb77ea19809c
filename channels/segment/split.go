package segment

import (
	"slices"
	"strings"
	"unicode"

	"github.com/rivo/uniseg"
)

// DefaultEmergency are the numbers whose sentence Split keeps whole unless it is
// given others.
func DefaultEmergency() []string {
	return []string{"911", "9-1-1", "988", "112", "999", "000"}
}

// Split cuts a text into parts of at most maxSegments segments each: at the end
// of a sentence, else between words, else between graphemes, never inside one.
// The sentence with an emergency number is never cut, be it longer than a part
// may be: half a sentence about 911 is worse than one segment more. White space
// at a seam is dropped and nothing else. The empty text has no parts.
func Split(text string, maxSegments int, emergency ...string) []string {
	if len(emergency) == 0 {
		emergency = DefaultEmergency()
	}
	s := splitter{limit: max(maxSegments, 1)}
	text = strings.ToValidUTF8(text, "\uFFFD")
	for _, sentence := range pieces(text, uniseg.FirstSentenceInString) {
		s.sentence(sentence, hasNumber(sentence, emergency))
	}
	s.flush()
	return s.parts
}

// splitter fills the part under way until the next piece does not fit.
type splitter struct {
	limit int
	parts []string
	part  string
}

func (s *splitter) sentence(sentence string, whole bool) {
	if s.add(sentence) {
		return
	}
	s.flush()
	if whole {
		s.part = trimLeft(sentence)
		return
	}
	if !s.add(sentence) {
		s.words(sentence)
	}
}

func (s *splitter) words(text string) {
	for _, piece := range pieces(text, firstLineSegment) {
		if s.add(piece) {
			continue
		}
		s.flush()
		if !s.add(piece) {
			s.graphemes(piece)
		}
	}
}

// graphemes cuts where nothing better is left; a single grapheme is a part even
// when it is too long for one.
func (s *splitter) graphemes(text string) {
	for state := -1; text != ""; {
		var cluster string
		cluster, text, _, state = uniseg.FirstGraphemeClusterInString(text, state)
		if !s.add(cluster) {
			s.flush()
			s.part = trimLeft(cluster)
		}
	}
}

// add appends the piece to the part when the part then still fits. White space
// at its end costs nothing: if the part ends there, it is dropped.
func (s *splitter) add(piece string) bool {
	if s.part == "" {
		piece = trimLeft(piece)
	}
	if !s.fits(strings.TrimRightFunc(s.part+piece, unicode.IsSpace)) {
		return false
	}
	s.part += piece
	return true
}

func (s *splitter) fits(text string) bool {
	n, _ := Count(text)
	return n <= s.limit
}

func (s *splitter) flush() {
	if part := strings.TrimRightFunc(s.part, unicode.IsSpace); part != "" {
		s.parts = append(s.parts, part)
	}
	s.part = ""
}

// hasNumber reports whether one of the numbers stands in the sentence by
// itself, not as part of a longer one.
func hasNumber(sentence string, numbers []string) bool {
	fields := strings.FieldsFunc(sentence, func(r rune) bool { return !unicode.IsDigit(r) && r != '-' })
	return slices.ContainsFunc(fields, func(f string) bool { return slices.Contains(numbers, strings.Trim(f, "-")) })
}

// pieces cuts the text where step does, except inside a grapheme: sentence and
// line rules may part a mark from the space it sits on.
func pieces(text string, step func(string, int) (string, string, int)) []string {
	var out []string
	ends := graphemeEnds(text)
	start, at, state, rest := 0, 0, -1, text
	for rest != "" {
		var piece string
		piece, rest, state = step(rest, state)
		if at += len(piece); ends[at] {
			out, start = append(out, text[start:at]), at
		}
	}
	return out
}

func firstLineSegment(text string, state int) (piece, rest string, newState int) {
	piece, rest, _, newState = uniseg.FirstLineSegmentInString(text, state)
	return piece, rest, newState
}

func graphemeEnds(text string) []bool {
	ends := make([]bool, len(text)+1)
	for at, state := 0, -1; text != ""; {
		var cluster string
		cluster, text, _, state = uniseg.FirstGraphemeClusterInString(text, state)
		at += len(cluster)
		ends[at] = true
	}
	return ends
}

// trimLeft drops leading white space, but not a space that carries a mark.
func trimLeft(text string) string {
	for state := -1; text != ""; {
		var cluster, rest string
		cluster, rest, _, state = uniseg.FirstGraphemeClusterInString(text, state)
		if strings.TrimSpace(cluster) != "" {
			return text
		}
		text = rest
	}
	return text
}
