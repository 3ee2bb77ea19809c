package turn

import (
	"encoding/hex"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/molt"
)

// Decide answers the facts of one step. The state has them folded in already;
// the decision will be the journal's next event. The same arguments always give
// the same decision.
func Decide(s State, facts []Event, env Env) Decided {
	x := newDecider(s, env)
	x.decide(facts)
	return x.d
}

// decide goes by weight, not by order of arrival: what staff, carriers and
// clocks did, then what the patient wrote, and last what the agent says to it,
// so that no answer slips out beside the text that takes its turn away.
func (x *decider) decide(facts []Event) {
	x.d.Step = len(facts)
	for _, f := range facts {
		if l, ok := f.Body.(*Lead); ok {
			x.lead = l
		}
	}
	x.relist()
	for _, f := range facts {
		x.fact(f)
	}
	x.flagged = flagged(x.s.Undecided)
	switch in := x.heard(); {
	case len(in) == 0:
	case x.s.Stream():
		x.staffTexts(in)
	default:
		x.patientTexts(in)
	}
	for _, f := range facts {
		if r, ok := f.Body.(*Replied); ok {
			x.from = f.Seq
			x.replied(r)
		}
	}
	for _, f := range facts {
		if o, ok := f.Body.(*Opined); ok {
			x.opined(o)
		}
	}
	x.finish()
}

// finish does what ends every step: what waits for the agent has a watchdog,
// and what does not has none.
func (x *decider) finish() {
	due := molt.Time(0)
	if x.s.Owner == escalation.OwnerAgent && len(x.s.Pending) > 0 {
		due = x.s.Waiting.Add(x.env.Rules.Watchdog)
		if d := x.s.Draft(); d != nil {
			due = d.Due // the answer is written; a nurse has that long
		}
	}
	x.timer(timerWatchdog, due)
	x.seekOpinion()
	x.dropMoot()
	x.fetchFiles()
	x.workRow()
	x.s.Seq, x.s.At = x.at.Seq, max(x.s.At, x.at.At)
	x.s.settle()
}

// heard is one inbound of this step with its words.
type heard struct {
	Heard
	words string
}

// recall gives the words of a message, those that this decision says included.
func (x *decider) recall(ref Ref) molt.Words {
	if ref.Seq == x.at.Seq && ref.Index < len(x.d.Effects) && x.d.Effects[ref.Index].Out != nil {
		return x.d.Effects[ref.Index].Out.Words
	}
	return x.env.Recall(ref)
}

func (x *decider) heard() []heard {
	var out []heard
	for _, h := range x.s.Undecided {
		out = append(out, heard{Heard: h, words: x.recall(Ref{Seq: h.Seq}).Reveal()})
	}
	return out
}

// fact answers everything but inbound, which is answered together, and the
// agent.
func (x *decider) fact(f Event) {
	switch b := f.Body.(type) {
	case *Looked:
		x.looked(b)
	case *Attempted:
		x.because(ReasonAttempt, "")
	case *Sent:
		x.sent(b.Item)
	case *Failed:
		x.failed(b)
	case *Checked:
		x.checked(b)
	case *channels.StatusReport:
		x.status(b)
	case *Timed:
		x.timed(b)
	case *Calling:
		x.calling(b)
	case *Called:
		x.called(b)
	case *Acted:
		x.acted(f.Seq, b)
	case *Listed:
		x.listed(b)
	case *Fetched:
		x.fetched(b)
	case *FetchFailed:
		x.fetchFailed(b)
	case *Read:
		x.because(ReasonRead, "")
	case *Notice:
		x.because(ReasonNotice, b.What)
		if x.s.Stream() {
			x.reply(b.What, b.Words)
		}
	}
}

// decider is one decision in the making. It folds what it decides into its own
// copy of the state, so that a later fact of the step sees it; when it is done
// the copy is the state that folding the decision gives.
type decider struct {
	base State
	s    State
	env  Env
	d    Decided
	at   Event // the decision itself, for folding
	work WorkRow
	// here acts on a page that shows her what comes of it: her phone stays quiet.
	here molt.PersonID
	from uint64 // the answer of the agent that is being decided
	// unread are texts of the patient that no agent reads and no model has an opinion
	// of yet; flagged are those of this step that the screen found a red flag in.
	unread, flagged []uint64
	opining         bool  // what is decided follows from a model's opinion
	lead            *Lead // of the patient's source, as this step's fact says; nil: nobody asked
}

func newDecider(s State, env Env) *decider {
	if s.Owner == "" {
		s.Owner = escalation.OwnerAgent
	}
	x := &decider{base: s, s: s.clone(), env: env}
	x.d = Decided{Reason: ReasonNothing, Rules: env.Rules.Digest, Entropy: hex.EncodeToString(env.Entropy)}
	x.at = Event{Seq: s.Seq + 1, At: env.Now, Kind: KindDecided}
	x.work = x.row()
	return x
}

// because sets the reason unless a weightier one stands.
func (x *decider) because(r Reason, detail string) {
	if weight(r) >= weight(x.d.Reason) {
		x.d.Reason, x.d.Detail = r, detail
	}
}

