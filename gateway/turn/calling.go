package turn

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/molt"
)

// CallingWithin is how long an act may be under way until a person looks after it.
const CallingWithin = 2 * time.Minute

// MaxOffered bounds the openings that a state remembers as offered.
const MaxOffered = 10

// Calling is an act of the agent's outside, committed before it is made. Its key
// makes a second making nothing.
type Calling struct {
	Item molt.ItemID `json:"item,omitempty"` // the question it belongs to
	Tool string      `json:"tool,omitempty"`
	Key  string      `json:"key,omitempty"`
	Slot model.Slot  `json:"slot,omitzero"`
	// Approved says that it waited for a nurse, By who let it be made; "": its
	// deadline did, as the persona says.
	Approved bool          `json:"approved,omitempty"`
	By       molt.PersonID `json:"by,omitempty"`
	Code     string        `json:"code,omitempty"` // under which it waited
	// Epoch is the turn of speech in which it was decided: outside it nothing is
	// made.
	Epoch uint64 `json:"epoch,omitempty"`
	// Back says that it puts back what this question gave back, since what it was given
	// back for did not come about.
	Back bool `json:"back,omitempty"`
	// Begun says of an approved act that its making is on record.
	Begun bool `json:"begun,omitempty"`
}

// Making is what the worker of a question does about the act that is under way.
type Making string

// The ways to go on with an act.
const (
	MakeNothing Making = ""      // none is under way
	MakeBegin   Making = "begin" // it is approved: its making is put on record first
	MakeAgain   Making = "again" // it was begun in this very turn of speech: doing it twice is one doing
	MakeLook    Making = "look"  // somebody else spoke since it was begun: what became of it is looked up, and no more
)

// Making says how the worker of that question goes on with the act under way.
func (s *State) Making(question molt.ItemID) (Calling, Making) {
	act := s.Calling
	switch {
	case act.Key == "" || s.Ask.Item != question:
		return Calling{}, MakeNothing
	case act.Epoch != s.Epoch:
		return act, MakeLook
	case act.Approved && !act.Begun:
		act.Begun = true
		return act, MakeBegin
	}
	return act, MakeAgain
}

// Called is what came of it, as the calendar showed it afterwards.
type Called struct {
	Tool  string     `json:"tool"`
	Key   string     `json:"key"`
	Slot  model.Slot `json:"slot"`
	State string     `json:"state"` // one of model's Call constants
	Why   string     `json:"why,omitempty"`
}

// Appointment is one that the agent booked and the calendar showed.
type Appointment struct {
	Key  string     `json:"key,omitempty"`
	Slot model.Slot `json:"slot,omitzero"`
}

// Why an act is refused before anything is done.
const (
	whyUnderWay   = "another_is_under_way"
	whyNotOffered = "not_offered"
	whyHasOne     = "has_an_appointment"
	whyHasNone    = "has_no_appointment"
)

// Act says what a call would do for this patient, or which rule stands against
// it. Only an opening is booked that was offered in a reply before, so that
// nobody has an appointment they did not choose, and one at a time.
func (s *State) Act(id molt.ConversationID, c model.Call, slot string, now molt.Time) (act Calling, why string) {
	act = Calling{Item: s.Ask.Item, Tool: c.Tool, Epoch: s.Epoch}
	stands := s.appointment(now)
	switch {
	case s.Calling.Key != "" || s.Proposed() != nil:
		return act, whyUnderWay
	case c.Tool == model.ToolCancel && stands == nil:
		return act, whyHasNone
	case c.Tool == model.ToolCancel:
		act.Key, act.Slot = stands.Key, stands.Slot
		return act, ""
	case stands != nil:
		return act, whyHasOne
	}
	i := slices.IndexFunc(s.Offered, func(o model.Slot) bool { return o.ID == slot && o.Start > now })
	if i < 0 {
		return act, whyNotOffered
	}
	act.Slot = s.Offered[i]
	sum := sha256.Sum256([]byte(string(id) + "\x00" + act.Slot.ID + "\x00" + fmt.Sprint(int64(act.Slot.Start))))
	act.Key = "tg" + hex.EncodeToString(sum[:12])
	return act, ""
}

// appointment is the one that is still to come; nil when there is none.
func (s *State) appointment(now molt.Time) *Appointment {
	if s.Booked.Key == "" || s.Booked.Slot.Start <= now {
		return nil
	}
	return &s.Booked
}

// offeredIn are the openings that an answer was made with; nil: none were looked up.
func offeredIn(steps []model.Step) *[]model.Slot {
	for i := len(steps) - 1; i >= 0; i-- {
		if slots := steps[i].Outcome.Slots; steps[i].Call.Tool == model.ToolFind && slots != nil {
			return ptr(slices.Clone(slots[:min(len(slots), MaxOffered)]))
		}
	}
	return nil
}

