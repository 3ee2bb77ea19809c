package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/gateway/notary"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/attic"
	"github.com/tidegate/tidegate/molt/seal"
)

// MaxFaults is how many faults one report lists; the rest is counted.
const MaxFaults = 200

// progressEvery is after how many conversations Verify speaks up.
const progressEvery = 100

// Check says what Verify looks at.
type Check struct {
	// Progress hears now and then how far it got; nil: nobody.
	Progress func(Report)
	// Rules, when given, has every decision decided once more in the same reading:
	// it returns the rules with that digest, nil where they are not at hand.
	Rules func(digest string) *turn.Rules
	// Files, when given, has every file that was kept opened.
	Files *attic.Attic
	// Checkpoints is the file of signed heads to compare with; "": none.
	Checkpoints string
}

// Report is what Verify found.
type Report struct {
	Conversations int              `json:"conversations"`
	Events        uint64           `json:"events"`
	Gone          int              `json:"gone,omitempty"` // bodies that were shed or erased
	Snapshots     int              `json:"snapshots"`
	Items         int              `json:"items"`
	Files         int              `json:"files"`
	AsOf          molt.Time        `json:"as_of,omitempty"` // of the newest event
	Decisions     *Tally           `json:"decisions,omitempty"`
	Signed        *Signed          `json:"signed,omitempty"` // nil: there are no checkpoints to compare with
	Restores      []notary.Restore `json:"restores,omitempty"`
	Faults        []Fault          `json:"faults"`
	More          int              `json:"more,omitempty"` // faults that are not listed
}

// OK reports whether everything verified, and every decision that could be
// decided once more came out the same.
func (r Report) OK() bool {
	return len(r.Faults) == 0 && (r.Decisions == nil || r.Decisions.Differ == 0)
}

func (r *Report) fault(f Fault) {
	if len(r.Faults) >= MaxFaults {
		r.More++
		return
	}
	r.Faults = append(r.Faults, f)
}

// take keeps a fault and lets every other error through.
func (r *Report) take(err error) error {
	var f *Fault
	if errors.As(err, &f) {
		r.fault(*f)
		return nil
	}
	return err
}

// Verify reads every conversation from its first event: the chain holds, seals
// open, the snapshot is the fold of the events, items can be read. Faults are
// in the report; an error means that it could not go on reading.
func (a *Auditor) Verify(ctx context.Context, c Check) (Report, error) {
	r := Report{Faults: []Fault{}}
	if c.Rules != nil {
		r.Decisions = &Tally{}
	}
	err := a.each(ctx, func(h molt.ConversationHead) error {
		r.AsOf = max(r.AsOf, h.Head.At)
		if err := r.take(a.verify(ctx, h.ID, c, &r)); err != nil {
			return err
		}
		r.Conversations++
		if c.Progress != nil && r.Conversations%progressEvery == 0 {
			c.Progress(r)
		}
		return nil
	})
	if err != nil {
		return r, err
	}
	if err := a.restores(ctx, &r); err != nil {
		return r, err
	}
	if c.Checkpoints != "" {
		if err := a.points(ctx, c.Checkpoints, &r); err != nil {
			return r, err
		}
	}
	return r, errors.Join(a.verifyItems(ctx, &r), a.Torn(ctx, r.fault))
}

// restores lists the restores on record. One that is not signed by this record's
// key is a fault.
func (a *Auditor) restores(ctx context.Context, r *Report) (err error) {
	r.Restores, err = notary.Restores(ctx, a.store, a.ring)
	if errors.Is(err, notary.ErrForged) {
		r.fault(Fault{Cause: err.Error()})
		return nil
	}
	return err
}

// verify checks one conversation.
func (a *Auditor) verify(ctx context.Context, id molt.ConversationID, c Check, r *Report) error {
	j, err := a.open(ctx, id)
	if err != nil {
		return err
	}
	f := replay{id: id, o: Again{Known: c.Rules, Stand: true}, words: words{}, each: func(d Redecision) error {
		r.Decisions.count(d.Outcome)
		return nil
	}}
	gone, folded := 0, []byte(nil)
	err = a.walk(ctx, j, func(e entry) error {
		r.Events++
		if e.gone {
			gone++
			r.Gone++
		}
		if _, ok := e.Body.(*turn.Anchor); ok {
			gone = 0 // the state is whole again
		}
		if c.Files != nil {
			for _, f := range keptBy(e.Body) {
				r.Files++
				if err := r.take(fileFault(ctx, c.Files, id, e.Seq, f)); err != nil {
					return err
				}
			}
		}
		if err := f.take(e); err != nil {
			return err
		}
		if e.Seq == j.snapshot.Seq {
			var err error
			folded, err = json.Marshal(f.state)
			return err
		}
		return nil
	})
	if err != nil {
		return err
	}
	if gone == 0 && f.state.Epoch != j.head.Epoch {
		return &Fault{Conversation: id, Seq: j.head.Seq, Cause: fmt.Sprintf("the journal's head has epoch %d, its events fold to %d", j.head.Epoch, f.state.Epoch)}
	}
	return j.snapshotIs(folded, gone > 0, r)
}

