package gateway

import (
	"context"
	"crypto/rand"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	bolt "go.etcd.io/bbolt"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/gateway/agent"
	"github.com/tidegate/tidegate/gateway/casework"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/screen"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/boltstore"
	"github.com/tidegate/tidegate/molt/seal"
)

// frozen is a gateway that does not run, on a real file in which one journal is
// damaged, with its safety text and its page still to send. The test does the
// workers' steps, and its clock stands unless it is moved.
type frozen struct {
	t       *testing.T
	wire    *wire
	gateway *Gateway
	store   *boltstore.Store
	now     time.Time
	id      molt.ConversationID
}

func newFrozen(t *testing.T, words string) *frozen {
	t.Helper()
	f, path, ring := openFrozen(t)
	ticket, err := f.gateway.desk.Accept(t.Context(), channels.Inbound{Channel: "main", Account: clinic, Peer: patient, ProviderID: "SM1", Words: molt.Words(words), Via: "webhook"})
	must(t, err)
	a, err := ticket.Wait(t.Context())
	must(t, err)
	f.id = a.Conversation
	must(t, f.store.Close())
	f.damage(path)
	f.open(path, ring)
	t.Cleanup(func() { _ = f.store.Close() })
	return f
}

// openFrozen opens a gateway that does not run on a new file, with nothing damaged yet.
func openFrozen(t *testing.T) (f *frozen, path string, ring *seal.Keyring) {
	t.Helper()
	f = &frozen{t: t, now: time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC), wire: &wire{sent: make(chan channels.Outbound, 100)}}
	ring, err := seal.LoadOrCreate(t.TempDir()+"/tenant.key", rand.Reader)
	must(t, err)
	path = filepath.Join(t.TempDir(), "store.db")
	f.open(path, ring)
	return f, path, ring
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (f *frozen) open(path string, ring *seal.Keyring) {
	f.t.Helper()
	var err error
	f.store, err = boltstore.Open(boltstore.Options{Path: path})
	must(f.t, err)
	scr, err := screen.New()
	must(f.t, err)
	thinker := &thinker{asked: make(chan model.Request, 1), do: says("hello")}
	session, err := agent.New(agent.Options{Providers: []model.Provider{thinker}, Timeout: bound})
	must(f.t, err)
	var addr string
	f.gateway, err = New(Options{
		Store: f.store, Ring: ring, Screen: scr, Public: listen(f.t, &addr), Private: listen(f.t, &addr),
		Parts: Parts{Rules: rules(f.t), Adapters: map[string]channels.Adapter{"main": f.wire}, Session: session, SegmentsPerSecond: 1000},
		Now:   func() time.Time { return f.now }, Log: zerolog.Nop(),
	})
	must(f.t, err)
	f.t.Cleanup(func() { _ = f.gateway.o.Public.Close(); _ = f.gateway.o.Private.Close() })
}

// damage flips a bit of the journal's snapshot.
func (f *frozen) damage(path string) {
	f.t.Helper()
	db, err := bolt.Open(path, 0o600, nil)
	must(f.t, err)
	err = db.Update(func(tx *bolt.Tx) error {
		b := tx.Bucket([]byte("snaps"))
		k, v := b.Cursor().Seek([]byte(f.id))
		if !strings.HasPrefix(string(k), string(f.id)) {
			return errors.New("no snapshot")
		}
		torn := append([]byte(nil), v...)
		torn[len(torn)-1] ^= 1
		return b.Put(append([]byte(nil), k...), torn)
	})
	must(f.t, err)
	must(f.t, db.Close())
}

// work does what is due now in a lane, and returns how many texts left.
func (f *frozen) work(l molt.Lane) int {
	f.t.Helper()
	now := molt.TimeOf(f.now)
	c, err := f.store.Claim(f.t.Context(), molt.Claim{Classes: []molt.Lane{l}, Now: now, Until: now.Add(leaseForSend), Limit: 8})
	must(f.t, err)
	before := len(f.wire.sent)
	for _, it := range c.Items {
		through(f.gateway.beginSend)(f.t.Context(), it)
	}
	return len(f.wire.sent) - before
}

// due is how long from now what is left of a lane is due again; false: nothing
// is left.
func (f *frozen) due(l molt.Lane) (time.Duration, bool) {
	f.t.Helper()
	p, err := f.store.Scan(f.t.Context(), molt.Query{Table: molt.TableItems, Conversation: f.id, Limit: molt.MaxPage})
	must(f.t, err)
	for _, it := range p.Items {
		if it.Lane.Class() == l {
			return it.Due.Sub(molt.TimeOf(f.now)), true
		}
	}
	return 0, false
}