// calling puts an act on record. A person looks after one that never ends.
func (x *decider) calling(b *Calling) {
	x.because(ReasonCalling, b.Tool)
	x.set(func(s *Set) { s.Calling = ptr(*b) })
	x.timer(timerCalling, x.env.Now.Add(CallingWithin))
}

// called takes what came of an act. The patient reads of what is done from here
// and not from a model, so that they do whatever becomes of it.
func (x *decider) called(b *Called) {
	if x.s.Calling.Key != b.Key || b.Key == "" {
		return // a second maker of the same act
	}
	act := x.s.Calling
	x.set(func(s *Set) { s.Calling = &Calling{} })
	x.timer(timerCalling, 0)
	if act.Approved && act.Item == x.s.Ask.Item && len(x.s.Pending) == 0 {
		x.dropAsk() // it was put to have the act made, and nothing else waits for it
	}
	x.because(ReasonCalled, b.Tool+"_"+b.State)
	switch {
	case b.State == model.CallRefused && b.Why == model.WhyLapsed:
		x.lapse(act)
		x.tellLapsed()
	case x.putsBack(act, b.State):
	case b.State == model.CallRefused && !act.Approved && !act.Back:
	case b.State != model.CallDone:
		x.escalate(x.newCase(escalation.Event{Why: escalation.KindFault, Severity: escalation.S3, Category: "booking", Evidence: x.waitingOrLast()}))
	case b.Tool == model.ToolBook:
		x.set(func(s *Set) { s.Booked = &Appointment{b.Key, b.Slot}; s.Offered = &[]model.Slot{} })
		x.tellBooking(act, "booked_by")
	case b.Tool == model.ToolCancel:
		x.set(func(s *Set) { s.Booked, s.Gave = &Appointment{}, &act })
		x.tellBooking(act, "unbooked_by")
	}
}

// putsBack begins to put back what this question gave back, where what it was given
// back for is not booked for certain. What may be booked nobody books beside.
func (x *decider) putsBack(act Calling, state string) bool {
	gave := x.s.Gave
	lost := act.Tool == model.ToolBook && (state == model.CallRefused || state == model.CallFailed)
	if !lost || act.Back || gave.Key == "" || gave.Item != act.Item || act.Item != x.s.Ask.Item || act.Epoch != x.s.Epoch || gave.Slot.Start <= x.env.Now {
		return false
	}
	x.set(func(s *Set) {
		s.Calling = &Calling{Item: act.Item, Tool: model.ToolBook, Key: gave.Key, Slot: gave.Slot, Epoch: act.Epoch, Back: true}
		s.Gave = &Calling{}
	})
	x.timer(timerCalling, x.env.Now.Add(CallingWithin))
	return true
}

// tellBooking answers what waited with what was done; what waits beside an act that
// a nurse approved came after it, and is no part of it. It tells the patient, or who
// has the case: nobody texts about an appointment into an emergency.
func (x *decider) tellBooking(act Calling, what string) {
	slot := act.Slot
	if x.s.Owner == escalation.OwnerAgent {
		if !act.Approved && act.Epoch == x.s.Epoch {
			x.answered(x.s.Pending)
		}
		x.set(func(s *Set) { s.Silences = ptr(0) })
		x.say(what, channels.ClassNurse, x.fixed(what, x.whenText(slot.Start)))
		return
	}
	x.set(func(s *Set) { s.Untold = &act })
	if x.s.Open() && x.s.Case.Held() {
		words := map[string]string{"booked_by": "an appointment was booked for this patient: ", "unbooked_by": "this patient's appointment was given back: "}[what]
		x.toStaff(x.s.Case.Claimant, what, molt.Words("Case "+x.s.Code+": "+words+whenIn(x.env.Rules, "en", slot.Start)+"."), 0)
	}
}

func (x *decider) whenText(t molt.Time) string { return whenIn(x.env.Rules, x.lang(), t) }

// whenIn writes a day and an hour as patients read them.
func whenIn(r *Rules, lang string, t molt.Time) string {
	at := t.Std().In(r.zone())
	if lang != "es" {
		return at.Format("Mon Jan 2, 3:04 PM")
	}
	days := [...]string{"dom", "lun", "mar", "mié", "jue", "vie", "sab"}
	months := [...]string{"ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic"}
	return fmt.Sprintf("%s %d %s, %s", days[at.Weekday()], at.Day(), months[at.Month()-1], at.Format("3:04 PM"))
}

// lostCall is an act of which nothing was heard: a person finds out.
func (x *decider) lostCall() {
	if x.s.Calling.Key == "" {
		return
	}
	x.because(ReasonWatchdog, "calling")
	x.escalate(x.newCase(escalation.Event{Why: escalation.KindFault, Severity: escalation.S3, Category: "booking", Evidence: x.waitingOrLast(), CannotText: x.s.mute()}))
}

