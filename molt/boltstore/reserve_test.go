package boltstore

import (
	"path/filepath"
	"testing"
)

// TestAReserveInTheMaking: a commit that found the disk full of it is tried once
// more, since what could not be made is not there any more.
func TestAReserveInTheMaking(t *testing.T) {
	r := reserve{path: filepath.Join(t.TempDir(), "no", "folder"), size: 1}
	if r.hold() == nil {
		t.Fatal("it was made in no folder")
	}
	if !r.release() || r.release() {
		t.Error("want one more try, and no other")
	}
}
