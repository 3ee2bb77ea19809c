package escalation

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/raced"
)

// checkStep judges one step of the machine against what must hold of every one.
func checkStep(t testing.TB, was Case, p Plan, e Event, now molt.Time, c Case, acts []Action) {
	t.Helper()
	fail := func(why string) {
		t.Helper()
		t.Fatalf("%s\nevent %+v at %v\nbefore %s\nafter %s\nactions %s", why, e, now, js(was), js(c), js(acts))
	}
	checkClock(was, p, e, sane(now), c, acts, fail)
	checkSeverity(was, p, e, c, fail)
	checkClaim(was, p, e, c, acts, fail)
	checkPages(p, c, acts, fail)
	checkSilence(was, p, e, sane(now), c, acts, fail)
}

func js(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func count(acts []Action, f func(Action) bool) int {
	return len(slices.DeleteFunc(slices.Clone(acts), func(a Action) bool { return !f(a) }))
}

func checkClock(was Case, p Plan, e Event, now molt.Time, c Case, acts []Action, fail func(string)) {
	if want := c.State == "" || c.State == StateClosed; (c.Due == 0) != want {
		fail("a case that is not over has no timer, or one that is over has one")
	}
	timers := count(acts, func(a Action) bool { return a.Kind == ActTimer })
	if timers > 1 || timers == 0 && c.Due != was.Due {
		fail("the timer moved and nobody was told, or twice")
	}
	if e.Kind == EventTick && c.Due != 0 && (timers != 1 || c.Due <= now) {
		fail("after a tick no timer stands ahead")
	}
	if c.Unclaimed() && c.Severity.Rank() <= 2 && c.Due != was.Due {
		longest := max(p.terms(c.Severity).Ack, p.terms(c.Severity).AllHandsEvery)
		for _, r := range c.Chain {
			longest = max(longest, r.Ack)
		}
		if c.Beside != "" { // somebody is asked about the case that it stands beside
			longest = max(longest, BesideEvery)
		}
		if c.Due > now.Add(longest) {
			fail("an urgent case that nobody holds waits longer than a step")
		}
	}
}

func checkSeverity(was Case, p Plan, e Event, c Case, fail func(string)) {
	changed := c.State != was.State || c.Claimant != was.Claimant || c.Severity != was.Severity
	if want := was.Version + map[bool]int{true: 1}[changed]; c.Version != want {
		fail("the version counts something else than state, claimant and severity")
	}
	if was.State == "" || c.Severity.Rank() <= was.Severity.Rank() {
		return
	}
	falseAlarm := was.Resolution != nil && was.Resolution.FalseAlarm && c.State != was.State
	if !falseAlarm && (e.Kind != EventLower || !p.named(e.Actor) && e.Actor != was.Claimant) {
		fail("somebody but a named human lowered the severity")
	}
}

func checkClaim(was Case, p Plan, e Event, c Case, acts []Action, fail func(string)) {
	if c.Held() != (c.Claimant != "") {
		fail("held without a claimant, or a claimant without holding")
	}
	if slices.Contains(c.Exclude, c.Claimant) && c.Claimant != was.Claimant {
		fail("the case went to somebody it is about")
	}
	if was.Held() && c.Held() && c.Claimant != was.Claimant && (e.Kind != EventTransfer || e.Actor != was.Claimant) {
		fail("the case was taken out of the claimant's hands")
	}
	if c.Settled() && !was.Settled() && (e.Kind != EventResolve || e.Actor != was.Claimant || e.Version != was.Version) {
		fail("somebody but its claimant ended the case")
	}
	if was.State == StateClosed && c.State != StateClosed {
		fail("a closed case came back")
	}
	answers := count(acts, func(a Action) bool { return a.Answer })
	if e.Kind.Staff() && answers != 1 || answers > 1 {
		fail("an act of staff has not exactly one answer")
	}
	if e.Kind.Staff() && e.Actor != was.Claimant && !p.named(e.Actor) && (c.Version != was.Version || c.Due > was.Due) {
		fail("a stranger changed the case")
	}
	owners := count(acts, func(a Action) bool { return a.Kind == ActOwner })
	if want := map[bool]int{true: 1}[c.Owner() != was.Owner()]; owners != want {
		fail("the owner changed unsaid, or did not and was said to")
	}
}

func checkPages(p Plan, c Case, acts []Action, fail func(string)) {
	seen := map[molt.PersonID]bool{}
	for _, pg := range c.Pages {
		if seen[pg.Person] {
			fail("two pages of one person are kept")
		}
		seen[pg.Person] = true
		if pg.Live() && (c.State == StateListed || c.Settled()) {
			fail("somebody is still asked though nothing is asked")
		}
		if pg.Live() && c.Held() && pg.Person != c.Claimant {
			fail("somebody is still asked though another has it")
		}
	}
	made := map[string]bool{}
	for _, a := range acts {
		switch a.Kind {
		case ActPage:
			made[a.Page.ID] = true
			got, ok := c.Page(a.Page.ID)
			if !ok || !got.Live() || !reflect.DeepEqual(got, a.Page) {
				fail("a page leaves that the case does not know")
			}
			if slices.Contains(c.Exclude, a.Page.Person) {
				fail("the person the case is about is paged")
			}
			if c.Severity == S4 && c.Unclaimed() {
				fail("an S4 rang")
			}
			if a.Page.Version != c.Version {
				fail("a page carries another version than the case")
			}
		case ActWithdraw:
			if made[a.Page.ID] {
				fail("a page is made and withdrawn in one step")
			}
		case ActTell:
			if a.Promised && c.Severity.Rank() <= 2 && len(made) == 0 && !c.Held() && !slices.ContainsFunc(c.Pages, Page.Live) &&
				count(acts, func(a Action) bool { return a.Kind == ActPage }) == 0 {
				fail("a promise without a page")
			}
		}
	}
	if len(c.Evidence) > maxEvidence || len(c.Said) > maxSaid {
		fail("the case grows without limit")
	}
}

// checkSilence: an urgent case that nobody holds pages somebody at every tick
// and whenever it comes to that, as long as there is anybody.
func checkSilence(was Case, p Plan, e Event, now molt.Time, c Case, acts []Action, fail func(string)) {
	paged := count(acts, func(a Action) bool { return a.Kind == ActPage }) > 0
	became := !was.Unclaimed() || c.Severity != was.Severity && e.Kind != EventLower || e.Kind == EventTick && now >= was.Due
	if c.Crowd != "" && (c.State != StateListed || paged || became && e.Crowd != c.Crowd) {
		fail("it waits behind a case that nobody named, or somebody is paged for it")
	}
	if c.Unclaimed() && c.Severity.Rank() <= 2 && became && !paged && c.Crowd == "" {
		m := machine{c: c, p: p, now: now}
		if len(m.askable()) > 0 {
			fail("an urgent case that nobody holds is silent")
		}
		heard := func(s Said) bool { return s.What == "admin:nobody:" && now.Sub(s.At) < p.terms(c.Severity).Retell }
		if !slices.ContainsFunc(c.Said, heard) {
			fail("nobody can be asked and the admin does not hear")
		}
	}
	if (e.Kind == EventRedFlag || e.Kind == EventOpen) && c.Severity.Rank() <= 3 && c.Severity.Rank() < was.rankOr(5) &&
		c.State != StateClosed && c.State != "" && (!c.Held() || c.Severity != S3) && // "a nurse reads this" is not for whom one has in hand
		e.Why != KindNurse && count(acts, func(a Action) bool { return a.Kind == ActTell }) != 1 {
		fail("it got worse and the patient hears nothing")
	}
	unheard := c.Held() && c.Unanswered != 0 && !p.reachable(c.Claimant)
	if unheard && c.Severity.Rank() <= 2 && c.Due > max(now, c.Unanswered.Add(p.UnseenFor(c.Severity))) {
		fail("a patient's words lie longer than their time with somebody who has no phone")
	}
	if c.State == StateClosed && (e.Kind == EventRedFlag || e.Kind == EventWantsPerson) &&
		count(acts, func(a Action) bool { return a.Kind == ActOpen }) != 1 {
		fail("a word to a closed case fell into the gap")
	}
}

func (c Case) rankOr(none int) int {
	if c.State == "" {
		return none
	}
	return c.Severity.Rank()
}

// worlds are the plans a random case lives through; the configuration may change
// at any moment.
func worlds(t testing.TB) []Plan {
	ny := zone(t, "America/New_York")
	s := &story{t: t, zone: ny}
	var out []Plan
	for _, line := range []string{
		"nurses=alice,bob leads=carol HANDS=alice,bob,carol,dan ADMINS=dan HOURS=8-18",
		"nurses=alice leads=carol;1m SHIFT=alice:22-6 ADMINS=dan HOURS=8-18",
		"leads=carol HANDS=bob MUTE=carol,alice",
		"nurses=alice,alice,bob nights=dan owners=carol SHIFT=dan:20-4 SHIFT=bob:8-20",
		"nurses=alice HANDS=alice MUTE=alice",
		"nurses=alice",
		"",
	} {
		s.plan(line, strings.Fields(line))
		out = append(out, s.p)
	}
	bad := out[0]
	bad.Terms = map[Severity]Terms{S1: {Ack: -1, Rounds: 1 << 40}, S2: {AllHandsEvery: time.Hour}, "S9": {}}
	bad.Hours = Hours{Spans: []Span{{Day: 12, From: -5, To: 9999}}}
	return append(out, bad, Plan{})
}

// life drives one case through events read from a source of bytes.
type life struct {
	t      testing.TB
	worlds []Plan
	next   func(n int) int
	c      Case
	p      Plan
	now    molt.Time
}

func (l *life) run(steps int) {
	l.p = l.worlds[l.next(len(l.worlds))]
	l.now = molt.TimeOf(time.Date(2026, time.March, 6, l.next(24), l.next(60), 0, 0, time.UTC))
	for range steps {
		if l.next(12) == 0 {
			l.p = l.worlds[l.next(len(l.worlds))]
		}
		l.step(l.event())
	}
}

func (l *life) step(e Event) []Action {
	before := js(l.c)
	c, acts := Next(l.c, l.p, e, l.now)
	if js(l.c) != before {
		l.t.Fatalf("Next changed what it was given: %s became %s by %+v", before, js(l.c), e)
	}
	checkStep(l.t, l.c, l.p, e, l.now, c, acts)
	var read Case
	if err := json.Unmarshal([]byte(before), &read); err != nil {
		l.t.Fatal(err)
	}
	if again, doing := Next(read, l.p, e, l.now); js(again) != js(c) || js(doing) != js(acts) {
		l.t.Fatalf("a stored case goes on otherwise: %s against %s", js(again), js(c))
	}
	l.c = c
	return acts
}

func (l *life) event() Event {
	people := []molt.PersonID{"alice", "bob", "carol", "dan", "os:root", "mallory", ""}
	kinds := eventKinds()
	sevs := []Severity{S1, S2, S3, S4, S1, S2, "", "S7"}
	e := Event{
		Kind: kinds[l.next(len(kinds))], ID: "c_ab12#1", Number: 1,
		Severity: sevs[l.next(len(sevs))], Actor: people[l.next(len(people))], To: people[l.next(len(people))],
		Version: l.c.Version - l.next(3) + l.next(2), FalseAlarm: l.next(3) == 0, Evidence: []uint64{uint64(l.next(200))},
		Category: []string{"", "chest_pain", "self_harm"}[l.next(3)],
		Why:      []Kind{KindScreen, KindNurse, KindAgent, ""}[l.next(4)],
	}
	if l.next(2) == 0 && l.c.Claimant != "" {
		e.Actor = l.c.Claimant
	}
	if l.next(4) == 0 {
		e.NextOwner = OwnerHuman
	}
	if l.next(8) == 0 {
		e.Exclude = []molt.PersonID{people[l.next(4)]}
	}
	if l.next(3) == 0 {
		e.Beside, e.Ask = "K7Q2", people[l.next(len(people))]
	}
	if l.next(3) == 0 {
		e.Crowd = "M3PQ"
	}
	if n := len(l.c.Pages); n > 0 {
		e.PageID = l.c.Pages[l.next(n)].ID
	}
	switch l.next(6) {
	case 0, 1:
		e.Kind = EventTick
		l.now = max(l.now, l.c.Due)
	case 2:
		l.now = l.now.Add(time.Duration(l.next(90)) * time.Minute)
	case 3:
		l.now = l.now.Add(time.Duration(l.next(90)) * time.Second)
	}
	return e
}

// silence lets nobody answer from here on, and wants everybody asked.
func (l *life) silence() {
	if !l.c.Unclaimed() || l.c.Severity.Rank() > 3 {
		return
	}
	asked := map[molt.PersonID]bool{}
	m := machine{c: l.c, p: l.p, now: l.now}
	hands := m.askable()
	for range 2 * (maxRounds*(len(l.c.Chain)+1) + 2) {
		l.now = max(l.now, l.c.Due)
		for _, a := range l.step(Event{Kind: EventTick}) {
			if a.Kind == ActPage {
				asked[a.Page.Person] = true
			}
		}
		if l.c.Severity == S3 && len(asked) > 0 {
			return // the milder only need somebody
		}
		if !slices.ContainsFunc(hands, func(id molt.PersonID) bool { return !asked[id] }) {
			return
		}
	}
	if len(hands) > 0 {
		l.t.Fatalf("nobody answered and %v were never asked, only %v: %s", hands, asked, js(l.c))
	}
}

// TestLives runs many random cases; a failure names the seed.
func TestLives(t *testing.T) {
	all, lives := worlds(t), uint64(1000)
	if raced.On {
		lives = 250
	}
	for seed := range lives {
		r := rand.New(rand.NewPCG(seed, 7))
		l := &life{t: t, worlds: all, next: r.IntN}
		l.run(80)
		l.silence()
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// FuzzLives lets the fuzzer choose the events.
func FuzzLives(f *testing.F) {
	f.Add([]byte("open"))
	f.Add([]byte{0, 9, 0, 1, 0, 0, 3, 2, 1, 1, 0, 200, 17, 4, 4, 90, 33, 7, 7, 7, 1, 2, 3, 60, 61, 62})
	all := worlds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		i := 0
		l := &life{t: t, worlds: all, next: func(n int) int {
			if i >= len(data) {
				return 0
			}
			i++
			return int(data[i-1]) % n
		}}
		l.run(min(len(data)/4, 200))
		l.silence()
	})
}

// FuzzNext gives the machine cases no build of it ever wrote.
func FuzzNext(f *testing.F) {
	f.Add([]byte(`{"state":"notified","severity":"S1","step":99,"round":-4}`), []byte(`{"kind":"tick"}`), int64(1), uint8(0))
	f.Add([]byte(`{"state":"asleep","severity":"S9","claimant":"alice","pages":[{"id":"x","person":"alice","state":"due"}]}`), []byte(`{"kind":"page_failed","page_id":"x"}`), int64(-1), uint8(1))
	f.Add([]byte(`{"state":"resolved"}`), []byte(`{"kind":"red_flag"}`), int64(1<<62), uint8(2))
	all := worlds(f)
	f.Fuzz(func(t *testing.T, stored, event []byte, now int64, world uint8) {
		var c Case
		var e Event
		if json.Unmarshal(stored, &c) != nil || json.Unmarshal(event, &e) != nil {
			t.Skip()
		}
		for _, k := range append(eventKinds(), e.Kind, "unheard_of") {
			e.Kind = k
			Next(c, all[int(world)%len(all)], e, molt.Time(now))
		}
	})
}
