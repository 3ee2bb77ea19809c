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

// scores are what matches are doubted by: how far they are borne out, and how far the same
// words speak of danger whether a rule has found something or not.
type scores struct{ borne, danger float64 }

// doubtLimits are the scores below which a match is doubted, for each trust. TestDoubt has
// what they spare and lose on texts that nothing was learned from,
// TestDoubtInUnseenCompany what company costs.
func doubtLimits() [trusts]scores {
	return [trusts]scores{
		trustNever: {math.Inf(-1), math.Inf(-1)},
		trustSure:  {math.Inf(-1), math.Inf(-1)},
		trustFirm:  {-0.25, -2.5},
		trustCore:  {0, -2},
		trustHint:  {1, -1.5},
		trustDated: {4, -2},
	}
}

// doubt takes back what was found since, where nothing said around it bears it out. What
// is sure is not doubted, nor what is found too often to look at, nor what stands beside
// either: somebody is paged anyway. Else what a date of long ago stands beside is doubted
// by its sentence, sure or not, what is only mentioned is a hint, and in a message of few
// words all that is told is firm. What takes several messages to be read is not
// doubted: each has been by itself.
func (j *judgment) doubt(t *text, since int) {
	if j.joined || !j.c.reads() {
		return
	}
	var heads []span
	for i := range j.found[since:] {
		f := &j.found[since+i]
		if f.severity.Rank() < S2.Rank() {
			continue
		}
		dated := f.dated && !f.answered && f.trust != trustNever && len(t.toks) >= few
		if f.trust <= trustSure && !dated || len(f.heads) == 0 {
			return
		}
		switch {
		case dated:
			f.trust = trustDated
		case f.answered: // an answer bears it out, however short it is
			f.trust = min(f.trust, trustFirm)
		case f.mentioned:
			f.trust = trustHint
		case len(t.toks) < few:
			f.trust = trustFirm
		}
		heads = append(heads, f.heads...)
	}
	if len(heads) == 0 {
		return
	}
	all := t.d.features(t.toks, t.room)
	told := j.found[:since]
	for _, f := range j.found[since:] {
		if f.severity.Rank() >= S2.Rank() {
			if f.borne = t.borne(j.c, all, f, heads); f.borne.within(j.c.doubtful[f.trust]) {
				j.doubted = append(j.doubted, f)
				continue
			}
		}
		told = append(told, f)
	}
	j.found = told
}

// borne is how far matches are borne out at best: by all that is said, as far as it is read
// at once, by the sentence of one, so that no other takes it back, or by the words beside
// it in its clause, so that little else in the sentence does. A sentence of few words says
// it by itself, and so does a clause of one word more than the match, but for a quotation.
// Where a date stands beside it the words beside it do not know of when they tell.
// A match that stands in several sentences is read by its first part.
func (t *text) borne(c *classifier, all features, f finding, heads []span) scores {
	best := scores{math.Inf(-1), math.Inf(-1)}
	for _, at := range f.heads {
		lo, hi := t.sentence(at)
		readings := []span{t.all(), {lo, hi}}
		if f.trust != trustDated {
			near, alone := t.elbowRoom(at)
			if alone || hi-lo <= lone {
				return scores{math.Inf(1), math.Inf(1)}
			}
			readings = append(readings, near)
		}
		for _, of := range readings {
			of = around(at, of)
			best.danger = max(best.danger, c.danger.score(all.of(piece{span: of})))
			best.borne = max(best.borne, c.borne.score(all.witnesses(of, heads)))
		}
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

// within reports whether both scores lie below two others.
func (s scores) within(of scores) bool { return s.borne < of.borne && s.danger < of.danger }

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
