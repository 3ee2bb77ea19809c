package operator

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// Cases is the work list, gravest first, then longest waiting; asked with all=1
// those that are over are behind it.
type Cases struct {
	Now   molt.Time      `json:"now"`
	Cases []turn.WorkRow `json:"cases"`
}

func (p *Operator) cases(w http.ResponseWriter, r *http.Request) error {
	rows, err := p.o.Desk.WorkList(r.Context())
	if err != nil {
		return err
	}
	if r.URL.Query().Get("all") == "" {
		rows = slices.DeleteFunc(rows, func(r turn.WorkRow) bool { return over(r) > 0 })
	}
	slices.SortFunc(rows, func(a, b turn.WorkRow) int {
		return cmp.Or(over(a)-over(b), a.Severity.Rank()-b.Severity.Rank(), cmp.Compare(a.Opened, b.Opened), strings.Compare(string(a.Case), string(b.Case)))
	})
	if rows == nil {
		rows = []turn.WorkRow{}
	}
	return writeJSON(w, Cases{Now: molt.TimeOf(p.o.Now()), Cases: rows})
}

// over puts what is resolved behind what is not.
func over(r turn.WorkRow) int {
	if r.State == escalation.StateResolved || r.State == escalation.StateClosed {
		return 1
	}
	return 0
}

// Case is one case as a person works on it. It holds words and a number.
type Case struct {
	Now      molt.Time        `json:"now"`
	Row      turn.WorkRow     `json:"case"`
	Channel  string           `json:"channel"`
	Account  molt.Address     `json:"account"`
	Peer     molt.Address     `json:"peer"`
	Phone    molt.Address     `json:"phone,omitempty"` // where the patient can be called, if that is known
	Owner    escalation.Owner `json:"owner"`
	Stopped  bool             `json:"stopped,omitempty"`
	Told     string           `json:"told,omitempty"`     // what the patient told, in words
	Done     []turn.Done      `json:"done"`               // what was done, oldest first
	Symptoms string           `json:"symptoms,omitempty"` // what was named, denied and not asked, in one line
	Handoff  string           `json:"handoff"`
	Messages []Message        `json:"messages"`
}

// Message is one message of the conversation and what became of it.
type Message struct {
	Seq   uint64     `json:"seq"`
	At    molt.Time  `json:"at"`
	From  string     `json:"from"` // patient, agent, a member of staff, fixed text (name)
	What  string     `json:"what,omitempty"`
	Words molt.Words `json:"words"`
	Media int        `json:"media,omitempty"`
	Fate  string     `json:"fate,omitempty"`
}

// showCase records the look and takes the words in the same step: there is no
// moment at which they are read and the look is not on record.
func (p *Operator) showCase(w http.ResponseWriter, r *http.Request) error {
	id, _, err := p.find(r)
	if err != nil {
		return err
	}
	out := Case{Now: molt.TimeOf(p.o.Now())}
	answer, err := p.o.Desk.Step(r.Context(), id, nil, func(s *turn.State, recall func(turn.Ref) molt.Words) intake.Plan {
		out.read(id, s, p.o.Rules(), recall)
		return intake.Plan{Facts: []intake.Fact{{Kind: turn.KindRead, Body: &turn.Read{Actor: actor(r.Context()), What: "case"}}}}
	})
	if err != nil {
		return err
	}
	out.Row.Conversation = answer.Conversation // of the successor, where there is one
	return writeJSON(w, out)
}

func (c *Case) read(id molt.ConversationID, s *turn.State, r *turn.Rules, recall func(turn.Ref) molt.Words) {
	c.Row = rowOf(id, s)
	c.Channel, c.Account, c.Peer, c.Owner, c.Stopped = s.Began.Channel, s.Began.Account, s.Began.Peer, s.Owner, s.Stopped
	c.Phone = molt.Address(s.Phone())
	c.Told, c.Handoff, c.Messages = turn.LedgerText(s.Ledger), turn.HandoffText(s, r, recall), []Message{}
	c.Done = turn.DoneOf(s, r, recall)
	c.Symptoms = turn.ChecklistText(s, r, recall)
	for _, t := range s.Turns {
		c.Messages = append(c.Messages, Message{
			Seq: t.Seq, At: t.At, From: t.Speaker(), What: t.What, Words: recall(t), Media: t.Media, Fate: s.Fate(t.Item),
		})
	}
}

func rowOf(id molt.ConversationID, s *turn.State) turn.WorkRow {
	row := turn.WorkRow{Conversation: id, Code: s.Code}
	if c := s.Case; c != nil {
		row.Case, row.Kind, row.State, row.Severity, row.Category = c.ID, c.Kind, c.State, c.Severity, c.Category
		row.Opened, row.Since, row.Due, row.Claimant, row.Version, row.CannotText = c.Opened, c.Since, c.Due, c.Claimant, c.Version, c.CannotText
	}
	return row
}

