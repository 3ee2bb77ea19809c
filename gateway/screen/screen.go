package screen

import (
	"crypto/sha256"
	"encoding/hex"
	"sync"
)

// Severity is how soon a person must act: S1 call 911 now, S2 within the hour,
// S3 the same day, S4 routine, none nothing found.
type Severity string

// The severities, worst first.
const (
	S1   Severity = "S1"
	S2   Severity = "S2"
	S3   Severity = "S3"
	S4   Severity = "S4"
	None Severity = "none"
)

// Rank orders severities: none is 0, S4 is 1, S1 is 4. An unknown value ranks
// as none.
func (s Severity) Rank() int {
	switch s {
	case S1:
		return 4
	case S2:
		return 3
	case S3:
		return 2
	case S4:
		return 1
	}
	return 0
}

// Escalate says what the severity asks for: "now" (S1, S2), "same_day" (S3) or
// "no" (S4, none).
func (s Severity) Escalate() string {
	switch s {
	case S1, S2:
		return "now"
	case S3:
		return "same_day"
	}
	return "no"
}

// Message is one message of a conversation, as context for the text that is judged.
type Message struct {
	From string // patient, agent, nurse or FromLedger
	Text string
	At   int64 // unix milliseconds; 0 = unknown
}

// FromLedger marks a message that is no message: what is known of the patient,
// one fact a line. Of it only conditions that make other words graver are read:
// a pregnancy, a young infant, chemotherapy, blood thinners, diabetes, an operation.
const FromLedger = "ledger"

// Quote is a piece of raw text on which a verdict rests.
type Quote struct {
	Text  string `json:"text"`
	Start int    `json:"start"` // byte offset into the raw text
	End   int    `json:"end"`   // byte offset one past the last byte
	// Turn is the 1-based index into the recent messages when the evidence
	// comes from one of them, and 0 when it comes from the judged text.
	Turn int `json:"turn,omitempty"`
}

// Verdict is what the screen found in one text.
type Verdict struct {
	Severity    Severity `json:"severity"`
	Category    string   `json:"category"`    // the first column of the rules' categories, or ""
	Experiencer string   `json:"experiencer"` // self, child, other; "" when nothing fired
	Temporality string   `json:"temporality"` // now, past, hypothetical; "" when nothing was found
	Rules       []string `json:"rules"`       // ids of the rules that fired, worst first
	Quotes      []Quote  `json:"quotes"`
	Minimised   bool     `json:"minimised"` // the writer played it down; never lowers
	Notes       []string `json:"notes"`     // what was found and set aside, and why
	Version     string   `json:"version"`   // digest of rules and weights
	Unreadable  bool     `json:"unreadable"`
}

// Screen holds the compiled rules. It is immutable and safe for concurrent use.
type Screen struct {
	d       *data // the rules that judge
	c       *classifier
	list    *data // the same and the checklists; see loadChecklists
	version string
}

// New returns the screen of the embedded rules, which are compiled once. It fails
// only when the data is malformed.
func New() (*Screen, error) { return embedded() }

var embedded = sync.OnceValues(func() (*Screen, error) { return build("", nil) })

// build compiles the rules and what a clinic adds to them.
func build(extension string, severities map[string]Severity) (*Screen, error) {
	d, err := load(extension, judging)
	if err != nil {
		return nil, err
	}
	d.regrade(severities)
	list, err := loadChecklists()
	if err != nil {
		return nil, err
	}
	c, err := newClassifier(weightsFile, d.ranks)
	if err != nil {
		return nil, err
	}
	version := sha256.Sum256(append([]byte(d.digest), weightsFile...))
	return &Screen{d: d, c: c, list: list, version: hex.EncodeToString(version[:])}, nil
}

// Version returns the content digest of the rules and weights that judge: two screens of
// one version give the same verdict for the same arguments. The checklists are
// no part of it, since no verdict rests on them.
func (s *Screen) Version() string { return s.version }

// ChecklistVersion returns the content digest of the checklists and the rules
// they read with: what a handoff says depends on it.
func (s *Screen) ChecklistVersion() string { return s.list.digest }

// Safe judges as Judge does. A fault in the screen itself counts as S2: a person
// looks within the hour.
func (s *Screen) Safe(text string, recent []Message, now int64, lang string) (v Verdict) {
	defer func() {
		if recover() != nil {
			v = Verdict{Severity: S2, Category: "fault", Rules: []string{"screen.fault"}}
			if s != nil {
				v.Version = s.version
			}
		}
	}()
	return s.Judge(text, recent, now, lang)
}

// Judge judges text. It is a pure function of its arguments: recent is the last
// few messages of both speakers, oldest first, without text itself; now is the
// time of text in unix milliseconds, 0 when unknown; lang is a hint and never
// limits what is read. Words of recent are judged only together with text (a
// message sent in pieces, a question it answers), never again by themselves.
func (s *Screen) Judge(text string, recent []Message, now int64, lang string) Verdict {
	sp := s.d.borrow()
	v := s.judge(text, recent, now, sp)
	sp.done() // where it faults the room is left to the collector
	return v
}

// judge is Judge in a speller's room.
func (s *Screen) judge(text string, recent []Message, now int64, sp *speller) Verdict {
	own := s.d.tokenise(text, 0, sp)
	number(own)
	t := s.d.parse(own, sp.room)
	j := judgment{d: s.d, c: s.c}
	j.read(t, s.d.rules, kindPatient)
	if joined := s.d.join(own, text, recent, now, sp); joined != nil {
		j.joined = true
		j.read(s.d.parse(joined, sp.room), s.d.rules, kindPatient)
	}
	j.answers(t, recent, now, sp)
	j.classify(s.c, t)
	v := j.verdict(text, recent)
	v.Minimised = len(t.of(s.d.sets.minimiser)) > 0
	v.Unreadable = !readable(text)
	v.Version = s.version
	return v
}
