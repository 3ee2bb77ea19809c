package model

import (
	"context"

	"github.com/tidegate/tidegate/molt"
)

// Provider answers one request at a time. It may be called from many
// goroutines.
type Provider interface {
	// Name is what a persona's chain and the journal call it, as
	// "scripted/intake" or "ollama/llama3.1:8b".
	Name() string
	// Ask returns one answer, or an error that wraps one of this package's.
	// It returns soon after ctx ends, and it acts on nothing. With an error the
	// tokens of the answer still say what was spent.
	Ask(ctx context.Context, r Request) (Answer, error)
}

// Request is all a provider is told.
type Request struct {
	Persona Persona   `json:"persona"`
	Clinic  Clinic    `json:"clinic"`
	Lang    string    `json:"lang"` // "en", "es"; "" while nobody knows
	Now     molt.Time `json:"now"`
	Ledger  []Fact    `json:"ledger"` // a later fact of one name supersedes an earlier one
	// Question is the id the last answer left open, given back unread: only the
	// provider knows what it means. "" when there is none.
	Question string `json:"question"`
	// Window holds the last messages, oldest first, up to and including the new
	// ones. It is bounded, so it may begin in the middle of things.
	Window []Message `json:"window"`
	// New is how many of the patient's messages, the last ones of Window, nobody
	// answered yet; what others wrote in between is not counted. It is 0 when
	// the agent is asked to speak first, as after a hand-back.
	New int `json:"new"`
	// HandBack is the note of the nurse who returned the conversation. It may
	// stay set for as long as the core likes; a provider looks into the window
	// whether the agent has spoken since. "" when there is none.
	HandBack string `json:"hand_back"`
	// Summary is what the agent wrote down of older messages, which the window does
	// not hold. "" when there is none.
	Summary string `json:"summary,omitempty"`
	// Summarize asks for one with the answer: the window is full, and what is oldest
	// in it will not be shown again.
	Summarize bool `json:"summarize,omitempty"`
	First     bool `json:"first"` // no text of the agent was ever sent
	// Disclose says that this reply has to say that a machine answers: it is the
	// first, the last one is days old, or the patient asks.
	Disclose bool `json:"disclose"`
	// Tools are what the agent may call before it answers; none for a provider that
	// answers at once.
	Tools []Tool `json:"tools,omitempty"`
	// Steps are the calls of this very question and what came of them, in order.
	Steps []Step `json:"steps,omitempty"`
	// Offered are the openings that were last looked up for this patient, and
	// Booked is the appointment that stands.
	Offered []Slot `json:"offered,omitempty"`
	Booked  *Slot  `json:"booked,omitempty"`
	// Awaits is the appointment that the clinic's staff are asked about for this
	// patient.
	Awaits *Slot `json:"awaits,omitempty"`
	// Opinion asks for nothing but how soon a person must see what the patient wrote:
	// the answer is a KindOpinion. New counts the patient's messages of which nobody
	// has an opinion.
	Opinion bool `json:"opinion,omitempty"`
	// Reask says why the last answer to the same messages was not accepted, in
	// words for a model. "" on a first attempt.
	Reask string `json:"reask"`
}

// Persona is who the agent is and what it may do, as a provider needs it.
type Persona struct {
	Name string `json:"name"`
	Tone string `json:"tone"`
	Text string `json:"text"` // the instructions in prose
	// Disclosure says, for each language, that a machine answers. "{clinic}"
	// stands for the clinic's name.
	Disclosure map[string]string `json:"disclosure"`
	Collect    []string          `json:"collect"`           // the facts it may collect, in the order it asks for them
	Languages  []string          `json:"languages"`         // the first is spoken until the patient shows another
	ReplyChars int               `json:"reply_chars"`       // the longest reply in characters; 0 means DefaultReplyChars
	Window     int               `json:"window,omitempty"`  // how many past messages are shown at most; 0: all that are kept
	Intents    []string          `json:"intents,omitempty"` // what it may answer about; none: anything
}

// DefaultReplyChars bounds a reply when the persona does not: three segments
// of the seven-bit alphabet.
const DefaultReplyChars = 459

// MaxSummary bounds a summary, in bytes.
const MaxSummary = 1200

// ReplyLimit returns the longest reply in characters.
func (p Persona) ReplyLimit() int {
	if p.ReplyChars > 0 {
		return p.ReplyChars
	}
	return DefaultReplyChars
}

// Clinic is what an agent may say about the clinic.
type Clinic struct {
	Name      string `json:"name"`
	Hours     string `json:"hours"`     // in words, as "Mon-Fri 8am-5pm"
	Phone     string `json:"phone"`     // the public one; "" when there is none to tell
	Address   string `json:"address"`   // the street; "" when there is none to tell
	Emergency string `json:"emergency"` // the emergency number, as "911"
	OpenNow   bool   `json:"open_now"`
	Zone      string `json:"zone"` // as "America/New_York"; "" means UTC
}