// lapseAct ends an act that a nurse approved and that is not begun: her yes was
// about the turn of speech that is over.
func (x *decider) lapseAct() {
	act := x.s.Calling
	if act.Key == "" || !act.Approved || act.Begun {
		return
	}
	x.set(func(s *Set) { s.Calling = &Calling{} })
	x.timer(timerCalling, 0)
	x.lapse(act)
}

// overtakeApproved puts an act that a nurse approved, and that is not begun, before her
// anew, when the patient writes more than thanks: they may want it no more, and her yes
// was not about these words. She learns that it is not done, and reads them.
func (x *decider) overtakeApproved(in []heard) {
	act := x.s.Calling
	if act.Key == "" || !act.Approved || act.Begun || !wanted(in) {
		return
	}
	if x.s.mute() || !x.mayAgent() { // a person has it from here on
		x.lapseAct()
		return
	}
	x.set(func(s *Set) { s.Calling = &Calling{} })
	x.timer(timerCalling, 0)
	x.tellNotDone(act, "The patient wrote again before it was made. It waits anew, with what they wrote.")
	tried := act.By
	act.Approved, act.By = false, ""
	x.putReview(Review{
		Saw: in[0].Seq - 1, Read: in[len(in)-1].Seq, Tried: tried, Due: x.env.Now.Add(x.env.Rules.reviewWithin()), Act: &act,
	}, nil)
}

// lapse keeps an act that is not made after all, for a handoff and for the patient,
// who read that it was asked about. Who approved it learns it at once.
func (x *decider) lapse(act Calling) {
	x.set(func(s *Set) { s.Lapsed = &act })
	x.tellNotDone(act, "Something else came before it was made, and your yes ended with that.")
}

// tellNotDone tells who approved an act, if anybody did, that it is not made.
func (x *decider) tellNotDone(act Calling, why string) {
	if act.By == "" {
		return
	}
	x.toStaff(act.By, "lapsed", molt.Words(strings.TrimSpace(act.Code+": not done: "+act.InWords(x.env.Rules))+". "+why), 0)
}

// tellLapsed says to the patient what was not made, once the agent may speak again:
// nobody texts about an appointment into an emergency.
func (x *decider) tellLapsed() {
	if x.s.Owner != escalation.OwnerAgent || x.s.mute() {
		return
	}
	x.tellUntold()
	act := x.s.Lapsed
	if act.Key == "" {
		return
	}
	x.set(func(s *Set) { s.Lapsed = &Calling{} })
	waited := act.Approved || act.Code != "" // else nobody told them of it
	if waited && act.Slot.Start > x.env.Now {
		x.say("undone_by", channels.ClassNurse, x.fixed("undone_by", x.whenText(act.Slot.Start)))
	}
}

// tellUntold says what was done while somebody else spoke, if it is so still.
func (x *decider) tellUntold() {
	act := x.s.Untold
	if act.Key == "" {
		return
	}
	x.set(func(s *Set) { s.Untold = &Calling{} })
	booked := x.s.Booked.Key == act.Key
	switch {
	case act.Slot.Start <= x.env.Now:
	case act.Tool == model.ToolBook && booked:
		x.say("booked_by", channels.ClassNurse, x.fixed("booked_by", x.whenText(act.Slot.Start)))
	case act.Tool == model.ToolCancel && !booked:
		x.say("unbooked_by", channels.ClassNurse, x.fixed("unbooked_by", x.whenText(act.Slot.Start)))
	}
}

// ofBooking reports whether a text tells of an act.
func ofBooking(what string) bool { return what == "booked_by" || what == "unbooked_by" }

// untold reports whether the patient does not know of what was done: the text did not
// reach them, or somebody else spoke.
func (s *State) untold() bool {
	for _, d := range slices.Backward(s.Sends) {
		if ofBooking(d.What) {
			return s.Untold.Key != "" || s.Fate(d.Item) == "not delivered" || s.Fate(d.Item) == "not sent"
		}
	}
	return s.Untold.Key != ""
}

// bookingLine is the appointment as a handoff tells it; "" when there is none.
func bookingLine(s *State, r *Rules) string {
	switch {
	case s.Calling.Key != "":
		return "Under way, look into the calendar: " + s.Calling.Tool + " " + whenIn(r, "en", s.Calling.Slot.Start)
	case s.Lapsed.Key != "":
		return "Not done, though the patient was told that it is asked about: " + s.Lapsed.InWords(r)
	case s.Booked.Key != "":
		line := "Booked: " + whenIn(r, "en", s.Booked.Slot.Start)
		if s.untold() {
			line += ". The patient does not know of it."
		}
		return line
	}
	return ""
}
