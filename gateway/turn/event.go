package turn

import (
	"encoding/json"
	"fmt"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/screen"
	"github.com/tidegate/tidegate/molt"
)

// The kinds of events. All but KindDecided are facts.
const (
	KindBegan       = "began"
	KindInbound     = "inbound"
	KindScreened    = "screened" // the verdict on the inbound right before it
	KindCode        = "code"     // what the code in the staff text right before it stands for
	KindHers        = "hers"     // which open cases are its sender's, where that text names none
	KindCalling     = "calling"
	KindCalled      = "called"
	KindReplied     = "replied"
	KindOpined      = "opined" // what a model thinks of texts that no agent read
	KindLooked      = "looked"
	KindAttempted   = "attempted"
	KindSent        = "sent"
	KindFailed      = "failed"
	KindChecked     = "checked"
	KindStatus      = "status"
	KindTimed       = "timed"
	KindActed       = "acted"
	KindLead        = "lead"   // the case of the same source that rings, or that none does
	KindListed      = "listed" // a case of another journal joins this person's next digest
	KindRead        = "read"
	KindNotice      = "notice" // the gateway itself has something to say to this staff member
	KindFetched     = "fetched"
	KindFetchFailed = "fetch_failed"
	KindHold        = "hold"   // a legal hold is laid on the conversation, or lifted
	KindAnchor      = "anchor" // what was before it has no bodies any more; folding goes on from the state in it
	KindDecided     = "decided"
)

// Event is one journal entry with its body read.
type Event struct {
	Seq  uint64
	At   molt.Time
	Kind string
	Body any // a pointer to the kind's body below; nil for a kind this build does not know
}

// Began is the first event of every journal: whose it is.
type Began struct {
	Channel    string              `json:"channel"`
	Account    molt.Address        `json:"account"`
	Peer       molt.Address        `json:"peer"`
	Person     molt.PersonID       `json:"person,omitempty"`     // a stream: the staff member's
	Generation int                 `json:"generation,omitempty"` // a successor: the how-manieth
	After      molt.ConversationID `json:"after,omitempty"`      // the frozen conversation it follows
	AtLeast    escalation.Severity `json:"at_least,omitempty"`   // a successor: how grave its case is at least
	Lang       string              `json:"lang,omitempty"`
	Live       bool                `json:"live,omitempty"` // the peer holds a connection; see channels.Live
}

// Code is what the short code in a staff text stands for.
type Code struct {
	Code         string              `json:"code"`
	Known        bool                `json:"known"`
	Conversation molt.ConversationID `json:"conversation,omitempty"`
	Case         molt.CaseID         `json:"case,omitempty"`
	Review       uint64              `json:"review,omitempty"` // it is no case's but this review's
	// Freed says since when what it stood for is over. It stands for nothing else until
	// it has rested.
	Freed molt.Time `json:"freed,omitempty"`
}

// Hers lists the open cases that a staff member holds or is paged for, her own
// first, then the gravest.
type Hers struct {
	Cases []HersCase `json:"cases"`
	More  int        `json:"more,omitempty"` // beyond MaxHers
}

// HersCase is one of them.
type HersCase struct {
	Code     string              `json:"code"`
	Severity escalation.Severity `json:"severity"`
	Opened   molt.Time           `json:"opened"`
	Held     bool                `json:"held,omitempty"` // by her; else she is asked
}

// Looked is the last look at a text that is then not attempted.
type Looked struct {
	Item   molt.ItemID `json:"item"`
	Reason Reason      `json:"reason"`
}

// Replied is what came of asking the agent.
type Replied struct {
	Item    molt.ItemID  `json:"item"`
	Epoch   uint64       `json:"epoch"` // when it was asked
	Saw     uint64       `json:"saw"`   // the journal's sequence number it was asked at
	Answer  model.Answer `json:"answer"`
	Steps   []model.Step `json:"steps,omitempty"`  // the calls before it
	Failed  bool         `json:"failed,omitempty"` // no provider gave a usable answer
	Why     string       `json:"why,omitempty"`
	TookMS  int64        `json:"took_ms,omitempty"`
	Tokens  int          `json:"tokens,omitempty"`  // in and out, of all models asked
	Micros  int64        `json:"micros,omitempty"`  // what they cost, in millionths
	Budget  string       `json:"budget,omitempty"`  // which budget is used up, and so nobody was asked
	Request string       `json:"request,omitempty"` // digest of what was asked
	// Proposed is the act that it ended with, where that waits for a nurse.
	Proposed *Calling `json:"proposed,omitempty"`
}

