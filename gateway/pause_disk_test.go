package gateway

import (
	"context"
	"crypto/rand"
	"testing"

	"github.com/tidegate/tidegate/gateway/console"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/memstore"
	"github.com/tidegate/tidegate/molt/seal"
)

// cutOff commits, and has nobody to tell when who asked has gone.
type cutOff struct{ molt.Store }

func (c cutOff) Commit(ctx context.Context, b molt.Batch) (molt.Committed, error) {
	done, err := c.Store.Commit(context.WithoutCancel(ctx), b)
	if err == nil && ctx.Err() != nil {
		return molt.Committed{}, ctx.Err()
	}
	return done, err
}

// TestTheSwitchOnDiskIsTheOneInForce: whoever turned it and closed the tab.
func TestTheSwitchOnDiskIsTheOneInForce(t *testing.T) {
	ring, err := seal.LoadOrCreate(t.TempDir()+"/tenant.key", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	store := cutOff{memstore.New()}
	r := newRigOn(t, store, ring)
	ctx, gone := context.WithCancel(t.Context())
	gone()
	err = r.gateway.Pause(ctx, "bob", "", true)
	now, _ := r.gateway.Paused()
	disk, readErr := PauseIn(t.Context(), store)
	if readErr != nil || now.All != disk.All {
		t.Errorf("in force %v, on disk %v (%v, %v)", now.All, disk.All, err, readErr)
	}
}

// TestPagesLeaveRoomForProbes: live pages alone never fill the private listener.
func TestPagesLeaveRoomForProbes(t *testing.T) {
	if console.MaxLive*2 > maxPrivate {
		t.Errorf("%d live pages of %d connections", console.MaxLive, maxPrivate)
	}
}
