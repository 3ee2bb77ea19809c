package audit_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/gateway/audit"
	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// TestTrace shows a question to the agent whole: what it had in sight, what it
// called, what it answered, which rule stopped that, and what left instead.
func TestTrace(t *testing.T) {
	w := newWorld(t, 7)
	id := w.desk.ConversationOf("main", clinic, patient)
	w.text(patient, "is Dr. Lee in tomorrow?")
	f := w.export(id)
	var item molt.ItemID
	for _, e := range f.Journal {
		var d turn.Decided
		if e.Kind == turn.KindDecided && json.Unmarshal(e.Body, &d) == nil {
			for _, x := range d.Effects {
				if x.Kind == turn.EffectAsk {
					item = x.Item
				}
			}
		}
	}
	saw := f.Journal[len(f.Journal)-1].Seq
	r := turn.Replied{
		Item: item, Saw: saw, Request: "cafe", TookMS: 41, Tokens: 77,
		Answer: model.Answer{Kind: model.KindReply, Text: "See www.example.com", Model: "ollama/m", Digest: "d1"},
		Steps:  []model.Step{{Call: model.Call{Tool: "find_slot", Arguments: json.RawMessage(`{"from":"2026-03-03"}`)}, Outcome: model.Outcome{State: model.CallDone, Slots: []model.Slot{{ID: "a1"}}}}},
	}
	if err := w.step(id, nil, func(s *turn.State, _ func(turn.Ref) molt.Words) intake.Plan {
		r.Epoch = s.Epoch
		return intake.Plan{Facts: []intake.Fact{{Kind: turn.KindReplied, Body: &r}}}
	}); err != nil {
		t.Fatal(err)
	}
	tr := w.trace(id, 0, 0)
	last := tr.Decisions[len(tr.Decisions)-1]
	text := tr.Text(time.UTC)
	if last.Reason != turn.ReasonAskAgain || last.Rules != "test" {
		t.Fatalf("got %s under %s, want ask_again:\n%s", last.Reason, last.Rules, text)
	}
	for _, want := range []string{
		`saw inbound "is Dr. Lee in tomorrow?"`, "screen:", "├─ asked the agent (event ", "in sight: messages ", "digest of what was asked: cafe",
		"called find_slot: done", `with {"from":"2026-03-03"}`, "found 1 openings", "got reply", `"See www.example.com"`, "by ollama/m d1",
		"in 41 ms, 77 tokens", "decided ask_again gate_link", "The answer was broken or the output gate stopped it",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the trace lacks %q:\n%s", want, text)
		}
	}
	// What became of a text stands with the decision that set it in motion.
	w.text(patient, "my chest hurts")
	w.run(5 * time.Second)
	if text := w.trace(id, 0, 0).Text(time.UTC); !strings.Contains(text, "became emergency: sent") {
		t.Errorf("nothing tells what became of the safety text:\n%s", text)
	}
	all := w.trace(id, 0, 0).Decisions
	some := w.trace(id, all[3].Seq, 2)
	if len(some.Decisions) != 2 || some.Decisions[1].Seq != all[2].Seq || some.Earlier != 1 {
		t.Errorf("two decisions before event %d: %+v", all[3].Seq, some)
	}
}

func (w *world) trace(id molt.ConversationID, before uint64, most int) audit.Trace {
	w.t.Helper()
	tr, err := w.auditor().Trace(context.Background(), id, before, most)
	if err != nil {
		w.t.Fatal(err)
	}
	return tr
}
