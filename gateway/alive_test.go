package gateway

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidegate/tidegate/molt"
)

// stuck is a store whose commits hang until it is let go.
type stuck struct {
	molt.Store
	hang atomic.Bool
}

func (s *stuck) Commit(ctx context.Context, b molt.Batch) (molt.Committed, error) {
	if s.hang.Load() {
		<-ctx.Done()
		return molt.Committed{}, ctx.Err()
	}
	return s.Store.Commit(ctx, b)
}

// TestAliveMeansCommits: whoever watches the daemon hears of it while it commits,
// and no longer once its commits hang.
func TestAliveMeansCommits(t *testing.T) {
	r := newRig(t)
	s := &stuck{Store: r.gateway.o.Store}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	lives := make(chan struct{}, 1000)
	g := &Gateway{o: Options{Store: s, Now: time.Now, Alive: func() { lives <- struct{}{} }, AliveEvery: 20 * time.Millisecond}}
	ended := make(chan error, 1)
	go func() { ended <- g.alive(ctx) }()
	for range 3 {
		select {
		case <-lives:
		case <-time.After(bound):
			t.Fatal("a daemon that commits is not told to live")
		}
	}
	s.hang.Store(true)
	for len(lives) > 0 {
		<-lives
	}
	late := 0
	for quiet := time.After(300 * time.Millisecond); late >= 0; {
		select {
		case <-lives:
			if late++; late > 1 { // one may have been under way
				t.Fatal("a daemon that cannot commit is told to live")
			}
		case <-quiet:
			late = -1
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
