package scripted

import (
	"strings"

	"github.com/tidegate/tidegate/gateway/model"
)

// hear reads one message of the patient. What belongs to a person is looked for
// first, then what stands for itself wherever it is said, and only the rest is
// taken as the answer to the open question.
func (s *scene) hear(m model.Message) {
	t := readText(m)
	if m.Media > 0 {
		s.media(m, len(t.words) == 0)
	}
	if len(t.words) == 0 {
		s.hearSigns(t, m)
		return
	}
	progress, told := s.progress, s.told
	s.takeSide(t, "who")
	s.urgent(t)
	if s.settled(t) {
		return
	}
	for _, name := range []string{"explain", "hours", "address", "phone", "cost", "why"} {
		s.takeSide(t, name)
	}
	s.takeLanguage(t)
	correcting := s.takeCorrection(t)
	s.takeCourtesy(t)
	s.explicit(t, correcting || s.at(askConfirm))
	if s.at(askConfirm) && s.told > told {
		s.seen = "" // "no, it is …": the fact was the answer
	}
	s.remainder(t, correcting, s.progress > progress)
}

// hearSigns reads a message without words.
func (s *scene) hearSigns(t *text, m model.Message) {
	switch {
	case m.Media > 0:
	case strings.ContainsAny(t.signs, s.b.AckSigns):
		s.acks++
	default:
		s.missed = true
	}
}

// media takes files. Nobody here can see what they show, so they always reach
// a person; a picture sent where the insurance was asked for is most likely the
// card and need not stop the intake.
func (s *scene) media(m model.Message, bare bool) {
	switch {
	case !bare:
		s.passOn = reasonMedia
	case s.at(model.FactInsurance), s.at(askInsurance):
		s.put(model.FactInsurance, "picture", m)
		s.passOn = reasonMedia
	default:
		s.raise(reasonMedia)
	}
}

// urgent looks for what belongs to a person at once.
func (s *scene) urgent(t *text) {
	for i := range t.words {
		if t.matchAt(s.b.Clinical.Except, i) > 0 {
			continue
		}
		if t.matchAt(s.b.Clinical.Phrases, i) > 0 {
			s.raise(reasonClinical)
			return
		}
	}
	if _, _, ok := t.find(s.b.Person.Phrases); ok {
		s.raise(reasonPerson)
		return
	}
	if t.covered(t.all(), s.b.Person.Bare, s.b.Courtesy, s.b.Greetings) && t.has(t.all(), s.b.Person.Bare) {
		s.raise(reasonPerson)
	}
}

// settled handles texts that mean one thing as a whole.
func (s *scene) settled(t *text) bool {
	b := s.b
	if s.at(askConfirm) && t.covered(t.all(), b.Affirm, b.Acks, b.Pad) && t.has(t.all(), b.Affirm) {
		s.confirm()
		return true
	}
	if t.covered(t.all(), b.Acks, b.Courtesy) {
		s.acks++
		return true
	}
	if _, _, ok := t.find(b.Meddling); ok && s.raised == "" {
		s.missed = true
		return true
	}
	return false
}

func (s *scene) confirm() {
	s.progress++
	s.done = true
	s.next()
}

// takeSide takes a question that has a fixed answer, up to the next punctuation.
func (s *scene) takeSide(t *text, name string) {
	i, j, ok := t.find(s.b.Sides[name])
	if !ok || s.raised != "" {
		return
	}
	for j < len(t.words) && !t.used[j] && t.words[j-1].stop == 0 {
		j++
	}
	t.use(i, j)
	s.heard[name] = true
	s.progress++
}

func (s *scene) takeLanguage(t *text) {
	lang, at := s.b.wishes(t)
	if lang == "" {
		return
	}
	t.use(at.i, at.j)
	s.progress++
	s.switched = s.lang == lang
}

