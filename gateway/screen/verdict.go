package screen

import (
	"cmp"
	"slices"
)

// finding is one rule that matched, as it stands.
type finding struct {
	rule        *rule
	trust       trust // in the pattern that was found, as it stands; see doubt
	severity    Severity
	standing    standing
	experiencer string
	at          span    // of the first part
	heads       []span  // the same of each match that stands now; none of more than maxHeads
	dated       bool    // a date of long ago stands beside each
	answered    bool    // one of them is a question that is answered
	borne       float64 // how far it is borne out, where it may be doubted
	quotes      []rawSpan
}

// rawSpan is a run of raw bytes in the judged text (frag 0) or a recent message.
type rawSpan struct {
	frag       int32
	start, end int
}

// judgment gathers the findings of one call.
type judgment struct {
	d      *data
	c      *classifier // nil where every rule speaks for itself
	joined bool        // the tokens read span several messages; only what touches the newest counts
	found  []finding
	aside  []finding
	// doubted are findings that nothing around them bears out; see doubt.
	doubted []finding
	// told gets what a guard took back; only an explanation asks for it.
	told *[]finding
}

// Named limits, in tokens, of a text in which a bare cry for help counts: with
// words that say it is one, and without.
const (
	shortText = 24
	briefText = 8
)

// read runs the rules over a text. All matches are found before any is judged,
// because a denial that is part of one finding denies no other.
func (j *judgment) read(t *text, rules []rule, want kind) {
	type match struct {
		rule  *rule
		trust trust
		parts [][]span
	}
	var all []match
	used, telling := t.room.flags.take(len(t.toks)), t.telling()
	for i := range rules {
		r := &rules[i]
		if r.kind != want || r.most > 0 && telling > r.most {
			continue
		}
		for k := range r.patterns {
			parts := t.partsOf(&r.patterns[k])
			if parts == nil {
				continue
			}
			all = append(all, match{r, r.patterns[k].trust, parts})
			if j.d.listing && !r.always {
				continue // "leg hurts, no chest pain": the no is of the chest, not of a pain in the leg
			}
			for _, spans := range parts {
				for _, s := range spans {
					for n := s.lo; n < s.hi; n++ {
						used[n] = true
					}
				}
			}
		}
	}
	since := len(j.found)
	for _, m := range all {
		j.weigh(t, m.rule, m.trust, m.parts, used)
	}
	j.doubt(t, since)
}

// partsOf finds the spans of every part of a pattern, or nil when one is missing.
func (t *text) partsOf(p *pattern) [][]span {
	if len(t.of(p.needs)) == 0 {
		return nil
	}
	for i := range p.parts {
		if !t.mayRun(&p.parts[i]) {
			return nil
		}
	}
	parts := make([][]span, 0, len(p.parts))
	for i := range p.parts {
		spans := t.run(&p.parts[i])
		if len(spans) == 0 {
			return nil
		}
		parts = append(parts, sorted(t.room.spans.clone(spans)))
	}
	return parts
}

// maxHeads is how many matches of a pattern that stand now are looked at to doubt it; what
// has more is not doubted.
const maxHeads = 8

// weigh keeps the worst standing of a rule's matches. Where that is now it goes on for as
// long as another may say whether to doubt it.
func (j *judgment) weigh(t *text, r *rule, trust trust, parts [][]span, used []bool) {
	best := finding{rule: r, trust: trust, standing: standsNonhuman + 1}
	guards, wide := t.guardsOf(r)
	for _, first := range parts[0] {
		if t.guarded(guards, wide, first) {
			if j.told != nil {
				*j.told = append(*j.told, finding{rule: r, at: first, quotes: t.quote(nil, first)})
			}
			continue
		}
		f, ok := j.settle(t, r, trust, first, parts, used)
		switch {
		case !ok:
		case f.standing < best.standing:
			best = f
		case f.standing == standsNow:
			best.dated, best.answered = best.dated && f.dated, best.answered || f.answered
		}
		if !ok || f.standing != standsNow {
			continue
		}
		if len(best.heads) == maxHeads {
			best.heads, best.dated = nil, false
			break
		}
		best.heads = append(best.heads, first)
		if trust <= trustSure && !best.dated {
			break
		}
	}
	switch {
	case best.standing > standsNonhuman:
	case best.standing == standsNow:
		best.severity = r.severity
		j.found = append(j.found, best)
	case best.standing == standsPast:
		best.severity = r.severity
		if r.severity.Rank() > S3.Rank() {
			best.severity = S3
		}
		j.found = append(j.found, best)
	default:
		j.aside = append(j.aside, best)
	}
}

// settle binds the other parts to one span of the first and judges the whole: it
// stands only as well as its worst part.
func (j *judgment) settle(t *text, r *rule, trust trust, first span, parts [][]span, used []bool) (finding, bool) {
	f := finding{rule: r, trust: trust, standing: t.stand(r, first, used, len(parts) > 1), experiencer: t.experiencer(first), at: first}
	if r.child {
		f.experiencer = "child"
	}
	chosen := []span{first}
	for _, spans := range parts[1:] {
		best, at := standsNonhuman+1, span{}
		for _, s := range t.near(spans, first, r.reach) {
			if st := t.stand(r, s, used, true); st < best {
				best, at = st, s
			}
			if best == standsNow {
				break
			}
		}
		if best > standsNonhuman {
			return f, false
		}
		f.standing = r.worse(f.standing, best)
		chosen = append(chosen, at)
	}
	if j.joined && !t.touchesNewest(chosen) {
		return f, false
	}
	for _, s := range chosen {
		f.quotes = t.quote(f.quotes, s)
	}
	lo, hi := t.sentence(first)
	f.answered = t.hypothetical(first, lo, hi) && t.answered(first.hi)
	f.dated = f.standing == standsNow && !slices.ContainsFunc(chosen, func(s span) bool { return !t.dated(s, r) })
	return f, true
}

