package boltstore

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// allocate takes blocks without writing them.
func allocate(f *os.File, size int64) error {
	err := unix.Fallocate(int(f.Fd()), 0, 0, size)
	if errors.Is(err, unix.EOPNOTSUPP) {
		return errors.ErrUnsupported
	}
	return err
}
