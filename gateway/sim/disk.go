package sim

import (
	"context"
	"fmt"

	"github.com/tidegate/tidegate/molt"
)

// crashed is what a commit panics with when the daemon dies inside it.
type crashed struct{}

// disk is the store as the daemon sees it. What it tells the world nobody else
// needs to: it dies with the daemon in a commit, and loses a journal.
type disk struct {
	molt.Store
	w      *world
	armed  int // commits until the one in which the daemon dies; 0: none
	frozen map[molt.ConversationID]bool
}

// Commit implements molt.Store. Death comes before the batch is taken or after,
// and never in between.
func (d *disk) Commit(ctx context.Context, b molt.Batch) (molt.Committed, error) {
	if d.armed > 0 {
		if d.armed--; d.armed == 0 {
			if d.w.chance(0.5) {
				_, _ = d.Store.Commit(ctx, b)
			}
			panic(crashed{})
		}
	}
	return d.Store.Commit(ctx, b)
}

// Load implements molt.Store.
func (d *disk) Load(ctx context.Context, id molt.ConversationID, recent int) (molt.Loaded, error) {
	if d.frozen[id] {
		return molt.Loaded{}, fmt.Errorf("load %s: %w", id, molt.ErrCorrupt)
	}
	return d.Store.Load(ctx, id, recent)
}
