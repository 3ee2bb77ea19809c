package custody

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/gateway/notary"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// maxHeld is how many conversations one hold may be laid on: their marks are one
// commit, with room for what else is in it.
const maxHeld = molt.MaxBatchMarks / 2

const whyHeld = "a legal hold stands on it"

// Hold lays a legal hold on conversations, or lifts it from them. It stands from one
// commit on: that of the first journal that takes it, with a mark for each of them,
// those that do not read too. A kill after it leaves the other journals to
// ResumeHolds.
func (c *Custody) Hold(ctx context.Context, ids []molt.ConversationID, h turn.Hold) error {
	if len(ids) > maxHeld {
		return fmt.Errorf("a hold on %d conversations at once; at most %d", len(ids), maxHeld)
	}
	c.holding.Lock()
	defer c.holding.Unlock()
	if err := c.resumeHolds(ctx); err != nil {
		return err
	}
	var marks []molt.Mark
	for _, id := range ids {
		m, err := notary.Held{Conversation: id, At: h.At, By: h.Actor, Lifted: !h.Held}.Mark(c.o.Ring)
		if err != nil {
			return err
		}
		marks = append(marks, m)
	}
	taken, err := c.layFirst(ctx, ids, h, marks)
	if err == nil && !taken { // no journal takes it: nothing but the marks says so
		_, err = c.o.Store.Commit(ctx, molt.Batch{Marks: marks})
	}
	if err == nil {
		err = c.layOn(ctx, ids, h)
	}
	if err == nil && !h.Held {
		err = c.dropHolds(ctx, ids)
	}
	if err != nil {
		return fmt.Errorf("hold: %w", err)
	}
	return nil
}

// layFirst puts a hold into the first journal that takes it, with the marks.
func (c *Custody) layFirst(ctx context.Context, ids []molt.ConversationID, h turn.Hold, marks []molt.Mark) (taken bool, err error) {
	for _, id := range ids {
		err := c.lay(ctx, id, h, marks)
		if err == nil || !unwritable(err) {
			return err == nil, err
		}
	}
	return false, nil
}

// layOn puts a hold into each journal that does not say so yet.
func (c *Custody) layOn(ctx context.Context, ids []molt.ConversationID, h turn.Hold) error {
	for _, id := range ids {
		if err := c.lay(ctx, id, h, nil); err != nil && !unwritable(err) {
			return err
		}
	}
	return nil
}

// lay puts a hold into one journal, or that of who follows it. With marks it is put
// there whatever it says already: they need a commit.
func (c *Custody) lay(ctx context.Context, id molt.ConversationID, h turn.Hold, marks []molt.Mark) error {
	_, err := c.o.Desk.Step(ctx, id, nil, func(s *turn.State, _ func(turn.Ref) molt.Words) intake.Plan {
		says := s.Held == nil || s.Held.At > h.At
		if h.Held {
			says = s.Held != nil && s.Held.At >= h.At
		}
		if says && len(marks) == 0 {
			return intake.Plan{}
		}
		return intake.Plan{Facts: []intake.Fact{{Kind: turn.KindHold, Body: &h}}, Marks: marks}
	})
	return err
}

// unwritable reports whether a journal takes nothing more, which its mark stands for.
func unwritable(err error) bool {
	return errors.Is(err, intake.ErrFrozen) || errors.Is(err, intake.ErrDecide) || errors.Is(err, intake.ErrUnknownConversation)
}

func (c *Custody) dropHolds(ctx context.Context, ids []molt.ConversationID) error {
	var b molt.Batch
	for _, id := range ids {
		b.Marks = append(b.Marks, molt.Mark{ID: notary.HeldMark(id), Drop: true})
	}
	_, err := c.o.Store.Commit(ctx, b)
	return err
}

// ResumeHolds ends what a process that was killed had begun: a hold comes into all
// the journals that it stands on, and one that was being lifted goes.
func (c *Custody) ResumeHolds(ctx context.Context) error {
	c.holding.Lock()
	defer c.holding.Unlock()
	return c.resumeHolds(ctx)
}

func (c *Custody) resumeHolds(ctx context.Context) error {
	all, err := notary.Holds(ctx, c.o.Store, c.o.Ring)
	if errors.Is(err, notary.ErrForged) {
		c.o.Log.Error().Err(err).Msg("legal holds")
		err = nil
	}
	if err != nil {
		return err
	}
	for len(all) > 0 { // what was laid or lifted at once
		group := all[0]
		var ids []molt.ConversationID
		all = slices.DeleteFunc(all, func(h notary.Held) bool {
			same := h.At == group.At && h.By == group.By && h.Lifted == group.Lifted
			if same {
				ids = append(ids, h.Conversation)
			}
			return same
		})
		h := turn.Hold{Actor: group.By, Held: !group.Lifted, At: group.At}
		if h.Held {
			if h.Why, err = c.whyHeld(ctx, ids, h); err != nil {
				return err
			}
		}
		if err := c.layOn(ctx, ids, h); err != nil {
			return err
		}
		if group.Lifted {
			if err := c.dropHolds(ctx, ids); err != nil {
				return err
			}
		}
	}
	return nil
}

// whyHeld finds the reason in whichever journal took the hold first.
func (c *Custody) whyHeld(ctx context.Context, ids []molt.ConversationID, h turn.Hold) (molt.Words, error) {
	for _, id := range ids {
		s, err := c.audit.State(ctx, id)
		if err != nil && !errors.Is(err, molt.ErrCorrupt) {
			return "", err
		}
		if err == nil && s.Held != nil && s.Held.At == h.At {
			return s.Held.Why, nil
		}
	}
	return "", nil
}

// held is the reason why nothing of a conversation goes, by its mark alone; nil: no
// hold stands on it.
func (c *Custody) held(ctx context.Context, id molt.ConversationID) error {
	on, err := notary.HoldsOn(ctx, c.o.Store, id)
	if err == nil && on {
		err = &UnfinishedError{id, whyHeld}
	}
	return err
}

// unlessHeld is what a batch that takes something away expects: a hold is laid by one
// commit, that of another journal it may be, and nothing goes after it.
func unlessHeld(id molt.ConversationID) []molt.MarkID { return []molt.MarkID{notary.HeldMark(id)} }

// heldMeanwhile says of such a batch why it was refused.
func heldMeanwhile(id molt.ConversationID, err error) error {
	if molt.IsRefused(err, molt.RefusedSeen) {
		return &UnfinishedError{id, whyHeld}
	}
	return err
}
