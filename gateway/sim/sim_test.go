package sim_test

import (
	"os"
	"strconv"
	"testing"

	"github.com/tidegate/tidegate/gateway/screen"
	"github.com/tidegate/tidegate/gateway/sim"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/memstore"
)

type place struct{ s *memstore.Store }

func (p *place) Open() (molt.Store, error) {
	p.s = p.s.Reopen()
	return p.s, nil
}
func (*place) Remove() error { return nil }

func options(t testing.TB) sim.Options {
	t.Helper()
	s, err := screen.New()
	if err != nil {
		t.Fatal(err)
	}
	return sim.Options{Screen: s, Place: func() (sim.Place, error) { return &place{memstore.New()}, nil }}
}

// TestWorlds lives worlds.
func TestWorlds(t *testing.T) {
	o := options(t)
	n, _ := strconv.Atoi(os.Getenv("SEEDS"))
	if n == 0 {
		n = 20
	}
	from, _ := strconv.Atoi(os.Getenv("FROM"))
	for seed := from; seed < from+n; seed++ {
		r, err := sim.Run(o, uint64(seed))
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("seed %d: steps %d events %d texts %d calls %d crashes %d %s", seed, r.Steps, r.Events, r.Texts, r.Calls, r.Crashes, r.Digest)
		for _, f := range r.Faults {
			t.Errorf("seed %d: %s", seed, f)
		}
		if len(r.Faults) > 0 {
			for _, l := range r.Trace[max(0, len(r.Trace)-600):] {
				t.Log(l)
			}
			return
		}
	}
}
