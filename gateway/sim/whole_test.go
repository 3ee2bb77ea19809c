package sim_test

import (
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tidegate/tidegate/gateway/sim"
	"github.com/tidegate/tidegate/molt/raced"
)

// The worlds that have to reach everything. It ends with the one that does, which is
// about the hundred and fiftieth; how the core decides moves that, and the rarest
// moves are in one world of a hundred.
const (
	coverFrom = 801
	coverMost = 800
)

// TestCoverIsWhole: some worlds reach every reason that the core gives, and every move
// that a case makes. One that is never reached is judged by nobody.
func TestCoverIsWhole(t *testing.T) {
	if testing.Short() || raced.On {
		t.Skip("it lives some hundred worlds, in which nothing runs at once")
	}
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(512 << 20)) // collecting seldom is twice as fast
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	o, cover := options(t), sim.NewCover()
	never := cover.Never()
	var mu sync.Mutex
	var lived, done atomic.Uint64
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() { // ends with the worlds, with all reached, or with a broken promise
			for n := lived.Add(1); n <= coverMost && done.Load() == 0 && !t.Failed(); n = lived.Add(1) {
				r, err := sim.Run(o, coverFrom+n-1)
				mu.Lock()
				told(t, r, err)
				cover.Add(r.Cover)
				if never = cover.Never(); len(never) == 0 {
					done.Store(n)
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if len(never) > 0 && !t.Failed() {
		t.Errorf("in %d worlds never reached: %s", coverMost, strings.Join(never, ", "))
	}
	t.Logf("all is reached after %d worlds", done.Load())
}
