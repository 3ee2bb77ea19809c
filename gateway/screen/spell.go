package screen

import (
	"slices"
	"strings"
)

// reading is what an unknown spelling was taken for: several words in a row,
// or one word that may be any of ids.
type reading struct {
	words []string
	ids   []int32
}

// speller reads the words of one judgment and remembers what it read, so that
// a text that repeats itself costs little.
type speller struct {
	d    *data
	room *room // where it reads; see borrow
	seen map[string]reading
}

// newSpeller is one whose texts stay as long as somebody holds them.
func (d *data) newSpeller() *speller {
	return &speller{d: d, room: &room{}, seen: map[string]reading{}}
}

// known reports whether a spelling needs no guessing.
func (d *data) known(w string) bool {
	_, inVocab := d.vocab[w]
	_, inAlias := d.alias[w]
	return inVocab || inAlias || d.plain[w]
}

func (d *data) exact(w string) []int32 {
	if id, ok := d.vocab[w]; ok {
		return d.single[id : id+1 : id+1]
	}
	return nil
}

// read finds what w stands for. The surest reading wins: the word itself, an
// alias, letters drawn out, digits for letters, sound, one slip of the finger,
// words run together.
func (sp *speller) read(w string) reading {
	d := sp.d
	if ids := d.exact(w); ids != nil {
		return reading{ids: ids}
	}
	if words, ok := d.alias[w]; ok {
		return reading{words: words}
	}
	if d.plain[w] {
		return reading{}
	}
	if r, ok := sp.seen[w]; ok {
		return r
	}
	r := sp.guess(w)
	sp.seen[w] = r
	return r
}

func (sp *speller) guess(w string) reading {
	d := sp.d
	if x := squeeze(w, 2); x != w {
		for _, y := range []string{x, squeeze(w, 1)} {
			if d.known(y) {
				return sp.read(y)
			}
		}
		w = x
	}
	if y, ok := d.unleet(w); ok {
		return sp.read(y)
	}
	if strings.Contains(w, "*") {
		return reading{ids: d.starred(w)}
	}
	if len(w) > maxSplitRunes {
		return reading{}
	}
	if ids := d.oneEdit(w); ids != nil {
		return reading{ids: ids}
	}
	if len(w) >= 5 {
		if ids := d.sameSound(w); ids != nil {
			return reading{ids: ids}
		}
	}
	if parts := sp.split(w); parts != nil {
		return sp.flatten(parts)
	}
	if ids := d.sameBones(w); ids != nil {
		return reading{ids: ids}
	}
	if y := squeeze(w, 1); y != w {
		if d.known(y) {
			return sp.read(y)
		}
	}
	return reading{}
}

func (sp *speller) flatten(parts []string) reading {
	var words []string
	for _, p := range parts {
		if a, ok := sp.d.alias[p]; ok {
			words = append(words, a...)
			continue
		}
		words = append(words, p)
	}
	return reading{words: words}
}

