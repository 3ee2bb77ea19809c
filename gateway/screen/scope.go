package screen

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
	return t.deniedBefore(s, used) || t.deniedAfter(s)
}

// deniedBefore walks back from the match. Only words that carry a denial to its
// object may stand between; in a list, so may the other items.
func (t *text) deniedBefore(s span, used []bool) bool {
	list := t.listGoesOn(s.hi)
	item := 0
	for i, n := s.lo-1, 0; i >= 0 && n < maxNegationWalk; i, n = i-1, n+1 {
		// The break stands between i and i+1.
		switch brk := t.toks[i+1].brk; {
		case brk >= brkFragment:
			return false
		case brk == brkComma && !list:
			return false
		case brk == brkComma:
			item = 0
		}
		if t.contrast(i) {
			return false
		}
		if t.cue(i, used) {
			return true
		}
		switch {
		case t.isA(i, t.d.sets.listOr):
			list, item = true, 0
		case t.isA(i, t.d.sets.bearing) || t.skipped[i]:
		case list && item < maxListItem:
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
		if t.toks[i].brk >= brkFragment || t.contrast(i) || t.isA(i, t.d.sets.subject) {
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
		return i == 0 || !t.isA(i-1, t.d.sets.able)
	case t.isA(i, t.d.sets.cueNo):
		// "No I have chest pain" answers a question; "no pain" denies.
		return int(next) >= len(t.toks) || !t.isA(next, t.d.sets.subject)
	}
	return false
}

// deniedAfter reads "chest pain? no" and "fever: none".
func (t *text) deniedAfter(s span) bool {
	i := s.hi
	if int(i) >= len(t.toks) {
		return false
	}
	if t.toks[i].brk == brkFragment || t.toks[i].brk == brkSentence && !t.toks[i].asked {
		return false
	}
	if !t.isA(i, t.d.sets.no) || t.isA(i, t.d.sets.cueNot) {
		return false
	}
	return int(i)+1 >= len(t.toks) || t.toks[i+1].brk != brkNone
}

// stand judges one span of a rule's match.
func (t *text) stand(r *rule, s span, used []bool) standing {
	lo, hi := t.sentence(s)
	if !r.always && t.negated(s, used) {
		return standsNegated
	}
	if t.touches(t.d.sets.nonhuman, lo, hi) && !t.touches(t.d.sets.firsthand, lo, hi) {
		return standsNonhuman
	}
	if !r.plainly && t.hypothetical(s, lo, hi) {
		return standsHypothetical
	}
	if r.keep {
		return standsNow
	}
	return t.tense(s)
}

// sentence is the run of tokens of the span's sentence.
func (t *text) sentence(s span) (lo, hi int32) {
	lo, hi = s.lo, s.hi
	n := t.toks[s.lo].sent
	for lo > 0 && t.toks[lo-1].sent == n && s.lo-lo < maxSentence {
		lo--
	}
	for int(hi) < len(t.toks) && t.toks[hi].sent == n && hi-s.hi < maxSentence {
		hi++
	}
	return lo, hi
}

// maxSentence bounds how far a sentence is read either way, in tokens.
const maxSentence = 60

// hypothetical reports a question for information or an invented case: words
// such as "signs of" or "what if" before the match, and nobody who has it.
func (t *text) hypothetical(s span, lo, hi int32) bool {
	if !t.touches(t.d.sets.info, lo, hi) {
		return false
	}
	return !t.touches(t.d.sets.firsthand, lo, hi)
}

// tense reads the clause of a match, and the words right after it, for the past.
func (t *text) tense(s span) standing {
	lo, hi := t.clause(s)
	if t.touches(t.d.sets.historical, lo, hi) {
		if t.touches(t.d.sets.present, lo, hi) {
			return standsNow
		}
		return standsHistorical
	}
	_, end := t.sentence(s)
	if t.touches(t.d.sets.resolved, lo, end) {
		return standsPast
	}
	if t.touches(t.d.sets.past, lo, hi) && !t.touches(t.d.sets.present, lo, end) {
		return standsPast
	}
	return standsNow
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
