package turn

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/channels/segment"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/policy"
	"github.com/tidegate/tidegate/molt"
)

// acted carries out what a staff member does about this conversation.
func (x *decider) acted(seq uint64, a *Acted) {
	if a.ID != "" && slices.Contains(x.s.Acts, a.ID) {
		x.because(ReasonNothing, "act_again")
		return
	}
	if a.ID != "" {
		x.d.Acts = append(x.d.Acts, a.ID)
		x.s.addAct(a.ID)
	}
	if a.Via == "console" {
		x.here = a.Actor
		defer func() { x.here = "" }()
	}
	x.because(ReasonActed, string(a.Verb))
	if a.Verb.OfReview() || a.Review > 0 {
		x.reviewed(a)
		return
	}
	if a.Verb == VerbTakeOver {
		x.takeOver(a)
		return
	}
	a = x.successors(a)
	if x.s.Case == nil || a.Case != "" && a.Case != x.s.Case.ID {
		x.because(ReasonRefused, string(escalation.WhyNoCase))
		x.toStaff(a.Actor, "refused", "That case is over.", 0)
		return
	}
	switch {
	case a.Verb == VerbShow:
		x.handoffTo(a.Actor)
	case a.Verb == VerbRelay && policy.ReadToken(a.Words.Reveal()) != policy.TokenAbsent:
		x.because(ReasonRefused, "token")
		x.toStaff(a.Actor, "refused", molt.Words("Case "+x.s.Code+": that text was not sent. Please write it in other words."), 0)
	default:
		x.carryOut(seq, a)
	}
}

// successors reads an act on a case of the frozen journal that this one follows
// as one on the case that took its place. What version she saw of the other says
// nothing here.
func (x *decider) successors(a *Acted) *Acted {
	after := x.s.Began.After
	if x.s.Case == nil || after == "" || !strings.HasPrefix(string(a.Case), string(after)+"#") {
		return a
	}
	now := *a
	now.Case, now.Version = x.s.Case.ID, 0
	return &now
}

// carryOut runs the act through the case machine and does what an accepted one
// means for the patient.
func (x *decider) carryOut(seq uint64, a *Acted) {
	before, owner := *x.s.Case, x.s.Owner
	refused := x.escalate(escalation.Event{
		Kind: eventOf(a.Verb), Actor: a.Actor, To: a.To, Version: x.versionFor(a), Reached: a.Reached, Severity: a.Severity,
		Disposition: a.Disposition, Note: a.Words, FalseAlarm: a.FalseAlarm, NextOwner: a.NextOwner,
	})
	if refused {
		return
	}
	if x.s.Case.Version != before.Version && x.s.Case.Claimant == a.Actor {
		// What she did herself she knows: her code stands for the case as it is now.
		x.emit(Effect{Kind: EffectTold, Name: string(a.Actor), Version: x.s.Case.Version})
	}
	x.remember(seq, a, before)
	switch a.Verb {
	case VerbRelay:
		for _, part := range segment.Split(segment.Fold(a.Words.Reveal()), MaxTextSegments) {
			x.sayAs(Out{What: "relay", Class: channels.ClassNurse, Words: molt.Words(part), ReviewedBy: a.Actor, By: a.Actor})
		}
	case VerbNote:
		x.toStaff(a.Actor, "noted", molt.Words("Case "+x.s.Code+": noted."), 0)
	case VerbCalled:
		came := "no answer"
		if a.Reached {
			came = "reached"
		}
		x.toStaff(a.Actor, "noted", molt.Words("Case "+x.s.Code+": your call is recorded ("+came+")."), 0)
	case VerbResolve:
		switch {
		case owner != escalation.OwnerAgent && x.s.Owner == escalation.OwnerAgent:
			x.waitAgain(before)
			x.resume(a.Words)
		case x.s.Owner == escalation.OwnerHuman && len(x.unanswered(before)) > 0:
			x.escalate(escalation.Event{Kind: escalation.EventPatientText})
		}
	}
}

