package turn

import (
	"slices"
	"strings"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/policy"
	"github.com/tidegate/tidegate/molt"
)

// replied takes the agent's answer, or refuses it: because somebody else owns
// the conversation by now, because a newer text overtook it, because it is
// switched off, or because it is no answer.
func (x *decider) replied(r *Replied) {
	x.spend(Spent{Tokens: r.Tokens, Micros: r.Micros})
	x.d.Autonomy = x.env.Rules.autonomy()
	current := r.Item == x.s.Ask.Item && r.Item != ""
	switch {
	case x.s.Owner != escalation.OwnerAgent || r.Epoch != x.s.Epoch:
		x.because(ReasonFenced, "")
		x.finishAsk(r, current)
		x.opinion(r)
	case !current:
		x.because(ReasonSuperseded, "")
		if a := x.s.Ask; a.Item != "" {
			a.Superseded++
			x.set(func(s *Set) { s.Ask = &a })
		}
		x.opinion(r)
	case !x.mayAgent():
		x.readBlindly(r)
		x.finishAsk(r, true)
		x.opinion(r)
		x.paused()
	default:
		x.readBlindly(r)
		x.answer(r)
	}
}

// opinion hears what a model thinks of the patient in an answer that is not said.
// A fence, a newer text and a pause stop speech, not an alarm: it makes a case that runs
// graver, or opens one. It makes none milder, and a case that a person has closed
// since is of texts that the person has read.
func (x *decider) opinion(r *Replied) {
	sev := escalation.Severity(r.Answer.Severity)
	if r.Failed || r.Answer.Kind != model.KindEscalate || !sev.Known() || sev == escalation.S4 {
		return
	}
	runs := x.s.Case != nil && !x.s.Case.Settled()
	if runs && sev.Rank() >= x.s.Case.Severity.Rank() || !runs && r.Epoch != x.s.Epoch {
		return
	}
	x.because(ReasonEscalated, shortID(r.Answer.Reason))
	x.escalate(x.newCase(escalation.Event{Why: escalation.KindAgent, Severity: sev, Category: shortID(r.Answer.Reason), Evidence: x.newestSeen(r.Saw)}))
}

// newestSeen is the last text of the patient that an answer had before it.
func (x *decider) newestSeen(saw uint64) []uint64 {
	for _, ref := range slices.Backward(x.s.Turns) {
		if ref.From == model.FromPatient && ref.Seq <= saw {
			return []uint64{ref.Seq}
		}
	}
	return nil
}

// mayAgent reports whether the agent may speak here now.
func (x *decider) mayAgent() bool { return x.env.Rules.MayAgent(x.s.Began.Channel) }

// paused gives what waits for the agent to a person, now that it is switched
// off, unless nothing was asked.
func (x *decider) paused() {
	waiting := x.s.Pending
	if !slices.ContainsFunc(waiting, x.asks) {
		x.because(ReasonPaused, "nothing_asked")
		x.answered(waiting)
		return
	}
	x.because(ReasonPaused, "")
	x.escalate(x.newCase(escalation.Event{Why: escalation.KindHumanOnly, Severity: escalation.S3, Evidence: waiting}))
}

// finishAsk ends the ask item that was answered.
func (x *decider) finishAsk(r *Replied, current bool) {
	if current {
		x.emit(Effect{Kind: EffectDone, Item: r.Item})
		x.set(func(s *Set) { s.Ask = &Ask{} })
	}
}

func (x *decider) answer(r *Replied) {
	ask := x.s.Ask
	x.finishAsk(r, true)
	if r.Failed { // what was noted on the way stands, whatever came of the question
		x.learn(model.Answer{Facts: r.Answer.Facts})
	}
	if r.Budget != "" {
		x.spentUp(r)
		return
	}
	if why := x.broken(r); why != "" {
		x.askAgain(ask, why)
		return
	}
	if r.Proposed != nil {
		x.learn(r.Answer)
		x.propose(r)
		x.askForNewer(r)
		return
	}
	x.learn(r.Answer)
	switch kindOf(r.Answer) {
	case model.KindSilent:
		x.leaves(r)
		x.silent(r.Saw)
	case model.KindEscalate:
		x.handOver(r)
	case model.KindClarify:
		if x.strays(r.Answer) {
			x.outOfScope(r)
			break
		}
		x.clarify(r)
	default:
		if x.outside(r.Answer) {
			x.outOfScope(r)
			break
		}
		x.sayAgent(r)
	}
	x.askForNewer(r)
}

// kindOf reads the typed answer; a reply that is nothing but the token is
// silence said in the fallback way.
func kindOf(a model.Answer) model.Kind {
	if a.Kind == model.KindReply && policy.ReadToken(a.Text.Reveal()) == policy.TokenWhole {
		return model.KindSilent
	}
	return a.Kind
}

