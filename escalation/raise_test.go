package escalation

import (
	"slices"
	"testing"
	"time"

	"github.com/tidegate/tidegate/molt"
)

// An operator at the machine holds a case and has no phone: a new red flag must
// ring somebody who has one, and promise nobody else.
func TestARedFlagOnAnOperatorsCasePagesTheChain(t *testing.T) {
	p := Plan{
		Terms: DefaultTerms(), Hours: Hours{Zone: time.UTC}, Steps: []Step{{Name: "first", OnCall: []Shift{{Person: "alice"}}}},
		People: map[molt.PersonID]Person{"alice": {ID: "alice", Role: RoleNurse, Routes: []Route{{Name: "sms", Channel: "main", Address: "+15550100111"}}}},
	}
	now := molt.TimeOf(time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC))
	c, _ := Next(Case{}, p, Event{Kind: EventOpen, ID: "c_a#1", Number: 1, Why: KindScreen, Severity: S1}, now)
	c, _ = Next(c, p, Event{Kind: EventClaim, Actor: "os:root", Version: c.Version}, now.Add(time.Second))
	if !c.Held() {
		t.Fatalf("the operator did not get the case: %s", c.State)
	}
	c, acts := Next(c, p, Event{Kind: EventRedFlag, Severity: S1}, now.Add(time.Minute))
	paged := slices.ContainsFunc(acts, func(a Action) bool { return a.Kind == ActPage && a.Page.Person == "alice" })
	if !paged || c.Held() {
		t.Errorf("state %s, paged %v; want the chain asked again", c.State, paged)
	}
}
