package gateway

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/gateway/audit"
	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/seal"
)

// TestScrub: damage far back in a journal, which no load reads, is found; the
// journal is frozen, the admin is texted where and what, and the patient's next text
// is a successor's. When the disk gives the right bytes again the journal goes on.
func TestScrub(t *testing.T) {
	f, path, ring := openFrozen(t)
	f.id = f.texts("SM1", "STOP")
	for range 40 { // so that the first events lie beyond what a load reads
		_, err := f.gateway.desk.Step(t.Context(), f.id, nil, func(*turn.State, func(turn.Ref) molt.Words) intake.Plan {
			return intake.Plan{Facts: []intake.Fact{{Kind: turn.KindRead, Body: &turn.Read{Actor: "os:ops", What: "list"}}}}
		})
		must(t, err)
	}
	f.flip(path, ring)
	if got := f.texts("SM2", "hello"); got != f.id {
		t.Fatal("a load found the damage by itself: the story shows nothing")
	}
	f.scrubs(t)
	f.scrubs(t) // a second look tells nobody again
	notices := f.told(t)
	if len(notices) != 1 || !strings.Contains(notices[0], string(f.id)) || !strings.Contains(notices[0], "event 1") {
		t.Errorf("the admin was told %q, want once, with conversation and event", notices)
	}

	f.flip(path, ring) // the disk gives the right bytes again
	f.scrubs(t)
	if got := f.texts("SM3", "hello again"); got != f.id {
		t.Errorf("a journal that reads again does not go on: %s", got)
	}

	f.flip(path, ring)
	f.scrubs(t)
	if got := f.texts("SM4", "my chest hurts"); got == f.id {
		t.Error("a damaged journal went on")
	}
	f.flip(path, ring)
	f.scrubs(t)
	if got := f.texts("SM5", "hello?"); got == f.id {
		t.Error("a journal goes on though another took over from it")
	}
}

// told lists what the first admin was texted about damage.
func (f *frozen) told(t *testing.T) (out []string) {
	t.Helper()
	plan := f.gateway.rules().Plan
	route := plan.People[plan.Admins[0]].Routes[0]
	stream, _ := f.gateway.desk.StreamOf(plan.Admins[0], route.Channel, route.Address)
	file, err := audit.New(f.store, f.gateway.o.Ring).Export(t.Context(), stream)
	must(t, err)
	for _, o := range file.Outbound {
		if o.What == "damage" {
			out = append(out, o.Words.Reveal())
		}
	}
	return out
}

// scrubs looks through the record once.
func (f *frozen) scrubs(t *testing.T) {
	t.Helper()
	must(t, f.gateway.scrubOnce(context.Background(), func() bool { return true }))
}

// texts takes a text in and returns whose conversation it became.
func (f *frozen) texts(provider, words string) molt.ConversationID {
	f.t.Helper()
	ticket, err := f.gateway.desk.Accept(f.t.Context(), channels.Inbound{Channel: "main", Account: clinic, Peer: patient, ProviderID: provider, Words: molt.Words(words), Via: "webhook"})
	must(f.t, err)
	a, err := ticket.Wait(f.t.Context())
	must(f.t, err)
	return a.Conversation
}

// flip flips a bit of the journal's first event, behind the store's back, and opens
// the store again.
func (f *frozen) flip(path string, ring *seal.Keyring) {
	f.t.Helper()
	must(f.t, f.store.Close())
	db, err := bolt.Open(path, 0o600, nil)
	must(f.t, err)
	must(f.t, db.Update(func(tx *bolt.Tx) error {
		b := tx.Bucket([]byte("events"))
		key := append([]byte(f.id), 0, 0, 0, 0, 0, 0, 0, 0, 1)
		v := append([]byte(nil), b.Get(key)...)
		v[len(v)-1] ^= 1
		return b.Put(key, v)
	}))
	must(f.t, db.Close())
	f.open(path, ring)
}

