package turn

import (
	"slices"
	"strings"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/policy"
	"github.com/tidegate/tidegate/gateway/screen"
	"github.com/tidegate/tidegate/molt"
)

// patientTexts answers what a patient wrote: danger first, then the law's own
// words, then whoever owns the conversation.
func (x *decider) patientTexts(in []heard) {
	x.learnLanguage(in)
	waited := x.waitedFor()
	x.unlist()
	red, evidence := worst(in)
	rest := x.keywords(in, red.Severity.Rank() >= screen.S3.Rank())
	x.unread = append(x.unread, seqs(rest)...)
	switch {
	case red.Severity.Rank() >= screen.S3.Rank():
		x.redFlag(red, evidence)
	case len(rest) == 0:
		return
	case red.Severity == screen.S4 || unreadable(in):
		x.listUnread(in, red, evidence)
	}
	switch x.s.Owner {
	case escalation.OwnerHuman:
		x.relayToHolder(rest)
	case escalation.OwnerHold:
		if !x.said() {
			x.held()
		}
	default:
		x.routine(rest)
	}
	if x.waitedFor() && !waited {
		x.set(func(s *Set) { s.Unanswered = ptr(in[0].Seq) })
	}
}

// waitedFor reports whether the patient waits for a word of who holds the case.
func (x *decider) waitedFor() bool { return x.s.Case != nil && x.s.Case.Unanswered != 0 }

func (x *decider) learnLanguage(in []heard) {
	for i := len(in) - 1; i >= 0; i-- {
		lang := in[i].Lang // what they chose goes before what their words look like
		if lang == "" {
			lang = policy.Language(in[i].words)
		}
		if lang != "" && x.speaks(lang) {
			if lang != x.s.Lang {
				x.set(func(s *Set) { s.Lang = &lang })
			}
			return
		}
	}
}

func (x *decider) speaks(lang string) bool {
	for _, l := range x.env.Rules.Languages {
		if l == lang {
			return true
		}
	}
	return false
}

// lang is the language in which fixed texts leave.
func (x *decider) lang() string {
	if x.s.Lang == "" && len(x.env.Rules.Languages) > 0 {
		return x.env.Rules.Languages[0]
	}
	return x.s.Lang
}

// worst is the gravest verdict of the step and the texts on which it rests.
func worst(in []heard) (v screen.Verdict, evidence []uint64) {
	v.Severity = screen.None
	for _, h := range in {
		if h.Verdict == nil {
			continue
		}
		if h.Verdict.Severity.Rank() > v.Severity.Rank() {
			v = *h.Verdict
		}
		if h.Verdict.Severity.Rank() >= screen.S3.Rank() {
			evidence = append(evidence, h.Seq)
		}
	}
	return v, evidence
}

func unreadable(in []heard) bool {
	for _, h := range in {
		bare := strings.TrimSpace(h.words) == ""
		if bare && h.Media > 0 || h.Verdict != nil && h.Verdict.Unreadable && !bare {
			return true
		}
	}
	return false
}

func seqs(in []heard) (out []uint64) {
	for _, h := range in {
		out = append(out, h.Seq)
	}
	return out
}

// redFlag opens a case or makes the open one graver. Nothing else happens
// first, and no model is asked.
func (x *decider) redFlag(v screen.Verdict, evidence []uint64) {
	x.because(ReasonRedFlag, v.Category)
	kind := escalation.EventRedFlag
	if x.s.Case == nil {
		kind = escalation.EventOpen
	}
	x.escalate(escalation.Event{
		Kind: kind, Why: escalation.KindScreen, Severity: escalation.Severity(v.Severity),
		Category: v.Category, Evidence: evidence, CannotText: x.s.mute(),
	})
}

// listUnread puts what no machine can read on a person's work list. The agent
// goes on.
func (x *decider) listUnread(in []heard, v screen.Verdict, evidence []uint64) {
	x.because(ReasonUnreadable, "")
	if x.s.Open() || x.s.Owner != escalation.OwnerAgent {
		return // whoever has the conversation sees it
	}
	if evidence == nil {
		evidence = seqs(in)
	}
	x.escalate(x.newCase(escalation.Event{
		Why: escalation.KindMedia, Severity: escalation.S4, Category: v.Category, Evidence: evidence,
	}))
}

