package turn

import (
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/screen"
	"github.com/tidegate/tidegate/molt"
)

// booker is a conversation whose agent was asked and has offered an opening.
func booker(t *testing.T) (*world, model.Slot) {
	t.Helper()
	w := newWorld(t)
	slot := model.Slot{ID: "a1", Start: w.now.Add(24 * time.Hour), Minutes: 20}
	w.step(fact{KindInbound, &channels.Inbound{Words: "what openings are there", ProviderID: "1"}})
	w.step(fact{KindReplied, &Replied{
		Item: w.s.Ask.Item, Epoch: w.s.Epoch, Saw: w.s.Seq, Answer: model.Answer{Kind: model.KindReply, Text: "option 1 is tomorrow"},
		Steps: []model.Step{{Call: model.Call{Tool: model.ToolFind}, Outcome: model.Outcome{State: model.CallDone, Slots: []model.Slot{slot}}}},
	}})
	w.step(fact{KindInbound, &channels.Inbound{Words: "option 1", ProviderID: "2"}})
	return w, slot
}

func book(slot string) (model.Call, string) { return model.Call{Tool: model.ToolBook}, slot }

func (w *world) act(t *testing.T, c model.Call, slot string) Calling {
	t.Helper()
	a, why := w.s.Act(conversation, c, slot, w.now)
	if why != "" {
		t.Fatalf("refused: %s", why)
	}
	w.step(fact{KindCalling, &a})
	return a
}

func (w *world) came(a Calling, state string) Decided {
	return w.step(fact{KindCalled, &Called{Tool: a.Tool, Key: a.Key, Slot: a.Slot, State: state}})
}

func said(d Decided, what string) (n int) {
	for _, e := range d.Effects {
		if e.Kind == EffectSay && e.Out.What == what {
			n++
		}
	}
	return n
}

func TestWhatMayBeCalled(t *testing.T) {
	w, slot := booker(t)
	refused := func(want string, c model.Call, id string) {
		t.Helper()
		if _, why := w.s.Act(conversation, c, id, w.now); why != want {
			t.Errorf("%s %q: got %q, want %q", c.Tool, id, why, want)
		}
	}
	refused(whyNotOffered, model.Call{Tool: model.ToolBook}, "zz")
	refused(whyHasNone, model.Call{Tool: model.ToolCancel}, "")
	c, id := book(slot.ID)
	a := w.act(t, c, id)
	refused(whyUnderWay, c, id)
	w.came(a, model.CallDone)
	w.s.Offered = []model.Slot{slot}
	refused(whyHasOne, c, id)
	if late, why := w.s.Act(conversation, c, id, slot.Start); why != whyNotOffered || late.Key != "" {
		t.Errorf("an opening of the past: %+v, %q", late, why)
	}
	if b, why := w.s.Act(conversation, model.Call{Tool: model.ToolCancel}, "", w.now); why != "" || b.Key != a.Key || b.Slot != slot {
		t.Errorf("giving back: %+v, %q", b, why)
	}
	if other, _ := w.s.Act("c_other", c, id, w.now); other.Key == a.Key && other.Key != "" {
		t.Error("two patients share a key")
	}
}

func TestBookedIsToldOnce(t *testing.T) {
	w, slot := booker(t)
	c, id := book(slot.ID)
	a := w.act(t, c, id)
	d := w.came(a, model.CallDone)
	if said(d, "booked_by") != 1 || w.s.Booked.Slot != slot || w.s.Calling.Key != "" || len(w.s.Pending) != 0 {
		t.Errorf("reason %s, state %+v, pending %v", d.Reason, w.s.Booked, w.s.Pending)
	}
	if again := w.came(a, model.CallDone); said(again, "booked_by") != 0 || again.Reason != ReasonNothing {
		t.Errorf("told twice: %s", again.Reason)
	}
	rules := testRules(t)
	if q := w.s.Request(&rules, model.Persona{}, model.Clinic{}, w.recall, w.now); q.Booked == nil || *q.Booked != slot {
		t.Errorf("the model is not told: %+v", q.Booked)
	}
	if line := bookingLine(&w.s, &rules); !strings.HasPrefix(line, "Booked: ") {
		t.Errorf("the handoff says %q", line)
	}
	back := w.act(t, model.Call{Tool: model.ToolCancel}, "")
	if d := w.came(back, model.CallDone); said(d, "unbooked_by") != 1 || w.s.Booked.Key != "" {
		t.Errorf("given back: %s, %+v", d.Reason, w.s.Booked)
	}
}

func TestWhatIsNotDoneGoesToAPerson(t *testing.T) {
	for _, state := range []string{model.CallFailed, model.CallUnknown} {
		w, slot := booker(t)
		c, id := book(slot.ID)
		a := w.act(t, c, id)
		d := w.came(a, state)
		if w.s.Owner != escalation.OwnerHold || w.s.Case.Category != "booking" || w.s.Case.Severity != escalation.S3 || said(d, "booked_by") != 0 {
			t.Errorf("%s: owner %s, case %+v", state, w.s.Owner, w.s.Case)
		}
	}
	w, slot := booker(t)
	c, id := book(slot.ID)
	a := w.act(t, c, id)
	if d := w.came(a, model.CallRefused); w.s.Owner != escalation.OwnerAgent || d.Reason != ReasonCalled || len(w.s.Pending) == 0 {
		t.Errorf("refused: owner %s, %s: the agent still owes an answer", w.s.Owner, d.Reason)
	}
}

