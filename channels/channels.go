// Package channels is the contract between the gateway and the ways in and out:
// what a text is when it has come in, what it is when it is to leave, and what
// can become of it. Adapters below it own a wire format and nothing else; they
// never decide, never store and never import one another or the gateway.
package channels

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/tidegate/tidegate/molt"
)

// Limits of what passes a door.
const (
	MaxHookBytes    = 64 << 10         // a webhook's whole body
	MaxWordsBytes   = 40_000           // one inbound text, after which it is cut and marked Cut
	MaxMedia        = 10               // attachments of one inbound
	MaxMediaURL     = 2048             // bytes of one attachment's URL
	MaxProviderID   = 128              // bytes of a provider's id
	MaxSegmentsSent = 10               // segments of one outbound text
	SendTimeout     = 15 * time.Second // one attempt, from dial to answer
)

// Class orders outbound texts when a sender's budget is short, most urgent
// first: safety, page, nurse, agent.
type Class string

// The classes.
const (
	ClassSafety Class = "safety"
	ClassPage   Class = "page"
	ClassNurse  Class = "nurse"
	ClassAgent  Class = "agent"
)

// Inbound is one text that a channel brought, normalised.
type Inbound struct {
	Channel    string       `json:"channel"`
	Account    molt.Address `json:"account"` // our end
	Peer       molt.Address `json:"peer"`    // theirs
	ProviderID string       `json:"provider_id"`
	At         molt.Time    `json:"at,omitempty"` // the provider's time; 0 when it did not say
	Words      molt.Words   `json:"words"`        // valid UTF-8, NULs replaced
	Cut        bool         `json:"cut,omitempty"`
	Media      []Media      `json:"media,omitempty"`
	Via        string       `json:"via"` // ViaWebhook, ViaBackfill, ViaLive

	// What only a live channel knows of who writes; see Live.
	Lang     string       `json:"lang,omitempty"`      // the language they chose
	CallBack molt.Address `json:"call_back,omitempty"` // the number they can be called at, E.164
	Source   string       `json:"source,omitempty"`    // a keyed hash of the network they write from
}

// The ways in which a text comes in.
const (
	ViaWebhook  = "webhook"
	ViaBackfill = "backfill"
	ViaLive     = "live" // over a connection that its peer holds open
)

// Media is an attachment by reference: it is fetched later or never, or it came
// with the text and lies sealed beside the database.
type Media struct {
	URL  string `json:"url"`
	Type string `json:"type"`
	Kept *Kept  `json:"kept,omitempty"`
}

// Kept is where a file lies that was there before its text was committed. Its
// Media.Type is what its bytes are.
type Kept struct {
	Hash  string     `json:"hash"` // its name: a keyed hash of what is in it
	Key   molt.KeyID `json:"key"`  // that sealed it
	Bytes int64      `json:"bytes"`
}

// Status is where an outbound text stands at the carrier.
type Status string

// The statuses, by rank.
const (
	StatusQueued      Status = "queued"
	StatusSending     Status = "sending"
	StatusSent        Status = "sent"
	StatusDelivered   Status = "delivered"
	StatusUndelivered Status = "undelivered"
	StatusFailed      Status = "failed"
	StatusRead        Status = "read"
)

// Rank orders statuses: a later report with a lower rank changes nothing.
// Undelivered and failed share a rank, the first of them standing. That a text
// arrived ranks above both, since an earlier attempt may have arrived although a
// later one did not. An unknown status ranks 0.
func (s Status) Rank() int {
	switch s {
	case StatusQueued:
		return 1
	case StatusSending:
		return 2
	case StatusSent:
		return 3
	case StatusUndelivered, StatusFailed:
		return 4
	case StatusDelivered:
		return 5
	case StatusRead:
		return 6
	}
	return 0
}

// StatusReport is what a carrier said later about an outbound text of ours.
// Item and Conversation come back from the callback URL we gave; they are empty
// when the report does not carry them.
type StatusReport struct {
	Channel      string              `json:"channel"`
	Conversation molt.ConversationID `json:"conversation"`
	Item         molt.ItemID         `json:"item"`
	Attempt      int                 `json:"attempt,omitempty"`
	// Put tells a text from another one of the same item: a restored record counts on
	// from its backup, and a receipt may be of a text that it lost. 0: nobody said.
	Put        molt.Time `json:"put,omitempty"`
	ProviderID string    `json:"provider_id"`
	Status     Status    `json:"status"`
	Code       int       `json:"code,omitempty"`
	// Fault is what the code of a text that did not arrive stands for, as it would
	// in the answer to a send; "" when there is no code. Hint is for the admin.
	Fault FaultKind `json:"fault,omitempty"`
	Hint  string    `json:"hint,omitempty"`
}

// Outbound is one text to send.
type Outbound struct {
	Conversation molt.ConversationID
	Item         molt.ItemID // our own id; rides in the status-callback URL
	Attempt      int         // from 1
	Put          molt.Time   // when the text was decided; rides there too, see StatusReport
	Account      molt.Address
	Peer         molt.Address
	Words        molt.Words
	Class        Class
	Validity     time.Duration // the carrier drops it when it could not deliver by then; 0 = its default
}

// Receipt is a provider's word that it took an outbound text.
type Receipt struct {
	ProviderID string    `json:"provider_id"`
	Status     Status    `json:"status"`
	Segments   int       `json:"segments,omitempty"`
	At         molt.Time `json:"at,omitempty"` // the provider's time, when it says
	Code       int       `json:"code,omitempty"`
}

