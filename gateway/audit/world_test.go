package audit_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/audit"
	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/policy"
	"github.com/tidegate/tidegate/gateway/screen"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/memstore"
	"github.com/tidegate/tidegate/molt/seal"
)

const (
	clinic  = molt.Address("+15550100101")
	patient = molt.Address("+15550100199")
	other   = molt.Address("+15550100198")
	nurse   = molt.Address("+15550100111")
	second  = molt.Address("+15550100112")
)

// shaky is a store that shows some journals damaged and refuses some commits.
type shaky struct {
	molt.Store
	frozen map[molt.ConversationID]bool
	refuse int
}

func (s *shaky) Load(ctx context.Context, id molt.ConversationID, recent int) (molt.Loaded, error) {
	l, err := s.Store.Load(ctx, id, recent)
	if s.frozen[id] && l.Snapshot.Body != nil {
		l.Snapshot.Body[len(l.Snapshot.Body)-1] ^= 1
	}
	return l, err
}

func (s *shaky) Commit(ctx context.Context, b molt.Batch) (molt.Committed, error) {
	if s.refuse > 0 && b.Conversation != "" && !b.Expect.AnySeq {
		s.refuse--
		return molt.Committed{}, &molt.Refused{Kind: molt.RefusedSeq, Why: "the journal moved"}
	}
	return s.Store.Commit(ctx, b)
}

// world is a clinic whose carrier, model and clock are dice from one seed.
// Everything happens in the caller's goroutine, in one order.
type world struct {
	t     *testing.T
	dice  *rand.Rand
	now   time.Time
	store *shaky
	ring  *seal.Keyring
	rules *turn.Rules
	desk  *intake.Desk
	texts int
	acts  int
	codes []string
	took  map[string]bool // provider ids whose ticket was answered without an error
}

func newWorld(t *testing.T, seed uint64) *world {
	t.Helper()
	chance := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	ring, err := seal.LoadOrCreate(t.TempDir()+"/tenant.key", chance)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		t: t, dice: rand.New(rand.NewPCG(seed, 1)), now: time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC), ring: ring,
		store: &shaky{Store: memstore.New(), frozen: map[molt.ConversationID]bool{}}, rules: rules(t), took: map[string]bool{},
	}
	w.open(chance)
	return w
}

