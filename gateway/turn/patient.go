package turn

import (
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
	if x.s.Began.Quarantined && !x.s.Stopped {
		x.set(func(s *Set) { s.Stopped = ptr(true) }) // nothing can be sent from there
		for _, p := range x.env.Rules.Plan.Admins {
			x.toStaff(p, "admin_quarantine", "Tidegate: texts arrive for a number that no channel lists. Staff read them. Run: tidegate doctor", 0)
		}
	}
	red, evidence := worst(in)
	words := x.keywords(in, red.Severity.Rank() >= screen.S3.Rank())
	switch {
	case red.Severity.Rank() >= screen.S3.Rank():
		x.redFlag(red, evidence)
	case words:
		return
	case red.Severity == screen.S4 || unreadable(in):
		x.listUnread(in, red, evidence)
	}
	switch x.s.Owner {
	case escalation.OwnerHuman:
		x.relayToHolder(in)
	case escalation.OwnerHold:
		if red.Severity.Rank() < screen.S3.Rank() {
			x.held()
		}
	default:
		x.routine(in)
	}
}

func (x *decider) learnLanguage(in []heard) {
	for i := len(in) - 1; i >= 0; i-- {
		lang := policy.Language(in[i].words)
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
		Category: v.Category, Evidence: evidence, CannotText: x.s.Stopped,
	})
}

// listUnread puts what no machine can read on a person's work list. The agent
// goes on.
func (x *decider) listUnread(in []heard, v screen.Verdict, evidence []uint64) {
	x.because(ReasonUnreadable, "")
	if x.s.Open() {
		return
	}
	if evidence == nil {
		evidence = seqs(in)
	}
	x.escalate(x.newCase(escalation.Event{
		Why: escalation.KindMedia, Severity: escalation.S4, Category: v.Category, Evidence: evidence,
	}))
}

// keywords answers STOP, START and HELP. It reports whether they were all there
// was to answer.
func (x *decider) keywords(in []heard, red bool) (all bool) {
	all = true
	for _, h := range in {
		word, f := policy.Words(h.words, x.s.Stopped)
		switch word {
		case policy.KeywordStop:
			x.stop(f.Reason)
		case policy.KeywordStart:
			x.start()
			// "YES" opts in and may answer a question as well.
			all = all && f.Reason != "yes"
		case policy.KeywordHelp:
			all = x.help(red) && all
		default:
			all = false
		}
	}
	return all
}

func (x *decider) stop(word string) {
	doubtful := policy.AboutAppointment(word, x.s.Question)
	x.because(ReasonOptedOut, word)
	x.set(func(s *Set) { s.Stopped, s.Answered = ptr(true), true })
	x.dropAsk()
	x.timer(timerWatchdog, 0)
	for _, d := range x.s.Sends {
		if d.Person == "" && d.State == SendDue && d.Class == channels.ClassAgent {
			x.emit(Effect{Kind: EffectCancel, Item: d.Item})
		}
	}
	switch {
	case x.s.Open():
		x.escalate(escalation.Event{Kind: escalation.EventCannotText})
	case doubtful:
		// The one clarification the law permits, and staff know of it.
		x.say("stop_check", channels.ClassSafety, x.fixed("stop_check", ""))
		x.escalate(x.newCase(escalation.Event{
			Why: escalation.KindUndeliverable, Severity: escalation.S4, CannotText: true, Evidence: x.lastInbound(),
		}))
	}
}

func (x *decider) start() {
	x.because(ReasonOptedIn, "")
	was := x.s.Stopped
	x.set(func(s *Set) { s.Stopped = ptr(false) })
	if was {
		x.say("started", channels.ClassNurse, x.fixed("started", ""))
	}
	x.answered()
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
		x.wantsPerson(escalation.S2)
		return true
	}
	x.say("help", channels.ClassNurse, x.fixed("help", ""))
	x.answered()
	return true
}

// wantsPerson opens a case because somebody asks for a person.
func (x *decider) wantsPerson(sev escalation.Severity) {
	e := escalation.Event{Kind: escalation.EventWantsPerson, Why: escalation.KindPerson, Severity: sev, Evidence: x.lastInbound(), CannotText: x.s.Stopped}
	if x.s.Case == nil {
		e.Kind = escalation.EventOpen
	}
	x.escalate(e)
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
	if x.s.HoldTextAt > 0 && x.env.Now.Sub(x.s.HoldTextAt) < x.env.Rules.HoldTextEvery {
		return
	}
	x.set(func(s *Set) { s.HoldTextAt = ptr(x.env.Now) })
	x.say("hold", channels.ClassNurse, x.fixed("hold", ""))
}

// routine is a text that the agent may answer.
func (x *decider) routine(in []heard) {
	if x.s.Case != nil && x.s.Case.State != escalation.StateClosed {
		x.escalate(escalation.Event{Kind: escalation.EventPatientText})
		if x.s.Owner != escalation.OwnerAgent {
			return // human only: a case was opened
		}
	}
	switch {
	case x.s.Stopped:
		// Nothing may be sent, so a person reads it.
		x.because(ReasonOptedOut, "text_after_stop")
		x.answered()
		if !x.s.Open() && !policy.NothingAsked(in[len(in)-1].words) {
			x.escalate(x.newCase(escalation.Event{
				Why: escalation.KindUndeliverable, Severity: escalation.S4, CannotText: true, Evidence: seqs(in),
			}))
		}
	case !x.env.Rules.Agent:
		x.because(ReasonPaused, "")
		x.escalate(x.newCase(escalation.Event{Why: escalation.KindHumanOnly, Severity: escalation.S3, Evidence: seqs(in)}))
	default:
		x.ask()
	}
}

// ask puts the question to the agent after the debounce: a little after the
// last text, never long after the first.
func (x *decider) ask() {
	old := x.s.Ask
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
	x.timer(timerWatchdog, x.s.Waiting.Add(x.env.Rules.Watchdog))
}

// putAsk puts the ask item, later when the hour's asks are used up: the message
// is stored and screened, only its model work waits, and the watchdog runs.
func (x *decider) putAsk(a Ask, due molt.Time) {
	x.because(ReasonAsk, "")
	if limit := x.env.Rules.AsksPerHour; limit > 0 && len(x.s.AskedAt) >= limit {
		x.because(ReasonAskParked, "")
		due = max(due, molt.Time(x.s.AskedAt[len(x.s.AskedAt)-limit]).Add(hour))
	}
	a.Item = x.emit(Effect{Kind: EffectAsk, Lane: molt.LaneAsk, Due: due})
	x.set(func(s *Set) { s.Ask = &a })
}

// answered says that nothing of the patient's waits for the agent any more.
func (x *decider) answered() {
	x.set(func(s *Set) { s.Answered = true })
	x.timer(timerWatchdog, 0)
}

// watchdog fires when a text was left without an answer.
func (x *decider) watchdog() {
	if x.s.Owner != escalation.OwnerAgent || x.s.Waiting == 0 {
		return
	}
	if due := x.s.Waiting.Add(x.env.Rules.Watchdog); x.env.Now < due {
		x.timer(timerWatchdog, due)
		return
	}
	x.because(ReasonWatchdog, "")
	x.escalate(x.newCase(escalation.Event{
		Why: escalation.KindWatchdog, Severity: escalation.S3, Evidence: x.s.Pending, CannotText: x.s.Stopped,
	}))
}
