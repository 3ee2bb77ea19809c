package custody

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"path/filepath"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/audit"
	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/attic"
)

const (
	patient = "+12125550197"
	nurse   = "+15550100150"
	rash    = "\xff\xd8\xff a rash"
)

// tears flips a bit of a conversation's snapshot behind the store's back, or of its
// last event where it has none, and opens the store again.
func (h *house) tears(id molt.ConversationID) {
	h.t.Helper()
	if err := h.store.Close(); err != nil {
		h.t.Fatal(err)
	}
	db, err := bolt.Open(filepath.Join(h.dir, "tidegate.db"), 0o600, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		b, key := tx.Bucket([]byte("snaps")), []byte(id)
		if b.Get(key) == nil {
			b = tx.Bucket([]byte("events"))
			c := b.Cursor()
			c.Seek(append([]byte(id), 1))
			key, _ = c.Prev()
		}
		v := bytes.Clone(b.Get(key))
		v[len(v)-1] ^= 1
		return b.Put(bytes.Clone(key), v)
	})
	if err := errors.Join(err, db.Close()); err != nil {
		h.t.Fatal(err)
	}
	h.open()
}

// TestADamagedConversationIsErased: it keeps no other from being erased, and while a
// case of it is on the work list it stays.
func TestADamagedConversationIsErased(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	damaged := h.texts(patient, "SM1", "STOP").Conversation
	other := h.texts("+12125550198", "SM2", "STOP").Conversation
	open := h.texts("+12125550199", "SM3", "my chest hurts, I cannot breathe").Conversation
	if err := h.custody(Options{}).Ask(ctx, []molt.ConversationID{damaged, other}, "os:ops"); err != nil {
		t.Fatal(err)
	}
	h.tears(damaged)
	h.tears(open)
	c := h.custody(Options{})
	var unfinished *UnfinishedError
	if err := c.Ask(ctx, []molt.ConversationID{open}, "os:ops"); !errors.As(err, &unfinished) {
		t.Errorf("a damaged conversation with an open case: got %v, want it kept", err)
	}
	if err := c.Run(ctx, func(Erasing) {}, func(Rotation) {}); err != nil {
		t.Errorf("the run: %v", err)
	}
	_, tombs, _, err := c.List(ctx)
	if err != nil || len(tombs) != 2 || tombs[0].Effective == 0 || tombs[1].Effective == 0 {
		t.Errorf("tombstones: %+v, %v; want two that took effect", tombs, err)
	}
	if rows, err := h.desk.WorkList(ctx); err != nil || len(rows) != 1 {
		t.Errorf("the work list: %+v, %v; want the open case", rows, err)
	}
}

// TestNothingIsShedUnderACaseThatJustOpened: whatever was looked at before.
func TestNothingIsShedUnderACaseThatJustOpened(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	id := h.texts(patient, "SM1", "STOP").Conversation
	h.texts(patient, "SM2", "my chest hurts, I cannot breathe")
	c := h.custody(Options{})
	left, err := c.audit.Traces(ctx, id, audit.Span{})
	if err != nil {
		t.Fatal(err)
	}
	err = c.shed(ctx, sheds{id: id, left: left, why: turn.AnchorRetention, change: func(s *turn.State) turn.State { return *s }})
	var unfinished *UnfinishedError
	if !errors.As(err, &unfinished) {
		t.Errorf("got %v, want it refused", err)
	}
	if now, err := c.audit.Traces(ctx, id, audit.Span{}); err != nil || len(now.Whole) != len(left.Whole) {
		t.Errorf("%d bodies of %d are left, %v", len(now.Whole), len(left.Whole), err)
	}
}

