package custody

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/gateway/policy"
	"github.com/tidegate/tidegate/gateway/screen"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/boltstore"
	"github.com/tidegate/tidegate/molt/seal"
)

// house is a data folder over several lives of its process.
type house struct {
	t     *testing.T
	dir   string
	store *boltstore.Store
	ring  *seal.Keyring
	desk  *intake.Desk
	stop  time.Time       // at which its clock stands; zero: it goes
	plan  escalation.Plan // of its clinic
}

func (h *house) now() time.Time {
	if h.stop.IsZero() {
		return time.Now()
	}
	return h.stop
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, dir: t.TempDir()}
	h.open()
	t.Cleanup(func() { _ = h.store.Close() })
	return h
}

func (h *house) keyFile() string { return filepath.Join(h.dir, "tenant.key") }

func (h *house) open() {
	h.t.Helper()
	var err error
	if h.store, err = boltstore.Open(boltstore.Options{Path: filepath.Join(h.dir, "tidegate.db")}); err != nil {
		h.t.Fatal(err)
	}
	if err := seal.SweepKeyFiles(h.keyFile()); err != nil {
		h.t.Fatal(err)
	}
	if h.ring, err = seal.LoadOrCreate(h.keyFile(), rand.Reader); err != nil {
		h.t.Fatal(err)
	}
	h.desk = h.newDesk(h.store)
}

