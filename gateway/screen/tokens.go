package screen

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// token is one word or number of a text.
type token struct {
	word       string
	ids        []int32 // vocabulary words it may stand for; empty when unknown
	start, end int     // raw bytes
	from, to   int     // glyphs
	brk        uint8   // the break before it
	asked      bool    // the break before it holds a question mark
	quoted     bool    // stands between quotation marks
	isNum      bool
	dec        bool // the number was written with a decimal point
	num        float64
	sent       int32 // sentence; patterns do not cross it
	line       int32 // line of a sentence; words of scope do not cross it
	frag       int32 // 0 the judged text, else 1-based index into the recent messages
}

// Breaks before a token, weakest first.
const (
	brkNone     = iota
	brkComma    // a comma, dash, colon, bracket or ellipsis
	brkLine     // the end of a line
	brkFragment // another message
	brkSentence // the end of a sentence
)

// Named limits: they bound the work a hostile text can ask for.
const (
	maxWordRunes   = 48 // longer runs are cut into pieces of this length
	maxSplitRunes  = 24 // longest run taken apart into merged words
	maxNumberRunes = 12
	maxQuotation   = 120 // from mark to mark
)

// tokenise cuts one text into tokens, reading numbers, spaced-out letters,
// contractions and misspellings on the way.
func (d *data) tokenise(raw string, frag int32, sp *speller) []token {
	toks := d.unspace(d.cut(d.fold(raw, sp.room), frag, sp.room), sp)
	out := slices.Grow(sp.room.tokens.open(), len(toks)+8)
	for i := range toks {
		out = d.resolve(out, toks[i], sp)
	}
	out = d.rejoin(sp.room.tokens.keep(out))
	d.readNumberWords(out)
	out = d.readNineOneOne(out, raw)
	d.readWeeks(out)
	d.readSpanishHave(out)
	return out
}

// readNineOneOne reads "9-1-1", and "nine one one" behind the word that has it called.
func (d *data) readNineOneOne(toks []token, raw string) []token {
	out := toks[:0]
	for i := 0; i < len(toks); i++ {
		t := toks[i]
		if i+2 < len(toks) && t.is(9) && toks[i+1].isOne() && toks[i+2].isOne() {
			sign := between(raw, t, toks[i+1])
			called := i > 0 && slices.Contains([]string{"call", "called", "calling", "dial", "dialed", "al", "llama", "llame"}, toks[i-1].word)
			if sign == between(raw, toks[i+1], toks[i+2]) && (sign == "-" || sign == "." || sign == "" && called) {
				i += 2
				t.word, t.ids, t.num, t.end, t.to = "911", d.exact("911"), 911, toks[i].end, toks[i].to
			}
		}
		out = append(out, t)
	}
	return out
}

// between are the signs between two tokens, without blanks and what is not seen.
func between(raw string, a, b token) string {
	return strings.TrimFunc(raw[a.end:b.start], func(r rune) bool { return unicode.IsSpace(r) || invisible(r) })
}

// isOne reports whether a token is a one, or the Spanish word, which is no number by itself.
func (t *token) isOne() bool { return t.is(1) || t.word == "uno" }

// is reports whether a token is one number.
func (t *token) is(n float64) bool { return t.isNum && t.num == n }

// readWeeks reads the w of "38w", which by itself is with.
func (d *data) readWeeks(toks []token) {
	for i := 1; i < len(toks); i++ {
		if toks[i].word == "with" && toks[i-1].isNum && toks[i].from == toks[i-1].to {
			toks[i].word, toks[i].ids = "weeks", d.exact("weeks")
		}
	}
}

// readSpanishHave tells "no he vomitado", I have not, from "no he vomited": the
// first is a denial, the second an answer.
func (d *data) readSpanishHave(toks []token) {
	for i := 1; i+1 < len(toks); i++ {
		if toks[i].word == "he" && toks[i+1].brk == brkNone && spanishParticiple(toks[i+1].word) && slices.Contains([]string{"no", "ni", "nunca", "tampoco", "ya"}, toks[i-1].word) {
			toks[i].word, toks[i].ids = "have", d.exact("have")
		}
	}
}

