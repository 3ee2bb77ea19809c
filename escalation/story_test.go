package escalation

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/tidegate/tidegate/escalation/storytest"
	"github.com/tidegate/tidegate/molt"
)

// TestStories tells the files of testdata: a command, a line of dashes, what it
// does.
func TestStories(t *testing.T) {
	storytest.Tell(t, func(t *testing.T) func(string) string {
		s := &story{t: t}
		s.reset()
		return s.run
	})
}

// story is a case, its plan and its clock.
type story struct {
	t    testing.TB
	c    Case
	p    Plan
	zone *time.Location
	now  molt.Time
}

func (s *story) reset() {
	s.c = Case{}
	s.zone = zone(s.t, "America/New_York")
	s.p = Plan{}
	s.now = molt.TimeOf(time.Date(2026, time.March, 2, 10, 0, 0, 0, s.zone)) // a Monday
}

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// run does one command. "+2m" in front moves the clock first; "due" moves it to
// the case's timer.
func (s *story) run(line string) string {
	words := strings.Fields(line)
	for len(words) > 0 {
		switch w := words[0]; {
		case strings.HasPrefix(w, "+"):
			d, err := time.ParseDuration(w[1:])
			s.must(line, err)
			s.now = s.now.Add(d)
		case w == "due":
			s.now = max(s.now, s.c.Due)
		default:
			return s.command(line, w, words[1:])
		}
		words = words[1:]
	}
	return ""
}

func (s *story) command(line, verb string, words []string) string {
	arg := map[string]string{}
	for _, w := range words {
		k, v, _ := strings.Cut(w, "=")
		arg[k] = v
	}
	switch verb {
	case "new":
		s.c = Case{}
		return ""
	case "clock":
		at, err := time.ParseInLocation("2006-01-02T15:04", words[0], s.zone)
		s.must(line, err)
		s.now = molt.TimeOf(at)
		return ""
	case "plan":
		s.plan(line, words)
		return ""
	case "validate":
		return lines(said(s.p))
	case "worst":
		return s.worst()
	}
	e := s.event(line, EventKind(verb), arg)
	c, acts := Next(s.c, s.p, e, s.now)
	checkStep(s.t, s.c, s.p, e, s.now, c, acts)
	s.c = c
	return s.render(acts)
}

func (s *story) worst() string {
	var out []string
	for _, sev := range []Severity{S1, S2, S3, S4} {
		d, ok := s.p.WorstCase(sev)
		if !ok {
			out = append(out, fmt.Sprintf("%s nobody", sev))
			continue
		}
		out = append(out, fmt.Sprintf("%s %v", sev, d))
	}
	return lines(out)
}

func lines(l []string) string {
	if len(l) == 0 {
		return "nothing\n"
	}
	return strings.Join(l, "\n") + "\n"
}

func (s *story) event(line string, k EventKind, arg map[string]string) Event {
	if !slices.Contains(eventKinds(), k) {
		s.t.Fatalf("%q: no such event", line)
	}
	e := Event{Kind: k, ID: "c_ab12#1", Number: 1, Version: s.c.Version}
	for _, key := range slices.Sorted(maps.Keys(arg)) {
		v := arg[key]
		switch key {
		case "why":
			e.Why = Kind(v)
		case "sev":
			e.Severity = Severity(v)
		case "cat":
			e.Category = v
		case "by":
			e.Actor = molt.PersonID(v)
		case "to":
			e.To = molt.PersonID(v)
		case "v":
			n, err := strconv.Atoi(v)
			s.must(line, err)
			e.Version = n
		case "not":
			e.Exclude = ids(v)
		case "page":
			e.PageID = "c_ab12#1/" + v
		case "false_alarm":
			e.FalseAlarm = true
		case "reached":
			e.Reached = true
		case "next":
			e.NextOwner = Owner(v)
		case "cannot_text":
			e.CannotText = true
		case "beside":
			e.Beside = v
		case "crowd":
			e.Crowd = v
		case "ask":
			e.Ask = molt.PersonID(v)
		case "seq":
			n, err := strconv.ParseUint(v, 10, 64)
			s.must(line, err)
			e.Evidence = []uint64{n}
		default:
			s.t.Fatalf("%q: no such field %q", line, key)
		}
	}
	return e
}

