package turn

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/molt"
)

// itemID names what a decision puts: where it was decided.
func itemID(c molt.ConversationID, seq uint64, index int) molt.ItemID {
	return molt.ItemID(fmt.Sprintf("%s/%d.%d", c, seq, index))
}

// OriginOf is the decision that put an item and the index of its effect; false
// for one that was put without a decision.
func OriginOf(id molt.ItemID) (seq uint64, index int, ok bool) {
	_, rest, _ := strings.Cut(string(id), "/")
	at, i, ok := strings.Cut(rest, ".")
	if !ok {
		return 0, 0, false
	}
	seq, err := strconv.ParseUint(at, 10, 64)
	if err != nil {
		return 0, 0, false
	}
	index, err = strconv.Atoi(i)
	return seq, index, err == nil && index >= 0
}

// KindShown says as what a peer on a live channel sees a text of ours; "" for a
// text that is not for them.
func (o *Out) KindShown() channels.ShownKind {
	switch {
	case o.Person != "":
		return ""
	case o.Class == channels.ClassAgent:
		return channels.ShownAgent
	case o.Class == channels.ClassSafety:
		return channels.ShownSafety
	case o.What == "relay":
		return channels.ShownPerson
	}
	return channels.ShownFixed
}

// Talk is how the conversation stands, for its patient.
func (s *State) Talk() channels.Talk {
	t := channels.Talk{Who: channels.SpeakerAgent, CallBack: s.CallBack != ""}
	switch s.Owner {
	case escalation.OwnerHold:
		t.Who = channels.SpeakerWaiting
	case escalation.OwnerHuman:
		t.Who = channels.SpeakerPerson
	default:
		t.Typing = s.Ask.Item != ""
	}
	return t
}

// SeenWithin is how long a safety text or a person's words may stand in a chat
// unseen until whoever looks after the patient is told.
const SeenWithin = 30 * time.Second

// Phone is the number at which the patient can be called; "" when none is known.
func (s *State) Phone() string {
	if s.Began.Live {
		return s.CallBack.Reveal()
	}
	return s.Began.Peer.Reveal()
}

// phoneLine says in a handoff how to call.
func (s *State) phoneLine() string {
	switch phone := s.Phone(); {
	case phone == "":
		return "Web chat, no call-back number given"
	case s.Began.Live:
		return "Web chat, call back: " + phone
	default:
		return "Phone: " + phone
	}
}

// mustSee reports whether a text is one of those that somebody relies on being
// read.
func mustSee(d Send) bool {
	return d.Person == "" && (d.Class == channels.ClassSafety || d.What == "relay")
}

// expectSeen sets the clock of a text that was published.
func (x *decider) expectSeen(d *Send) {
	if d != nil && d.Published > 0 && mustSee(*d) && !arrived(d.Status) && x.s.timer(timerSeen) == nil {
		x.timer(timerSeen, d.LastAt.Add(SeenWithin))
	}
}

// unseen tells of what stood too long, once for all such texts together.
func (x *decider) unseen() {
	var lost []Send
	next := molt.Time(0)
	for _, d := range x.s.Sends {
		due := d.LastAt.Add(SeenWithin)
		switch {
		case d.Published == 0 || d.Reported || d.State != SendSent || arrived(d.Status) || !mustSee(d):
		case due <= x.env.Now:
			lost = append(lost, d)
		case next == 0 || due < next:
			next = due
		}
	}
	for _, d := range lost {
		x.emit(Effect{Kind: EffectUnseen, Item: d.Item})
	}
	if len(lost) > 0 {
		x.because(ReasonUnseen, "")
		x.tellUnseen(lost[len(lost)-1])
	}
	x.timer(timerSeen, next)
}

// tellUnseen tells who has the case, or all who are asked to take it. Where it is
// over nobody is: it counts as a text that a carrier did not deliver.
func (x *decider) tellUnseen(d Send) {
	if !x.s.Open() {
		x.undelivered(d, false)
		return
	}
	what := "our safety text"
	if d.What == "relay" {
		what = "your text"
	}
	words := "Case " + x.s.Code + ": the patient has not seen " + what + ". The chat may be closed."
	for _, p := range x.asked() {
		x.toStaff(p, "not_seen", molt.Words(words+x.callHint(p)), 0)
	}
}

// asked is who has the case, or else everybody who is asked to take it.
func (x *decider) asked() (people []molt.PersonID) {
	c := x.s.Case
	if c.Held() {
		return []molt.PersonID{c.Claimant}
	}
	for _, pg := range c.Pages {
		if pg.Live() {
			people = append(people, pg.Person)
		}
	}
	return people
}

// callHint says how to reach the patient, on a surface that may show it.
func (x *decider) callHint(p molt.PersonID) string {
	switch {
	case x.s.Phone() == "":
		return " They gave no number."
	case x.phi(p):
		return " Call " + x.s.Phone()
	}
	return " Call: tidegate cases show " + x.s.Code
}

// wayToShow says how to go on to who was shown nothing of the patient: nobody is
// told to call where no number is known.
func (x *decider) wayToShow() string {
	way := " Call the patient, or run"
	if x.s.Phone() == "" {
		way = " They gave no number. Run"
	}
	return way + ": tidegate cases show " + x.s.Code + x.link()
}

func (x *decider) phi(p molt.PersonID) bool {
	r, ok := x.routeOf(p)
	return ok && r.PHI
}

// Unseen lists the texts to the patient that were published up to an event and
// are not known to have been shown.
func (s *State) Unseen(upto uint64) (out []Send) {
	for _, d := range s.Sends {
		if d.Person == "" && d.Published > 0 && d.Published <= upto && d.Status.Rank() < channels.StatusDelivered.Rank() {
			out = append(out, d)
		}
	}
	return out
}