// broken says what is wrong with an answer; "" when it can be used. The wish
// for a person is never refused for the words that came with it.
func (x *decider) broken(r *Replied) string {
	switch {
	case r.Proposed != nil && (x.s.Proposed() != nil || x.s.Calling.Key != ""):
		return "act_" + whyUnderWay
	case r.Proposed != nil:
		return ""
	case r.Failed:
		return "no_answer"
	case kindOf(r.Answer) == model.KindReply, r.Answer.Kind == model.KindClarify:
		return x.blocked(r.Answer)
	case r.Answer.Kind == model.KindReply, r.Answer.Kind == model.KindSilent, r.Answer.Kind == model.KindEscalate:
		return ""
	}
	return "unknown_kind"
}

// blocked names the rule of the output gate that stops the answer's text. What
// the patient gave may be read back.
func (x *decider) blocked(a model.Answer) string {
	gate := x.gate(a.Facts)
	gate.Lang = x.replyLang(a)
	if f := gate.Check(a.Text.Reveal()); f.Outcome == policy.Block {
		return f.Rule
	}
	return ""
}

// gate is the one that a text to this patient has to pass now.
func (x *decider) gate(fresh []model.Fact) policy.Gate {
	gate := x.env.Rules.Gate
	gate.Disclose = x.env.Rules.Disclose && x.s.discloses(x.recall, x.env.Now)
	for _, f := range slices.Concat(x.s.Ledger, fresh) {
		if x.vouched(f) {
			gate.Given = append(gate.Given, f.Value)
		}
		if words, ok := x.source(f); ok && strings.Contains(words, f.Value) {
			gate.Quotes = append(gate.Quotes, f.Value)
		}
	}
	return gate
}

// replyLang is the language an answer has to be in: the patient's. Another one
// only where nobody knows theirs yet, or they ask for it.
func (x *decider) replyLang(a model.Answer) string {
	asks := slices.ContainsFunc(x.s.Turns, func(ref Ref) bool {
		return slices.Contains(x.s.Pending, ref.Seq) && policy.AsksLanguage(x.recall(ref).Reveal())
	})
	if a.Lang != "" && x.speaks(a.Lang) && (x.s.Lang == "" || asks) {
		return a.Lang
	}
	return x.lang()
}

// vouched reports whether a fact can be what the patient wrote: its source is a
// text of theirs, and the digits of anything like a number stand in it. What is
// in the ledger was looked at when it came.
func (x *decider) vouched(f model.Fact) bool {
	if slices.Contains(x.s.Ledger, f) {
		return true
	}
	words, ok := x.source(f)
	return ok && policy.BornOut(f.Value, words)
}

// source is the text of the patient that a fact says it comes from.
func (x *decider) source(f model.Fact) (words string, ok bool) {
	for _, ref := range x.s.Turns {
		if ref.Seq == f.Source && ref.From == model.FromPatient {
			return x.recall(ref).Reveal(), true
		}
	}
	return "", false
}

// askAgain asks once more with the reason, then hands over. The patient reads of
// it once: from the case, or where that says nothing, from here.
func (x *decider) askAgain(ask Ask, why string) {
	ask.Tries++
	if ask.Tries < MaxTries {
		ask.Reask = why
		x.putAsk(ask, x.env.Now)
		x.because(ReasonAskAgain, why)
		return
	}
	x.because(ReasonAgentFailed, why)
	x.escalate(x.newCase(escalation.Event{Why: escalation.KindFault, Severity: escalation.S3, Evidence: x.waitingOrLast()}))
	x.sayUnavailable()
}

// sayUnavailable tells the patient, where the case says nothing to them.
func (x *decider) sayUnavailable() {
	if !x.said() {
		x.say("unavailable", channels.ClassNurse, x.fixed("unavailable", ""))
	}
}

func (x *decider) waitingOrLast() []uint64 {
	if len(x.s.Pending) > 0 {
		return x.s.Pending
	}
	return x.lastInbound()
}

// learn takes over facts, language and the open question, whatever the answer's
// kind. A fact that its source does not bear out is left.
func (x *decider) learn(a model.Answer) {
	defer x.summarize(a)
	for _, f := range a.Facts {
		if x.vouched(f) {
			f.Name, f.Value = cutFact(f.Name, MaxFactBytes/8), cutFact(f.Value, MaxFactBytes)
			x.d.Facts = append(x.d.Facts, f)
			x.s.addFact(f)
		}
	}
	x.set(func(s *Set) {
		if a.Lang != "" && x.speaks(a.Lang) {
			s.Lang = ptr(a.Lang)
		}
	})
}

