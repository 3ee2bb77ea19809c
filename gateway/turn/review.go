package turn

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/channels/segment"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/policy"
	"github.com/tidegate/tidegate/molt"
)

// Autonomy is how far an agent goes alone.
type Autonomy string

// The levels of autonomy. The zero level is that of a record from before there
// were any, and means AutonomyExtended.
const (
	AutonomyDraft    Autonomy = "draft"    // each text and each act waits for a nurse
	AutonomyKnown    Autonomy = "known"    // texts leave that the gateway's own reading bears out; the others wait, and so does each act
	AutonomyExtended Autonomy = "extended" // texts and acts are the agent's, but those acts that the persona names
)

// Limits of what waits for a nurse.
const (
	MaxReviews     = 2                // a text and an act
	DefaultReview  = 15 * time.Minute // how long either waits
	maxReviewQuote = 300              // bytes of a patient's text beside a draft
)

// Review is something of the agent's that waits for a nurse: a text to the
// patient, or an act outside. It ends with her word or with its deadline,
// whichever comes first; a patient is left hanging by neither.
type Review struct {
	Number uint64    `json:"number"` // the decision that put it
	Index  int       `json:"index"`  // of its effect
	Code   string    `json:"code"`
	At     molt.Time `json:"at"`
	Due    molt.Time `json:"due"`
	Saw    uint64    `json:"saw,omitempty"`
	// Stale says that the patient wrote since: the text that waits is not released
	// any more, and the next one takes its place and what is left of its time.
	Stale bool `json:"stale,omitempty"`
	// Act is what would be done; nil: it is a text.
	Act *Calling `json:"act,omitempty"`
	// What follows is a text's: how the conversation stands once it left.
	Question string        `json:"question,omitempty"`
	Done     bool          `json:"done,omitempty"`
	Offered  *[]model.Slot `json:"offered,omitempty"`
}

// ReviewRow is a review as the list over all journals shows it. It holds nobody's
// words.
type ReviewRow struct {
	Code         string              `json:"code"`
	Conversation molt.ConversationID `json:"conversation"`
	Tool         string              `json:"tool,omitempty"` // of an act; "": a text
	At           molt.Time           `json:"at"`
	Due          molt.Time           `json:"due"`
	Gone         bool                `json:"gone,omitempty"`
}

// Words points at the words of a draft.
func (r Review) Words() Ref { return Ref{Seq: r.Number, Index: r.Index} }

// Draft is the text that waits; nil when none does.
func (s *State) Draft() *Review { return s.review(func(r Review) bool { return r.Act == nil }) }

// Proposed is the act that waits; nil when none does.
func (s *State) Proposed() *Review { return s.review(func(r Review) bool { return r.Act != nil }) }

func (s *State) review(is func(Review) bool) *Review {
	if i := slices.IndexFunc(s.Reviews, is); i >= 0 {
		return &s.Reviews[i]
	}
	return nil
}

// autonomy is the level in force.
func (r *Rules) autonomy() Autonomy {
	if r.Autonomy == "" {
		return AutonomyExtended
	}
	return r.Autonomy
}

// MustApprove reports whether an act of that tool waits for a nurse.
func (r *Rules) MustApprove(tool string) bool {
	return r.autonomy() != AutonomyExtended || slices.Contains(r.Approve, tool)
}

func (r *Rules) reviewWithin() time.Duration {
	if r.ReviewWithin <= 0 {
		return DefaultReview
	}
	return r.ReviewWithin
}

// waits reports whether an answer's text waits for a nurse.
func (x *decider) waits(r *Replied) bool {
	switch x.env.Rules.autonomy() {
	case AutonomyDraft:
		return true
	case AutonomyKnown:
		return !x.known(r)
	}
	return false
}

// known reports whether the gateway's own reading of what the patient wrote bears
// out what the answer says it is about. What is written beforehand is known.
func (x *decider) known(r *Replied) bool {
	if strings.HasPrefix(r.Answer.Model, model.BuiltIn) {
		return true
	}
	read := false
	for _, seq := range x.s.Pending {
		if seq > r.Saw || !x.asks(seq) {
			continue
		}
		if read = policy.Bears(x.recall(Ref{Seq: seq}).Reveal(), r.Answer.Intent, x.s.Question != ""); !read {
			return false
		}
	}
	return read
}

