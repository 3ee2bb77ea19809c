package intake

import (
	"strings"
	"sync"
	"testing"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

func TestFrozenJournalGoesToOneSuccessor(t *testing.T) {
	w := newWorld(t)
	first := w.say(w.desk, text(patient, "SM1", "hello"))
	w.store.loading = func(id molt.ConversationID, l *molt.Loaded) {
		if id == first.Conversation && l.Snapshot.Body != nil {
			l.Snapshot.Body = append([]byte(nil), l.Snapshot.Body...)
			l.Snapshot.Body[len(l.Snapshot.Body)-1] ^= 1
		}
	}
	before := len(w.store.batches())
	d := w.newDesk(nil) // nothing in memory: the journal has to be read
	a := w.say(d, text(patient, "SM2", "I have a question about my bill"))
	if a.Reason != turn.ReasonFault || a.Conversation == first.Conversation {
		t.Fatalf("answer %+v, want a successor", a)
	}
	b := w.store.batches()[before]
	if k := kinds(b); k != "began inbound screened decided" {
		t.Errorf("the successor begins with %q", k)
	}
	if l := lanes(b); !strings.Contains(l, "page") {
		t.Errorf("items %q: nobody is paged", l)
	}
	// The same day again, from a desk that knows nothing: the same successor, and it is held.
	again := w.say(w.newDesk(nil), text(patient, "SM3", "hello?"))
	if again.Conversation != a.Conversation || again.Reason == turn.ReasonAsk {
		t.Errorf("second text: %+v, want the same successor and no agent", again)
	}
	if a := w.say(w.newDesk(nil), text(patient, "SM2", "I have a question about my bill")); !a.Duplicate {
		t.Error("a known text was taken again by the successor")
	}
}

func TestRedFlagPassesAFrozenJournal(t *testing.T) {
	w := newWorld(t)
	first := w.say(w.desk, text(patient, "SM1", "hello"))
	w.store.loading = func(id molt.ConversationID, l *molt.Loaded) {
		if id == first.Conversation {
			l.Snapshot.Body = []byte("torn")
		}
	}
	before := len(w.store.batches())
	w.say(w.newDesk(nil), text(patient, "SM2", "my chest hurts"))
	b := w.store.batches()[before]
	if l := lanes(b); !strings.Contains(l, "safety") || !strings.Contains(l, "page") {
		t.Errorf("items %q, want the safety text and the page in the same commit", l)
	}
	if strings.Contains(w.log.String(), "chest") || strings.Contains(w.log.String(), string(patient)) {
		t.Error("the log holds the patient's words or number")
	}
}

// Back-fill lists what a webhook brings or has brought: the copies stand in one
// batch. On a frozen journal too each text is taken once, and whole.
func TestCopiesKeepNoSuccessorFromARedFlag(t *testing.T) {
	hello, flag := text(patient, "SM1", "hello"), text(patient, "SM2", "my chest hurts")
	for _, c := range []struct {
		name  string
		texts []channels.Inbound
		known []bool
	}{
		{"a known text before it", []channels.Inbound{hello, flag}, []bool{true, false}},
		{"twice at once", []channels.Inbound{flag, flag}, []bool{false, false}},
		{"all of it", []channels.Inbound{flag, hello, flag}, []bool{false, true, false}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			first := w.say(w.desk, hello)
			w.store.loading = func(id molt.ConversationID, l *molt.Loaded) {
				if id == first.Conversation {
					l.Snapshot.Body = []byte("torn")
				}
			}
			before := len(w.store.batches())
			d := w.newDesk(func(o *Options) { o.Spawn = func(func()) {} })
			var letters []*letter
			for _, in := range c.texts {
				letters = append(letters, letterOf(d, in))
			}
			d.handle(&mailbox{id: first.Conversation}, letters)
			for i, want := range c.known {
				if l := letters[i]; l.err != nil || l.answer.Duplicate != want {
					t.Errorf("letter %d: duplicate %v, err %v, want duplicate %v", i, l.answer.Duplicate, l.err, want)
				}
			}
			b := w.store.batches()[before:]
			if len(b) != 1 || !strings.Contains(lanes(b[0]), "safety") || !strings.Contains(lanes(b[0]), "page") {
				t.Fatalf("got %d batches, want one with the safety text and the page in it", len(b))
			}
		})
	}
}

func TestDecideFaultGoesToASuccessor(t *testing.T) {
	w := newWorld(t)
	d := w.newDesk(func(o *Options) { o.Rules = faultyRules(w.rules, 3) })
	a := w.say(d, text(patient, "SM1", "my chest hurts"))
	if a.Reason != turn.ReasonFault {
		t.Fatalf("reason %q, want %q", a.Reason, turn.ReasonFault)
	}
	if l := lanes(w.store.batches()[0]); !strings.Contains(l, "page") {
		t.Errorf("items %q: nobody is paged", l)
	}
}

// faultyRules gives no rules at its nth call, which makes the core fault.
func faultyRules(r *turn.Rules, nth int) func() *turn.Rules {
	var mu sync.Mutex
	calls := 0
	return func() *turn.Rules {
		mu.Lock()
		defer mu.Unlock()
		if calls++; calls == nth {
			return nil
		}
		return r
	}
}

// TestASuccessorLeavesNoDraftBehind: what waited for a nurse in a frozen journal ends
// with it. Its row would stand for ever, and its code for a number that may be
// another draft's in the journal that follows.
func TestASuccessorLeavesNoDraftBehind(t *testing.T) {
	w := newWorld(t)
	w.rules.Autonomy = turn.AutonomyDraft
	id := w.say(w.desk, text(patient, "SM1", "when do you open?")).Conversation
	_, err := w.desk.Step(t.Context(), id, nil, func(s *turn.State, _ func(turn.Ref) molt.Words) Plan {
		r := turn.Replied{Item: s.Ask.Item, Epoch: s.Epoch, Saw: s.Seq, Answer: model.Answer{Kind: model.KindReply, Text: "At 8."}}
		return Plan{Facts: []Fact{{turn.KindReplied, &r}}}
	})
	rows, listErr := w.desk.Reviews(t.Context())
	if err != nil || listErr != nil || len(rows) != 1 {
		t.Fatalf("what waits: %+v, %v, %v", rows, err, listErr)
	}
	w.store.loading = torn(id)
	d := w.newDesk(nil)
	if next := w.say(d, text(patient, "SM2", "hello?")).Conversation; next == id {
		t.Fatal("no successor")
	}
	if left, err := d.Reviews(t.Context()); err != nil || len(left) > 0 {
		t.Errorf("still on the list: %+v, %v", left, err)
	}
	if c, err := d.codeIn(t.Context(), rows[0].Code+" Y"); err != nil || c.Known || c.Freed == 0 {
		t.Errorf("its code still stands for it, or another's at once: %+v, %v", c, err)
	}
}
