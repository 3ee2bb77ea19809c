package turn

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/channels/outbox"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/policy"
	"github.com/tidegate/tidegate/gateway/screen"
	"github.com/tidegate/tidegate/molt"
)

// LookDo is what the last look at an outbound text says.
type LookDo string

// What a look says.
const (
	LookSend  LookDo = "send"
	LookCheck LookDo = "check" // begun before, no answer known: ask the carrier's list
	LookDrop  LookDo = "drop"  // not any more; Reason says why
	// LookRecall is like LookSend after a restore: the carrier may have it.
	LookRecall LookDo = "recall"
)

// Look is the last look at a text before it is attempted.
type Look struct {
	Do      LookDo
	Reason  Reason
	Attempt int       // for LookSend: the attempt it will be; for LookCheck: the one looked for
	Since   molt.Time // for LookCheck: when that attempt began
	Recall  Recall    // for LookRecall
}

// SendDue takes the last look at a text. What the agent says is fenced when the
// owner changed since it was put, and stopped when the agent is switched off, or may
// say nothing by now that no nurse released;
// nothing goes to a patient who opted out but what the law permits; what nobody
// waits for any more does not leave.
func (s *State) SendDue(r *Rules, item molt.ItemID, o Out, now molt.Time) Look {
	d := s.send(item)
	if d == nil {
		if o.Class == channels.ClassAgent || old(o.Class, o.Put, now) {
			return Look{Do: LookDrop, Reason: ReasonStale}
		}
		return Look{Do: LookSend, Attempt: 1}
	}
	switch {
	case d.State == SendCancelled || d.State == SendFenced:
		return Look{Do: LookDrop, Reason: ReasonFenced}
	case d.State == SendFailed:
		return Look{Do: LookDrop, Reason: ReasonGaveUp}
	case d.Finished():
		return Look{Do: LookDrop, Reason: ReasonSent}
	case d.State == SendAttempted:
		return Look{Do: LookCheck, Attempt: d.Attempt, Since: d.LastAt}
	case d.Class == channels.ClassAgent && (d.Epoch != s.Epoch || s.Owner != escalation.OwnerAgent || s.alarmed()):
		return Look{Do: LookDrop, Reason: ReasonFenced}
	case d.Class == channels.ClassAgent && !r.MayAgent(s.Began.Channel):
		return Look{Do: LookDrop, Reason: ReasonPaused}
	case d.Class == channels.ClassAgent && r.autonomy() == AutonomyDraft && o.ReviewedBy == "":
		return Look{Do: LookDrop, Reason: ReasonPaused} // put at a higher level, and released by nobody
	case old(d.Class, d.Put, now):
		return Look{Do: LookDrop, Reason: ReasonStale}
	case o.Person == "" && s.quarantined(r):
		return Look{Do: LookDrop, Reason: ReasonUnlisted}
	case s.Stopped && o.Person == "" && !permitted(o.What):
		return Look{Do: LookDrop, Reason: ReasonOptedOut}
	}
	return Look{Do: LookSend, Attempt: d.Attempt + 1}
}

// old reports whether a text has waited longer than its words are good for. No
// page ever has: whoever reads it late still has a patient who waits.
func old(c channels.Class, put, now molt.Time) bool {
	switch age := now.Sub(put); c {
	case channels.ClassAgent:
		return age > outbox.MaxAgentAge
	case channels.ClassNurse:
		return age > outbox.MaxNurseAge
	case channels.ClassSafety:
		return age > SafetyValidity
	}
	return false
}

// alarmed reports whether a text that is not decided yet will take the
// conversation from the agent.
func (s *State) alarmed() bool {
	return slices.ContainsFunc(s.Undecided, func(h Heard) bool {
		return h.Verdict != nil && h.Verdict.Severity.Rank() >= screen.S3.Rank()
	})
}

// permitted names what may go to somebody who opted out.
func permitted(what string) bool { return what == "stop_check" || what == "help" }