// returned has the agent answer what its holder left when a case comes back to
// it without being resolved: given back, or fallen to the list.
func (x *decider) returned(before escalation.Case) {
	x.waitAgain(before)
	switch {
	case len(x.s.Pending) == 0:
	case x.s.mute(): // the case on the list is how a person reads it
		x.answered(x.s.Pending)
	case !x.mayAgent():
		x.paused()
	default:
		x.putAsk(Ask{First: x.env.Now}, x.env.Now)
	}
}

// waitAgain has the agent answer what the holder of the case did not.
func (x *decider) waitAgain(before escalation.Case) {
	if since := x.unanswered(before); len(since) > 0 {
		x.set(func(s *Set) { s.Waits = since })
	}
}

// unanswered is what the patient wrote since the last word of who held the case,
// if there was a question in it.
func (x *decider) unanswered(before escalation.Case) (since []uint64) {
	if before.Unanswered == 0 || x.s.Stream() {
		return nil
	}
	for _, ref := range x.s.Turns {
		if ref.From == model.FromPatient && ref.Seq >= x.s.Unanswered {
			since = append(since, ref.Seq)
		}
	}
	if !slices.ContainsFunc(since, x.asks) {
		return nil
	}
	return since
}

// versionFor is the version of the case that the actor speaks of: the one she
// names, or the one her last page or notice was sent with. Somebody who was
// never told one speaks of the case as it is.
func (x *decider) versionFor(a *Acted) int {
	if a.Version > 0 {
		return a.Version
	}
	for _, t := range x.s.Told {
		if t.Person == a.Actor {
			return t.Version
		}
	}
	return x.s.Case.Version
}

func eventOf(v Verb) escalation.EventKind {
	switch v {
	case VerbTake:
		return escalation.EventClaim
	case VerbPass:
		return escalation.EventPass
	case VerbRelay:
		return escalation.EventRelay
	case VerbCalled:
		return escalation.EventContact
	case VerbResolve:
		return escalation.EventResolve
	case VerbRaise:
		return escalation.EventRaise
	case VerbLower:
		return escalation.EventLower
	case VerbTransfer:
		return escalation.EventTransfer
	}
	return escalation.EventNote
}

func (x *decider) takeOver(a *Acted) {
	sev := a.Severity
	if !sev.Known() {
		sev = escalation.S3
	}
	x.escalate(x.newCase(escalation.Event{Why: escalation.KindNurse, Actor: a.Actor, Severity: sev, Evidence: x.lastInbound()}))
}

// relayToHolder passes a patient's words to who holds the case: the words
// themselves only where that surface may show them.
func (x *decider) relayToHolder(in []heard) {
	if !x.s.Open() {
		// Human only, and nobody holds it: the machine opens a case.
		x.because(ReasonHeld, "human_only")
		x.escalate(escalation.Event{Kind: escalation.EventPatientText})
		return
	}
	x.escalate(escalation.Event{Kind: escalation.EventPatientText})
	holder := x.s.Case.Claimant
	r, ok := x.shownOn(holder)
	if !ok { // an operator at the machine: the case's clock fetches somebody with a phone
		x.because(ReasonHeld, "no_phone")
		return
	}
	x.because(ReasonRelayed, "")
	if !r.PHI {
		words := x.s.Code + ": the patient wrote." + x.wayToShow()
		x.toRoute(holder, r, Out{What: "patient_words", Words: molt.Words(words)})
		return
	}
	var all []string
	for _, h := range in {
		all = append(all, wordsOrMedia(h))
	}
	parts := segment.Split(segment.Fold(strings.Join(all, "\n")), MaxTextSegments-1)
	for i, part := range parts {
		words := fmt.Sprintf("%s patient: %s", x.s.Code, part)
		if i == MaxRelayTexts-1 && len(parts) > MaxRelayTexts {
			words = fmt.Sprintf("%s patient wrote more than fits. Run: tidegate cases show %s", x.s.Code, x.s.Code)
		}
		x.toRoute(holder, r, Out{What: "patient_words", Words: molt.Words(words)})
		if i == MaxRelayTexts-1 {
			return
		}
	}
}

func wordsOrMedia(h heard) string {
	if h.Media == 0 {
		return h.words
	}
	return strings.TrimSpace(fmt.Sprintf("%s [%d attached]", h.words, h.Media))
}
