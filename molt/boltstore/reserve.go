package boltstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/molt"
)

// refillAt is how many times its size must be free before the reserve is made
// again, so that a disk on the brink does not give and take it by turns.
const refillAt = 3

// openRoom is what a daemon needs on the disk to start: a few pages and names.
const openRoom = 1 << 20

// reserve is a file beside the store that holds room on the disk. It is let go
// when a commit finds none, so that what patients write is still taken while
// everything that can wait does.
type reserve struct {
	path string
	size int64 // 0: none is held

	mu    sync.Mutex
	whole bool
	spilt bool // it was being made and could not be: what that had taken is free again
}

func reservePath(path string) string { return path + ".reserve" }

// hold makes the file where it is missing or short. It is as good as its blocks
// are: a file with holes holds no room.
func (r *reserve) hold() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.size == 0 {
		return nil
	}
	if info, err := os.Stat(r.path); err == nil && info.Size() == r.size {
		r.whole = true
		return nil
	}
	if err := fill(r.path, r.size); err != nil {
		r.spilt = true
		return errors.Join(err, removeIfThere(r.path))
	}
	r.whole = true
	return nil
}

// release gives the room back. It reports whether there was any, or may be since
// the last time: a commit may have found the disk full of a reserve in the making.
func (r *reserve) release() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.whole {
		spilt := r.spilt
		r.spilt = false
		return spilt
	}
	r.whole = false
	return os.Truncate(r.path, 0) == nil // needs no room, where removing a name may
}

// openReserve holds the room at the start, or lets go of it where the disk has no
// room for the start itself.
func (s *Store) openReserve() error {
	room, err := s.Room()
	if err != nil {
		return err
	}
	if room.Free < openRoom {
		return removeIfThere(s.reserve.path)
	}
	if err := s.reserve.hold(); err != nil && !noRoom(err) {
		return fmt.Errorf("reserve on the disk: %w", err)
	}
	return nil
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// fill writes a file of so many bytes that are all there.
func fill(path string, size int64) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := allocate(f, size); !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	zeros := make([]byte, 1<<20)
	for left := size; left > 0; {
		n, err := f.Write(zeros[:min(left, int64(len(zeros)))])
		if err != nil {
			return err
		}
		left -= int64(n)
	}
	return f.Sync()
}

// isFull reports whether a write found no room. A failed sync is none of these:
// nobody can say what became of what it was to sync.
func isFull(err error) bool {
	var at *fs.PathError
	return errors.As(err, &at) && at.Op == "write" && noRoom(err)
}

func noRoom(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// Room measures. It is scarce where the reserve is let go, and where less than
// another reserve is free.
func (s *Store) Room() (molt.Room, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(s.db.Path(), &st); err != nil {
		return molt.Room{}, fmt.Errorf("room on the disk: %w", err)
	}
	r := &s.reserve
	r.mu.Lock()
	defer r.mu.Unlock()
	room := molt.Room{Free: int64(st.Bavail) * int64(st.Bsize)} //nolint:unconvert // another type on other systems
	if r.whole {
		room.Reserve = r.size
	}
	room.Scarce = r.size > 0 && (!r.whole || room.Free < r.size)
	return room, nil
}

// Refill makes a reserve again that was let go, once there is room enough.
func (s *Store) Refill() error {
	room, err := s.Room()
	if err != nil || s.reserve.size == 0 || room.Reserve > 0 || room.Free < refillAt*s.reserve.size {
		return err
	}
	if err := s.reserve.hold(); err != nil {
		return fmt.Errorf("reserve on the disk: %w", err)
	}
	return nil
}
