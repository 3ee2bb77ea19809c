package gateway

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/tidegate/tidegate/gateway/custody"
	"github.com/tidegate/tidegate/molt"
)

// quota is a store under a quota: the disk says that there is room, and there is none.
type quota struct{}

func (quota) Room() (molt.Room, error) { return molt.Room{Free: 1 << 40, Scarce: true}, nil }
func (quota) Refill() error            { return syscall.EDQUOT }

// TestAQuotaIsAFullDisk: what can wait waits, a backup too, though the reserve
// cannot be made again; and the admins are told.
func TestAQuotaIsAFullDisk(t *testing.T) {
	f, _, ring := openFrozen(t)
	if told := f.gateway.lookAtRoom(t.Context(), quota{}, time.Time{}); !f.gateway.scarce.Load() || told.IsZero() {
		t.Errorf("scarce %v, told %v; want what can wait to wait, and the admins told", f.gateway.scarce.Load(), !told.IsZero())
	}
	f.gateway.o.Custody.Copy = func(context.Context, custody.Copying) (custody.Copies, error) {
		return custody.Copies{Backup: "one"}, nil
	}
	if _, err := f.gateway.copies()(t.Context(), custody.Copying{Key: ring}); !errors.Is(err, errNoRoomToCopy) {
		t.Errorf("a backup on a full disk: %v", err)
	}
	f.gateway.scarce.Store(false)
	if done, err := f.gateway.copies()(t.Context(), custody.Copying{Key: ring}); err != nil || done.Backup != "one" {
		t.Errorf("with room: %+v, %v", done, err)
	}
}