// TestAFileThatCameTwiceStays: as long as the later text that names it does.
func TestAFileThatCameTwiceStays(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	files, err := attic.Open(attic.Options{Folder: filepath.Join(h.dir, "files"), Store: h.store, Ring: h.ring, Random: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	h.stop = time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC)
	sends := func(provider string) (intake.Answer, attic.Ref) {
		id := h.desk.ConversationOf("main", clinic, patient)
		ref, keys, err := files.KeepFirst(ctx, id, molt.TimeOf(h.stop), []byte(rash))
		if err != nil {
			t.Fatal(err)
		}
		ticket, err := h.desk.AcceptFile(ctx, channels.Inbound{
			Channel: "main", Account: clinic, Peer: patient, ProviderID: provider, Words: "STOP", Via: channels.ViaWebhook,
			Media: []channels.Media{{Type: "image/jpeg", Kept: &channels.Kept{Hash: ref.Name, Key: ref.Key, Bytes: int64(len(rash))}}},
		}, intake.Sealed{Conversation: id, Keys: keys})
		if err != nil {
			t.Fatal(err)
		}
		a, err := ticket.Wait(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return a, ref
	}
	sends("SM1")
	h.stop = h.stop.Add(10 * 24 * time.Hour)
	a, ref := sends("SM2")
	c := h.custody(Options{Files: files})
	done, err := c.Retain(ctx, molt.TimeOf(h.stop))
	if err != nil || done.Bodies == 0 {
		t.Fatalf("retention: %+v, %v", done, err)
	}
	if got, err := files.Read(ctx, a.Conversation, ref); err != nil || string(got) != rash {
		t.Errorf("the file of the later text reads %q, %v", got, err)
	}
	h.stop = h.stop.Add(24 * time.Hour)
	if done, err := c.Retain(ctx, molt.TimeOf(h.stop)); err != nil || done.Files == 0 {
		t.Errorf("past the later text: %+v, %v; want the file gone", done, err)
	}
	if _, err := files.Read(ctx, a.Conversation, ref); !errors.Is(err, attic.ErrGone) {
		t.Errorf("past the later text it reads: %v", err)
	}
}

// TestWhatANurseWroteIsErasedWithItsPatientAlone: her texts in one step, in her
// journal and in the one that follows it once it is damaged. All within one moment,
// so that nothing that a carrier is to delete may share a name.
func TestWhatANurseWroteIsErasedWithItsPatientAlone(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	h.stop = time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC)
	h.staffed()
	gone := h.texts(patient, "SM1", "STOP").Conversation
	stays := h.texts("+12125550198", "SM2", "STOP").Conversation
	h.coded("BCDF", gone)
	h.coded("GHJK", stays)
	stream := h.texts(nurse, "SM3", "hello").Conversation
	held := make(chan struct{})
	if _, err := h.desk.Alone(ctx, stream, func(context.Context) error { <-held; return nil }); err != nil {
		t.Fatal(err)
	}
	var tickets []intake.Ticket
	for provider, words := range map[string]string{"SM4": "BCDF R we are with you", "SM5": "GHJK R bring the papers"} {
		ticket, err := h.desk.Accept(ctx, channels.Inbound{Channel: "main", Account: clinic, Peer: nurse, ProviderID: provider, Words: molt.Words(words), Via: channels.ViaWebhook})
		if err != nil {
			t.Fatal(err)
		}
		tickets = append(tickets, ticket)
	}
	close(held)
	for _, ticket := range tickets {
		if _, err := ticket.Wait(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.store.Commit(ctx, molt.Batch{Marks: []molt.Mark{{ID: molt.MarkID(intake.MarkFrozen + string(stream)), Value: []byte("{}")}}}); err != nil {
		t.Fatal(err)
	}
	h.again()
	h.texts(nurse, "SM6", "hello")
	next := h.texts(nurse, "SM7", "BCDF R it is ready").Conversation
	if next == stream {
		t.Fatal("a frozen journal went on")
	}
	c := h.custody(Options{Erases: func(string) bool { return true }})
	if err := c.Ask(ctx, []molt.ConversationID{gone}, "os:ops"); err != nil {
		t.Fatal(err)
	}
	if err := c.Run(ctx, func(Erasing) {}, func(Rotation) {}); err != nil {
		t.Fatal(err)
	}
	left := map[string]bool{}
	for _, id := range []molt.ConversationID{gone, stream, next, stays} {
		traces, err := c.audit.Traces(ctx, id, audit.Span{})
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range traces.Texts {
			left[text.ProviderID] = true
		}
	}
	deleted := h.deleted(gone)
	for provider, stays := range map[string]bool{"SM1": false, "SM2": true, "SM3": true, "SM4": false, "SM5": true, "SM6": true, "SM7": false} {
		if left[provider] != stays || deleted[provider] == stays {
			t.Errorf("%s: in the record %v, deleted at its carrier %v; want it kept: %v", provider, left[provider], deleted[provider], stays)
		}
	}
}

// TestADamagedJournalOfStaffHoldsNoErasureUp: what does not read in it stays, and the
// tombstone says so.
func TestADamagedJournalOfStaffHoldsNoErasureUp(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	h.staffed()
	gone := h.texts(patient, "SM1", "STOP").Conversation
	h.coded("BCDF", gone)
	stream := h.texts(nurse, "SM2", "BCDF R we are with you").Conversation
	h.tears(stream)
	c := h.custody(Options{})
	if err := c.Ask(ctx, []molt.ConversationID{gone}, "os:ops"); err != nil {
		t.Fatal(err)
	}
	if err := c.Run(ctx, func(Erasing) {}, func(Rotation) {}); err != nil {
		t.Errorf("the run: %v", err)
	}
	_, tombs, _, err := c.List(ctx)
	if err != nil || len(tombs) != 1 || tombs[0].Effective == 0 || !tombs[0].Damaged {
		t.Errorf("tombstones: %+v, %v; want one that took effect, and says what is left", tombs, err)
	}
}

// staffed opens the house with a nurse.
func (h *house) staffed() {
	h.t.Helper()
	h.plan = escalation.Plan{People: map[molt.PersonID]escalation.Person{"bob": {ID: "bob", Routes: []escalation.Route{{Name: "sms", Channel: "main", Address: nurse}}}}}
	h.again()
}

// coded has a code stand for a conversation's case.
func (h *house) coded(code string, id molt.ConversationID) {
	h.t.Helper()
	value, err := json.Marshal(turn.Code{Code: code, Known: true, Conversation: id, Case: molt.CaseID(string(id) + "#1")})
	if err == nil {
		_, err = h.store.Commit(context.Background(), molt.Batch{Marks: []molt.Mark{{ID: molt.MarkID(intake.MarkCode + code), Value: value}}})
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

// deleted lists what the carriers are to delete of an erased conversation.
func (h *house) deleted(id molt.ConversationID) map[string]bool {
	h.t.Helper()
	out := map[string]bool{}
	p, err := h.store.Scan(context.Background(), molt.Query{Table: molt.TableItems, Conversation: id, Limit: molt.MaxPage})
	if err != nil {
		h.t.Fatal(err)
	}
	for _, it := range p.Items {
		w, err := ReadWanted(it)
		if err != nil {
			h.t.Fatal(err)
		}
		for _, text := range w.Texts {
			out[text.ProviderID] = true
		}
	}
	return out
}
