package model

import (
	"encoding/json"

	"github.com/tidegate/tidegate/molt"
)

// Tool is something an agent may call.
type Tool struct {
	Name string `json:"name"`
	Says string `json:"says"` // what it does, in a sentence for a model
	// Arguments describes them as a JSON schema of an object. None names a person:
	// whose appointment it is the gateway knows, and no model says.
	Arguments json.RawMessage `json:"arguments"`
	// Acts says that it changes something outside: it is committed before it is
	// made, and looked at afterwards.
	Acts bool `json:"acts,omitempty"`
}

// Call is one call of a tool.
type Call struct {
	Tool      string          `json:"tool"`
	Arguments json.RawMessage `json:"arguments"`
}

// How a call came out.
const (
	CallDone    = "done"    // and looked at afterwards, where it acts
	CallRefused = "refused" // nothing was done: Why says which rule stands against it
	CallFailed  = "failed"  // nothing is done, or it was undone
	CallUnknown = "unknown" // whether it is done nobody can tell
)

// WhyLapsed says of an act that it is not made: somebody else spoke since it was
// decided.
const WhyLapsed = "lapsed"

// Outcome is what came of a call.
type Outcome struct {
	State string `json:"state"`         // one of the Call constants
	Why   string `json:"why,omitempty"` // an id, never anybody's words
	// Data is what a tool found, for the model; nil when there is nothing to tell.
	Data  json.RawMessage `json:"data,omitempty"`
	Slots []Slot          `json:"slots,omitempty"` // of find_slot
	Slot  *Slot           `json:"slot,omitempty"`  // of what was booked or given back
}

// Step is a call with its outcome. They are never parted.
type Step struct {
	Call    Call    `json:"call"`
	Outcome Outcome `json:"outcome"`
}

// Slot is an opening in the clinic's calendar.
type Slot struct {
	ID      string    `json:"id"`
	Start   molt.Time `json:"start"`
	Minutes int       `json:"minutes"`
	With    string    `json:"with,omitempty"`
}

// The tools that the house has.
const (
	ToolHours  = "check_hours"
	ToolFind   = "find_slot"
	ToolBook   = "book_slot"
	ToolCancel = "cancel_slot"
	ToolNote   = "note" // keeps a fact in the ledger; the gateway's own, and nothing outside
)
