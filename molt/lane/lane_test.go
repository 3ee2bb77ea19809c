package lane_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/lane"
	"github.com/tidegate/tidegate/molt/memstore"
)

// bench is a store, and a lane over it that notes what it hands out.
type bench struct {
	*testing.T
	store *counting
	lane  *lane.Lane

	mu     sync.Mutex
	log    []string
	errs   []error
	active int
	most   int
}

// counting counts claims, which a lane that polls would make many of.
type counting struct {
	*memstore.Store
	mu     sync.Mutex
	claims int
	limits []int
	fail   error
}

func (c *counting) Claim(ctx context.Context, q molt.Claim) (molt.Claimed, error) {
	c.mu.Lock()
	c.claims++
	c.limits = append(c.limits, q.Limit)
	fail := c.fail
	c.mu.Unlock()
	if fail != nil {
		return molt.Claimed{}, fail
	}
	return c.Store.Claim(ctx, q)
}

func (c *counting) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.claims
}

func (c *counting) failWith(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fail = err
}

// newBench makes a lane whose workers do what do says and are noted.
func newBench(t *testing.T, workers int, do func(ctx context.Context, b *bench, it molt.Leased)) *bench {
	t.Helper()
	b := &bench{T: t, store: &counting{Store: memstore.New()}}
	l, err := lane.New(lane.Options{
		Store: b.store, Classes: []molt.Lane{"safety", "agent"}, Workers: workers, LeaseFor: 10 * time.Second,
		Do: func(ctx context.Context, it molt.Leased) {
			b.begin(it)
			defer b.end()
			do(ctx, b, it)
		},
		OnError: func(err error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.errs = append(b.errs, err)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	b.lane = l
	return b
}

func (b *bench) begin(it molt.Leased) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.log = append(b.log, string(it.ID))
	b.active++
	b.most = max(b.most, b.active)
}

func (b *bench) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.active--
}

func (b *bench) did(want ...string) {
	b.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if !slices.Equal(b.log, want) {
		b.Errorf("handed out: got %v, want %v", b.log, want)
	}
	b.log = nil
}

func (b *bench) put(id, conversation string, class molt.Lane, due time.Time) {
	b.Helper()
	b.commit(molt.Batch{Put: []molt.Item{{ID: molt.ItemID(id), Conversation: molt.ConversationID(conversation), Lane: class, Due: molt.TimeOf(due)}}})
}

func (b *bench) commit(batch molt.Batch) {
	b.Helper()
	if _, err := b.store.Commit(context.Background(), batch); err != nil {
		b.Errorf("commit: %v", err)
	}
}

func finish(_ context.Context, b *bench, it molt.Leased) {
	b.commit(molt.Batch{
		Expect: molt.Expect{Leases: []molt.Lease{it.Lease}, Now: molt.TimeOf(time.Now())},
		Done:   []molt.ItemID{it.ID},
	})
}

// run starts Run and returns a function that ends it and gives its error.
func (b *bench) run() (end func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	go func() { result <- b.lane.Run(ctx) }() // ends when end is called
	synctest.Wait()
	return func() error {
		cancel()
		return <-result
	}
}

func TestSleepsUntilDueAndNeverPolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 2, finish)
		b.put("later", "c1", "agent", time.Now().Add(time.Hour))
		defer b.run()()
		time.Sleep(time.Hour - time.Millisecond)
		b.did()
		if n := b.store.count(); n != 1 {
			t.Errorf("claims in an hour of nothing: got %d, want 1", n)
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		b.did("later")
	})
}

func TestSleepsWithoutEndWhenThereIsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 2, finish)
		defer b.run()()
		time.Sleep(1000 * time.Hour)
		if n := b.store.count(); n != 1 {
			t.Errorf("claims: got %d, want 1", n)
		}
		b.put("now", "c1", "agent", time.Now())
		synctest.Wait()
		b.did()
		b.lane.Kick()
		b.lane.Kick()
		synctest.Wait()
		b.did("now")
	})
}

func TestAFollowerGoesWhenItsHeadIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 4, finish)
		for _, id := range []string{"1", "2", "3"} {
			b.put(id, "c1", "agent", time.Now())
		}
		defer b.run()()
		b.did("1", "2", "3")
		if b.most != 1 {
			t.Errorf("of one lane at once: got %d, want 1", b.most)
		}
	})
}

func TestNeverMoreThanFreeWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 3, func(ctx context.Context, b *bench, it molt.Leased) {
			time.Sleep(time.Second)
			finish(ctx, b, it)
		})
		for i := range 10 {
			b.put(fmt.Sprint(i), fmt.Sprint("c", i), "agent", time.Now().Add(time.Duration(i-20)*time.Millisecond))
		}
		defer b.run()()
		for range 20 { // kicks do not make workers
			b.lane.Kick()
			synctest.Wait()
		}
		b.put("urgent", "c0", "safety", time.Now())
		time.Sleep(5 * time.Second)
		synctest.Wait()
		b.mu.Lock()
		order, most := slices.Clone(b.log), b.most
		b.mu.Unlock()
		if most != 3 || len(order) != 11 {
			t.Errorf("got %d at once and %v, want 3 at once and eleven done", most, order)
		}
		if i := slices.Index(order, "urgent"); i < 3 || i > 5 {
			t.Errorf("order: got %v, want the urgent one with the first free worker", order)
		}
		for _, limit := range b.store.limits {
			if limit < 1 || limit > 3 {
				t.Errorf("claimed for %d workers, of 3", limit)
			}
		}
	})
}