// TestScrubCutShort: what a round found before it was cut short is told all the
// same, and once.
func TestScrubCutShort(t *testing.T) {
	f, path, ring := openFrozen(t)
	f.id = f.texts("SM1", "STOP")
	admin := f.gateway.rules().Plan.People[f.gateway.rules().Plan.Admins[0]].Routes[0].Address
	ticket, err := f.gateway.desk.Accept(t.Context(), channels.Inbound{Channel: "main", Account: clinic, Peer: admin, ProviderID: "SM0", Words: "hello", Via: "webhook"})
	must(t, err)
	_, err = ticket.Wait(t.Context()) // her journal comes after the patient's
	must(t, err)
	f.flip(path, ring)
	must(t, f.gateway.scrubOnce(context.Background(), func() bool {
		_, frozen, err := f.gateway.desk.Mark(t.Context(), molt.MarkID(intake.MarkFrozen+string(f.id)))
		must(t, err)
		return !frozen // stopping
	}))
	must(t, f.store.Close())
	f.open(path, ring)
	f.scrubs(t)
	f.scrubs(t)
	if notices := f.told(t); len(notices) != 1 {
		t.Errorf("the admin was told %q, want once", notices)
	}

	// A kill after a journal was frozen and before anybody was told.
	_, err = f.store.Commit(t.Context(), molt.Batch{Marks: []molt.Mark{{ID: molt.MarkID(intake.MarkFrozen + string(f.id)), Value: []byte(`{"conversation":"c","seq":1,"cause":"x"}`)}}})
	must(t, err)
	f.scrubs(t)
	f.scrubs(t)
	if notices := f.told(t); len(notices) != 2 {
		t.Errorf("the admin was told %q, want twice by now", notices)
	}
}

// TestScrubFindsWhatIsTorn: the admins are told once of a mark or an item, and verify
// names it.
func TestScrubFindsWhatIsTorn(t *testing.T) {
	for bucket, want := range map[string]string{"marks": "seen:", "items": "an item"} {
		t.Run(bucket, func(t *testing.T) {
			f, path, ring := openFrozen(t)
			f.id = f.texts("SM1", "my chest hurts")
			must(t, f.store.Close())
			db, err := bolt.Open(path, 0o600, nil)
			must(t, err)
			must(t, db.Update(func(tx *bolt.Tx) error {
				b := tx.Bucket([]byte(bucket))
				k, v := b.Cursor().Seek([]byte(map[string]string{"marks": "seen:", "items": string(f.id)}[bucket]))
				v = append([]byte(nil), v...)
				v[len(v)-1] ^= 1
				return b.Put(append([]byte(nil), k...), v)
			}))
			must(t, db.Close())
			f.open(path, ring)
			f.scrubs(t)
			f.scrubs(t)
			if notices := f.told(t); len(notices) != 1 || !strings.Contains(notices[0], "marks or items") || strings.Contains(notices[0], "seen:") {
				t.Errorf("the admin was told %q, want once that one is damaged", notices)
			}
			rep, err := audit.New(f.store, ring).Verify(t.Context(), audit.Check{})
			if err != nil || len(rep.Faults) != 1 || !strings.Contains(rep.Faults[0].Cause, want) {
				t.Errorf("verify: %+v, %v; want it named", rep.Faults, err)
			}
		})
	}
}

// noRoom is a store whose disk has no room for some commits.
type noRoom struct {
	molt.Store
	full func(molt.Batch) bool
}

func (s *noRoom) Commit(ctx context.Context, b molt.Batch) (molt.Committed, error) {
	if s.full(b) {
		return molt.Committed{}, molt.ErrFull
	}
	return s.Store.Commit(ctx, b)
}

// Scan gives one mark too many, which is torn.
func (s *noRoom) Scan(ctx context.Context, q molt.Query) (molt.Page, error) {
	p, err := s.Store.Scan(ctx, q)
	if q.Table == molt.TableMarks && q.Prefix == "" && q.After == "" {
		p.Marks = append(p.Marks, molt.Mark{ID: "seen:x", Torn: true})
	}
	return p, err
}

// TestATornMarkIsToldOnceThereIsRoom: the admins who could not be told of it are told
// by the next round.
func TestATornMarkIsToldOnceThereIsRoom(t *testing.T) {
	f, _, _ := openFrozen(t)
	rests, err := intake.RestingCode("BHPW", 1)
	must(t, err)
	_, err = f.store.Commit(t.Context(), molt.Batch{Marks: []molt.Mark{rests}})
	must(t, err)
	full := true
	o := f.gateway.o
	o.Store = &noRoom{f.store, func(b molt.Batch) bool {
		frees := len(b.Marks) > 0 && b.Marks[0].ID == rests.ID // for as long as it lasts
		return frees || full && slices.ContainsFunc(b.Events, func(e molt.Event) bool { return e.Kind == turn.KindNotice })
	}}
	f.gateway, err = New(o)
	must(t, err)
	if err := f.gateway.scrubOnce(t.Context(), func() bool { return true }); !errors.Is(err, molt.ErrFull) {
		t.Fatalf("a round that can tell nobody: %v", err)
	}
	full = false
	for range 2 { // no code can be freed, and the record is looked through all the same
		if err := f.gateway.scrubOnce(t.Context(), func() bool { return true }); !errors.Is(err, molt.ErrFull) {
			t.Fatalf("a round that can free no code: %v", err)
		}
	}
	if notices := f.told(t); len(notices) != 1 {
		t.Errorf("the admin was told %q, want once", notices)
	}
}
