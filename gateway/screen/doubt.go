package screen

import (
	"math"
	"slices"
)

// Named limits of doubt, in tokens.
const (
	elbow = 6  // beside a match, which are read once more as what stands there
	few   = 10 // of a message; fewer hold too little to be sure that it is harmless
	lone  = 4  // of a sentence; so few say it by themselves
)

// What bears a match out: the danger of all that is said or of its own sentence, so that no
// other takes it back; what the words beside it in its clause say for it, so that little
// else in the sentence does; and how long its sentence is, for the company of a danger takes
// the more from its score the more of it there is, much as the square root of its words grows.
const (
	weighBeside   = 0.7
	weighSentence = 0.3
)

// doubtLimits are what a match must be borne out by not to be doubted, for each trust.
// TestDoubt has what they spare and lose on texts that nothing was learned from,
// TestDoubtInUnseenCompany what company costs.
func doubtLimits() [trusts]float64 {
	return [trusts]float64{trustNever: math.Inf(-1), trustSure: math.Inf(-1), trustTold: -3, trustHint: -1.8}
}

// doubt takes back what was found since, where nothing said around it bears it out. If one
// match stands all do, for somebody is paged anyway; and so do those found too often to look
// at. What a date of long ago stands beside is a hint, sure or not; in a message of few
// words nothing else is, nor is a question that is answered. What takes several messages to
// be read is not doubted: each has been by itself.
func (j *judgment) doubt(t *text, since int) {
	if j.joined || !j.c.reads() {
		return
	}
	urgent := func(f *finding) bool { return f.severity.Rank() >= S2.Rank() }
	var heads []span
	for i := range j.found[since:] {
		f := &j.found[since+i]
		if !urgent(f) {
			continue
		}
		f.dated = f.dated && !f.answered && f.trust != trustNever && len(t.toks) >= few
		if f.trust <= trustSure && !f.dated || len(f.heads) == 0 {
			return
		}
		switch {
		case f.dated:
			f.trust = trustHint
		case f.answered, len(t.toks) < few:
			f.trust = trustTold
		}
		heads = append(heads, f.heads...)
	}
	if len(heads) == 0 {
		return
	}
	all := t.d.features(t.toks, t.room)
	for i := range j.found[since:] {
		f := &j.found[since+i]
		if !urgent(f) {
			continue
		}
		if f.borne = t.borne(j.c, all, f, heads); f.borne >= j.c.doubtful[f.trust] {
			return
		}
	}
	kept := j.found[:since]
	for _, f := range j.found[since:] {
		if urgent(&f) {
			j.doubted = append(j.doubted, f)
		} else {
			kept = append(kept, f)
		}
	}
	j.found = kept
}

// borne is how far matches are borne out at best. A sentence of few words says it by
// itself, and so does a clause of one word more than the match, but for a quotation or
// where a date stands beside it.
// A match that stands in several sentences is read by its first part.
func (t *text) borne(c *classifier, all features, f *finding, heads []span) float64 {
	best := math.Inf(-1)
	for _, at := range f.heads {
		lo, hi := t.sentence(at)
		near, alone := t.elbowRoom(at)
		if !f.dated && (alone || hi-lo <= lone) {
			return math.Inf(1)
		}
		danger := max(c.danger.score(all.of(piece{span: around(at, t.all())})), c.danger.score(all.of(piece{span: around(at, span{lo, hi})})))
		beside := float64(weighBeside * c.borne.score(all.witnesses(near, heads)))
		best = max(best, danger+beside+float64(weighSentence*math.Sqrt(float64(hi-lo))))
	}
	return best
}

// elbowRoom is what stands beside a match in its clause, or in its sentence where that is too
// short, and whether the clause says nothing else.
func (t *text) elbowRoom(at span) (near span, alone bool) {
	near.lo, near.hi = t.clause(at)
	alone = near.hi-near.lo <= at.hi-at.lo+1 && !t.quoted(at)
	if near.hi-near.lo <= minPiece {
		near.lo, near.hi = t.sentence(at)
	}
	return span{max(near.lo, at.lo-elbow), min(near.hi, at.hi+elbow)}, alone
}

// around is what is read with a match of a longer span.
func around(at, of span) span {
	if of.hi-of.lo > maxPiece {
		of.lo = max(of.lo, min(at.lo-maxPiece/2, of.hi-maxPiece))
		of.hi = of.lo + maxPiece
	}
	return of
}

// witnesses are the features by which matches are doubted: those of all that is said in a
// span, and once more, as others, those of the words beside each match there.
func (f features) witnesses(of span, heads []span) []uint32 {
	out := slices.Clone(f.of(piece{span: of}))
	for _, h := range heads {
		if h.lo < of.lo || h.hi > of.hi {
			continue
		}
		for _, x := range f.of(piece{span: span{max(of.lo, h.lo-elbow), min(of.hi, h.hi+elbow)}}) {
			out = append(out, beside(x))
		}
	}
	return out
}
