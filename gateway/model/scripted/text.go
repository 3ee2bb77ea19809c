package scripted

import (
	"strings"
	"unicode"

	"github.com/tidegate/tidegate/gateway/model"
)

// maxRunes bounds how much of one text is read. A longer one is cut: the
// journal keeps it whole, and what stands later is read by the staff.
const maxRunes = 1600

// word is one word of a text, as written and as compared.
type word struct {
	raw, fold string
	stop      rune // the strongest of ? . , that follows it; 0 for none
}

// text is a message being read. What was understood is marked used, so that
// the rest can be looked at for itself.
type text struct {
	m     model.Message
	words []word
	used  []bool
	signs string // whatever is neither word nor punctuation
}

func readText(m model.Message) *text {
	t := &text{m: m}
	rs := []rune(m.Words.Reveal())
	rs = rs[:min(len(rs), maxRunes)]
	var cur []rune
	flush := func() {
		if len(cur) > 0 {
			t.words = append(t.words, word{raw: string(cur), fold: fold(string(cur))})
			cur = cur[:0]
		}
	}
	var signs []rune
	for i, c := range rs {
		switch {
		case invisible(c):
		case wordRune(c), joins(rs, i):
			cur = append(cur, c)
		default:
			flush()
			if !t.punctuate(c) && !unicode.IsSpace(c) {
				signs = append(signs, c)
			}
		}
	}
	flush()
	t.signs = string(signs)
	t.used = make([]bool, len(t.words))
	return t
}

// punctuate notes a mark after the last word and reports whether c was one.
func (t *text) punctuate(c rune) bool {
	var stop rune
	switch c {
	case '?':
		stop = '?'
	case '.', '!', '\n', ';', '…':
		stop = '.'
	case ',', ':', '(', ')', '¡', '¿':
		stop = ','
	default:
		return false
	}
	if n := len(t.words); n > 0 {
		last := &t.words[n-1]
		if stop == '.' && abbreviated(last.fold) {
			return true
		}
		if last.stop == 0 || last.stop == ',' || stop == '?' {
			last.stop = stop
		}
	}
	return true
}

// abbreviated reports whether a full stop after the word ends no sentence.
func abbreviated(w string) bool {
	switch w {
	case "dr", "dra", "mr", "mrs", "ms", "sr", "sra", "srta", "jr", "st":
		return true
	}
	return false
}

func wordRune(c rune) bool {
	return unicode.IsLetter(c) || unicode.IsDigit(c) || unicode.IsMark(c) || c == '_'
}

// joins reports whether the mark at i stands inside a word, as in O'Neill,
// 3/4/1980, 10:30 or check-up.
func joins(rs []rune, i int) bool {
	if i == 0 || i+1 >= len(rs) || !wordRune(rs[i-1]) || !wordRune(rs[i+1]) {
		return false
	}
	switch rs[i] {
	case '\'', '’', '-', '/', '.', '&', '@':
		return true
	case ':':
		return unicode.IsDigit(rs[i-1]) && unicode.IsDigit(rs[i+1])
	}
	return false
}

func invisible(c rune) bool {
	return unicode.Is(unicode.Cf, c) || c == '\ufe0f' || c == utf8Fault
}

// utf8Fault is what a broken byte sequence reads as.
const utf8Fault = unicode.ReplacementChar

// fold makes spellings comparable: no capitals, accents or apostrophes.
func fold(s string) string {
	return strings.Map(func(c rune) rune {
		if c == '\'' || c == '’' || unicode.IsMark(c) {
			return -1
		}
		return plain(unicode.ToLower(c))
	}, s)
}

// plain takes the accent off the letters Spanish and its neighbors put one on.
func plain(c rune) rune {
	switch c {
	case 'á', 'à', 'â', 'ä', 'ã', 'å':
		return 'a'
	case 'é', 'è', 'ê', 'ë':
		return 'e'
	case 'í', 'ì', 'î', 'ï':
		return 'i'
	case 'ó', 'ò', 'ô', 'ö', 'õ':
		return 'o'
	case 'ú', 'ù', 'û', 'ü':
		return 'u'
	case 'ñ':
		return 'n'
	case 'ç':
		return 'c'
	case 'Á', 'À', 'Â', 'Ã':
		return 'A'
	case 'È', 'Ê', 'Ë':
		return 'E'
	case 'Í', 'Ì', 'Î', 'Ï':
		return 'I'
	case 'Ó', 'Ò', 'Ô', 'Õ':
		return 'O'
	case 'Ú', 'Ù', 'Û':
		return 'U'
	}
	return c
}

