package main

import (
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/gateway/sim"
)

// TestAWorldThatDoesNotEnd: one that waits for what never comes is named, with where
// it waits, instead of keeping the others waiting.
func TestAWorldThatDoesNotEnd(t *testing.T) {
	never := make(chan struct{})
	defer close(never)
	stuck := life(func(sim.Options, uint64) (sim.Result, error) {
		<-never
		return sim.Result{}, nil
	})
	_, err := stuck.within(time.Millisecond, sim.Options{}, 7)
	if err == nil || !strings.HasPrefix(err.Error(), "seed 7 does not end within 1ms") || !strings.Contains(err.Error(), "TestAWorldThatDoesNotEnd") {
		t.Errorf("got %v; want the seed and where it stands", err)
	}
	ends := life(func(_ sim.Options, seed uint64) (sim.Result, error) { return sim.Result{Seed: seed}, nil })
	if r, err := ends.within(time.Minute, sim.Options{}, 7); err != nil || r.Seed != 7 {
		t.Errorf("got %+v, %v; want the world's own result", r, err)
	}
}
