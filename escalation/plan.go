package escalation

import (
	"maps"
	"slices"
	"strings"
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
// the severity's default: no entry of a file can make a deadline never come.
type Terms struct {
	Ack     time.Duration `json:"ack"`     // a step has that long to answer
	Contact time.Duration `json:"contact"` // a claim without contact lapses after it
	Repage  time.Duration `json:"repage"`  // the claimant is paged again: before contact, or with a text unanswered; S4: never
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
	return map[Severity]Terms{S1: defaultTerms(S1), S2: defaultTerms(S2), S3: defaultTerms(S3), S4: defaultTerms(S4)}
}

func defaultTerms(s Severity) Terms {
	const day = 24 * time.Hour
	switch s.Rank() {
	case 1:
		return Terms{Ack: 2 * time.Minute, Contact: 3 * time.Minute, Repage: 5 * time.Minute, Idle: 30 * time.Minute, Rounds: 1, AllHandsEvery: 2 * time.Minute, Retell: 30 * time.Minute}
	case 2:
		return Terms{Ack: 5 * time.Minute, Contact: 10 * time.Minute, Repage: 15 * time.Minute, Idle: time.Hour, Rounds: 5, AllHandsEvery: 15 * time.Minute, Retell: time.Hour}
	case 3:
		return Terms{Ack: 30 * time.Minute, Contact: 2 * time.Hour, Repage: time.Hour, Idle: 4 * time.Hour, Rounds: 1, Retell: day}
	}
	return Terms{Ack: day, Contact: day, Idle: day, Rounds: 1, Retell: day}
}

// DefaultCoolDown is how long a resolved case can be reopened.
const DefaultCoolDown = 2 * time.Hour

// maxRounds bounds what a file can ask for; the all-hands call after it has no bound.
const maxRounds = 100

// Plan is who is asked, in which order, how fast. It is read from the
// configuration and may change between two events of a case.
type Plan struct {
	Terms    map[Severity]Terms       `json:"terms"`
	Steps    []Step                   `json:"steps"`
	People   map[molt.PersonID]Person `json:"people"`
	AllHands []molt.PersonID          `json:"all_hands"` // nobody reachable: everybody
	Admins   []molt.PersonID          `json:"admins"`
	Hours    Hours                    `json:"hours"`     // when the clinic is open
	CoolDown time.Duration            `json:"cool_down"` // 0: DefaultCoolDown
}

// terms returns the deadlines of a severity with the defaults filled in.
func (p Plan) terms(s Severity) Terms {
	t, d := p.Terms[s], defaultTerms(s)
	for _, f := range []struct {
		got  *time.Duration
		want time.Duration
	}{
		{&t.Ack, d.Ack},
		{&t.Contact, d.Contact},
		{&t.Repage, d.Repage},
		{&t.Idle, d.Idle},
		{&t.AllHandsEvery, d.AllHandsEvery},
		{&t.Retell, d.Retell},
	} {
		if *f.got <= 0 {
			*f.got = f.want
		}
	}
	if t.Rounds <= 0 {
		t.Rounds = d.Rounds
	}
	t.Rounds = min(t.Rounds, maxRounds)
	return t
}

func (p Plan) coolDown() time.Duration {
	if p.CoolDown <= 0 {
		return DefaultCoolDown
	}
	return p.CoolDown
}

func (p Plan) step(name string) (Step, bool) {
	for _, s := range p.Steps {
		if s.Name == name {
			return s, true
		}
	}
	return Step{}, false
}

// onCall lists who is on call on the step at t, each once, in the plan's order.
func (s Step) onCall(t molt.Time) []molt.PersonID {
	var out []molt.PersonID
	for _, sh := range s.OnCall {
		if (sh.Hours == nil || sh.Hours.In(t)) && !slices.Contains(out, sh.Person) {
			out = append(out, sh.Person)
		}
	}
	return out
}

// Team is who is on call on one step.
type Team struct {
	Step   string          `json:"step"`
	People []molt.PersonID `json:"people"` // who can be reached
}

// OnCall lists who is on call at t, step by step.
func (p Plan) OnCall(t molt.Time) (out []Team) {
	for _, s := range p.Steps {
		on := slices.DeleteFunc(s.onCall(t), func(id molt.PersonID) bool { return !p.reachable(id) })
		out = append(out, Team{Step: s.Name, People: on})
	}
	return out
}

// reachable reports whether there is any way to the person.
func (p Plan) reachable(id molt.PersonID) bool { return len(p.People[id].Routes) > 0 }

// named reports whether the actor is a human being with a name: a person of
// the plan or an operator at the machine. A model is neither.
func (p Plan) named(id molt.PersonID) bool {
	_, ok := p.People[id]
	return ok || strings.HasPrefix(string(id), "os:") && len(id) > len("os:")
}

// hands lists all hands: who the plan names so, or everybody when that is nobody
// who can be reached; and whoever is on call at t on any step.
func (p Plan) hands(t molt.Time) []molt.PersonID {
	all := slices.Clone(p.AllHands)
	if !slices.ContainsFunc(all, p.reachable) {
		all = slices.Sorted(maps.Keys(p.People))
	}
	for _, s := range p.Steps {
		all = append(all, s.onCall(t)...)
	}
	var out []molt.PersonID
	for _, id := range all {
		if p.reachable(id) && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}
