package custody

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/seal"
)

// The steps of a change of the tenant key, as Rotation tells them.
const (
	StepBegun     = "begun"     // the new key is in its file beside the earlier one
	StepRewrapped = "rewrapped" // nothing is wrapped under the earlier key any more
	StepCopied    = "copied"    // a backup and a copy of the new key are there and read back
	StepDone      = "done"      // the earlier key is destroyed
	StepWaits     = "waits"     // it is supplied from outside, and has to be taken away there
)

// tellEvery is after how many conversations a change of the key speaks up.
const tellEvery = 1000

// Rotation is how far a change of the tenant key is.
type Rotation struct {
	Step          string   `json:"step,omitempty"`
	Tenant        string   `json:"tenant"`            // the id of the key in force
	Earlier       []string `json:"earlier,omitempty"` // of those that still open
	Conversations int      `json:"conversations"`
	Rewrapped     int      `json:"rewrapped"` // data keys
	Copies        Copies   `json:"copies,omitzero"`
}

// Rotate puts a new tenant key in the place of the one in force, beside whatever
// else happens. Where a change was begun and not ended, it ends that one.
func (c *Custody) Rotate(ctx context.Context, tell func(Rotation)) error {
	if !c.mu.TryLock() {
		return ErrBusy
	}
	defer c.mu.Unlock()
	return c.rotate(ctx, tell)
}

func (c *Custody) rotate(ctx context.Context, tell func(Rotation)) error {
	if len(c.o.Ring.Earlier()) == 0 {
		if c.o.KeyFile == "" {
			return ErrSupplied
		}
		next, err := c.o.Ring.Next(c.o.Random)
		if err != nil {
			return err
		}
		if err := next.WriteFile(c.o.KeyFile); err != nil {
			return err
		}
		if err := c.o.step("key written"); err != nil {
			return err
		}
		if err := c.o.Ring.Adopt(next); err != nil {
			return err
		}
		c.o.Log.Warn().Str("key", next.ID()).Msg("the tenant key changes")
	}
	return c.finish(ctx, tell)
}

// Resume ends a change of the key that was begun before: by a process that was
// killed, or by who supplied an earlier key beside the new one.
func (c *Custody) Resume(ctx context.Context) error {
	if len(c.o.Ring.Earlier()) == 0 {
		return nil
	}
	if !c.mu.TryLock() {
		return ErrBusy
	}
	defer c.mu.Unlock()
	return c.finish(ctx, func(r Rotation) {
		c.o.Log.Info().Str("step", r.Step).Str("key", r.Tenant).Int("conversations", r.Conversations).Int("rewrapped", r.Rewrapped).Msg("tenant key")
	})
}

// finish re-wraps what is left under an earlier key, and destroys that key.
func (c *Custody) finish(ctx context.Context, tell func(Rotation)) error {
	r := Rotation{Tenant: c.o.Ring.ID(), Earlier: c.o.Ring.Earlier()}
	say := func(step string) {
		r.Step = step
		tell(r)
	}
	say(StepBegun)
	for looked := false; !looked; { // until a whole look finds nothing
		before := r.Rewrapped
		r.Conversations = 0
		if err := c.rewrapAll(ctx, &r, func() { tell(r) }); err != nil {
			return err
		}
		looked = r.Rewrapped == before
	}
	say(StepRewrapped)
	if err := c.o.step("rewrapped"); err != nil {
		return err
	}
	if c.o.Copy != nil {
		store, err := c.Identity(ctx)
		if err == nil {
			r.Copies, err = c.o.Copy(ctx, Copying{At: c.now(), Key: c.o.Ring.Alone(), Store: store})
		}
		if err != nil {
			return fmt.Errorf("the earlier key is kept, since its copies could not be replaced: %w", err)
		}
		say(StepCopied)
		if err := c.o.step("copied"); err != nil {
			return err
		}
	}
	if c.o.KeyFile == "" {
		say(StepWaits)
		return nil
	}
	if err := c.destroy(); err != nil {
		return err
	}
	r.Earlier = nil
	say(StepDone)
	return nil
}