func spanishParticiple(w string) bool {
	return strings.HasSuffix(w, "ado") || strings.HasSuffix(w, "ido") || slices.Contains([]string{"hecho", "visto", "dicho", "puesto", "vuelto"}, w)
}

// cut splits glyphs at everything that is neither letter, digit nor a sign used inside a word.
func (d *data) cut(g []glyph, frag int32, room *room) []token {
	out := room.tokens.open()
	brk, asked := uint8(brkNone), false
	money := false
	until := 0 // the end of the quotation that is read
	for i := 0; i < len(g); {
		r := g[i].r
		if i >= until {
			until = quotationEnd(g, i)
		}
		before := len(out)
		switch {
		case isDigit(r):
			j := numberEnd(g, i)
			t := d.newToken(g, i, j, frag, brk, asked, room)
			t.word = strings.ReplaceAll(t.word, ",", ".")
			setNumber(&t, money)
			// 5wk and 101f are a number and its unit; 5u1cide is not.
			if k := wordEnd(g, i); k > j && d.leetWord(d.glyphText(g[i:k], room)) {
				t = d.newToken(g, i, k, frag, brk, asked, room)
				j = k
			}
			out = append(out, t)
			brk, asked, money, i = brkNone, false, false, j
		case isWordRune(r):
			j := wordEnd(g, i)
			out = append(out, d.newToken(g, i, j, frag, brk, asked, room))
			brk, asked, money, i = brkNone, false, false, j
		case (r == '$' || r == '@') && i+1 < len(g) && isWordRune(g[i+1].r) && d.leetWord(d.glyphText(g[i:wordEnd(g, i+1)], room)):
			j := wordEnd(g, i+1)
			out = append(out, d.newToken(g, i, j, frag, brk, asked, room))
			brk, asked, money, i = brkNone, false, false, j
		default:
			if w := d.sign(g, i); w != "" {
				t := d.newToken(g, i, i+1, frag, brk, asked, room)
				t.word = w
				out = append(out, t)
				brk, asked = brkNone, false
			}
			b, q := breakOf(g, i)
			brk, asked, money = max(brk, b), asked || q, r == '$'
			i++
		}
		for k := range out[before:] {
			out[before+k].quoted = i < until
		}
	}
	return room.tokens.keep(out)
}

// quotationEnd is one more than the mark that closes the quotation which begins at glyph
// i, or i where none begins, or none ends on its line within what is read as one. A mark
// after a digit counts inches and begins none.
func quotationEnd(g []glyph, i int) int {
	closing := '"'
	switch g[i].r {
	case '"':
	case '“':
		closing = '”'
	case '„':
		closing = '“'
	case '«':
		closing = '»'
	default:
		return i
	}
	if i > 0 && isDigit(g[i-1].r) {
		return i
	}
	for k := i + 1; k < len(g) && k-i <= maxQuotation && g[k].r != '\n'; k++ {
		if g[k].r == closing {
			return k + 1
		}
	}
	return i
}

func (d *data) newToken(g []glyph, i, j int, frag int32, brk uint8, asked bool, room *room) token {
	return token{word: d.glyphText(g[i:j], room), start: g[i].start, end: g[j-1].end, from: i, to: j, frag: frag, brk: brk, asked: asked}
}

// glyphText is the word that glyphs write: one of the vocabulary is not written again.
func (d *data) glyphText(g []glyph, room *room) string {
	b := room.letters[:0]
	for _, x := range g {
		if x.r != '\'' && x.r != '’' {
			b = utf8.AppendRune(b, x.r)
		}
	}
	room.letters = b
	if id, ok := d.vocab[string(b)]; ok {
		return d.words[id]
	}
	return string(b)
}

// sign turns the few signs that mean a word into it.
func (d *data) sign(g []glyph, i int) string {
	switch g[i].r {
	case '/':
		if i > 0 && i+1 < len(g) && isDigit(g[i-1].r) && isDigit(g[i+1].r) {
			return "/"
		}
	case '&', '+':
		return "and"
	case '%':
		return "percent"
	}
	return ""
}

func isDigit(r rune) bool { return '0' <= r && r <= '9' }