func (f *frozen) answers(fault channels.FaultKind) {
	f.wire.do = func(_ context.Context, o channels.Outbound) (channels.Receipt, error) {
		if fault != "" {
			return channels.Receipt{}, &channels.SendError{Kind: fault, Certain: fault != channels.FaultUnknown, Err: errors.New("no")}
		}
		return channels.Receipt{ProviderID: "SM" + string(o.Item), Status: channels.StatusQueued}, nil
	}
}

func urgentLanes() []molt.Lane { return []molt.Lane{molt.LaneSafety, molt.LanePage} }

func TestBesideAFrozenJournalUrgentTextsAreTriedAgain(t *testing.T) {
	for _, l := range urgentLanes() {
		f := newFrozen(t, "my chest hurts")
		f.answers(channels.FaultTransient)
		for try := range 3 {
			if n := f.work(l); n != 1 {
				t.Fatalf("%s, attempt %d: %d texts left, want 1", l, try+1, n)
			}
			in, left := f.due(l)
			if !left || in <= 0 || in > 10*time.Second {
				t.Fatalf("%s, after attempt %d: left %v, due in %v; want again within seconds", l, try+1, left, in)
			}
			if n := f.work(l); n != 0 {
				t.Fatalf("%s: %d texts left before they were due", l, n)
			}
			f.now = f.now.Add(in)
		}
		f.answers("")
		if n := f.work(l); n != 1 {
			t.Fatalf("%s: %d texts left, want 1", l, n)
		}
		if in, left := f.due(l); left {
			t.Errorf("%s: taken by the carrier and due again in %v", l, in)
		}
	}
}

func TestBesideAFrozenJournalAnUnknownTextLeavesOnceMore(t *testing.T) {
	for _, l := range urgentLanes() {
		f := newFrozen(t, "my chest hurts")
		f.answers(channels.FaultUnknown)
		f.work(l)
		if in, left := f.due(l); !left || in != frozenAgain {
			t.Fatalf("%s: left %v, due in %v; want again in %v", l, left, in, frozenAgain)
		}
		f.now = f.now.Add(frozenAgain)
		if n := f.work(l); n != 1 {
			t.Fatalf("%s: %d texts left, want 1", l, n)
		}
		if in, left := f.due(l); left {
			t.Errorf("%s: unknown twice and due again in %v", l, in)
		}
	}
}

func TestBesideAFrozenJournalTriesEnd(t *testing.T) {
	const most = 20 // a minute apart, for as long as an urgent text is worth sending
	for _, l := range urgentLanes() {
		f := newFrozen(t, "my chest hurts")
		f.answers(channels.FaultUnreachable)
		tries := 0
		for in, left := f.due(l); left && tries < most; in, left = f.due(l) {
			f.now = f.now.Add(max(in, 0))
			if f.work(l) != 1 {
				t.Fatalf("%s: due, and nothing left", l)
			}
			tries++
		}
		if tries < 2 || tries == most {
			t.Errorf("%s: tried %d times", l, tries)
		}
	}
}

func TestBesideAFrozenJournalNothingStaleAndNoAgentSpeaks(t *testing.T) {
	f := newFrozen(t, "my chest hurts")
	f.answers("")
	f.now = f.now.Add(11 * time.Minute) // longer than a safety text's words are good for
	if n := f.work(molt.LaneSafety); n != 0 {
		t.Errorf("a stale safety text left")
	}
	if _, left := f.due(molt.LaneSafety); left {
		t.Errorf("a stale safety text is still due")
	}
	if n := f.work(molt.LanePage); n != 1 {
		t.Errorf("%d pages left, want 1: whoever reads it late still has a patient who waits", n)
	}
}

// TestAClickTakesADamagedJournalsCase: a nurse at the console waits for no timer
// of a journal that nobody can read. Its successor takes the case, and her click.
func TestAClickTakesADamagedJournalsCase(t *testing.T) {
	f := newFrozen(t, "I need an appointment")
	for _, words := range []string{"first", "second"} {
		work, err := casework.New(casework.Options{Desk: f.gateway.desk, Rules: f.gateway.rules})
		must(t, err)
		out, err := work.Act(t.Context(), f.id, nil, turn.Acted{ID: words, Actor: "alice", Via: "console", Verb: turn.VerbTake, Case: molt.CaseID(string(f.id) + "#1")})
		if err != nil || !out.Done || out.Row.Claimant != "alice" || out.Row.Conversation == f.id {
			t.Fatalf("the %s click: %+v, %v; want the case of a successor to be hers", words, out, err)
		}
	}
}
