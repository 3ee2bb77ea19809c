package memstore_test

import (
	"testing"

	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/memstore"
	"github.com/tidegate/tidegate/molt/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(*testing.T) molt.Store { return memstore.New() })
}

func TestReopen(t *testing.T) {
	storetest.Reopen(t, func(*testing.T) func() molt.Store {
		s := memstore.New()
		return func() molt.Store {
			s = s.Reopen()
			return s
		}
	})
}
