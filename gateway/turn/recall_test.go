package turn

import (
	"testing"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/molt"
)

// TestRecall: what may have left, or been answered, in the time that a restore
// lost is asked of the carrier, and nothing else is.
func TestRecall(t *testing.T) {
	const at = molt.Time(100_500) // the restore
	heard := func(t molt.Time) []Ref { return []Ref{{From: model.FromPatient, At: t}, {From: "agent", At: 200_000}} }
	for name, c := range map[string]struct {
		at    molt.Time
		state State
		out   Out
		want  *Recall
	}{
		"no restore":                    {0, State{Turns: heard(90_700)}, Out{Class: channels.ClassAgent}, nil},
		"the agent, an older text":      {at, State{Turns: heard(90_700)}, Out{Class: channels.ClassAgent}, &Recall{90_000, at, true}},
		"the agent, a newer text":       {at, State{Turns: heard(100_501)}, Out{Class: channels.ClassAgent}, nil},
		"the agent, nothing heard":      {at, State{}, Out{Class: channels.ClassAgent}, nil},
		"HELP again":                    {at, State{Turns: heard(90_700)}, Out{Class: channels.ClassSafety, What: "help"}, &Recall{90_000, at, true}},
		"in a chat":                     {at, State{Began: Began{Live: true}, Turns: heard(90_700)}, Out{Class: channels.ClassAgent}, nil},
		"a page of before":              {at, State{Sends: []Send{{Item: "i", Put: 80_900}}}, Out{Class: channels.ClassPage, Person: "alice"}, &Recall{80_000, at, false}},
		"a page of after":               {at, State{Sends: []Send{{Item: "i", Put: 100_501}}}, Out{Class: channels.ClassPage, Person: "alice"}, nil},
		"a page, attempted since":       {at, State{Sends: []Send{{Item: "i", Put: 80_900, LastAt: 100_501}}}, Out{Class: channels.ClassPage, Person: "alice"}, nil},
		"a safety text of before":       {at, State{Sends: []Send{{Item: "i", Put: 80_900, LastAt: 81_000}}}, Out{Class: channels.ClassSafety}, &Recall{80_000, at, false}},
		"a safety text of a lost flag":  {at, State{Turns: heard(90_700), Sends: []Send{{Item: "i", Put: 100_600}}}, Out{Class: channels.ClassSafety}, nil},
		"a nurse's words of before":     {at, State{Sends: []Send{{Item: "i", Put: 80_900}}}, Out{Class: channels.ClassNurse}, &Recall{80_000, at, false}},
		"a text that nobody follows":    {at, State{}, Out{Class: channels.ClassSafety}, nil},
		"a page in the agent's silence": {at, State{Turns: heard(90_700)}, Out{Class: channels.ClassAgent, Person: "alice"}, nil},
	} {
		got, need := Restored{c.at}.Recall(&c.state, "i", c.out)
		if need != (c.want != nil) || need && got != *c.want {
			t.Errorf("%s: got %+v %v, want %+v", name, got, need, c.want)
		}
	}
}

// TestAnswered: a text whose patient had her answer ends without a word to
// anybody, and counts as withdrawn, not as one that cannot be delivered.
func TestAnswered(t *testing.T) {
	w := newWorld(t)
	w.s.Sends = []Send{{Item: "i", Class: channels.ClassAgent, State: SendDue, Put: w.now}}
	d := w.step(fact{KindLooked, &Looked{Item: "i", Reason: ReasonAnswered}})
	if d.Reason != ReasonAnswered || len(d.Effects) != 1 || d.Effects[0].Kind != EffectDone {
		t.Errorf("decided %s %+v, want only that the item is done", d.Reason, d.Effects)
	}
	if got := w.s.send("i"); got == nil || got.State != SendCancelled || w.s.Case != nil {
		t.Errorf("the text ended as %+v, case %v", got, w.s.Case)
	}
}
