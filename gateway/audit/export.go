package audit

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/screen"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// File is one conversation written out whole. It holds words and numbers.
type File struct {
	Conversation molt.ConversationID `json:"conversation"`
	Began        turn.Began          `json:"began"`
	Owner        escalation.Owner    `json:"owner"`
	Epoch        uint64              `json:"epoch"`
	Stopped      bool                `json:"stopped,omitempty"`
	Lang         string              `json:"lang,omitempty"`
	Case         *escalation.Case    `json:"case,omitempty"`
	Code         string              `json:"code,omitempty"`
	// Followed is the conversation that took over when this journal could not be
	// gone on with. What had not ended here ends there, with people.
	Followed molt.ConversationID `json:"followed,omitempty"`
	Inbound  []Inbound           `json:"inbound"`
	Outbound []Outbound          `json:"outbound"`
	Journal  []Entry             `json:"journal"`
	// Fault says where the journal ceases to verify; what follows is not here.
	Fault *Fault `json:"fault,omitempty"`
}

// Inbound is one text that came in, and how it ended.
type Inbound struct {
	Seq        uint64       `json:"seq"`
	At         molt.Time    `json:"at"`             // when it was taken in
	Sent       molt.Time    `json:"sent,omitempty"` // the provider's time
	ProviderID string       `json:"provider_id"`
	Channel    string       `json:"channel"`
	Account    molt.Address `json:"account"`
	Peer       molt.Address `json:"peer"`
	Via        string       `json:"via"`
	Words      molt.Words   `json:"words"`
	Media      int          `json:"media,omitempty"`
	Files      []Attached   `json:"files,omitempty"`    // of them, what was tried
	Severity   string       `json:"severity,omitempty"` // the screen's
	Category   string       `json:"category,omitempty"`
	Ended      Ending       `json:"ended"`
}

// Attached is a file that came with a text. What is in it lies beside the
// database, sealed, under its hash as name.
type Attached struct {
	Index int                 `json:"index"`
	Hash  string              `json:"hash,omitempty"`
	Type  string              `json:"type,omitempty"` // by its bytes
	Bytes int64               `json:"bytes,omitempty"`
	Tries int                 `json:"tries,omitempty"` // that brought nothing
	Why   channels.FetchFault `json:"why,omitempty"`   // it is not there: of the last of them
}

// How says how a text ended.
type How string

// The ways in which a text ends, and the two in which it has not yet.
const (
	HowReply     How = "reply"     // a text of ours answers it
	HowOwner     How = "owner"     // people have the conversation: Owner, Case
	HowReason    How = "reason"    // nothing was to be said, and Reason says why
	HowWaiting   How = "waiting"   // the agent is asked; the watchdog runs
	HowUndecided How = "undecided" // committed alone; the decision is still due
)

// Ending is what became of a text, with the decision that says so.
type Ending struct {
	How     How              `json:"how"`
	Seq     uint64           `json:"seq,omitempty"`
	At      molt.Time        `json:"at,omitempty"`
	Reason  turn.Reason      `json:"reason,omitempty"`
	Detail  string           `json:"detail,omitempty"`
	Item    molt.ItemID      `json:"item,omitempty"`    // of a reply
	State   turn.SendState   `json:"state,omitempty"`   // of that reply
	Status  channels.Status  `json:"status,omitempty"`  // at the carrier
	Owner   escalation.Owner `json:"owner,omitempty"`   // hold or human
	Case    molt.CaseID      `json:"case,omitempty"`    // that they have it under
	Holder  molt.PersonID    `json:"holder,omitempty"`  // who had taken it then
	Carried molt.CaseID      `json:"carried,omitempty"` // a staff text: the case it acted on
}

