package turn

import (
	"strings"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/molt"
)

// Limits of what was done, as a handoff tells it.
const (
	MaxDoneBytes = 300
	maxDoneQuote = 80
)

// relayed names the one kind of text to a patient that a person wrote.
const relayed = "relay"

// Speaker says whose words a message is: the patient's, the agent's, whose of
// the staff, or which of the clinic's fixed texts it is.
func (r Ref) Speaker() string {
	if r.From == model.FromPatient {
		return r.From
	}
	return speaker(r.From == model.FromAgent, r.What, r.By)
}

// Speaker says whose words a text to a patient is.
func (o *Out) Speaker() string {
	by := o.By
	if by == "" && o.What == relayed {
		by = o.ReviewedBy // recorded before By was
	}
	return speaker(o.Class == channels.ClassAgent, o.What, by)
}

func speaker(agent bool, what string, by molt.PersonID) string {
	switch {
	case agent:
		return model.FromAgent
	case by != "":
		return string(by)
	case what == relayed:
		return "staff"
	}
	return "fixed text (" + what + ")"
}

// fixed reports whether a message is one of the clinic's fixed texts.
func (r Ref) fixed() bool {
	return r.From != model.FromPatient && r.From != model.FromAgent && r.What != relayed
}

// remember keeps of an accepted act what a colleague should read of. Words to
// the patient are read as such, and who has the case is said anyway.
func (x *decider) remember(seq uint64, a *Acted, before escalation.Case) {
	d := Deed{Actor: a.Actor, Verb: a.Verb}
	switch now := x.s.Case; {
	case a.Verb == VerbCalled:
		d.Reached = a.Reached
	case a.Verb == VerbNote:
		d.Seq = seq
	case a.Verb == VerbTransfer && now.Claimant != before.Claimant:
		d.To = now.Claimant
	case a.Verb == VerbPass && before.Claimant == a.Actor:
	case a.Verb == VerbResolve && !before.Settled():
		d.Seq, d.FalseAlarm, d.NextOwner = seq, a.FalseAlarm, a.NextOwner
	default:
		return
	}
	x.deed(d)
}

func (x *decider) deed(d Deed) {
	d.At = x.env.Now
	x.d.Deeds = append(x.d.Deeds, d)
	x.s.addDeed(d)
}

func severityVerb(was, now escalation.Case) Verb {
	if now.Severity.Rank() > was.Severity.Rank() {
		return VerbLower
	}
	return VerbRaise
}

// Done is one thing that was done about a case.
type Done struct {
	At    molt.Time     `json:"at"`
	Actor molt.PersonID `json:"actor,omitempty"` // "": the gateway itself
	What  molt.Words    `json:"what"`            // a staff member's own words may stand in it
}

// DoneOf lists what was done, oldest first.
func DoneOf(s *State, r *Rules, recall func(Ref) molt.Words) []Done {
	out := []Done{}
	for _, d := range s.Deeds {
		out = append(out, Done{At: d.At, Actor: d.Actor, What: molt.Words(d.what(r, recall, MaxQuoteBytes))})
	}
	return out
}

func (d Deed) what(r *Rules, recall func(Ref) molt.Words, quote int) string {
	words := ""
	if d.Seq > 0 {
		words = oneLine(recall(Ref{Seq: d.Seq}), quote)
	}
	switch d.Verb {
	case VerbCalled:
		if d.Reached {
			return "called: reached"
		}
		return "called: no answer"
	case VerbNote:
		return "noted: " + words
	case VerbTransfer:
		return "handed it to " + r.name(d.To)
	case VerbPass:
		return "gave it back"
	case VerbRaise:
		return "raised it to " + string(d.Severity)
	case VerbLower:
		return "lowered it to " + string(d.Severity)
	}
	what := "resolved it"
	if d.FalseAlarm {
		what = "resolved it as a false alarm"
	}
	if d.NextOwner == escalation.OwnerHuman {
		what += " for people to go on"
	}
	return strings.TrimSuffix(what+": "+words, ": ")
}

// doneText tells what was done as far as there is room, the last for sure.
func doneText(s *State, r *Rules, recall func(Ref) molt.Words) string {
	text := ""
	for i := len(s.Deeds) - 1; i >= 0; i-- {
		d, who := s.Deeds[i], "Tidegate"
		if d.Actor != "" {
			who = r.name(d.Actor)
		}
		line := d.At.Std().In(r.zone()).Format("Jan 2 15:04 ") + who + " " + d.what(r, recall, maxDoneQuote) + "\n"
		if text != "" && len(line)+len(text) > MaxDoneBytes {
			break
		}
		text = line + text
	}
	if text == "" {
		return ""
	}
	return "Done:\n" + text
}
