package audit

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/seal"
)

// Row is a conversation in a list. It holds nobody's words, and of the other
// end no more than two characters.
type Row struct {
	Conversation molt.ConversationID `json:"conversation"`
	Channel      string              `json:"channel,omitempty"`
	Account      string              `json:"account,omitempty"`
	Peer         string              `json:"peer,omitempty"` // masked
	Person       molt.PersonID       `json:"person,omitempty"`
	Events       uint64              `json:"events"`
	Last         molt.Time           `json:"last"`
	Owner        escalation.Owner    `json:"owner,omitempty"`
	Stopped      bool                `json:"stopped,omitempty"`
	Waiting      molt.Time           `json:"waiting,omitempty"`   // since when a text waits for the agent
	Undecided    int                 `json:"undecided,omitempty"` // texts whose decision is still due
	Case         molt.CaseID         `json:"case,omitempty"`      // open
	Code         string              `json:"code,omitempty"`
	Severity     escalation.Severity `json:"severity,omitempty"`
	State        escalation.State    `json:"state,omitempty"`
	Fault        string              `json:"fault,omitempty"` // it cannot be read
}

// List goes through all conversations, in the order of their ids.
func (a *Auditor) List(ctx context.Context, each func(Row) error) error {
	return a.each(ctx, func(h molt.ConversationHead) error {
		row := Row{Conversation: h.ID, Events: h.Head.Seq, Last: h.Head.At}
		s, err := a.state(ctx, h.ID)
		var f *Fault
		switch {
		case errors.As(err, &f):
			row.Fault = f.Cause
		case err != nil:
			return err
		default:
			row.fill(s)
		}
		return each(row)
	})
}

func (r *Row) fill(s turn.State) {
	b := s.Began
	r.Channel, r.Account, r.Peer, r.Person = b.Channel, b.Account.Reveal(), b.Peer.String(), b.Person
	r.Owner, r.Stopped, r.Waiting, r.Undecided = s.Owner, s.Stopped, s.Waiting, len(s.Undecided)
	if s.Open() {
		r.Case, r.Code, r.Severity, r.State = s.Case.ID, s.Code, s.Case.Severity, s.Case.State
	}
}

// State is a conversation's state; see state. Its error is a *Fault where the
// journal does not read.
func (a *Auditor) State(ctx context.Context, id molt.ConversationID) (turn.State, error) {
	return a.state(ctx, id)
}

// state is the state as the snapshot and the events after it give it: quick,
// and no more to be trusted than they are.
func (a *Auditor) state(ctx context.Context, id molt.ConversationID) (turn.State, error) {
	var s turn.State
	ring := a.ring.Now() // before the keys are read
	l, err := a.store.Load(ctx, id, 0)
	if err != nil {
		return s, faultOf(id, err)
	}
	j := &journal{id: id}
	if j.box, err = seal.NewBox(ring, id, l.Keys, nil); err != nil {
		return s, &Fault{Conversation: id, Cause: "a key of another conversation lies among its keys"}
	}
	if l.Snapshot.Body != nil {
		plain, err := j.box.Open(seal.KindSnapshot, l.Snapshot.Key, l.Snapshot.Body)
		if err != nil {
			return s, &Fault{Conversation: id, Seq: l.Snapshot.Seq, Cause: "the snapshot: " + sealCause(err)}
		}
		if err := json.Unmarshal(plain, &s); err != nil {
			return s, &Fault{Conversation: id, Seq: l.Snapshot.Seq, Cause: "the snapshot does not read as a state"}
		}
	}
	for _, e := range l.Tail {
		read, err := j.read(e)
		if err != nil {
			return s, err
		}
		s.Fold(read.Event)
	}
	return s, nil
}
