package custody

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/gateway/notary"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// chain is three conversations of one patient, of which the middle one does not read.
func (h *house) chain() (ids []molt.ConversationID) {
	h.t.Helper()
	for n := range 3 {
		id := h.texts(patient, fmt.Sprintf("SM%d", n), "STOP").Conversation
		ids = append(ids, id)
		if n == 2 {
			break
		}
		_, err := h.store.Commit(context.Background(), molt.Batch{Marks: []molt.Mark{{ID: molt.MarkID(intake.MarkFrozen + string(id)), Value: []byte("{}")}}})
		if err != nil {
			h.t.Fatal(err)
		}
		h.again()
	}
	h.settled(ids)
	h.tears(ids[1])
	slices.Sort(ids)
	return slices.Compact(ids)
}

// settled closes the cases that successors open, and thaws what was frozen.
func (h *house) settled(ids []molt.ConversationID) {
	h.t.Helper()
	var b molt.Batch
	for _, id := range ids {
		b.Marks = append(b.Marks, molt.Mark{ID: molt.MarkID(intake.MarkFrozen + string(id)), Drop: true})
	}
	if _, err := h.store.Commit(context.Background(), b); err != nil {
		h.t.Fatal(err)
	}
}

// TestRelatedPastADamagedJournal: those before it and after it are of one patient,
// from whichever of them one looks, and by their number.
func TestRelatedPastADamagedJournal(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	stranger := h.texts("+12125550198", "SM9", "STOP").Conversation
	want := h.chain()
	if len(want) != 3 {
		t.Fatalf("%d conversations in a row", len(want))
	}
	c := h.custody(Options{})
	number := func(a molt.Address) bool { return a == patient }
	for _, id := range append(want, "") {
		match := number
		if id != "" {
			match = nil
		}
		if got, err := c.audit.Related(ctx, id, match); err != nil || !slices.Equal(got, want) {
			t.Errorf("from %q: got %v, %v; want %v", id, got, err, want)
		}
	}
	if got, err := c.audit.Related(ctx, stranger, nil); err != nil || len(got) != 1 {
		t.Errorf("from another patient: %v, %v", got, err)
	}
	h.tears(stranger) // alone, by its number
	if got, err := h.custody(Options{}).audit.Related(ctx, "", func(a molt.Address) bool { return a == "+12125550198" }); err != nil || !slices.Equal(got, []molt.ConversationID{stranger}) {
		t.Errorf("a damaged one by its number: %v, %v; want %s", got, err, stranger)
	}
}

// TestAHoldIsKilledAnywhere: laid on several journals, one of them damaged, or lifted,
// it stands on all of them or on none, whenever the daemon is killed, once it runs
// again; and at no moment is any of them erased while it stands on one.
func TestAHoldIsKilledAnywhere(t *testing.T) {
	like := newHouse(t)
	like.stop = time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC)
	ids := append(like.chain(), like.texts("+12125550198", "SM9", "STOP").Conversation)
	for _, lift := range []bool{false, true} {
		if lift {
			if err := like.holds(like.store, ids, true); err != nil {
				t.Fatal(err)
			}
			like.stop = like.stop.Add(time.Minute)
		}
		for takes := 0; ; takes++ {
			h := like.copied()
			err := h.holds(&stopping{h.store, takes}, ids, !lift)
			when := fmt.Sprintf("lifted %v, stopped after %d commits", lift, takes)
			if err != nil && !errors.Is(err, errStopped) {
				t.Fatalf("%s: %v", when, err)
			}
			h.again()
			before := h.heldOf(when, ids, false)
			if n := h.askable(ids); n > 0 && len(before) > 0 {
				t.Errorf("%s: %d can be erased while the hold stands on %v", when, n, before)
			}
			c := h.custody(Options{})
			if err := c.ResumeHolds(context.Background()); err != nil {
				t.Fatalf("%s: %v", when, err)
			}
			after := h.heldOf(when+", resumed", ids, true)
			if n := h.askable(ids); n > 0 && len(after) > 0 || n < len(ids) && len(after) == 0 {
				t.Errorf("%s, resumed: %d can be erased, and the hold stands on %v", when, n, after)
			}
			if err == nil {
				if held := len(after) > 0; held == lift || takes < 2 {
					t.Errorf("%s: held %v, in %d commits", when, held, takes)
				}
				break
			}
		}
	}
}

