package channels

import "strings"

// Fault is one thing wrong with how a channel is configured. An adapter knows
// the field and the rule; whoever read the file adds its line. Got never holds
// a secret or a number.
type Fault struct {
	Field string // as the section names it, as in account_sid or numbers[1]; public_url is not of the section
	Rule  string // what has to hold
	Got   string // what was found; may be empty
	Hint  string // what to do about it; may be empty
}

// Faults is all that is wrong with a channel.
type Faults []Fault

// Error puts each fault on a line of its own: field: rule (got value); hint.
func (fs Faults) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.Field + ": " + f.Rule
		if f.Got != "" {
			lines[i] += " (got " + f.Got + ")"
		}
		if f.Hint != "" {
			lines[i] += "; " + f.Hint
		}
	}
	return strings.Join(lines, "\n")
}