// Who wrote a message of the window.
const (
	FromPatient = "patient"
	FromAgent   = "agent"
	FromNurse   = "nurse"
	FromNote    = "note" // the gateway, as "a nurse took over" or "returned to the agent"
)

// Message is one entry of the window.
type Message struct {
	From  string     `json:"from"`
	Words molt.Words `json:"words"`
	At    molt.Time  `json:"at"`
	Seq   uint64     `json:"seq"`
	Media int        `json:"media"` // how many files came with it
}

// The names of facts the house knows. A persona's collect list is made of them.
const (
	FactName      = "name"
	FactDOB       = "dob" // "2006-01-02"
	FactReason    = "reason"
	FactInsurance = "insurance"
	FactTime      = "preferred_time"
)

// Fact is one thing the patient told, and where.
type Fact struct {
	Name   string    `json:"name"`
	Value  string    `json:"value"`
	Source uint64    `json:"source"` // seq of the message it came from
	At     molt.Time `json:"at"`     // when that message was sent
}

// What an answer is about. A persona's scope is made of the first four; an answer
// about anything else is not said.
const (
	IntentIntake      = "intake"      // collecting what the persona collects
	IntentHours       = "hours"       // when the clinic is open
	IntentPlace       = "place"       // where it is, and its number
	IntentAppointment = "appointment" // openings, booking, giving back
	IntentOther       = "other"
)

// QuestionConfirm is open while the patient checks a summary.
const QuestionConfirm = "confirm"

// Intents are those that a persona's scope is made of.
func Intents() []string {
	return []string{IntentIntake, IntentHours, IntentPlace, IntentAppointment}
}

// BuiltIn begins the names of the models whose answers are written beforehand.
const BuiltIn = "scripted/"

// Kind says what an answer is.
type Kind string

// The kinds of an answer.
const (
	KindReply    Kind = "reply"    // Text goes to the patient
	KindSilent   Kind = "silent"   // nothing needs saying; Silence says why
	KindEscalate Kind = "escalate" // a person must see this; Reason says why
	KindClarify  Kind = "clarify"  // Text asks the patient what they mean; at most once in a row
	KindOpinion  Kind = "opinion"  // Severity says how soon a person must see it; nothing is said to anybody
	KindCall     Kind = "call"     // Call is to be made, and the question asked again with what came of it
)

// Why an answer is silent.
const (
	SilenceNothingAsked = "nothing_asked" // "ok thanks"
	SilenceWaiting      = "waiting"       // there is no new message to answer
)

// How soon a person must see an escalation.
const (
	S1 = "S1" // call the emergency number now
	S2 = "S2" // within the hour
	S3 = "S3" // the same day
	S4 = "S4" // routine: the agent goes on
)

// Answer is what a provider makes of a request.
type Answer struct {
	Kind Kind `json:"kind"`
	// Text is what the patient reads. A reply has one. An escalation may have
	// one when its severity is S4: the agent goes on, and the text is said once
	// the case is listed ("I pass this on to the staff"). With S1 to S3 the
	// gateway's own words are said and Text is empty.
	Text     molt.Words `json:"text"`
	Silence  string     `json:"silence"`  // for silent: one of the Silence constants
	Reason   string     `json:"reason"`   // a short id for the journal, never words of the patient
	Severity string     `json:"severity"` // for escalate: S1..S4; "" means S3. For opinion: S1..S3; "" means no sooner
	// Facts are new or corrected, each with the seq of a message in the window.
	// They count whatever the kind is.
	Facts []Fact `json:"facts"`
	// Question is open from now on, whatever the kind is: the core keeps it and
	// gives it back in the next request. "" closes the one that was open.
	Question string `json:"question"`
	Call     *Call  `json:"call,omitempty"`
	Intent   string `json:"intent,omitempty"` // of a reply: one of the Intent constants; "": it does not say
	Lang     string `json:"lang"`             // the patient's language from now on; "" leaves it
	// Summary is of all that was shown, for when it is shown no more. One that does
	// not keep who the patient is is not taken.
	Summary molt.Words `json:"summary,omitempty"`
	// Done says that all is collected and the patient confirmed it. It stays
	// true in every later answer, so the core acts on its first appearance.
	Done bool `json:"done"`

	Model     string `json:"model"`  // the provider's name
	Digest    string `json:"digest"` // of the model or flow that answered: a tag can move
	Raw       []byte `json:"raw"`    // the model's output before it was read; nil when there is none
	TokensIn  int    `json:"tokens_in"`
	TokensOut int    `json:"tokens_out"`
}
