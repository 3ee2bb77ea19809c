package outbox_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/channels/outbox"
	"github.com/tidegate/tidegate/molt"
)

func TestMeterServesByClass(t *testing.T) {
	m := outbox.NewMeter(1)
	enter := func(c channels.Class, n int) outbox.Ticket {
		ticket, ok := m.Enter(c, n)
		if !ok {
			t.Fatalf("Enter(%s) refused", c)
		}
		return ticket
	}
	agent1, agent2 := enter(channels.ClassAgent, 1), enter(channels.ClassAgent, 1)
	nurse := enter(channels.ClassNurse, 1)
	page := enter(channels.ClassPage, 1)
	safety := enter(channels.ClassSafety, 3)

	served, wait := m.Take(start)
	if want := []outbox.Ticket{safety, page}; !slices.Equal(served, want) {
		t.Errorf("first served %v, want the safety text and the page, %v", served, want)
	}
	// The bucket held 1 and 4 are spent: 3 are owed, and 1 more is needed.
	if wait != 4*time.Second {
		t.Errorf("the nurse waits %s, want 4s", wait)
	}
	for _, step := range []struct {
		at   time.Duration
		want []outbox.Ticket
	}{{3999 * time.Millisecond, nil}, {4 * time.Second, []outbox.Ticket{nurse}}, {5 * time.Second, []outbox.Ticket{agent1}}, {6 * time.Second, []outbox.Ticket{agent2}}} {
		if served, _ := m.Take(start.Add(step.at)); !slices.Equal(served, step.want) {
			t.Errorf("after %s served %v, want %v", step.at, served, step.want)
		}
	}
}

func TestMeterNeverStarvesSafety(t *testing.T) {
	m := outbox.NewMeter(1)
	m.Enter(channels.ClassAgent, 10)
	if served, _ := m.Take(start); len(served) != 1 {
		t.Fatalf("the agent's long text was not served from a full bucket")
	}
	for range 20 {
		m.Enter(channels.ClassAgent, 10)
	}
	safety, _ := m.Enter(channels.ClassSafety, 2)
	if served, _ := m.Take(start); !slices.Equal(served, []outbox.Ticket{safety}) {
		t.Errorf("served %v right after a long agent text, want the safety text %d at once", served, safety)
	}
}

func TestMeterKeepsItsRate(t *testing.T) {
	m := outbox.NewMeter(3)
	for range 300 {
		m.Enter(channels.ClassAgent, 2)
	}
	n := 0
	for ms := range molt.Time(60_000) {
		served, _ := m.Take(start + ms)
		n += 2 * len(served)
	}
	// A minute at 3 a second, the bucket of one second and the last debt.
	if n < 180 || n > 180+3+2 {
		t.Errorf("%d segments left in a minute, want about 180", n)
	}
}

func TestMeterQueueIsBounded(t *testing.T) {
	m := outbox.NewMeter(1)
	for i := range outbox.MaxWaiting {
		if _, ok := m.Enter(channels.ClassAgent, 1); !ok {
			t.Fatalf("text %d refused", i)
		}
	}
	if _, ok := m.Enter(channels.ClassAgent, 1); ok {
		t.Error("a text over MaxWaiting was taken")
	}
	if _, ok := m.Enter(channels.ClassSafety, 1); !ok {
		t.Error("a full agent queue keeps a safety text out")
	}
}

func TestBudgetWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := outbox.NewBudget(nil, nil)
		var mu sync.Mutex
		var order []channels.Class
		var done sync.WaitGroup
		begin := time.Now()
		wait := func(c channels.Class) {
			done.Go(func() {
				if err := b.Wait(t.Context(), "+15550100100", c, 1); err != nil {
					t.Errorf("Wait(%s): %v", c, err)
				}
				mu.Lock()
				order = append(order, c)
				mu.Unlock()
			})
			synctest.Wait()
		}
		wait(channels.ClassAgent) // takes the bucket
		for _, c := range []channels.Class{channels.ClassAgent, channels.ClassNurse, channels.ClassPage, channels.ClassSafety} {
			wait(c)
		}
		done.Wait()
		want := []channels.Class{channels.ClassAgent, channels.ClassPage, channels.ClassSafety, channels.ClassNurse, channels.ClassAgent}
		if !slices.Equal(order, want) {
			t.Errorf("served %v, want %v", order, want)
		}
		if took := time.Since(begin); took != 4*time.Second {
			t.Errorf("five segments took %s of a long code, want 4s", took)
		}
	})
}

func TestBudgetLetsGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := outbox.NewBudget(nil, nil)
		const sender = "+15550100100"
		if err := b.Wait(t.Context(), sender, channels.ClassAgent, 10); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := b.Wait(ctx, sender, channels.ClassNurse, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Wait = %v, want the context's error", err)
		}
		begin := time.Now()
		if err := b.Wait(t.Context(), sender, channels.ClassAgent, 1); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took != 9*time.Second {
			t.Errorf("waited %s, want 9s: the place that was given up must cost nothing", took)
		}
	})
}

func TestBudgetKnowsNoLimitForOthers(t *testing.T) {
	b := outbox.NewBudget(nil, nil)
	for range 100 {
		if err := b.Wait(t.Context(), "visitor-7", channels.ClassAgent, 5); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDefaultRate(t *testing.T) {
	for sender, want := range map[molt.Address]float64{
		"+15550100100": 1, "+18005550100": 3, "+18775550100": 3, "12345": 100, "whatsapp:+15550100100": 80, "web-1": 0, "": 0, "+4930123456": 1,
	} {
		if got := outbox.DefaultRate(sender); got != want {
			t.Errorf("DefaultRate(%q) = %v, want %v", sender.Reveal(), got, want)
		}
	}
}
