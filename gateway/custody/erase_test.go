package custody

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/gateway/audit"
	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/gateway/notary"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/seal"
)

const clinic = "+15550100101"

// texts takes a text in as the door does.
func (h *house) texts(from molt.Address, provider, words string) intake.Answer {
	h.t.Helper()
	ticket, err := h.desk.Accept(context.Background(), channels.Inbound{
		Channel: "main", Account: clinic, Peer: from, ProviderID: provider, Words: molt.Words(words), Via: channels.ViaWebhook,
	})
	if err != nil {
		h.t.Fatal(err)
	}
	a, err := ticket.Wait(context.Background())
	if err != nil {
		h.t.Fatal(err)
	}
	return a
}

// TestErasureIsKilledAnywhere kills a run of erasures after each of its steps and
// goes on in a new life: the erased opens under no key that is left, its carrier is
// told once, its tombstone says since when, who stays reads as before, and what the
// erased had said is known when it comes again.
func TestErasureIsKilledAnywhere(t *testing.T) {
	errKilled := errors.New("killed")
	kills := 0
	for at := 1; ; at++ {
		h := newHouse(t)
		gone := h.texts("+12125550197", "SM1", "STOP").Conversation
		stays := h.texts("+12125550198", "SM2", "STOP").Conversation
		old, err := os.ReadFile(h.keyFile())
		if err != nil {
			t.Fatal(err)
		}
		oldKeys, err := h.custody(Options{}).keys(context.Background(), gone)
		if err != nil {
			t.Fatal(err)
		}
		steps, reached := 0, ""
		erases := func(string) bool { return true }
		c := h.custody(Options{Erases: erases, step: func(name string) error {
			if steps++; steps == at {
				reached = name
				return errKilled
			}
			return nil
		}})
		if err := c.Ask(context.Background(), []molt.ConversationID{gone}, "os:ops"); err != nil {
			t.Fatal(err)
		}
		err = c.Run(context.Background(), func(Erasing) {}, func(Rotation) {})
		if reached == "" {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
		when := fmt.Sprintf("killed after step %d, %q", at, reached)
		if kills++; !errors.Is(err, errKilled) {
			t.Fatalf("%s: %v", when, err)
		}
		h.again()
		next := h.custody(Options{Erases: erases})
		// What a start does: the key first, then what is due.
		if err := errors.Join(next.Resume(context.Background()), next.Due(context.Background(), 0)); err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		h.again()
		h.isErased(when, gone, old, oldKeys)
		if !h.texts("+12125550197", "SM1", "STOP").Duplicate {
			t.Errorf("%s: what was erased was taken in again", when)
		}
		s, err := h.custody(Options{}).audit.State(context.Background(), stays)
		if err != nil || s.Began.Peer != "+12125550198" {
			t.Errorf("%s: who stays: %v", when, err)
		}
	}
	if kills < 5 {
		t.Errorf("%d kills, want each step", kills)
	}
	t.Logf("%d kills", kills)
}

func (h *house) isErased(when string, gone molt.ConversationID, old []byte, oldKeys []molt.WrappedKey) {
	h.t.Helper()
	ctx, c := context.Background(), h.custody(Options{})
	asked, tombs, pending, err := c.List(ctx)
	if err != nil || len(asked) > 0 || len(tombs) != 1 || tombs[0].Effective == 0 || tombs[0].By != "os:ops" || tombs[0].Texts != 1 || pending[gone] != 1 {
		h.t.Errorf("%s: asked %v, tombstones %+v, pending %v, %v", when, asked, tombs, pending, err)
	}
	before, err := seal.FromBytes(old)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, k := range oldKeys {
		if before.Unwraps(k) != nil || h.ring.Unwraps(k) == nil {
			h.t.Errorf("%s: an old copy of a data key opens under the key that is left", when)
		}
	}
	keys, err := c.keys(ctx, gone)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, k := range oldKeys {
		i := slices.IndexFunc(keys, func(n molt.WrappedKey) bool { return n.ID == k.ID })
		if i < 0 || len(keys[i].Wrapped) > 0 {
			h.t.Errorf("%s: data key %s is not dropped", when, k.ID)
		}
	}
	rep, err := c.audit.Verify(ctx, audit.Check{})
	if err != nil || len(rep.Faults) > 0 {
		h.t.Errorf("%s: verify: %v, %v", when, rep.Faults, err)
	}
	f, err := c.audit.Export(ctx, gone)
	if err != nil || len(f.Inbound) > 0 || f.Began.Peer != "" || !f.Stopped {
		h.t.Errorf("%s: the export holds %d texts of %q, opted out %v, %v", when, len(f.Inbound), f.Began.Peer.Reveal(), f.Stopped, err)
	}
	file, err := os.ReadFile(h.keyFile())
	if err != nil || bytes.Contains(file, line(h.t, writeOld(h.t, old))) {
		h.t.Errorf("%s: the old key is in its file (%v)", when, err)
	}
}

func writeOld(t *testing.T, old []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "old")
	if err := os.WriteFile(path, old, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestNotErased: an open question, a hold and a forged wish keep a conversation.
func TestNotErased(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	waits := h.texts("+12125550197", "SM1", "hello, an appointment please").Conversation
	held := h.texts("+12125550198", "SM2", "STOP").Conversation
	forged := h.texts("+12125550199", "SM3", "STOP").Conversation
	hold := func(on bool) {
		_, err := h.desk.Step(ctx, held, nil, func(*turn.State, func(turn.Ref) molt.Words) intake.Plan {
			return intake.Plan{Facts: []intake.Fact{{Kind: turn.KindHold, Body: &turn.Hold{Actor: "os:ops", Held: on, Why: "a court"}}}}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	c := h.custody(Options{})
	if err := c.Ask(ctx, []molt.ConversationID{held}, "os:ops"); err != nil {
		t.Fatal(err)
	}
	hold(true)
	for _, id := range []molt.ConversationID{waits, held} {
		var unfinished *UnfinishedError
		if err := c.Ask(ctx, []molt.ConversationID{id}, "os:ops"); !errors.As(err, &unfinished) {
			t.Errorf("%s: asked for, %v", id, err)
		}
	}
	stranger, err := seal.Draw(c.o.Random)
	if err != nil {
		t.Fatal(err)
	}
	m, err := notary.Asked{Conversation: forged, At: 1, By: "os:ops"}.Mark(stranger)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.store.Commit(ctx, molt.Batch{Marks: []molt.Mark{m}}); err != nil {
		t.Fatal(err)
	}
	var told []Erasing
	err = c.Run(ctx, func(e Erasing) { told = append(told, e) }, func(Rotation) {})
	if !errors.Is(err, notary.ErrForged) || len(told) != 1 || told[0].Waits == "" {
		t.Errorf("the run: %v, %+v", err, told)
	}
	for _, id := range []molt.ConversationID{waits, held, forged} {
		if s, err := c.audit.State(ctx, id); err != nil || s.Began.Peer == "" {
			t.Errorf("%s is gone: %v", id, err)
		}
	}
	hold(false)
	told = nil
	if err := c.Run(ctx, func(e Erasing) { told = append(told, e) }, func(Rotation) {}); !errors.Is(err, notary.ErrForged) || len(told) != 1 || told[0].Tombstone == nil {
		t.Errorf("the run once the hold is lifted: %v, %+v", err, told)
	}
}

// TestErasuresGather: none is carried out before its time.
func TestErasuresGather(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	id := h.texts("+12125550197", "SM1", "STOP").Conversation
	now := time.Now()
	c := h.custody(Options{Now: func() time.Time { return now }})
	if err := c.Ask(ctx, []molt.ConversationID{id}, "os:ops"); err != nil {
		t.Fatal(err)
	}
	for _, after := range []time.Duration{0, 6 * 24 * time.Hour, 7 * 24 * time.Hour} {
		now = now.Add(after)
		if err := c.Due(ctx, 7*24*time.Hour); err != nil {
			t.Fatal(err)
		}
		_, tombs, _, err := c.List(ctx)
		if err != nil || len(tombs) > 0 != (after >= 7*24*time.Hour) {
			t.Errorf("after %s: %d tombstones, %v", after, len(tombs), err)
		}
		now = now.Add(-after)
	}
}
