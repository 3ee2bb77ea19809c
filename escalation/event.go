package escalation

import "github.com/tidegate/tidegate/molt"

// EventKind is what happened to a case.
type EventKind string

// The events. A comment names the fields of Event that are read beside Kind.
const (
	// EventOpen: ID, Number, Why, Severity, Category, Evidence, Actor (for
	// KindNurse: she holds it at once), Exclude, CannotText. On a case
	// that runs already it counts as EventRaise, and Exclude is not read. In the
	// cool-down danger, a wish for a person and a nurse reopen; any other Why asks
	// for a case of its own.
	EventOpen EventKind = "open"
	// EventTick: Beside, Ask. The timer fired. Early and doubled ones do no harm.
	EventTick EventKind = "tick"

	// EventClaim: Actor, Version. A nurse takes the case.
	EventClaim EventKind = "claim"
	// EventPass: Actor, Version. She gives it back, or declines a page.
	EventPass EventKind = "pass"
	// EventTransfer: Actor, Version, To.
	EventTransfer EventKind = "transfer"
	// EventResolve: Actor, Version, Disposition, Note, FalseAlarm, NextOwner.
	EventResolve EventKind = "resolve"
	// EventLower: Actor, Severity, Version (0: not compared). Only a named human lowers.
	EventLower EventKind = "lower"
	// EventContact: Actor, Reached. "I called: reached / no answer"; both count.
	EventContact EventKind = "contact"
	// EventRelay: Actor. Her words go to the patient. In the cool-down it
	// reopens the case in her hands.
	EventRelay EventKind = "relay"
	// EventNote: Actor. A note for colleagues; it is no contact.
	EventNote EventKind = "note"

	// EventRaise: Severity, Category, Evidence, Actor ("" for the screen or the agent).
	EventRaise EventKind = "raise"
	// EventRedFlag: Severity, Category, Evidence. The screen found one in a new text.
	EventRedFlag EventKind = "red_flag"
	// EventWantsPerson: Evidence. The patient asks for a person.
	EventWantsPerson EventKind = "wants_person"
	// EventPatientText: any other text of the patient.
	EventPatientText EventKind = "patient_text"
	// EventCannotText: texts do not reach the patient (STOP, a land line).
	EventCannotText EventKind = "cannot_text"

	// EventPageSent: PageID. It left.
	EventPageSent EventKind = "page_sent"
	// EventPageFailed: PageID. It will certainly not arrive, or was given up.
	EventPageFailed EventKind = "page_failed"
)

// Event is one thing that happened to a case. Which fields are read follows
// from Kind.
type Event struct {
	Kind EventKind `json:"kind"`

	ID         molt.CaseID     `json:"id,omitempty"`
	Number     int             `json:"number,omitempty"`
	Why        Kind            `json:"why,omitempty"`
	Severity   Severity        `json:"severity,omitempty"`
	Category   string          `json:"category,omitempty"`
	Evidence   []uint64        `json:"evidence,omitempty"`
	Exclude    []molt.PersonID `json:"exclude,omitempty"`
	CannotText bool            `json:"cannot_text,omitempty"`
	// Beside is the short code of a case of the same anonymous source for which
	// people are asked already, and Ask who has it, if somebody has. They are read
	// where a case that does not ring would begin to.
	Beside string        `json:"beside,omitempty"`
	Ask    molt.PersonID `json:"ask,omitempty"`
	// Crowd is the short code of the case that leads those that ring, where as many
	// anonymous chats as may do already. It is read where Beside is.
	Crowd string `json:"crowd,omitempty"`

	// Actor is the staff member who acts: a person of the plan, or "os:name"
	// for an operator at the machine itself.
	Actor   molt.PersonID `json:"actor,omitempty"`
	To      molt.PersonID `json:"to,omitempty"`
	Version int           `json:"version,omitempty"` // the version the actor saw
	Reached bool          `json:"reached,omitempty"`

	Disposition string     `json:"disposition,omitempty"`
	Note        molt.Words `json:"note,omitempty"`
	FalseAlarm  bool       `json:"false_alarm,omitempty"`
	NextOwner   Owner      `json:"next_owner,omitempty"`

	PageID string `json:"page_id,omitempty"`
}

// Staff reports whether a person at the clinic does this, and so waits for an
// answer: exactly one ActNotice or ActRefused with Answer set.
func (k EventKind) Staff() bool {
	switch k {
	case EventClaim, EventPass, EventTransfer, EventResolve, EventLower, EventContact, EventRelay, EventNote:
		return true
	}
	return false
}
