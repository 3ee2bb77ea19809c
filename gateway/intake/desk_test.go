package intake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/escalation"
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
	nurse   = molt.Address("+15550100111")
	second  = molt.Address("+15550100112")
)

// spy is a store that shows every batch it took and can be told to misbehave.
type spy struct {
	molt.Store
	mu      sync.Mutex
	took    []molt.Batch
	before  func(b *molt.Batch) error // may change or refuse a batch
	scanned func(molt.Query)          // hears of each scan before its answer is used; nil: nobody
	loading func(id molt.ConversationID, l *molt.Loaded)
}

func (s *spy) Commit(ctx context.Context, b molt.Batch) (molt.Committed, error) {
	s.mu.Lock()
	before := s.before
	s.mu.Unlock()
	if before != nil {
		if err := before(&b); err != nil {
			return molt.Committed{}, err
		}
	}
	c, err := s.Store.Commit(ctx, b)
	if err == nil {
		s.mu.Lock()
		s.took = append(s.took, b)
		s.mu.Unlock()
	}
	return c, err
}

func (s *spy) Load(ctx context.Context, id molt.ConversationID, recent int) (molt.Loaded, error) {
	l, err := s.Store.Load(ctx, id, recent)
	if err == nil && s.loading != nil {
		s.loading(id, &l)
	}
	return l, err
}

func (s *spy) Scan(ctx context.Context, q molt.Query) (molt.Page, error) {
	p, err := s.Store.Scan(ctx, q)
	if s.scanned != nil {
		s.scanned(q)
	}
	return p, err
}

func (s *spy) batches() []molt.Batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]molt.Batch(nil), s.took...)
}

// clock is a time that only the test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

type chance struct {
	mu sync.Mutex
	r  *rand.ChaCha8
}

func (c *chance) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.r.Read(p)
}

func newChance(seed byte) *chance { return &chance{r: rand.NewChaCha8([32]byte{seed})} }

type world struct {
	t     *testing.T
	store *spy
	ring  *seal.Keyring
	clock *clock
	rules *turn.Rules
	log   *bytes.Buffer
	desk  *Desk
}

func newWorld(t *testing.T) *world {
	t.Helper()
	ring, err := seal.LoadOrCreate(t.TempDir()+"/tenant.key", newChance(1))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		t: t, store: &spy{Store: memstore.New()}, ring: ring, log: &bytes.Buffer{}, rules: testRules(t),
		clock: &clock{now: time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC)},
	}
	w.desk = w.newDesk(nil)
	return w
}

