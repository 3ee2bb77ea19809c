package screen

import (
	"slices"
)

// scope decides what a match is worth where it stands: denied, over, merely
// asked about, or happening.

// standing is how a match stands in its text.
type standing uint8

const (
	standsNow standing = iota
	standsPast
	standsHistorical
	standsHypothetical
	standsNegated
	standsNonhuman
)

func (s standing) String() string {
	return [...]string{"now", "past", "historical", "hypothetical", "negated", "animal"}[s]
}

// Named limits of the walk back from a match to what denies it.
const (
	maxNegationWalk = 24 // tokens
	maxListItem     = 4  // tokens of one item in "no fever, sore throat or cough"
	maxListAhead    = 6  // tokens ahead in which an "or" shows that a list goes on
)

// negated reports whether s is denied inside its own clause. used are tokens
// that are part of another finding: the "not" of "not breathing" denies nothing else.
func (t *text) negated(s span, used []bool) bool {
	return t.deniedBefore(s, used) || t.deniedAfter(s) || t.d.listing && t.deniedInside(s)
}

// deniedInside reads "my chest does not hurt": the denial stands between the parts
// of the match, and nothing but words that carry it parts it from the last one.
// Only checklists ask; a verdict rather fires.
func (t *text) deniedInside(s span) bool {
	for i := s.hi - 2; i > s.lo; i-- {
		if t.pseudo[i] {
			return false
		}
		if t.isA(i, t.d.sets.cueNot) || t.isA(i, t.d.sets.cueNo) {
			return !t.isA(i-1, t.d.sets.able)
		}
		if t.toks[i+1].brk != brkNone || !t.isA(i, t.d.sets.bearing) {
			return false
		}
	}
	return false
}

// deniedBefore walks back from the match. Only words that carry a denial to its
// object may stand between; in a list, so may the other items.
func (t *text) deniedBefore(s span, used []bool) bool {
	list, far := t.listGoesOn(s.hi), false
	item := 0
	for i, n := s.lo-1, 0; i >= 0 && n < maxNegationWalk; i, n = i-1, n+1 {
		// The break stands between i and i+1.
		switch brk := t.toks[i+1].brk; {
		case brk >= brkLine:
			return false
		case brk == brkComma:
			// Without an "or" only a word made for lists denies beyond a comma:
			// "denies fever, cough", but not "no fever, cough".
			item, far = 0, far || !list
			if t.isA(i+1, t.d.sets.deed) {
				return false
			}
		}
		if t.contrast(i) {
			return false
		}
		if t.cue(i, used) {
			return !far || t.isA(i, t.d.sets.cueFar)
		}
		switch {
		case t.isA(i, t.d.sets.listOr):
			list, item = true, 0
		case t.isA(i, t.d.sets.bearing) || t.skipped[i]:
		case (list || far) && item < maxListItem:
			item++
		default:
			return false
		}
	}
	return false
}

// listGoesOn looks for ", or" or "or" shortly after a match: "no pain, fever, or chills".
func (t *text) listGoesOn(hi int32) bool {
	for i := hi; int(i) < len(t.toks) && i < hi+maxListAhead; i++ {
		if t.toks[i].brk >= brkLine || t.contrast(i) || t.isA(i, t.d.sets.subject) {
			return false
		}
		if t.isA(i, t.d.sets.listOr) {
			return true
		}
	}
	return false
}

// cue reports whether token i denies what follows it.
func (t *text) cue(i int32, used []bool) bool {
	if t.pseudo[i] || t.skipped[i] || used != nil && used[i] {
		return false
	}
	next := i + 1
	switch {
	case t.isA(i, t.d.sets.cueNot):
		// "can not", "will not", "could not" say what fails, and that is a symptom.
		// "I don't he hits me" answers a question.
		return (i == 0 || !t.isA(i-1, t.d.sets.able)) && (int(next) >= len(t.toks) || !t.isA(next, t.d.sets.teller))
	case t.isA(i, t.d.sets.cueNo):
		// "No I have chest pain" answers a question; "no pain" denies. So does the
		// first of "no no puedo respirar": it is the second that belongs to what follows.
		return int(next) >= len(t.toks) || !t.isA(next, t.d.sets.subject) && !t.repeats(next)
	}
	return false
}

// repeats reports whether token i is one more no.
func (t *text) repeats(i int32) bool {
	return t.isA(i, t.d.sets.cueNot) || t.isA(i, t.d.sets.no) && t.isA(i, t.d.sets.cueNo) && t.toks[i].word == t.toks[i-1].word
}

// deniedAfter reads "chest pain? no", "fever: none" and "if I had a fever and I do not".
func (t *text) deniedAfter(s span) bool {
	i := s.hi
	if int(i) >= len(t.toks) {
		return false
	}
	if t.toks[i].brk <= brkComma && t.startsAt(t.d.sets.deniedAfter, i) {
		return true
	}
	if brk := t.toks[i].brk; brk == brkFragment || brk == brkSentence && !t.toks[i].asked {
		return false
	}
	if !t.isA(i, t.d.sets.no) || t.isA(i, t.d.sets.cueNot) {
		return false
	}
	return int(i)+1 >= len(t.toks) || t.toks[i+1].brk != brkNone
}