// Outbound is one text of ours and its fate.
type Outbound struct {
	Seq        uint64             `json:"seq"`
	At         molt.Time          `json:"at"`
	Item       molt.ItemID        `json:"item"`
	What       string             `json:"what"`
	Class      channels.Class     `json:"class"`
	Person     molt.PersonID      `json:"person,omitempty"` // to staff; empty: to the patient
	From       string             `json:"from,omitempty"`   // to the patient: agent, a member of staff, fixed text (name)
	Peer       molt.Address       `json:"peer"`
	Words      molt.Words         `json:"words"`
	State      turn.SendState     `json:"state"`
	Attempts   int                `json:"attempts,omitempty"`
	Status     channels.Status    `json:"status,omitempty"`
	Code       int                `json:"code,omitempty"`
	Fault      channels.FaultKind `json:"fault,omitempty"` // of the last attempt
	Why        string             `json:"why,omitempty"`   // it did not leave
	ProviderID string             `json:"provider_id,omitempty"`
	ReviewedBy molt.PersonID      `json:"reviewed_by,omitempty"` // who released it, or whose words it passes on
}

// Entry is one event as it was recorded.
type Entry struct {
	Seq  uint64          `json:"seq"`
	At   molt.Time       `json:"at"`
	Time string          `json:"time"` // At, for people
	Kind string          `json:"kind"`
	Body json.RawMessage `json:"body,omitempty"`
	Gone bool            `json:"gone,omitempty"` // shed or erased
}

// Export writes one conversation out. A journal that does not verify is
// written as far as it does. An unknown conversation is an empty file.
func (a *Auditor) Export(ctx context.Context, id molt.ConversationID) (File, error) {
	x := exporter{f: File{Conversation: id, Inbound: []Inbound{}, Outbound: []Outbound{}, Journal: []Entry{}}, out: map[molt.ItemID]int{}}
	j, err := a.open(ctx, id)
	if err == nil {
		err = a.walk(ctx, j, func(e entry) error {
			x.event(e)
			return nil
		})
	}
	if err != nil && !errors.As(err, &x.f.Fault) {
		return x.f, err
	}
	if x.f.Followed, err = a.successor(ctx, id); err != nil {
		return x.f, err
	}
	x.close()
	return x.f, nil
}

// successor is the conversation that follows a frozen one; "" when none does.
func (a *Auditor) successor(ctx context.Context, id molt.ConversationID) (molt.ConversationID, error) {
	mark := molt.MarkID(turn.MarkSuccessor + string(id))
	p, err := a.store.Scan(ctx, molt.Query{Table: molt.TableMarks, Prefix: string(mark), Limit: 1})
	if err != nil || len(p.Marks) == 0 || p.Marks[0].ID != mark {
		return "", err
	}
	return molt.ConversationID(p.Marks[0].Value), nil
}

// ExportAll writes every conversation out, one after the other. Before a
// conversation is read, first is asked: it records the look, or refuses it.
func (a *Auditor) ExportAll(ctx context.Context, first func(molt.ConversationID) error, each func(File) error) error {
	return a.each(ctx, func(h molt.ConversationHead) error {
		if err := first(h.ID); err != nil {
			return err
		}
		f, err := a.Export(ctx, h.ID)
		if err != nil {
			return err
		}
		return each(f)
	})
}

// exporter gathers a file as the walk goes on.
type exporter struct {
	f     File
	state turn.State
	open  []int // indices of inbound that have not ended
	out   map[molt.ItemID]int
}

func (x *exporter) event(e entry) {
	x.f.Journal = append(x.f.Journal, Entry{Seq: e.Seq, At: e.At, Time: e.At.String(), Kind: e.Kind, Body: e.plain, Gone: e.gone})
	x.state.Fold(e.Event)
	switch b := e.Body.(type) {
	case *channels.Inbound:
		x.inbound(e.Event, b)
	case *screen.Verdict:
		if n := len(x.f.Inbound); n > 0 {
			x.f.Inbound[n-1].Severity, x.f.Inbound[n-1].Category = string(b.Severity), b.Category
		}
	case *turn.Decided:
		x.decided(e.Event, b)
	default:
		x.fate(e.Body)
	}
}

