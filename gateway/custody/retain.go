package custody

import (
	"context"
	"errors"
	"slices"

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

func (c *Custody) retain(ctx context.Context, id molt.ConversationID, before molt.Time, done *Shed) error {
	for {
		s, err := c.audit.State(ctx, id)
		if err != nil || s.Unfinished() != "" {
			return err
		}
		left, err := c.audit.Traces(ctx, id, s.Gone, before)
		if err != nil {
			return err
		}
		if left.Fault != nil {
			return left.Fault
		}
		if len(left.Whole) == 0 {
			return nil
		}
		x := sheds{id: id, left: left, why: turn.AnchorRetention}
		x.left.Whole = left.Whole[:min(len(left.Whole), molt.MaxBatchEvents)]
		upto := x.left.Whole[len(x.left.Whole)-1]
		x.change = func(s *turn.State) turn.State { return s.Shed(upto) }
		if x.put, err = c.elsewhere(id, id, left.FilesAlone(), c.now()); err != nil {
			return err
		}
		if last := len(x.left.Whole) == len(left.Whole); last {
			if x.drop, err = c.over(ctx, id, before); err != nil {
				return err
			}
		}
		if err := c.shed(ctx, x); err != nil {
			return err
		}
		if err := c.dropFiles(ctx, id, left.Files); err != nil {
			return err
		}
		done.Bodies, done.Files, done.Keys = done.Bodies+len(x.left.Whole), done.Files+len(left.Files), done.Keys+len(x.drop)
	}
}

// over are the data keys of months that ended before that time and that nothing
// due is sealed under. The snapshot is sealed anew in the same commit.
func (c *Custody) over(ctx context.Context, id molt.ConversationID, before molt.Time) ([]molt.WrappedKey, error) {
	all, err := c.keys(ctx, id)
	if err != nil {
		return nil, err
	}
	var items []molt.Item
	q := molt.Query{Table: molt.TableItems, Conversation: id, Limit: molt.MaxPage}
	for {
		p, err := c.o.Store.Scan(ctx, q)
		if err != nil {
			return nil, err
		}
		items = append(items, p.Items...)
		if q.After = p.Next; q.After == "" {
			break
		}
	}
	month := before.Std().Format("2006-01")
	return slices.DeleteFunc(all, func(k molt.WrappedKey) bool {
		return k.Period >= month || len(k.Wrapped) == 0 || slices.ContainsFunc(items, func(it molt.Item) bool { return it.Key == k.ID })
	}), nil
}
