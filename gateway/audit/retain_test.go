package audit_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/tidegate/tidegate/gateway/audit"
	"github.com/tidegate/tidegate/gateway/custody"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/seal"
)

// TestRetention lives worlds of dice, lets a year go by, sheds what is past its
// period, and lives on: every chain verifies, what was decided after the anchor
// comes out the same, what was before is gone and said to be, and of an open case
// and under a hold nothing was taken.
func TestRetention(t *testing.T) {
	seeds := uint64(6)
	if testing.Short() {
		seeds = 2
	}
	shed, kept := 0, 0
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := newWorld(t, seed)
			for range 30 {
				w.move()
			}
			w.run(5 * time.Minute)
			keeper, err := custody.New(custody.Options{Store: w.store, Ring: w.ring, Desk: w.desk, Now: func() time.Time { return w.now }, Log: zerolog.Nop()})
			if err != nil {
				t.Fatal(err)
			}
			before := molt.TimeOf(w.now.Add(40 * 24 * time.Hour)) // so that the months of before are over
			clear(w.store.frozen)
			w.now = w.now.Add(400 * 24 * time.Hour)
			auditor := audit.New(w.store, w.ring)
			free := w.finished(auditor)
			done, err := keeper.Retain(context.Background(), before)
			if err != nil {
				t.Fatal(err)
			}
			shed += done.Bodies
			for id, why := range free {
				l, err := w.store.Load(context.Background(), id, 10_000)
				if err != nil {
					t.Fatal(err)
				}
				whole := 0
				for _, e := range append(l.Recent, l.Tail...) {
					if e.Body != nil && e.At < before {
						whole++
					}
				}
				switch {
				case why == "" && whole > 0:
					t.Errorf("%s: %d bodies of before are there", id, whole)
				case why != "" && whole == 0:
					t.Errorf("%s: %s, and it was shed all the same", id, why)
				case why != "":
					kept++
				}
				if why == "" && opens(w.ring, l.Keys) != 1 {
					t.Errorf("%s: %d data keys open, want the one of now", id, opens(w.ring, l.Keys))
				}
			}
			w.whole(auditor)
			if again, err := keeper.Retain(context.Background(), before); err != nil || again.Bodies > 0 {
				t.Errorf("once more: %+v, %v; want nothing left", again, err)
			}
			w.text(patient, "hello again")
			for range 15 {
				w.move()
			}
			w.run(5 * time.Minute)
			if d := w.whole(auditor); d.Equal < 10 || done.Bodies > 0 && d.Gone == 0 {
				t.Errorf("decisions: %+v; want those of after equal, those of before gone", d)
			}
		})
	}
	if shed < 100 || kept == 0 {
		t.Errorf("%d bodies were shed, %d conversations kept: the worlds show too little", shed, kept)
	}
}

// finished says of each conversation why nothing of it can be taken; "": it can.
func (w *world) finished(a *audit.Auditor) map[molt.ConversationID]string {
	w.t.Helper()
	out := map[molt.ConversationID]string{}
	err := a.List(context.Background(), func(r audit.Row) error {
		s, err := a.State(context.Background(), r.Conversation)
		if out[r.Conversation] = s.Unfinished(); r.Case != "" {
			out[r.Conversation] = "an open case"
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func opens(ring *seal.Keyring, keys []molt.WrappedKey) (n int) {
	for _, k := range keys {
		if ring.Unwraps(k) == nil {
			n++
		}
	}
	return n
}

// whole wants the record to verify, and no decision to come out differently.
func (w *world) whole(a *audit.Auditor) audit.Tally {
	w.t.Helper()
	clear(w.store.frozen) // a journal that only seemed damaged reads again
	rep, err := a.Verify(context.Background(), audit.Check{Rules: func(string) *turn.Rules { return w.rules }})
	if err != nil || len(rep.Faults) > 0 || rep.Decisions.Differ > 0 {
		w.t.Errorf("verify: %v, faults %v, decisions %+v", err, rep.Faults, rep.Decisions)
	}
	again, err := a.Replay(context.Background(), audit.Again{Known: func(string) *turn.Rules { return w.rules }}, func(audit.Redecision) error { return nil })
	if err != nil || !again.OK() {
		w.t.Errorf("replay: %v, %+v", err, again)
	}
	return *rep.Decisions
}