// Sender sends one text, once. It never retries: whether and when is decided
// elsewhere, from the error's Kind.
type Sender interface {
	Send(ctx context.Context, o Outbound) (Receipt, error)
}

// Cursor is a place in a provider's list that only its adapter can read; "" is the
// top. What comes meanwhile does not move it.
type Cursor string

// Lister finds texts at the provider, to repair what was lost between us.
type Lister interface {
	// ListInbound reads in the list of what was sent to account since then, from the
	// top, which is the newest, or from where an earlier call said to go on. It reads a
	// bounded part, and returns what of it is not known, oldest first. next is where to
	// go on: what is older lies there; "" when there is no more. Beside an error stands
	// what had been found until then, and where to try again.
	ListInbound(ctx context.Context, account molt.Address, since molt.Time, from Cursor, known func(providerID string) bool) (in []Inbound, next Cursor, err error)
	// FindOutbound looks for a text whose send had no answer, by To, From, body
	// and the time of its attempt. Lists lag: not found is not proof of absence.
	FindOutbound(ctx context.Context, o Outbound, attempted molt.Time) (r Receipt, found bool, err error)
}

// Recaller is a Lister that knows what was sent to somebody within a time: after
// a restore it is the only one who does. Without words in o any text counts; one
// that the carrier gave up on does not.
type Recaller interface {
	Recall(ctx context.Context, o Outbound, from, until molt.Time) (r Receipt, found bool, err error)
}

// Hook says which of a channel's doors a request came through.
type Hook string

// The doors.
const (
	HookMessage Hook = "message"
	HookStatus  Hook = "status"
	HookVoice   Hook = "voice" // of an [Answerer]
)

// Request is a webhook as it came over the wire, its body read within MaxHookBytes.
type Request struct {
	Hook   Hook
	Query  url.Values // of the request line
	RawURI string     // path and query exactly as received
	Header http.Header
	Body   []byte
}

// Arrival is what a webhook turned out to hold: exactly one field is set.
type Arrival struct {
	Inbound *Inbound
	Status  *StatusReport
}

// Parser authenticates and reads a webhook. An error is a *Rejected.
type Parser interface {
	Parse(r Request) (Arrival, error)
}

// Rejected is a webhook that is not taken, with the HTTP status to answer. Why
// holds no word of the request.
type Rejected struct {
	HTTP int
	Why  string
}

func (r *Rejected) Error() string { return fmt.Sprintf("webhook rejected (%d): %s", r.HTTP, r.Why) }

// FaultKind says what kind of fault a send met; it decides what happens next.
type FaultKind string

// The kinds of faults.
const (
	FaultUnknown       FaultKind = "unknown"       // no answer: it may have been taken
	FaultRate          FaultKind = "rate"          // later, after RetryAfter
	FaultTransient     FaultKind = "transient"     // refused for now; the same text may be tried again
	FaultUnreachable   FaultKind = "unreachable"   // the handset, for now: once or twice over minutes, then another route
	FaultOptedOut      FaultKind = "opted_out"     // permanent until START
	FaultRecipient     FaultKind = "recipient"     // permanent for this address: another route, or a person
	FaultFiltered      FaultKind = "filtered"      // never again with the same words
	FaultTooLong       FaultKind = "too_long"      // alarm; split
	FaultConfiguration FaultKind = "configuration" // credentials, registration: page the admin by another road
	FaultWindow        FaultKind = "window"        // outside the channel's free-text window
	FaultRejected      FaultKind = "rejected"      // any other refusal: never retried, visible
)

// SendError is the only error a Sender returns.
type SendError struct {
	Kind       FaultKind
	Code       int  // the provider's, 0 when none
	HTTP       int  // 0 when there was no answer
	Certain    bool // the text was certainly not taken
	RetryAfter time.Duration
	Hint       string // for the admin: what to do
	Err        error  // the cause, without words or numbers
}

func (e *SendError) Error() string {
	s := fmt.Sprintf("send: %s", e.Kind)
	if e.Code != 0 {
		s += fmt.Sprintf(" (code %d)", e.Code)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *SendError) Unwrap() error { return e.Err }

// Adapter is a configured channel.
type Adapter interface {
	Sender
	Lister
	Parser
	// ID is the channel's name in the configuration.
	ID() string
	// Accounts are our own ends on this channel.
	Accounts() []molt.Address
}

// The fixed texts that a caller hears.
const (
	SayCall       = "call"        // the greeting, with the emergency number
	SayCallLine   = "call_line"   // before the clinic's line rings
	SayCallText   = "call_text"   // there is no line to ring
	SayCallPhone  = "call_phone"  // and the clinic has another number
	SayCallNobody = "call_nobody" // the line was not answered
)

// Greeting is what the gateway has to say to a caller.
type Greeting struct {
	Languages []string // each is spoken, in this order
	Phone     molt.Address
	Say       func(lang, text string) string // a fixed text by its name
}

// Document is an answer to a carrier with a body.
type Document struct {
	Type string
	Body []byte
}

// Answerer is an Adapter whose numbers can be called. Answer authenticates a
// webhook and says what the carrier is to do with the call; isCall is false for
// one that is about no call, whatever door it came through. An error is a
// *Rejected. Nothing of a call is kept.
type Answerer interface {
	Answer(r Request, g Greeting) (d Document, isCall bool, err error)
}
