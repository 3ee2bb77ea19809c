package gateway

import (
	"context"
	"errors"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/gateway/audit"
	"github.com/tidegate/tidegate/gateway/custody"
	"github.com/tidegate/tidegate/molt"
)

// Limits of what is deleted elsewhere: it is tried again after half the time that
// it has been wanted for, and given up, loudly, after a month.
const (
	eraseSoonest = 10 * time.Second
	eraseLatest  = 24 * time.Hour
	eraseGiveUp  = 30 * 24 * time.Hour
)

// erases reports whether the provider of a channel deletes texts.
func (g *Gateway) erases(channel string) bool {
	a, ok := g.adapter(channel)
	if !ok {
		return true // it may be configured again
	}
	_, ok = a.(channels.Eraser)
	return ok
}

// beginErase has what an erased conversation left elsewhere deleted. No attempt is
// recorded before it is made: deleting twice is deleting.
func (g *Gateway) beginErase(it molt.Leased) step {
	return func(ctx context.Context) step {
		w, err := custody.ReadWanted(it.Item)
		if err != nil {
			g.stepError(it, "erase", err)
			g.endErase(ctx, it, nil)
			return nil
		}
		left, wait := g.eraseTexts(ctx, w.Texts)
		if g.o.Files != nil {
			if err := g.o.Files.Remove(w.Files); err != nil {
				g.stepError(it, "erase", err)
				left++
			}
		}
		now := molt.TimeOf(g.o.Now())
		switch age := now.Sub(w.Since); {
		case ctx.Err() != nil: // stopping: it is begun with again after the start
		case left == 0:
			g.endErase(ctx, it, nil)
		case age > eraseGiveUp:
			g.metrics.faults.WithLabelValues("erase").Inc()
			g.o.Log.Error().Str("conversation", string(it.Conversation)).Int("left", left).Msg("a carrier has not deleted texts of an erased conversation: delete them there by hand")
			marks, err := g.custody.GaveUp(ctx, it.Conversation, left)
			if err != nil {
				g.stepError(it, "erase", err)
				return nil
			}
			g.endErase(ctx, it, marks)
		default:
			g.putBack(ctx, it, now.Add(max(min(max(age/2, eraseSoonest), eraseLatest), wait)))
		}
		return nil
	}
}

// eraseTexts asks for each text once and counts those that are still there.
func (g *Gateway) eraseTexts(ctx context.Context, texts []audit.Text) (left int, wait time.Duration) {
	for _, t := range texts {
		if ctx.Err() != nil {
			return left, wait
		}
		a, known := g.adapter(t.Channel)
		e, ok := a.(channels.Eraser)
		switch {
		case !known:
			left++
			continue
		case !ok:
			continue
		}
		err := e.Erase(ctx, t.ProviderID, t.Media)
		if err == nil {
			continue
		}
		left++
		var fault *channels.SendError
		if errors.As(err, &fault) {
			wait = max(wait, fault.RetryAfter)
		}
		g.o.Log.Warn().Str("channel", t.Channel).Err(err).Msg("a carrier did not delete a text")
	}
	return left, wait
}

func (g *Gateway) endErase(ctx context.Context, it molt.Leased, marks []molt.Mark) {
	_, err := g.o.Store.Commit(ctx, molt.Batch{
		Expect: molt.Expect{Leases: []molt.Lease{it.Lease}, Now: molt.TimeOf(g.o.Now())}, Done: []molt.ItemID{it.ID}, Marks: marks,
	})
	if err != nil {
		g.stepError(it, "erase", err)
	}
}
