package casework_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/casework"
	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/gateway/policy"
	"github.com/tidegate/tidegate/gateway/screen"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/memstore"
	"github.com/tidegate/tidegate/molt/seal"
)

const clinic = molt.Address("+15550100101")

// The surfaces a nurse acts on.
const (
	onConsole = "console" // speaks of the case as her page shows it
	onSocket  = "cli"
	byText    = "sms"
)

var (
	surfaces = []string{onConsole, onSocket, byText}
	phones   = map[molt.PersonID]molt.Address{"alice": "+15550100111", "bob": "+15550100112"}
	letters  = map[turn.Verb]string{turn.VerbTake: "A", turn.VerbCalled: "C", turn.VerbResolve: "D seen to"}
)

// act is one act about the case: an operation of a history.
type act struct {
	who     molt.PersonID
	verb    turn.Verb
	surface string
}

// acts are all that is tried. Handing on has no text verb.
func acts() (all []act) {
	for _, who := range []molt.PersonID{"alice", "bob"} {
		for _, verb := range []turn.Verb{turn.VerbTake, turn.VerbCalled, turn.VerbTransfer, turn.VerbResolve} {
			all = append(all, act{who: who, verb: verb})
		}
	}
	return all
}

func colleague(p molt.PersonID) molt.PersonID {
	if p == "alice" {
		return "bob"
	}
	return "alice"
}

// house is a clinic with two nurses whose desk many use at once.
type house struct {
	t      *testing.T
	store  molt.Store
	desk   *intake.Desk
	work   *casework.Desk
	mu     sync.Mutex
	n      int
	carry  sync.Mutex
	texted sync.Map // act id → what became of it
}

