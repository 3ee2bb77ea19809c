package gateway

import (
	"context"
	"errors"
	"time"

	"github.com/tidegate/tidegate/molt"
)

// While no write finds room, not in the reserve either, what a worker has to commit is
// tried again after so long, twice as long each time up to the latest, for as long as
// its lease lasts. To put an item back would need room as well; so it stays in the
// worker's hands, and a page leaves within seconds of when there is room.
const (
	fullSoonest = 500 * time.Millisecond
	fullLatest  = 5 * time.Second
)

// withRoom is a step that ends with a commit, and begins anew where that found no
// room. Another error is told of as of the step what.
func (g *Gateway) withRoom(it molt.Leased, what string, do func(context.Context) (step, error)) step {
	return g.afterRoom(it, what, fullSoonest, do)
}

func (g *Gateway) afterRoom(it molt.Leased, what string, wait time.Duration, do func(context.Context) (step, error)) step {
	return func(ctx context.Context) step {
		next, err := do(ctx)
		if err == nil {
			return next
		}
		if !errors.Is(err, molt.ErrFull) {
			g.stepError(it, what, err)
			return nil
		}
		g.metrics.faults.WithLabelValues("disk").Inc()
		g.o.Log.Warn().Str("item", string(it.ID)).Str("step", what).Dur("again_ms", wait).Err(err).Msg("a step waits for room on the disk")
		return func(ctx context.Context) step {
			again := time.NewTimer(wait)
			defer again.Stop()
			select {
			case <-again.C:
				return g.afterRoom(it, what, min(2*wait, fullLatest), do)
			case <-ctx.Done(): // its lease is over, or we stop: it comes again
				return nil
			}
		}
	}
}
