package sim

import (
	"context"
	"fmt"
	"time"

	"github.com/tidegate/tidegate/molt"
)

// crashed is what a commit panics with when the daemon dies inside it.
type crashed struct{}

// disk is the store as the daemon sees it. What it tells the world nobody else
// needs to: it dies with the daemon in a commit, and loses a journal.
type disk struct {
	molt.Store
	w      *world
	armed  int  // commits until the one in which the daemon dies; 0: none
	broken bool // takes nothing more in this life
	frozen map[molt.ConversationID]bool
}

// Commit implements molt.Store. Death comes before the batch is taken or after,
// and never in between. A disk that refuses to sync refuses from then on, and the
// daemon has to end.
func (d *disk) Commit(ctx context.Context, b molt.Batch) (molt.Committed, error) {
	if d.broken {
		return molt.Committed{}, molt.ErrBroken
	}
	if d.armed > 0 {
		if d.armed--; d.armed == 0 {
			return molt.Committed{}, d.fail(ctx, b)
		}
	}
	return d.Store.Commit(ctx, b)
}

func (d *disk) fail(ctx context.Context, b molt.Batch) error {
	w := d.w
	if w.chance(0.5) { // the bytes got there all the same
		_, _ = d.Store.Commit(ctx, b)
	}
	if w.daemon.steps == nil || w.chance(0.6) {
		panic(crashed{})
	}
	d.broken = true
	w.after(w.within(0, 50*time.Millisecond), w.daemon.life, "the store is broken", func() { w.crash("the store is broken") })
	return molt.ErrBroken
}

// Load implements molt.Store.
func (d *disk) Load(ctx context.Context, id molt.ConversationID, recent int) (molt.Loaded, error) {
	if d.frozen[id] {
		return molt.Loaded{}, fmt.Errorf("load %s: %w", id, molt.ErrCorrupt)
	}
	return d.Store.Load(ctx, id, recent)
}