// between is a store in which a hold is laid just before the commit that would take a
// conversation's keys away.
type between struct {
	molt.Store
	lay  func()
	laid bool
}

func (s *between) Commit(ctx context.Context, b molt.Batch) (molt.Committed, error) {
	if len(b.Keys) > 0 && !s.laid && len(b.Keys[0].Wrapped) == 0 {
		s.laid = true
		s.lay()
	}
	return s.Store.Commit(ctx, b)
}

// TestAHoldBetweenTheLookAndTheErasure: it is laid by the commit of another journal,
// which waits for no turn of the one that is being erased; and it stands.
func TestAHoldBetweenTheLookAndTheErasure(t *testing.T) {
	for _, damaged := range []bool{false, true} {
		h, ctx := newHouse(t), context.Background()
		id := h.texts(patient, "SM1", "STOP").Conversation
		if damaged {
			h.tears(id)
		}
		store := &between{Store: h.store}
		store.lay = func() {
			m, err := notary.Held{Conversation: id, At: molt.TimeOf(h.now()), By: "os:ops"}.Mark(h.ring)
			if err == nil {
				_, err = h.store.Commit(ctx, molt.Batch{Marks: []molt.Mark{m}})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		c := h.custody(Options{Store: store})
		_, err := c.drop(ctx, notary.Asked{Conversation: id, At: molt.TimeOf(h.now()), By: "os:ops"})
		var unfinished *UnfinishedError
		if !store.laid || !errors.As(err, &unfinished) || unfinished.Why != whyHeld {
			t.Errorf("damaged %v: laid %v, %v; want it refused since a hold stands on it", damaged, store.laid, err)
		}
		keys, err := c.keys(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range keys {
			if len(k.Wrapped) == 0 {
				t.Errorf("damaged %v: the key %s is gone under a hold", damaged, k.ID)
			}
		}
	}
}

// holds lays the hold, or lifts it, over a desk of its own on that store.
func (h *house) holds(store molt.Store, ids []molt.ConversationID, held bool) error {
	h.t.Helper()
	desk := h.desk
	h.desk = h.newDesk(store)
	defer func() { h.desk = desk }()
	hold := turn.Hold{Actor: "os:ops", Held: held, At: molt.TimeOf(h.now())}
	if held {
		hold.Why = "a court"
	}
	return h.custody(Options{Store: store}).Hold(context.Background(), ids, hold)
}

// heldOf are those on which the hold stands by their journal. whole: it has to be all
// that read, with the reason, or none.
func (h *house) heldOf(when string, ids []molt.ConversationID, whole bool) (held []molt.ConversationID) {
	h.t.Helper()
	reads := 0
	for _, id := range ids {
		s, err := h.custody(Options{}).audit.State(context.Background(), id)
		_, moved, markErr := h.desk.Mark(context.Background(), molt.MarkID(intake.MarkSuccessor+string(id)))
		if errors.Is(err, molt.ErrCorrupt) || moved {
			continue
		}
		if err := errors.Join(err, markErr); err != nil {
			h.t.Fatal(err)
		}
		if reads++; s.Held != nil {
			held = append(held, id)
			if s.Held.Why != "a court" || s.Held.Actor != "os:ops" {
				h.t.Errorf("%s: the hold on %s is %q by %s", when, id, s.Held.Why.Reveal(), s.Held.Actor)
			}
		}
	}
	if whole && len(held) != 0 && len(held) != reads {
		h.t.Errorf("%s: the hold stands on %d of %d", when, len(held), reads)
	}
	return held
}

// askable counts those on which no hold stands, by what an erasure says of them.
func (h *house) askable(ids []molt.ConversationID) (n int) {
	h.t.Helper()
	for _, id := range ids {
		err := h.custody(Options{}).finished(context.Background(), id)
		var unfinished *UnfinishedError
		switch {
		case err == nil:
			n++
		case errors.As(err, &unfinished) && unfinished.Why != "a legal hold stands on it":
			n++ // for another reason
		case !errors.As(err, &unfinished):
			h.t.Fatal(err)
		}
	}
	return n
}
