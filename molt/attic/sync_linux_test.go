package attic_test

import (
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"unsafe"
)

// sysCachestat is the number of cachestat(2), the same on amd64 and arm64.
const sysCachestat = 451

// unsynced asks the kernel how many pages of a file are not on the disk yet.
func unsynced(t *testing.T, path string) uint64 {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	var whole struct{ off, len uint64 }
	var stat struct{ cache, dirty, writeback, evicted, recentlyEvicted uint64 }
	_, _, errno := syscall.Syscall6(sysCachestat, f.Fd(), uintptr(unsafe.Pointer(&whole)), uintptr(unsafe.Pointer(&stat)), 0, 0, 0)
	if errno != 0 {
		t.Skipf("cachestat: %v: only Linux 6.5 and later tell what is not synced", errno)
	}
	return stat.dirty + stat.writeback
}

// TestKeptMeansSynced judges by the kernel's own book.
func TestKeptMeansSynced(t *testing.T) {
	if runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		t.Skip("the number of cachestat is not known here")
	}
	control := filepath.Join(t.TempDir(), "control")
	must(t, os.WriteFile(control, make([]byte, 64<<10), 0o600))
	if unsynced(t, control) == 0 {
		t.Skip("this file system does not tell what is not synced")
	}
	h := newHouse(t)
	for n := range 10 {
		if pages := unsynced(t, h.path(h.keep(one, november, content(n)))); pages != 0 {
			t.Fatalf("file %d was kept while %d pages were not on the disk", n, pages)
		}
	}
}