// Attempted is committed before the carrier is called. Class and Person are the
// text's own, for one that was put without a decision, or is followed no more.
type Attempted struct {
	Item    molt.ItemID    `json:"item"`
	Attempt int            `json:"attempt"`
	Class   channels.Class `json:"class,omitempty"`
	Person  molt.PersonID  `json:"person,omitempty"`
}

// Sent is a carrier's yes.
type Sent struct {
	Item    molt.ItemID      `json:"item"`
	Attempt int              `json:"attempt"`
	Receipt channels.Receipt `json:"receipt"`
}

// Failed is a carrier's no, or no answer at all (FaultUnknown).
type Failed struct {
	Item         molt.ItemID        `json:"item"`
	Attempt      int                `json:"attempt"`
	Fault        channels.FaultKind `json:"fault"`
	Code         int                `json:"code,omitempty"`
	Certain      bool               `json:"certain,omitempty"`
	RetryAfterMS int64              `json:"retry_after_ms,omitempty"`
	Hint         string             `json:"hint,omitempty"`
}

// Checked is what the carrier's list said about an attempt without an answer.
type Checked struct {
	Item    molt.ItemID      `json:"item"`
	Attempt int              `json:"attempt"`
	Found   bool             `json:"found"`
	Failed  bool             `json:"failed,omitempty"` // the list itself had no answer
	Receipt channels.Receipt `json:"receipt,omitzero"`
}

// Timed is a timer that fired.
type Timed struct {
	Name string      `json:"name"`
	Item molt.ItemID `json:"item"`
}

// Acted is what a staff member did about this conversation, from whatever surface.
type Acted struct {
	ID          string              `json:"id"`    // the form's nonce or the message's id: twice is once
	Actor       molt.PersonID       `json:"actor"` // or "os:name"
	Via         string              `json:"via"`   // "sms", "cli", "console"
	Reply       *escalation.Route   `json:"reply,omitempty"`
	Verb        Verb                `json:"verb"`
	Case        molt.CaseID         `json:"case,omitempty"`
	Version     int                 `json:"version,omitempty"` // the actor saw; 0: the one her last page or notice stood for
	Words       molt.Words          `json:"words,omitempty"`
	To          molt.PersonID       `json:"to,omitempty"`
	Severity    escalation.Severity `json:"severity,omitempty"`
	Reached     bool                `json:"reached,omitempty"`
	FalseAlarm  bool                `json:"false_alarm,omitempty"`
	Disposition string              `json:"disposition,omitempty"`
	NextOwner   escalation.Owner    `json:"next_owner,omitempty"`
	Review      uint64              `json:"review,omitempty"` // of something that waits for a nurse: which
	ReviewCode  string              `json:"review_code,omitempty"`
	Saw         uint64              `json:"saw,omitempty"` // the newest message on the page that she acts from; 0: no page
}

// Listed says that a case of another journal waits for the opening at At.
type Listed struct {
	Case     molt.CaseID         `json:"case"`
	Severity escalation.Severity `json:"severity"`
	Code     string              `json:"code,omitempty"`
	At       molt.Time           `json:"at"`
}

// Read is a person's look at the record.
type Read struct {
	Actor molt.PersonID `json:"actor"`
	What  string        `json:"what"`
}

// Hold is a legal hold laid on a conversation, or lifted: nothing of it is erased
// or shed while it stands.
type Hold struct {
	Actor molt.PersonID `json:"actor"`
	Held  bool          `json:"held"`
	Why   molt.Words    `json:"why,omitempty"`
	At    molt.Time     `json:"at"`
}

// Anchor stands after events whose bodies were erased or are past their period.
type Anchor struct {
	Why   string `json:"why"`  // one of the reasons below
	Upto  uint64 `json:"upto"` // no event up to here has a body
	State State  `json:"state"`
}

