package screen

import (
	"cmp"
	"slices"
)

// span is a run of tokens, hi exclusive.
type span struct{ lo, hi int32 }

// elem is one step of a sequence: a class, and how many tokens may be skipped before it.
type elem struct {
	class int32
	gap   int32
}

// sequence is an ordered run of classes inside one sentence.
type sequence struct {
	elems    []elem
	bos, eos bool  // anchored at the start or end of a sentence
	owed     int32 // while it is read: the gap before an optional element that was left out
}

// pattern is one or more sequences that must all be found within a reach of each other.
type pattern struct {
	parts []sequence
	needs int32 // the first class of the first part: most patterns are looked at no further
	trust trust
	src   string // as it is written, for an explanation
}

// trust is how far a pattern is believed where what stands around it does not bear it out;
// see doubt.
type trust uint8

const (
	trustNever trust = iota // never doubted: what measures, what can wait for the same day, a clinic's own phrases
	trustSure               // only beside a date of long ago
	trustTold               // where next to nothing bears it out; so a hint in a message of few words
	trustHint               // where little does; so all beside a date of long ago
	trusts                  // how many there are
)

func patternOf(parts []sequence, src string) pattern {
	return pattern{parts: parts, needs: parts[0].elems[0].class, src: src}
}

// text is the tokens of a text and the classes found in it.
type text struct {
	d       *data
	room    *room
	toks    []token
	lists   [][]span // of the classes that were found, sorted by lo
	listOf  []int32  // by class: one more than its place in lists, or 0
	lastLo  []int32  // scratch of run: start of the partial match that ends here
	stamp   []int32
	clock   int32
	pseudo  []bool // tokens whose "no" denies nothing
	denial  []bool // tokens that deny what follows them
	skipped []bool // tokens an idiom has taken
	tally   tally  // of the classifier; see tallied
}

// firstSpans is the room that a class has at first: most are found once or twice.
const firstSpans = 2

// add notes that class c was found at s.
func (t *text) add(c int32, s span) {
	if t.listOf[c] == 0 {
		t.put(c, t.room.spans.take(firstSpans)[:0])
	}
	l := t.lists[t.listOf[c]-1]
	if len(l) == cap(l) {
		l = append(t.room.spans.take(2 * len(l))[:0], l...)
	}
	t.lists[t.listOf[c]-1] = append(l, s)
}

// of is where class c was found.
func (t *text) of(c int32) []span {
	if i := t.listOf[c]; i > 0 {
		return t.lists[i-1]
	}
	return nil
}

// put notes all places of class c.
func (t *text) put(c int32, spans []span) {
	switch i := t.listOf[c]; {
	case i > 0:
		t.lists[i-1] = spans
	case spans != nil:
		t.lists = append(t.lists, spans)
		t.listOf[c] = int32(len(t.lists))
	}
}

// parse finds every class in the tokens: phrases first, idioms next (their
// words then mean nothing else), concepts last, in the order of the data.
func (d *data) parse(toks []token, r *room) *text {
	t := &text{d: d, room: r, toks: toks, lists: r.lists.open(), listOf: r.counts.take(len(d.classes))}
	t.lastLo, t.stamp = r.counts.take(len(toks)+1), r.counts.take(len(toks)+1)
	t.skipped, t.pseudo, t.denial = r.flags.take(len(toks)), r.flags.take(len(toks)), r.flags.take(len(toks))
	for i := range toks {
		t.phrasesAt(i, i, 0)
		t.numberAt(i)
	}
	t.dropIdioms()
	for _, s := range t.of(d.sets.pseudo) {
		for i := s.lo; i < s.hi; i++ {
			t.pseudo[i] = true
		}
	}
	for i := range toks {
		t.denial[i] = t.cue(int32(i), nil)
	}
	for i := range d.concepts {
		c := &d.concepts[i]
		t.put(c.class, t.merged(t.of(c.class), t.conceptSpans(c)))
	}
	t.lists = r.lists.keep(t.lists)
	return t
}

// merged is both lists as one, in order.
func (t *text) merged(a, b []span) []span {
	if len(b) == 0 {
		return sorted(a)
	}
	all := t.room.spans.take(len(a) + len(b))
	copy(all[copy(all, a):], b)
	return sorted(all)
}

// phrasesAt follows the phrase tree from token i; start is where the phrase began.
func (t *text) phrasesAt(start, i int, node int32) {
	tree := &t.d.phrases
	for c := range tree.classes.of(tree.ends[node]) {
		t.add(c, span{int32(start), int32(i)})
	}
	if i >= len(t.toks) || i > start && t.toks[i].brk == brkSentence {
		return
	}
	for _, id := range t.toks[i].ids {
		if next, ok := tree.next[step{node, id}]; ok {
			t.phrasesAt(start, i+1, next)
		}
	}
}

func (t *text) numberAt(i int) {
	tok := &t.toks[i]
	if !tok.isNum {
		return
	}
	for _, n := range t.d.numeric {
		if tok.num >= n.lo && tok.num <= n.hi && (!n.dec || tok.dec) {
			t.add(n.class, span{int32(i), int32(i + 1)})
		}
	}
}

// dropIdioms takes the words of every idiom out of all other classes.
func (t *text) dropIdioms() {
	hit := false
	for i := range t.d.idioms {
		for _, s := range t.conceptSpans(&t.d.idioms[i]) {
			if t.toks[s.lo].line != t.toks[s.hi-1].line {
				continue // "my dog says hi", and on the next line somebody swallowed pills
			}
			hit = true
			for i := s.lo; i < s.hi; i++ {
				t.skipped[i] = true
			}
		}
	}
	if !hit {
		return
	}
	for i := range t.lists {
		t.lists[i] = slices.DeleteFunc(t.lists[i], func(s span) bool {
			for i := s.lo; i < s.hi; i++ {
				if t.skipped[i] {
					return true
				}
			}
			return false
		})
	}
}