// worse joins how two parts stand. "Chemo last week, 101 today" is not over: what
// is past only sets the scene of what is now; so does a transplant two years ago.
func (r *rule) worse(a, b standing) standing {
	if w := max(a, b); min(a, b) == standsNow && (w == standsPast || w == standsHistorical && r.lasting) {
		return standsNow
	}
	return max(a, b)
}

// guardsOf finds where the guards of a rule stand, once for all of its matches:
// those counted in words, sorted, and those that reach over a sentence or more.
func (t *text) guardsOf(r *rule) (near, wide []guardSpan) {
	for i := range r.unless {
		g := &r.unless[i]
		for _, s := range t.run(&g.seq) {
			if g.reach > 0 {
				near = append(near, guardSpan{s, g.reach})
			} else if len(wide) == 0 || wide[len(wide)-1].reach != g.reach || !t.sameLine(wide[len(wide)-1].span, s) {
				wide = append(wide, guardSpan{s, g.reach})
			}
		}
	}
	slices.SortFunc(near, func(a, b guardSpan) int { return cmp.Compare(a.lo, b.lo) })
	return near, wide
}

// guardSpan is one place where a guard of a rule was found.
type guardSpan struct {
	span
	reach reach
}

// sameLine reports whether two spans begin or end on one line of one sentence.
func (t *text) sameLine(a, b span) bool {
	return t.toks[a.lo].line <= t.toks[b.hi-1].line && t.toks[b.lo].line <= t.toks[a.hi-1].line
}

// longestGuard is how many tokens a guard may span; beyond it a search need not look.
const longestGuard = 24

// guarded reports whether a guard takes the match at back. A guard counted in
// words does not reach over the end of a sentence or line.
func (t *text) guarded(guards, wide []guardSpan, at span) bool {
	from, _ := slices.BinarySearchFunc(guards, at.lo-reachUnless-longestGuard, func(g guardSpan, lo int32) int { return cmp.Compare(g.lo, lo) })
	for _, g := range guards[from:] {
		if g.lo > at.hi+reachUnless {
			break
		}
		if g.reach > 0 && t.sameLine(g.span, at) && t.reaches(at, g.span, g.reach) {
			return true
		}
	}
	for _, g := range wide {
		switch g.reach {
		case reachMessage:
			return true
		case reachSentence:
			if t.sameLine(g.span, at) {
				return true
			}
		}
	}
	return false
}

// touchesNewest reports whether a match read over several messages needs both the
// newest and an older one; what stands in one alone has been judged alone.
func (t *text) touchesNewest(parts []span) bool {
	newest, older := false, false
	for _, s := range parts {
		for i := s.lo; i < s.hi; i++ {
			if t.toks[i].frag == 0 {
				newest = true
			} else {
				older = true
			}
		}
	}
	return newest && older
}

// quote appends the raw runs of a span, one for each message it touches.
func (t *text) quote(out []rawSpan, s span) []rawSpan {
	for i := s.lo; i < s.hi; {
		k := i
		for k+1 < s.hi && t.toks[k+1].frag == t.toks[i].frag {
			k++
		}
		out = append(out, rawSpan{t.toks[i].frag, t.toks[i].start, t.toks[k].end})
		i = k + 1
	}
	return out
}

// verdict is the worst of what was found. What was set aside is noted, so that
// a replay can say why nothing fired.
func (j *judgment) verdict(text string, recent []Message) Verdict {
	v := Verdict{Severity: None, Rules: []string{}, Quotes: []Quote{}, Notes: []string{}}
	slices.SortStableFunc(j.found, func(a, b finding) int {
		return cmp.Or(
			cmp.Compare(b.severity.Rank(), a.severity.Rank()),
			cmp.Compare(a.rule.rank, b.rule.rank),
			cmp.Compare(a.rule.id, b.rule.id),
		)
	})
	for _, f := range j.found {
		if !slices.Contains(v.Rules, f.rule.id) {
			v.Rules = append(v.Rules, f.rule.id)
		}
		for _, q := range f.quotes {
			v.addQuote(q, text, recent)
		}
	}
	for _, f := range j.aside {
		if note := f.standing.String() + ": " + f.rule.id; !slices.Contains(v.Notes, note) {
			v.Notes = append(v.Notes, note)
		}
	}
	for _, f := range j.doubted {
		if note := "doubted: " + f.rule.id; !slices.Contains(v.Notes, note) {
			v.Notes = append(v.Notes, note)
		}
	}
	slices.Sort(v.Notes)
	switch {
	case len(j.found) > 0:
		worst := j.found[0]
		v.Severity, v.Category = worst.severity, worst.rule.category
		v.Experiencer, v.Temporality = worst.experiencer, worst.standing.String()
	case len(j.aside) > 0:
		v.Temporality = temporality(j.aside[0].standing)
	}
	return v
}

func temporality(s standing) string {
	switch s {
	case standsPast, standsHistorical:
		return "past"
	case standsHypothetical:
		return "hypothetical"
	}
	return ""
}

// maxQuotes bounds the evidence of one verdict; the worst comes first.
const maxQuotes = 16

func (v *Verdict) addQuote(q rawSpan, text string, recent []Message) {
	raw := text
	if q.frag > 0 {
		raw = recent[q.frag-1].Text
	}
	n := Quote{Text: raw[q.start:q.end], Start: q.start, End: q.end, Turn: int(q.frag)}
	if len(v.Quotes) < maxQuotes && !slices.Contains(v.Quotes, n) {
		v.Quotes = append(v.Quotes, n)
	}
}
