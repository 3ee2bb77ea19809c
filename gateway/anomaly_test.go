package gateway

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// TestAnomalies walks what is flagged and what is not.
func TestAnomalies(t *testing.T) {
	now := molt.TimeOf(time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC))
	asked := func(n int, every time.Duration) *turn.State {
		s := &turn.State{At: now}
		for i := range n {
			s.AskedAt = append(s.AskedAt, int64(now.Add(-time.Duration(i)*every)))
		}
		return s
	}
	for _, c := range []struct {
		name string
		s    *turn.State
		d    turn.Decided
		want []anomaly
	}{
		{"an answer that the gate stopped", asked(1, time.Minute), turn.Decided{Reason: turn.ReasonAskAgain, Detail: "gate_link"}, []anomaly{anomalyGate}},
		{"stopped twice", asked(2, time.Minute), turn.Decided{Reason: turn.ReasonAgentFailed, Detail: "gate_dose"}, []anomaly{anomalyGate}},
		{"no answer at all", asked(1, time.Minute), turn.Decided{Reason: turn.ReasonAskAgain, Detail: "no_answer"}, nil},
		{"left to the watchdog", asked(1, time.Minute), turn.Decided{Reason: turn.ReasonWatchdog}, []anomaly{anomalySilence}},
		{"a loop", asked(loopAsks, time.Second), turn.Decided{Reason: turn.ReasonAsk}, []anomaly{anomalyLoop}},
		{"nearly a loop", asked(loopAsks-1, time.Second), turn.Decided{Reason: turn.ReasonAsk}, nil},
		{"as many, over hours", asked(loopAsks, time.Hour), turn.Decided{Reason: turn.ReasonAsk}, nil},
		{"a reply", asked(1, time.Minute), turn.Decided{Reason: turn.ReasonReply}, nil},
	} {
		if got := newWatchman().decided(c.s, c.d); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	w := newWatchman()
	for range spikeEnough {
		if got := w.replied(500, ""); got != nil {
			t.Fatalf("usual costs: %v", got)
		}
	}
	if got := w.replied(3999, ""); got != nil {
		t.Errorf("below the least of a spike: %v", got)
	}
	if got := w.replied(20_000, ""); !slices.Equal(got, []anomaly{anomalySpike}) {
		t.Errorf("20,000 tokens where 500 are usual: %v", got)
	}
	if got := w.replied(0, "repetition"); !slices.Equal(got, []anomaly{anomalyTool}) {
		t.Errorf("the same call twice: %v", got)
	}
	if got := w.replied(0, "rounds"); !slices.Equal(got, []anomaly{anomalyLoop}) {
		t.Errorf("rounds without end: %v", got)
	}
}

// TestAnomaliesAreTold: answers that the gate stops are counted, and the admin gets
// one text a day about them, which holds nobody's words; the patients have a nurse.
func TestAnomaliesAreTold(t *testing.T) {
	r := newRig(t)
	r.model.do = func(context.Context, model.Request) (model.Answer, error) {
		return model.Answer{Kind: model.KindReply, Text: "see canary.example.com"}, nil
	}
	for i := range 8 {
		r.text(molt.Address(fmt.Sprintf("+1212555019%d", i)), "I need an appointment")
	}
	told, patients := []string{}, 0
	for len(told) == 0 || patients < 8 {
		o := r.leaves()
		if o.Peer != nurse {
			patients++
			continue
		}
		told = append(told, o.Words.Reveal())
	}
	if len(told) != 1 || !strings.Contains(told[0], "the agent needs a look: gate block") || strings.Contains(told[0], "canary") {
		t.Errorf("the admin was told %q", told)
	}
	_, page := r.get(r.private + "/metrics")
	if !strings.Contains(page, `tidegate_anomalies_total{kind="gate_block"} 16`) || !strings.Contains(page, `tidegate_anomalies_total{kind="loop"} 0`) {
		t.Errorf("the metrics do not count them:\n%s", page)
	}
}
