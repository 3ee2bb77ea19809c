package custody

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/tidegate/tidegate/gateway/audit"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// Shed is what keeping to a period came to.
type Shed struct {
	Conversations int `json:"conversations"`
	Bodies        int `json:"bodies"`
	Files         int `json:"files"`
	Keys          int `json:"keys"` // data keys of whole months
}

// Retain takes away the words and files of before that time, but what an open case
// or a legal hold needs. The chain still verifies; each journal goes on from an
// anchor.
func (c *Custody) Retain(ctx context.Context, before molt.Time) (done Shed, err error) {
	if !c.mu.TryLock() {
		return done, ErrBusy
	}
	defer c.mu.Unlock()
	err = c.each(ctx, func(h molt.ConversationHead) error {
		n := done.Bodies
		err := c.retain(ctx, h.ID, before, &done)
		if done.Bodies > n {
			done.Conversations++
		}
		var unfinished *UnfinishedError
		switch {
		case errors.Is(err, molt.ErrCorrupt), molt.IsRefused(err, molt.RefusedSeq), errors.As(err, &unfinished):
			return nil // verify names it; or it moved, and the next look finds it
		}
		return err
	})
	return done, err
}

// retain takes away what is past its period, a slice at a time: the files of a slice
// go after the commit that sheds its bodies, and are wanted gone by an item in it.
func (c *Custody) retain(ctx context.Context, id molt.ConversationID, before molt.Time, done *Shed) error {
	for {
		if err := c.held(ctx, id); err != nil {
			return err
		}
		s, err := c.audit.State(ctx, id)
		if err != nil || s.Unfinished() != "" {
			return err
		}
		left, err := c.audit.Traces(ctx, id, audit.Span{After: s.Gone, Before: before, Most: molt.MaxBatchEvents})
		if err != nil {
			return err
		}
		if left.Fault != nil {
			return left.Fault
		}
		x := sheds{id: id, left: left, why: turn.AnchorRetention}
		if x.drop, err = c.over(ctx, id, left); err != nil {
			return err
		}
		if len(left.Whole) == 0 {
			done.Keys += len(x.drop)
			return c.dropOver(ctx, x)
		}
		upto := left.Whole[len(left.Whole)-1]
		x.change = func(s *turn.State) turn.State { return s.Shed(upto) }
		if x.put, err = c.elsewhere(id, id, left.FilesAlone(), c.now()); err != nil {
			return err
		}
		if err := c.shed(ctx, x); err != nil {
			return err
		}
		if err := c.dropFiles(ctx, id, left.Files); err != nil {
			return err
		}
		done.Bodies, done.Files, done.Keys = done.Bodies+len(left.Whole), done.Files+len(left.Files), done.Keys+len(x.drop)
		if !left.More {
			return nil
		}
	}
}

// stillSeals is how long after the end of its month something may yet be sealed with
// a data key: a step that began before it.
const stillSeals = 24 * time.Hour

// over are the data keys of months that have ended, under which nothing is sealed
// that stays: no body, no file, nothing due; and not the snapshot, unless the shedding
// seals that anew. Which month the moment lies in that is kept to says nothing of it:
// what was sealed in one month may be dated in the next, in a journal that had come
// there.
func (c *Custody) over(ctx context.Context, id molt.ConversationID, left audit.Traces) ([]molt.WrappedKey, error) {
	all, err := c.keys(ctx, id)
	if err != nil {
		return nil, err
	}
	month := molt.TimeOf(c.now().Std().Add(-stillSeals)).Std().Format("2006-01")
	all = slices.DeleteFunc(all, func(k molt.WrappedKey) bool {
		return k.Period >= month || len(k.Wrapped) == 0 || left.Keys[k.ID] || len(left.Whole) == 0 && k.ID == left.Snapshot
	})
	if len(all) == 0 {
		return nil, nil
	}
	due := map[molt.KeyID]bool{}
	err = c.items(ctx, id, func(it molt.Item) { due[it.Key] = true })
	return slices.DeleteFunc(all, func(k molt.WrappedKey) bool { return due[k.ID] }), err
}

// dropOver drops data keys where no body is shed with them. No event may have come
// since it was found that nothing needs them.
func (c *Custody) dropOver(ctx context.Context, x sheds) error {
	if len(x.drop) == 0 {
		return nil
	}
	b := molt.Batch{Conversation: x.id, Expect: molt.Expect{Seq: x.left.Head.Seq, Unseen: unlessHeld(x.id)}, Keys: dropped(x.drop)}
	return c.alone(ctx, x.id, func(ctx context.Context) error {
		_, err := c.o.Store.Commit(ctx, b)
		return heldMeanwhile(x.id, err)
	})
}

// dropped are data keys without what opens them.
func dropped(keys []molt.WrappedKey) (out []molt.WrappedKey) {
	for _, k := range keys {
		k.Wrapped = nil
		out = append(out, k)
	}
	return out
}
