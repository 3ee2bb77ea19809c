package sim_test

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tidegate/tidegate/gateway/screen"
	"github.com/tidegate/tidegate/gateway/sim"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/boltstore"
	"github.com/tidegate/tidegate/molt/memstore"
)

// inMemory is a place that the reference store lies in.
type inMemory struct{ s, kept *memstore.Store }

func (p *inMemory) Open() (molt.Store, error) {
	p.s = p.s.Reopen()
	return p.s, nil
}

func (p *inMemory) Keep() error {
	p.kept = p.s.Copy()
	return nil
}

func (p *inMemory) Back() error {
	p.s = p.kept
	return nil
}

func (*inMemory) Remove() error { return nil }

// onDisk is a place that the shipped store lies in.
type onDisk struct {
	path string
	s    *boltstore.Store
	kept []byte
}

func (p *onDisk) Open() (molt.Store, error) {
	if err := p.Remove(); err != nil {
		return nil, err
	}
	var err error
	p.s, err = boltstore.Open(boltstore.Options{Path: p.path, InitialMmapSize: 1 << 20})
	return p.s, err
}

func (p *onDisk) Keep() (err error) {
	p.kept, err = os.ReadFile(p.path)
	return err
}

func (p *onDisk) Back() error {
	if err := p.Remove(); err != nil {
		return err
	}
	p.s = nil
	return os.WriteFile(p.path, p.kept, 0o600)
}

func (p *onDisk) Remove() error {
	if p.s == nil {
		return nil
	}
	return p.s.Close()
}

func options(t testing.TB) sim.Options {
	t.Helper()
	s, err := screen.New()
	if err != nil {
		t.Fatal(err)
	}
	return sim.Options{Screen: s, Place: func() (sim.Place, error) { return &inMemory{s: memstore.New()}, nil }}
}

func number(t *testing.T, name string, usual uint64) uint64 {
	t.Helper()
	v := os.Getenv(name)
	if v == "" {
		return usual
	}
	n, err := strconv.ParseUint(v, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

func lives(t *testing.T, o sim.Options, seed uint64) sim.Result {
	t.Helper()
	r, err := sim.Run(o, seed)
	if told(t, r, err); t.Failed() {
		t.FailNow()
	}
	return r
}

// told tells of what was broken in a world.
func told(t *testing.T, r sim.Result, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("seed %d: %v", r.Seed, err)
	}
	for _, f := range r.Faults {
		t.Errorf("broken: %s", f)
	}
	if len(r.Faults) > 0 {
		t.Logf("see it again: tidegate sim --seeds 1 --from %d\n%s", r.Seed, strings.Join(r.Trace[max(0, len(r.Trace)-40):], "\n"))
	}
}

// TestWorlds lives worlds. TIDEGATE_SEEDS says how many, TIDEGATE_FROM from
// which seed on.
func TestWorlds(t *testing.T) {
	o := options(t)
	n, from := number(t, "TIDEGATE_SEEDS", 25), number(t, "TIDEGATE_FROM", 1)
	sum, cover := sim.Result{}, sim.NewCover()
	var mu sync.Mutex
	var next atomic.Uint64
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() { // ends with the seeds, or with a world that broke a promise
			for seed := from + next.Add(1) - 1; seed < from+n && !t.Failed(); seed = from + next.Add(1) - 1 {
				r, err := sim.Run(o, seed)
				mu.Lock()
				told(t, r, err)
				sum.Events += r.Events
				sum.Crashes += r.Crashes
				cover.Add(r.Cover)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	// A world in which little happens proves little.
	acts := uint64(cover.Reasons[turn.ReasonCalling])
	if each := uint64(sum.Events) / n; n >= 25 && !t.Failed() && (each < 200 || uint64(sum.Crashes) < n || acts < n/2) {
		t.Errorf("a world has %d events, and %d worlds have %d crashes and %d acts of the agent's", each, n, sum.Crashes, acts)
	}
	var table strings.Builder
	if err := cover.Print(&table); err != nil {
		t.Error(err)
	}
	t.Log("\n" + table.String())
}

// TestApart: what a patient reads is the same whether others write or nobody does.
func TestApart(t *testing.T) {
	o := options(t)
	n, from := number(t, "TIDEGATE_SEEDS", 10), number(t, "TIDEGATE_FROM", 1)
	for seed := from; seed < from+n; seed++ {
		r, err := sim.Apart(o, seed)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for _, f := range r.Faults {
			t.Errorf("broken: %s", f)
		}
		if t.Failed() {
			t.Log(strings.Join(r.Trace, "\n"))
			t.Fatalf("see it again: tidegate sim --apart --seeds 1 --from %d", seed)
		}
	}
}

// TestSeedReplays: one seed is one world, to the last byte of its journals.
func TestSeedReplays(t *testing.T) {
	o := options(t)
	digests := map[string]bool{}
	for seed := range uint64(10) {
		one, two := lives(t, o, seed), lives(t, o, seed)
		if one.Digest != two.Digest || one.Steps != two.Steps {
			t.Errorf("seed %d: %d steps with digest %s, then %d with %s", seed, one.Steps, one.Digest, two.Steps, two.Digest)
		}
		digests[one.Digest] = true
	}
	if len(digests) != 10 {
		t.Errorf("10 seeds are %d worlds", len(digests))
	}
}

// TestWorldsOnDisk lives the same worlds over the shipped store: what is
// recorded does not depend on which store keeps it.
func TestWorldsOnDisk(t *testing.T) {
	if testing.Short() {
		t.Skip("each commit is synced")
	}
	o := options(t)
	for seed := uint64(1); seed <= 3; seed++ {
		disk := o
		disk.Place = func() (sim.Place, error) { return &onDisk{path: t.TempDir() + "/store.db"}, nil }
		if got, want := lives(t, disk, seed), lives(t, o, seed); got.Digest != want.Digest {
			t.Errorf("seed %d: digest %s on disk, %s in memory", seed, got.Digest, want.Digest)
		}
	}
}
