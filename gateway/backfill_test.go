package gateway

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/gateway/agent"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/screen"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/memstore"
	"github.com/tidegate/tidegate/molt/seal"
)

const secondLine = molt.Address("+15550100102")

// longLists are two numbers' lists, of several parts each.
type longLists struct {
	wire
	clock *time.Time
	parts map[molt.Address]int
	down  bool
	calls []string
}

func (l *longLists) Accounts() []molt.Address { return []molt.Address{clinic, secondLine} }

func (l *longLists) ListInbound(_ context.Context, account molt.Address, since molt.Time, from channels.Cursor, _ func(string) bool) ([]channels.Inbound, channels.Cursor, error) {
	l.calls = append(l.calls, fmt.Sprintf("%s back to %s, from %q", account.Reveal()[9:], l.clock.Sub(since.Std()), from))
	if l.down {
		return nil, from, errors.New("down")
	}
	n := len(from) + 1
	if n < l.parts[account] {
		return nil, from + "x", nil
	}
	return nil, "", nil
}

// TestListsAreReadByTurns: of each list the newest comes before anything older of
// another; a long one is read on a moment later, not at the next look, and never at once;
// one that broke off is tried again soon.
func TestListsAreReadByTurns(t *testing.T) {
	ring, err := seal.LoadOrCreate(t.TempDir()+"/tenant.key", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	scr, err := screen.New()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)
	l := &longLists{clock: &now, parts: map[molt.Address]int{clinic: 3, secondLine: 2}}
	session, err := agent.New(agent.Options{Providers: []model.Provider{&thinker{do: says("hello")}}, Timeout: bound})
	if err != nil {
		t.Fatal(err)
	}
	var public, private string
	g, err := New(Options{
		Store: memstore.New(), Ring: ring, Screen: scr, Public: listen(t, &public), Private: listen(t, &private), Now: func() time.Time { return now },
		Parts: Parts{
			Rules: rules(t), Adapters: map[string]channels.Adapter{"main": l}, Session: session, SegmentsPerSecond: 1000, Persona: model.Persona{Languages: []string{"en"}},
			Backfill: Backfill{Enabled: true, Every: 5 * time.Minute, Overlap: time.Hour, Since: now.Add(-72 * time.Hour)},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.markStart(t.Context(), g.force.Load()); err != nil {
		t.Fatal(err)
	}
	var s looks
	look := func(after, wait time.Duration, want ...string) {
		t.Helper()
		now = now.Add(after)
		l.calls = nil
		g.lookIfDue(t.Context(), &s)
		if !slices.Equal(l.calls, want) || s.next.Sub(now) != wait {
			t.Errorf("after %s it read %q and waits %s; want %q and %s", after, l.calls, s.next.Sub(now), want, wait)
		}
	}
	// The first start was 72 hours ago by the configuration: nothing before it is ours.
	look(0, lookBreath, `101 back to 72h0m0s, from ""`, `102 back to 72h0m0s, from ""`)
	look(lookBreath/2, lookBreath/2)
	look(lookBreath/2, lookBreath, `101 back to 72h0m1s, from "x"`, `102 back to 72h0m1s, from "x"`)
	look(lookBreath, 5*time.Minute-2*lookBreath, `101 back to 72h0m2s, from "xx"`)
	l.parts = nil
	look(5*time.Minute-2*lookBreath, 5*time.Minute, `101 back to 1h5m0s, from ""`, `102 back to 1h5m0s, from ""`)
	l.down = true
	look(5*time.Minute, lookAgain, `101 back to 1h5m0s, from ""`, `102 back to 1h5m0s, from ""`)
	l.down = false
	look(lookAgain, lookBreath, `101 back to 1h0m30s, from ""`, `102 back to 1h0m30s, from ""`)
	look(lookBreath, 5*time.Minute-lookBreath, `101 back to 1h5m31s, from ""`, `102 back to 1h5m31s, from ""`)
	look(24*time.Hour, 5*time.Minute, `101 back to 48h0m1s, from ""`, `102 back to 48h0m1s, from ""`)
}
