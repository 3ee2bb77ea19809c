package turn

import (
	"slices"

	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/model"
)

// MarkSuccessor is the mark of a frozen conversation, with who follows it.
const MarkSuccessor = "succ:"

// foldCustody folds what was done with the record itself.
func (s *State) foldCustody(e Event) {
	switch b := e.Body.(type) {
	case *Hold:
		s.Held = nil
		if b.Held {
			s.Held = b
		}
	case *Anchor:
		seq, at := s.Seq, s.At
		*s = b.State.clone()
		s.Seq, s.At = seq, at
	}
}

// Erased is the state of a conversation that was erased: that the patient opted
// out, and how many cases there were, since the ids of later ones follow from it.
func (s *State) Erased() State {
	return State{Owner: escalation.OwnerAgent, Epoch: s.Epoch, Stopped: s.Stopped, Cases: s.Cases, Gone: s.Seq}
}

// Shed is the state without what refers to events up to there.
func (s *State) Shed(upto uint64) State {
	c := s.clone()
	c.Gone = max(c.Gone, upto)
	c.Ledger = slices.DeleteFunc(c.Ledger, func(f model.Fact) bool { return f.Source <= upto })
	c.Turns = slices.DeleteFunc(c.Turns, func(r Ref) bool { return r.Seq <= upto })
	c.Deeds = slices.DeleteFunc(c.Deeds, func(d Deed) bool { return d.Seq > 0 && d.Seq <= upto })
	c.Files = slices.DeleteFunc(c.Files, func(f File) bool { return f.Seq <= upto && !f.open() })
	return c
}

// Unfinished says why nothing of a conversation can be taken away yet; "": it can.
func (s *State) Unfinished() string {
	switch {
	case s.Held != nil:
		return "a legal hold stands on it"
	case s.Open():
		return "it has an open case"
	case len(s.Undecided) > 0 || len(s.Pending) > 0:
		return "a text of the patient's waits for its answer"
	case len(s.Reviews) > 0:
		return "a draft or an act of the agent's waits for a nurse"
	case s.Calling.Item != "":
		return "the agent is about to act for the patient"
	case slices.ContainsFunc(s.Sends, func(d Send) bool { return d.State == SendAttempted }):
		return "a text is on its way"
	case slices.ContainsFunc(s.Files, File.open):
		return "a file of the patient's is being fetched"
	}
	return ""
}