// A red flag while the act is made: nobody texts about an appointment into an
// emergency, and who has the case learns of it.
func TestBookedIntoAnEmergency(t *testing.T) {
	w, slot := booker(t)
	c, id := book(slot.ID)
	a := w.act(t, c, id)
	w.step(fact{KindInbound, &channels.Inbound{Words: "my chest hurts", ProviderID: "3"}}, fact{KindScreened, &screen.Verdict{Severity: screen.S1, Category: "cardiac"}})
	w.step(fact{KindActed, &Acted{ID: "1", Actor: "alice", Verb: VerbTake, Case: w.s.Case.ID}})
	d := w.came(a, model.CallDone)
	if said(d, "booked_by") != 0 || w.s.Booked.Key == "" {
		t.Errorf("booked %+v, texts %d", w.s.Booked, said(d, "booked_by"))
	}
	told := false
	for _, e := range d.Effects {
		told = told || e.Kind == EffectPage && e.Out.Person == "alice" && strings.Contains(e.Out.Words.Reveal(), "appointment was booked")
	}
	if !told {
		t.Error("who has the case does not learn of it")
	}
}

func TestAnActThatNobodyHeardOf(t *testing.T) {
	w, slot := booker(t)
	c, id := book(slot.ID)
	w.act(t, c, id)
	timer := w.s.timer(timerCalling)
	if timer == nil || timer.Due != w.now.Add(CallingWithin) {
		t.Fatalf("timer %+v", timer)
	}
	w.now = timer.Due
	w.step(fact{KindTimed, &Timed{Name: timerCalling, Item: timer.Item}})
	if w.s.Owner != escalation.OwnerHold || w.s.Case.Category != "booking" {
		t.Errorf("owner %s, case %+v", w.s.Owner, w.s.Case)
	}
}

func TestWhenIsWrittenAsPatientsReadIt(t *testing.T) {
	rules := testRules(t)
	at := molt.TimeOf(time.Date(2026, 5, 4, 14, 30, 0, 0, time.UTC))
	for lang, want := range map[string]string{"en": "Mon May 4, 10:30 AM", "es": "lun 4 may, 10:30 AM"} {
		if got := whenIn(&rules, lang, at); got != want {
			t.Errorf("%s: got %q, want %q", lang, got, want)
		}
	}
}

// TestAnActDoneAnswersNoLaterQuestion: what the patient wrote while an act waited for
// a nurse is no part of it, and goes on waiting for its answer.
func TestAnActDoneAnswersNoLaterQuestion(t *testing.T) {
	w, slot := booker(t)
	w.rules.Approve = []string{model.ToolBook}
	a, why := w.s.Act(conversation, model.Call{Tool: model.ToolBook}, slot.ID, w.now)
	if why != "" {
		t.Fatal(why)
	}
	r := w.ask()
	r.Proposed = &a
	w.step(fact{KindReplied, r})
	w.step(fact{KindInbound, &channels.Inbound{Words: "do you take my insurance?", ProviderID: "3"}})
	later := w.s.Pending
	w.step(fact{KindActed, &Acted{ID: "y", Actor: "alice", Verb: VerbRelease, Review: w.s.Proposed().Number}})
	if p := w.s.Proposed(); p == nil || w.s.Calling.Key != "" {
		t.Fatalf("released though the patient wrote since: %+v", w.s.Calling)
	}
	w.step(fact{KindActed, &Acted{ID: "y2", Actor: "alice", Verb: VerbRelease, Review: w.s.Proposed().Number}})
	if d := w.came(w.s.Calling, model.CallDone); said(d, "booked_by") != 1 {
		t.Fatalf("%s: the patient is not told", d.Reason)
	}
	if len(later) != 1 || len(w.s.Pending) != 1 || w.s.Pending[0] != later[0] || w.s.Ask.Item == "" || w.s.timer(timerWatchdog) == nil {
		t.Errorf("pending %v, want %v; ask %q, watchdog %v", w.s.Pending, later, w.s.Ask.Item, w.s.timer(timerWatchdog))
	}
}

// TestNothingIsErasedUnderAReview: an act that waits has a row on the nurses' list and
// a code, which only its end takes away.
func TestNothingIsErasedUnderAReview(t *testing.T) {
	w, slot := booker(t)
	a, _ := w.s.Act(conversation, model.Call{Tool: model.ToolBook}, slot.ID, w.now)
	r := w.ask()
	r.Proposed = &a
	w.step(fact{KindReplied, r})
	if w.s.Proposed() == nil || len(w.s.Pending) > 0 {
		t.Fatalf("reviews %+v, pending %v", w.s.Reviews, w.s.Pending)
	}
	if w.s.Unfinished() == "" {
		t.Error("it may be erased while an act waits for a nurse")
	}
}

