package turn

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/policy"
	"github.com/tidegate/tidegate/gateway/screen"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/raced"
)

// allLives of each kind are lived where there is time.
const allLives = 60

// lives are how many of each kind are lived now.
func lives() uint64 {
	if testing.Short() || raced.On {
		return allLives / 2
	}
	return allLives
}

// TestLives lives many lives by chance, several facts to a step, and holds each
// step against all that must hold. A seed that fails fails again.
func TestLives(t *testing.T) {
	const steps = 40
	for seed := range lives() {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			l := &life{world: newWorld(t), r: rand.New(rand.NewPCG(seed, 1))}
			if seed%9 == 8 {
				l.step(fact{KindBegan, &Began{Channel: "main", Account: clinicNumber, Peer: l.rules.Plan.People["alice"].Routes[0].Address, Person: "alice"}})
			}
			for range steps {
				l.live()
			}
		})
	}
}

// TestLivesReadAlong lives them with a model that reads along where people have the
// conversation: it makes no case milder, and ends none.
func TestLivesReadAlong(t *testing.T) {
	const steps = 60
	seen, spared := map[Reason]int{}, 0
	for seed := range lives() {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			l := &life{world: newWorld(t), r: rand.New(rand.NewPCG(seed, 3))}
			l.rules.Opinions = pick(l.r, Opinions{1, 10}, Opinions{100, 1000})
			for range steps {
				l.live()
			}
			for _, e := range l.journal {
				if d, ok := e.Body.(*Decided); ok {
					seen[d.Reason]++
					spared += len(d.Unopined)
				}
			}
			if got := l.s.Spent.Opinions; got > l.rules.Opinions.PerConversation {
				t.Errorf("a model was asked %d times in a day, at most %d are allowed", got, l.rules.Opinions.PerConversation)
			}
		})
	}
	if lives() < allLives {
		return // too few to reach everything
	}
	for _, r := range []Reason{ReasonOpinion, ReasonNoOpinion} {
		if seen[r] == 0 {
			t.Errorf("no life reached %s: %v", r, seen)
		}
	}
	if spared == 0 {
		t.Error("no life reached the budget")
	}
}

// TestLivesUnderReview lives them with a nurse who reads what the agent would say
// and do, at every level and with every deadline.
func TestLivesUnderReview(t *testing.T) {
	const steps = 60
	seen := map[Reason]int{}
	for seed := range lives() {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			l := &life{world: newWorld(t), r: rand.New(rand.NewPCG(seed, 2)), reviews: true}
			l.rules.Approve, l.rules.Unapproved = []string{model.ToolBook}, pick(l.r, "", UnapprovedRefuse, UnapprovedMake)
			l.rules.Intents = pick(l.r, nil, []string{model.IntentHours, model.IntentIntake})
			for range steps {
				l.rules.Autonomy = pick(l.r, AutonomyDraft, AutonomyDraft, AutonomyDraft, AutonomyKnown, AutonomyExtended)
				l.live()
			}
			for _, e := range l.journal {
				if d, ok := e.Body.(*Decided); ok {
					seen[d.Reason]++
				}
			}
		})
	}
	if lives() < allLives {
		return // too few to reach everything
	}
	for _, r := range []Reason{ReasonDrafted, ReasonReleased, ReasonDropped, ReasonLapsed, ReasonClarify, ReasonRedFlag} {
		if seen[r] == 0 {
			t.Errorf("no life reached %s: %v", r, seen)
		}
	}
}

