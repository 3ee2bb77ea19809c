package boltstore

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"unsafe"

	"github.com/tidegate/tidegate/molt"
)

// sysCachestat is the number of cachestat(2), the same on amd64 and arm64.
const sysCachestat = 451

// unsynced asks the kernel how many pages of a file are not on the disk yet.
func unsynced(t *testing.T, path string) uint64 {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var whole struct{ off, len uint64 }
	var stat struct{ cache, dirty, writeback, evicted, recentlyEvicted uint64 }
	_, _, errno := syscall.Syscall6(sysCachestat, f.Fd(), uintptr(unsafe.Pointer(&whole)), uintptr(unsafe.Pointer(&stat)), 0, 0, 0)
	if errno != 0 {
		t.Skipf("cachestat: %v: only Linux 6.5 and later tell what is not synced", errno)
	}
	return stat.dirty + stat.writeback
}

// TestAnAnswerMeansSynced judges by the kernel's own book: when Commit has
// returned, no page of the file waits to be written.
func TestAnAnswerMeansSynced(t *testing.T) {
	if runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		t.Skip("the number of cachestat is not known here")
	}
	control := filepath.Join(t.TempDir(), "control")
	if err := os.WriteFile(control, make([]byte, 64<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	if unsynced(t, control) == 0 {
		t.Skip("this file system does not tell what is not synced")
	}
	s := open(t, Options{})
	for i := range 20 {
		commit(t, s, molt.Batch{
			Conversation: "c", Expect: molt.Expect{AnySeq: true}, Marks: []molt.Mark{{ID: molt.MarkID(fmt.Sprint("m", i))}},
			Events: []molt.Event{{At: 1, Kind: "x", Body: make([]byte, 5000)}},
		})
		if n := unsynced(t, s.db.Path()); n != 0 {
			t.Fatalf("commit %d was answered while %d pages were not on the disk", i, n)
		}
	}
}
