package scripted

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/tidegate/tidegate/gateway/model"
)

// reply takes the runs as the answer to the open question and reports whether
// they are one.
func (s *scene) reply(t *text, runs []span) bool {
	whole := span{runs[0].i, runs[len(runs)-1].j}
	switch s.seen {
	case model.FactName, askLastName, model.FactDOB:
		return s.replyName(t, runs)
	case model.FactReason:
		return s.replyReason(t, whole)
	case model.FactInsurance, askInsurance:
		return s.replyInsurance(t, whole, runs)
	case model.FactTime:
		return s.replyTime(t, whole)
	case askConfirm:
		return s.replyConfirm(t, whole)
	case askChange:
		return s.replyChange(t, whole)
	}
	return false
}

// replyName takes a name and, in a list like "Ana Ruiz, refill, Aetna", what
// follows it. Where the date of birth is open, the list's date was taken before.
func (s *scene) replyName(t *text, runs []span) bool {
	taken := false
	if s.open == model.FactName || s.open == askLastName {
		n := s.takeName(t, runs)
		if n == 0 {
			return false
		}
		runs, taken = t.rest(), true
	}
	for _, run := range runs {
		taken = s.place(t, run) || taken
	}
	return taken
}

// takeName takes a name from the first run, or from two as "Ruiz, Ana". It
// returns how many words it took.
func (s *scene) takeName(t *text, runs []span) int {
	first := runs[0]
	end := min(s.nameEnd(t, first.i), first.j)
	if end == first.i || t.asking() {
		return 0
	}
	name := s.titled(t, first.i, end)
	switch {
	case s.open == askLastName:
		s.put(model.FactName, s.known[model.FactName].Value+" "+name, t.m)
		s.changed = false
	case end-first.i == 1 && len(runs) > 1 && t.words[end-1].stop == ',' && s.oneName(t, runs[1]):
		s.put(model.FactName, s.fullName(s.titled(t, runs[1].i, runs[1].j)+" "+name), t.m)
		t.use(runs[1].i, runs[1].j)
	default:
		s.putName(t, name)
	}
	t.use(first.i, end)
	return end - first.i
}

// bareName takes a whole name that stands alone where the agent did not just
// ask for it, as in a first text or after a nurse spoke.
func (s *scene) bareName(t *text, runs []span) bool {
	run := runs[0]
	if s.asked || s.open != model.FactName || len(runs) > 1 || run.j-run.i < 2 || run.j-run.i > 4 || t.asking() {
		return false
	}
	if s.nameEnd(t, run.i) != run.j || !isUpper(t.words[run.i].raw) || !isUpper(t.words[run.j-1].raw) {
		return false
	}
	s.put(model.FactName, s.titled(t, run.i, run.j), t.m)
	return true
}

func (s *scene) oneName(t *text, run span) bool {
	return run.j-run.i == 1 && s.nameEnd(t, run.i) == run.j
}

// place takes a run of a list by what it looks like.
func (s *scene) place(t *text, run span) bool {
	_, hasReason := s.known[model.FactReason]
	_, hasPlan := s.known[model.FactInsurance]
	_, hasTime := s.known[model.FactTime]
	switch {
	case !hasPlan && t.has(run, s.b.Insurance.Plans):
		s.put(model.FactInsurance, clip(t.raw(run)), t.m)
	case !hasTime && t.covered(run, s.b.Time.Words, s.b.Time.Around) && t.has(run, s.b.Time.Words):
		v, ok := s.timeOf(t, run)
		if !ok {
			return false
		}
		s.put(model.FactTime, v, t.m)
	case !hasReason && s.collects(model.FactReason) && (t.has(run, s.b.Reason.Words) || t.has(run, s.b.Clinical.Signs)):
		s.put(model.FactReason, clip(t.said(run)), t.m)
	default:
		return false
	}
	t.use(run.i, run.j)
	return true
}

// replyReason takes almost anything that has words in it: the staff reads it.
func (s *scene) replyReason(t *text, whole span) bool {
	said := clip(t.said(whole))
	switch {
	case t.covered(whole, s.b.Skips):
		said = "not given"
	case t.covered(whole, s.b.Affirm, s.b.Deny, s.b.Pad), strings.Contains(said, "_"):
		return false
	case t.has(whole, s.b.Reason.Words), t.has(whole, s.b.Clinical.Signs):
	case !plausible(t, whole):
		return false
	}
	s.put(model.FactReason, said, t.m)
	return true
}

// plausible reports whether a span reads like words: two at least, or a longer
// one with a vowel in it.
func plausible(t *text, s span) bool {
	n := 0
	for i := s.i; i < s.j; i++ {
		w := t.words[i].fold
		if strings.ContainsFunc(w, isDigit) || len(w) < 2 {
			continue
		}
		if strings.ContainsFunc(w, func(c rune) bool { return c > unicode.MaxASCII && unicode.IsLetter(c) }) {
			n += 2
		}
		if strings.ContainsAny(w, "aeiouy") {
			n++
			if len(w) >= 5 {
				n++
			}
		}
	}
	return n >= 2
}