func (x *exporter) inbound(e turn.Event, b *channels.Inbound) {
	x.f.Inbound = append(x.f.Inbound, Inbound{
		Seq: e.Seq, At: e.At, Sent: b.At, ProviderID: b.ProviderID, Channel: b.Channel, Account: b.Account, Peer: b.Peer,
		Via: b.Via, Words: b.Words, Media: len(b.Media), Ended: Ending{How: HowUndecided},
	})
	x.open = append(x.open, len(x.f.Inbound)-1)
	for i, m := range b.Media {
		if m.Kept != nil {
			*x.attached(e.Seq, i) = Attached{Index: i, Hash: m.Kept.Hash, Type: m.Type, Bytes: m.Kept.Bytes}
		}
	}
}

// fate follows what became of a text of ours.
func (x *exporter) fate(body any) {
	at := func(id molt.ItemID) *Outbound {
		if i, ok := x.out[id]; ok {
			return &x.f.Outbound[i]
		}
		return &Outbound{} // of a text that this journal does not have
	}
	switch b := body.(type) {
	case *turn.Attempted:
		o := at(b.Item)
		o.State, o.Attempts = turn.SendAttempted, b.Attempt
	case *turn.Sent:
		at(b.Item).took(b.Receipt)
	case *turn.Checked:
		if b.Found {
			at(b.Item).took(b.Receipt)
		}
	case *turn.Failed:
		o := at(b.Item)
		o.Fault, o.Code = b.Fault, b.Code
	case *channels.StatusReport:
		o := at(b.Item)
		o.took(channels.Receipt{ProviderID: b.ProviderID, Status: b.Status, Code: b.Code})
		o.Fault = b.Fault
	case *turn.Fetched:
		if a := x.attached(b.Seq, b.Index); a != nil {
			a.Hash, a.Type, a.Bytes, a.Why = b.Hash, b.Type, b.Bytes, ""
		}
	case *turn.FetchFailed:
		if a := x.attached(b.Seq, b.Index); a != nil {
			a.Tries, a.Why = a.Tries+1, b.Why
		}
	case *turn.Looked:
		o := at(b.Item)
		o.Why = string(b.Reason)
		if o.State == turn.SendDue {
			o.State = turn.SendFenced
			x.reopen(b.Item)
		}
	}
}

// attached is the entry of a file of a text; nil where there is no such text.
func (x *exporter) attached(seq uint64, index int) *Attached {
	i := slices.IndexFunc(x.f.Inbound, func(in Inbound) bool { return in.Seq == seq })
	if i < 0 {
		return nil
	}
	in := &x.f.Inbound[i]
	n := slices.IndexFunc(in.Files, func(a Attached) bool { return a.Index == index })
	if n < 0 {
		in.Files, n = append(in.Files, Attached{Index: index}), len(in.Files)
	}
	return &in.Files[n]
}

// took notes that a carrier has the text, and how far it got there.
func (o *Outbound) took(r channels.Receipt) {
	o.State, o.Fault = turn.SendSent, ""
	if r.ProviderID != "" {
		o.ProviderID = r.ProviderID
	}
	if r.Status.Rank() > o.Status.Rank() {
		o.Status, o.Code = r.Status, r.Code
	}
}

// decided ends what this decision answers.
func (x *exporter) decided(e turn.Event, d *turn.Decided) {
	reply, carried := molt.ItemID(""), molt.CaseID("")
	for _, f := range d.Effects {
		switch f.Kind {
		case turn.EffectSay, turn.EffectPage:
			x.outbound(e, f)
			toThem := f.Kind == turn.EffectSay || x.state.Stream() && f.Out != nil && f.Out.Peer == x.state.Began.Peer
			if toThem && reply == "" {
				reply = f.Item
			}
		case turn.EffectCancel:
			x.withdrawn(f.Item, turn.SendCancelled)
		case turn.EffectDone:
			x.withdrawn(f.Item, turn.SendFailed)
		case turn.EffectLost:
			x.reopen(f.Item)
		case turn.EffectAct:
			if f.Act != nil && f.Act.Acted != nil {
				carried = f.Act.Acted.Case
			}
		}
	}
	x.end(Ending{Seq: e.Seq, At: e.At, Reason: d.Reason, Detail: d.Detail, Item: reply, Carried: carried}, d)
}