// Named limits, in tokens, of how far a word of scope reaches. They are short on
// purpose: what is written beside an emergency must not silence it.
const (
	reachInfo     = 8 // "what are the signs of …" before a match
	reachInfoTail = 3 // "… class", "… poster" after it
	reachAnimal   = 5
	reachHistory  = 6
	reachPast     = 4
	reachResolved = 12
	reachUnless   = 6
	reachDate     = 5  // between a date and what may be of then
	reachAnswer   = 40 // from a question to its answer
)

// stand judges one span of a rule's match; joint says that other spans belong to it.
func (t *text) stand(r *rule, s span, used []bool, joint bool) standing {
	lo, hi := t.sentence(s)
	if !r.always && t.negated(s, used) {
		return standsNegated
	}
	if t.bears(t.d.sets.nonhuman, max(lo, s.lo-reachAnimal), s.lo) && !t.touches(t.d.sets.firsthand, lo, hi) {
		return standsNonhuman
	}
	if !r.plainly && t.hypothetical(s, lo, hi) && !t.answered(s.hi) {
		return standsHypothetical
	}
	st := t.tense(s, hi, joint)
	if r.keep && st == standsPast {
		return standsNow
	}
	return st
}

// dated reports whether a date of long ago stands beside a span and nothing in its clause
// says that it is of now, or whether it has gone on for long and nothing anywhere says that
// it is otherwise today.
func (t *text) dated(s span, r *rule) bool {
	w := &t.d.sets
	lo, hi := t.clause(s)
	if t.dates(w.dated, s, lo, hi) {
		return !t.touches(w.present, lo, hi) && !t.touches(w.underWay, lo, hi)
	}
	return !r.worsens() && t.dates(w.longStanding, s, lo, hi) && !t.touches(w.acute, 0, t.all().hi)
}

// dates reports whether a class is said in [lo, hi), a few words from a span at most: after
// it, or where it begins what is read, for else it belongs to what stands before it, as in
// "smoker since 1985 collapsed"; and between them nobody who has begun to tell something
// else and no "and" or "but".
func (t *text) dates(class int32, s span, lo, hi int32) bool {
	w := &t.d.sets
	return slices.ContainsFunc(t.begin(class, lo, hi), func(c span) bool {
		from, to, who := c.hi, s.lo, s.lo-1 // "i overdosed": who did stands right before it
		if c.lo >= s.lo {
			from, to, who = s.hi, c.lo, c.lo
		}
		return c.hi <= hi && (c.lo >= s.lo || c.lo == lo) && to-from <= reachDate && !t.isAny(from, to, w.besides, w.contrast) && !t.isAny(from, who, w.self, w.child, w.other, w.speaker)
	})
}

// isAny reports whether a word in [lo, hi) is of one of some classes.
func (t *text) isAny(lo, hi int32, classes ...int32) bool {
	for i := lo; i < hi; i++ {
		for _, c := range classes {
			if t.isA(i, c) {
				return true
			}
		}
	}
	return false
}

// telling is how many words of a text tell anything: what orders the agent about does not,
// nor what an idiom has taken.
func (t *text) telling() (n int) {
	from := int32(0)
	count := func(to int32) {
		for ; from < to; from++ {
			if !t.skipped[from] {
				n++
			}
		}
	}
	for _, o := range t.of(t.d.sets.orders) {
		count(o.lo)
		from = max(from, o.hi)
	}
	count(t.all().hi)
	return n
}

// quoted reports whether all of a span stands between quotation marks.
func (t *text) quoted(s span) bool {
	return !slices.ContainsFunc(t.toks[s.lo:s.hi], func(tok token) bool { return !tok.quoted })
}

// sentence is the run of tokens of the span's sentence, no further than its line.
func (t *text) sentence(s span) (lo, hi int32) {
	lo, hi = s.lo, s.hi
	first, last := t.toks[s.lo].line, t.toks[s.hi-1].line
	for lo > 0 && t.toks[lo-1].line == first && s.lo-lo < maxSentence {
		lo--
	}
	for int(hi) < len(t.toks) && t.toks[hi].line == last && hi-s.hi < maxSentence {
		hi++
	}
	return lo, hi
}

// maxSentence bounds how far a sentence is read either way, in tokens.
const maxSentence = 60

// hypothetical reports a question for information or an invented case: words
// such as "signs of" or "what if" shortly before the match, or "class" right
// after it, and nobody who has it.
func (t *text) hypothetical(s span, lo, hi int32) bool {
	info := t.d.sets.info
	if !t.bears(info, max(lo, s.lo-reachInfo), s.lo) && !t.says(info, s.hi, t.tail(s.hi, min(hi, s.hi+reachInfoTail))) && !t.says(info, s.lo, s.hi) {
		return false
	}
	return !t.touches(t.d.sets.firsthand, lo, hi)
}