func TestAPanicIsReportedAndTheLeaseRunsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := true
		b := newBench(t, 2, func(ctx context.Context, b *bench, it molt.Leased) {
			if first {
				first = false
				panic("the patient's words")
			}
			finish(ctx, b, it)
		})
		b.put("i", "c1", "agent", time.Now())
		defer b.run()()
		b.did("i")
		var p *lane.PanicError
		if len(b.errs) != 1 || !errors.As(b.errs[0], &p) || p.Item != "i" || len(p.Stack) == 0 {
			t.Fatalf("errors: got %v, want one panic over item i", b.errs)
		}
		if strings.Contains(p.Error(), "words") {
			t.Errorf("the error shows the value: %v", p)
		}
		time.Sleep(10*time.Second - time.Millisecond)
		b.did()
		time.Sleep(time.Millisecond)
		synctest.Wait()
		b.did("i")
	})
}

func TestTheContextEndsWithTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 1, func(ctx context.Context, b *bench, it molt.Leased) {
			begun := time.Now()
			<-ctx.Done()
			if took := time.Since(begun); took != 10*time.Second {
				t.Errorf("the context ended after %v, want 10s", took)
			}
		})
		b.put("i", "c1", "agent", time.Now())
		end := b.run()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		b.did("i", "i")
		b.commit(molt.Batch{Cancel: []molt.ItemID{"i"}})
		time.Sleep(10 * time.Second)
		if err := end(); err != nil {
			t.Errorf("run: got %v", err)
		}
	})
}

func TestRunWaitsForWhatItStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := false
		b := newBench(t, 1, func(ctx context.Context, b *bench, it molt.Leased) {
			<-ctx.Done()
			time.Sleep(3 * time.Second) // what it takes to put things down
			ended = true
		})
		b.put("i", "c1", "agent", time.Now())
		if err := b.run()(); err != nil || !ended {
			t.Errorf("run: got %v, the worker had ended: %v", err, ended)
		}
	})
}

func TestErrorsOfTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, 1, finish)
		b.store.failWith(errors.New("a passing fault"))
		b.put("i", "c1", "agent", time.Now())
		end := b.run()
		if len(b.errs) != 1 {
			t.Errorf("errors: got %v, want one", b.errs)
		}
		b.store.failWith(nil)
		time.Sleep(time.Second)
		synctest.Wait()
		b.did("i")
		b.store.failWith(fmt.Errorf("claim: %w", molt.ErrBroken))
		b.lane.Kick()
		synctest.Wait()
		if err := end(); !errors.Is(err, molt.ErrBroken) {
			t.Errorf("run over a broken store: got %v, want ErrBroken", err)
		}
	})
}

func TestStepStartsNothing(t *testing.T) {
	b := newBench(t, 2, func(context.Context, *bench, molt.Leased) { t.Error("Step worked") })
	now := time.UnixMilli(5_000_000)
	for _, id := range []string{"1", "2", "3"} {
		b.put(id, "c"+id, "agent", now.Add(-time.Minute))
	}
	b.put("4", "c4", "agent", now.Add(time.Second))
	items, next, err := b.lane.Step(context.Background(), now, 2)
	if err != nil || len(items) != 2 || next != molt.TimeOf(now.Add(-time.Minute)) {
		t.Errorf("first step: got %d items, next %v, %v", len(items), next, err)
	}
	items, next, err = b.lane.Step(context.Background(), now, 2)
	if err != nil || len(items) != 1 || items[0].ID != "3" || next != molt.TimeOf(now.Add(time.Second)) {
		t.Errorf("second step: got %v, next %v, %v", items, next, err)
	}
	if got := items[0].Lease.Until; got != molt.TimeOf(now.Add(10*time.Second)) {
		t.Errorf("end of the lease: got %v", got)
	}
}

func TestNewNamesWhatIsMissing(t *testing.T) {
	do := func(context.Context, molt.Leased) {}
	for want, o := range map[string]lane.Options{
		"store":   {Do: do, Classes: []molt.Lane{"agent"}},
		"nothing": {Store: memstore.New(), Classes: []molt.Lane{"agent"}},
		"classes": {Store: memstore.New(), Do: do},
		"workers": {Store: memstore.New(), Do: do, Classes: []molt.Lane{"agent"}, Workers: -1},
		"leases":  {Store: memstore.New(), Do: do, Classes: []molt.Lane{"agent"}, LeaseFor: -1},
	} {
		if _, err := lane.New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to speak of %q", err, want)
		}
	}
}
