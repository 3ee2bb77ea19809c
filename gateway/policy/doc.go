// Package policy holds the rules that are not about danger: opting out, the
// answer's form, what an agent may say, which language a patient writes, and
// the fixed texts. Each rule returns {Rule, Outcome, Reason}.
//
// It is pure: it reads no clock, opens nothing, logs nothing, and it never
// looks for emergencies; that is the screen's work, which always comes first.
package policy

// Outcome says what a rule wants done.
type Outcome string

// The outcomes.
const (
	Pass  Outcome = "pass"
	Block Outcome = "block"
	Act   Outcome = "act"
)

// Finding is what a rule says.
type Finding struct {
	Rule    string
	Outcome Outcome
	Reason  string // an id for the journal, never anybody's words
}
