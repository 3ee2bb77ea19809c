package turn

import (
	"slices"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/screen"
	"github.com/tidegate/tidegate/molt"
)

// Limits of what a state holds. They bound a snapshot whatever a patient does.
const (
	MaxTurns     = 40  // messages an agent, the screen or a handoff may look back on
	MaxSends     = 64  // outbound texts whose fate is followed
	MaxLedger    = 128 // ledger facts; the oldest superseded ones go first
	MaxPending   = 64  // texts that wait for the agent
	MaxUndecided = 512 // texts of one step, and of those committed alone
	MaxTold      = 64  // people who know a version of the current case
	MaxDigest    = 50  // cases one digest tells of
	MaxHers      = 6   // cases that a text without a code is answered with
	MaxUnsent    = 192 // of the followed texts, those without an outcome
	MaxAsked     = 128 // asks of an hour that are counted
	MaxActs      = 32  // acts a second copy is recognized of
	MaxDeeds     = 24  // of what was done, the last that a colleague reads of
	MaxFactBytes = 500 // a ledger value; a name or an open question is an eighth of it
)

// State is a conversation as its journal folds. It refers to events, not to
// their words, except for the ledger and a hand-back note.
type State struct {
	Seq   uint64    `json:"seq"`
	At    molt.Time `json:"at"`
	Began Began     `json:"began"`

	Lang     string           `json:"lang,omitempty"`
	CallBack molt.Address     `json:"call_back,omitempty"` // a live channel: the number the patient gave
	Source   string           `json:"source,omitempty"`    // a live channel: the network the patient writes from, hashed
	Owner    escalation.Owner `json:"owner"`
	Epoch    uint64           `json:"epoch"`
	Stopped  bool             `json:"stopped,omitempty"`  // the patient opted out
	Unlisted bool             `json:"unlisted,omitempty"` // in quarantine: no channel lists our number, nothing can be sent from it
	Ledger   []model.Fact     `json:"ledger,omitempty"`
	Question string           `json:"question,omitempty"`
	Done     bool             `json:"done,omitempty"`
	HandBack molt.Words       `json:"hand_back,omitempty"`
	Spoken   bool             `json:"spoken,omitempty"` // a text of the agent was attempted
	Silences int              `json:"silences,omitempty"`
	// Clarified says that the last thing said was a question what the patient means.
	Clarified bool `json:"clarified,omitempty"`

	Turns []Ref `json:"turns,omitempty"`
	// Summary is the answer of the agent that wrote down what older messages said;
	// 0: none did.
	Summary uint64 `json:"summary,omitempty"`
	// Undecided holds inbound that no decision has answered: that of the step
	// under way, and what was committed alone when the journal would not hold still.
	Undecided []Heard `json:"undecided,omitempty"`

	Pending []uint64 `json:"pending,omitempty"` // inbound that waits for the agent
	// Waiting is since when the oldest of them waits, or since the last answer,
	// if that came later and did not answer it.
	Waiting molt.Time `json:"waiting,omitempty"`
	// Unanswered is the first text since the last word of whoever holds the case;
	// Case.Unanswered says since when, and whether there is one.
	Unanswered uint64 `json:"unanswered,omitempty"`

	Calling Calling      `json:"calling,omitzero"`  // an act that is under way
	Lapsed  Calling      `json:"lapsed,omitzero"`   // an act that was not made, of which the patient does not know yet
	Gave    Calling      `json:"gave,omitzero"`     // what the question under way gave back
	Untold  Calling      `json:"untold,omitzero"`   // an act that was done while somebody else spoke
	Offered []model.Slot `json:"offered,omitempty"` // the openings that the last reply with some was made with
	Booked  Appointment  `json:"booked,omitzero"`
	Reviews []Review     `json:"reviews,omitempty"` // what of the agent's waits for a nurse
	Spent   Spent        `json:"spent,omitzero"`    // on the last day on which something was

	Ask     Ask     `json:"ask,omitzero"`
	Opinion Opinion `json:"opinion,omitzero"`   // that a model is asked for
	AskedAt []int64 `json:"asked_at,omitempty"` // asks of the last hour, for the limit

	Sends  []Send           `json:"sends,omitempty"`
	Files  []File           `json:"files,omitempty"` // that came with the patient's texts
	Timers []Timer          `json:"timers,omitempty"`
	Case   *escalation.Case `json:"case,omitempty"` // the current or the last one
	Cases  int              `json:"cases,omitempty"`
	Code   string           `json:"code,omitempty"`  // the current case's short code
	Told   []Told           `json:"told,omitempty"`  // which version each person last heard of
	Acts   []string         `json:"acts,omitempty"`  // ids of the last acts: a second copy changes nothing
	Deeds  []Deed           `json:"deeds,omitempty"` // what was done, the current case's and earlier ones'

	HelpAt     molt.Time `json:"help_at,omitempty"`
	HoldTextAt molt.Time `json:"hold_text_at,omitempty"`
	SetupAt    molt.Time `json:"setup_at,omitempty"` // when the admin last heard of a fault that is hers to mend
	Digest     []Listed  `json:"digest,omitempty"`   // a stream: cases waiting for the next opening

	Held *Hold  `json:"held,omitempty"` // the legal hold that stands
	Gone uint64 `json:"gone,omitempty"` // events up to here have no bodies any more
}

// Heard is one inbound with what the screen and the code table say of it.
type Heard struct {
	Seq      uint64          `json:"seq"`
	Provider string          `json:"provider,omitempty"`
	Media    int             `json:"media,omitempty"`
	Kept     int             `json:"kept,omitempty"` // of them, what is there already
	At       molt.Time       `json:"at,omitempty"`   // the provider's time
	Lang     string          `json:"lang,omitempty"` // that the patient chose
	Verdict  *screen.Verdict `json:"verdict,omitempty"`
	Code     *Code           `json:"code,omitempty"`
	Hers     *Hers           `json:"hers,omitempty"`
}

