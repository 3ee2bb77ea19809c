package escalation

import (
	"slices"
	"strings"
	"time"

	"github.com/tidegate/tidegate/molt"
)

// Severity says how soon a person must look: S1 call 911 now, S2 within the
// hour, S3 the same day, S4 routine.
type Severity string

// The severities, worst first.
const (
	S1 Severity = "S1"
	S2 Severity = "S2"
	S3 Severity = "S3"
	S4 Severity = "S4"
)

// Rank is 1 for S1 to 4 for S4. What cannot be read ranks as S2, as a fault of
// the screen does: a word nobody understands must not be the quiet one.
func (s Severity) Rank() int {
	switch s {
	case S1:
		return 1
	case S3:
		return 3
	case S4:
		return 4
	}
	return 2
}

// Known reports whether s is one of the four.
func (s Severity) Known() bool { return s == S1 || s == S2 || s == S3 || s == S4 }

// Worse returns the more severe of the two, always one of the four.
func (s Severity) Worse(t Severity) Severity {
	return [...]Severity{S1, S2, S3, S4}[min(s.Rank(), t.Rank())-1]
}

// State is where a case stands; doc.go draws them.
type State string

// The states. A case that does not exist yet has the state "".
const (
	StateOpen      State = "open"      // being opened; no case is stored so
	StateListed    State = "listed"    // on the work list, nobody paged
	StateNotified  State = "notified"  // step k of the chain has been paged; Case.Step is k
	StateExhausted State = "exhausted" // the chain ended without an answer
	StateClaimed   State = "claimed"   // a person took it and has not reached the patient yet
	StateActive    State = "active"    // that person is in contact
	StateResolved  State = "resolved"  // settled, in its cool-down
	StateClosed    State = "closed"    // settled for good
)

// Owner is who may speak in the conversation.
type Owner string

// The owners.
const (
	OwnerAgent Owner = "agent"
	OwnerHold  Owner = "hold" // nobody yet
	OwnerHuman Owner = "human"
)

// Kind is why a case was opened.
type Kind string

// The reasons for a case.
const (
	KindScreen         Kind = "screen"           // the screen found a red flag
	KindAgent          Kind = "agent"            // the agent's escalate tool
	KindOpinion        Kind = "opinion"          // a model that reads along where people have the conversation
	KindNurse          Kind = "nurse"            // a nurse takes over; Event.Actor holds it from the start
	KindPerson         Kind = "person"           // the patient asks for a person
	KindWatchdog       Kind = "watchdog"         // a text was left unanswered
	KindFault          Kind = "fault"            // the gateway itself failed
	KindStaffAsPatient Kind = "staff_as_patient" // a staff member's own text is a red flag
	KindUndeliverable  Kind = "undeliverable"    // what the patient must read cannot be delivered
	KindHumanOnly      Kind = "human_only"       // a text where no agent may answer
	KindMedia          Kind = "media"            // a picture or recording nobody has looked at
)

// Case is one escalation: a value that is stored whole with every decision.
// Fields are added, never renamed, so that an old one reads under a later build.
type Case struct {
	ID       molt.CaseID `json:"id"`
	Number   int         `json:"number"`
	Kind     Kind        `json:"kind"`
	State    State       `json:"state"`
	Severity Severity    `json:"severity"`
	Category string      `json:"category,omitempty"` // the screen's word for the worst finding

	// Version counts changes of state, claimant and severity, nothing else.
	// Step k to k+1 is no change of state: a nurse's code stays good.
	Version int `json:"version"`

	Opened molt.Time `json:"opened"` // or reopened
	Since  molt.Time `json:"since"`  // when State was entered
	// Due is when the one timer of the case fires; 0 only when closed.
	Due molt.Time `json:"due,omitempty"`

	// Chain is frozen when the case opens. It holds names: the people behind
	// them are looked up in the plan each time a page is made.
	Chain []Rung `json:"chain,omitempty"`
	Step  int    `json:"step,omitempty"`  // the k of notified(k), from 1; beside another 0 for who has that, and one more than the chain for all hands
	Round int    `json:"round,omitempty"` // the pass over the chain, from 1; in exhausted each call to all hands is one more

	// Pages holds the last page of each person, no more: calling all hands
	// every two minutes for a night must not grow the case.
	Pages   []Page `json:"pages,omitempty"`
	PageSeq int    `json:"page_seq,omitempty"` // pages ever made; numbers the ids

	Claimant  molt.PersonID `json:"claimant,omitempty"`
	ClaimedAt molt.Time     `json:"claimed_at,omitempty"`
	// ClaimVersion is the version at which she got it; a pass or transfer from
	// before belongs to an earlier time of hers.
	ClaimVersion int       `json:"claim_version,omitempty"`
	ContactBy    molt.Time `json:"contact_by,omitempty"` // claimed: without contact until then the claim lapses
	ContactAt    molt.Time `json:"contact_at,omitempty"` // first contact of this claim
	StaffAt      molt.Time `json:"staff_at,omitempty"`   // the claimant's last act; 0: handed to her, and not a word of hers since
	// Unanswered is the first patient text since the claimant's last word to
	// the patient; 0 when there is none.
	Unanswered molt.Time `json:"unanswered,omitempty"`
	Nudges     int       `json:"nudges,omitempty"` // re-pages to the claimant since her last act

	Spent   []Spent         `json:"spent,omitempty"`   // who held the case before; a take of that time is used up
	Passed  []molt.PersonID `json:"passed,omitempty"`  // who said "not me" in this round
	Exclude []molt.PersonID `json:"exclude,omitempty"` // who is never asked: the staff member whose own case it is

	// Beside is the short code of the case that this one stands beside: one turn
	// of people is asked at a time, in a circle, instead of the chain.
	Beside string `json:"beside,omitempty"`
	// Crowd is the short code of the case behind which this one waits to ring: too
	// many anonymous chats ring at once.
	Crowd string `json:"crowd,omitempty"`

	CannotText bool     `json:"cannot_text,omitempty"` // texts do not reach the patient: call
	Evidence   []uint64 `json:"evidence,omitempty"`    // journal sequence numbers of what raised it
	Said       []Said   `json:"said,omitempty"`        // what patient and admin were told, so as not to say it every two minutes

	Resolution *Resolution `json:"resolution,omitempty"`
	CoolUntil  molt.Time   `json:"cool_until,omitempty"`
}