// The reasons for an anchor.
const (
	AnchorErased    = "erased"
	AnchorRetention = "retention"
	AnchorBeside    = "beside" // a colleague's words about a conversation that was erased
)

// NoticeSignIn names a notice whose words sign in whoever has them. They are shown
// to nobody but her they were sent to.
const NoticeSignIn = "sign_in"

// Notice is a text of the gateway's own to the staff member whose journal this
// is: a link to sign in with, a test page.
type Notice struct {
	What  string     `json:"what"` // its kind, an id
	Words molt.Words `json:"words"`
}

// Decided is a decision with all it changes.
type Decided struct {
	Reason Reason `json:"reason"`
	Detail string `json:"detail,omitempty"` // an id of a rule or a kind; never anybody's words

	Rules   string `json:"rules"`   // digest of the rules decided by
	Entropy string `json:"entropy"` // the random bytes handed in, hex
	// Step is how many events right before it are the facts it answers. What was
	// committed alone earlier lies in the state only. 0 for a successor's first.
	Step int `json:"step,omitempty"`
	// Autonomy is how far the agent may go alone, where this decides on its doing.
	Autonomy Autonomy `json:"autonomy,omitempty"`
	// Unsummed says why a summary was not taken.
	Unsummed string `json:"unsummed,omitempty"`
	// Unopined says why no model is asked about a text that no agent reads.
	Unopined string `json:"unopined,omitempty"`

	Owner escalation.Owner `json:"owner,omitempty"` // when it changes
	Epoch uint64           `json:"epoch,omitempty"`
	Case  *escalation.Case `json:"case,omitempty"` // as it stands now, when it changed

	Set     *Set         `json:"set,omitempty"`
	Files   []Files      `json:"files,omitempty"` // to be fetched
	Facts   []model.Fact `json:"facts,omitempty"` // additions to the ledger
	Acts    []string     `json:"acts,omitempty"`  // ids of the staff acts this answers
	Deeds   []Deed       `json:"deeds,omitempty"` // of them, what a colleague should read of
	Effects []Effect     `json:"effects,omitempty"`
}

// Deed is what was done about a case, for whoever has it next. Its words stay
// where they are: in the act.
type Deed struct {
	At         molt.Time           `json:"at"`
	Actor      molt.PersonID       `json:"actor,omitempty"` // "": the gateway itself
	Verb       Verb                `json:"verb"`
	Seq        uint64              `json:"seq,omitempty"` // of the act with the words
	To         molt.PersonID       `json:"to,omitempty"`
	Severity   escalation.Severity `json:"severity,omitempty"`
	Reached    bool                `json:"reached,omitempty"`
	FalseAlarm bool                `json:"false_alarm,omitempty"`
	NextOwner  escalation.Owner    `json:"next_owner,omitempty"`
}

// Set holds plain fields of the state that a decision changes; nil leaves one.
type Set struct {
	Lang       *string     `json:"lang,omitempty"`
	Question   *string     `json:"question,omitempty"`
	Done       *bool       `json:"done,omitempty"`
	HandBack   *molt.Words `json:"hand_back,omitempty"`
	Stopped    *bool       `json:"stopped,omitempty"`
	Unlisted   *bool       `json:"unlisted,omitempty"`
	Waits      []uint64    `json:"waits,omitempty"`    // these texts wait for the agent again
	Answered   []uint64    `json:"answered,omitempty"` // these texts wait for the agent no longer
	Unanswered *uint64     `json:"unanswered,omitempty"`
	Silences   *int        `json:"silences,omitempty"`
	HelpAt     *molt.Time  `json:"help_at,omitempty"`
	HoldTextAt *molt.Time  `json:"hold_text_at,omitempty"`
	SetupAt    *molt.Time  `json:"setup_at,omitempty"`
	Digest     *[]Listed   `json:"digest,omitempty"`
	Ask        *Ask        `json:"ask,omitempty"` // the zero Ask: none

	Calling *Calling      `json:"calling,omitempty"` // the zero Calling: none
	Lapsed  *Calling      `json:"lapsed,omitempty"`  // the zero Calling: none
	Gave    *Calling      `json:"gave,omitempty"`    // the zero Calling: none
	Untold  *Calling      `json:"untold,omitempty"`  // the zero Calling: none
	Offered *[]model.Slot `json:"offered,omitempty"`
	Booked  *Appointment  `json:"booked,omitempty"` // the zero Appointment: none
	Spent   *Spent        `json:"spent,omitempty"`
	Reviews *[]Review     `json:"reviews,omitempty"`

	Clarified *bool    `json:"clarified,omitempty"`
	Summary   *uint64  `json:"summary,omitempty"`
	Opinion   *Opinion `json:"opinion,omitempty"` // the zero Opinion: none
}

