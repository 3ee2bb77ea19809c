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
	givesPattern  = regexp.MustCompile(`(?i)\bgive (?:it|my appointment) back\b|\bcancel my appointment\b`)
)

// appointment uses the tools where the patient wants an opening. It reports
// whether that is what the answer is about.
func (s scene) appointment(o *output, fresh []entry) bool {
	if !strings.Contains(s.system, "find_slot") {
		return false
	}
	if last, ok := s.step(); ok {
		s.afterStep(o, last)
		return true
	}
	if len(fresh) == 0 {
		return false
	}
	text := fresh[len(fresh)-1].Text
	choice := optionPattern.FindStringSubmatch(text)
	switch {
	case wantsPattern.MatchString(text):
		_, day, _ := strings.Cut(s.state.Now, " ") // "Mon 2006-01-02 15:04"
		day, _, _ = strings.Cut(day, " ")
		o.Action, o.Call = "call", &call{"find_slot", map[string]string{"from": day, "part": "any"}}
	case choice != nil:
		n, _ := strconv.Atoi(choice[1])
		if n < 1 || n > len(s.state.Offered) {
			o.Text = "Which of them do you want? Text option 1, for example."
			return true
		}
		o.Action, o.Call = "call", &call{"book_slot", map[string]string{"slot": s.state.Offered[n-1].Slot}}
	case givesPattern.MatchString(text) && s.state.Booked != nil:
		o.Action, o.Call = "call", &call{"cancel_slot", map[string]string{}}
	default:
		return false
	}
	return true
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
