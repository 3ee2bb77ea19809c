package turn

import (
	"testing"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/gateway/model"
)

// TestANumberOfAnotherJournal: a journal that follows a frozen one counts anew, so
// that a number may be that of another draft there. Her yes is about the code she
// read, and without one about nothing.
func TestANumberOfAnotherJournal(t *testing.T) {
	for name, code := range map[string]string{"another code": "K7Q2", "none": ""} {
		w := newWorld(t)
		w.rules.Autonomy = AutonomyDraft
		w.step(fact{KindBegan, &Began{Channel: "main", Account: clinicNumber, Peer: patientNumber, After: "c_0", Generation: 1}})
		w.step(fact{KindInbound, &channels.Inbound{Words: "when do you open?", ProviderID: "1"}})
		r := w.ask()
		r.Answer = model.Answer{Kind: model.KindReply, Text: "At 8.", Model: "ollama/m"}
		w.step(fact{KindReplied, r})
		d := w.s.Draft()
		if d == nil {
			t.Fatal("no draft")
		}
		act := Acted{ID: "1", Actor: "alice", Verb: VerbRelease, Review: d.Number, ReviewCode: code}
		if got := w.step(fact{KindActed, &act}); got.Reason != ReasonRefused || said(got, "reply") > 0 || w.s.Draft() == nil {
			t.Errorf("%s: %s(%s)", name, got.Reason, got.Detail)
		}
		act.ID, act.ReviewCode = "2", d.Code
		if got := w.step(fact{KindActed, &act}); got.Reason != ReasonReleased {
			t.Errorf("%s: her yes to what she read: %s(%s)", name, got.Reason, got.Detail)
		}
	}
}

// TestAYesFromAPage: who acts from a page has read what it shows, and nothing newer.
func TestAYesFromAPage(t *testing.T) {
	for saw, want := range map[string]Reason{"before": ReasonRefused, "after": ReasonReleased} {
		w, slot := booker(t)
		w.rules.Approve = []string{model.ToolBook}
		a, _ := w.s.Act(conversation, model.Call{Tool: model.ToolBook}, slot.ID, w.now)
		r := w.ask()
		r.Proposed = &a
		w.step(fact{KindReplied, r})
		act := Acted{ID: "1", Actor: "alice", Via: "console", Verb: VerbRelease, Review: w.s.Proposed().Number, ReviewCode: w.s.Proposed().Code, Saw: w.s.Seq}
		w.step(fact{KindInbound, &channels.Inbound{Words: "or rather on Friday?", ProviderID: "3"}})
		if saw == "after" {
			act.Saw = w.s.Seq
		}
		if d := w.step(fact{KindActed, &act}); d.Reason != want {
			t.Errorf("a page loaded %s the newer text: %s(%s), want %s", saw, d.Reason, d.Detail, want)
		}
	}
}