func (s *scene) replyInsurance(t *text, whole span, runs []span) bool {
	b := s.b
	switch {
	case t.covered(whole, b.Insurance.Have, b.Pad) && s.open == model.FactInsurance:
		s.progress++
		s.open, s.tries = askInsurance, 0
		return true
	case t.covered(whole, b.Insurance.None, b.Insurance.Without, b.Pad):
		s.put(model.FactInsurance, "none", t.m)
		return true
	case t.covered(whole, b.Insurance.Unsure, b.Pad):
		s.put(model.FactInsurance, "not sure", t.m)
		return true
	case t.covered(whole, b.Skips):
		s.put(model.FactInsurance, "not given", t.m)
		return true
	}
	if len(runs) > 1 && t.covered(runs[0], b.Insurance.Have, b.Pad) {
		runs = runs[1:] // "yes, Aetna"
	}
	plan, ok := s.plan(t, runs[0])
	if !ok {
		return false
	}
	s.put(model.FactInsurance, plan, t.m)
	t.use(runs[0].i, runs[0].j)
	for _, run := range t.rest() {
		s.place(t, run)
	}
	return true
}

// plan reads a span as the name of an insurance.
func (s *scene) plan(t *text, run span) (string, bool) {
	run = t.trim(run, s.b.Insurance.Lead)
	known := t.has(run, s.b.Insurance.Plans)
	if run.i >= run.j || t.asking() && !known {
		return "", false
	}
	if !known && (t.has(run, s.b.Clinical.Signs) || t.has(run, s.b.Reason.Words) || t.has(run, s.b.Insurance.Never)) {
		return "", false
	}
	said := t.raw(run)
	if run.j-run.i > maxPlanWords || strings.Contains(said, "_") || !known && !plausible(t, run) && !isUpper(said) {
		return "", false
	}
	return clip(said), true
}

func (s *scene) replyTime(t *text, whole span) bool {
	if t.covered(whole, s.b.Skips) {
		s.put(model.FactTime, "not given", t.m)
		return true
	}
	v, ok := s.timeOf(t, whole)
	if ok {
		s.put(model.FactTime, v, t.m)
	}
	return ok
}

// maxTimeWords is the longest preferred time, in words.
const maxTimeWords = 14

// timeOf reads a span as a preferred time.
func (s *scene) timeOf(t *text, run span) (string, bool) {
	b := s.b
	asked := s.at(model.FactTime)
	switch {
	case run.i >= run.j || run.j-run.i > maxTimeWords:
		return "", false
	case t.covered(run, b.Time.Any, b.Pad):
		return "any", true
	case t.covered(run, b.Time.Morning, b.Pad) && (asked || t.has(run, b.Time.Words)):
		return "morning", true
	case t.covered(run, b.Time.Afternoon, b.Pad) && (asked || t.has(run, b.Time.Words)):
		return "afternoon", true
	case t.has(run, b.Clinical.Signs) || t.asking():
		return "", false
	case t.has(run, b.Time.Words):
		return clip(t.said(run)), true
	}
	for i := run.i; i < run.j; i++ {
		if clock(t.words[i].fold) {
			return clip(t.said(run)), true
		}
	}
	return "", false
}

// clock reports whether a word is an hour or a day: 3pm, 10:30, 3/12.
func clock(w string) bool {
	w = strings.TrimSuffix(strings.TrimSuffix(w, "am"), "pm")
	if len(w) == 0 || len(w) > 10 {
		return false
	}
	digits := 0
	for _, c := range w {
		switch {
		case isDigit(c):
			digits++
		case !strings.ContainsRune(":/.-", c):
			return false
		}
	}
	n, err := strconv.Atoi(w)
	return digits > 0 && (err != nil || n >= 3 && n <= 24)
}

func (s *scene) replyConfirm(t *text, whole span) bool {
	switch {
	case t.covered(whole, s.b.Affirm, s.b.Pad):
		s.confirm()
		return true
	case t.covered(whole, s.b.Deny, s.b.Pad, s.b.CorrectionPads):
		s.progress++
		s.open, s.tries = askChange, 0
		return true
	}
	return s.choose(t, whole, s.b.Deny)
}

func (s *scene) replyChange(t *text, whole span) bool {
	if t.covered(whole, s.b.Nothings) {
		s.progress++
		s.next()
		return true
	}
	return s.choose(t, whole, s.b.Pad)
}

// choose opens the field a patient wants to change, by number or by name.
func (s *scene) choose(t *text, whole span, around phrases) bool {
	if s.open == askChange && whole.j-whole.i <= 2 {
		for i := whole.i; i < whole.j; i++ {
			if n, err := strconv.Atoi(t.words[i].fold); err == nil && n >= 1 && n <= len(s.fields) {
				s.progress++
				s.open, s.tries = s.fields[n-1], 0
				return true
			}
		}
	}
	if s.named(t, whole) {
		return true
	}
	for _, f := range s.fields {
		if t.has(whole, s.b.Fields[f].Called) && (whole.j-whole.i <= 3 || t.has(whole, around)) {
			s.progress++
			s.open, s.tries = f, 0
			return true
		}
	}
	return false
}