func isWordRune(r rune) bool { return 'a' <= r && r <= 'z' || r > 0x7f && unicode.IsLetter(r) }

// wordEnd walks a word. Apostrophes, digits and the signs used as letters stay
// inside it only between two letters, so that "pain!" ends at the letter.
func wordEnd(g []glyph, i int) int {
	j := i
	for j < len(g) && j-i < maxWordRunes {
		r := g[j].r
		if isWordRune(r) || isDigit(r) {
			j++
			continue
		}
		inside := strings.ContainsRune("'’*@$!", r) && j > i && j+1 < len(g) && (isWordRune(g[j+1].r) || r == '*' && g[j+1].r == '*')
		if !inside {
			break
		}
		j++
	}
	return j
}

// numberEnd walks digits with one decimal point or comma, or thousands commas.
func numberEnd(g []glyph, i int) int {
	j := i
	for j < len(g) && j-i < maxNumberRunes {
		if isDigit(g[j].r) {
			j++
			continue
		}
		if (g[j].r == '.' || g[j].r == ',') && j+1 < len(g) && isDigit(g[j+1].r) {
			j++
			continue
		}
		break
	}
	return j
}

func setNumber(t *token, money bool) {
	s := t.word
	if i := strings.LastIndexByte(s, '.'); i >= 0 && len(s)-i == 4 {
		s = strings.ReplaceAll(s, ".", "") // 1,000
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || money {
		return
	}
	t.isNum, t.num, t.dec = true, v, strings.Contains(s, ".")
}

// breakOf says how strongly a sign parts what stands around it.
func breakOf(g []glyph, i int) (brk uint8, asked bool) {
	switch g[i].r {
	case '.', '…':
		if i+1 < len(g) && g[i+1].r == '.' || i > 0 && g[i-1].r == '.' {
			return brkComma, false
		}
		if dotted(g, i) {
			return brkNone, false
		}
		return brkSentence, false
	case '!', ';', '。', '！', '¡':
		return brkSentence, false
	case '?', '¿', '？':
		return brkSentence, g[i].r != '¿'
	case ',', ':', '(', ')', '[', ']', '{', '}', '|', '"', '—', '–', '<', '>':
		return brkComma, false
	case '\n', '\r', '\u2028', '\u2029':
		return brkLine, false
	case '-':
		if i > 0 && g[i-1].r == ' ' {
			return brkComma, false
		}
	}
	return brkNone, false
}

// dotted reports a dot that stands for a space, as in "i.cant.breathe": it joins two words,
// and one of these is joined to a third. A no at their beginning has been the answer to
// something else.
func dotted(g []glyph, i int) bool {
	if !joins(g, i) {
		return false
	}
	lo, hi := i, i+1
	dots := 1
	for ; lo > 0 && i-lo < maxWordRunes && (inWord(g[lo-1].r) || joins(g, lo-1)); lo-- {
		if g[lo-1].r == '.' {
			dots++
		}
	}
	for ; hi < len(g) && hi-i < maxWordRunes && (inWord(g[hi].r) || joins(g, hi)); hi++ {
		if g[hi].r == '.' {
			dots++
		}
	}
	no := hi-lo > 2 && g[lo].r == 'n' && g[lo+1].r == 'o' && !isWordRune(g[lo+2].r)
	return dots > 1 && !no
}

// joins reports a dot between two letters.
func joins(g []glyph, i int) bool {
	return i > 0 && i+1 < len(g) && g[i].r == '.' && isWordRune(g[i-1].r) && isWordRune(g[i+1].r)
}

func inWord(r rune) bool { return isWordRune(r) || isDigit(r) || r == '\'' || r == '’' }

// unspace reads letters set apart ("c h e s t   p a i n", "s.u.i") as words.
// What does not become known words is left as it was.
func (d *data) unspace(toks []token, sp *speller) []token {
	const shortest = 4
	out := sp.room.tokens.open()
	for i := 0; i < len(toks); {
		j := i
		for j < len(toks) && len(toks[j].word) == 1 && isWordRune(rune(toks[j].word[0])) && j-i < maxWordRunes {
			j++
		}
		switch {
		case j-i >= shortest:
			out = append(out, d.joinLetters(toks[i:j], sp)...)
		case j > i:
			out = append(out, toks[i:j]...)
		default:
			out = append(out, toks[i])
			j = i + 1
		}
		i = j
	}
	return sp.room.tokens.keep(out)
}

// joinLetters groups letters by the wider gaps between them, then by the words
// they spell.
func (d *data) joinLetters(run []token, sp *speller) []token {
	narrow := run[1].from - run[0].to
	for k := 1; k < len(run); k++ {
		narrow = min(narrow, run[k].from-run[k-1].to)
	}
	var out []token
	for i := 0; i < len(run); {
		j := i + 1
		for j < len(run) && run[j].from-run[j-1].to == narrow {
			j++
		}
		out = append(out, d.joinGroup(run[i:j], sp)...)
		i = j
	}
	return out
}

// joinGroup reads evenly spaced letters as the words they spell, if they do.
func (d *data) joinGroup(letters []token, sp *speller) []token {
	var b strings.Builder
	for _, t := range letters {
		b.WriteString(t.word)
	}
	parts := []string{b.String()}
	if !d.known(parts[0]) {
		if parts = sp.split(parts[0]); parts == nil {
			return letters
		}
	}
	var out []token
	for at := 0; len(parts) > 0; parts = parts[1:] {
		t, last := letters[at], letters[at+len(parts[0])-1]
		t.word, t.end, t.to = parts[0], last.end, last.to
		if at > 0 {
			t.brk, t.asked = brkNone, false
		}
		out, at = append(out, t), at+len(parts[0])
	}
	return out
}

// resolve appends t as the vocabulary words it stands for.
func (d *data) resolve(out []token, t token, sp *speller) []token {
	if t.isNum {
		t.ids = d.exact(t.word)
		return append(out, t)
	}
	r := sp.read(t.word)
	if len(r.words) == 0 {
		t.ids = r.ids
		return append(out, t)
	}
	for i, w := range r.words {
		u := t
		u.word, u.ids = w, d.exact(w)
		if i > 0 {
			u.brk, u.asked = brkNone, false
		}
		out = append(out, u)
	}
	return out
}

// rejoin reads two pieces as one word where only the whole is known ("sui cide").
func (d *data) rejoin(toks []token) []token {
	const shortest = 6
	out := toks[:0]
	for i := 0; i < len(toks); i++ {
		t := toks[i]
		if i+1 < len(toks) && toks[i+1].brk == brkNone && (d.merge[t.word+toks[i+1].word] || len(t.ids) == 0 || len(toks[i+1].ids) == 0) && !t.isNum && len(t.word)+len(toks[i+1].word) >= shortest && len(t.word) <= maxSplitRunes && len(toks[i+1].word) <= maxSplitRunes {
			if ids := d.exact(t.word + toks[i+1].word); ids != nil {
				t.word += toks[i+1].word
				t.ids, t.end = ids, toks[i+1].end
				i++
			}
		}
		out = append(out, t)
	}
	return out
}

// readNumberWords gives number words their value: "thirty two" is 32 at its first
// word, "a hundred and one" is 101 at its hundred.
func (d *data) readNumberWords(toks []token) {
	for i := len(toks) - 1; i >= 0; i-- {
		t := &toks[i]
		v, ok := d.numbers[d.meant(t)]
		if !ok || t.isNum {
			continue
		}
		next := i + 1
		if v == 100 && next < len(toks) && toks[next].word == "and" {
			next++
		}
		if next < len(toks) && toks[next].brk == brkNone {
			u, ok := d.numbers[d.meant(&toks[next])]
			switch {
			case ok && v >= 20 && v < 100 && u > 0 && u < 10:
				v += u
			case ok && v == 100 && u > 0 && u < 100:
				v += toks[next].num
			}
		}
		t.isNum, t.num = true, v
	}
}

// meant is the word a token stands for: as it is written, or the first it was read as.
func (d *data) meant(t *token) string {
	if len(t.ids) > 0 {
		return d.words[t.ids[0]]
	}
	return t.word
}