// draft keeps an answer's text for a nurse. It passed the gate. One that is still
// with her is replaced, and its time goes on: a patient who writes on does not
// wait longer for it.
func (x *decider) draft(r *Replied) {
	due := x.env.Now.Add(x.env.Rules.reviewWithin())
	if d := x.s.Draft(); d != nil {
		due = min(due, d.Due)
		x.endReview(*d)
	}
	rev := Review{Saw: r.Saw, Due: due, Question: cutFact(r.Answer.Question, MaxFactBytes/8), Done: r.Answer.Done, Offered: offeredIn(r.Steps)}
	rev.Stale = x.overtaken(rev)
	x.because(ReasonDrafted, "")
	x.putReview(rev, &Out{What: "reply", Class: channels.ClassAgent, Words: r.Answer.Text, Put: x.env.Now})
}

// propose keeps an act for a nurse. The patient reads that somebody is asked.
func (x *decider) propose(r *Replied) {
	x.because(ReasonDrafted, r.Proposed.Tool)
	x.putReview(Review{Saw: r.Saw, Due: x.env.Now.Add(x.env.Rules.reviewWithin()), Act: r.Proposed}, nil)
	x.set(func(s *Set) { s.Silences = ptr(0) })
	x.answeredTo(r.Saw)
	x.say("asked_by", channels.ClassNurse, x.fixed("asked_by", x.whenText(r.Proposed.Slot.Start)))
}

func (x *decider) putReview(rev Review, words *Out) {
	rev.At, rev.Code = x.env.Now, x.reviewCode()
	rev.Number, rev.Index = x.at.Seq, len(x.d.Effects)
	row := &ReviewRow{Code: rev.Code, Conversation: x.env.Conversation, At: rev.At, Due: rev.Due}
	if rev.Act != nil {
		row.Tool = rev.Act.Tool
	}
	x.emit(Effect{Kind: EffectReview, Out: words, Review: row})
	x.emit(Effect{Kind: EffectCode, Code: &Code{Code: rev.Code, Known: true, Conversation: x.env.Conversation, Review: rev.Number}})
	x.keepReviews(append(slices.Clone(x.s.Reviews), rev))
	if !rev.Stale { // else the next one is what she is asked about
		x.askReviewers(rev)
	}
}

// reviewCode draws a code beside that of a case which the same step may open.
func (x *decider) reviewCode() string {
	code := []byte(x.codeFrom(reviewEntropy))
	if string(code) == x.s.Code {
		code[0] = codeAlphabet[(int(code[0])+1)%len(codeAlphabet)]
	}
	return string(code)
}

// reviewEntropy is where in a step's random bytes the code of a review begins.
const reviewEntropy = 9

// keepReviews keeps what waits, and one timer for the first of them to end.
func (x *decider) keepReviews(list []Review) {
	x.set(func(s *Set) { s.Reviews = &list })
	due := molt.Time(0)
	for _, r := range list {
		if due == 0 || r.Due < due {
			due = r.Due
		}
	}
	x.timer(timerReview, due)
}

// endReview takes a review off the list. Its code is free again.
func (x *decider) endReview(r Review) {
	x.emit(Effect{Kind: EffectReview, Review: &ReviewRow{Code: r.Code, Conversation: x.env.Conversation, Gone: true}})
	x.emit(Effect{Kind: EffectUncode, Name: r.Code})
	x.keepReviews(slices.DeleteFunc(slices.Clone(x.s.Reviews), func(o Review) bool { return o.Number == r.Number }))
}

// outdate marks a draft that is older than the newest text.
func (x *decider) outdate() {
	if d := x.s.Draft(); d == nil || d.Stale {
		return
	}
	list := slices.Clone(x.s.Reviews)
	for i := range list {
		list[i].Stale = list[i].Stale || list[i].Act == nil
	}
	x.set(func(s *Set) { s.Reviews = &list })
}

