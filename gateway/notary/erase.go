package notary

import (
	"context"
	"errors"
	"fmt"

	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/seal"
)

// The marks of erasures: one that was asked for, and one that was carried out.
const (
	markAsked = "erase:"
	markTomb  = "tomb:"
)

const (
	purposeAsked = "erase"
	purposeTomb  = "tombstone"
)

// Asked is the statement that somebody wants a conversation erased.
type Asked struct {
	Conversation molt.ConversationID `json:"conversation"`
	At           molt.Time           `json:"at"`
	By           molt.PersonID       `json:"by"`
}

// Tombstone is the statement that a conversation was erased. Nothing of what was
// said is in it.
type Tombstone struct {
	Asked
	Dropped   molt.Time `json:"dropped"`             // when its data keys were dropped here
	Tenant    string    `json:"tenant"`              // the tenant key of that moment, under which older copies of them lie
	Effective molt.Time `json:"effective,omitempty"` // when that key was destroyed; 0: not yet
	Events    uint64    `json:"events"`              // that the journal had
	Files     int       `json:"files"`               // that were removed
	Texts     int       `json:"texts"`               // that the carriers were told to delete
	Left      int       `json:"left,omitempty"`      // of them, those that a carrier did not delete
	Damaged   bool      `json:"damaged,omitempty"`   // the journal did not read: there may have been more texts and files
}

// Mark is the statement, signed, as the store keeps it.
func (a Asked) Mark(ring *seal.Keyring) (molt.Mark, error) {
	value, err := sign(ring, purposeAsked, a)
	return molt.Mark{ID: AskedMark(a.Conversation), Value: value}, err
}

// AskedMark is the mark of an erasure that was asked for.
func AskedMark(id molt.ConversationID) molt.MarkID { return molt.MarkID(markAsked + string(id)) }

// Mark is the statement, signed, as the store keeps it.
func (t Tombstone) Mark(ring *seal.Keyring) (molt.Mark, error) {
	value, err := sign(ring, purposeTomb, t)
	return molt.Mark{ID: tombMark(t), Value: value}, err
}

func tombMark(t Tombstone) molt.MarkID {
	return markOf(markTomb+string(t.Conversation)+":", t.Dropped)
}

// Asks lists the erasures that wait. One that is not signed by this record's key
// is named in the error, and not carried out.
func Asks(ctx context.Context, store molt.Store, ring *seal.Keyring) (all []Asked, err error) {
	err = statements(ctx, store, ring, markAsked, purposeAsked, func(a Asked, id molt.MarkID) bool {
		if AskedMark(a.Conversation) != id {
			return false
		}
		all = append(all, a)
		return true
	})
	return all, err
}

// Tombstones lists the erasures that were carried out: of one conversation, or
// with "" of all.
func Tombstones(ctx context.Context, store molt.Store, ring *seal.Keyring, of molt.ConversationID) (all []Tombstone, err error) {
	prefix := markTomb
	if of != "" {
		prefix += string(of) + ":"
	}
	err = statements(ctx, store, ring, prefix, purposeTomb, func(t Tombstone, id molt.MarkID) bool {
		if tombMark(t) != id {
			return false
		}
		all = append(all, t)
		return true
	})
	return all, err
}

// statements reads all signed statements of a kind. take says whether one lies
// where it belongs.
func statements[T any](ctx context.Context, store molt.Store, ring *seal.Keyring, prefix, purpose string, take func(T, molt.MarkID) bool) error {
	var forged []error
	q := molt.Query{Table: molt.TableMarks, Prefix: prefix, Limit: molt.MaxPage}
	for {
		p, err := store.Scan(ctx, q)
		if err != nil {
			return fmt.Errorf("%s: %w", purpose, err)
		}
		for _, m := range p.Marks {
			var v T
			err := open(ring, purpose, m.Value, &v)
			if err == nil && !take(v, m.ID) {
				err = ErrForged
			}
			if err != nil {
				forged = append(forged, fmt.Errorf("the mark %s: %w", m.ID, err))
			}
		}
		if q.After = p.Next; q.After == "" {
			return errors.Join(forged...)
		}
	}
}