// destroy does away with the earlier keys: on the disk first, then in memory.
func (c *Custody) destroy() error {
	alone := c.o.Ring.Alone()
	if err := alone.WriteFile(c.o.KeyFile); err != nil {
		return err
	}
	if err := c.o.step("old key destroyed"); err != nil {
		return err
	}
	if err := c.o.Ring.Adopt(alone); err != nil {
		return err
	}
	c.o.Log.Warn().Str("key", alone.ID()).Msg("the tenant key is changed, and the earlier one destroyed")
	return nil
}

// rewrapAll goes once through all conversations, a few at a time.
func (c *Custody) rewrapAll(ctx context.Context, r *Rotation, tell func()) error {
	var under []*rewrapping
	unread := 0
	wait := func() error {
		for _, w := range under {
			if _, err := w.ticket.Wait(ctx); err != nil {
				return fmt.Errorf("conversation %s: %w", w.id, err)
			}
			r.Rewrapped += w.done
			unread += w.unread
		}
		under = under[:0]
		return c.o.step("batch")
	}
	err := c.each(ctx, func(h molt.ConversationHead) error {
		if r.Conversations++; r.Conversations%tellEvery == 0 {
			tell()
		}
		stale, err := c.stale(ctx, h.ID)
		if err != nil || !stale {
			return err
		}
		w := &rewrapping{id: h.ID}
		if w.ticket, err = c.o.Desk.Alone(ctx, h.ID, func(ctx context.Context) error { return c.rewrap(ctx, w) }); err != nil {
			return err
		}
		if under = append(under, w); len(under) == rewrapAtOnce {
			return wait()
		}
		return nil
	})
	if err := errors.Join(err, wait()); err != nil {
		return err
	}
	if unread > 0 {
		return fmt.Errorf("%w: %d of them", ErrUnreadable, unread)
	}
	return nil
}

// rewrapping is one conversation whose data keys are re-wrapped.
type rewrapping struct {
	id           molt.ConversationID
	ticket       intake.Ticket
	done, unread int
}

func (c *Custody) keys(ctx context.Context, id molt.ConversationID) ([]molt.WrappedKey, error) {
	var all []molt.WrappedKey
	q := molt.Query{Table: molt.TableKeys, Conversation: id, Limit: molt.MaxPage}
	for {
		p, err := c.o.Store.Scan(ctx, q)
		if err != nil {
			return nil, fmt.Errorf("keys of conversation %s: %w", id, err)
		}
		all = append(all, p.Keys...)
		if q.After = p.Next; q.After == "" {
			return all, nil
		}
	}
}

// stale reports whether a conversation has a data key under an earlier tenant key.
func (c *Custody) stale(ctx context.Context, id molt.ConversationID) (bool, error) {
	all, err := c.keys(ctx, id)
	return slices.ContainsFunc(all, func(w molt.WrappedKey) bool { return len(w.Wrapped) > 0 && !c.o.Ring.Current(w) }), err
}

// rewrap wraps the data keys of a conversation under the key in force, in its
// mailbox's turn. Its journal is neither read nor written.
func (c *Custody) rewrap(ctx context.Context, w *rewrapping) error {
	all, err := c.keys(ctx, w.id)
	if err != nil {
		return err
	}
	var again []molt.WrappedKey
	for _, k := range all {
		next, changed, err := c.o.Ring.Rewrap(k, c.o.Random)
		switch {
		case errors.Is(err, seal.ErrErased):
		case err != nil: // of a third key, or damaged: verify names it
			c.o.Log.Error().Str("conversation", string(w.id)).Str("data_key", string(k.ID)).Err(err).Msg("a data key does not open")
			w.unread++
		case changed:
			again = append(again, next)
		}
	}
	for part := range slices.Chunk(again, molt.MaxBatchEvents) {
		if _, err := c.o.Store.Commit(ctx, molt.Batch{Conversation: w.id, Expect: molt.Expect{AnySeq: true}, Keys: part}); err != nil {
			return fmt.Errorf("re-wrap: %w", err)
		}
		w.done += len(part)
	}
	return nil
}
