package molt

import (
	"fmt"
	"time"
)

// ConversationID names one journal: a patient's conversation or a staff
// member's stream. It is derived by a keyed hash from (tenant, channel,
// account, peer, generation), so it can be logged without telling who it is.
type ConversationID string

// ItemID names one piece of durable work. It derives from (conversation,
// causing event, index): deciding the same thing twice makes the same item.
type ItemID string

// MarkID names one global mark, as "class:rest", for example "seen:4f0c…".
type MarkID string

// KeyID names one data key of one conversation.
type KeyID string

// CaseID names one escalation, as conversation and number: "c_ab12#3".
type CaseID string

// PersonID names a staff member as the configuration does.
type PersonID string

// Lane is the unit of order among a conversation's items: items of one lane
// leave one after the other, items of different lanes never wait for each
// other. The part before the first ':' is the lane's class; see Lane.Class.
type Lane string

// The lane classes. A full lane may carry detail: "page:alice:sms",
// "timer:watchdog".
const (
	LaneSafety  Lane = "safety"  // fixed texts to the patient in danger
	LanePage    Lane = "page"    // pages and notices to one person on one route
	LaneNurse   Lane = "nurse"   // a nurse's words to the patient
	LaneAgent   Lane = "agent"   // the agent's words to the patient
	LaneAsk     Lane = "ask"     // asking the agent
	LaneOpinion Lane = "opinion" // asking a model what it thinks of texts that no agent reads
	LaneTimer   Lane = "timer"   // a moment at which the core wants to decide
	LaneMedia   Lane = "media"   // a file that came with a text
	LaneAction  Lane = "action"  // a staff act carried to another journal
	LaneErase   Lane = "erase"   // a text to be deleted at its carrier
)

// Class returns the lane up to its first ':'. Workers claim by class.
func (l Lane) Class() Lane {
	for i := range len(l) {
		if l[i] == ':' {
			return l[:i]
		}
	}
	return l
}

// Time is a moment in milliseconds since the Unix epoch, UTC. Journals and the
// pure core hold no other kind of time.
type Time int64

// TimeOf cuts a clock reading to milliseconds.
func TimeOf(t time.Time) Time { return Time(t.UnixMilli()) }

// Std returns the moment as a UTC time.Time.
func (t Time) Std() time.Time { return time.UnixMilli(int64(t)).UTC() }

// Add returns the moment d later, cut to milliseconds.
func (t Time) Add(d time.Duration) Time { return t + Time(d.Milliseconds()) }

// Sub returns how much later t is than u.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t-u) * time.Millisecond }

// String is RFC 3339 with milliseconds.
func (t Time) String() string { return t.Std().Format("2006-01-02T15:04:05.000Z07:00") }

// Address is who is at the other end of a channel: an E.164 number, a web
// visitor's id, a staff member's handle. Printed by any verb of fmt or by a
// logger's Stringer it shows its last two characters at most.
type Address string

// Reveal returns the address itself, for the wire and for sealed bodies.
func (a Address) Reveal() string { return string(a) }

// String masks the address.
func (a Address) String() string {
	if len(a) < 6 {
		return "…"
	}
	return "…" + string(a[len(a)-2:])
}

// Format masks the address whatever the verb, so that %q and %x cannot leak it.
func (a Address) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, a.String()) }

// Words is text a person wrote or will read. Printed by any verb of fmt it
// shows its length only.
type Words string

// Reveal returns the text itself, for the wire, the screen and sealed bodies.
func (w Words) Reveal() string { return string(w) }

// String tells the length in bytes.
func (w Words) String() string { return fmt.Sprintf("[%d bytes]", len(w)) }

// Format tells the length whatever the verb.
func (w Words) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, w.String()) }