// keywords answers STOP, START and HELP, and returns what else there is to
// answer.
func (x *decider) keywords(in []heard, red bool) (rest []heard) {
	if x.s.Began.Live {
		return in // words that carriers made; here whoever wants no more closes the chat
	}
	for _, h := range in {
		word, f := policy.Words(h.words, x.s.Stopped)
		done := true
		switch word {
		case policy.KeywordStop:
			x.stop(f.Reason)
		case policy.KeywordStart:
			x.start()
			done = f.Reason != "yes" // which may answer a question as well
		case policy.KeywordHelp:
			done = x.help(red)
		default:
			done = false
		}
		if done {
			x.answered([]uint64{h.Seq})
			continue
		}
		rest = append(rest, h)
	}
	return rest
}

func (x *decider) stop(word string) {
	x.because(ReasonOptedOut, word)
	if x.s.Stopped {
		return
	}
	doubtful := policy.AboutAppointment(word, x.s.Question)
	if doubtful {
		// The one clarification the law permits.
		x.say("stop_check", channels.ClassSafety, x.fixed("stop_check", ""))
	}
	x.set(func(s *Set) { s.Stopped = ptr(true) })
	x.answered(x.s.Pending)
	x.dropAsk()
	x.lapseAct()
	x.dropReviews(anyReview)
	for _, d := range x.s.Sends {
		if d.Person == "" && d.State == SendDue && d.Class == channels.ClassAgent {
			x.emit(Effect{Kind: EffectCancel, Item: d.Item})
		}
	}
	switch {
	case x.s.Open():
		x.escalate(escalation.Event{Kind: escalation.EventCannotText})
	case doubtful: // staff know of it
		x.escalate(x.newCase(escalation.Event{
			Why: escalation.KindUndeliverable, Severity: escalation.S4, CannotText: true, Evidence: x.lastInbound(),
		}))
	}
}

// start takes texts up again. The carrier delivers from now on, and so may
// whoever has the case.
func (x *decider) start() {
	x.because(ReasonOptedIn, "")
	if !x.s.Stopped {
		return
	}
	x.set(func(s *Set) { s.Stopped = ptr(false) })
	x.canText()
	x.say("started", channels.ClassNurse, x.fixed("started", ""))
	x.tellLapsed()
}

// canText takes back that a case's patient cannot be texted.
func (x *decider) canText() {
	if x.s.mute() || x.s.Case == nil || !x.s.Case.CannotText {
		return
	}
	c := x.s.Case.CanText()
	x.keepCase(c)
	x.toStaff(c.Claimant, "notice_can_text", molt.Words("Case "+x.s.Code+": this patient can be texted again."), 0)
}

// unlist puts a conversation into quarantine when nothing can be sent from the
// number the patient writes to. The admin learns of it.
func (x *decider) unlist() {
	if x.s.Unlisted || !x.s.quarantined(x.env.Rules) {
		return
	}
	x.set(func(s *Set) { s.Unlisted = ptr(true) })
	for _, p := range x.env.Rules.Plan.Admins {
		x.toStaff(p, "admin_quarantine", "Tidegate: texts arrive for a number that no channel lists. Staff read them. Run: tidegate doctor", 0)
	}
}

// relist ends a quarantine at the first step after the number is listed.
func (x *decider) relist() {
	if x.s.Unlisted && !x.s.quarantined(x.env.Rules) {
		x.set(func(s *Set) { s.Unlisted = ptr(false) })
		x.canText()
	}
}

// help answers HELP or INFO when nothing around it worries. A second one within
// minutes is no keyword any more but somebody who wants a person.
func (x *decider) help(red bool) (done bool) {
	if red || x.s.Owner != escalation.OwnerAgent {
		return false
	}
	x.because(ReasonHelp, "")
	again := x.s.HelpAt > 0 && x.env.Now.Sub(x.s.HelpAt) < HelpAgain
	x.set(func(s *Set) { s.HelpAt = ptr(x.env.Now) })
	if again {
		x.escalate(x.newCase(escalation.Event{Why: escalation.KindPerson, Severity: escalation.S2, Evidence: x.lastInbound()}))
		return true
	}
	x.say("help", channels.ClassNurse, x.fixed("help", ""))
	return true
}

func (x *decider) lastInbound() []uint64 {
	for i := len(x.s.Turns) - 1; i >= 0; i-- {
		if x.s.Turns[i].From == "patient" {
			return []uint64{x.s.Turns[i].Seq}
		}
	}
	return nil
}

