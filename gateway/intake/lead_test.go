package intake

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/audit"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// chat takes in one text of a web visitor.
func (w *world) chat(visitor int, id, source, words string) Answer {
	w.t.Helper()
	t, err := w.desk.Accept(w.t.Context(), channels.Inbound{
		Channel: "main", Account: clinic, Peer: molt.Address(fmt.Sprintf("visitor:%d", visitor)), ProviderID: id,
		Words: molt.Words(words), Via: channels.ViaLive, Source: source,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	a, err := t.Wait(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// leads counts the cases that ring and those that stand beside one.
func (w *world) leads() (ring, beside int) {
	w.t.Helper()
	rows, err := w.desk.WorkList(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, r := range rows {
		switch {
		case r.State == escalation.StateResolved:
		case r.Beside == "":
			ring++
		default:
			beside++
		}
	}
	return ring, beside
}

func TestManyChatsOfOneSourceRingOnce(t *testing.T) {
	w := newWorld(t)
	const chats = 20
	w.rules.ChatsRinging = 2 * chats // what one source is bound to, whatever all are
	var wg sync.WaitGroup
	for i := range chats {
		wg.Go(func() { w.chat(i, fmt.Sprintf("m%d", i), "home", "my chest hurts") })
	}
	wg.Wait()
	if ring, beside := w.leads(); ring != 1 || beside != chats-1 {
		t.Errorf("%d cases ring and %d stand beside; want 1 and %d", ring, beside, chats-1)
	}
	safety := 0
	for _, b := range w.store.batches() {
		for _, it := range b.Put {
			if it.Lane.Class() == molt.LaneSafety {
				safety++
			}
		}
	}
	if safety != chats {
		t.Errorf("%d safety texts for %d patients", safety, chats)
	}
	w.chat(chats, "other", "elsewhere", "my chest hurts")
	if ring, _ := w.leads(); ring != 2 {
		t.Errorf("%d cases ring; a red flag from elsewhere has to", ring)
	}
}

func TestNextOfASourceRingsWhenTheFirstIsOver(t *testing.T) {
	w := newWorld(t)
	first := w.chat(1, "a", "home", "my chest hurts")
	second := w.chat(2, "b", "home", "my chest hurts")
	act := func(id string, v turn.Verb, a turn.Acted) {
		t.Helper()
		a.ID, a.Actor, a.Via, a.Verb = id, "alice", "cli", v
		if _, err := w.desk.Step(t.Context(), first.Conversation, nil, func(*turn.State, func(turn.Ref) molt.Words) Plan {
			return Plan{Facts: []Fact{{Kind: turn.KindActed, Body: &a}}}
		}); err != nil {
			t.Fatal(err)
		}
	}
	tick := func() {
		t.Helper()
		w.clock.add(escalation.BesideEvery)
		if _, err := w.desk.Step(t.Context(), second.Conversation, nil, func(s *turn.State, _ func(turn.Ref) molt.Words) Plan {
			for _, tm := range s.Timers {
				if tm.Name == "case" {
					return Plan{Facts: []Fact{{Kind: turn.KindTimed, Body: &turn.Timed{Name: tm.Name, Item: tm.Item}}}}
				}
			}
			return Plan{}
		}); err != nil {
			t.Fatal(err)
		}
	}
	tick()
	if ring, beside := w.leads(); ring != 1 || beside != 1 {
		t.Errorf("while the first is open %d ring, %d beside", ring, beside)
	}
	act("t", turn.VerbTake, turn.Acted{})
	act("d", turn.VerbResolve, turn.Acted{FalseAlarm: true, Disposition: "false_alarm", NextOwner: escalation.OwnerAgent})
	tick()
	if ring, beside := w.leads(); ring != 1 || beside != 0 {
		t.Errorf("when the first is over %d ring, %d beside; want the second to", ring, beside)
	}
	// The first's patient writes again: now they stand beside the second, which
	// was taken up by the same guard.
	w.chat(1, "c", "home", "my chest hurts more")
	if ring, beside := w.leads(); ring != 1 || beside != 1 {
		t.Errorf("after both, %d ring, %d beside", ring, beside)
	}
	if strings.Contains(w.log.String(), "chest") {
		t.Error("a patient's words are in the log")
	}
}

// A school is one source with two patients: who has the first case does not
// answer for the second, and others are asked.
func TestAnS1BesideAnotherOfItsSourceIsNotLeftToOneNurse(t *testing.T) {
	w := newWorld(t)
	first := w.chat(1, "a", "school", "my chest hurts").Conversation
	w.act(first, "take", turn.VerbTake, "")
	second := w.chat(2, "b", "school", "my chest hurts").Conversation
	asked := map[molt.PersonID]bool{}
	const turns = 4
	for i := range turns {
		var due molt.Time
		w.step(second, func(s *turn.State) Plan {
			for _, p := range s.Case.Pages {
				asked[p.Person] = true
			}
			due = s.Case.Due
			return Plan{}
		})
		w.clock.add(due.Std().Sub(w.clock.Now()))
		w.act(first, fmt.Sprint("relay", i), turn.VerbRelay, "I am with you.") // the first goes on
		w.step(second, func(s *turn.State) Plan {
			return Plan{Facts: []Fact{{Kind: turn.KindTimed, Body: &turn.Timed{Name: "case", Item: s.Timers[0].Item}}}}
		})
	}
	if len(asked) < 2 {
		t.Errorf("in %d turns of an S1 nobody but %v was asked", turns, asked)
	}
	w.replays(second)
}

// step runs one step of a conversation.
func (w *world) step(id molt.ConversationID, plan func(*turn.State) Plan) {
	w.t.Helper()
	if _, err := w.desk.Step(w.t.Context(), id, nil, func(s *turn.State, _ func(turn.Ref) molt.Words) Plan { return plan(s) }); err != nil {
		w.t.Fatal(err)
	}
}

// act has alice act on a conversation's case.
func (w *world) act(id molt.ConversationID, key string, v turn.Verb, words molt.Words) {
	w.t.Helper()
	a := turn.Acted{ID: key, Actor: "alice", Via: "cli", Verb: v, Words: words}
	w.step(id, func(*turn.State) Plan { return Plan{Facts: []Fact{{Kind: turn.KindActed, Body: &a}}} })
}

// replays wants every decision of a conversation made again as it was.
func (w *world) replays(id molt.ConversationID) {
	w.t.Helper()
	rules := func(string) *turn.Rules { return w.rules }
	again := audit.Again{Known: rules, Only: id, Bodies: true}
	if _, err := audit.New(w.store, w.ring).Replay(w.t.Context(), again, func(r audit.Redecision) error {
		if r.Outcome != audit.OutcomeEqual {
			w.t.Errorf("decision %d (%s) %s:\n%s\n%s", r.Seq, r.Reason, r.Outcome, r.Recorded, r.Redecided)
		}
		return nil
	}); err != nil {
		w.t.Error(err)
	}
}
