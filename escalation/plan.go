package escalation

import (
	"time"

	"github.com/tidegate/tidegate/molt"
)

// Role is what a staff member is.
type Role string

// The roles.
const (
	RoleNurse Role = "nurse"
	RoleLead  Role = "lead"
	RoleAdmin Role = "admin"
)

// Person is a staff member who can be asked.
type Person struct {
	ID     molt.PersonID `json:"id"`
	Name   string        `json:"name"`
	Role   Role          `json:"role"`
	Lang   string        `json:"lang,omitempty"`
	Routes []Route       `json:"routes"` // tried in this order
}

// Route is one way to a person.
type Route struct {
	Name    string       `json:"name"` // "sms", "call", "slack"; unique for the person
	Channel string       `json:"channel"`
	Address molt.Address `json:"address"`
	PHI     bool         `json:"phi,omitempty"` // this surface may show who and what
}

// Shift is when a person is on call on a step.
type Shift struct {
	Person molt.PersonID `json:"person"`
	Hours  *Hours        `json:"hours,omitempty"` // nil: always
}

// Step is one step of the chain: a team that is asked together.
type Step struct {
	Name   string        `json:"name"` // unique; frozen cases find the team by it
	OnCall []Shift       `json:"on_call"`
	Ack    time.Duration `json:"ack,omitempty"` // 0: the severity's
}

// Terms are the deadlines of one severity. A field that is zero or less means
// the default, but where a comment says otherwise.
type Terms struct {
	Ack     time.Duration `json:"ack"`     // a step has that long to answer
	Contact time.Duration `json:"contact"` // a claim without contact lapses after it
	Repage  time.Duration `json:"repage"`  // the claimant is paged again: before contact, or with a text unanswered; 0: never
	Idle    time.Duration `json:"idle"`    // and this long after her last act
	// Rounds is how often the chain is gone through before it is exhausted.
	Rounds int `json:"rounds"`
	// AllHandsEvery is the beat of calling all hands; without limit. S3 and S4
	// do not use it: they wait for the next opening.
	AllHandsEvery time.Duration `json:"all_hands_every"`
	// Retell is how long a thing is not told again to patient or admin.
	Retell time.Duration `json:"retell"`
}

// DefaultTerms returns the table of the design.
func DefaultTerms() map[Severity]Terms {
	const day = 24 * time.Hour
	return map[Severity]Terms{
		S1: {Ack: 2 * time.Minute, Contact: 3 * time.Minute, Repage: 5 * time.Minute, Idle: 30 * time.Minute, Rounds: 1, AllHandsEvery: 2 * time.Minute, Retell: 30 * time.Minute},
		S2: {Ack: 5 * time.Minute, Contact: 10 * time.Minute, Repage: 15 * time.Minute, Idle: time.Hour, Rounds: 5, AllHandsEvery: 15 * time.Minute, Retell: time.Hour},
		S3: {Ack: 30 * time.Minute, Contact: 2 * time.Hour, Repage: time.Hour, Idle: 4 * time.Hour, Rounds: 1, Retell: day},
		S4: {Ack: day, Contact: day, Idle: day, Rounds: 1, Retell: day},
	}
}

// DefaultCoolDown is how long a resolved case can be reopened.
const DefaultCoolDown = 2 * time.Hour

// Plan is who is asked, in which order, how fast. It is read from the
// configuration and may change between two events of a case.
type Plan struct {
	Terms    map[Severity]Terms       `json:"terms"`
	Steps    []Step                   `json:"steps"`
	People   map[molt.PersonID]Person `json:"people"`
	AllHands []molt.PersonID          `json:"all_hands"` // empty: everybody
	Admins   []molt.PersonID          `json:"admins"`
	Hours    Hours                    `json:"hours"`     // when the clinic is open
	CoolDown time.Duration            `json:"cool_down"` // 0: DefaultCoolDown
}