// takeCourtesy takes words that are only polite. Greetings count at the
// beginning of a text; in the middle they may be a part of a day.
func (s *scene) takeCourtesy(t *text) {
	for i := 0; i < len(t.words); {
		if t.used[i] {
			i++
			continue
		}
		j := t.matchAt(s.b.Greetings, i)
		if j == 0 {
			break
		}
		t.use(i, j)
		s.hello = true
		i = j
	}
	t.take(s.b.Courtesy)
}

// remainder takes what nothing else claimed.
func (s *scene) remainder(t *text, correcting, moved bool) {
	if s.raised != "" {
		return
	}
	runs := s.runs(t)
	switch {
	case len(runs) == 0 && correcting && s.at(askConfirm):
		s.progress++
		s.open, s.tries = askChange, 0
	case len(runs) == 0:
		s.missed = s.missed || (!moved && !s.hello)
	case correcting && s.amend(t, runs):
	case s.asked && s.open == s.seen && s.reply(t, runs):
	case s.more(t, runs):
	default:
		s.unclaimed(t, runs, moved)
	}
}

// runs returns what is left to read. Words that only begin an answer are cut
// off, except where they can be the answer.
func (s *scene) runs(t *text) []span {
	if s.choosing() {
		return t.rest()
	}
	var out []span
	for _, run := range t.rest() {
		if run = t.lead(run, s.b.CorrectionPads); run.i < run.j {
			out = append(out, run)
		}
	}
	return out
}

// choosing reports whether the open question has choices, where a bare "no" is
// an answer and not a way to begin one.
func (s *scene) choosing() bool {
	return s.asked && s.seen != model.FactName && s.seen != model.FactDOB
}

// more takes what follows an answer: the rest of a list, or of a reason that
// came in several texts.
func (s *scene) more(t *text, runs []span) bool {
	if !s.asked || s.open == s.seen || t.asking() {
		return false
	}
	if s.seen == model.FactReason && len(s.facts) > 0 {
		whole := span{runs[0].i, runs[len(runs)-1].j}
		s.addReason(t, whole, ", ")
		return true
	}
	taken := false
	for _, run := range runs {
		taken = s.place(t, run) || taken
	}
	return taken
}

// unclaimed decides about words that answer nothing that was asked.
func (s *scene) unclaimed(t *text, runs []span, moved bool) {
	whole := span{runs[0].i, runs[len(runs)-1].j}
	signs, reason := t.has(whole, s.b.Clinical.Signs), t.has(whole, s.b.Reason.Words) || t.has(whole, s.b.Reason.Starts)
	open := s.collects(model.FactReason) && s.known[model.FactReason].Name == ""
	switch {
	case s.bareName(t, runs):
	case (signs || reason) && open:
		s.put(model.FactReason, clip(t.said(whole)), t.m)
	case signs:
		s.raise(reasonSigns)
	case s.done && !t.asking() && s.named(t, whole):
	case s.done && moved, moved && !t.asking():
	case s.done:
		s.request(t, whole)
	case t.asking() || t.has(span{whole.i, whole.i + 1}, s.b.Interrogatives) && whole.j-whole.i > 2:
		s.passOn = reasonQuestion
		s.progress++
	case reason && !s.asked:
		s.passOn = reasonRequest
		s.progress++
	case reason:
		s.addReason(t, whole, "; ")
	case s.asked:
		s.missed = true
	}
}

// request passes on what a patient writes after the intake is done.
func (s *scene) request(t *text, whole span) {
	if strings.IndexFunc(t.said(whole), isLetter) < 0 {
		s.missed = true
		return
	}
	s.passOn = reasonRequest
	s.progress++
}

// addReason joins a further wish to the reason, so that neither is lost.
func (s *scene) addReason(t *text, whole span, mark string) {
	was, old := s.changed, s.known[model.FactReason].Value
	s.put(model.FactReason, clip(old+mark+t.said(whole)), t.m)
	s.changed = was
}
