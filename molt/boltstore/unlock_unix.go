//go:build unix

package boltstore

import (
	"os"
	"syscall"
)

// unlock gives up the lock that bbolt has on a file.
func unlock(file *os.File) { _ = syscall.Flock(int(file.Fd()), syscall.LOCK_UN) }
