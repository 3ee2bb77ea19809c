package scripted

import (
	"strings"

	"github.com/tidegate/tidegate/gateway/model"
)

// takeCorrection takes the words that announce a correction, and corrections
// that say what is wrong: "it's 1/3 not 1/2". It reports whether the rest is to
// be read as one.
func (s *scene) takeCorrection(t *text) bool {
	correcting := t.take(s.b.Corrections) > 0 || s.at(askChange) || s.refuses(t)
	if s.correctPair(t) {
		return true
	}
	if correcting && s.correctDay(t) {
		return true
	}
	return correcting
}

// refuses takes a "no" before a comma, where "no" is no answer.
func (s *scene) refuses(t *text) bool {
	w := t.words[0]
	if t.used[0] || w.fold != "no" || w.stop != ',' || len(t.words) == 1 || s.choosing() && s.seen != model.FactReason && s.seen != model.FactTime {
		return false
	}
	t.use(0, 1)
	return true
}

// named takes a value that stands behind its field's name, as in "change my
// insurance to Cigna".
func (s *scene) named(t *text, whole span) bool {
	for _, f := range s.fields {
		for i := whole.i; i < whole.j; i++ {
			j := t.matchAt(s.b.Fields[f].Called, i)
			if j == 0 {
				continue
			}
			if v, ok := s.value(t, f, t.trim(span{j, whole.j}, s.b.CorrectionPads)); ok {
				s.put(f, v, t.m)
				return true
			}
		}
	}
	return false
}

// value reads a span as the value of a field. Dates are read elsewhere.
func (s *scene) value(t *text, field string, run span) (string, bool) {
	if run.i >= run.j || t.asking() {
		return "", false
	}
	switch field {
	case model.FactName:
		if s.nameEnd(t, run.i) == run.j {
			return s.fullName(s.titled(t, run.i, run.j)), true
		}
	case model.FactInsurance:
		return s.plan(t, run)
	case model.FactTime:
		return s.timeOf(t, run)
	case model.FactReason:
		if said := t.said(run); plausible(t, run) && !strings.Contains(said, "_") {
			return clip(said), true
		}
	}
	return "", false
}

// pair is something said to be right and something said to be wrong.
type pair struct{ right, wrong span }

// maxPairs bounds how many ways of parting a text are tried: whoever writes
// "not" more often than this corrects nothing.
const maxPairs = 12

// correctPair takes "A not B" and "not B, A".
func (s *scene) correctPair(t *text) bool {
	dates, tried := s.b.dates(t, s.lang, s.now(), true), 0
	for k, w := range t.words {
		if t.used[k] || (w.fold != "not" && w.fold != "no") {
			continue
		}
		for _, p := range pairs(t, k) {
			if tried++; tried > maxPairs {
				return false
			}
			if s.correctDate(t, p, dates) || s.correctWord(t, p) {
				return true
			}
		}
	}
	return false
}

// pairs returns how a "not" at word k may part a sentence.
func pairs(t *text, k int) []pair {
	lo, hi := k, k+1
	for lo > 0 && !ends(t.words[lo-1]) && !t.used[lo-1] {
		lo--
	}
	for hi < len(t.words) && !ends(t.words[hi-1]) && !t.used[hi] {
		hi++
	}
	out := []pair{{right: span{lo, k}, wrong: span{k + 1, hi}}}
	for m := k + 2; m < hi && len(out) < maxPairs; m++ {
		switch t.words[m].fold {
		case "its", "but", "es", "sino", "it":
			out = append(out, pair{right: span{m + 1, hi}, wrong: span{k + 1, m}})
		default:
			if t.words[m-1].stop == ',' {
				out = append(out, pair{right: span{m, hi}, wrong: span{k + 1, m}})
			}
		}
	}
	return out
}

// correctDate replaces the date of birth when both sides are dates. What the
// right one leaves unsaid stays as it was.
func (s *scene) correctDate(t *text, p pair, dates []found) bool {
	old, ok := parseISO(s.known[model.FactDOB].Value)
	if !ok {
		return false
	}
	right, wrong := found{}, false
	for _, d := range dates {
		switch {
		case d.at.i >= p.right.i && d.at.j <= p.right.j:
			right = d
		case d.at.i >= p.wrong.i && d.at.j <= p.wrong.j:
			wrong = true
		}
	}
	if !wrong || right.month == 0 || !s.putDay(t, right, old) {
		return false
	}
	t.use(min(p.right.i, p.wrong.i), max(p.right.j, p.wrong.j))
	return true
}

