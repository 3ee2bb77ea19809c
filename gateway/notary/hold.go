package notary

import (
	"context"

	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/seal"
)

const (
	markHeld    = "held:" // a conversation on which a legal hold stands
	purposeHeld = "hold"
)

// Held is the statement that a legal hold was laid on a conversation, beside its
// journal, which may not read. Why is in a journal alone. It stands for as long as
// its mark is there, and is Lifted while it is being taken away.
type Held struct {
	Conversation molt.ConversationID `json:"conversation"`
	At           molt.Time           `json:"at"`
	By           molt.PersonID       `json:"by"`
	Lifted       bool                `json:"lifted,omitempty"`
}

// Mark is the statement, signed, as the store keeps it.
func (h Held) Mark(ring *seal.Keyring) (molt.Mark, error) {
	value, err := sign(ring, purposeHeld, h)
	return molt.Mark{ID: HeldMark(h.Conversation), Value: value}, err
}

// HeldMark is the mark of a legal hold on a conversation.
func HeldMark(id molt.ConversationID) molt.MarkID { return molt.MarkID(markHeld + string(id)) }

// Holds lists the legal holds by their marks. One that is not signed by this record's
// key is named in the error, and stands all the same.
func Holds(ctx context.Context, store molt.Store, ring *seal.Keyring) (all []Held, err error) {
	err = statements(ctx, store, ring, markHeld, purposeHeld, func(h Held, id molt.MarkID) bool {
		if HeldMark(h.Conversation) != id {
			return false
		}
		all = append(all, h)
		return true
	})
	return all, err
}

// HoldsOn reports whether a mark holds a conversation, whatever is in it.
func HoldsOn(ctx context.Context, store molt.Store, id molt.ConversationID) (bool, error) {
	p, err := store.Scan(ctx, molt.Query{Table: molt.TableMarks, Prefix: string(HeldMark(id)), Limit: 1})
	return err == nil && len(p.Marks) > 0 && p.Marks[0].ID == HeldMark(id), err
}