// EffectKind says what an effect is.
type EffectKind string

// The effects.
const (
	EffectAsk     EffectKind = "ask"
	EffectOpinion EffectKind = "opinion" // a model is asked about texts that no agent reads
	EffectSay     EffectKind = "say"     // a text to the patient
	EffectPage    EffectKind = "page"    // a text to a staff member
	EffectTimer   EffectKind = "timer"   // At Due, Name
	EffectAct     EffectKind = "act"     // carried to another journal
	EffectCancel  EffectKind = "cancel"  // Item is not done after all
	EffectDone    EffectKind = "done"    // Item is finished
	EffectRetry   EffectKind = "retry"   // Item is due again at Due
	EffectUnseen  EffectKind = "unseen"  // Item was published and nobody looked; who has the case is told in this decision
	EffectLost    EffectKind = "lost"    // Item left and did not arrive; what follows is in this decision
	EffectCode    EffectKind = "code"    // a short code is taken
	EffectLead    EffectKind = "lead"    // this journal's case is the one of the source Name that rings
	EffectUncode  EffectKind = "uncode"  // what the short code Name stood for is over: it rests as Code says, and is free then
	EffectEarly   EffectKind = "early"   // Item had begun to leave when the owner changed
	EffectNone    EffectKind = "none"    // put and taken back by the same decision; nothing to do
	EffectTold    EffectKind = "told"    // Name's code stands for Version from now on: she made it so
	EffectFetch   EffectKind = "fetch"   // a file of a message, by File
	EffectReview  EffectKind = "review"  // the list of what waits for a nurse changes; Out is the text that does
	EffectSpent   EffectKind = "spent"   // the mark of the day Name is Spent; without one it goes
	EffectWork    EffectKind = "work"    // the work list's row of this case changes
)

// Effect is one thing to do, in the same commit as the decision.
type Effect struct {
	Kind    EffectKind  `json:"kind"`
	Item    molt.ItemID `json:"item,omitempty"`
	Lane    molt.Lane   `json:"lane,omitempty"`
	Due     molt.Time   `json:"due,omitempty"`
	Name    string      `json:"name,omitempty"`
	Version int         `json:"version,omitempty"`
	Out     *Out        `json:"out,omitempty"`
	Act     *Act        `json:"act,omitempty"`
	File    *FileAt     `json:"file,omitempty"`
	Code    *Code       `json:"code,omitempty"`
	Work    *WorkRow    `json:"work,omitempty"`
	Spent   *Spent      `json:"spent,omitempty"`
	Review  *ReviewRow  `json:"review,omitempty"`
}

// ends reports whether the effect says what becomes of an item that was there.
func (e Effect) ends() bool {
	return e.Kind == EffectCancel || e.Kind == EffectDone || e.Kind == EffectRetry
}

// Out is an outbound text with all that is needed to send it, whatever has
// become of the journal.
type Out struct {
	What       string         `json:"what"` // what kind of text, an id
	Class      channels.Class `json:"class"`
	Channel    string         `json:"channel"`
	Account    molt.Address   `json:"account"`
	Peer       molt.Address   `json:"peer"`
	Words      molt.Words     `json:"words"`
	ValidityMS int64          `json:"validity_ms,omitempty"`
	Put        molt.Time      `json:"put"`
	Person     molt.PersonID  `json:"person,omitempty"`
	Page       string         `json:"page,omitempty"`    // the escalation's page id
	Version    int            `json:"version,omitempty"` // of the case, which the code in the text stands for from now on
	Disclosure bool           `json:"disclosure,omitempty"`
	ReviewedBy molt.PersonID  `json:"reviewed_by,omitempty"`
	By         molt.PersonID  `json:"by,omitempty"` // whose own words these are
}