// answered reports whether what follows in a text answers its own question: in "what
// causes X? mine began at noon" nobody asks for information.
func (t *text) answered(from int32) bool {
	w := &t.d.sets
	return slices.ContainsFunc(t.begin(w.answered, from, from+reachAnswer), func(a span) bool {
		lo, hi := t.sentence(a)
		lo = max(lo, from)
		return !t.touches(w.ago, lo, hi) && !t.touches(w.history, lo, hi) && !t.touches(w.past, lo, hi) && !t.touches(w.resolved, lo, hi)
	})
}

// says reports whether a class has a span that begins inside [lo, hi) and was written so:
// what makes a matter of general interest of an emergency, or an animal's, must not come
// about by a slip in another word.
func (t *text) says(class, lo, hi int32) bool {
	return slices.ContainsFunc(t.begin(class, lo, hi), t.written)
}

// written reports whether no word of a span was read as another, and no line ends inside.
func (t *text) written(s span) bool {
	for i := s.lo; i < s.hi; i++ {
		tok := &t.toks[i]
		asIs := len(tok.ids) == 0 || tok.isNum || t.d.exact(tok.word) != nil || t.d.alias[tok.word] != nil
		if !asIs || i > s.lo && tok.brk >= brkLine {
			return false
		}
	}
	return true
}

// tail ends a reach behind a match at the next comma: in "I was raped last night,
// what is the difference between …" the question is another one.
func (t *text) tail(lo, hi int32) int32 {
	for i := lo; i < hi; i++ {
		if t.toks[i].brk != brkNone {
			return i
		}
	}
	return hi
}

// bears reports whether a class is said inside [lo, hi) with no "but" or "now" between it
// and hi: "we watched a movie and now chest pain" tells what is.
func (t *text) bears(class, lo, hi int32) bool {
	return slices.ContainsFunc(t.begin(class, lo, hi), func(s span) bool { return t.written(s) && !t.turns(s.hi, hi) })
}

// turns reports whether a contrast stands in [lo, hi).
func (t *text) turns(lo, hi int32) bool {
	for i := lo; i < hi; i++ {
		if t.contrast(i) {
			return true
		}
	}
	return false
}

// tense reads the words around a match for the past. A joint match is not over
// because "last week" stands beside one of its parts.
func (t *text) tense(s span, end int32, joint bool) standing {
	lo, hi := t.clause(s)
	if t.historical(s, lo, hi) {
		if t.touches(t.d.sets.present, lo, hi) {
			return standsNow
		}
		return standsHistorical
	}
	if t.over(s, end) {
		return standsPast
	}
	if !joint && t.touches(t.d.sets.past, max(lo, s.lo-reachPast), min(hi, s.hi+reachPast)) && !t.touches(t.d.sets.present, lo, end) {
		return standsPast
	}
	return standsNow
}

// historical looks for "in 2015" or "as a kid" after a match, for "history of"
// before it, and for "two years ago" where a clause begins. In "had a heart
// attack two years ago my chest hurts" the date belongs to what stands before it.
func (t *text) historical(s span, lo, hi int32) bool {
	w := &t.d.sets
	if t.touches(w.ago, s.lo, min(hi, s.hi+reachPast)) || t.touches(w.history, max(lo, s.lo-reachHistory), min(hi, s.hi+reachPast)) {
		return true
	}
	return t.touches(w.ago, lo, min(lo+1, s.lo)) && s.lo-lo <= 2*reachHistory
}

// over looks for "went away" after a match, unless that is itself denied.
func (t *text) over(s span, end int32) bool {
	for _, r := range t.of(t.d.sets.resolved) {
		if r.lo < s.hi || r.lo >= end || r.lo-s.hi > reachResolved {
			continue
		}
		if r.lo > 0 && (t.isA(r.lo-1, t.d.sets.cueNo) || t.isA(r.lo-1, t.d.sets.cueNot)) {
			continue
		}
		return true
	}
	return false
}

// clause is the run of tokens around s up to a comma, a contrast or the sentence's ends.
func (t *text) clause(s span) (lo, hi int32) {
	lo, hi = s.lo, s.hi
	for lo > 0 && s.lo-lo < maxSentence && t.toks[lo].brk == brkNone && !t.contrast(lo-1) {
		lo--
	}
	for int(hi) < len(t.toks) && hi-s.hi < maxSentence && t.toks[hi].brk == brkNone && !t.contrast(hi) {
		hi++
	}
	return lo, hi
}

// experiencer is whose symptom it is: the nearest person named before the match,
// in its sentence or the ones before, else after it, else the writer.
func (t *text) experiencer(s span) string {
	const far = 40
	for i := s.hi - 1; i >= 0 && s.lo-i < far; i-- {
		switch {
		case t.isA(i, t.d.sets.child):
			return "child"
		case t.isA(i, t.d.sets.other):
			return "other"
		case t.isA(i, t.d.sets.self) && i >= s.lo-6 && i != 0:
			if i+1 < int32(len(t.toks)) && (t.isA(i+1, t.d.sets.child) || t.isA(i+1, t.d.sets.other)) {
				continue
			}
			return "self"
		}
	}
	_, end := t.sentence(s)
	for i := s.hi; i < end; i++ {
		if t.isA(i, t.d.sets.child) {
			return "child"
		}
	}
	return "self"
}
