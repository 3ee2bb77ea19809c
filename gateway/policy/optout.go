package policy

import "strings"

// Keyword is what a carrier and the law read in a text that is one of their
// words and nothing else.
type Keyword string

// The keywords.
const (
	KeywordNone  Keyword = ""
	KeywordStop  Keyword = "stop"
	KeywordStart Keyword = "start"
	KeywordHelp  Keyword = "help"
)

// Words reads the keyword in a text. The block is the carrier's: it looks at
// the whole text without surrounding white space, in any case. "YES" opts in
// only somebody who had opted out; everybody else has answered a question.
// Source: Twilio's default opt-out handling and 47 CFR 64.1200(a)(10).
func Words(text string, stopped bool) (Keyword, Finding) {
	w := strings.ToUpper(strings.TrimSpace(strings.TrimRight(strings.TrimSpace(text), ".!")))
	switch w {
	case "STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT", "OPT-OUT":
		return KeywordStop, Finding{"opt_out", Act, strings.ToLower(w)}
	case "START", "UNSTOP":
		return KeywordStart, Finding{"opt_in", Act, strings.ToLower(w)}
	case "YES":
		if stopped {
			return KeywordStart, Finding{"opt_in", Act, "yes"}
		}
	case "HELP", "INFO":
		return KeywordHelp, Finding{"help", Act, strings.ToLower(w)}
	}
	return KeywordNone, Finding{"opt_out", Pass, ""}
}

// AboutAppointment reports whether a stop word may have been meant for an
// appointment: "cancel" or "end", and the open question is about a time.
func AboutAppointment(stop, openQuestion string) bool {
	if stop != "cancel" && stop != "end" {
		return false
	}
	return strings.Contains(openQuestion, "time") || strings.Contains(openQuestion, "appointment") ||
		strings.Contains(openQuestion, "slot") || strings.Contains(openQuestion, "confirm")
}
