package gateway

import (
	"context"
	"errors"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/gateway/notary"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// recallAgain is when a carrier that did not answer is asked again about a text
// that nobody is in danger without.
const recallAgain = 30 * time.Second

// openRestored finds out whether the record was restored, and notes that it is
// served from now on. It runs before the doors open.
func (g *Gateway) openRestored(ctx context.Context) error {
	r, err := notary.Serve(ctx, g.o.Store, g.o.Ring, molt.TimeOf(g.o.Now()))
	switch {
	case errors.Is(err, notary.ErrForged):
		g.o.Log.Error().Err(err).Msg("a restore that nobody with this record's key has made")
		err = nil
	case err != nil && r != nil:
		g.o.Log.Error().Err(err).Msg("since when a restore is served does not read: it counts from now")
		err = nil
	}
	if err != nil || r == nil {
		return err
	}
	if g.restored.Swap(&turn.Restored{At: r.Served}) == nil {
		g.o.Log.Warn().Stringer("as_of", r.AsOf).Stringer("restored", r.At).Stringer("served", r.Served).Str("by", string(r.By)).
			Msg("the record was restored from a backup: what may have left since is asked of the carrier first")
	}
	return nil
}

// recallOf says what the carrier is asked before a text leaves.
func (g *Gateway) recallOf(s *turn.State, item molt.ItemID, o turn.Out) (turn.Recall, bool) {
	r := g.restored.Load()
	if r == nil {
		return turn.Recall{}, false
	}
	return r.Recall(s, item, o)
}

// recall asks the carrier whether a text left in the time that a restore lost,
// or its patient was answered. Not found, it leaves. Where the carrier cannot
// say, a routine text waits, and becomes a person's when it is too old.
func (g *Gateway) recall(ctx context.Context, it molt.Leased, w turn.Out, o channels.Outbound, ask turn.Recall) step {
	if ask.Any {
		o.Words = ""
	}
	find, cancel := context.WithTimeout(ctx, channels.SendTimeout)
	defer cancel()
	r, found, err := g.outbox.Recall(find, w.Channel, o, ask.Since, ask.Until)
	switch {
	case found && ask.Any:
		return g.outcome(it, intake.Fact{Kind: turn.KindLooked, Body: &turn.Looked{Item: it.ID, Reason: turn.ReasonAnswered}})
	case found:
		return g.outcome(it, intake.Fact{Kind: turn.KindChecked, Body: &turn.Checked{Item: it.ID, Found: true, Receipt: r}})
	case err != nil:
		g.o.Log.Warn().Str("conversation", string(it.Conversation)).Str("item", string(it.ID)).Err(err).Msg("recall")
		if o.Class == channels.ClassAgent || o.Class == channels.ClassNurse {
			return func(ctx context.Context) step {
				g.putBack(ctx, it, molt.TimeOf(g.o.Now()).Add(recallAgain))
				return nil
			}
		}
	}
	return g.attempt(it, w, true)
}
