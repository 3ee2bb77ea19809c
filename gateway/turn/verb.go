package turn

import (
	"strings"
	"time"

	"github.com/tidegate/tidegate/escalation"
)

// Verb is what a staff member does about a case.
type Verb string

// The verbs. The letter is how it is texted, after the code.
const (
	VerbTake     Verb = "take"      // A
	VerbPass     Verb = "pass"      // P
	VerbRelay    Verb = "relay"     // R words for the patient
	VerbCalled   Verb = "called"    // C, or "C no" for no answer
	VerbResolve  Verb = "resolve"   // D, then note; "D false …" a false alarm, "D human …" stays with people
	VerbNote     Verb = "note"      // N words for colleagues
	VerbShow     Verb = "show"      // ? the handoff once more
	VerbRaise    Verb = "raise"     // severity in Severity
	VerbLower    Verb = "lower"     // severity in Severity
	VerbTransfer Verb = "transfer"  // to To
	VerbTakeOver Verb = "take_over" // opens a case and holds it
	VerbRelease  Verb = "release"   // Y, of a draft or an act that waits: as it is
	VerbEdit     Verb = "edit"      // E words: these instead of the draft's
	VerbDrop     Verb = "drop"      // X: it does not leave, and she takes over
)

// OfReview reports whether a verb is about something that waits for a nurse, and
// not about a case.
func (v Verb) OfReview() bool { return v == VerbRelease || v == VerbEdit || v == VerbDrop }

// codeAlphabet has no vowels and nothing that reads like another sign.
const codeAlphabet = "BCDFGHJKMNPQRTVWXYZ2346789"

// CodeLength is the length of a short code.
const CodeLength = 4

// CodeRest is how long a code stands for nothing else once what it stood for is over:
// a text that comes late, or is sent twice, is about that and nothing newer.
const CodeRest = 24 * time.Hour

// MaxRelayBytes bounds the words of one staff text.
const MaxRelayBytes = 1600

// Typed is a staff text read as code and verb.
type Typed struct {
	Code  string
	Acted Acted // Verb and what follows it; nothing else is set
	Known bool  // the letter is a verb
}

// ReadCode finds the short code at the start of a staff text. Case, a leading
// "#" and punctuation after it do not matter. It reports false when the first
// word cannot be a code.
func ReadCode(text string) (code, rest string, ok bool) {
	text = strings.TrimLeft(strings.TrimSpace(text), "#*\"' ")
	if len(text) < CodeLength {
		return "", "", false
	}
	code = strings.ToUpper(text[:CodeLength])
	for _, r := range code {
		if !strings.ContainsRune(codeAlphabet, r) {
			return "", "", false
		}
	}
	rest = text[CodeLength:]
	if rest != "" && !strings.ContainsRune(" \t\n.,:;-", rune(rest[0])) {
		return "", "", false
	}
	return code, strings.TrimLeft(rest, " \t\n.,:;-"), true
}

// ReadVerb reads a staff text that begins with a code.
func ReadVerb(text string) (Typed, bool) {
	code, rest, ok := ReadCode(text)
	if !ok {
		return Typed{}, false
	}
	t := Typed{Code: code, Known: true}
	letter, words, _ := strings.Cut(rest, " ")
	words = strings.TrimSpace(words)
	switch strings.ToUpper(strings.Trim(letter, ".,!:\"'")) {
	case "A", "TAKE", "ACK":
		t.Acted.Verb = VerbTake
	case "P", "PASS":
		t.Acted.Verb = VerbPass
	case "R", "REPLY":
		t.Acted.Verb = VerbRelay
		t.Known = words != ""
	case "C", "CALLED":
		t.Acted.Verb, t.Acted.Reached = VerbCalled, !strings.HasPrefix(strings.ToLower(words), "no")
	case "D", "DONE":
		t.Acted = readResolve(words)
	case "N", "NOTE":
		t.Acted.Verb = VerbNote
		t.Known = words != ""
	case "Y", "YES", "SEND":
		t.Acted.Verb = VerbRelease
	case "E", "EDIT":
		t.Acted.Verb = VerbEdit
		t.Known = words != ""
	case "X", "DROP":
		t.Acted.Verb = VerbDrop
	case "?", "S", "SHOW":
		t.Acted.Verb = VerbShow
	default:
		t.Known = false
	}
	if t.Acted.Verb == VerbRelay || t.Acted.Verb == VerbNote || t.Acted.Verb == VerbEdit {
		t.Acted.Words = cutWords(words, MaxRelayBytes)
	}
	return t, true
}

// readResolve reads what follows "D": any of false, human, agent in front of
// the note.
func readResolve(words string) Acted {
	a := Acted{Verb: VerbResolve, NextOwner: escalation.OwnerAgent, Disposition: "resolved"}
	for {
		first, rest, _ := strings.Cut(words, " ")
		switch strings.ToLower(strings.Trim(first, ".,:")) {
		case "false":
			a.FalseAlarm, a.Disposition = true, "false_alarm"
		case "human":
			a.NextOwner = escalation.OwnerHuman
		case "agent":
			a.NextOwner = escalation.OwnerAgent
		default:
			a.Words = cutWords(words, MaxRelayBytes)
			return a
		}
		words = strings.TrimSpace(rest)
	}
}