// find reads a reference: the short code, the case's id, or its conversation's.
func (p *Operator) find(r *http.Request) (molt.ConversationID, molt.CaseID, error) {
	ref := r.PathValue("ref")
	if code, rest, ok := turn.ReadCode(ref); ok && rest == "" {
		value, ok, err := p.o.Desk.Mark(r.Context(), molt.MarkID(intake.MarkCode+code))
		if err != nil {
			return "", "", err
		}
		if !ok {
			return "", "", problem(http.StatusNotFound, "no case has that code; a code ends with its case, and tidegate cases lists those there are")
		}
		var c turn.Code
		if err := json.Unmarshal(value, &c); err != nil {
			return "", "", err
		}
		return c.Conversation, c.Case, nil
	}
	id, number, found := strings.Cut(ref, "#")
	if !strings.HasPrefix(id, "c_") && !strings.HasPrefix(id, "s_") {
		return "", "", problem(http.StatusNotFound, "that is neither a case's code nor the id of a case or conversation")
	}
	if found && number != "" {
		return molt.ConversationID(id), molt.CaseID(ref), nil
	}
	return molt.ConversationID(id), "", nil
}

// Act is what an operator wants to do about a case.
type Act struct {
	Verb        turn.Verb           `json:"verb"`
	Nonce       string              `json:"nonce"`             // the same act sent twice is done once
	Version     int                 `json:"version,omitempty"` // of the case as the operator saw it; 0: as it is
	Words       molt.Words          `json:"words,omitempty"`
	To          molt.PersonID       `json:"to,omitempty"`
	Severity    escalation.Severity `json:"severity,omitempty"`
	Reached     bool                `json:"reached,omitempty"`
	FalseAlarm  bool                `json:"false_alarm,omitempty"`
	Disposition string              `json:"disposition,omitempty"`
	NextOwner   escalation.Owner    `json:"next_owner,omitempty"`
}

// Acted is what became of an act.
type Acted struct {
	Done   bool         `json:"done"`
	Why    string       `json:"why"` // a sentence
	Reason turn.Reason  `json:"reason"`
	Detail string       `json:"detail,omitempty"`
	Daemon bool         `json:"daemon"` // false: what follows from it leaves when the daemon runs
	Row    turn.WorkRow `json:"case"`
}

func (p *Operator) act(w http.ResponseWriter, r *http.Request) error {
	a, err := p.readAct(r)
	if err != nil {
		return err
	}
	if err := a.check(); err != nil {
		return err
	}
	id, c, err := p.find(r)
	if err != nil {
		return err
	}
	return p.carryOut(w, r, id, turn.Acted{
		Case: c, Verb: a.Verb, Version: a.Version, Words: a.Words, To: a.To, Severity: a.Severity, Reached: a.Reached,
		FalseAlarm: a.FalseAlarm, Disposition: a.Disposition, NextOwner: a.NextOwner, ID: "cli:" + a.Nonce,
	})
}

func (p *Operator) takeOver(w http.ResponseWriter, r *http.Request) error {
	a, err := p.readAct(r)
	if err != nil {
		return err
	}
	if a.Severity != "" && !a.Severity.Known() {
		return problem(http.StatusBadRequest, "the severity is S1, S2, S3 or S4")
	}
	id, err := p.conversationOf(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	return p.carryOut(w, r, id, turn.Acted{
		Verb: turn.VerbTakeOver, Severity: a.Severity, ID: "cli:" + a.Nonce,
	})
}

func (p *Operator) readAct(r *http.Request) (Act, error) {
	var a Act
	if p.o.NoActs != "" {
		return a, problem(http.StatusConflict, p.o.NoActs)
	}
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&a); err != nil {
		if p := problemOf(err); p.Status == http.StatusRequestEntityTooLarge {
			return a, p
		}
		return a, problem(http.StatusBadRequest, "the request does not read as an act")
	}
	if a.Nonce == "" || len(a.Nonce) > maxNonce {
		return a, problem(http.StatusBadRequest, "an act needs a nonce of 1 to 64 bytes, so that sending it twice does it once")
	}
	return a, nil
}

func (a *Act) check() error {
	needs := func(ok bool, why string) error {
		if ok {
			return nil
		}
		return problem(http.StatusBadRequest, why)
	}
	if len(a.Words) > turn.MaxRelayBytes {
		return problem(http.StatusBadRequest, "the words are over 1600 bytes, the longest a text may be")
	}
	switch a.Verb {
	case turn.VerbTake, turn.VerbPass, turn.VerbCalled:
		return nil
	case turn.VerbResolve:
		if a.Disposition == "" {
			a.Disposition = "resolved"
			if a.FalseAlarm {
				a.Disposition = "false_alarm"
			}
		}
		return needs(a.NextOwner == "" || a.NextOwner == escalation.OwnerAgent || a.NextOwner == escalation.OwnerHuman, "the next owner is agent or human")
	case turn.VerbRelay, turn.VerbNote:
		return needs(strings.TrimSpace(a.Words.Reveal()) != "", "there are no words")
	case turn.VerbRaise, turn.VerbLower:
		return needs(a.Severity.Known(), "the severity is S1, S2, S3 or S4")
	case turn.VerbTransfer:
		return needs(a.To != "", "it needs the colleague's id")
	}
	return problem(http.StatusBadRequest, "there is no such verb; there are take, pass, relay, called, resolve, note, raise, lower, transfer")
}

