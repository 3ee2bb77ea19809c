package config

import (
	"fmt"
	"regexp"
	"strings"
)

// ChannelID is the name a clinic gives to one of its channels.
type ChannelID string

// PersonID is the short name of a member of staff.
type PersonID string

// ProviderID is the name a clinic gives to a server that models run on.
type ProviderID string

// ProviderType says what such a server speaks. "" is what it is named after.
type ProviderType string

// The types of providers.
const (
	ProviderOllama ProviderType = "ollama"
	ProviderOpenAI ProviderType = "openai"
)

// Host is the name of a web host, such as harbor.example.org.
type Host string

// Language is an ISO 639-1 code such as en.
type Language string

// Country is an ISO 3166-1 code such as US.
type Country string

// Role says what a member of staff may do.
type Role string

// The roles.
const (
	RoleNurse   Role = "nurse"
	RoleLead    Role = "lead"
	RoleAdmin   Role = "admin"
	RoleAuditor Role = "auditor"
)

// Severity is how urgent a case is.
type Severity string

// The severities: call an ambulance now, within the hour, the same day, routine.
const (
	S1 Severity = "S1"
	S2 Severity = "S2"
	S3 Severity = "S3"
	S4 Severity = "S4"
)

// Level is how important a log line has to be to be kept.
type Level string

// The log levels.
const (
	LevelDebug Level = "debug"
	LevelInfo  Level = "info"
	LevelWarn  Level = "warn"
	LevelError Level = "error"
)

// Text is the clinic's own wording of a patient text.
type Text string

// Model names a model as provider/name, as in scripted/intake.
type Model string

var (
	idPattern       = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,31}$`)
	languagePattern = regexp.MustCompile(`^[a-z]{2}$`)
	countryPattern  = regexp.MustCompile(`^[A-Z]{2}$`)
	hostPattern     = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$`)
	providerPattern = regexp.MustCompile(`^[a-z][a-z0-9]{0,31}$`)
	modelPattern    = regexp.MustCompile(`^[a-z][a-z0-9]{0,31}/[^\s/][^\s]{0,127}$`)
)

// Words lists the roles there are.
func (Role) Words() []string { return []string{"nurse", "lead", "admin", "auditor"} }

// Words lists the severities there are.
func (Severity) Words() []string { return []string{"S1", "S2", "S3", "S4"} }

// Words lists the types there are.
func (ProviderType) Words() []string {
	return []string{string(ProviderOllama), string(ProviderOpenAI)}
}

// Words lists the levels there are.
func (Level) Words() []string { return []string{"debug", "info", "warn", "error"} }

// UnmarshalText takes a short lower-case name.
func (c *ChannelID) UnmarshalText(b []byte) error {
	*c = ChannelID(b)
	return matchID(string(b))
}

// UnmarshalText takes a short lower-case name.
func (p *PersonID) UnmarshalText(b []byte) error {
	*p = PersonID(b)
	return matchID(string(b))
}

// UnmarshalText takes a word as it may stand before a model's slash.
func (p *ProviderID) UnmarshalText(b []byte) error {
	*p = ProviderID(b)
	if providerPattern.MatchString(string(b)) {
		return nil
	}
	return &ruleError{rule: "must be 1 to 32 lower-case letters and digits, starting with a letter", hint: "write it as in ollama"}
}

// UnmarshalText takes a host's name in lower case.
func (h *Host) UnmarshalText(b []byte) error {
	*h = Host(b)
	if hostPattern.MatchString(string(b)) {
		return nil
	}
	return &ruleError{rule: "must be the name of a host", hint: "write it as in harbor.example.org, without http:// and path"}
}

func matchID(s string) error {
	if idPattern.MatchString(s) {
		return nil
	}
	hint := "write a short name such as alice or front-desk"
	if low := strings.ToLower(strings.ReplaceAll(strings.TrimSpace(s), " ", "-")); idPattern.MatchString(low) {
		hint = "did you mean " + low + "?"
	}
	return &ruleError{rule: "must be 1 to 32 lower-case letters, digits, - or _, starting with a letter", hint: hint}
}

// UnmarshalText takes two lower-case letters.
func (l *Language) UnmarshalText(b []byte) error {
	*l = Language(b)
	if languagePattern.MatchString(string(b)) {
		return nil
	}
	return &ruleError{rule: "must be a language as two lower-case letters", hint: "write en for English, es for Spanish"}
}

// UnmarshalText takes two capital letters.
func (c *Country) UnmarshalText(b []byte) error {
	*c = Country(b)
	if countryPattern.MatchString(string(b)) {
		return nil
	}
	return &ruleError{rule: "must be a country as two capital letters", hint: "write US for the United States"}
}

// UnmarshalText takes 1 to [MaxText] characters. What they may say is judged
// where the built-in texts are known.
func (t *Text) UnmarshalText(b []byte) error {
	*t = Text(b)
	if n := len([]rune(string(b))); n < 1 || n > MaxText || strings.TrimSpace(string(b)) == "" {
		return &ruleError{rule: fmt.Sprintf("must be 1 to %d characters", MaxText), got: count(n, "character"), hint: "a carrier takes no longer text; leave the line out to keep the built-in one"}
	}
	return nil
}

// UnmarshalText takes a provider and a name with a slash between them.
func (m *Model) UnmarshalText(b []byte) error {
	*m = Model(b)
	if modelPattern.MatchString(string(b)) {
		return nil
	}
	return &ruleError{rule: "must be provider/model", hint: "write it as in scripted/intake"}
}

// Split returns the provider and the name of the model there.
func (m Model) Split() (provider, name string) {
	provider, name, _ = strings.Cut(string(m), "/")
	return provider, name
}
