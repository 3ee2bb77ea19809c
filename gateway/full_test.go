package gateway

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/memstore"
	"github.com/tidegate/tidegate/molt/seal"
)

// crowded is a store whose disk has no room for a worker's commit until it was tried
// three times.
type crowded struct {
	molt.Store
	mu    sync.Mutex
	tried map[string]int
}

func (c *crowded) Commit(ctx context.Context, b molt.Batch) (molt.Committed, error) {
	if len(b.Expect.Leases) > 0 && c.full(b) {
		return molt.Committed{}, fmt.Errorf("commit: %w", molt.ErrFull)
	}
	return c.Store.Commit(ctx, b)
}

func (c *crowded) full(b molt.Batch) bool {
	what := string(b.Expect.Leases[0].Item)
	for _, e := range b.Events {
		what += " " + e.Kind
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tried[what]++
	return c.tried[what] <= 2
}

// pagedWithoutRoom is a rig on such a store, in which a red flag was paged.
func pagedWithoutRoom(t *testing.T) *rig {
	t.Helper()
	ring, err := seal.LoadOrCreate(t.TempDir()+"/tenant.key", rand.Reader)
	must(t, err)
	r := newRigOn(t, &crowded{Store: memstore.New(), tried: map[string]int{}}, ring)
	r.text(patient, "my chest hurts")
	r.red()
	r.ends(molt.LanePage, molt.LaneSafety)
	return r
}

// TestAPageWaitsForRoomAndNoLonger: where no write finds room a page, its safety text
// and what became of them are tried again within seconds, and not when the lease of two
// minutes is over; and each leaves once.
func TestAPageWaitsForRoomAndNoLonger(t *testing.T) {
	r := pagedWithoutRoom(t)
	select {
	case o := <-r.wire.sent:
		t.Errorf("a text of class %s left twice", o.Class)
	default:
	}
}

// ends waits until nothing of these classes is due any more.
func (r *rig) ends(classes ...molt.Lane) {
	r.t.Helper()
	for deadline := time.Now().Add(bound); ; r.get(r.private + "/healthz") {
		p, err := r.store.Scan(r.t.Context(), molt.Query{Table: molt.TableItems, Limit: molt.MaxPage})
		must(r.t, err)
		if !slices.ContainsFunc(p.Items, func(it molt.Item) bool { return slices.Contains(classes, it.Lane.Class()) }) {
			return
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("%v: not at an end; log:\n%s", classes, r.log)
		}
	}
}

// TestATimerWaitsForRoomAndNoLonger: the next person is asked when it is time.
func TestATimerWaitsForRoomAndNoLonger(t *testing.T) {
	r := pagedWithoutRoom(t)
	c, err := r.store.Claim(t.Context(), molt.Claim{Classes: []molt.Lane{molt.LaneTimer}, Now: 1 << 50, Until: 1<<50 + 1, Limit: 10})
	must(t, err)
	for _, it := range c.Items {
		ctx, cancel := context.WithTimeout(t.Context(), bound)
		through(r.gateway.beginTimer)(ctx, it)
		cancel()
		p, err := r.store.Scan(t.Context(), molt.Query{Table: molt.TableItems, Conversation: it.Conversation, Limit: molt.MaxPage})
		must(t, err)
		if slices.ContainsFunc(p.Items, func(o molt.Item) bool { return o.ID == it.ID }) {
			t.Errorf("the timer %s, has not fired", it.Lane)
		}
	}
	if len(c.Items) == 0 {
		t.Error("no timer was set")
	}
}
