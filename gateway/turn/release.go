package turn

import (
	"cmp"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/policy"
	"github.com/tidegate/tidegate/molt"
)

// reviewed carries out what a person says of something that waits.
func (x *decider) reviewed(a *Acted) {
	x.d.Autonomy = x.env.Rules.autonomy()
	rev := x.s.review(func(r Review) bool { return r.Number == a.Review && r.meant(a, x.s.Began) })
	switch {
	case rev == nil || x.s.Owner != escalation.OwnerAgent:
		x.over(a)
		return
	case !x.env.Rules.mayReview(a.Actor):
		x.refuseReview(a, "not_yours", "")
		return
	case a.Verb == VerbShow:
		x.showReview(a.Actor, *rev)
		return
	}
	r := *rev
	switch {
	case a.Verb == VerbDrop:
		x.dropped(a, r)
	case r.Act != nil && len(x.s.WroteSince(max(r.Saw, r.Read, a.Saw), x.recall)) > 0:
		x.putAgain(a, r)
	case r.Stale || x.overtaken(r):
		x.refuseReview(a, "stale", r.Code)
		r.Tried = a.Actor
		x.keepReview(r)
	case x.s.mute():
		x.refuseReview(a, "cannot_text", r.Code)
	case !x.mayAgent():
		x.refuseReview(a, "paused", r.Code)
	case r.Act != nil && a.Verb == VerbRelease:
		x.approved(a.Actor, r)
		x.toStaff(a.Actor, "noted", molt.Words(r.Code+": released; it is done now."), 0)
	case r.Act == nil && a.Verb == VerbRelease:
		x.released(a, r, x.recall(r.Words()))
	case r.Act == nil && a.Verb == VerbEdit:
		x.released(a, r, a.Words)
	default:
		x.refuseReview(a, "verb", r.Code)
	}
}

// meant reports whether an act is about this review. Its number alone says so only
// in the journal that it was first of: that of a journal which follows a frozen one
// counts anew.
func (r Review) meant(a *Acted, began Began) bool {
	return a.ReviewCode == r.Code || a.ReviewCode == "" && began.After == ""
}

// over refuses what is about something that waits no more. Where something newer
// waits she reads that.
func (x *decider) over(a *Acted) {
	next := x.s.review(func(r Review) bool { return r.Number > a.Review && !r.Stale && !x.overtaken(r) })
	if next == nil || x.s.Owner != escalation.OwnerAgent || !x.env.Rules.mayReview(a.Actor) {
		x.refuseReview(a, "gone", "")
		return
	}
	x.refuseReview(a, "replaced", "")
	x.showReview(a.Actor, *next)
}

// putAgain puts an act before a nurse anew that is older than what the patient wrote
// since: under another code, so that nobody's earlier look releases it. What comes
// in this very step is read first.
func (x *decider) putAgain(a *Acted, r Review) {
	if len(x.s.Undecided) > 0 {
		x.refuseReview(a, "overtaken", r.Code)
		return
	}
	x.refuseReview(a, "overtaken", "")
	x.endReview(r)
	r.Read, r.Tried = x.s.Seq, a.Actor
	x.putReview(r, nil)
}

// mayReview reports whether a person may: whoever works with patients, and an
// operator at the machine.
func (r *Rules) mayReview(p molt.PersonID) bool {
	who, staff := r.Plan.People[p]
	return !staff || who.Role != escalation.Role("auditor")
}

func (x *decider) refuseReview(a *Acted, why, code string) {
	x.because(ReasonRefused, refusedReview+why)
	words := "Draft: " + RefusedReview(refusedReview+why)
	if code != "" {
		words += " " + code + " X: you take over."
	}
	x.toStaff(a.Actor, "refused", molt.Words(words), 0)
}

// refusedReview begins the detail of a refusal that is about what waits.
const refusedReview = "draft_"

// RefusedReview says why nothing was done with what waits; "" when the detail is
// of another refusal.
func RefusedReview(detail string) string {
	why, ok := strings.CutPrefix(detail, refusedReview)
	if !ok {
		return ""
	}
	words := map[string]string{
		"gone":        "that is over: it was released, dropped, replaced by a newer one, or its time ended. Nothing was done.",
		"replaced":    "that was replaced by a newer one, which waits. Nothing was done.",
		"overtaken":   "the patient wrote again since you were asked. It waits anew, with what they wrote. Nothing was done.",
		"not_yours":   "you may not release what the agent waits with.",
		"stale":       "the patient wrote again since, and a newer draft is on its way.",
		"cannot_text": "texts do not reach this patient.",
		"paused":      "the agent is paused, and nothing of its leaves.",
		"verb":        "that cannot be done with it.",
	}[why]
	return cmp.Or(words, "not sent: "+cmp.Or(ruleInWords(why), "it may not leave in the agent's name")+".")
}