// overtaken reports whether a text waits that came after what a draft answers,
// those of this very step included.
func (x *decider) overtaken(r Review) bool {
	return r.Act == nil && slices.ContainsFunc(x.s.Pending, func(seq uint64) bool { return seq > r.Saw })
}

// dropReviews ends all that waits, because somebody else speaks from now on or a
// newer text makes it old.
func (x *decider) dropReviews(which func(Review) bool) {
	for _, r := range slices.Clone(x.s.Reviews) {
		if which(r) {
			x.endReview(r)
		}
	}
}

func anyReview(Review) bool    { return true }
func textReview(r Review) bool { return r.Act == nil }

// askReviewers tells those who are on call on the first step with somebody, in
// opening hours. At other times nobody is woken for it: the list has it, and its
// deadline ends it.
func (x *decider) askReviewers(rev Review) {
	if !x.env.Rules.Plan.Hours.In(x.env.Now) {
		return
	}
	for _, team := range x.env.Rules.Plan.OnCall(x.env.Now) {
		for _, p := range team.People {
			x.showReview(p, rev)
		}
		if len(team.People) > 0 {
			return
		}
	}
}

// showReview tells one person what waits: the words only where that surface may
// show them.
func (x *decider) showReview(p molt.PersonID, rev Review) {
	r, ok := x.shownOn(p)
	if !ok {
		return
	}
	what, how := "a draft", rev.Code+" Y sends it, "+rev.Code+" E and your words sends those, "+rev.Code+" X: you take over."
	if rev.Act != nil {
		what, how = rev.Act.InWords(x.env.Rules), rev.Code+" Y does it, "+rev.Code+" X: you take over."
	}
	until := " By " + x.hhmm(rev.Due) + ": "
	words := fmt.Sprintf("%s: the agent waits for you with %s.%s%s Read it first: tidegate drafts show %s%s", rev.Code, what, until, how, rev.Code, x.linkTo(rev.Code))
	if r.PHI {
		asked := ""
		for _, seq := range x.s.Pending {
			if seq <= rev.Saw { // what came later it does not answer
				asked = oneLine(x.recall(Ref{Seq: seq}), maxReviewQuote)
			}
		}
		words = fmt.Sprintf("%s: %s for a patient", rev.Code, what)
		if asked != "" && rev.Act == nil {
			words += fmt.Sprintf(" who wrote %q", asked)
		}
		if rev.Act == nil {
			words += ": " + x.recall(rev.Words()).Reveal()
		}
		words += "\n" + how + until[:len(until)-2] + "."
	}
	// In parts rather than cut: she answers for all of it.
	for _, part := range segment.Split(segment.Fold(words), MaxTextSegments) {
		x.toRoute(p, r, Out{What: "draft", Words: molt.Words(part)})
	}
}

// InWords says what an act would do.
func (a Calling) InWords(r *Rules) string {
	verb := "booking "
	if a.Tool == model.ToolCancel {
		verb = "giving back "
	}
	return verb + whenIn(r, "en", a.Slot.Start)
}

// reviewed carries out what a person says of something that waits.
func (x *decider) reviewed(a *Acted) {
	x.d.Autonomy = x.env.Rules.autonomy()
	rev := x.s.review(func(r Review) bool { return r.Number == a.Review })
	switch {
	case rev == nil || x.s.Owner != escalation.OwnerAgent:
		x.refuseReview(a, "gone", "")
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
	case r.Stale || x.overtaken(r):
		x.refuseReview(a, "stale", r.Code)
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
		s.Silences, s.Question, s.Offered = ptr(0), &r.Question, r.Offered
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
		act.Item, act.Approved, act.By = ask.Item, true, by
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
		if r.Act != nil && x.env.Rules.Unapproved == UnapprovedMake && x.mayAgent() && !x.wroteSince(r.Saw) {
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

// wroteSince reports whether the patient wrote anything since but thanks: with an act
// that nobody approved, they may want it no more.
func (x *decider) wroteSince(saw uint64) bool {
	return slices.ContainsFunc(x.s.Turns, func(ref Ref) bool {
		return ref.From == model.FromPatient && ref.Seq > saw && x.asks(ref.Seq)
	})
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
