package turn

import (
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
	AutonomyKnown    Autonomy = "known"    // texts leave that the gateway's own reading and the persona's scope bear out; the others wait, and so does each act
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
	// Read is the newest event that she had before her, where she was shown it again
	// since it was put; 0: Saw.
	Read uint64 `json:"read,omitempty"`
	// Tried is who would release it when it was stale: she reads what takes its place,
	// at whatever hour.
	Tried molt.PersonID `json:"tried,omitempty"`
	// Clarify says that its text asks the patient what they mean.
	Clarify bool `json:"clarify,omitempty"`
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

// known reports whether the gateway's own reading of what the patient wrote and the
// persona's scope both bear out what the answer says it is about. What is written
// beforehand is known.
func (x *decider) known(r *Replied) bool {
	if strings.HasPrefix(r.Answer.Model, model.BuiltIn) {
		return true
	}
	read, scope := false, policy.Scope{Intents: x.env.Rules.Intents, Collect: x.env.Rules.Collect}
	for _, seq := range x.s.Pending {
		if seq > r.Saw || !x.asks(seq) {
			continue
		}
		if read = scope.Bears(x.recall(Ref{Seq: seq}).Reveal(), r.Answer.Intent, x.s.Question); !read {
			return false
		}
	}
	return read
}

// draft keeps an answer's text for a nurse. It passed the gate. One that is still
// with her is replaced, and its time goes on: a patient who writes on does not
// wait longer for it.
func (x *decider) draft(r *Replied) {
	due, tried := x.env.Now.Add(x.env.Rules.reviewWithin()), molt.PersonID("")
	if d := x.s.Draft(); d != nil {
		due, tried = min(due, d.Due), d.Tried
		x.endReview(*d)
	}
	rev := Review{Saw: r.Saw, Due: due, Tried: tried, Clarify: r.Answer.Kind == model.KindClarify, Question: cutFact(r.Answer.Question, MaxFactBytes/8), Done: r.Answer.Done, Offered: offeredIn(r.Steps)}
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
	if rev.Act != nil {
		act := *rev.Act
		act.Code, rev.Act = rev.Code, &act
	}
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
func (x *decider) reviewCode() string { return x.codeFrom(reviewEntropy) }

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

// endReview takes a review off the list. Its code rests. One that this very
// decision put was never there, and nobody is asked about it.
func (x *decider) endReview(r Review) {
	if r.Number == x.at.Seq {
		for i, e := range x.d.Effects[r.Index:] {
			if e.Kind == EffectReview && e.Review.Code == r.Code || e.Kind == EffectCode && e.Code.Code == r.Code || e.Kind == EffectPage && e.Out.What == "draft" {
				x.undo(r.Index + i)
			}
		}
		x.keepReviews(slices.DeleteFunc(slices.Clone(x.s.Reviews), func(o Review) bool { return o.Code == r.Code }))
		return
	}
	x.emit(Effect{Kind: EffectReview, Review: &ReviewRow{Code: r.Code, Conversation: x.env.Conversation, Gone: true}})
	x.freeCode(Code{Code: r.Code, Known: true, Conversation: x.env.Conversation, Review: r.Number})
	x.keepReviews(slices.DeleteFunc(slices.Clone(x.s.Reviews), func(o Review) bool { return o.Code == r.Code }))
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
// newer text makes it old. Of an act the patient was told that it is asked about.
func (x *decider) dropReviews(which func(Review) bool) {
	for _, r := range slices.Clone(x.s.Reviews) {
		if !which(r) {
			continue
		}
		x.endReview(r)
		if r.Act != nil {
			x.lapse(*r.Act)
		}
	}
}

// dropMoot ends a draft that is older than a text and for which no text waits any
// more: the patient was answered without it, and its deadline has nothing to say.
func (x *decider) dropMoot() {
	x.dropReviews(func(r Review) bool { return r.Act == nil && r.Stale && len(x.s.Pending) == 0 && x.s.Ask.Item == "" })
}

// stands reports whether silence leaves a draft as the answer: what was written
// after it asks nothing. It may be released again.
func (x *decider) stands(saw uint64) bool {
	d := x.s.Draft()
	if d == nil || !d.Stale || slices.ContainsFunc(x.s.Pending, func(seq uint64) bool { return seq > d.Saw && (seq > saw || x.asks(seq)) }) {
		return false
	}
	if !slices.ContainsFunc(x.s.Pending, func(seq uint64) bool { return seq <= d.Saw }) {
		return false
	}
	x.because(ReasonSilent, "draft_stands")
	rev := *d
	rev.Saw, rev.Stale = saw, false
	x.keepReview(rev)
	if rev.Tried != "" {
		x.showReview(rev.Tried, rev)
	}
	return true
}

// keepReview changes one of those that wait.
func (x *decider) keepReview(rev Review) {
	list := slices.Clone(x.s.Reviews)
	for i := range list {
		if list[i].Code == rev.Code {
			list[i] = rev
		}
	}
	x.set(func(s *Set) { s.Reviews = &list })
}

func anyReview(Review) bool    { return true }
func textReview(r Review) bool { return r.Act == nil }

// askReviewers tells those who are on call on the first step with somebody, in
// opening hours. At other times nobody is woken for it: the list has it, and its
// deadline ends it. Who tried to release what it takes the place of is up.
func (x *decider) askReviewers(rev Review) {
	asked := []molt.PersonID{}
	if rev.Tried != "" {
		asked = append(asked, rev.Tried)
	}
	if x.env.Rules.Plan.Hours.In(x.env.Now) {
		asked = append(asked, firstOnCall(x.env.Rules.Plan.OnCall(x.env.Now))...)
	}
	for i, p := range asked {
		if !slices.Contains(asked[:i], p) {
			x.showReview(p, rev)
		}
	}
}

// firstOnCall is who is on call on the first step with somebody.
func firstOnCall(teams []escalation.Team) []molt.PersonID {
	for _, t := range teams {
		if len(t.People) > 0 {
			return t.People
		}
	}
	return nil
}

// showReview tells one person what waits: the words only where that surface may
// show them.
func (x *decider) showReview(p molt.PersonID, rev Review) {
	r, ok := x.shownOn(p)
	if !ok || p == x.here {
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
		if since := x.s.WroteSince(rev.Saw, x.recall); rev.Act != nil && len(since) > 0 {
			words += fmt.Sprintf(", who wrote since %q", oneLine(x.recall(since[len(since)-1]), maxReviewQuote))
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