// held tells a waiting patient now and then that their words are passed on.
func (x *decider) held() {
	x.because(ReasonHeld, "")
	x.escalate(escalation.Event{Kind: escalation.EventPatientText})
	if x.s.mute() || x.s.HoldTextAt > 0 && x.env.Now.Sub(x.s.HoldTextAt) < x.env.Rules.HoldTextEvery {
		return
	}
	x.set(func(s *Set) { s.HoldTextAt = ptr(x.env.Now) })
	x.say("hold", channels.ClassNurse, x.fixed("hold", ""))
}

// said reports whether this decision says anything to the patient.
func (x *decider) said() bool {
	return slices.ContainsFunc(x.d.Effects, func(e Effect) bool { return e.Kind == EffectSay })
}

// routine is a text that the agent may answer.
func (x *decider) routine(in []heard) {
	if x.s.Case != nil && x.s.Case.State != escalation.StateClosed {
		x.escalate(escalation.Event{Kind: escalation.EventPatientText})
	}
	x.overtakeApproved(in)
	switch {
	case x.s.mute():
		// Nothing may be sent, so a person reads it.
		if x.because(ReasonUnlisted, ""); x.s.Stopped {
			x.because(ReasonOptedOut, "text_after_stop")
		}
		x.outdate()
		x.answered(x.s.Pending)
		if !x.s.Open() && wanted(in) {
			x.escalate(x.newCase(escalation.Event{Why: escalation.KindUndeliverable, Severity: escalation.S4, Evidence: seqs(in)}))
		}
	case !x.mayAgent():
		x.paused()
	default:
		x.ask()
	}
}

// wanted reports whether any of the texts wants an answer.
func wanted(in []heard) bool {
	return slices.ContainsFunc(in, func(h heard) bool { return h.Media > 0 || !policy.NothingAsked(h.words) })
}

// ask puts the question to the agent after the debounce: a little after the
// last text, never long after the first.
func (x *decider) ask() {
	old := x.s.Ask
	x.outdate()
	if old.Item != "" && old.Superseded >= MaxSuperseded {
		x.because(ReasonAsk, "left_running")
		return
	}
	next := Ask{First: x.env.Now, Superseded: old.Superseded}
	if old.Item != "" {
		next = old
		x.emit(Effect{Kind: EffectCancel, Item: old.Item})
	}
	due := min(x.env.Now.Add(x.env.Rules.Debounce), next.First.Add(x.env.Rules.DebounceMax))
	x.putAsk(next, max(due, x.env.Now))
}

// putAsk puts the ask item, later when the hour's asks are used up: the message
// is stored and screened, only its model work waits, and the watchdog runs.
func (x *decider) putAsk(a Ask, due molt.Time) {
	x.because(ReasonAsk, "")
	if free := x.askFree(); free > due {
		x.because(ReasonAskParked, "")
		due = free
	}
	a.Item = x.emit(Effect{Kind: EffectAsk, Lane: molt.LaneAsk, Due: due})
	x.set(func(s *Set) { s.Ask = &a })
}

// askFree is when the hour's limit has room for one more ask.
func (x *decider) askFree() molt.Time {
	asked := slices.DeleteFunc(slices.Clone(x.s.AskedAt), func(t int64) bool { return t > int64(x.env.Now) })
	limit := min(x.env.Rules.AsksPerHour, MaxAsked)
	if limit <= 0 || len(asked) < limit {
		return 0
	}
	return molt.Time(asked[len(asked)-limit]).Add(hour)
}

// answered says that these texts wait for the agent no longer.
func (x *decider) answered(seqs []uint64) {
	if len(seqs) > 0 {
		x.set(func(s *Set) { s.Answered = slices.Concat(s.Answered, seqs) })
	}
}

// watchdog fires when a text was left without an answer.
func (x *decider) watchdog() {
	if x.s.Owner != escalation.OwnerAgent || x.s.Waiting == 0 {
		return
	}
	if x.s.Draft() != nil {
		x.lapsed()
		return
	}
	if x.env.Now < x.s.Waiting.Add(x.env.Rules.Watchdog) {
		return // a later text's time runs; finish sets the timer
	}
	x.because(ReasonWatchdog, "")
	x.escalate(x.newCase(escalation.Event{
		Why: escalation.KindWatchdog, Severity: escalation.S3, Evidence: x.s.Pending, CannotText: x.s.mute(),
	}))
}