// looked ends a text that is not attempted after all.
func (x *decider) looked(b *Looked) {
	d := x.s.send(b.Item)
	x.because(b.Reason, "")
	x.emit(Effect{Kind: EffectDone, Item: b.Item, Name: string(b.Reason)})
	switch {
	case d == nil || b.Reason == ReasonSent || b.Reason == ReasonGaveUp || b.Reason == ReasonFenced || b.Reason == ReasonAnswered:
	case d.Page != "":
		x.escalate(escalation.Event{Kind: escalation.EventPageFailed, PageID: d.Page})
	case d.Person == "" && b.Reason == ReasonOptedOut && x.s.Open():
		x.escalate(escalation.Event{Kind: escalation.EventCannotText})
	case b.Reason == ReasonUnlisted:
		x.unlist()
		x.undelivered(*d, true)
	case b.Reason == ReasonPaused:
		x.escalate(x.newCase(escalation.Event{Why: escalation.KindHumanOnly, Severity: escalation.S3, Evidence: x.waitingOrLast()}))
	case b.Reason == ReasonStale:
		x.stale(*d)
	}
}

// stale is what follows when a text outlived its words: an answer is a person's
// to give now, a nurse learns that hers did not leave, and a patient for whom
// nobody is there yet reads how things stand.
func (x *decider) stale(d Send) {
	switch {
	case d.Class == channels.ClassAgent:
		x.undelivered(d, false)
	case d.What == "relay":
		x.toStaff(x.lastHolder(), "not_sent", molt.Words("Case "+x.s.Code+": your text waited too long and was not sent to the patient. Please call, or write again."), 0)
	case x.neverRead(d):
		x.pageNeverRead(false)
	case d.Class == channels.ClassSafety && x.s.Case != nil && !x.toldSince(d):
		if a, ok := escalation.Present(*x.s.Case, x.env.Rules.Plan, x.env.Now); ok {
			x.tell(a)
		}
	}
}

// lastHolder is who has the case, or had it when it was resolved.
func (x *decider) lastHolder() molt.PersonID {
	switch c := x.s.Case; {
	case c == nil:
		return ""
	case c.Claimant == "" && c.Resolution != nil:
		return c.Resolution.By
	default:
		return c.Claimant
	}
}

// toldSince reports whether a later safety text left, or is about to.
func (x *decider) toldSince(d Send) bool {
	i := slices.IndexFunc(x.s.Sends, func(o Send) bool { return o.Item == d.Item })
	return slices.ContainsFunc(x.s.Sends[i+1:], func(o Send) bool {
		return o.Class == channels.ClassSafety && x.s.stands(o.Item)
	})
}

// sent ends a text that the carrier took.
func (x *decider) sent(item molt.ItemID) {
	d := x.s.send(item)
	x.because(ReasonSent, "")
	x.emit(Effect{Kind: EffectDone, Item: item})
	x.expectSeen(d)
	if d != nil && d.Page != "" {
		x.escalate(escalation.Event{Kind: escalation.EventPageSent, PageID: d.Page})
	}
}

// failed asks the schedule what follows from a fault.
func (x *decider) failed(b *Failed) {
	d := x.s.send(b.Item)
	if d == nil {
		x.because(ReasonGaveUp, "forgotten")
		x.emit(Effect{Kind: EffectDone, Item: b.Item})
		return
	}
	// An answer of "no" to an attempt that a later report proved taken.
	if d.Finished() {
		x.because(ReasonSent, "")
		x.emit(Effect{Kind: EffectDone, Item: b.Item})
		return
	}
	x.tellSetup(*d, b.Fault, b.Code, b.Hint)
	x.follow(d, b.Fault, time.Duration(b.RetryAfterMS)*time.Millisecond)
}

