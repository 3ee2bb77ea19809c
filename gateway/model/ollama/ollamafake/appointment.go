package ollamafake

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

var (
	wantsPattern  = regexp.MustCompile(`(?i)\b(?:opening|openings|what times|when can I come)\b`)
	optionPattern = regexp.MustCompile(`(?i)^\s*option (\d)\b`)
	movesPattern  = regexp.MustCompile(`(?i)^\s*move (?:me|it) to option (\d)\b`)
	givesPattern  = regexp.MustCompile(`(?i)\bgive (?:it|my appointment) back\b|\bcancel my appointment\b`)
)

// appointment uses the tools where the patient wants an opening. It reports
// whether that is what the answer is about.
func (s scene) appointment(o *output, fresh []entry) bool {
	if !strings.Contains(s.system, "find_slot") {
		return false
	}
	text := ""
	if len(fresh) > 0 {
		text = fresh[len(fresh)-1].Text
	}
	if last, ok := s.step(); ok {
		s.afterStep(o, last)
		if move := movesPattern.FindStringSubmatch(s.lastPatient()); move != nil && last.Tool == "cancel_slot" && last.Outcome == "done" {
			s.books(o, move[1])
		}
		return true
	}
	if text == "" {
		return false
	}
	choice := optionPattern.FindStringSubmatch(text)
	switch {
	case wantsPattern.MatchString(text):
		_, day, _ := strings.Cut(s.state.Now, " ") // "Mon 2006-01-02 15:04"
		day, _, _ = strings.Cut(day, " ")
		o.Action, o.Call = "call", &call{"find_slot", map[string]string{"from": day, "part": "any"}}
	case choice != nil:
		s.books(o, choice[1])
	case movesPattern.MatchString(text) && s.state.Booked != nil:
		o.Action, o.Call = "call", &call{"cancel_slot", map[string]string{}}
	case givesPattern.MatchString(text) && s.state.Booked != nil:
		o.Action, o.Call = "call", &call{"cancel_slot", map[string]string{}}
	default:
		return false
	}
	return true
}

// books calls for the opening of that number.
func (s scene) books(o *output, number string) {
	n, _ := strconv.Atoi(number)
	if n < 1 || n > len(s.state.Offered) {
		o.Text = "Which of them do you want? Text option 1, for example."
		return
	}
	o.Action, o.Text, o.Call = "call", "", &call{"book_slot", map[string]string{"slot": s.state.Offered[n-1].Slot}}
}

// lastPatient is what the patient wrote last.
func (s scene) lastPatient() string {
	for i := len(s.entries) - 1; i >= 0; i-- {
		if s.entries[i].From == "patient" {
			return s.entries[i].Text
		}
	}
	return ""
}

// step is what the last call of this question came to.
func (s scene) step() (entry, bool) {
	for i := len(s.entries) - 1; i >= 0; i-- {
		if e := s.entries[i]; e.From == "tool" {
			return e, true
		} else if e.From == "patient" {
			break
		}
	}
	return entry{}, false
}

func (s scene) afterStep(o *output, last entry) {
	switch {
	case last.Tool == "find_slot" && last.Outcome == "done" && len(last.Openings) > 0:
		var list []string
		for i, sl := range last.Openings {
			list = append(list, fmt.Sprintf("option %d is %s", i+1, sl.Start))
		}
		o.Text = "These are open: " + strings.Join(list, "; ") + ". Which do you want?"
	case last.Tool == "find_slot":
		*o = output{Action: "escalate", Reason: "not_my_task", Severity: "S3", Lang: o.Lang}
	case last.Outcome == "done":
		o.Action = "silent"
	case last.Outcome == "refused":
		o.Text = "That one is not free for you. Ask me for openings to see the list again."
	default:
		*o = output{Action: "escalate", Reason: "not_my_task", Severity: "S3", Lang: o.Lang}
	}
}