// Ref points at one message of the conversation.
type Ref struct {
	Seq   uint64      `json:"seq"`
	Index int         `json:"index,omitempty"` // of the effect, in a decision
	From  string      `json:"from"`            // model.From…
	At    molt.Time   `json:"at"`
	What  string      `json:"what,omitempty"`
	Media int         `json:"media,omitempty"` // files that came with it
	Item  molt.ItemID `json:"item,omitempty"`
	// By is whose own words they are; "" for the patient's, the agent's, a fixed text.
	By molt.PersonID `json:"by,omitempty"`
	// Reviewed is who released it, of the agent's texts that waited for that.
	Reviewed molt.PersonID `json:"reviewed,omitempty"`
}

// Ask is the question to the agent that is on its way.
type Ask struct {
	Item       molt.ItemID `json:"item,omitempty"`
	First      molt.Time   `json:"first,omitempty"` // when the oldest text it answers came
	Tries      int         `json:"tries,omitempty"` // broken answers so far
	Superseded int         `json:"superseded,omitempty"`
	Reask      string      `json:"reask,omitempty"` // what was wrong with the last answer
}

// SendState is how far an outbound text has got.
type SendState string

// The states of a send.
const (
	SendDue       SendState = "due"       // committed, not begun
	SendAttempted SendState = "attempted" // begun, no outcome known
	SendSent      SendState = "sent"      // the carrier has it; Status says more
	SendFailed    SendState = "failed"    // it will not arrive
	SendCancelled SendState = "cancelled" // withdrawn before it was begun
	SendFenced    SendState = "fenced"    // not attempted, because the owner changed
)

// Send is the fate of one outbound text.
type Send struct {
	Item    molt.ItemID    `json:"item"`
	Lane    molt.Lane      `json:"lane"`
	What    string         `json:"what"`
	Class   channels.Class `json:"class"`
	Epoch   uint64         `json:"epoch,omitempty"` // of the agent's: what it was put at
	Put     molt.Time      `json:"put"`
	State   SendState      `json:"state"`
	Attempt int            `json:"attempt,omitempty"`
	FirstAt molt.Time      `json:"first_at,omitempty"`
	LastAt  molt.Time      `json:"last_at,omitempty"`
	// Published is the event of the first attempt, where that publishes: a live
	// channel's.
	Published uint64 `json:"published,omitempty"`
	Checks    int    `json:"checks,omitempty"`
	// Faults counts the attempts that ended with each kind of fault.
	Faults map[channels.FaultKind]int `json:"faults,omitempty"`
	Status channels.Status            `json:"status,omitempty"`
	Code   int                        `json:"code,omitempty"`
	Person molt.PersonID              `json:"person,omitempty"`
	Page   string                     `json:"page,omitempty"`
	Early  bool                       `json:"early,omitempty"` // left before the silence
	// Reported says that the decision on a carrier's late "undelivered" is made.
	Reported bool `json:"reported,omitempty"`
}

// Finished reports whether nothing more is to be done about the send.
func (s Send) Finished() bool { return s.State != SendDue && s.State != SendAttempted }

// Timer is a moment at which the core wants to decide.
type Timer struct {
	Name string      `json:"name"`
	Item molt.ItemID `json:"item"`
	Due  molt.Time   `json:"due"`
}

// Told is the version of the current case that a person's last page or notice
// was sent with. Her code stands for it.
type Told struct {
	Person  molt.PersonID `json:"person"`
	Version int           `json:"version"`
}

// Stream reports whether this is a staff member's own journal.
func (s *State) Stream() bool { return s.Began.Person != "" }

// Open reports whether a case is open: not resolved, not closed.
func (s *State) Open() bool { return s.Case != nil && s.Case.State != "" && !s.Case.Settled() }

// mute reports whether the patient cannot be texted, for whatever reason.
func (s *State) mute() bool { return s.Stopped || s.Unlisted }

// quarantined reports whether the number the patient writes to is none that a
// channel lists. A colleague is texted from whichever her channel has.
func (s *State) quarantined(r *Rules) bool {
	b := s.Began
	return r.Senders != nil && b.Channel != "" && !s.Stream() && !slices.Contains(r.Senders[b.Channel], b.Account)
}

func (s *State) send(id molt.ItemID) *Send {
	for i := range s.Sends {
		if s.Sends[i].Item == id {
			return &s.Sends[i]
		}
	}
	return nil
}

func (s *State) timer(name string) *Timer {
	for i := range s.Timers {
		if s.Timers[i].Name == name {
			return &s.Timers[i]
		}
	}
	return nil
}

// clone copies the state so that folding into the copy leaves the original.
func (s *State) clone() State {
	c := *s
	c.Ledger = append([]model.Fact(nil), s.Ledger...)
	c.Turns = append([]Ref(nil), s.Turns...)
	c.Undecided = append([]Heard(nil), s.Undecided...)
	c.Pending = append([]uint64(nil), s.Pending...)
	c.AskedAt = append([]int64(nil), s.AskedAt...)
	c.Sends = append([]Send(nil), s.Sends...) // their Faults are never written in place
	c.Files = append([]File(nil), s.Files...)
	c.Timers = append([]Timer(nil), s.Timers...)
	c.Told = append([]Told(nil), s.Told...)
	c.Acts = append([]string(nil), s.Acts...)
	c.Deeds = append([]Deed(nil), s.Deeds...)
	c.Reviews = append([]Review(nil), s.Reviews...)
	c.Digest = append([]Listed(nil), s.Digest...)
	return c
}