// leaves takes over what an answer leaves open. What waits for a nurse is not
// said yet, and leaves nothing open.
func (x *decider) leaves(r *Replied) {
	x.set(func(s *Set) {
		s.Question = ptr(cutFact(r.Answer.Question, MaxFactBytes/8))
		if r.Answer.Done && !x.s.Done {
			s.Done = ptr(true)
		}
	})
	if slots := offeredIn(r.Steps); slots != nil {
		x.set(func(s *Set) { s.Offered = slots })
	}
}

// cutFact keeps of a model's word what a state may hold.
func cutFact(s string, limit int) string {
	return cutWords(strings.ToValidUTF8(s, "\uFFFD"), limit).Reveal()
}

// sayAgent says the answer and counts it as an answer to what it had seen, or has
// a nurse read it first.
func (x *decider) sayAgent(r *Replied) {
	if x.waits(r) {
		x.draft(r)
		return
	}
	x.because(ReasonReply, "")
	if r.Answer.Kind != model.KindClarify {
		x.within()
	}
	x.leaves(r)
	x.dropReviews(textReview)
	x.sayAs(Out{What: "reply", Class: channels.ClassAgent, Words: r.Answer.Text, Disclosure: !x.s.Spoken})
	x.set(func(s *Set) { s.Silences = ptr(0) })
	x.answeredTo(r.Saw)
}

func (x *decider) answeredTo(saw uint64) {
	x.answered(slices.DeleteFunc(slices.Clone(x.s.Pending), func(seq uint64) bool { return seq > saw }))
}

// silent accepts silence where nothing was asked. Elsewhere, or when it
// repeats, the texts keep waiting and the watchdog fetches a person.
func (x *decider) silent(saw uint64) {
	if x.stands(saw) {
		return
	}
	n := x.s.Silences + 1
	x.set(func(s *Set) { s.Silences = &n })
	for _, seq := range x.s.Pending {
		if seq <= saw && x.asks(seq) {
			x.because(ReasonUnanswered, "asked")
			return
		}
	}
	if n > MaxSilences {
		x.because(ReasonUnanswered, "repeated")
		return
	}
	x.because(ReasonSilent, "")
	x.answeredTo(saw)
}

// asks reports whether a text wants an answer. A picture does, and so does what
// nobody can read any more.
func (x *decider) asks(seq uint64) bool {
	for _, ref := range x.s.Turns {
		if ref.Seq == seq && ref.From == model.FromPatient {
			return wants(ref, x.recall)
		}
	}
	return true
}

func wants(ref Ref, recall func(Ref) molt.Words) bool {
	return ref.Media > 0 || !policy.NothingAsked(recall(ref).Reveal())
}

// handOver opens the case the agent asks for. With S4 the agent goes on and
// may say so.
func (x *decider) handOver(r *Replied) {
	a := r.Answer
	sev := escalation.Severity(a.Severity)
	if !sev.Known() {
		sev = escalation.S3
	}
	said := a.Text != "" && !x.strays(a) && x.blocked(a) == ""
	if sev == escalation.S4 && !said && slices.ContainsFunc(x.s.Pending, x.asks) {
		sev = escalation.S3 // listed without a word, they would wait for an answer that nobody owes
	}
	e := escalation.Event{Why: escalation.KindAgent, Severity: sev, Category: shortID(a.Reason), Evidence: x.waitingOrLast()}
	if a.Reason == "patient_wish" && sev.Rank() <= escalation.S3.Rank() {
		e.Why, e.Category = escalation.KindPerson, ""
	}
	x.because(ReasonEscalated, shortID(a.Reason))
	x.escalate(x.newCase(e))
	switch {
	case x.s.Owner != escalation.OwnerAgent:
		x.leaves(r)
	case said:
		x.sayAgent(r)
	default:
		x.leaves(r)
		x.answeredTo(r.Saw)
	}
}

// shortID keeps a model's reason to what an id may be, so that no patient's
// words travel in it.
func shortID(s string) string {
	s = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r == '_' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
	return s[:min(len(s), 40)]
}

// askForNewer asks again when a text came after what this answer saw.
func (x *decider) askForNewer(r *Replied) {
	newer := func(seq uint64) bool { return seq > r.Saw }
	if x.s.Owner == escalation.OwnerAgent && x.s.Ask.Item == "" && slices.ContainsFunc(x.s.Pending, newer) {
		x.putAsk(Ask{First: x.env.Now}, x.env.Now)
	}
}

// resume asks the agent to speak first, after a person returned the
// conversation.
func (x *decider) resume(note molt.Words) {
	if x.s.Stream() {
		return // a colleague's own journal: no agent speaks there
	}
	if note == "" {
		note = "Handled by staff."
	}
	x.set(func(s *Set) {
		s.HandBack, s.Silences = &note, ptr(0)
	})
	done := x.s.Done && x.s.Question == "" && len(x.s.Pending) == 0
	if !x.mayAgent() || x.s.mute() || done {
		return
	}
	x.putAsk(Ask{First: x.env.Now}, x.env.Now)
}
