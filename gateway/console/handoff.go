package console

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/screen"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// handoff is the case in the order in which nurses hand over: situation,
// background, assessment, and what was done and told so far.
type handoff struct {
	Situation  []line
	Background []line
	Assessment []line
	Done       []line
	Told       []line
}

// line is one line of a handoff. Seq links it to the message it quotes, 0 to none.
type line struct {
	Label string
	Words string
	Seq   uint64
	Note  string
	At    molt.Time
}

// maxQuotes bounds the messages one part of a handoff quotes.
const maxQuotes = 4

// handoffOf puts a case in the order of a handover, every line from the record.
func (c *Console) handoffOf(s *turn.State, recall func(turn.Ref) molt.Words) handoff {
	return handoff{
		Situation: c.situation(s, recall), Background: background(s), Assessment: assessment(s, c.o.Rules(), recall),
		Done: c.done(s, recall), Told: c.told(s, recall),
	}
}

// situation is why somebody is asked, with the words it rests on, newest first.
func (c *Console) situation(s *turn.State, recall func(turn.Ref) molt.Words) []line {
	k := s.Case
	if k == nil {
		return nil
	}
	out := []line{{Label: "Case", Words: fmt.Sprintf("%s, %s", k.Severity, inWords(cmp.Or(k.Category, string(k.Kind))))}}
	for _, t := range slices.Backward(s.Turns) {
		if len(out) > maxQuotes {
			break
		}
		if t.From == model.FromPatient && slices.Contains(k.Evidence, t.Seq) {
			out = append(out, line{Label: "Patient wrote", Words: cut(wordsOf(t, recall), 2*quoteBytes), Seq: t.Seq, Note: attached(c.attachments(s, t))})
		}
	}
	return out
}

// background is who the patient is, as far as she told.
func background(s *turn.State) []line {
	phone := line{Label: "Phone", Words: s.Phone(), Note: "may be writing for someone else"}
	if phone.Words == "" {
		phone = line{Label: "Phone", Words: "No call-back number: write only."}
	}
	out := []line{phone}
	for _, f := range turn.Latest(s.Ledger) {
		out = append(out, line{Label: factName(f.Name), Words: f.Value, Seq: f.Source})
	}
	if s.Lang != "" {
		out = append(out, line{Label: "Language", Words: languageName(s.Lang)})
	}
	if s.Question != "" {
		out = append(out, line{Label: "Open question", Words: factName(s.Question)})
	}
	return out
}

// assessment is what a nurse would ask about, and what the patient said of it:
// present first, then denied, and what nobody asked in one line.
func assessment(s *turn.State, r *turn.Rules, recall func(turn.Ref) molt.Words) []line {
	var out []line
	if s.Case != nil && s.Case.CannotText {
		out = append(out, line{Label: "Reach", Words: "Texts do not reach this patient: call."})
	}
	refs := turn.ChecklistMessages(s)
	list := turn.Checklist(s, r, recall)
	for _, st := range []screen.Standing{screen.StandingPresent, screen.StandingPast, screen.StandingDenied} {
		for _, sy := range list {
			if sy.Standing == st {
				out = append(out, symptomLine(sy, refs))
			}
		}
	}
	var open []string
	for _, sy := range list {
		if sy.Standing == screen.StandingNotAsked || sy.Standing == screen.StandingAsked {
			open = append(open, sy.Label)
		}
	}
	if len(open) > 0 {
		out = append(out, line{Label: "Not asked", Words: strings.Join(open, ", ")})
	}
	return out
}

func symptomLine(sy screen.Symptom, refs []turn.Ref) line {
	l := line{Label: inWords(string(sy.Standing)), Words: sy.Label}
	if sy.Message >= 0 && sy.Message < len(refs) {
		l.Seq = refs[sy.Message].Seq
	}
	var notes []string
	if sy.Experiencer != "" && sy.Experiencer != "self" {
		notes = append(notes, "of another person: "+sy.Experiencer)
	}
	if sy.Later != nil {
		notes = append(notes, "later "+string(sy.Later.Standing))
	}
	l.Note = strings.Join(notes, "; ")
	return l
}

// done is what people did about the case.
func (c *Console) done(s *turn.State, recall func(turn.Ref) molt.Words) []line {
	var out []line
	for _, d := range turn.DoneOf(s, c.o.Rules(), recall) {
		who := "Tidegate"
		if d.Actor != "" {
			who = c.o.Casework.Name(d.Actor)
		}
		out = append(out, line{Label: who, Words: d.What.Reveal(), At: d.At})
	}
	return out
}

// told is what the patient was told last that no agent wrote, and whether it
// arrived.
func (c *Console) told(s *turn.State, recall func(turn.Ref) molt.Words) []line {
	var out []line
	for _, t := range slices.Backward(s.Turns) {
		if len(out) == maxQuotes {
			break
		}
		if t.From != model.FromPatient && t.From != model.FromAgent {
			m := c.messageOf(s, t, recall)
			out = append(out, line{Label: m.Label, Words: cut(m.Words, quoteBytes), Seq: t.Seq, Note: cmp.Or(m.Fate, "sent"), At: t.At})
		}
	}
	return out
}

// messageOf is a message as a nurse reads it, with what became of ours.
func (c *Console) messageOf(s *turn.State, t turn.Ref, recall func(turn.Ref) molt.Words) message {
	m := message{Seq: t.Seq, At: t.At, Words: wordsOf(t, recall), Files: c.attachments(s, t), Fate: s.Fate(t.Item), Label: inWords(t.Speaker())}
	switch {
	case t.From == model.FromPatient:
		m.From = "patient"
	case t.From == model.FromAgent:
		m.From = "agent"
		if t.Reviewed != "" {
			m.Label += ", released by " + c.o.Casework.Name(t.Reviewed)
		}
	case t.By != "":
		m.From, m.Label = "person", c.o.Casework.Name(t.By)
	case t.What == "relay":
		m.From = "person"
	default:
		m.From = "fixed"
	}
	if m.Late = m.Fate == "left before"; m.Late {
		m.Fate = "left before the silence"
	}
	return m
}
