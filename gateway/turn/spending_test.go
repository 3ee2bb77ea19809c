package turn

import (
	"testing"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/model"
)

func spends(d Decided) (out []Effect) {
	for _, e := range d.Effects {
		if e.Kind == EffectSpent {
			out = append(out, e)
		}
	}
	return out
}

func TestWhatIsSpentAddsUpByTheDay(t *testing.T) {
	w := newWorld(t)
	ask := func(id string, tokens int, micros int64) Decided {
		w.step(fact{KindInbound, &channels.Inbound{Words: "when are you open", ProviderID: id}})
		return w.step(fact{KindReplied, &Replied{
			Item: w.s.Ask.Item, Epoch: w.s.Epoch, Saw: w.s.Seq, Tokens: tokens, Micros: micros,
			Answer: model.Answer{Kind: model.KindReply, Text: "At eight."},
		}})
	}
	ask("1", 100, 7)
	d := ask("2", 50, 3)
	if w.s.Spent.Tokens != 150 || w.s.Spent.Micros != 10 {
		t.Errorf("got %+v, want 150 and 10", w.s.Spent)
	}
	if e := spends(d); len(e) != 1 || *e[0].Spent != w.s.Spent || e[0].Name != w.s.Spent.Day {
		t.Errorf("the mark: %+v", e)
	}
	if d := ask("3", 0, 0); len(spends(d)) != 0 {
		t.Error("a model that costs nothing has a mark")
	}
	before := w.s.Spent.Day
	w.now = w.now.Add(24 * time.Hour)
	d = ask("4", 5, 1)
	e := spends(d)
	if w.s.Spent.Tokens != 5 || len(e) != 2 || e[0].Name != before || e[0].Spent != nil || e[1].Name == before {
		t.Errorf("the next day: %+v, marks %+v", w.s.Spent, e)
	}
}

// What was fenced was paid for as well.
func TestAFencedAnswerWasPaidFor(t *testing.T) {
	w := newWorld(t)
	w.step(fact{KindInbound, &channels.Inbound{Words: "when are you open", ProviderID: "1"}})
	w.step(fact{KindReplied, &Replied{Item: w.s.Ask.Item, Epoch: w.s.Epoch + 1, Tokens: 9, Answer: model.Answer{Kind: model.KindReply, Text: "At eight."}}})
	if w.s.Spent.Tokens != 9 {
		t.Errorf("got %+v", w.s.Spent)
	}
}

func TestASpentBudgetEndsWithAPerson(t *testing.T) {
	w := newWorld(t)
	w.step(fact{KindInbound, &channels.Inbound{Words: "when are you open", ProviderID: "1"}})
	d := w.step(fact{KindReplied, &Replied{Item: w.s.Ask.Item, Epoch: w.s.Epoch, Saw: w.s.Seq, Failed: true, Budget: "conversation"}})
	says := 0
	for _, e := range d.Effects {
		if e.Kind == EffectSay {
			says++
		}
	}
	if d.Reason != ReasonAgentFailed || d.Detail != "budget_conversation" || says != 1 || w.s.Owner != escalation.OwnerHold || w.s.Case.Category != "budget" {
		t.Errorf("got %s %s, %d texts, owner %s, case %+v", d.Reason, d.Detail, says, w.s.Owner, w.s.Case)
	}
}

func TestOver(t *testing.T) {
	for _, c := range []struct {
		s    Spent
		b    Budget
		want bool
	}{
		{Spent{}, Budget{}, false},
		{Spent{Tokens: 1 << 40, Micros: 1 << 40}, Budget{}, false},
		{Spent{Tokens: 9}, Budget{Tokens: 10}, false},
		{Spent{Tokens: 10}, Budget{Tokens: 10}, true},
		{Spent{Micros: 10}, Budget{Tokens: 10, Micros: 10}, true},
	} {
		if got := c.s.Over(c.b); got != c.want {
			t.Errorf("%+v over %+v: %v", c.s, c.b, got)
		}
	}
	if got := (Spent{Day: "2026-05-04", Tokens: 9}).On("2026-05-05"); got.Tokens != 0 || got.Day != "2026-05-05" {
		t.Errorf("another day: %+v", got)
	}
}