// Rung is one step of the chain as frozen into a case.
type Rung struct {
	Name string        `json:"name"`
	Ack  time.Duration `json:"ack,omitempty"` // 0: the severity's
}

// Page is a durable request to one person on one route.
type Page struct {
	ID       string        `json:"id"` // "c_ab12#3/p7"
	Kind     PageKind      `json:"kind"`
	Person   molt.PersonID `json:"person"`
	Route    Route         `json:"route"` // as it was when the page was made
	Try      int           `json:"try"`   // the how-manieth route of this asking, from 1
	At       molt.Time     `json:"at"`
	Deadline molt.Time     `json:"deadline"`
	Version  int           `json:"version"` // the case's; the short code stands for it
	Step     int           `json:"step,omitempty"`
	Round    int           `json:"round,omitempty"`
	State    PageState     `json:"state"`
}

// Live reports whether the page may still be answered.
func (p Page) Live() bool { return p.State == PageDue || p.State == PageSent }

// PageKind is why a person is paged.
type PageKind string

// The kinds of page.
const (
	PageStep     PageKind = "step"      // on call on the step
	PageAllHands PageKind = "all_hands" // nobody on the chain answered, or there was nobody
	PageRaised   PageKind = "raised"    // the case she holds got worse
	PageAgain    PageKind = "again"     // she holds the case and has not acted
	PageTransfer PageKind = "transfer"  // a colleague handed it to her
	PageBeside   PageKind = "beside"    // another chat from where her case, or one she is asked about, came from
)

// PageState is how far a page has got.
type PageState string

// The states of a page.
const (
	PageDue       PageState = "due"       // committed, not known to have left
	PageSent      PageState = "sent"      // it left
	PageFailed    PageState = "failed"    // it will not arrive
	PageWithdrawn PageState = "withdrawn" // no longer asked
	PageAnswered  PageState = "answered"  // the person took or passed
)

// Spent says that a person's takes up to a version are used up: a copy of her
// old "take" that arrives after she gave the case back must not give it to her.
type Spent struct {
	Person  molt.PersonID `json:"person"`
	Version int           `json:"version"`
}

// Said remembers that something was told, and when last.
type Said struct {
	What string    `json:"what"`
	At   molt.Time `json:"at"`
}

// Resolution is how a case ended.
type Resolution struct {
	By          molt.PersonID `json:"by"`
	At          molt.Time     `json:"at"`
	Disposition string        `json:"disposition,omitempty"`
	Note        molt.Words    `json:"note,omitempty"` // the hand-back note
	FalseAlarm  bool          `json:"false_alarm,omitempty"`
	NextOwner   Owner         `json:"next_owner"` // agent, or human for "human only"
}

// Owner returns who may speak while the case stands so.
func (c Case) Owner() Owner {
	switch c.State {
	case "":
		return OwnerAgent
	case StateClaimed, StateActive:
		return OwnerHuman
	case StateResolved, StateClosed:
		if c.Resolution != nil && c.Resolution.NextOwner == OwnerHuman {
			return OwnerHuman
		}
		return OwnerAgent
	case StateListed:
		if c.Severity == S4 {
			return OwnerAgent
		}
	}
	return OwnerHold
}

// Unclaimed reports whether the case waits for somebody to take it.
func (c Case) Unclaimed() bool {
	switch c.State {
	case "", StateClaimed, StateActive, StateResolved, StateClosed:
		return false
	}
	return true
}

// Held reports whether a person has the case.
func (c Case) Held() bool { return c.State == StateClaimed || c.State == StateActive }

// Settled reports whether the case is resolved or closed.
func (c Case) Settled() bool { return c.State == StateResolved || c.State == StateClosed }

// CanText is the case once texts reach the patient again. What they were told
// meanwhile they never read, so it may be said once more.
func (c Case) CanText() Case {
	c.CannotText = false
	c.Said = slices.DeleteFunc(slices.Clone(c.Said), func(s Said) bool { return strings.HasPrefix(s.What, "text:") })
	return c
}

// Page returns the page with that id while the case remembers it.
func (c Case) Page(id string) (Page, bool) {
	for _, p := range c.Pages {
		if p.ID == id {
			return p, true
		}
	}
	return Page{}, false
}