// correctDay replaces day and month of a known date of birth: "sorry, it's 4/3".
func (s *scene) correctDay(t *text) bool {
	old, ok := parseISO(s.known[model.FactDOB].Value)
	if !ok || s.at(model.FactTime) {
		return false
	}
	ds := s.b.dates(t, s.lang, s.now(), true)
	if len(ds) != 1 || ds[0].year != 0 || !s.putDay(t, ds[0], old) {
		return false
	}
	return true
}

func (s *scene) putDay(t *text, d found, old date) bool {
	day := d.date
	if day.year == 0 {
		day.year = old.year
	}
	if !day.birth(s.now()) {
		return false
	}
	t.use(d.at.i, d.at.j)
	s.put(model.FactDOB, day.iso(), t.m)
	return true
}

// correctWord replaces words inside a known value: "it's Ruis not Ruiz".
func (s *scene) correctWord(t *text, p pair) bool {
	right, wrong := t.trim(p.right, s.b.CorrectionPads), t.trim(p.wrong, s.b.CorrectionPads)
	for _, f := range s.fields {
		old := s.known[f].Value
		if f == model.FactDOB || old == "" || right.i >= right.j || wrong.i >= wrong.j {
			continue
		}
		value, ok := swap(old, t.raw(wrong), t.raw(right))
		if _, fits := s.value(t, f, right); !ok || !fits {
			continue
		}
		t.use(min(p.right.i, p.wrong.i), max(p.right.j, p.wrong.j))
		s.put(f, clip(value), t.m)
		return true
	}
	return false
}

// swap replaces whole words of a value, whatever their accents and capitals.
func swap(value, wrong, right string) (string, bool) {
	have, bad := strings.Fields(value), strings.Fields(wrong)
	for i := 0; i+len(bad) <= len(have) && len(bad) > 0; i++ {
		same := true
		for j, w := range bad {
			same = same && fold(have[i+j]) == fold(w)
		}
		if same {
			out := append(append(append([]string{}, have[:i]...), right), have[i+len(bad):]...)
			return strings.Join(out, " "), true
		}
	}
	return "", false
}

// maxNameSlip is by how many letters a name may differ from the known one and
// still be a correction of it.
const maxNameSlip = 4

// amend takes an announced correction that does not say of what: a name close
// to the known one, a known insurance or time put otherwise, and at last what
// was told most recently.
func (s *scene) amend(t *text, runs []span) bool {
	run := t.trim(runs[0], s.b.CorrectionPads)
	if run.i >= run.j || t.asking() {
		return false
	}
	if s.at(askChange) && (s.choose(t, run, s.b.Pad) || t.covered(run, s.b.Nothings)) {
		return s.progress > 0 && s.open != askChange
	}
	name := s.known[model.FactName].Value
	if end := s.nameEnd(t, run.i); name != "" && end == run.j && s.amendName(t, s.titled(t, run.i, end), name) {
		return true
	}
	return s.amendLatest(t, run)
}

// amendLatest replaces what was told last, unless the open question is the
// likelier aim.
func (s *scene) amendLatest(t *text, run span) bool {
	last := s.latest()
	switch {
	case last == model.FactInsurance && s.at(model.FactTime):
		return false
	case last == model.FactReason && (s.at(model.FactInsurance) || s.at(askInsurance)):
		return false
	}
	v, ok := s.value(t, last, run)
	if ok {
		s.put(last, v, t.m)
	}
	return ok
}

// amendName takes a whole name, or one word in the place of its likeness.
func (s *scene) amendName(t *text, said, known string) bool {
	if strings.Contains(said, " ") {
		if distance(fold(said), fold(known)) > maxNameSlip {
			return false
		}
		s.put(model.FactName, said, t.m)
		return true
	}
	near := false
	for _, w := range strings.Fields(known) {
		near = near || distance(fold(w), fold(said)) <= 2
	}
	if near {
		s.put(model.FactName, s.fullName(said), t.m)
	}
	return near
}

// latest returns the name of the fact told last.
func (s *scene) latest() string {
	name, at := "", uint64(0)
	for _, f := range s.fields {
		if k, ok := s.known[f]; ok && k.Source >= at {
			name, at = f, k.Source
		}
	}
	return name
}