// asking reports whether what is left unread ends in a question mark.
func (t *text) asking() bool {
	for i, w := range t.words {
		if !t.used[i] && w.stop == '?' {
			return true
		}
	}
	return false
}

// use marks the words from i up to j as understood.
func (t *text) use(i, j int) {
	for ; i < j; i++ {
		t.used[i] = true
	}
}

// find returns the first place where one of the phrases stands in unused words.
func (t *text) find(p phrases) (i, j int, ok bool) {
	for i := range t.words {
		if j := t.matchAt(p, i); j > 0 {
			return i, j, true
		}
	}
	return 0, 0, false
}

// take finds every phrase, marks it used, and returns how many there were.
func (t *text) take(p phrases) int {
	n := 0
	for i := 0; i < len(t.words); i++ {
		if j := t.matchAt(p, i); j > 0 {
			t.use(i, j)
			n++
			i = j - 1
		}
	}
	return n
}

// matchAt returns where the longest phrase beginning at word i ends, 0 if none.
func (t *text) matchAt(p phrases, i int) int { return t.matchIn(p, i, len(t.words)) }

// matchIn is matchAt for phrases that end at word limit or before.
func (t *text) matchIn(p phrases, i, limit int) int {
	best := 0
	for _, pat := range p[t.words[i].fold] {
		if j := t.match(pat, i); j <= limit {
			best = max(best, j)
		}
	}
	return best
}

// match returns where the pattern that begins at word i ends, 0 if it does not
// stand there. A pattern never reaches over the end of a sentence.
func (t *text) match(pat []string, i int) int {
	if len(pat) == 0 {
		return i
	}
	if pat[0] == gap {
		for skip := 0; skip <= maxGap && i+skip < len(t.words); skip++ {
			if j := t.match(pat[1:], i+skip); j > 0 {
				return j
			}
			if t.used[i+skip] || ends(t.words[i+skip]) {
				return 0
			}
		}
		return 0
	}
	if i >= len(t.words) || t.used[i] || t.words[i].fold != pat[0] {
		return 0
	}
	if len(pat) > 1 && ends(t.words[i]) {
		return 0
	}
	return t.match(pat[1:], i+1)
}

func ends(w word) bool { return w.stop == '.' || w.stop == '?' }

// span is a run of words.
type span struct{ i, j int }

// rest returns the unused words as runs: a run ends at any punctuation and at
// a used word.
func (t *text) rest() []span {
	var out []span
	for i := 0; i < len(t.words); i++ {
		if t.used[i] {
			continue
		}
		j := i + 1
		for j < len(t.words) && !t.used[j] && t.words[j-1].stop == 0 {
			j++
		}
		out = append(out, span{i, j})
		i = j - 1
	}
	return out
}

// covered reports whether the words of s are nothing but the given phrases.
func (t *text) covered(s span, lists ...phrases) bool {
	for i := s.i; i < s.j; {
		best := 0
		for _, p := range lists {
			best = max(best, t.matchIn(p, i, s.j))
		}
		if best == 0 {
			return false
		}
		i = best
	}
	return s.i < s.j
}

// has reports whether one of the phrases stands inside s.
func (t *text) has(s span, p phrases) bool {
	for i := s.i; i < s.j; i++ {
		if t.matchIn(p, i, s.j) > 0 {
			return true
		}
	}
	return false
}

// all is the whole text as a span.
func (t *text) all() span { return span{0, len(t.words)} }

// said returns the unused words of s as the patient wrote them.
func (t *text) said(s span) string {
	var b strings.Builder
	for i := s.i; i < s.j; i++ {
		if t.used[i] {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(t.words[i].raw)
		if stop := t.words[i].stop; i+1 < s.j && (stop == ',' || stop == '.') {
			b.WriteRune(stop)
		}
	}
	return b.String()
}

// lead cuts phrases that say nothing from the beginning of a span.
func (t *text) lead(s span, p phrases) span {
	for s.i < s.j {
		j := t.matchIn(p, s.i, s.j)
		if j == 0 {
			break
		}
		s.i = j
	}
	return s
}

// trim cuts phrases that say nothing from both ends of a span.
func (t *text) trim(s span, p phrases) span {
	s = t.lead(s, p)
	for s.i < s.j && t.matchAt(p, s.j-1) == s.j {
		s.j--
	}
	return s
}