func (x *exporter) outbound(e turn.Event, f turn.Effect) {
	if f.Out == nil {
		return
	}
	o := f.Out
	from := ""
	if o.Person == "" {
		from = o.Speaker()
	}
	x.out[f.Item] = len(x.f.Outbound)
	x.f.Outbound = append(x.f.Outbound, Outbound{
		Seq: e.Seq, At: e.At, Item: f.Item, What: o.What, Class: o.Class, Person: o.Person, From: from, Peer: o.Peer, Words: o.Words,
		State: turn.SendDue, ReviewedBy: o.ReviewedBy,
	})
}

// withdrawn notes that a text of ours will not leave any more. What it was to
// answer is open again.
func (x *exporter) withdrawn(item molt.ItemID, to turn.SendState) {
	i, ok := x.out[item]
	if !ok {
		return
	}
	if o := &x.f.Outbound[i]; o.State == turn.SendDue || o.State == turn.SendAttempted {
		o.State = to
		x.reopen(item)
	}
}

func (x *exporter) reopen(item molt.ItemID) {
	for i := range x.f.Inbound {
		if e := x.f.Inbound[i].Ended; e.How == HowReply && e.Item == item && !slices.Contains(x.open, i) {
			x.f.Inbound[i].Ended = Ending{How: HowWaiting}
			x.open = append(x.open, i)
		}
	}
}

// end settles what is open: people have it; or it is answered, by a text or by
// a reason; or it goes on waiting for the agent.
func (x *exporter) end(with Ending, d *turn.Decided) {
	var waiting []int
	for _, i := range x.open {
		in, ended := &x.f.Inbound[i], with
		switch {
		case x.state.Owner != escalation.OwnerAgent:
			ended.How, ended.Owner = HowOwner, x.state.Owner
			if c := x.state.Case; c != nil {
				ended.Case, ended.Holder = c.ID, c.Claimant
			}
		case !x.answered(in.Seq, d):
			waiting = append(waiting, i)
			ended.How, ended.Item = HowWaiting, ""
		case with.Item != "":
			ended.How = HowReply
		default:
			ended.How = HowReason
		}
		in.Ended = ended
	}
	x.open = waiting
}

// answered reports whether a text waits for the agent no longer. In a staff
// member's stream no agent speaks: each decision answers what it hears.
func (x *exporter) answered(seq uint64, d *turn.Decided) bool {
	return x.state.Stream() || len(x.state.Pending) == 0 || d.Set != nil && slices.Contains(d.Set.Answered, seq)
}

// close copies what the whole journal says last.
func (x *exporter) close() {
	s, f := x.state, &x.f
	f.Began, f.Owner, f.Epoch, f.Stopped, f.Lang, f.Case, f.Code = s.Began, s.Owner, s.Epoch, s.Stopped, s.Lang, s.Case, s.Code
	for i := range f.Inbound {
		e := &f.Inbound[i].Ended
		if f.Followed != "" && (e.How == HowWaiting || e.How == HowUndecided) {
			// A successor begins with a case that people hold.
			e.How, e.Owner, e.Reason, e.Case = HowOwner, escalation.OwnerHold, turn.ReasonFault, molt.CaseID(string(f.Followed)+"#1")
		}
		if n, ok := x.out[e.Item]; ok {
			e.State, e.Status = f.Outbound[n].State, f.Outbound[n].Status
		}
	}
}