// plan reads "nurses=alice,bob leads=carol;4m" and the settings in capitals:
// HANDS, ADMINS, MUTE (people without routes), HOURS, ZONE, SHIFT (alice 22-6).
func (s *story) plan(line string, words []string) {
	p := Plan{People: map[molt.PersonID]Person{}, Terms: DefaultTerms(), Hours: Hours{Zone: s.zone}}
	var mute []molt.PersonID
	shifts := map[molt.PersonID]*Hours{}
	for _, w := range words {
		k, v, _ := strings.Cut(w, "=")
		switch k {
		case "HANDS":
			p.AllHands = ids(v)
		case "ADMINS":
			p.Admins = ids(v)
		case "MUTE":
			mute = ids(v)
		case "HOURS":
			p.Hours.Spans = s.spans(line, v, time.Monday, time.Friday)
		case "SHIFT":
			who, span, _ := strings.Cut(v, ":")
			shifts[molt.PersonID(who)] = &Hours{Zone: s.zone, Spans: s.spans(line, span, time.Sunday, time.Saturday)}
		default:
			team, ack, _ := strings.Cut(v, ";")
			st := Step{Name: k}
			if ack != "" {
				d, err := time.ParseDuration(ack)
				s.must(line, err)
				st.Ack = d
			}
			for _, id := range ids(team) {
				st.OnCall = append(st.OnCall, Shift{Person: id})
			}
			p.Steps = append(p.Steps, st)
		}
	}
	for i := range p.Steps {
		for j, sh := range p.Steps[i].OnCall {
			p.Steps[i].OnCall[j].Hours = shifts[sh.Person]
			p.People[sh.Person] = person(sh.Person)
		}
	}
	for _, id := range slices.Concat(p.AllHands, p.Admins) {
		p.People[id] = person(id)
	}
	for _, id := range mute {
		p.People[id] = Person{ID: id, Name: string(id), Role: RoleNurse}
	}
	s.p = p
}

func (s *story) spans(line, v string, first, last time.Weekday) []Span {
	from, to, _ := strings.Cut(v, "-")
	a, err := strconv.Atoi(from)
	s.must(line, err)
	b, err := strconv.Atoi(to)
	s.must(line, err)
	var out []Span
	for d := first; d <= last; d++ {
		out = append(out, Span{Day: d, From: a * 60, To: b * 60})
	}
	return out
}

func person(id molt.PersonID) Person {
	return Person{ID: id, Name: string(id), Role: RoleNurse, Routes: []Route{
		{Name: "sms", Channel: "twilio", Address: molt.Address("+1555" + string(id))},
		{Name: "call", Channel: "voice", Address: molt.Address("+1555" + string(id))},
	}}
}

func ids(v string) []molt.PersonID {
	var out []molt.PersonID
	for id := range strings.SplitSeq(v, ",") {
		if id != "" {
			out = append(out, molt.PersonID(id))
		}
	}
	return out
}

func (s *story) must(line string, err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("%q: %v", line, err)
	}
}

func (s *story) at(t molt.Time) string {
	if t == 0 {
		return "never"
	}
	return t.Std().In(s.zone).Format("Mon 15:04")
}

// render writes the actions and then where the case stands.
func (s *story) render(acts []Action) string {
	var b strings.Builder
	for _, a := range acts {
		fmt.Fprintln(&b, strings.Join(strings.Fields(s.action(a)), " "))
	}
	c := s.c
	state := string(c.State)
	if c.State == StateNotified {
		state = fmt.Sprintf("notified(%d) round %d", c.Step, c.Round)
	}
	who := ""
	if c.Claimant != "" {
		who = " by " + string(c.Claimant)
	}
	fmt.Fprintf(&b, "= %s [%s] %s%s %s v%d owner %s\n", s.now.Std().In(s.zone).Format("Mon 15:04"), c.Severity, state, who, "", c.Version, c.Owner())
	return strings.ReplaceAll(b.String(), "  ", " ")
}

func (s *story) action(a Action) string {
	short := strings.TrimPrefix(a.Page.ID, "c_ab12#1/")
	flags := ""
	if a.Promised {
		flags += " promised"
	}
	if a.ReadBack {
		flags += " read-back"
	}
	switch a.Kind {
	case ActTell:
		by := ""
		if a.By != 0 {
			by = "by " + s.at(a.By)
		}
		return fmt.Sprintf("tell %s %s %s %s", a.Text, a.Category, flags, by)
	case ActPage:
		return fmt.Sprintf("page %s %s %s/%s until %s v%d", short, a.Page.Kind, a.Page.Person, a.Page.Route.Name, s.at(a.Page.Deadline), a.Page.Version)
	case ActWithdraw:
		return fmt.Sprintf("withdraw %s %s from %s: %s %s", a.Page.State, short, a.Page.Person, a.Why, a.Actor)
	case ActNotice:
		return fmt.Sprintf("notice %s: %s %s %s", a.Person, a.Notice, a.Actor, flags)
	case ActRefused:
		who := string(a.Actor)
		if who == "" {
			who = "nobody"
		}
		return fmt.Sprintf("refused %s: %s, %s has it", a.Person, a.Why, who)
	case ActTimer:
		return "timer " + s.at(a.At)
	case ActOwner:
		return "owner " + string(a.Owner)
	case ActAdmin:
		return fmt.Sprintf("admin %s %v %s", a.Admin, a.People, a.Step)
	case ActDigest:
		return fmt.Sprintf("digest of %s to %v", s.at(a.At), a.People)
	case ActOpen:
		return fmt.Sprintf("open a new case: %s %s %s", a.Open.Why, a.Open.Severity, a.Open.Category)
	}
	return fmt.Sprintf("%+v", a)
}