type life struct {
	*world
	reviews bool
	r       *rand.Rand
	ids     int
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func (l *life) live() {
	l.now = l.now.Add(pick(l.r, 0, time.Second, 4*time.Second, time.Minute, 3*time.Minute, 40*time.Minute, 9*time.Hour))
	var facts []fact
	for range pick(l.r, 1, 1, 1, 2, 3) {
		facts = append(facts, l.fact()...)
	}
	switch {
	case len(facts) == 0:
	case l.r.IntN(25) == 0 && !slices.ContainsFunc(facts, func(f fact) bool { return f.kind != KindInbound && f.kind != KindScreened }):
		l.commitAll(facts) // alone
	default:
		l.step(facts...)
	}
	if l.r.IntN(20) == 0 {
		l.rules.Agent = !l.rules.Agent
		l.rules.Paused = pick(l.r, Pause{}, Pause{}, Pause{All: true}, Pause{Channels: []string{"main"}}, Pause{Channels: []string{"other"}})
	}
	if l.r.IntN(30) == 0 {
		l.rules.Senders = pick(l.r, map[string][]molt.Address{}, map[string][]molt.Address{"main": {clinicNumber}}, nil)
	}
}

func (l *life) fact() []fact {
	if f := l.readsAlong(); f != nil {
		return f
	}
	if l.reviews && l.s.Owner != escalation.OwnerHold && l.s.Owner != escalation.OwnerHuman {
		if l.asked != nil || l.s.Ask.Item != "" && l.r.IntN(2) == 0 {
			l.asked = cmp.Or(l.asked, l.ask())
			return l.answer()
		}
		if len(l.s.Reviews) > 0 && l.r.IntN(3) == 0 {
			return l.nurse()
		}
	}
	switch l.r.IntN(9) {
	case 0, 1, 2:
		return l.patient()
	case 3:
		if l.s.Ask.Item != "" && l.asked == nil {
			l.asked = l.ask()
			return nil
		}
		if l.asked != nil {
			return l.answer()
		}
	case 4, 5:
		if len(l.s.Files) > 0 && l.r.IntN(2) == 0 {
			return l.fetch()
		}
		return l.send()
	case 6, 7:
		return l.nurse()
	default:
		if len(l.s.Timers) > 0 {
			t := pick(l.r, l.s.Timers...)
			l.now = max(l.now, t.Due)
			return []fact{{KindTimed, &Timed{Name: t.Name, Item: t.Item}}}
		}
	}
	return nil
}

// readsAlong has a model asked for its opinion, and answer whatever it likes, late
// and about what is over.
func (l *life) readsAlong() []fact {
	if l.rules.Opinions == (Opinions{}) || l.r.IntN(4) > 0 {
		return nil
	}
	if l.reading == nil {
		if l.s.Opinion.Item != "" {
			l.reading = l.readAlong()
		}
		return nil
	}
	o := l.reading
	l.reading = nil
	o.Level = pick(l.r, "", "", escalation.S1, escalation.S2, escalation.S3, escalation.S4, "S9")
	o.Failed, o.Tokens = l.r.IntN(5) == 0, l.r.IntN(2)*300
	if l.r.IntN(10) == 0 {
		o.Item = pick(l.r, "", o.Item+"x")
	}
	return []fact{{KindOpined, o}}
}

func (l *life) patient() []fact {
	l.ids++
	in := channels.Inbound{Channel: "main", Account: clinicNumber, Peer: patientNumber, ProviderID: fmt.Sprint(l.ids), At: l.now, Via: "webhook"}
	in.Words = molt.Words(pick(l.r, "when do you open", "ok thanks", "STOP", "START", "HELP", "YES", "CANCEL", policy.Token, "", "me duele el pecho",
		strings.Repeat("it hurts 😟 and then ", 40), "call 555 010 0177"))
	if in.Words == "" {
		in.Media = make([]channels.Media, pick(l.r, 1, 1, 3, channels.MaxMedia))
	}
	v := screen.Verdict{Severity: pick(l.r, screen.None, screen.None, screen.None, screen.None, screen.S4, screen.S3, screen.S2, screen.S1)}
	if l.reviews && l.r.IntN(15) > 0 {
		in.Words, in.Media, v.Severity = "when do you open", nil, screen.None
	}
	if v.Severity != screen.None {
		v.Category = pick(l.r, "cardiac", "self_harm", "violence")
	}
	return []fact{{KindInbound, &in}, {KindScreened, &v}}
}

func (l *life) answer() []fact {
	r := l.asked
	l.asked = nil
	r.Failed = l.r.IntN(6) == 0
	r.Answer = model.Answer{
		Kind:     pick(l.r, model.KindReply, model.KindReply, model.KindSilent, model.KindEscalate, "odd"),
		Text:     molt.Words(pick(l.r, "At 8.", "", policy.Token, "so: "+policy.Token, "Call 900 555 0000", strings.Repeat("x", 900))),
		Severity: pick(l.r, "", "S1", "S2", "S3", "S4", "S9"), Reason: pick(l.r, "", "patient_wish", "Maria said"),
		Question: pick(l.r, "", "preferred_time", "name"), Done: l.r.IntN(5) == 0, Lang: pick(l.r, "", "es", "xx"),
		Facts: []model.Fact{{Name: pick(l.r, "name", "phone", strings.Repeat("n", 100)), Value: pick(l.r, "Maria Lopez", "9005550000", strings.Repeat("v", 600)), Source: uint64(l.r.IntN(int(l.s.Seq) + 2))}},
	}
	if l.reviews {
		r.Answer.Model, r.Answer.Intent = pick(l.r, "scripted/x", "ollama/x"), pick(l.r, "", model.IntentHours, model.IntentOther)
		if l.r.IntN(3) > 0 {
			r.Failed, r.Answer.Kind, r.Answer.Text = false, pick(l.r, model.KindReply, model.KindClarify), "At 8."
		}
		if l.r.IntN(4) == 0 && r.Item == l.s.Ask.Item {
			r.Proposed = &Calling{Item: r.Item, Tool: model.ToolBook, Key: "tg1", Slot: model.Slot{ID: "a1", Start: l.now.Add(time.Hour)}}
		}
	}
	return []fact{{KindReplied, r}}
}

func (l *life) send() []fact {
	if len(l.s.Sends) == 0 {
		return nil
	}
	d := pick(l.r, l.s.Sends...)
	if d.State == SendDue {
		_, facts := l.look(&d)
		return facts
	}
	if d.State == SendAttempted && l.r.IntN(3) > 0 {
		switch l.r.IntN(3) {
		case 0:
			return []fact{{KindSent, &Sent{Item: d.Item, Attempt: d.Attempt, Receipt: channels.Receipt{Status: channels.StatusQueued}}}}
		case 1:
			return []fact{{KindChecked, &Checked{Item: d.Item, Attempt: d.Attempt, Found: l.r.IntN(2) == 0}}}
		}
		return []fact{{KindFailed, &Failed{Item: d.Item, Attempt: d.Attempt, Fault: pick(l.r, channels.FaultUnknown, channels.FaultTransient, channels.FaultOptedOut, channels.FaultRecipient, channels.FaultTooLong)}}}
	}
	return []fact{{KindStatus, &channels.StatusReport{Item: d.Item, Status: pick(l.r, channels.StatusSent, channels.StatusDelivered, channels.StatusUndelivered, channels.StatusFailed)}}}
}

func (l *life) fetch() []fact {
	f := pick(l.r, l.s.Files...)
	if l.r.IntN(3) == 0 {
		return []fact{{KindFetched, &Fetched{Item: f.Item, Seq: f.Seq, Index: f.Index, Hash: "f_x", Key: "k_x", Type: "image/png", Bytes: 100}}}
	}
	if f.State == FileWaits {
		return nil
	}
	return []fact{{KindFetchFailed, &FetchFailed{
		Item: f.Item, Seq: f.Seq, Index: f.Index, Why: pick(l.r, channels.FetchNotFound, channels.FetchTransient, channels.FetchAddress, WhyDisk, "newer"),
	}}}
}

func (l *life) nurse() []fact {
	l.ids++
	a := Acted{
		ID: fmt.Sprint("a", l.r.IntN(l.ids+1)), Actor: pick(l.r, molt.PersonID("alice"), "bob", "carmen", "os:root", "stranger"), Via: "cli",
		Verb:    pick(l.r, VerbTake, VerbTake, VerbPass, VerbRelay, VerbCalled, VerbResolve, VerbResolve, VerbNote, VerbShow, VerbRaise, VerbLower, VerbTransfer, VerbTakeOver),
		Version: pick(l.r, 0, 0, 0, 1, 5), Words: molt.Words(pick(l.r, "Are you alone?", "", "say "+policy.Token, strings.Repeat("long 😟 ", 200))),
		To: pick(l.r, molt.PersonID("bob"), "carmen", "nobody"), Severity: pick(l.r, escalation.S1, escalation.S2, escalation.S3, escalation.S4, "S9"),
		FalseAlarm: l.r.IntN(4) == 0, NextOwner: pick(l.r, escalation.OwnerAgent, escalation.OwnerAgent, escalation.OwnerHuman),
	}
	if l.s.Case != nil && l.r.IntN(10) > 0 {
		a.Case = l.s.Case.ID
	}
	if l.reviews && l.r.IntN(2) == 0 {
		a.Verb, a.Case = pick(l.r, VerbRelease, VerbRelease, VerbEdit, VerbDrop, VerbDrop, VerbShow), ""
		a.Review = uint64(l.r.IntN(5))
		if n := len(l.s.Reviews); n > 0 {
			a.Review = l.s.Reviews[l.r.IntN(n)].Number
		}
	}
	if l.reviews && l.s.Calling.Key != "" && l.r.IntN(2) == 0 {
		c := l.s.Calling
		if act, how := l.s.Making(l.s.Ask.Item); how == MakeBegin {
			return []fact{{KindCalling, &act}}
		}
		return []fact{{KindCalled, &Called{Tool: c.Tool, Key: c.Key, Slot: c.Slot, State: pick(l.r, model.CallDone, model.CallRefused, model.CallFailed, model.CallUnknown)}}}
	}
	return []fact{{KindActed, &a}}
}

// TestFlood: two thousand texts leave a state within its limits.
func TestFlood(t *testing.T) {
	w := newWorld(t)
	for i := range 32 {
		var facts []fact
		for j := range 64 {
			v := screen.Verdict{Severity: screen.None}
			if i > 12 && j == 0 {
				v = screen.Verdict{Severity: screen.S1, Category: "cardiac"}
			}
			facts = append(facts, fact{KindInbound, &channels.Inbound{ProviderID: fmt.Sprint(i, j), Words: "when?"}}, fact{KindScreened, &v})
		}
		if i == 22 {
			facts = append(facts, fact{KindActed, &Acted{ID: "x", Actor: "alice", Verb: VerbTake}})
		}
		w.now = w.now.Add(time.Second)
		if d := w.step(facts...); len(d.Effects) > molt.MaxBatchItems/2 {
			t.Fatalf("%d effects in one step", len(d.Effects))
		}
	}
	if n := len(encode(t, w.s)); n > molt.MaxBodyBytes/4 {
		t.Errorf("the state takes %d bytes", n)
	}
}

// TestFloodOfFiles: six hundred pictures at once are bounded work, and each that
// is followed gets its turn.
func TestFloodOfFiles(t *testing.T) {
	w := newWorld(t)
	var facts []fact
	for i := range 64 {
		facts = append(facts,
			fact{KindInbound, &channels.Inbound{ProviderID: fmt.Sprint(i), Media: make([]channels.Media, channels.MaxMedia)}},
			fact{KindScreened, &screen.Verdict{Severity: screen.None}})
	}
	d := w.step(facts...)
	fetched := 0
	for due := true; due; {
		if len(d.Effects) > 2*MaxFetching {
			t.Fatalf("%d effects in one step", len(d.Effects))
		}
		due = false
		for _, f := range w.s.Files {
			if f.State == FileDue {
				due = true
				fetched++
				d = w.step(fact{KindFetched, &Fetched{Item: f.Item, Seq: f.Seq, Index: f.Index, Hash: "f_x", Key: "k_x", Type: "image/png", Bytes: 1}})
				break
			}
		}
	}
	if fetched != MaxFiles {
		t.Errorf("%d files were fetched, want %d", fetched, MaxFiles)
	}
	if n := len(encode(t, w.s)); n > molt.MaxBodyBytes/4 {
		t.Errorf("the state takes %d bytes", n)
	}
}

// TestPure: the core and the policy read no clock and touch nothing.
func TestPure(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("no go command")
	}
	for _, dir := range []string{".", "../policy"} {
		files, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
				continue
			}
			body, err := os.ReadFile(dir + "/" + f.Name())
			if err != nil {
				t.Fatal(err)
			}
			for _, no := range []string{`"context"`, "time.Now", "time.Since", "time.After", `"math/rand`, `"crypto/rand`, `"net`, `"os"`, `"log`, "zerolog", "func init()"} {
				if strings.Contains(string(body), no) {
					t.Errorf("%s/%s has %s", dir, f.Name(), no)
				}
			}
		}
	}
}

