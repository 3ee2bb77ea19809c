package escalation

import (
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/molt"
)

// sound is a plan without a fault, to be spoiled one way at a time.
func sound(t *testing.T) Plan {
	t.Helper()
	s := &story{t: t}
	s.reset()
	s.plan("", strings.Fields("nurses=alice,bob leads=carol HANDS=alice,bob,carol,dan ADMINS=dan HOURS=8-18"))
	return s.p
}

// said is each fault as a line.
func said(p Plan) []string {
	var out []string
	for _, f := range p.Validate() {
		out = append(out, f.String())
	}
	return out
}

func TestValidateFindsWhatIsDeadly(t *testing.T) {
	terms := func(sev Severity, f func(*Terms)) func(*Plan) {
		return func(p *Plan) { v := p.Terms[sev]; f(&v); p.Terms[sev] = v }
	}
	for _, c := range []struct {
		spoil func(*Plan)
		want  string
	}{
		{func(*Plan) {}, ""},
		{func(p *Plan) { p.Terms = nil }, ""}, // the defaults
		{terms(S1, func(v *Terms) { v.Ack = -time.Second }), "S1.ack is -1s"},
		{terms(S1, func(v *Terms) { v.Ack = 2 }), "S1.ack is 2ns"},
		{terms(S1, func(v *Terms) { v.Ack = 20 * time.Minute }), "an unanswered S1 takes 40m0s"},
		{terms(S1, func(v *Terms) { v.AllHandsEvery = time.Hour }), "S1 calls all hands every 1h0m0s"},
		{terms(S2, func(v *Terms) { v.Ack = time.Minute }), "S1 waits 2m0s for an answer and the milder S2 only 1m0s"},
		{terms(S2, func(v *Terms) { v.Rounds = 101 }), "S2.rounds is 101"},
		{func(p *Plan) { p.Terms["S5"] = Terms{} }, `no severity "S5"`},
		{func(p *Plan) { p.CoolDown = -1 }, "cool_down"},
		{func(p *Plan) { p.Steps = nil }, "the chain is empty"},
		{func(p *Plan) { p.Steps[0].Name = "" }, "no name"},
		{func(p *Plan) { p.Steps[1].Name = "nurses" }, "the name of an earlier step"},
		{func(p *Plan) { p.Steps[0].Ack = -1 }, "ack is -1ns"},
		{func(p *Plan) { p.Steps[0].OnCall = nil }, "nobody on call"},
		{func(p *Plan) { p.Steps[0].OnCall[0].Person = "mallory" }, `"mallory" is not among the people`},
		{func(p *Plan) { p.Steps[0].OnCall[0].Hours = &Hours{Spans: []Span{{From: 9999}}} }, `step 1 "nurses", "alice": span 1`},
		{func(p *Plan) { p.AllHands = []molt.PersonID{"mallory"} }, `all_hands[0]: "mallory"`},
		{func(p *Plan) { p.Admins = nil }, "admins: nobody"},
		{func(p *Plan) { p.Hours.Zone = nil }, "hours: no time zone"},
		{func(p *Plan) { p.People["bob"] = Person{ID: "rob", Routes: person("bob").Routes} }, `"rob" is filed under "bob"`},
		{func(p *Plan) { p.People["bob"] = Person{ID: "bob"} }, `"bob" has no route`},
		{func(p *Plan) { p.People["bob"] = Person{ID: "bob", Routes: []Route{{Name: "sms"}}} }, "without name, channel or address"},
		{func(p *Plan) {
			r := person("bob").Routes[0]
			p.People["bob"] = Person{ID: "bob", Routes: []Route{r, r}}
		}, `two routes named "sms"`},
	} {
		p := sound(t)
		c.spoil(&p)
		got := strings.Join(said(p), "\n")
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

// TestWorstCaseIsWhatHappens lets nobody answer and compares the time at which
// the last new person was paged with what WorstCase said before.
func TestWorstCaseIsWhatHappens(t *testing.T) {
	for i, p := range worlds(t) {
		for _, st := range p.Steps {
			for j := range st.OnCall {
				st.OnCall[j].Hours = nil // the worst is when everybody is on call and nobody answers
			}
		}
		for _, sev := range []Severity{S1, S2} {
			start := at(t, zone(t, "America/New_York"), "2026-03-03 03:00")
			want, ok := p.WorstCase(sev)
			asked := map[molt.PersonID]bool{}
			var last time.Duration
			c, acts := Next(Case{}, p, Event{Kind: EventOpen, Severity: sev, Why: KindScreen}, start)
			for now := start; now < start.Add(72*time.Hour); {
				for _, a := range acts {
					if a.Kind == ActPage && !asked[a.Page.Person] {
						asked[a.Page.Person] = true
						last = now.Sub(start)
					}
				}
				if c.Due <= now {
					t.Fatalf("plan %d, %s: no timer stands ahead of %v: %s", i, sev, now, js(c))
				}
				now = c.Due
				c, acts = Next(c, p, Event{Kind: EventTick}, now)
			}
			if ok != (len(asked) > 0) || last != want {
				t.Errorf("plan %d, %s: WorstCase says %v %v, it took %v to ask %v", i, sev, want, ok, last, asked)
			}
		}
	}
}

func TestWorstCaseInHours(t *testing.T) {
	p := sound(t)
	for sev, want := range map[Severity]time.Duration{S3: 63 * time.Hour, S4: 72 * time.Hour} {
		if got, ok := p.WorstCase(sev); !ok || got != want {
			t.Errorf("%s: got %v %v, want %v", sev, got, ok, want)
		}
	}
}

func TestHoles(t *testing.T) {
	s := &story{t: t}
	s.reset()
	s.plan("", strings.Fields("nights=alice days=bob SHIFT=alice:22-6 SHIFT=bob:6-20 ADMINS=dan"))
	got := s.p.Holes(s.now)
	if len(got) != 7 || got[0] != (Hole{From: s.now.Add(10 * time.Hour), To: s.now.Add(12 * time.Hour)}) {
		t.Errorf("from 20 to 22 every day, got %v", got)
	}
	if h := sound(t).Holes(s.now); h != nil {
		t.Errorf("somebody is always on call, got %v", h)
	}
	if h := (Plan{}).Holes(s.now); len(h) != 1 || h[0].To.Sub(h[0].From) != 7*24*time.Hour {
		t.Errorf("nobody ever is, got %v", h)
	}
}
