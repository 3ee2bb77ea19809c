// Package persona reads who an agent is and what it may do: a Markdown file
// whose front matter holds the settings and whose body is the instructions.
//
// It owns the file's form, its checks and the built-in persona. It reads
// strictly: an unknown setting is a fault and no default repairs a wrong one.
// It must never open a file or reach for anything that is not in the text it
// was given.
package persona

import (
	_ "embed"

	"github.com/tidegate/tidegate/gateway/model"
)

//go:embed intake.md
var intake []byte

// BuiltIn is the name of the persona that is there without any file.
const BuiltIn = "intake"

// Limits of a persona file.
const (
	MaxBytes      = 64 << 10
	MinReplyChars = 160 // the disclosure, the emergency number and a question need room
	MaxReplyChars = 1600
	MaxWindow     = 200
	MaxReview     = 12 * 60 // minutes
)

// What a persona says when it leaves a limit out.
const (
	defaultReplyChars = model.DefaultReplyChars
	defaultWindow     = 30
	defaultReview     = 15
	defaultAutonomy   = "extended"
	defaultUnapproved = "refuse"
)

// Persona is one persona as read.
type Persona struct {
	Name string
	Tone string
	// Hours, when set, are told instead of the clinic's, as for a line that is
	// answered at other times. "" when the clinic's hold.
	Hours      string
	Disclosure map[string]string // by language; "{clinic}" stands for the clinic's name
	Collect    []string          // in the order they are asked for
	Languages  []string          // the first is spoken until the patient shows another
	Tools      []string          // that it may call, of those the clinic has; nil: all
	// Models is the chain of this persona: the first answers, the next when it faults.
	// nil: the one that the configuration names for all.
	Models   []string
	ModelsAt []int `json:"-"` // the line of each in the file
	// Autonomy is how far it goes alone: draft, known or extended.
	Autonomy   string
	Intents    []string // what it may answer about; nil: anything
	Approve    []string // tools whose acts wait for a nurse at any level
	Unapproved string   // what becomes of an act that nobody approved in time: refuse or make
	Limits     Limits
	Text       string // the instructions: the body of the file
}

// Limits bound what a session is told and may say.
type Limits struct {
	ReplyChars     int // the longest text, in characters
	WindowMessages int // how many past messages a model sees
	ReviewMinutes  int // how long a draft or an act waits for a nurse
}

// Intake returns the built-in persona.
func Intake() (Persona, error) { return Parse(BuiltIn+".md", intake) }

// Model returns what a provider is told of the persona.
func (p Persona) Model() model.Persona {
	return model.Persona{
		Name: p.Name, Tone: p.Tone, Text: p.Text, Disclosure: p.Disclosure,
		Collect: p.Collect, Languages: p.Languages, ReplyChars: p.Limits.ReplyChars, Window: p.Limits.WindowMessages, Intents: p.Intents,
	}
}
