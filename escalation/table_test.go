package escalation

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/escalation/storytest"
	"github.com/tidegate/tidegate/molt"
)

// TestEveryPairIsDefined meets every state with every event, by the right
// person, a wrong one and nobody, and writes what happens as a table.
func TestEveryPairIsDefined(t *testing.T) {
	const file = "testdata/pairs.table"
	var out bytes.Buffer
	fmt.Fprintln(&out, "# state, event, who acts: the state after it, and what is done")
	s := &story{t: t}
	s.reset()
	s.plan("", strings.Fields("nurses=alice,bob leads=carol HANDS=alice,bob,carol,dan ADMINS=dan HOURS=8-18"))
	kinds := append(eventKinds(), "unheard_of")
	for _, st := range statesOf(s) {
		for _, k := range kinds {
			actors := []molt.PersonID{""}
			if k.Staff() {
				actors = []molt.PersonID{"alice", "bob", ""}
			}
			for _, who := range actors {
				e := Event{
					Kind: k, ID: "c_ab12#1", Number: 1, Why: KindScreen, Severity: S2, Category: "fever",
					Actor: who, To: "carol", Version: st.Version, PageID: lastPage(st),
				}
				if k == EventLower {
					e.Severity = S4
				}
				now := max(s.now, st.Due)
				c, acts := Next(st, s.p, e, now)
				checkStep(t, st, s.p, e, now, c, acts)
				fmt.Fprintf(&out, "%-10s %-13s %-6s %-10s %s\n", name(st), k, who, name(c), kindsOf(acts))
			}
		}
		fmt.Fprintln(&out)
	}
	want, err := os.ReadFile(file)
	if err != nil && !*storytest.Update {
		t.Fatal(err)
	}
	storytest.Compare(t, file, want, out.Bytes())
}

// eventKinds lists every kind of event.
func eventKinds() []EventKind {
	return []EventKind{
		EventOpen, EventTick,
		EventClaim, EventPass, EventTransfer, EventResolve, EventLower, EventContact, EventRelay, EventNote,
		EventRaise, EventRedFlag, EventWantsPerson, EventPatientText, EventCannotText,
		EventPageSent, EventPageFailed,
	}
}

// statesOf walks one case into each state, an S3 at night for listed; last come
// the case that is not there and a state of a later build.
func statesOf(s *story) []Case {
	step := func(c Case, e Event) Case {
		e.ID, e.Version = "c_ab12#1", c.Version
		c, _ = Next(c, s.p, e, max(s.now, c.Due*map[EventKind]molt.Time{EventTick: 1}[e.Kind]))
		return c
	}
	notified := step(Case{}, Event{Kind: EventOpen, Severity: S2})
	exhausted := notified
	for range 3 * defaultTerms(S2).Rounds {
		exhausted = step(exhausted, Event{Kind: EventTick})
	}
	claimed := step(notified, Event{Kind: EventClaim, Actor: "alice"})
	active := step(claimed, Event{Kind: EventContact, Actor: "alice"})
	resolved := step(active, Event{Kind: EventResolve, Actor: "alice"})
	strange := notified
	strange.State = "asleep"
	return []Case{
		{},
		step(Case{}, Event{Kind: EventOpen, Severity: S3}), notified, exhausted,
		claimed, active, resolved, step(resolved, Event{Kind: EventTick}), strange,
	}
}

func name(c Case) string {
	if c.State == "" {
		return "none"
	}
	return string(c.State)
}

func lastPage(c Case) string {
	if len(c.Pages) == 0 {
		return ""
	}
	return c.Pages[len(c.Pages)-1].ID
}

func kindsOf(acts []Action) string {
	var out []string
	for _, a := range acts {
		w := string(a.Kind)
		switch a.Kind {
		case ActNotice:
			w += ":" + string(a.Notice)
		case ActRefused:
			w += ":" + string(a.Why)
		case ActTell:
			w += ":" + string(a.Text)
		}
		if len(out) == 0 || out[len(out)-1] != w {
			out = append(out, w)
		}
	}
	if len(out) == 0 {
		return "-"
	}
	return strings.Join(out, " ")
}

func TestSeverity(t *testing.T) {
	for _, c := range []struct{ a, b, want Severity }{
		{S1, S4, S1}, {S4, S3, S3}, {"", S4, S2}, {"S0", S1, S1}, {"s1", "junk", S2}, {S4, S4, S4},
	} {
		if got := c.a.Worse(c.b); got != c.want || c.b.Worse(c.a) != c.want {
			t.Errorf("worse of %q and %q: got %s, want %s", c.a, c.b, got, c.want)
		}
	}
}