// moves gives an appointment back and books another opening, in one question.
func moves(t *testing.T) (w *world, old model.Slot, a Calling) {
	t.Helper()
	w, old = booker(t)
	c, id := book(old.ID)
	w.came(w.act(t, c, id), model.CallDone)
	next := model.Slot{ID: "a2", Start: old.Start.Add(time.Hour), Minutes: 20}
	w.s.Offered = []model.Slot{next}
	w.step(fact{KindInbound, &channels.Inbound{Words: "move me to option 2", ProviderID: "3"}})
	w.came(w.act(t, model.Call{Tool: model.ToolCancel}, ""), model.CallDone)
	w.s.Offered = []model.Slot{next}
	c, id = book(next.ID)
	return w, old, w.act(t, c, id)
}

// TestAMoveThatFailsHalfway: what a question gave back is put back where what it was
// given back for does not come about, and the patient reads that it stands; where that
// fails too a person has it.
func TestAMoveThatFailsHalfway(t *testing.T) {
	for _, state := range []string{model.CallRefused, model.CallFailed} {
		w, old, a := moves(t)
		d := w.came(a, state)
		back, how := w.s.Making(w.s.Ask.Item)
		if how != MakeAgain || !back.Back || back.Slot != old || back.Tool != model.ToolBook || w.s.Owner != escalation.OwnerAgent || w.s.timer(timerCalling) == nil {
			t.Fatalf("%s: %s, to be made %q: %+v", state, d.Reason, how, back)
		}
		if d = w.came(back, model.CallDone); w.s.Booked.Slot != old || said(d, "booked_by") != 1 || w.s.Calling.Key != "" {
			t.Errorf("%s: put back, and booked is %+v, told %d times", state, w.s.Booked, said(d, "booked_by"))
		}
	}
	for _, state := range []string{model.CallRefused, model.CallFailed, model.CallUnknown} {
		w, _, a := moves(t)
		w.came(a, model.CallFailed)
		back, _ := w.s.Making(w.s.Ask.Item)
		if d := w.came(back, state); w.s.Owner != escalation.OwnerHold || w.s.Case.Category != "booking" || w.s.Calling.Key != "" || said(d, "booked_by") != 0 {
			t.Errorf("not put back, %s: owner %s, case %+v", state, w.s.Owner, w.s.Case)
		}
	}
	w, _, a := moves(t)
	if w.came(a, model.CallUnknown); w.s.Calling.Key != "" || w.s.Owner != escalation.OwnerHold {
		t.Errorf("it may be booked, and the old one is put back beside it: %+v", w.s.Calling)
	}
	w, _, a = moves(t)
	if w.came(a, model.CallDone); w.s.Calling.Key != "" || w.s.Booked.Slot.ID != "a2" {
		t.Errorf("the move came about: %+v, %+v", w.s.Calling, w.s.Booked)
	}
}

// TestBookedAndNotTold: what was booked into an emergency the patient reads of once the
// agent may speak again; what no text reaches them about a person tells them.
func TestBookedAndNotTold(t *testing.T) {
	w, slot := booker(t)
	c, id := book(slot.ID)
	a := w.act(t, c, id)
	w.step(fact{KindInbound, &channels.Inbound{Words: "my chest hurts", ProviderID: "3"}}, fact{KindScreened, &screen.Verdict{Severity: screen.S1, Category: "cardiac"}})
	if d := w.came(a, model.CallDone); said(d, "booked_by") != 0 {
		t.Error("told into an emergency")
	}
	for i, v := range []Acted{{Verb: VerbTake}, {Verb: VerbCalled, Reached: true}, {Verb: VerbResolve, NextOwner: escalation.OwnerAgent}} {
		v.ID, v.Actor, v.Case = string(rune('a'+i)), "alice", w.s.Case.ID
		d := w.step(fact{KindActed, &v})
		if want := map[Verb]int{VerbResolve: 1}[v.Verb]; said(d, "booked_by") != want {
			t.Errorf("%s: told %d times, want %d", v.Verb, said(d, "booked_by"), want)
		}
	}

	w, slot = booker(t)
	c, id = book(slot.ID)
	w.came(w.act(t, c, id), model.CallDone)
	d := w.find("booked_by", "")
	_, attempt := w.look(d)
	w.step(attempt...)
	w.step(fact{KindFailed, &Failed{Item: d.Item, Attempt: 1, Fault: channels.FaultRecipient, Certain: true}})
	if w.s.Case == nil || w.s.Case.Category != "booking" || !w.s.Case.CannotText || w.s.Owner != escalation.OwnerHold {
		t.Fatalf("nobody tells the patient: %+v", w.s.Case)
	}
	rules := testRules(t)
	if line := bookingLine(&w.s, &rules); !strings.Contains(line, "does not know") {
		t.Errorf("the handoff says %q", line)
	}
}