// open makes a desk that knows nothing but the store: a restart.
func (w *world) open(chance io.Reader) {
	w.t.Helper()
	scr, err := screen.New()
	if err != nil {
		w.t.Fatal(err)
	}
	w.desk, err = intake.New(intake.Options{
		Store: w.store, Ring: w.ring, Screen: scr, Rules: func() *turn.Rules { return w.rules }, Random: chance,
		Now:   func() time.Time { return w.now },
		Spawn: func(f func()) { f() },
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func rules(t *testing.T) *turn.Rules {
	t.Helper()
	texts, err := policy.NewTexts("en", map[string]string{"clinic": "Harbor", "emergency": "911", "crisis": "988", "phone": "555-010-0100"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	scr, err := screen.New()
	if err != nil {
		t.Fatal(err)
	}
	person := func(id molt.PersonID, a molt.Address, phi bool) escalation.Person {
		return escalation.Person{ID: id, Name: strings.ToUpper(string(id)), Role: "nurse", Routes: []escalation.Route{{Name: "sms", Channel: "main", Address: a, PHI: phi}}}
	}
	hours := escalation.Hours{Zone: time.UTC}
	for d := time.Monday; d <= time.Friday; d++ {
		hours.Spans = append(hours.Spans, escalation.Span{Day: d, From: 8 * 60, To: 17 * 60})
	}
	return &turn.Rules{
		Digest: "test", Screen: scr, Languages: []string{"en", "es"}, Zone: time.UTC, Agent: true, Texts: texts, Clinic: "Harbor",
		Accounts: map[string]molt.Address{"main": clinic}, Debounce: time.Second, DebounceMax: 5 * time.Second,
		Watchdog: 2 * time.Minute, HoldTextEvery: 3 * time.Minute, AsksPerHour: 20,
		Plan: escalation.Plan{
			Terms: escalation.DefaultTerms(), Hours: hours,
			People:   map[molt.PersonID]escalation.Person{"alice": person("alice", nurse, true), "carmen": person("carmen", second, false)},
			Steps:    []escalation.Step{{Name: "first", OnCall: []escalation.Shift{{Person: "alice"}}}, {Name: "lead", OnCall: []escalation.Shift{{Person: "carmen"}}}},
			AllHands: []molt.PersonID{"alice", "carmen"}, Admins: []molt.PersonID{"carmen"},
		},
	}
}

// text is a text at the door.
func (w *world) text(from molt.Address, words string) {
	w.t.Helper()
	w.texts++
	id := fmt.Sprintf("SM%03d", w.texts)
	w.accept(channels.Inbound{Channel: "main", Account: clinic, Peer: from, ProviderID: id, Words: molt.Words(words), Via: "webhook"})
}

func (w *world) accept(in channels.Inbound) {
	w.t.Helper()
	ticket, err := w.desk.Accept(context.Background(), in)
	if err == nil {
		_, err = ticket.Wait(context.Background())
	}
	if err != nil {
		w.t.Fatalf("text %s: %v", in.ProviderID, err)
	}
	w.took[in.ProviderID] = true
}

// step brings facts to a conversation; a worker whose item is gone goes on.
func (w *world) step(id molt.ConversationID, began *turn.Began, plan func(*turn.State, func(turn.Ref) molt.Words) intake.Plan) error {
	_, err := w.desk.Step(context.Background(), id, began, plan)
	return err
}

func facts(lease molt.Lease, f ...intake.Fact) intake.Plan {
	return intake.Plan{Facts: f, Leases: []molt.Lease{lease}}
}

// work does all that is due now, and reports whether anything was.
func (w *world) work() bool {
	w.t.Helper()
	now := molt.TimeOf(w.now)
	c, err := w.store.Claim(context.Background(), molt.Claim{
		Classes: []molt.Lane{molt.LaneSafety, molt.LanePage, molt.LaneNurse, molt.LaneAgent, molt.LaneAsk, molt.LaneTimer, molt.LaneAction},
		Now:     now, Until: now.Add(time.Minute), Limit: 16,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, it := range c.Items {
		w.do(it)
	}
	return len(c.Items) > 0
}

// run lets time pass, doing what comes due on the way.
func (w *world) run(d time.Duration) {
	w.t.Helper()
	for end := w.now.Add(d); !w.now.After(end); w.now = w.now.Add(500 * time.Millisecond) {
		for n := 0; w.work(); n++ {
			if n > 1000 {
				w.t.Fatal("work without end")
			}
		}
	}
}

func (w *world) do(it molt.Leased) {
	w.t.Helper()
	work, err := w.desk.OpenWork(context.Background(), it.Item)
	if err != nil {
		w.t.Fatalf("item %s: %v", it.ID, err)
	}
	switch it.Lane.Class() {
	case molt.LaneTimer:
		err = w.step(it.Conversation, &work.Began, func(*turn.State, func(turn.Ref) molt.Words) intake.Plan {
			return facts(it.Lease, intake.Fact{Kind: turn.KindTimed, Body: &turn.Timed{Name: work.Name, Item: it.ID}})
		})
		if errors.Is(err, intake.ErrFrozen) || errors.Is(err, intake.ErrDecide) {
			if err := w.desk.Orphan(context.Background(), it.Conversation); err == nil {
				_, _ = w.store.Commit(context.Background(), molt.Batch{Cancel: []molt.ItemID{it.ID}})
			}
		}
	case molt.LaneAsk:
		w.ask(it)
	case molt.LaneAction:
		w.carry(it, work)
	default:
		w.send(it, *work.Out)
	}
}

func (w *world) carry(it molt.Leased, work intake.Work) {
	target, began := work.Act.Conversation, (*turn.Began)(nil)
	if r := work.Act.Stream; r != nil {
		id, b := w.desk.StreamOf(work.Act.Person, r.Channel, r.Address)
		target, began = id, &b
	}
	fact := intake.Fact{Kind: turn.KindListed, Body: work.Act.Listed}
	if work.Act.Acted != nil {
		fact = intake.Fact{Kind: turn.KindActed, Body: work.Act.Acted}
	}
	_ = w.step(target, began, func(*turn.State, func(turn.Ref) molt.Words) intake.Plan {
		return intake.Plan{Facts: []intake.Fact{fact}, Unseen: []molt.MarkID{intake.MarkCarried(it.ID)}}
	})
	_, _ = w.store.Commit(context.Background(), molt.Batch{Cancel: []molt.ItemID{it.ID}})
}

// send is the worker of texts, its carrier being the dice.
func (w *world) send(it molt.Leased, o turn.Out) {
	var look turn.Look
	err := w.step(it.Conversation, nil, func(s *turn.State, _ func(turn.Ref) molt.Words) intake.Plan {
		look = s.SendDue(w.rules, it.ID, o, molt.TimeOf(w.now))
		switch look.Do {
		case turn.LookSend:
			return facts(it.Lease, intake.Fact{Kind: turn.KindAttempted, Body: &turn.Attempted{Item: it.ID, Attempt: look.Attempt, Class: o.Class, Person: o.Person}})
		case turn.LookDrop:
			return facts(it.Lease, intake.Fact{Kind: turn.KindLooked, Body: &turn.Looked{Item: it.ID, Reason: look.Reason}})
		}
		return intake.Plan{Leases: []molt.Lease{it.Lease}}
	})
	if err != nil {
		w.sendBare(it)
		return
	}
	if i := strings.Index(o.Words.Reveal(), "case "); i >= 0 && len(o.Words) > i+9 {
		w.codes = append(w.codes, o.Words.Reveal()[i+5:i+9])
	}
	receipt := channels.Receipt{ProviderID: "OUT" + string(it.ID), Status: channels.StatusQueued, Segments: 1}
	fact := intake.Fact{Kind: turn.KindSent, Body: &turn.Sent{Item: it.ID, Attempt: look.Attempt, Receipt: receipt}}
	switch {
	case look.Do == turn.LookDrop:
		return
	case look.Do == turn.LookCheck:
		fact = intake.Fact{Kind: turn.KindChecked, Body: &turn.Checked{Item: it.ID, Attempt: look.Attempt, Found: w.dice.IntN(2) == 0, Receipt: receipt}}
	case w.dice.IntN(4) == 0:
		kinds := []channels.FaultKind{channels.FaultUnknown, channels.FaultRate, channels.FaultTransient, channels.FaultUnreachable, channels.FaultOptedOut, channels.FaultRecipient, channels.FaultFiltered}
		fact = intake.Fact{Kind: turn.KindFailed, Body: &turn.Failed{Item: it.ID, Attempt: look.Attempt, Fault: kinds[w.dice.IntN(len(kinds))], Code: 30003}}
	}
	_ = w.step(it.Conversation, nil, func(*turn.State, func(turn.Ref) molt.Words) intake.Plan { return facts(it.Lease, fact) })
	w.report(it)
}

// sendBare is a send beside a frozen journal.
func (w *world) sendBare(it molt.Leased) {
	_ = w.desk.Bare(context.Background(), it.Conversation, []intake.Fact{
		{Kind: turn.KindAttempted, Body: &turn.Attempted{Item: it.ID, Attempt: 1}},
		{Kind: turn.KindSent, Body: &turn.Sent{Item: it.ID, Attempt: 1}},
	}, it.Lease, intake.BareDone)
}

// report is what the carrier says later.
func (w *world) report(it molt.Leased) {
	all := []channels.Status{channels.StatusSent, channels.StatusDelivered, channels.StatusUndelivered, channels.StatusFailed}
	for range w.dice.IntN(3) {
		s := channels.StatusReport{Channel: "main", Conversation: it.Conversation, Item: it.ID, Status: all[w.dice.IntN(len(all))], ProviderID: "OUT" + string(it.ID)}
		if err := w.desk.Report(context.Background(), s); err != nil {
			w.t.Fatalf("report: %v", err)
		}
	}
}

// ask is the worker of asks, its model being the dice.
func (w *world) ask(it molt.Leased) {
	r := turn.Replied{Item: it.ID}
	current := false
	err := w.step(it.Conversation, nil, func(s *turn.State, _ func(turn.Ref) molt.Words) intake.Plan {
		r.Epoch, r.Saw, current = s.Epoch, s.Seq, s.Ask.Item == it.ID
		return intake.Plan{}
	})
	if err != nil || !current {
		_, _ = w.store.Commit(context.Background(), molt.Batch{Cancel: []molt.ItemID{it.ID}})
		return
	}
	if w.dice.IntN(6) == 0 { // meanwhile somebody writes
		w.text(patient, "one more thing")
	}
	w.answer(&r)
	_ = w.step(it.Conversation, nil, func(s *turn.State, _ func(turn.Ref) molt.Words) intake.Plan {
		p := intake.Plan{Facts: []intake.Fact{{Kind: turn.KindReplied, Body: &r}}}
		if s.Ask.Item == it.ID {
			p.Leases = []molt.Lease{it.Lease}
		}
		return p
	})
}

func (w *world) answer(r *turn.Replied) {
	fact := model.Fact{Name: "name", Value: "Ana", Source: r.Saw}
	a := []model.Answer{
		{Kind: model.KindReply, Text: "Sure. What is your name?", Question: "name", Facts: []model.Fact{fact}},
		{Kind: model.KindReply, Text: "We are open Mon-Fri.", Lang: "es"},
		{Kind: model.KindReply, Text: "See www.example.com"},
		{Kind: model.KindReply, Text: "NO" + "_REPLY"},
		{Kind: model.KindSilent, Silence: "nothing_asked"},
		{Kind: model.KindEscalate, Severity: "S4", Text: "I pass this on.", Reason: "refill"},
		{Kind: model.KindEscalate, Severity: "S3", Reason: "patient_wish"},
		{Kind: model.KindReply, Text: "All set.", Done: true},
	}
	i := w.dice.IntN(len(a) + 1)
	if i == len(a) {
		r.Failed, r.Why = true, "timeout"
		return
	}
	r.Answer = a[i]
}

// act is a staff act that does not come by text.
func (w *world) act(id molt.ConversationID, a turn.Acted) {
	w.t.Helper()
	w.acts++
	a.ID, a.Via = fmt.Sprintf("cli:%d", w.acts), "cli"
	if err := w.step(id, nil, func(*turn.State, func(turn.Ref) molt.Words) intake.Plan {
		return intake.Plan{Facts: []intake.Fact{{Kind: turn.KindActed, Body: &a}}}
	}); err != nil {
		w.t.Logf("act: %v", err)
	}
}

func (w *world) auditor() *audit.Auditor { return audit.New(w.store.Store, w.ring) }

func (w *world) known(digest string) *turn.Rules {
	if digest == w.rules.Digest {
		return w.rules
	}
	return nil
}

// judge demands that the record verifies, that each decision comes out the same,
// and that every text that was answered at the door is shown with how it ended.
func (w *world) judge() audit.Tally {
	w.t.Helper()
	rep, err := w.auditor().Verify(context.Background(), audit.Check{})
	if err != nil {
		w.t.Fatal(err)
	}
	shownFor := map[molt.ConversationID]bool{}
	again := w.replay(audit.Again{Known: w.known, Bodies: true}, func(d audit.Redecision) {
		if d.Outcome == audit.OutcomeDiffers && !shownFor[d.Conversation] {
			shownFor[d.Conversation] = true
			w.t.Errorf("conversation %s, decision %d (%s):\nrecorded  %s\nredecided %s", d.Conversation, d.Seq, d.Reason, d.Recorded, d.Redecided)
		}
	})
	if !rep.OK() || !again.OK() {
		w.t.Errorf("it does not verify: %+v, decisions %+v", rep.Faults, again)
	}
	shown := map[string]audit.Ending{}
	for _, c := range w.ids() {
		w.hanging(c)
		f, err := w.auditor().Export(context.Background(), c)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, in := range f.Inbound {
			shown[in.ProviderID] = in.Ended
		}
	}
	for id := range w.took {
		if e, ok := shown[id]; !ok || e.How == "" {
			w.t.Errorf("text %s was taken and the export shows it as %+v", id, e)
		}
	}
	return again.Tally
}

func (w *world) replay(o audit.Again, each func(audit.Redecision)) audit.Replayed {
	w.t.Helper()
	r, err := w.auditor().Replay(context.Background(), o, func(d audit.Redecision) error {
		each(d)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// hanging demands that no text waits longer than the watchdog lets it.
func (w *world) hanging(id molt.ConversationID) {
	w.t.Helper()
	late := molt.TimeOf(w.now.Add(-2 * w.rules.Watchdog))
	for _, in := range w.export(id).Inbound {
		if h := in.Ended.How; (h == audit.HowWaiting || h == audit.HowUndecided) && in.At < late {
			w.t.Errorf("conversation %s, text %s of %s still %s: %+v", id, in.ProviderID, in.At, h, in.Ended)
		}
	}
}

func (w *world) ids() []molt.ConversationID {
	p, err := w.store.Scan(context.Background(), molt.Query{Table: molt.TableConversations, Limit: molt.MaxPage})
	if err != nil {
		w.t.Fatal(err)
	}
	var out []molt.ConversationID
	for _, c := range p.Conversations {
		out = append(out, c.ID)
	}
	return out
}

func (w *world) export(id molt.ConversationID) audit.File {
	w.t.Helper()
	f, err := w.auditor().Export(context.Background(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return f
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
