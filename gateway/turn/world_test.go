package turn

import (
	"fmt"
	"slices"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/policy"
	"github.com/tidegate/tidegate/molt"
)

const (
	clinicNumber  = molt.Address("+15550100100")
	patientNumber = molt.Address("+15550100199")
	conversation  = molt.ConversationID("c_1")
)

// world is one journal with what a gateway keeps around it.
type world struct {
	t     testing.TB
	s     State
	rules Rules
	now   molt.Time
	words map[Ref]molt.Words // by Seq and Index
	steps int

	asked    *Replied // what the worker asked and has not answered
	reading  *Opined  // what it asked a model for its opinion about
	patients []string // all that the patient wrote
	journal  []Event
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, rules: testRules(t), words: map[Ref]molt.Words{}}
	w.now = molt.TimeOf(time.Date(2026, time.March, 2, 10, 0, 0, 0, w.rules.Zone)) // a Monday
	return w
}

// testRules is a clinic with alice on the first step, bob on the second, carmen
// as lead and admin. Alice's and carmen's text phones may show what a patient
// writes, bob's and every call may not.
func testRules(t testing.TB) Rules {
	t.Helper()
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	texts, err := policy.NewTexts("en", map[string]string{"clinic": "Harbor", "emergency": "911", "crisis": "988", "phone": "555-010-0100"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	hours := escalation.Hours{Zone: zone}
	for d := time.Monday; d <= time.Friday; d++ {
		hours.Spans = append(hours.Spans, escalation.Span{Day: d, From: 8 * 60, To: 17 * 60})
	}
	person := func(id molt.PersonID, name string, last string, phi bool) escalation.Person {
		return escalation.Person{ID: id, Name: name, Role: escalation.RoleNurse, Routes: []escalation.Route{
			{Name: "sms", Channel: "main", Address: molt.Address("+1555010011" + last), PHI: phi},
			{Name: "call", Channel: "voice", Address: molt.Address("+1555010011" + last)},
		}}
	}
	return Rules{
		Digest: "test", Clinic: "Harbor", Languages: []string{"en", "es"}, Zone: zone, Texts: texts, Agent: true, Collect: []string{"name", "dob", "reason", "insurance"},
		Accounts: map[string]molt.Address{"main": clinicNumber}, Debounce: 3 * time.Second, DebounceMax: 10 * time.Second,
		Watchdog: 2 * time.Minute, HoldTextEvery: 3 * time.Minute, AsksPerHour: 30,
		Gate: policy.Gate{Numbers: []string{"5550100100", "911", "988"}},
		Plan: escalation.Plan{
			Terms: escalation.DefaultTerms(), Hours: hours,
			People: map[molt.PersonID]escalation.Person{
				"alice": person("alice", "Alice", "1", true), "bob": person("bob", "Bob", "2", false), "carmen": person("carmen", "Carmen", "3", true),
			},
			Steps: []escalation.Step{
				{Name: "nurses", OnCall: []escalation.Shift{{Person: "alice"}}},
				{Name: "leads", OnCall: []escalation.Shift{{Person: "bob"}}},
			},
			AllHands: []molt.PersonID{"alice", "bob", "carmen"}, Admins: []molt.PersonID{"carmen"},
		},
	}
}

func (w *world) recall(r Ref) molt.Words { return w.words[Ref{Seq: r.Seq, Index: r.Index}] }

func (w *world) env() Env {
	entropy := make([]byte, 16)
	for i := range entropy {
		entropy[i] = byte(w.steps*7 + i*5)
	}
	return Env{Conversation: conversation, Now: w.now, Entropy: entropy, Rules: &w.rules, Recall: w.recall}
}

// commit keeps an event and folds it.
func (w *world) commit(kind string, body any) Event {
	w.t.Helper()
	e := Event{Seq: w.s.Seq + 1, At: w.now, Kind: kind, Body: body}
	if in, ok := body.(*channels.Inbound); ok {
		w.words[Ref{Seq: e.Seq}] = in.Words
		w.patients = append(w.patients, in.Words.Reveal())
	}
	if r, ok := body.(*Replied); ok && r.Answer.Summary != "" {
		w.words[Ref{Seq: e.Seq}] = r.Answer.Summary
	}
	if a, ok := body.(*Acted); ok {
		w.words[Ref{Seq: e.Seq}] = a.Words
	}
	checkEvent(w.t, w.s, e)
	w.s = Apply(w.s, e)
	w.journal = append(w.journal, e)
	return e
}

// decide answers the facts, checks all that must hold, and folds the decision.
func (w *world) decide(facts []Event) Decided {
	w.t.Helper()
	return w.conclude(facts, func(x *decider) { x.decide(facts) })
}

func (w *world) succeed(facts []Event, atLeast escalation.Severity) Decided {
	w.t.Helper()
	return w.conclude(facts, func(x *decider) { x.succeed(atLeast) })
}

func (w *world) conclude(facts []Event, run func(*decider)) Decided {
	w.t.Helper()
	x := newDecider(w.s, w.env())
	run(x)
	d := x.d
	checkDecision(w, facts, run, d, x.s)
	before := w.s
	e := Event{Seq: w.s.Seq + 1, At: w.now, Kind: KindDecided, Body: &d}
	for i, f := range d.Effects {
		if f.Kind == EffectSay || f.Kind == EffectReview && f.Out != nil {
			w.words[Ref{Seq: e.Seq, Index: i}] = f.Out.Words
		}
	}
	checkEvent(w.t, w.s, e)
	w.s = Apply(w.s, e)
	w.journal = append(w.journal, e)
	checkState(w, before, facts, d)
	w.steps++
	return d
}

// fact is a kind and a body that is to be committed.
type fact struct {
	kind string
	body any
}

// step commits the facts and decides them together.
func (w *world) step(facts ...fact) Decided {
	w.t.Helper()
	return w.decide(w.commitAll(facts))
}

func (w *world) commitAll(facts []fact) []Event {
	w.t.Helper()
	var out []Event
	if w.s.Seq == 0 && (len(facts) == 0 || facts[0].kind != KindBegan) {
		out = append(out, w.commit(KindBegan, &Began{Channel: "main", Account: clinicNumber, Peer: patientNumber}))
	}
	for _, f := range facts {
		out = append(out, w.commit(f.kind, f.body))
	}
	return out
}

// ask is the worker's first half: what the agent is asked, and at which epoch.
func (w *world) ask() *Replied {
	return &Replied{Item: w.s.Ask.Item, Epoch: w.s.Epoch, Saw: w.s.Seq}
}

// readAlong is the worker's first half of asking for an opinion.
func (w *world) readAlong() *Opined {
	return &Opined{Item: w.s.Opinion.Item, Saw: w.s.Seq, Model: "ollama/test"}
}

// find returns the oldest unfinished text of that kind and to that person; ""
// stands for any. Failing that, the newest finished one.
func (w *world) find(what string, person molt.PersonID) *Send {
	match := func(d Send) bool { return (what == "" || d.What == what) && (person == "" || d.Person == person) }
	if i := slices.IndexFunc(w.s.Sends, func(d Send) bool { return match(d) && !d.Finished() }); i >= 0 {
		return &w.s.Sends[i]
	}
	for i := len(w.s.Sends) - 1; i >= 0; i-- {
		if match(w.s.Sends[i]) {
			return &w.s.Sends[i]
		}
	}
	return nil
}

// out is what a worker sends for an item, from the decision that put it.
func (w *world) out(item molt.ItemID) Out {
	for _, e := range w.journal {
		if d, ok := e.Body.(*Decided); ok {
			for _, f := range d.Effects {
				if f.Item == item && f.Out != nil {
					return *f.Out
				}
			}
		}
	}
	return Out{}
}

// look is the worker's last look, and the fact it commits.
func (w *world) look(d *Send) (Look, []fact) {
	w.t.Helper()
	o := w.out(d.Item)
	l := w.s.SendDue(&w.rules, d.Item, o, w.now)
	checkLook(w, *d, l)
	switch l.Do {
	case LookSend:
		return l, []fact{{KindAttempted, &Attempted{Item: d.Item, Attempt: l.Attempt, Class: o.Class, Person: o.Person}}}
	case LookDrop:
		return l, []fact{{KindLooked, &Looked{Item: d.Item, Reason: l.Reason}}}
	}
	return l, nil
}

func (w *world) clock() string { return w.now.Std().In(w.rules.Zone).Format("Mon 15:04:05") }

func (w *world) when(t molt.Time) string {
	if t.Sub(w.now) < 24*time.Hour {
		return fmt.Sprintf("+%v", t.Sub(w.now))
	}
	return t.Std().In(w.rules.Zone).Format("Mon 15:04")
}