// Act is something to carry to another journal: exactly one of its targets is
// set, and exactly one of Acted and Listed.
type Act struct {
	Conversation molt.ConversationID `json:"conversation,omitempty"`
	Stream       *escalation.Route   `json:"stream,omitempty"` // the stream at this address
	Person       molt.PersonID       `json:"person,omitempty"` // whose stream
	Acted        *Acted              `json:"acted,omitempty"`
	Listed       *Listed             `json:"listed,omitempty"`
}

// WorkRow is a case as the work list over all journals shows it. It holds
// nobody's words.
type WorkRow struct {
	Case         molt.CaseID         `json:"case"`
	Conversation molt.ConversationID `json:"conversation"`
	Kind         escalation.Kind     `json:"kind"`
	State        escalation.State    `json:"state"`
	Severity     escalation.Severity `json:"severity"`
	Category     string              `json:"category,omitempty"`
	Opened       molt.Time           `json:"opened"`
	Since        molt.Time           `json:"since"`
	Due          molt.Time           `json:"due,omitempty"`
	Claimant     molt.PersonID       `json:"claimant,omitempty"`
	Asked        []molt.PersonID     `json:"asked,omitempty"` // who is paged and has not answered
	Version      int                 `json:"version"`
	Code         string              `json:"code,omitempty"`
	CannotText   bool                `json:"cannot_text,omitempty"`
	Beside       string              `json:"beside,omitempty"` // the code of the case that it stands beside
	Crowd        string              `json:"crowd,omitempty"`  // the code of the case behind which it waits to ring
	Live         bool                `json:"live,omitempty"`   // its patient chats, and nobody knows who it is
	Gone         bool                `json:"gone,omitempty"`   // closed: the row goes
}

// NewBody returns a pointer to an empty body of that kind, nil for one this
// build does not know.
func NewBody(kind string) any {
	switch kind {
	case KindBegan:
		return new(Began)
	case KindInbound:
		return new(channels.Inbound)
	case KindScreened:
		return new(screen.Verdict)
	case KindCode:
		return new(Code)
	case KindHers:
		return new(Hers)
	case KindReplied:
		return new(Replied)
	case KindLooked:
		return new(Looked)
	case KindAttempted:
		return new(Attempted)
	case KindSent:
		return new(Sent)
	case KindFailed:
		return new(Failed)
	case KindChecked:
		return new(Checked)
	case KindStatus:
		return new(channels.StatusReport)
	case KindTimed:
		return new(Timed)
	case KindActed:
		return new(Acted)
	case KindLead:
		return new(Lead)
	case KindListed:
		return new(Listed)
	case KindRead:
		return new(Read)
	case KindNotice:
		return new(Notice)
	case KindFetched:
		return new(Fetched)
	case KindFetchFailed:
		return new(FetchFailed)
	case KindDecided:
		return new(Decided)
	}
	return newRareBody(kind)
}

func newRareBody(kind string) any {
	switch kind {
	case KindHold:
		return new(Hold)
	case KindAnchor:
		return new(Anchor)
	case KindCalling:
		return new(Calling)
	case KindCalled:
		return new(Called)
	case KindOpined:
		return new(Opined)
	}
	return nil
}

// Decode reads a body. An unknown kind gives a nil body and no error: a newer
// build's facts must not stop an older one from folding.
func Decode(seq uint64, at molt.Time, kind string, plain []byte) (Event, error) {
	e := Event{Seq: seq, At: at, Kind: kind, Body: NewBody(kind)}
	if e.Body == nil || plain == nil {
		e.Body = nil
		return e, nil
	}
	if err := json.Unmarshal(plain, e.Body); err != nil {
		return e, fmt.Errorf("event %d (%s): %w", seq, kind, err)
	}
	return e, nil
}
