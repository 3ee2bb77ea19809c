package scripted

import (
	"strings"

	"github.com/tidegate/tidegate/gateway/model"
)

// explicit takes the facts that name themselves, whatever the open question is:
// "I'm Ana Ruiz born 3/4/1980 I need a refill".
func (s *scene) explicit(t *text, correcting bool) {
	s.explicitDate(t, correcting)
	s.explicitName(t)
	s.explicitInsurance(t, correcting)
	s.explicitTime(t)
	s.explicitReason(t)
}

// explicitDate takes a date of birth. A date without such words counts when the
// date of birth is asked for or still unknown and it cannot be about a visit.
func (s *scene) explicitDate(t *text, correcting bool) {
	if !s.collects(model.FactDOB) {
		return
	}
	now := s.now()
	for _, d := range s.b.dates(t, s.lang, now, false) {
		start, said := s.before(t, d.at.i, s.b.DOB.Starts)
		wanted := said || s.at(model.FactDOB) || correcting
		if !wanted && (s.known[model.FactDOB].Name != "" || !s.aloof(t, d)) {
			continue
		}
		t.use(start, d.at.j)
		if !d.birth(now) {
			s.badDate = true
			continue
		}
		s.put(model.FactDOB, d.iso(), t.m)
		s.badDate = false
		return
	}
}

// before returns where a phrase that ends at word i begins, or i.
func (s *scene) before(t *text, i int, p phrases) (int, bool) {
	for k := 0; k < i; k++ {
		if t.matchAt(p, k) == i {
			return k, true
		}
	}
	return i, false
}

// aloof reports whether a date is old enough for a birth and does not say since
// when something lasts.
func (s *scene) aloof(t *text, d found) bool {
	now := s.now()
	if !d.birth(now) || d.year >= now.year-1 {
		return false
	}
	if d.at.i == 0 {
		return true
	}
	switch t.words[d.at.i-1].fold {
	case "since", "desde", "until", "hasta", "on":
		return false
	}
	return true
}

// explicitName takes "my name is Ana Ruiz", "last name Ruiz" and "my name is
// spelled R-U-I-Z".
func (s *scene) explicitName(t *text) {
	if !s.collects(model.FactName) {
		return
	}
	if s.spelledName(t) {
		return
	}
	last := s.lastName(t)
	for i := range t.words {
		j := t.matchAt(s.b.Name.Starts, i)
		if j == 0 || j >= len(t.words) || t.words[j-1].stop == '.' {
			continue
		}
		end := s.nameEnd(t, j)
		weak := t.matchAt(s.b.Name.Weak, i) == j
		if end == j || weak && !s.likelyName(t, j, end) {
			continue
		}
		s.putName(t, s.fullName(strings.TrimSpace(s.titled(t, j, end)+" "+last)))
		t.use(i, end)
		return
	}
	if known := strings.Fields(s.known[model.FactName].Value); last != "" && len(known) > 0 {
		s.putName(t, strings.Join(append(known[:max(1, len(known)-1)], last), " "))
	}
}

// likelyName reports whether words after "I am" are a name: two of them, or one
// with a capital letter.
func (s *scene) likelyName(t *text, i, j int) bool {
	if j-i >= 2 {
		return true
	}
	return s.at(model.FactName) || isUpper(t.words[i].raw)
}

// explicitInsurance takes a plan's name, "my insurance is …" and "no insurance".
func (s *scene) explicitInsurance(t *text, correcting bool) {
	if !s.collects(model.FactInsurance) {
		return
	}
	if i, j, ok := t.find(s.b.Insurance.Without); ok {
		t.use(i, j)
		s.put(model.FactInsurance, "none", t.m)
		return
	}
	for i := range t.words {
		j := t.matchAt(s.b.Insurance.Starts, i)
		if j == 0 || j >= len(t.words) || ends(t.words[j-1]) {
			continue
		}
		end := s.planEnd(t, j)
		if plan, ok := s.plan(t, span{j, end}); ok {
			t.use(i, end)
			s.put(model.FactInsurance, plan, t.m)
			return
		}
	}
	known := s.known[model.FactInsurance].Name != ""
	if s.at(model.FactInsurance) || s.at(askInsurance) || s.at(model.FactReason) || known && !correcting {
		return
	}
	if i, j, ok := t.find(s.b.Insurance.Plans); ok {
		t.use(i, j)
		s.put(model.FactInsurance, t.raw(span{i, j}), t.m)
	}
}

// maxPlanWords is the longest name of an insurance, in words.
const maxPlanWords = 6

// planEnd returns where the words of a plan's name end: at punctuation, or
// where another fact begins.
func (s *scene) planEnd(t *text, i int) int {
	j := i
	for j < len(t.words) && j-i < maxPlanWords && !t.used[j] {
		if t.matchAt(s.b.Reason.Starts, j) > 0 || t.words[j].fold == "and" || t.words[j].fold == "y" {
			break
		}
		j++
		if t.words[j-1].stop != 0 {
			break
		}
	}
	return j
}

// explicitTime takes a preferred time that was not asked for, but only with
// words that say so: "since this morning" is no wish.
func (s *scene) explicitTime(t *text) {
	if !s.collects(model.FactTime) || s.at(model.FactTime) {
		return
	}
	i, j, ok := t.find(s.b.Time.Starts)
	if !ok {
		return
	}
	end := j
	for end < len(t.words) && t.covered(span{end, end + 1}, s.b.Time.Words, s.b.Time.Around) || end < len(t.words) && hasDigit(t.words[end].raw) {
		end++
		if ends(t.words[end-1]) {
			break
		}
	}
	if value, ok := s.timeOf(t, span{j, end}); ok {
		t.use(i, end)
		s.put(model.FactTime, value, t.m)
	}
}

// explicitReason takes "I need a refill" where something else was asked. Where
// the open question takes free words itself, they are left to it.
func (s *scene) explicitReason(t *text) {
	free := !s.asked || s.seen == model.FactName || s.seen == askLastName || s.seen == model.FactDOB
	if !free || s.raised != "" || !s.collects(model.FactReason) || s.known[model.FactReason].Name != "" {
		return
	}
	for i := range t.words {
		j := t.matchAt(s.b.Reason.Starts, i)
		if j == 0 {
			continue
		}
		end := j
		for end < len(t.words) && !t.used[end] && !ends(t.words[end-1]) {
			end++
		}
		end = t.trim(span{j, end}, s.b.Joins).j
		if content(t, span{j, end}) || t.has(span{i, end}, s.b.Clinical.Signs) {
			s.put(model.FactReason, clip(t.said(span{i, end})), t.m)
			t.use(i, end)
			return
		}
	}
}

// content reports whether a span has a word that says something.
func content(t *text, s span) bool {
	for i := s.i; i < s.j; i++ {
		if len(t.words[i].fold) >= 3 && !t.used[i] {
			return true
		}
	}
	return false
}