// keptBy lists the files that an event says are kept.
func keptBy(body any) (files []channels.Kept) {
	switch b := body.(type) {
	case *turn.Fetched:
		return []channels.Kept{{Hash: b.Hash, Key: b.Key, Bytes: b.Bytes}}
	case *channels.Inbound:
		for _, m := range b.Media {
			if m.Kept != nil {
				files = append(files, *m.Kept)
			}
		}
	}
	return files
}

// fileFault opens a file that was kept. What is wrong with it is no fault of the
// journal, which goes on.
func fileFault(ctx context.Context, files *attic.Attic, id molt.ConversationID, seq uint64, b channels.Kept) error {
	body, err := files.Read(ctx, id, attic.Ref{Name: b.Hash, Key: b.Key})
	cause := "its seal does not open, or it is not what was kept"
	switch {
	case err == nil && int64(len(body)) == b.Bytes, errors.Is(err, seal.ErrErased):
		return nil
	case errors.Is(err, attic.ErrGone):
		cause = "it is not there"
	case errors.Is(err, seal.ErrNoKey), errors.Is(err, seal.ErrOtherTenantKey):
		cause = sealCause(err)
	case err != nil && !errors.Is(err, molt.ErrCorrupt):
		return err
	}
	return &Fault{Conversation: id, Seq: seq, Cause: "file " + b.Hash + ": " + cause}
}

// snapshotIs compares the snapshot with the fold of the events up to it. Where
// bodies are gone there is nothing to compare it with: it only has to open.
func (j *journal) snapshotIs(folded []byte, gone bool, r *Report) error {
	if j.snapshot.Body == nil {
		return nil
	}
	fault := func(cause string) error {
		return &Fault{Conversation: j.id, Seq: j.snapshot.Seq, Cause: "the snapshot: " + cause}
	}
	plain, err := j.box.Open(seal.KindSnapshot, j.snapshot.Key, j.snapshot.Body)
	switch {
	case errors.Is(err, seal.ErrErased):
		return nil
	case err != nil:
		return fault(sealCause(err))
	}
	var s turn.State
	if err := json.Unmarshal(plain, &s); err != nil {
		return fault("its body does not read as a state")
	}
	r.Snapshots++
	if gone {
		return nil
	}
	kept, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if !bytes.Equal(kept, folded) {
		return fault("it is not what the events before it fold to")
	}
	return nil
}

// verifyItems reads all work that is due.
func (a *Auditor) verifyItems(ctx context.Context, r *Report) error {
	q := molt.Query{Table: molt.TableItems, Limit: molt.MaxPage}
	for {
		p, err := a.store.Scan(ctx, q)
		if err != nil {
			return err
		}
		for _, it := range p.Items {
			r.Items++
			if err := r.take(a.verifyItem(ctx, it)); err != nil {
				return err
			}
		}
		if q.After = p.Next; q.After == "" {
			return nil
		}
	}
}

func (a *Auditor) verifyItem(ctx context.Context, it molt.Item) error {
	if it.Body == nil { // also of a torn one: see Torn
		return nil
	}
	if it.Key == "" && json.Valid(it.Body) { // what is to be deleted at a carrier: its own ids, and nobody's words
		return nil
	}
	ring := a.ring.Now() // before the keys are read
	keys, err := a.store.Scan(ctx, molt.Query{Table: molt.TableKeys, Conversation: it.Conversation, Limit: molt.MaxPage})
	if err != nil {
		return err
	}
	fault := func(cause string) error {
		return &Fault{Conversation: it.Conversation, Cause: "item " + string(it.ID) + ": " + cause}
	}
	box, err := seal.NewBox(ring, it.Conversation, keys.Keys, nil)
	if err != nil {
		return fault("a key of another conversation lies among its keys")
	}
	plain, err := box.Open(seal.KindItem(it.Lane), it.Key, it.Body)
	switch {
	case errors.Is(err, seal.ErrErased):
		return nil
	case err != nil:
		return fault(sealCause(err))
	case !json.Valid(plain):
		return fault("its body does not read")
	}
	return nil
}