func FuzzReadVerb(f *testing.F) {
	for _, s := range []string{"BCDF A", "bcdf r hello", "#BCDF D false human note", "BCDF", "BCDF ?", "\xff\xff\xff\xff A", "BCDFA"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := ReadVerb(s)
		if !ok {
			return
		}
		if len(got.Code) != CodeLength || len(got.Acted.Words) > MaxRelayBytes || got.Known && got.Acted.Verb == "" {
			t.Errorf("ReadVerb(%q) = %+v", s, got)
		}
		if _, ok := ReadVerb(strings.ToLower(s)); !ok {
			t.Errorf("ReadVerb(%q) only in capitals", s)
		}
	})
}

// FuzzFold folds bodies as a journal may hold them, decides, and goes on from a
// snapshot: no bytes panic, and the decision folds to what the decider saw.
func FuzzFold(f *testing.F) {
	kinds := []string{
		KindBegan, KindInbound, KindScreened, KindCode, KindReplied, KindLooked, KindAttempted, KindSent, KindFailed, KindChecked,
		KindStatus, KindTimed, KindActed, KindListed, KindRead, KindDecided, KindNotice, "newer", KindFetched, KindFetchFailed, KindCalling, KindCalled, KindOpined,
	}
	w := newWorld(f)
	w.step(fact{KindInbound, &channels.Inbound{Words: "my chest hurts"}}, fact{KindScreened, &screen.Verdict{Severity: screen.S1}})
	w.step(fact{KindActed, &Acted{ID: "1", Actor: "alice", Verb: VerbTake}})
	for _, e := range w.journal {
		f.Add(uint8(slices.Index(kinds, e.Kind)), []byte(encode(f, e.Body)), []byte(`{"item":"c_1/4.1","fault":"unknown"}`))
	}
	f.Add(uint8(15), []byte(`{"case":{"state":"odd"},"owner":"odd","effects":[{"kind":"say"},{"kind":"ask","due":-1},{"kind":"told"}],"set":{"answered":[1]}}`), []byte("null"))
	f.Fuzz(func(t *testing.T, kind uint8, one, two []byte) {
		s := w.s
		rules := testRules(t)
		env := Env{Conversation: conversation, Now: w.now, Entropy: one, Rules: &rules, Recall: w.recall}
		var facts []Event
		for i, body := range [][]byte{one, two} {
			e, err := Decode(s.Seq+1, w.now, kinds[(int(kind)+i*7)%len(kinds)], body)
			if err != nil {
				continue
			}
			was := encode(t, s)
			next, inPlace := Apply(s, e), s.clone()
			inPlace.Fold(e)
			if now := encode(t, s); now != was {
				t.Errorf("folding into a copy changed what was copied:\n%s\n%s", was, now)
			}
			if d := differ(next, inPlace); d != "" {
				t.Errorf("folding in place is another folding:\n%s", d)
			}
			s = next
			facts = append(facts, e)
		}
		x := newDecider(s, env)
		x.decide(facts)
		folded := Apply(s, Event{Seq: s.Seq + 1, At: env.Now, Kind: KindDecided, Body: &x.d})
		if d := differ(x.s, folded); d != "" {
			t.Errorf("the decision folds otherwise:\n%s", d)
		}
		roundTrip(t, folded)
	})
}
