package audit

import (
	"context"
	"errors"
	"fmt"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/seal"
)

// Auditor reads the record of one store.
type Auditor struct {
	store molt.Store
	ring  *seal.Keyring
}

// New returns an auditor. It may be used by many goroutines.
func New(store molt.Store, ring *seal.Keyring) *Auditor { return &Auditor{store: store, ring: ring} }

// Fault is one thing that does not verify. It wraps molt.ErrCorrupt.
type Fault struct {
	Conversation molt.ConversationID `json:"conversation,omitempty"` // "": of the record as a whole
	Seq          uint64              `json:"seq,omitempty"`          // 0: no one event
	Cause        string              `json:"cause"`
}

func (f *Fault) Error() string {
	if f.Conversation == "" {
		return f.Cause
	}
	if f.Seq == 0 {
		return fmt.Sprintf("conversation %s: %s", f.Conversation, f.Cause)
	}
	return fmt.Sprintf("conversation %s, event %d: %s", f.Conversation, f.Seq, f.Cause)
}

// Unwrap makes errors.Is(err, molt.ErrCorrupt) hold.
func (*Fault) Unwrap() error { return molt.ErrCorrupt }

// journal is one journal as it stood when it was opened.
type journal struct {
	id       molt.ConversationID
	head     molt.Head
	snapshot molt.Snapshot
	box      *seal.Box
}

// entry is one event, opened.
type entry struct {
	turn.Event
	key   molt.KeyID // that seals it
	plain []byte     // nil when the body is gone
	gone  bool       // shed, or its key destroyed
}

// open loads where a journal stands. What is committed later is not looked at.
func (a *Auditor) open(ctx context.Context, id molt.ConversationID) (*journal, error) {
	ring := a.ring.Now() // before the keys are read
	l, err := a.store.Load(ctx, id, 0)
	if err != nil {
		return nil, faultOf(id, err)
	}
	box, err := seal.NewBox(ring, id, l.Keys, nil)
	if err != nil {
		return nil, &Fault{Conversation: id, Cause: "a key of another conversation lies among its keys"}
	}
	return &journal{id: id, head: l.Head, snapshot: l.Snapshot, box: box}, nil
}

// faultOf makes a fault of what a store found out by itself; any other error
// stays one.
func faultOf(id molt.ConversationID, err error) error {
	var c *seal.ChainError
	switch {
	case errors.As(err, &c):
		return &Fault{Conversation: id, Seq: c.Seq, Cause: c.Cause}
	case errors.Is(err, molt.ErrCorrupt):
		return &Fault{Conversation: id, Cause: "the store cannot read it back"}
	}
	return err
}

// walk goes through a journal from event 1, verified link by link, and opens
// each event. It ends with a *Fault where the journal does, and with each's own
// error.
func (a *Auditor) walk(ctx context.Context, j *journal, each func(entry) error) error {
	return a.links(ctx, j.id, j.head, func(e molt.Event) error {
		read, err := j.read(e)
		if err != nil {
			return err
		}
		return each(read)
	})
}

// links goes through a journal from event 1 to its head, verified link by link.
func (a *Auditor) links(ctx context.Context, id molt.ConversationID, head molt.Head, each func(molt.Event) error) error {
	var prev molt.Hash
	seq, q := uint64(0), molt.Query{Table: molt.TableEvents, Conversation: id, Limit: molt.MaxPage}
	for seq < head.Seq {
		p, err := a.store.Scan(ctx, q)
		if err != nil {
			return faultOf(id, err)
		}
		events := p.Events[:min(len(p.Events), int(head.Seq-seq))]
		if err := seal.VerifyChain(prev, seq+1, id, events); err != nil {
			return faultOf(id, err)
		}
		for _, e := range events {
			if err := each(e); err != nil {
				return err
			}
			seq, prev = e.Seq, e.Hash
		}
		if q.After = p.Next; q.After == "" {
			break
		}
	}
	if seq != head.Seq || prev != head.Hash {
		return &Fault{Conversation: id, Seq: seq + 1, Cause: fmt.Sprintf("the chain ends before the journal's head, event %d", head.Seq)}
	}
	return nil
}

// read opens one event. A body that was shed or erased is no fault.
func (j *journal) read(e molt.Event) (entry, error) {
	out := entry{Event: turn.Event{Seq: e.Seq, At: e.At, Kind: e.Kind}, key: e.Key}
	if e.Body == nil {
		out.gone = true
		return out, nil
	}
	plain, err := j.box.Open(e.Kind, e.Key, e.Body)
	switch {
	case errors.Is(err, seal.ErrErased):
		out.gone = true
		return out, nil
	case err != nil:
		return out, &Fault{Conversation: j.id, Seq: e.Seq, Cause: sealCause(err)}
	}
	out.plain = plain
	if out.Event, err = turn.Decode(e.Seq, e.At, e.Kind, plain); err != nil {
		return out, &Fault{Conversation: j.id, Seq: e.Seq, Cause: "its body does not read as " + e.Kind}
	}
	return out, nil
}

// sealCause says why a body does not open, in words that hold none of it.
func sealCause(err error) string {
	switch {
	case errors.Is(err, seal.ErrNoKey):
		return "its data key is not there"
	case errors.Is(err, seal.ErrOtherTenantKey):
		return "its data key is wrapped under another tenant key; is this the key file of this folder?"
	}
	return "its seal does not open"
}

// each visits all conversations, a page at a time.
func (a *Auditor) each(ctx context.Context, visit func(molt.ConversationHead) error) error {
	q := molt.Query{Table: molt.TableConversations, Limit: molt.MaxPage}
	for {
		p, err := a.store.Scan(ctx, q)
		if err != nil {
			return fmt.Errorf("list conversations: %w", err)
		}
		for _, c := range p.Conversations {
			if err := visit(c); err != nil {
				return err
			}
		}
		if q.After = p.Next; q.After == "" {
			return nil
		}
	}
}

// words holds what was said in a journal, for decisions that look back on it.
type words map[uint64]map[int]molt.Words

func (w words) recall(r turn.Ref) molt.Words { return w[r.Seq][r.Index] }

func (w words) note(e turn.Event) {
	switch b := e.Body.(type) {
	case *channels.Inbound:
		w[e.Seq] = map[int]molt.Words{0: b.Words}
	case *turn.Acted:
		w[e.Seq] = map[int]molt.Words{0: b.Words}
	case *turn.Replied:
		if b.Answer.Summary != "" {
			w[e.Seq] = map[int]molt.Words{0: b.Answer.Summary}
		}
	case *turn.Decided:
		said := map[int]molt.Words{}
		for i, x := range b.Effects {
			// What waits for a nurse has words that a decision rests on before it leaves.
			if (x.Kind == turn.EffectSay || x.Kind == turn.EffectReview) && x.Out != nil {
				said[i] = x.Out.Words
			}
		}
		if len(said) > 0 {
			w[e.Seq] = said
		}
	}
}