// tellSetup tells the admins of a fault that only they can mend, as a number
// that is not registered: by another road than the texts that fail, where they
// have one. What fails on its way to them is not told again.
func (x *decider) tellSetup(d Send, fault channels.FaultKind, code int, hint string) {
	told := x.s.SetupAt > 0 && x.env.Now.Sub(x.s.SetupAt) < SetupEvery
	if fault != channels.FaultConfiguration || told || strings.HasPrefix(d.What, adminText) {
		return
	}
	x.set(func(s *Set) { s.SetupAt = ptr(x.env.Now) })
	what := "texts are refused"
	if code != 0 {
		what += fmt.Sprintf(" (code %d)", code)
	}
	words := strings.TrimSpace("Tidegate: " + what + ", and trying again does not help. " + hint)
	for _, p := range x.env.Rules.Plan.Admins {
		if r, ok := x.otherRoad(p); ok {
			x.toRoute(p, r, Out{What: adminText + "setup", Words: molt.Words(words)})
		}
	}
}

// otherRoad is a route to a staff member that is not of the patient's channel;
// where she has none, the one she is best reached by.
func (x *decider) otherRoad(p molt.PersonID) (escalation.Route, bool) {
	for _, r := range x.env.Rules.Plan.People[p].Routes {
		if r.Channel != x.s.Began.Channel {
			return r, true
		}
	}
	return x.routeOf(p)
}

// checked asks the schedule again after a look into the carrier's list.
func (x *decider) checked(b *Checked) {
	d := x.s.send(b.Item)
	if d == nil || d.Finished() {
		x.sent(b.Item)
		return
	}
	x.because(ReasonCheck, "")
	x.follow(d, channels.FaultUnknown, 0)
}

// follow carries out the schedule's plan for a text with a fault.
func (x *decider) follow(d *Send, fault channels.FaultKind, retryAfter time.Duration) {
	p := outbox.Next(outbox.Outcome{
		Class: d.Class, Item: d.Item, Attempt: d.Attempt, Times: d.Faults[fault], Checks: d.Checks, Kind: fault,
		RetryAfter: retryAfter, First: d.FirstAt, Now: x.env.Now,
	})
	switch p.Do {
	case outbox.DoRetry:
		// What the agent says is not tried again into somebody else's turn.
		if d.Class == channels.ClassAgent && (d.Epoch != x.s.Epoch || d.Early) {
			x.giveUp(d, fault)
			return
		}
		x.because(ReasonRetry, string(fault))
		x.emit(Effect{Kind: EffectRetry, Item: d.Item, Due: p.Due, Name: string(p.Do)})
	case outbox.DoCheck:
		x.because(ReasonCheck, string(fault))
		x.emit(Effect{Kind: EffectRetry, Item: d.Item, Due: p.Due, Name: string(p.Do)})
	default:
		x.giveUp(d, fault)
	}
}

// giveUp ends a text that will not arrive, and somebody learns of it.
func (x *decider) giveUp(d *Send, fault channels.FaultKind) {
	lost := *d
	x.because(ReasonGaveUp, string(fault))
	x.emit(Effect{Kind: EffectDone, Item: d.Item})
	x.undelivered(lost, cannotText(fault) || lost.Class == channels.ClassSafety)
}

// cannotText reports whether a fault says that no text reaches this patient.
// An answer that was lost or a carrier that was busy says nothing of the kind.
func cannotText(fault channels.FaultKind) bool {
	switch fault {
	case channels.FaultOptedOut, channels.FaultRecipient, channels.FaultUnreachable, channels.FaultConfiguration, channels.FaultWindow:
		return true
	}
	return false
}