// weight orders reasons of one step: what changes who speaks outweighs what
// merely follows.
func weight(r Reason) int {
	switch r {
	case ReasonNothing:
		return 0
	case ReasonFetched, ReasonFetchAgain, ReasonNotFetched:
		return 1
	case ReasonRedFlag, ReasonFault:
		return 9
	case ReasonNoOpinion:
		return 1
	case ReasonOpinion, ReasonWatchdog, ReasonAgentFailed, ReasonEscalated, ReasonOptedOut, ReasonRefused:
		return 8
	case ReasonAsk:
		return 2
	case ReasonAskParked:
		return 3
	case ReasonCase, ReasonActed:
		return 6
	}
	return 7
}

// emit adds an effect, giving new work its id. Work that this decision itself
// put is taken back rather than cancelled: one commit cannot do both.
func (x *decider) emit(e Effect) molt.ItemID {
	if e.Kind == EffectCancel && x.takeBack(e.Item) || e.ends() && x.ended(e) {
		return e.Item
	}
	if e.Item == "" && e.Lane != "" {
		e.Item = itemID(x.env.Conversation, x.at.Seq, len(x.d.Effects))
	}
	x.d.Effects = append(x.d.Effects, e)
	x.s.foldEffect(x.at, len(x.d.Effects)-1, e)
	return e.Item
}

func (x *decider) takeBack(item molt.ItemID) bool {
	for i, e := range x.d.Effects {
		if e.Item == item && e.Lane != "" {
			x.undo(i)
			return true
		}
	}
	return false
}

// ended reports whether this decision ends the item already. Due again is no
// end: it makes room for one.
func (x *decider) ended(e Effect) bool {
	for i, was := range x.d.Effects {
		if was.Item != e.Item || !was.ends() {
			continue
		}
		if was.Kind == EffectRetry && e.Kind != EffectRetry {
			x.undo(i)
			return false
		}
		return true
	}
	return false
}

// undo takes back an effect of this decision: the copy becomes what folding the
// rest gives.
func (x *decider) undo(i int) {
	x.d.Effects[i] = Effect{Kind: EffectNone}
	x.s = x.base.clone()
	x.s.foldChanges(x.at, &x.d)
}

// set changes plain fields: in the decision and in the copy alike.
func (x *decider) set(change func(*Set)) {
	if x.d.Set == nil {
		x.d.Set = &Set{}
	}
	change(x.d.Set)
	x.s.foldSet(x.at.At, x.d.Set)
}

// timer sets the one timer of that name; 0 stops it.
func (x *decider) timer(name string, at molt.Time) {
	if t := x.s.timer(name); t != nil {
		if t.Due == at || at > 0 && at <= x.env.Now && t.Due <= x.env.Now {
			return // it stands so, or is due as it is
		}
		x.emit(Effect{Kind: EffectCancel, Item: t.Item})
	}
	if at > 0 {
		x.emit(Effect{Kind: EffectTimer, Lane: molt.LaneTimer + ":" + molt.Lane(name), Due: max(at, x.env.Now), Name: name})
	}
}

// timed answers a timer. Its item is done whatever it says.
func (x *decider) timed(b *Timed) {
	x.emit(Effect{Kind: EffectDone, Item: b.Item})
	switch b.Name {
	case timerCase:
		x.because(ReasonCase, "timer")
		x.escalate(escalation.Event{Kind: escalation.EventTick})
	case timerWatchdog:
		x.watchdog()
	case timerDigest:
		x.digest()
	case timerCalling:
		x.lostCall()
	case timerReview:
		x.lapsed()
	case timerSeen:
		x.unseen()
	}
}

// The timers.
const (
	timerCase     = "case"
	timerWatchdog = "watchdog"
	timerDigest   = "digest"
	timerSeen     = "seen"
	timerCalling  = "calling"
	timerReview   = "review"
)

// setOwner changes who may speak: the epoch moves and what the agent has not
// begun to say is withdrawn.
func (x *decider) setOwner(o escalation.Owner) {
	if o == x.s.Owner {
		return
	}
	if x.s.Ask.Item != "" {
		x.unread = append(x.unread, x.s.Pending...) // whatever the agent makes of them is not heard any more
	}
	x.d.Owner, x.d.Epoch = o, x.s.Epoch+1
	x.s.own(x.d.Owner, x.d.Epoch, x.at.At)
	for _, d := range x.s.Sends {
		switch {
		case d.Class != channels.ClassAgent:
		case d.State == SendDue:
			x.emit(Effect{Kind: EffectCancel, Item: d.Item})
		case d.State == SendAttempted && !d.Early:
			x.emit(Effect{Kind: EffectEarly, Item: d.Item})
		}
	}
	x.dropAsk()
	x.lapseAct()
	x.dropReviews(anyReview)
	x.tellLapsed()
}

func (x *decider) dropAsk() {
	if x.s.Ask.Item == "" {
		return
	}
	x.emit(Effect{Kind: EffectCancel, Item: x.s.Ask.Item})
	x.set(func(s *Set) { s.Ask = &Ask{} })
}

func ptr[T any](v T) *T { return &v }

// cutWords cuts at a letter's border.
func cutWords(s string, limit int) molt.Words {
	if len(s) <= limit {
		return molt.Words(s)
	}
	for limit > 0 && s[limit]&0xc0 == 0x80 {
		limit--
	}
	return molt.Words(s[:limit])
}