// conceptSpans is the union of a concept's patterns, until the next is asked for.
func (t *text) conceptSpans(c *concept) []span {
	out := t.room.union[:0]
	for i := range c.patterns {
		if p := &c.patterns[i]; len(t.of(p.needs)) > 0 {
			out = append(out, t.run(&p.parts[0])...)
		}
	}
	t.room.union = out
	return sorted(out)
}

func sorted(s []span) []span {
	if len(s) < 2 {
		return s
	}
	slices.SortFunc(s, func(a, b span) int { return cmp.Or(cmp.Compare(a.lo, b.lo), cmp.Compare(a.hi, b.hi)) })
	return slices.Compact(s)
}

// run finds a sequence in one pass over the spans of each step. For every place
// a partial match can end it keeps only the nearest one, so the work grows with
// the spans times the gap and never with their product.
func (t *text) run(q *sequence) []span {
	if !t.mayRun(q) {
		return nil
	}
	cur := t.of(q.elems[0].class)
	if q.bos {
		cur = slices.DeleteFunc(t.room.spans.clone(cur), func(s span) bool { return !t.startsSentence(s.lo) })
	}
	for _, e := range q.elems[1:] {
		if len(cur) == 0 {
			return nil
		}
		cur = t.step(cur, e)
	}
	if q.eos {
		cur = slices.DeleteFunc(t.room.spans.clone(cur), func(s span) bool { return !t.endsSentence(s.hi) })
	}
	return cur
}

// mayRun reports whether every step of a sequence is found somewhere.
func (t *text) mayRun(q *sequence) bool {
	for _, e := range q.elems {
		if len(t.of(e.class)) == 0 {
			return false
		}
	}
	return true
}

func (t *text) step(cur []span, e elem) []span {
	t.clock++
	for _, a := range cur {
		if t.stamp[a.hi] != t.clock || t.lastLo[a.hi] < a.lo {
			t.stamp[a.hi], t.lastLo[a.hi] = t.clock, a.lo
		}
	}
	out := t.room.spans.open()
	for _, b := range t.of(e.class) {
		for end := b.lo; end > 0 && end >= b.lo-e.gap; end-- {
			if t.toks[end-1].sent != t.toks[b.lo].sent || end < b.lo && (t.contrast(end) || t.parted(end, b.lo)) {
				break
			}
			if t.stamp[end] == t.clock {
				out = append(out, span{t.lastLo[end], b.hi})
				break
			}
		}
	}
	return t.room.spans.keep(out)
}

// parted reports whether token i denies what stands at lo: "my leg hurts, no chest
// pain" is not of a chest that hurts. "My chest does not stop hurting" is.
func (t *text) parted(i, lo int32) bool {
	if !t.denial[i] || t.d.listing { // a checklist tells what is denied: see deniedInside
		return false
	}
	for k := i + 1; k < lo; k++ {
		if t.toks[k].brk != brkNone || !t.isA(k, t.d.sets.bearing) {
			return false
		}
	}
	return true
}

func (t *text) contrast(i int32) bool { return t.isA(i, t.d.sets.contrast) }

// isA reports whether token i alone is a member of a set.
func (t *text) isA(i, class int32) bool {
	for _, id := range t.toks[i].ids {
		if t.d.wordClass[id].has(class) {
			return true
		}
	}
	return false
}

// startsSentence counts a line and a message as a sentence: people leave the full stop out.
func (t *text) startsSentence(i int32) bool {
	return i == 0 || t.toks[i].brk >= brkLine
}

func (t *text) endsSentence(hi int32) bool {
	return int(hi) == len(t.toks) || t.startsSentence(hi)
}

// begin are the spans of a class that begin inside [lo, hi).
func (t *text) begin(class, lo, hi int32) []span {
	s := t.of(class)
	by := func(a span, x int32) int { return cmp.Compare(a.lo, x) }
	i, _ := slices.BinarySearchFunc(s, lo, by)
	n, _ := slices.BinarySearchFunc(s[i:], hi, by)
	return s[i : i+n]
}

// touches reports whether a class has a span that begins inside [lo, hi).
func (t *text) touches(class, lo, hi int32) bool { return len(t.begin(class, lo, hi)) > 0 }

// startsAt reports whether a class has a span that begins at lo.
func (t *text) startsAt(class, lo int32) bool { return t.touches(class, lo, lo+1) }

// near lists the spans of q around at, nearest first, within a reach of the text.
func (t *text) near(spans []span, at span, reach reach) []span {
	const most = 12
	i, _ := slices.BinarySearchFunc(spans, at.lo, func(a span, x int32) int { return cmp.Compare(a.lo, x) })
	var out []span
	for l, r := i-1, i; (l >= 0 || r < len(spans)) && len(out) < most; {
		left := l >= 0 && (r >= len(spans) || at.lo-spans[l].hi <= spans[r].lo-at.hi)
		var s span
		if left {
			s, l = spans[l], l-1
		} else {
			s, r = spans[r], r+1
		}
		if !t.reaches(at, s, reach) {
			if left {
				l = -1
			} else {
				r = len(spans)
			}
			continue
		}
		out = append(out, s)
	}
	return out
}

func (t *text) reaches(a, b span, r reach) bool {
	switch r {
	case reachMessage:
		return true
	case reachSentence:
		return t.toks[a.lo].sent == t.toks[b.lo].sent
	}
	if b.lo >= a.hi {
		return b.lo-a.hi <= int32(r)
	}
	return a.lo-b.hi <= int32(r)
}