func newHouse(t *testing.T) *house {
	t.Helper()
	chance := &locked{r: rand.NewChaCha8([32]byte{1})}
	ring, err := seal.Draw(chance)
	if err != nil {
		t.Fatal(err)
	}
	scr, err := screen.New()
	if err != nil {
		t.Fatal(err)
	}
	texts, err := policy.NewTexts("en", map[string]string{"clinic": "Harbor", "emergency": "911", "crisis": "988", "phone": "555-010-0100"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	people, all := map[molt.PersonID]escalation.Person{}, []molt.PersonID(nil)
	for id, a := range phones {
		people[id] = escalation.Person{ID: id, Name: string(id), Role: escalation.RoleNurse, Routes: []escalation.Route{{Name: "sms", Channel: "main", Address: a}}}
		all = append(all, id)
	}
	rules := &turn.Rules{
		Digest: "test", Languages: []string{"en"}, Zone: time.UTC, Agent: true, Texts: texts,
		Accounts: map[string]molt.Address{"main": clinic}, Senders: map[string][]molt.Address{"main": {clinic}},
		Debounce: time.Second, DebounceMax: 5 * time.Second, Watchdog: 2 * time.Minute, HoldTextEvery: 3 * time.Minute,
		Plan: escalation.Plan{
			Terms: escalation.DefaultTerms(), Hours: escalation.Hours{Zone: time.UTC}, People: people, AllHands: all, Admins: all[:1],
			Steps: []escalation.Step{{Name: "first", OnCall: []escalation.Shift{{Person: "alice"}, {Person: "bob"}}}},
		},
	}
	h := &house{t: t, store: memstore.New()}
	now := time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC)
	h.desk, err = intake.New(intake.Options{
		Store: h.store, Ring: ring, Screen: scr, Rules: func() *turn.Rules { return rules }, Now: func() time.Time { return now }, Random: chance,
	})
	if err == nil {
		h.work, err = casework.New(casework.Options{Desk: h.desk, Rules: func() *turn.Rules { return rules }})
	}
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// locked is a source of chance for many.
type locked struct {
	mu sync.Mutex
	r  *rand.ChaCha8
}

func (l *locked) Read(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.r.Read(b)
}

func (h *house) next() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.n++
	return h.n
}

// open opens an emergency of a new patient.
func (h *house) open() (molt.ConversationID, string) {
	n := h.next()
	peer := molt.Address(fmt.Sprintf("+1%d%07d", 212+n%700, 5550000+n))
	h.hear(peer, fmt.Sprintf("p%d", n), "my chest hurts and I cannot breathe")
	id := h.desk.ConversationOf("main", clinic, peer)
	rows, err := h.work.List(context.Background())
	if err != nil {
		h.t.Fatal(err)
	}
	for _, r := range rows {
		if r.Conversation == id {
			return id, r.Code
		}
	}
	h.t.Fatalf("no case of %s", id)
	return "", ""
}

func (h *house) hear(from molt.Address, id, words string) {
	ticket, err := h.desk.Accept(context.Background(), channels.Inbound{
		Channel: "main", Account: clinic, Peer: from, ProviderID: id, Words: molt.Words(words), Via: channels.ViaWebhook,
	})
	if err == nil {
		_, err = ticket.Wait(context.Background())
	}
	if err != nil {
		h.t.Errorf("text %s: %v", id, err)
	}
}

// Outcomes of an act.
const (
	done    = "done"
	refused = "refused"
	stale   = "stale" // what she acted on was older than she could know: nothing changed
)

// do acts on a surface, and says what became of it.
func (h *house) do(id molt.ConversationID, code string, a act) string {
	n := h.next()
	if a.surface == byText && letters[a.verb] != "" {
		sid := fmt.Sprintf("n%d", n)
		h.hear(phones[a.who], sid, code+" "+letters[a.verb])
		return h.carried(sid)
	}
	fact := turn.Acted{ID: fmt.Sprintf("%s:%d", a.surface, n), Actor: a.who, Via: a.surface, Verb: a.verb, To: colleague(a.who), Reached: true}
	if a.surface == onConsole {
		rows, err := h.work.List(context.Background())
		if err != nil {
			h.t.Error(err)
		}
		for _, r := range rows {
			if r.Conversation == id {
				fact.Version = r.Version
			}
		}
	}
	out, err := h.work.Act(context.Background(), id, nil, fact)
	if err != nil {
		h.t.Errorf("%v: %v", a, err)
	}
	return outcome(out.Reason, out.Detail)
}

func outcome(r turn.Reason, detail string) string {
	switch {
	case r != turn.ReasonRefused:
		return done
	case escalation.Why(detail) == escalation.WhyStale:
		return stale
	}
	return refused
}

// carried brings what nurses texted to their cases until one text's act is done.
func (h *house) carried(sid string) string {
	h.carry.Lock()
	defer h.carry.Unlock()
	for range 1000 {
		if out, ok := h.texted.Load(sid); ok {
			return out.(string)
		}
		now := molt.TimeOf(time.Date(2026, 3, 2, 15, 0, 1, 0, time.UTC))
		c, err := h.store.Claim(context.Background(), molt.Claim{Classes: []molt.Lane{molt.LaneAction}, Now: now, Until: now.Add(time.Minute), Limit: 8})
		if err != nil {
			h.t.Error(err)
		}
		for _, it := range c.Items {
			h.carryOne(it)
		}
	}
	h.t.Errorf("what %s says reaches no case", sid)
	return refused
}

func (h *house) carryOne(it molt.Leased) {
	work, err := h.desk.OpenWork(context.Background(), it.Item)
	if err != nil || work.Act.Acted == nil {
		h.t.Errorf("item %s: %v", it.ID, err)
		return
	}
	a, err := h.desk.Step(context.Background(), work.Act.Conversation, nil, func(*turn.State, func(turn.Ref) molt.Words) intake.Plan {
		return intake.Plan{Facts: []intake.Fact{{Kind: turn.KindActed, Body: work.Act.Acted}}, Unseen: []molt.MarkID{intake.MarkCarried(it.ID)}}
	})
	if err != nil {
		h.t.Errorf("item %s: %v", it.ID, err)
	}
	if _, err := h.store.Commit(context.Background(), molt.Batch{Cancel: []molt.ItemID{it.ID}}); err != nil {
		h.t.Errorf("item %s: %v", it.ID, err)
	}
	h.texted.Store(textOf(work.Act.Acted.ID), outcome(a.Reason, a.Detail))
}

// textOf is the text's id in the id of an act by text.
func textOf(id string) string { return id[max(0, strings.LastIndexByte(id, 'n')):] }

// held is who has a case, as anybody would tell it.
type held struct {
	by       molt.PersonID
	spoken   bool // with the patient, since she has it
	resolved molt.PersonID
}

// after is the rule of one act: what it may answer, and what then holds. An act
// on an older page changes nothing.
func (s held) after(a act, out string) (bool, held) {
	if out == stale {
		return true, s
	}
	mine := s.by == a.who
	next := s
	ok := false
	switch {
	case s.resolved != "":
		ok = a.verb == turn.VerbResolve && s.resolved == a.who
	case a.verb == turn.VerbTake && (mine || s.by == ""):
		ok, next.by, next.spoken = true, a.who, s.spoken && mine
	case a.verb == turn.VerbCalled && mine:
		ok, next.spoken = true, true
	case a.verb == turn.VerbTransfer && mine:
		ok, next = true, held{by: colleague(a.who)}
	case a.verb == turn.VerbResolve && mine && s.spoken:
		ok, next = true, held{resolved: a.who}
	}
	if !ok {
		return out == refused, s
	}
	return out == done, next
}

func model() porcupine.Model {
	return porcupine.Model{
		Init:              func() any { return held{} },
		Step:              func(state, in, out any) (bool, any) { return step(state.(held), in.(act), out.(string)) },
		DescribeOperation: func(in, out any) string { return fmt.Sprint(in, ": ", out) },
	}
}

func step(s held, a act, out string) (bool, any) {
	ok, next := s.after(a, out)
	return ok, next
}

// TestOrders does all orders of up to four acts, one after the other, over the
// surfaces: each answers what its rule says.
func TestOrders(t *testing.T) {
	h, all := newHouse(t), acts()
	most := 3
	if os.Getenv("TIDEGATE_HISTORIES") != "" {
		most = 4
	}
	n := 0
	var walk func(order []act)
	walk = func(order []act) {
		if len(order) > 0 {
			n++
			id, code := h.open()
			s := held{}
			for i, a := range order {
				a.surface = surfaces[(n+i)%len(surfaces)]
				out := h.do(id, code, a)
				ok, next := s.after(a, out)
				if !ok {
					t.Fatalf("%v: act %d is %s, with the case at %+v", order, i+1, out, s)
				}
				s = next
			}
		}
		if len(order) == most || t.Failed() {
			return
		}
		for _, a := range all {
			walk(append(order[:len(order):len(order)], a))
		}
	}
	walk(nil)
	t.Logf("%d orders", n)
}

// TestHistories lets two nurses act on three surfaces each, all at once, and has
// every history explained as acts one after the other. TIDEGATE_HISTORIES says how
// many.
func TestHistories(t *testing.T) {
	h, all := newHouse(t), acts()
	histories := 60
	if n, err := strconv.Atoi(os.Getenv("TIDEGATE_HISTORIES")); err == nil {
		histories = n
	}
	outs := map[string]int{}
	for seed := range histories {
		id, code := h.open()
		var mu sync.Mutex
		var history []porcupine.Operation
		var clients sync.WaitGroup
		began := time.Now()
		for i, who := range []molt.PersonID{"alice", "alice", "alice", "bob", "bob", "bob"} {
			r := rand.New(rand.NewPCG(uint64(seed), uint64(i)))
			clients.Go(func() { // ends with its acts
				for range 4 {
					a := all[r.IntN(len(all))]
					a.who, a.surface = who, surfaces[i%3]
					call := time.Since(began).Nanoseconds()
					out := h.do(id, code, a)
					mu.Lock()
					history = append(history, porcupine.Operation{ClientId: i, Input: a, Output: out, Call: call, Return: time.Since(began).Nanoseconds()})
					outs[out]++
					mu.Unlock()
				}
			})
		}
		clients.Wait()
		if !porcupine.CheckOperations(model(), history) {
			for _, o := range history {
				t.Log(o.ClientId, o.Call, o.Return, o.Input, o.Output)
			}
			t.Fatalf("history %d: no order of the acts explains their answers", seed)
		}
	}
	t.Logf("%d histories: %v", histories, outs)
	if outs[done] < histories || outs[refused] < histories {
		t.Errorf("little happens: %v", outs)
	}
}
