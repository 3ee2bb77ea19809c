package boltstore_test

import (
	"path/filepath"
	"testing"

	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/boltstore"
	"github.com/tidegate/tidegate/molt/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) molt.Store { return place(t)() })
}

func TestReopen(t *testing.T) { storetest.Reopen(t, place) }

// place returns a function that opens the same file each time.
func place(t *testing.T) func() molt.Store {
	path := filepath.Join(t.TempDir(), "tidegate.db")
	return func() molt.Store {
		t.Helper()
		s, err := boltstore.Open(boltstore.Options{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}