// released says a text that a person has read. It leaves in the agent's name and
// so passes the gate once more, whoever wrote it.
func (x *decider) released(a *Acted, r Review, words molt.Words) {
	if rule := x.gated(words, x.lang()); rule != "" {
		x.refuseReview(a, rule, r.Code)
		return
	}
	x.because(ReasonReleased, string(a.Verb))
	x.endReview(r)
	x.sayAs(Out{What: "reply", Class: channels.ClassAgent, Words: words, ReviewedBy: a.Actor, Disclosure: !x.s.Spoken})
	x.set(func(s *Set) {
		s.Silences, s.Question, s.Offered, s.Clarified = ptr(0), &r.Question, r.Offered, &r.Clarify
		if r.Done {
			s.Done = ptr(true)
		}
	})
	x.answeredTo(r.Saw)
	x.toStaff(a.Actor, "noted", molt.Words(r.Code+": released."), 0)
}

// dropped ends what waits by a person who takes the conversation over. Where the
// patient asked nothing there is nothing to take.
func (x *decider) dropped(a *Acted, r Review) {
	x.because(ReasonDropped, "")
	x.endReview(r)
	if r.Act == nil && len(x.s.Pending) > 0 && !slices.ContainsFunc(x.s.Pending, x.asks) {
		x.answeredTo(r.Saw)
		x.toStaff(a.Actor, "noted", molt.Words(r.Code+": dropped."), 0)
		return
	}
	x.takeOver(a)
}

// approved has an act made, by the worker of a question of its own.
func (x *decider) approved(by molt.PersonID, r Review) {
	x.because(ReasonReleased, r.Act.Tool)
	x.endReview(r)
	ask := Ask{First: x.env.Now}
	if old := x.s.Ask; old.Item != "" {
		ask = old
		x.emit(Effect{Kind: EffectCancel, Item: old.Item})
	}
	ask.Item = x.emit(Effect{Kind: EffectAsk, Lane: molt.LaneAsk, Due: x.env.Now})
	x.set(func(s *Set) {
		act := *r.Act
		act.Item, act.Approved, act.By, act.Epoch = ask.Item, true, by, x.s.Epoch
		s.Ask, s.Calling = &ask, &act
	})
	x.timer(timerCalling, x.env.Now.Add(CallingWithin))
}

// lapsed ends what nobody released in time: a text by a fixed one and a case, an
// act by what the persona says.
func (x *decider) lapsed() {
	for _, r := range slices.Clone(x.s.Reviews) {
		if x.env.Now < r.Due {
			continue
		}
		x.d.Autonomy = x.env.Rules.autonomy()
		if r.Act != nil && x.env.Rules.Unapproved == UnapprovedMake && x.mayAgent() && len(x.s.WroteSince(r.Saw, x.recall)) == 0 {
			x.approved("", r)
			continue
		}
		x.endReview(r)
		x.because(ReasonLapsed, "")
		x.escalate(x.newCase(escalation.Event{
			Why: escalation.KindWatchdog, Severity: escalation.S3, Category: "draft", Evidence: x.waitingOrLast(), CannotText: x.s.mute(),
		}))
		return // owner changed: whatever else waited is over
	}
	x.keepReviews(x.s.Reviews)
}

// WroteSince is what the patient wrote since an event, but thanks. Of an act that is
// older they may want nothing any more.
func (s *State) WroteSince(saw uint64, recall func(Ref) molt.Words) (out []Ref) {
	for _, ref := range s.Turns {
		if ref.From == model.FromPatient && ref.Seq > saw && wants(ref, recall) {
			out = append(out, ref)
		}
	}
	return out
}

// What becomes of an act that nobody approved in time.
const (
	UnapprovedRefuse = "refuse" // it is not done, and a person has the case
	UnapprovedMake   = "make"
)

// gated names the rule of the output gate that stops a text; "" when none does.
func (x *decider) gated(words molt.Words, lang string) string {
	gate := x.gate(nil)
	gate.Lang = lang
	if f := gate.Check(words.Reveal()); f.Outcome == policy.Block {
		return f.Rule
	}
	return ""
}

// reviewer is who released a text of the agent's.
func reviewer(o Out) molt.PersonID {
	if o.Class != channels.ClassAgent {
		return ""
	}
	return o.ReviewedBy
}