// squeeze shortens every run of one letter to at most n.
func squeeze(w string, n int) string {
	var b strings.Builder
	run, last := 0, rune(0)
	for _, r := range w {
		if r == last {
			run++
		} else {
			run, last = 1, r
		}
		if run <= n {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// leet pairs the digits and signs that stand for letters. One can be i or l.
const leet = "0o1i3e4a5s7t8b@a$s!i"

// unleet reads digits and signs as letters when that yields a known word.
func (d *data) unleet(w string) (string, bool) {
	if !strings.ContainsAny(w, "0134578@$!") || len(w) < 3 {
		return "", false
	}
	y := strings.Map(func(r rune) rune {
		if i := strings.IndexRune(leet, r); i >= 0 && i%2 == 0 {
			return rune(leet[i+1])
		}
		return r
	}, w)
	for _, c := range []string{y, squeeze(y, 1), strings.ReplaceAll(w, "1", "l")} {
		if c != w && d.known(c) {
			return c, true
		}
	}
	if z := strings.Map(func(r rune) rune {
		if r == '1' {
			return 'l'
		}
		if i := strings.IndexRune(leet, r); i >= 0 && i%2 == 0 {
			return rune(leet[i+1])
		}
		return r
	}, w); d.known(z) {
		return z, true
	}
	return "", false
}

func (d *data) leetWord(w string) bool {
	_, ok := d.unleet(w)
	return ok && len(w) >= 4
}

// starred reads k*ll: each star is one hidden letter.
func (d *data) starred(w string) []int32 {
	if len(w) > maxSplitRunes || len(w) < 4 {
		return nil
	}
	var ids []int32
	for id := range d.byShape.find(shape(w)) {
		v := d.words[id]
		same := len(v) == len(w)
		for i := 0; i < len(v) && same; i++ {
			same = w[i] == '*' || w[i] == v[i]
		}
		if same && len(ids) < 4 {
			ids = append(ids, id)
		}
	}
	return ids
}

// shape is what a starred word leaves visible for sure: its length and first letter.
func shape(w string) string { return string(rune('0'+len(w))) + w[:1] }

// shortestEdited is the length from which a vocabulary word may be misspelled by one edit.
const shortestEdited = 5

// oneEdit finds the vocabulary words one insertion, deletion, substitution or
// swap away. The first letter must agree unless the first two were swapped: people
// rarely miss the first key, and "never" is not "fever".
func (d *data) oneEdit(w string) []int32 {
	if len(w) < shortestEdited-1 || strings.ContainsAny(w, "0123456789") {
		return nil
	}
	var ids []int32
	add := func(key string) {
		for id := range d.deletes.find(key) {
			if v := d.words[id]; !slices.Contains(ids, id) && len(ids) < 4 && within(w, v) {
				ids = append(ids, id)
			}
		}
	}
	add(w)
	for i := range len(w) {
		add(w[:i] + w[i+1:])
	}
	return ids
}

// within reports whether w and v differ by exactly one edit of the kinds oneEdit allows.
func within(w, v string) bool {
	if len(w) == len(v) {
		i := 0
		for i < len(w) && w[i] == v[i] {
			i++
		}
		if i == len(w) {
			return false
		}
		if i+1 < len(w) && w[i] == v[i+1] && w[i+1] == v[i] && w[i+2:] == v[i+2:] {
			return true
		}
		return i > 0 && len(w) >= shortestEdited && w[i+1:] == v[i+1:]
	}
	if len(w) > len(v) {
		w, v = v, w
	}
	if len(v)-len(w) != 1 {
		return false
	}
	i := 0
	for i < len(w) && w[i] == v[i] {
		i++
	}
	return i > 0 && w[i:] == v[i+1:]
}

// sound folds spellings that sound alike in English or Spanish.
func sound(w string) string {
	w = soundPairs.Replace(w)
	var b strings.Builder
	for i := 0; i < len(w); i++ {
		c := w[i]
		switch c {
		case 'c':
			c = 'k'
			if i+1 < len(w) && (w[i+1] == 'e' || w[i+1] == 'i' || w[i+1] == 'y') {
				c = 's'
			}
		case 'z':
			c = 's'
		case 'm': // imfarto, combulsiona
			if i+1 < len(w) && strings.IndexByte("bpvf", w[i+1]) >= 0 {
				c = 'n'
			}
		case 'v':
			c = 'b'
		case 'y':
			c = 'i'
		case 'h':
			if i == 0 {
				continue
			}
		}
		b.WriteByte(c)
	}
	return squeeze(b.String(), 1)
}

// Named limits of a reading by consonants, in letters.
const (
	fewestBones = 3
	shortestOut = 6 // the word that is meant
)

// bones are the consonants of a word as they sound: swalowd and swallowed have the same.
func bones(w string) string {
	return squeeze(strings.Map(func(r rune) rune {
		if strings.ContainsRune("aeiouh", r) {
			return -1
		}
		return r
	}, sound(w)), 1)
}

// sameSound finds the words that sound alike.
func (d *data) sameSound(w string) (ids []int32) {
	heard := sound(w)
	for id := range d.sounds.find(heard) {
		if sound(d.words[id]) == heard {
			ids = append(ids, id)
		}
	}
	return ids
}

// sameBones finds the words of which letters were left out, but no consonant that is heard.
func (d *data) sameBones(w string) []int32 {
	if len(w) < shortestEdited || strings.ContainsAny(w, "0123456789") {
		return nil
	}
	var ids []int32
	for id := range d.bones.find(bones(w)) {
		if v := d.words[id]; v[0] == w[0] && len(ids) < 4 && leftOut(w, v) {
			ids = append(ids, id)
		}
	}
	return ids
}

// leftOut reports whether w is v with letters left out.
func leftOut(w, v string) bool {
	for i := range len(v) {
		if w == "" {
			break
		}
		if w[0] == v[i] {
			w = w[1:]
		}
	}
	return w == ""
}

// split takes merged words apart ("cantbreathe"). Only known words count, and
// short ones only from a closed list, so that "legend" stays whole.
func (sp *speller) split(w string) []string {
	d := sp.d
	if len(w) < 5 || len(w) > maxSplitRunes || strings.ContainsAny(w, "0123456789*") {
		return nil
	}
	// best[i] is the fewest words that spell w[:i], cut[i] where the last of them starts.
	best, cut := make([]int, len(w)+1), make([]int, len(w)+1)
	for i := 1; i <= len(w); i++ {
		best[i] = -1
		for j := max(0, i-14); j < i; j++ {
			if best[j] < 0 || best[j] >= 5 {
				continue
			}
			p := w[j:i]
			if len(p) < 4 && !d.short[p] || !d.known(p) {
				continue
			}
			if best[i] < 0 || best[j]+1 < best[i] {
				best[i], cut[i] = best[j]+1, j
			}
		}
	}
	if best[len(w)] < 2 {
		return nil
	}
	var parts []string
	for i := len(w); i > 0; i = cut[i] {
		parts = append(parts, w[cut[i]:i])
	}
	slices.Reverse(parts)
	return parts
}
