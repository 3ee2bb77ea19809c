package operator

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/casework"
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
	rows, err := p.work.List(r.Context())
	if err != nil {
		return err
	}
	if r.URL.Query().Get("all") == "" {
		rows = slices.DeleteFunc(rows, casework.Over)
	}
	return writeJSON(w, Cases{Now: molt.TimeOf(p.o.Now()), Cases: rows})
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
	id, _, err := p.work.Find(r.Context(), r.PathValue("ref"))
	if err != nil {
		return err
	}
	out := Case{Now: molt.TimeOf(p.o.Now())}
	now, err := p.work.Look(r.Context(), actor(r.Context()), id, "case", func(s *turn.State, recall func(turn.Ref) molt.Words) bool {
		out.read(id, s, p.o.Rules(), recall)
		return true
	})
	if err != nil {
		return err
	}
	out.Row.Conversation = now // of the successor, where there is one
	return writeJSON(w, out)
}

func (c *Case) read(id molt.ConversationID, s *turn.State, r *turn.Rules, recall func(turn.Ref) molt.Words) {
	c.Row = casework.Row(id, s)
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
	id, c, err := p.work.Find(r.Context(), r.PathValue("ref"))
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

// carryOut brings the act in by the same door as a nurse's text, and says what
// became of it and how the case stands now.
func (p *Operator) carryOut(w http.ResponseWriter, r *http.Request, id molt.ConversationID, a turn.Acted) error {
	a.Actor, a.Via = actor(r.Context()), "cli"
	did, err := p.work.Act(r.Context(), id, nil, a)
	if err != nil {
		return err
	}
	out := Acted{Done: did.Done, Why: did.Why, Reason: did.Reason, Detail: did.Detail, Daemon: p.o.Daemon, Row: did.Row}
	if out.Done {
		out.Why += p.noPhone(a, cmp.Or(out.Row.Code, string(out.Row.Case)), out.Row)
	}
	return writeJSON(w, out)
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