// carryOut brings the act in by the same door as a nurse's text, and says what
// became of it and how the case stands now.
func (p *Operator) carryOut(w http.ResponseWriter, r *http.Request, id molt.ConversationID, a turn.Acted) error {
	a.Actor, a.Via = actor(r.Context()), "cli"
	if a.Verb == turn.VerbTransfer {
		if _, ok := p.o.Rules().Plan.People[a.To]; !ok {
			return problem(http.StatusBadRequest, "no member of staff has that id")
		}
	}
	answer, err := p.o.Desk.Step(r.Context(), id, nil, func(s *turn.State, _ func(turn.Ref) molt.Words) intake.Plan {
		fact := a
		if fact.Version == 0 && s.Case != nil {
			fact.Version = s.Case.Version // she speaks of the case as it is, not of an older page of hers
		}
		return intake.Plan{Facts: []intake.Fact{{Kind: turn.KindActed, Body: &fact}}}
	})
	if err != nil {
		return err
	}
	out := Acted{Reason: answer.Reason, Detail: answer.Detail, Daemon: p.o.Daemon}
	out.Done = answer.Reason != turn.ReasonRefused && answer.Reason != turn.ReasonNothing
	_, err = p.o.Desk.Step(r.Context(), id, nil, func(s *turn.State, _ func(turn.Ref) molt.Words) intake.Plan {
		out.Row = rowOf(answer.Conversation, s)
		return intake.Plan{}
	})
	if err != nil {
		return err
	}
	out.Why = p.sentence(a, out)
	return writeJSON(w, out)
}

// sentence says what became of an act, and who has the case where it was refused.
func (p *Operator) sentence(a turn.Acted, out Acted) string {
	code := cmp.Or(out.Row.Code, string(out.Row.Case))
	if out.Reason == turn.ReasonNothing {
		return "Done before: this act is on record already."
	}
	if out.Done {
		return doneSentence(a, code, out.Row) + p.noPhone(a, code, out.Row)
	}
	who := "Nobody has it: take it first."
	if out.Row.Claimant != "" {
		who = p.name(out.Row.Claimant) + " has it."
	}
	switch escalation.Why(out.Detail) {
	case escalation.WhyNoCase:
		return "Refused: that case is over, or there is none."
	case escalation.WhyTaken, escalation.WhyNotYours:
		return "Refused: case " + code + " is not yours. " + who
	case escalation.WhyResolved:
		return "Refused: case " + code + " is resolved."
	case escalation.WhyNoContact:
		return "Refused: reach the patient first (reply, or called), or say that it is a false alarm."
	case escalation.WhyCannotText:
		return "Refused: texts do not reach this patient. Call."
	case escalation.WhyStale:
		return "Refused: case " + code + " moved on since. Look again."
	case escalation.WhyNotLower:
		return "Refused: that is not a lower severity."
	case escalation.WhyUnreachable:
		return "Refused: that colleague cannot be paged."
	case escalation.WhyOwnCase:
		return "Refused: this case is about you."
	}
	return "Refused: " + out.Detail + "."
}

func doneSentence(a turn.Acted, code string, row turn.WorkRow) string {
	switch a.Verb {
	case turn.VerbTake, turn.VerbTakeOver:
		if row.Claimant != a.Actor {
			return "Recorded; the case is not yours."
		}
		return "Case " + code + " is yours."
	case turn.VerbPass:
		return "Case " + code + ": passed, others are asked."
	case turn.VerbRelay:
		return "Case " + code + ": your words go to the patient."
	case turn.VerbCalled:
		return "Case " + code + ": the call is on record."
	case turn.VerbResolve:
		return "Case " + code + " is resolved."
	case turn.VerbNote:
		return "Case " + code + ": noted."
	case turn.VerbTransfer:
		return "Case " + code + " is now with " + string(row.Claimant) + "."
	}
	return "Case " + code + " is now " + string(row.Severity) + "."
}

// noPhone tells who takes a case and has no phone that nothing will ring for
// what the patient writes on.
func (p *Operator) noPhone(a turn.Acted, code string, row turn.WorkRow) string {
	plan := p.o.Rules().Plan
	if a.Verb != turn.VerbTake && a.Verb != turn.VerbTakeOver || row.Claimant != a.Actor || len(plan.People[a.Actor].Routes) > 0 {
		return ""
	}
	return fmt.Sprintf(" Nothing rings when the patient writes: tidegate cases show %s shows it, tidegate cases transfer %s PERSON hands the case to somebody with a phone. What stays without an answer for %d minutes pages on-call again.",
		code, code, int(plan.UnseenFor(row.Severity).Minutes()))
}

func (p *Operator) name(id molt.PersonID) string {
	if who, ok := p.o.Rules().Plan.People[id]; ok && who.Name != "" {
		return who.Name
	}
	return string(id)
}
