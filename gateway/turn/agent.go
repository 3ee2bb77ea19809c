package turn

import (
	"strings"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/policy"
	"github.com/tidegate/tidegate/molt"
)

// replied takes the agent's answer, or refuses it: because somebody else owns
// the conversation by now, because a newer text overtook it, or because it is
// no answer.
func (x *decider) replied(r *Replied) {
	current := r.Item == x.s.Ask.Item && r.Item != ""
	switch {
	case x.s.Owner != escalation.OwnerAgent || r.Epoch != x.s.Epoch:
		x.because(ReasonFenced, "")
		x.finishAsk(r, current)
	case !current:
		x.because(ReasonSuperseded, "")
		x.set(func(s *Set) { a := x.s.Ask; a.Superseded++; s.Ask = &a })
	default:
		x.answer(r)
	}
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
	if why := x.broken(r); why != "" {
		x.askAgain(ask, why)
		return
	}
	x.learn(r.Answer)
	switch kind := kindOf(r.Answer); kind {
	case model.KindSilent:
		x.silent(ask)
	case model.KindEscalate:
		x.handOver(r.Answer)
	default:
		x.because(ReasonReply, "")
		x.sayAgent(r.Answer.Text)
	}
	x.askForNewer(r, ask)
}

// kindOf reads the typed answer; a reply that is nothing but the token is
// silence said in the fallback way.
func kindOf(a model.Answer) model.Kind {
	if a.Kind == model.KindReply && policy.ReadToken(a.Text.Reveal()) == policy.TokenWhole {
		return model.KindSilent
	}
	return a.Kind
}

// broken says what is wrong with an answer, in words for a model; "" when it
// can be used.
func (x *decider) broken(r *Replied) string {
	a := r.Answer
	if r.Failed {
		return "no_answer"
	}
	says := a.Kind == model.KindReply || a.Kind == model.KindEscalate && a.Text != ""
	if !says || kindOf(a) == model.KindSilent {
		switch a.Kind {
		case model.KindReply, model.KindSilent, model.KindEscalate:
			return ""
		}
		return "unknown_kind"
	}
	gate := x.env.Rules.Gate
	for _, f := range x.s.Ledger { // what the patient gave may be read back
		gate.Numbers = append(gate.Numbers[:len(gate.Numbers):len(gate.Numbers)], f.Value)
	}
	for _, f := range a.Facts {
		gate.Numbers = append(gate.Numbers[:len(gate.Numbers):len(gate.Numbers)], f.Value)
	}
	if f := gate.Check(a.Text.Reveal()); f.Outcome == policy.Block {
		return f.Rule
	}
	return ""
}

// askAgain asks once more with the reason, then hands over with a fixed text.
func (x *decider) askAgain(ask Ask, why string) {
	ask.Tries++
	if ask.Tries < MaxTries {
		ask.Reask = why
		x.putAsk(ask, x.env.Now)
		x.because(ReasonAskAgain, why)
		return
	}
	x.because(ReasonAgentFailed, why)
	x.say("unavailable", channels.ClassNurse, x.fixed("unavailable", ""))
	x.escalate(x.newCase(escalation.Event{Why: escalation.KindFault, Severity: escalation.S3, Evidence: x.waitingOrLast()}))
}

func (x *decider) waitingOrLast() []uint64 {
	if len(x.s.Pending) > 0 {
		return x.s.Pending
	}
	return x.lastInbound()
}

// learn takes over facts, language and the open question, whatever the answer's
// kind. A fact's source must be a message that this conversation has.
func (x *decider) learn(a model.Answer) {
	for _, f := range a.Facts {
		if f.Source > 0 && f.Source <= x.s.Seq {
			x.d.Facts = append(x.d.Facts, f)
			x.s.addFact(f)
		}
	}
	x.set(func(s *Set) {
		s.Question = ptr(a.Question)
		if a.Lang != "" && x.speaks(a.Lang) {
			s.Lang = ptr(a.Lang)
		}
		if a.Done && !x.s.Done {
			s.Done = ptr(true)
		}
	})
}

func (x *decider) sayAgent(words molt.Words) {
	x.sayAs(Out{What: "reply", Class: channels.ClassAgent, Words: words, Disclosure: !x.s.Spoken})
	x.set(func(s *Set) { s.Silences = ptr(0) })
	x.answered()
}

// silent accepts silence where nothing was asked. Elsewhere, or when it
// repeats, the texts keep waiting and the watchdog fetches a person.
func (x *decider) silent(ask Ask) {
	n := x.s.Silences + 1
	x.set(func(s *Set) { s.Silences = &n })
	for _, ref := range x.s.Turns {
		if contains(x.s.Pending, ref.Seq) && !policy.NothingAsked(x.env.Recall(ref).Reveal()) {
			x.because(ReasonUnanswered, "asked")
			return
		}
	}
	if n > MaxSilences {
		x.because(ReasonUnanswered, "repeated")
		return
	}
	x.because(ReasonSilent, "")
	x.answered()
}

func contains(list []uint64, v uint64) bool {
	for _, x := range list {
		if x == v {
			return true
		}
	}
	return false
}

// handOver opens the case the agent asks for. With S4 the agent goes on and
// may say so.
func (x *decider) handOver(a model.Answer) {
	sev := escalation.Severity(a.Severity)
	if !sev.Known() {
		sev = escalation.S3
	}
	x.because(ReasonEscalated, shortID(a.Reason))
	if a.Reason == "patient_wish" && sev.Rank() >= escalation.S3.Rank() {
		x.wantsPerson(sev)
	} else {
		x.escalate(x.newCase(escalation.Event{Why: escalation.KindAgent, Severity: sev, Category: shortID(a.Reason), Evidence: x.waitingOrLast()}))
	}
	if x.s.Owner == escalation.OwnerAgent {
		if a.Text != "" {
			x.sayAgent(a.Text)
			return
		}
		x.answered()
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
func (x *decider) askForNewer(r *Replied, ask Ask) {
	if x.s.Owner != escalation.OwnerAgent || x.s.Ask.Item != "" {
		return
	}
	for i := len(x.s.Turns) - 1; i >= 0; i-- {
		if ref := x.s.Turns[i]; ref.From == model.FromPatient && ref.Seq > r.Saw {
			x.putAsk(Ask{First: x.env.Now}, x.env.Now)
			return
		}
	}
}

// resume asks the agent to speak first, after a person returned the
// conversation.
func (x *decider) resume(note molt.Words) {
	if note == "" {
		note = "Handled by staff."
	}
	x.set(func(s *Set) {
		s.HandBack, s.Silences = &note, ptr(0)
	})
	if !x.env.Rules.Agent || x.s.Stopped || x.s.Done && x.s.Question == "" {
		return
	}
	x.putAsk(Ask{First: x.env.Now}, x.env.Now)
}