func (h *house) newDesk(store molt.Store) *intake.Desk {
	h.t.Helper()
	scr, err := screen.New()
	if err != nil {
		h.t.Fatal(err)
	}
	texts, err := policy.NewTexts("en", map[string]string{"clinic": "Harbor", "emergency": "911", "crisis": "988", "phone": "555-010-0100"}, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	rules := &turn.Rules{Digest: "test", Languages: []string{"en"}, Zone: time.UTC, Agent: true, Texts: texts, Clinic: "Harbor", AsksPerHour: 20, Watchdog: time.Hour, Plan: h.plan}
	desk, err := intake.New(intake.Options{Store: store, Ring: h.ring, Screen: scr, Rules: func() *turn.Rules { return rules }, Now: h.now, Log: zerolog.Nop()})
	if err != nil {
		h.t.Fatal(err)
	}
	return desk
}

// again is the next life: nothing of the last one's memory is left.
func (h *house) again() {
	h.t.Helper()
	if err := h.store.Close(); err != nil {
		h.t.Fatal(err)
	}
	h.open()
}

func (h *house) custody(o Options) *Custody {
	h.t.Helper()
	if o.Store == nil {
		o.Store = h.store
	}
	o.Ring, o.Desk, o.KeyFile, o.Log = h.ring, h.desk, h.keyFile(), zerolog.Nop()
	if o.Now == nil {
		o.Now = h.now
	}
	c, err := New(o)
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

func words(id molt.ConversationID) string { return "words of " + string(id) }

// sealed is a batch that waits to be committed, sealed under the key of its time.
func (h *house) sealed(id molt.ConversationID) (commit func() error) {
	h.t.Helper()
	box, err := seal.NewBox(h.ring, id, nil, rand.Reader)
	if err != nil {
		h.t.Fatal(err)
	}
	key, body, err := box.Seal(1_780_000_000_000, "x", []byte(words(id)))
	if err != nil {
		h.t.Fatal(err)
	}
	return func() error {
		return box.Commit(func(fresh []molt.WrappedKey) error {
			_, err := h.store.Commit(context.Background(), molt.Batch{Conversation: id, Events: []molt.Event{{At: 1, Kind: "x", Key: key, Body: body}}, Keys: fresh})
			return err
		})
	}
}

// reads opens everything with the keys that are in the file now.
func (h *house) reads(when string) (conversations int) {
	h.t.Helper()
	ring, err := seal.LoadOrCreate(h.keyFile(), nil)
	if err != nil {
		h.t.Fatalf("%s: %v", when, err)
	}
	err = h.custody(Options{}).each(context.Background(), func(head molt.ConversationHead) error {
		conversations++
		l, err := h.store.Load(context.Background(), head.ID, 0)
		if err != nil {
			return err
		}
		box, err := seal.NewBox(ring, head.ID, l.Keys, nil)
		if err != nil {
			return err
		}
		plain, err := box.Open("x", l.Tail[0].Key, l.Tail[0].Body)
		if err == nil && string(plain) != words(head.ID) {
			err = fmt.Errorf("it reads %q", plain)
		}
		return err
	})
	if err != nil {
		h.t.Fatalf("%s: %v", when, err)
	}
	return conversations
}

// line is the line of a key file that holds a key.
func line(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for l := range bytes.Lines(b) {
		if bytes.HasPrefix(l, []byte("tidegate-key-1-")) {
			return bytes.TrimSpace(l)
		}
	}
	t.Fatalf("%s holds no key", path)
	return nil
}

// TestRotationIsKilledAnywhere kills a change of the tenant key after each of its
// steps and each of its batches, one after the other, and goes on in a new life:
// nothing is lost, nothing stays under the old key, and that key is nowhere. A
// batch that was sealed before the change began is committed in the middle of it.
func TestRotationIsKilledAnywhere(t *testing.T) {
	errKilled := errors.New("killed")
	kills := 0
	for at := 1; ; at++ {
		h := newHouse(t)
		var wg sync.WaitGroup
		for n := range 2*rewrapAtOnce + 3 {
			commit := h.sealed(molt.ConversationID(fmt.Sprintf("c_%03d", n)))
			wg.Go(func() {
				if err := commit(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		old, oldLine := h.ring.ID(), line(t, h.keyFile())
		late, reached, steps := h.sealed("c_late"), "", 0
		c := h.custody(Options{step: func(name string) error {
			if steps++; steps != at {
				return nil
			}
			if err := late(); err != nil {
				t.Fatalf("a commit while the key changes: %v", err)
			}
			reached = name
			return errKilled
		}})
		err := c.Rotate(context.Background(), func(Rotation) {})
		if reached == "" {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
		if kills++; !errors.Is(err, errKilled) {
			t.Fatalf("killed after %q: %v", reached, err)
		}
		h.again()
		when := fmt.Sprintf("killed after step %d, %q", at, reached)
		h.reads(when)
		if err := h.custody(Options{}).Resume(context.Background()); err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		if got, want := h.reads(when+", resumed"), 2*rewrapAtOnce+4; got != want {
			t.Errorf("%s: %d conversations, want %d", when, got, want)
		}
		h.onlyUnder(when, old, oldLine)
	}
	if kills < 6 {
		t.Errorf("%d kills, want each step and batch", kills)
	}
	t.Logf("%d kills", kills)
}

// onlyUnder wants every data key under one new tenant key, and no file with the old.
func (h *house) onlyUnder(when, old string, oldLine []byte) {
	h.t.Helper()
	h.again()
	if h.ring.ID() == old || len(h.ring.Earlier()) > 0 {
		h.t.Errorf("%s: the keys are %s and %v, want a new one alone", when, h.ring.ID(), h.ring.Earlier())
	}
	c := h.custody(Options{})
	err := c.each(context.Background(), func(head molt.ConversationHead) error {
		stale, err := c.stale(context.Background(), head.ID)
		if stale {
			h.t.Errorf("%s: %s is still under the old key", when, head.ID)
		}
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	entries, err := os.ReadDir(h.dir)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(h.dir, e.Name()))
		if err != nil {
			h.t.Fatal(err)
		}
		if bytes.Contains(b, oldLine) {
			h.t.Errorf("%s: the old key lies in %s", when, e.Name())
		}
	}
}

// TestTheOldKeyStaysWhereSomethingDoesNotOpen: a data key that was damaged may be
// mended from a backup, which needs the old tenant key.
func TestTheOldKeyStaysWhereSomethingDoesNotOpen(t *testing.T) {
	h := newHouse(t)
	if err := h.sealed("c_good")(); err != nil {
		t.Fatal(err)
	}
	c := h.custody(Options{})
	bad, err := c.keys(context.Background(), "c_good")
	if err != nil {
		t.Fatal(err)
	}
	bad[0].Conversation, bad[0].Wrapped[30] = "c_bad", bad[0].Wrapped[30]^1
	if _, err := h.store.Commit(context.Background(), molt.Batch{Conversation: "c_bad", Events: []molt.Event{{At: 1, Kind: "x"}}, Keys: bad}); err != nil {
		t.Fatal(err)
	}
	old := line(t, h.keyFile())
	if err := c.Rotate(context.Background(), func(Rotation) {}); !errors.Is(err, ErrUnreadable) {
		t.Errorf("got %v, want ErrUnreadable", err)
	}
	text, err := os.ReadFile(h.keyFile())
	if err != nil || !bytes.Contains(text, old) || len(h.ring.Earlier()) != 1 {
		t.Errorf("the old key is gone (%v)", err)
	}
}

// TestNoCopyNoDestruction: where the copies that are to survive cannot be taken,
// the earlier key stays, and the change is ended once they can.
func TestNoCopyNoDestruction(t *testing.T) {
	h := newHouse(t)
	if err := h.sealed("c_one")(); err != nil {
		t.Fatal(err)
	}
	full := true
	c := h.custody(Options{Copy: func(_ context.Context, of Copying) (Copies, error) {
		if full {
			return Copies{}, errors.New("no space")
		}
		if of.Key.ID() != h.ring.ID() || len(of.Key.Earlier()) > 0 || of.Store == "" {
			t.Error("the copy is not of the new key alone")
		}
		return Copies{Backup: "b"}, nil
	}})
	err := c.Rotate(context.Background(), func(Rotation) {})
	if err == nil || !strings.Contains(err.Error(), "kept") || len(h.ring.Earlier()) != 1 {
		t.Errorf("without room: %v, earlier %v", err, h.ring.Earlier())
	}
	full = false
	var last Rotation
	if err := c.Rotate(context.Background(), func(r Rotation) { last = r }); err != nil || len(h.ring.Earlier()) > 0 || last.Step != StepDone || last.Copies.Backup != "b" {
		t.Errorf("with room: %v, %+v", err, last)
	}
}