// newDesk is another desk on the same store: a restart, or a second node.
func (w *world) newDesk(change func(*Options)) *Desk {
	w.t.Helper()
	scr, err := screen.New()
	if err != nil {
		w.t.Fatal(err)
	}
	o := Options{
		Store: w.store, Ring: w.ring, Screen: scr, Rules: func() *turn.Rules { return w.rules }, Now: w.clock.Now,
		Random: newChance(2), Log: zerolog.New(w.log),
	}
	if change != nil {
		change(&o)
	}
	d, err := New(o)
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

func testRules(t *testing.T) *turn.Rules {
	t.Helper()
	texts, err := policy.NewTexts("en", map[string]string{"clinic": "Harbor", "emergency": "911", "crisis": "988", "phone": "555-010-0100"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	person := func(id molt.PersonID, a molt.Address) escalation.Person {
		return escalation.Person{ID: id, Name: string(id), Role: "nurse", Routes: []escalation.Route{{Name: "sms", Channel: "main", Address: a, PHI: true}}}
	}
	return &turn.Rules{
		Digest: "test", Languages: []string{"en", "es"}, Zone: time.UTC, Agent: true, Texts: texts,
		Accounts: map[string]molt.Address{"main": clinic}, Senders: map[string][]molt.Address{"main": {clinic}},
		Debounce: time.Second, DebounceMax: 5 * time.Second,
		Watchdog: 2 * time.Minute, HoldTextEvery: 3 * time.Minute,
		Plan: escalation.Plan{
			Terms: escalation.DefaultTerms(), Hours: escalation.Hours{Zone: time.UTC},
			People:   map[molt.PersonID]escalation.Person{"alice": person("alice", nurse), "carmen": person("carmen", second)},
			Steps:    []escalation.Step{{Name: "first", OnCall: []escalation.Shift{{Person: "alice"}}}},
			AllHands: []molt.PersonID{"alice", "carmen"}, Admins: []molt.PersonID{"carmen"},
		},
	}
}

func text(from molt.Address, id, words string) channels.Inbound {
	return channels.Inbound{Channel: "main", Account: clinic, Peer: from, ProviderID: id, Words: molt.Words(words), Via: "webhook"}
}

func (w *world) say(d *Desk, in channels.Inbound) Answer {
	w.t.Helper()
	ticket, err := d.Accept(w.t.Context(), in)
	if err != nil {
		w.t.Fatalf("Accept: %v", err)
	}
	a, err := ticket.Wait(w.t.Context())
	if err != nil {
		w.t.Fatalf("Wait: %v", err)
	}
	return a
}

func kinds(b molt.Batch) string {
	var out []string
	for _, e := range b.Events {
		out = append(out, e.Kind)
	}
	return strings.Join(out, " ")
}

func lanes(b molt.Batch) string {
	var out []string
	for _, it := range b.Put {
		out = append(out, string(it.Lane.Class()))
	}
	return strings.Join(out, " ")
}

func TestRedFlagIsOneCommit(t *testing.T) {
	w := newWorld(t)
	a := w.say(w.desk, text(patient, "SM1", "my chest hurts"))
	if a.Reason != turn.ReasonRedFlag {
		t.Fatalf("reason %q, want %q", a.Reason, turn.ReasonRedFlag)
	}
	got := w.store.batches()
	if len(got) != 1 {
		t.Fatalf("%d commits, want 1 that holds everything", len(got))
	}
	if k := kinds(got[0]); k != "began inbound screened decided" {
		t.Errorf("events %q", k)
	}
	if l := lanes(got[0]); !strings.Contains(l, "safety") || !strings.Contains(l, "page") {
		t.Errorf("items in lanes %q, want the safety text and the page in the same commit", l)
	}
}

func TestKnownTextsAreAnsweredAndNotDecidedAgain(t *testing.T) {
	w := newWorld(t)
	w.say(w.desk, text(patient, "SM1", "hello"))
	if a := w.say(w.desk, text(patient, "SM1", "hello")); !a.Duplicate {
		t.Error("the second copy was decided")
	}
	// A restart forgets nothing.
	if a := w.say(w.newDesk(nil), text(patient, "SM1", "hello")); !a.Duplicate {
		t.Error("the copy after a restart was decided")
	}
	// In one batch with a new one, only the new one is taken.
	d := w.newDesk(func(o *Options) { o.Spawn = func(func()) {} })
	m := &mailbox{id: d.conversation(d.beganOf(text(patient, "", "")))}
	letters := []*letter{letterOf(d, text(patient, "SM1", "hello")), letterOf(d, text(patient, "SM2", "more")), letterOf(d, text(patient, "SM2", "more"))}
	d.handle(m, letters)
	for i, want := range []bool{true, false, false} {
		if l := letters[i]; l.err != nil || l.answer.Duplicate != want {
			t.Errorf("letter %d: duplicate %v, err %v", i, l.answer.Duplicate, l.err)
		}
	}
	if n := count(w, turn.KindInbound); n != 2 {
		t.Errorf("%d inbound events, want 2", n)
	}
}

func letterOf(d *Desk, in channels.Inbound) *letter {
	slots := make(chan struct{}, 1)
	slots <- struct{}{}
	d.waiting <- struct{}{}
	return &letter{slots: slots, inbound: &in, began: d.beganOf(in), seen: d.o.Ring.Mark("seen", in.Channel, in.Account.Reveal(), in.ProviderID), done: make(chan struct{})}
}

func count(w *world, kind string) (n int) {
	for _, b := range w.store.batches() {
		for _, e := range b.Events {
			if e.Kind == kind {
				n++
			}
		}
	}
	return n
}

// checkJournal folds the journal from its first event and compares: every text
// in it once, every decision on exactly what was before it.
func checkJournal(w *world, id molt.ConversationID, texts int) error {
	d := w.newDesk(nil)
	m := &mailbox{id: id}
	if err := d.load(context.Background(), m); err != nil {
		return err
	}
	if m.moved != "" {
		return errors.New("the journal is frozen")
	}
	all, err := w.store.Store.Load(context.Background(), id, 1<<20)
	if err != nil {
		return err
	}
	var s turn.State
	seen := map[string]int{}
	for _, e := range append(all.Recent, all.Tail...) {
		ev, err := d.read(m.box, memory{}, e)
		if err != nil {
			return err
		}
		if in, ok := ev.Body.(*channels.Inbound); ok {
			seen[in.ProviderID]++
		}
		s = turn.Apply(s, ev)
	}
	if len(seen) != texts {
		return fmt.Errorf("%d different texts in the journal, want %d", len(seen), texts)
	}
	for id, n := range seen {
		if n != 1 {
			return fmt.Errorf("text %s is there %d times", id, n)
		}
	}
	if len(s.Undecided) > 0 {
		return fmt.Errorf("%d texts undecided", len(s.Undecided))
	}
	if fmt.Sprint(s.Turns) != fmt.Sprint(m.state.Turns) || s.Ask != m.state.Ask || fmt.Sprint(s.Sends) != fmt.Sprint(m.state.Sends) {
		return errors.New("the snapshot is not the fold of the events")
	}
	return nil
}

// twoNodes lets two desks on one store take texts for one conversation at once.
func twoNodes(w *world, each int) (molt.ConversationID, error) {
	nodes := []*Desk{w.newDesk(nil), w.newDesk(func(o *Options) { o.Random = newChance(3) })}
	var wg sync.WaitGroup
	faults := make(chan error, 2*each)
	for n, d := range nodes {
		for i := range each {
			wg.Add(1)
			go func() {
				defer wg.Done()
				ticket, err := d.Accept(context.Background(), text(patient, fmt.Sprintf("SM%d-%d", n, i), "hello there"))
				if err == nil {
					_, err = ticket.Wait(context.Background())
				}
				faults <- err
			}()
		}
	}
	wg.Wait()
	close(faults)
	for err := range faults {
		if err != nil {
			return "", err
		}
	}
	return nodes[0].ConversationOf("main", clinic, patient), nil
}

// settle runs the timers that a text committed alone left behind.
func settle(w *world, id molt.ConversationID) error {
	for range 64 {
		c, err := w.store.Claim(context.Background(), molt.Claim{Classes: []molt.Lane{molt.LaneTimer}, Now: molt.TimeOf(w.clock.Now()), Until: molt.TimeOf(w.clock.Now().Add(time.Minute)), Limit: 8})
		if err != nil {
			return err
		}
		if len(c.Items) == 0 {
			return nil
		}
		for _, it := range c.Items {
			_, err := w.desk.Step(context.Background(), it.Conversation, nil, func(*turn.State, func(turn.Ref) molt.Words) Plan {
				return Plan{Facts: []Fact{{Kind: turn.KindTimed, Body: &turn.Timed{Name: "undecided", Item: it.ID}}}, Leases: []molt.Lease{it.Lease}}
			})
			if err != nil {
				return err
			}
		}
	}
	return errors.New("timers never end")
}

func TestTwoNodesDecideEachTextOnce(t *testing.T) {
	w := newWorld(t)
	id, err := twoNodes(w, 40)
	if err == nil {
		err = settle(w, id)
	}
	if err == nil {
		err = checkJournal(w, id, 80)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// The checker above must bite: a store that ignores the expected sequence lets
// two nodes decide on states that moved.
func TestTwoNodesWithoutExpectAreCaught(t *testing.T) {
	for range 20 {
		w := newWorld(t)
		w.store.before = func(b *molt.Batch) error {
			if b.Conversation == "" || b.Expect.AnySeq {
				return nil
			}
			l, err := w.store.Store.Load(context.Background(), b.Conversation, 0)
			b.Expect.Seq = l.Head.Seq // what ignoring it comes to
			return err
		}
		id, err := twoNodes(w, 40)
		if err == nil {
			err = settle(w, id)
		}
		if err == nil {
			err = checkJournal(w, id, 80)
		}
		if err != nil {
			return
		}
	}
	t.Error("twenty runs without Expect were not caught")
}

func TestScreenFaultCountsAsS2(t *testing.T) {
	w := newWorld(t)
	d := w.newDesk(nil)
	d.o.Screen = nil // Judge on nothing panics
	if v := d.judge("hello", nil, 1, "en"); v.Severity != screen.S2 {
		t.Errorf("a fault of the screen gave %q, want S2", v.Severity)
	}
}

func TestFactsAreCommittedAloneWhenTheJournalWillNotHoldStill(t *testing.T) {
	w := newWorld(t)
	refusals := 0
	w.store.before = func(b *molt.Batch) error {
		if b.Conversation != "" && !b.Expect.AnySeq && refusals < 20 {
			refusals++
			return &molt.Refused{Kind: molt.RefusedSeq, Why: "planted"}
		}
		return nil
	}
	before := len(w.store.batches())
	w.say(w.desk, text(patient, "SM1", "my chest hurts"))
	b := w.store.batches()[before]
	if k := kinds(b); k != "began inbound screened" || !b.Expect.AnySeq || b.Snapshot != nil {
		t.Fatalf("committed %q, any seq %v", k, b.Expect.AnySeq)
	}
	if l := lanes(b); !strings.Contains(l, "page") || !strings.Contains(l, "timer") {
		t.Errorf("items %q, want a page and an item from which the decision follows", l)
	}
	refusals = 20
	id := w.desk.ConversationOf("main", clinic, patient)
	if err := settle(w, id); err != nil {
		t.Fatal(err)
	}
	if err := checkJournal(w, id, 1); err != nil {
		t.Error(err)
	}
	if b := w.store.batches()[len(w.store.batches())-1]; !strings.Contains(lanes(b), "safety") {
		t.Errorf("the decision that followed put %q, want a safety text", lanes(b))
	}
	rows, err := w.desk.WorkList(t.Context())
	if err != nil || len(rows) != 1 || rows[0].Severity != "S1" {
		t.Errorf("work list %+v, %v; want the S1 case", rows, err)
	}
}

func TestUnknownNumberOfOursIsScreenedAndListed(t *testing.T) {
	w := newWorld(t)
	in := text(patient, "SM1", "my chest hurts")
	in.Account = "+15550100777"
	if a := w.say(w.desk, in); a.Reason != turn.ReasonRedFlag {
		t.Errorf("reason %q", a.Reason)
	}
	b := w.store.batches()[0]
	if l := lanes(b); strings.Contains(l, "safety") || !strings.Contains(l, "page") {
		t.Errorf("items %q: a page, and no text from a number we do not have", l)
	}
	// The admin lists it: nothing is the matter any more.
	w.rules.Senders["main"] = append(w.rules.Senders["main"], in.Account)
	in.ProviderID = "SM2"
	w.say(w.desk, in)
	bs := w.store.batches()
	if l := lanes(bs[len(bs)-1]); !strings.Contains(l, "safety") {
		t.Errorf("items %q: no safety text though the number is listed", l)
	}
}

func TestColdAndHotStatesAreEqual(t *testing.T) {
	w := newWorld(t)
	for i := range 60 {
		w.say(w.desk, text(patient, fmt.Sprintf("SM%d", i), fmt.Sprintf("question number %d", i)))
		w.clock.add(time.Minute)
	}
	id := w.desk.ConversationOf("main", clinic, patient)
	hot, cold := w.desk.boxes[id], &mailbox{id: id}
	if err := w.newDesk(nil).load(t.Context(), cold); err != nil {
		t.Fatal(err)
	}
	for _, r := range hot.state.Turns {
		if a, b := hot.memory.recall(r).Reveal(), cold.memory.recall(r).Reveal(); a != b || a == "" {
			t.Fatalf("message %d: hot %q, cold %q", r.Seq, a, b)
		}
	}
	if err := checkJournal(w, id, 60); err != nil {
		t.Error(err)
	}
}

func TestMailboxesAreForgotten(t *testing.T) {
	w := newWorld(t)
	for i := range MaxMailboxes + 50 {
		w.say(w.desk, text(molt.Address(fmt.Sprintf("+1555020%04d", i)), fmt.Sprintf("SM%d", i), "hello"))
	}
	w.desk.mu.Lock()
	n := len(w.desk.boxes)
	w.desk.mu.Unlock()
	if n > MaxMailboxes+1 {
		t.Errorf("%d mailboxes kept, want at most MaxMailboxes (%d)", n, MaxMailboxes)
	}
}

// A reload may bring a screen with phrases of the clinic's own: the next text is judged by it.
func TestScreenOfTheConfigurationInForce(t *testing.T) {
	w := newWorld(t)
	built, err := screen.New()
	if err != nil {
		t.Fatal(err)
	}
	own, err := built.Extend(screen.Extension{Phrases: []screen.Phrase{{Words: "zoltar is piping", Category: "diabetic", Severity: screen.S2}}})
	if err != nil {
		t.Fatal(err)
	}
	rules := *w.rules
	rules.Screen = nil
	d := w.newDesk(func(o *Options) { o.Rules = func() *turn.Rules { return &rules } })
	if v := d.judge("zoltar is piping", nil, 1, "en"); v.Severity != screen.None {
		t.Errorf("before: got %s, want none", v.Severity)
	}
	rules.Screen = own
	if v := d.judge("zoltar is piping", nil, 1, "en"); v.Severity != screen.S2 || v.Version != own.Version() {
		t.Errorf("after: got %s of %.8s, want S2 of %.8s", v.Severity, v.Version, own.Version())
	}
}