// undelivered is what follows when a text did not reach its reader: a page
// takes its next route, a person learns what the patient did not read, and
// where no text arrives the patient is called. Who else may speak by now needs
// no word of what the agent failed to say.
func (x *decider) undelivered(d Send, cannot bool) {
	switch {
	case d.Page != "":
		x.escalate(escalation.Event{Kind: escalation.EventPageFailed, PageID: d.Page})
	case d.Person != "":
	case d.Class == channels.ClassAgent && (d.Early || x.s.Owner != escalation.OwnerAgent):
		if cannot && x.s.Open() {
			x.escalate(escalation.Event{Kind: escalation.EventCannotText})
		}
	case d.Class == channels.ClassNurse && x.s.Case != nil && x.s.Case.Held():
		if !cannot || x.s.Case.CannotText {
			words := "your text may not have reached the patient. Please call."
			if d.Faults[channels.FaultFiltered] > 0 {
				words = "a carrier filtered your text, and would again. Please call, or write it in other words and without links."
			}
			x.toStaff(x.s.Case.Claimant, "not_delivered", molt.Words("Case "+x.s.Code+": "+words), 0)
			return
		}
		x.escalate(escalation.Event{Kind: escalation.EventCannotText})
	case x.s.Owner != escalation.OwnerAgent && x.s.Open():
		if cannot {
			x.escalate(escalation.Event{Kind: escalation.EventCannotText})
		}
	case x.neverRead(d):
		x.pageNeverRead(cannot)
	case d.Class == channels.ClassSafety && x.s.Stopped:
		// The clarification after STOP: the case about it is on the list.
	default:
		category := "" // what it is about, where a person has to tell it
		if ofBooking(d.What) {
			category = "booking"
		}
		x.escalate(x.newCase(escalation.Event{
			Why: escalation.KindUndeliverable, Severity: escalation.S3, Category: category, Evidence: x.lastInbound(), CannotText: cannot,
		}))
	}
}

// neverRead reports whether a text is one for somebody in danger whose case a nurse has
// resolved since, and could not know that the patient would not read whom to call.
func (x *decider) neverRead(d Send) bool {
	c := x.s.Case
	return d.Class == channels.ClassSafety && policy.InDanger(d.What) && c != nil && c.State == escalation.StateResolved &&
		c.Severity.Rank() <= escalation.S2.Rank() && !c.CannotText && c.Resolution != nil && !c.Resolution.FalseAlarm
}

// pageNeverRead pages a nurse about it.
func (x *decider) pageNeverRead(cannot bool) {
	c := x.s.Case
	x.escalate(x.newCase(escalation.Event{
		Why: escalation.KindUndeliverable, Severity: escalation.S2, Category: c.Category, Evidence: c.Evidence, CannotText: cannot,
	}))
}

// overtakes reports whether a report is about an attempt that a later one
// replaced. Of such a one only that it arrived is news.
func (d *Send) overtakes(b *channels.StatusReport) bool {
	return b.Attempt > 0 && b.Attempt < d.Attempt && !arrived(b.Status)
}

// foreign reports whether a report is about another text, which had the item's name
// in a record that a restore took away. Of a text that no decision here put nobody
// knows when it was.
func (d *Send) foreign(b *channels.StatusReport) bool {
	return b.Put != 0 && d.What != "" && b.Put != d.Put
}

func arrived(st channels.Status) bool {
	return st == channels.StatusDelivered || st == channels.StatusRead
}

// status takes a carrier's later word. A failure counts once: when its rank is
// new.
func (x *decider) status(b *channels.StatusReport) {
	d := x.s.send(b.Item)
	if d == nil || d.foreign(b) || d.overtakes(b) || d.Status != b.Status {
		return // forgotten, or an older report than what is known
	}
	switch b.Status {
	case channels.StatusDelivered, channels.StatusRead:
		x.because(ReasonDelivered, "")
		if d.Page != "" {
			x.escalate(escalation.Event{Kind: escalation.EventPageSent, PageID: d.Page})
		}
	case channels.StatusUndelivered, channels.StatusFailed:
		if d.Reported {
			return
		}
		x.because(ReasonUndelivered, string(b.Fault))
		if b.Fault == channels.FaultOptedOut && d.Person == "" {
			x.because(ReasonOptedOut, "carrier")
		}
		x.emit(Effect{Kind: EffectLost, Item: d.Item})
		lost := *x.s.send(b.Item)
		x.tellSetup(lost, b.Fault, b.Code, b.Hint)
		// A code that is not there or not known counts as one that will not arrive.
		x.undelivered(lost, b.Fault == "" || cannotText(b.Fault) || lost.Class == channels.ClassSafety)
	}
}
