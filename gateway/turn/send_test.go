package turn

import (
	"testing"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/channels/outbox"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/policy"
	"github.com/tidegate/tidegate/gateway/screen"
	"github.com/tidegate/tidegate/molt"
)

// TestSendDue looks at texts in states that a step by itself does not leave
// behind, for the look is the last fence there is.
func TestSendDue(t *testing.T) {
	now := molt.Time(100_000_000)
	rules := testRules(t)
	red := []Heard{{Seq: 9, Verdict: &screen.Verdict{Severity: screen.S3}}}
	for name, c := range map[string]struct {
		send  Send
		state State
		do    LookDo
		why   Reason
	}{
		"agent":                    {Send{Class: channels.ClassAgent, Epoch: 2}, State{Epoch: 2}, LookSend, ""},
		"agent, earlier epoch":     {Send{Class: channels.ClassAgent, Epoch: 1}, State{Epoch: 2}, LookDrop, ReasonFenced},
		"agent, on hold":           {Send{Class: channels.ClassAgent, Epoch: 2}, State{Epoch: 2, Owner: escalation.OwnerHold}, LookDrop, ReasonFenced},
		"agent, a nurse has it":    {Send{Class: channels.ClassAgent, Epoch: 2}, State{Epoch: 2, Owner: escalation.OwnerHuman}, LookDrop, ReasonFenced},
		"agent, red flag waits":    {Send{Class: channels.ClassAgent}, State{Undecided: red}, LookDrop, ReasonFenced},
		"agent, old":               {Send{Class: channels.ClassAgent, Put: now.Add(-time.Hour)}, State{}, LookDrop, ReasonStale},
		"agent, opted out":         {Send{Class: channels.ClassAgent}, State{Stopped: true}, LookDrop, ReasonOptedOut},
		"agent, cancelled":         {Send{Class: channels.ClassAgent, State: SendCancelled}, State{}, LookDrop, ReasonFenced},
		"agent, begun":             {Send{Class: channels.ClassAgent, State: SendAttempted, Attempt: 1}, State{}, LookCheck, ""},
		"agent, begun before":      {Send{Class: channels.ClassAgent, State: SendAttempted, Attempt: 1, Early: true}, State{Epoch: 4, Owner: escalation.OwnerHuman}, LookCheck, ""},
		"sent":                     {Send{Class: channels.ClassAgent, State: SendSent}, State{}, LookDrop, ReasonSent},
		"given up":                 {Send{Class: channels.ClassNurse, State: SendFailed}, State{}, LookDrop, ReasonGaveUp},
		"safety, earlier epoch":    {Send{Class: channels.ClassSafety, Put: now.Add(-9 * time.Minute)}, State{Epoch: 2, Owner: escalation.OwnerHuman, Undecided: red}, LookSend, ""},
		"safety, old":              {Send{Class: channels.ClassSafety, Put: now.Add(-11 * time.Minute)}, State{}, LookDrop, ReasonStale},
		"nurse, old":               {Send{Class: channels.ClassNurse, Put: now.Add(-61 * time.Minute)}, State{Owner: escalation.OwnerHuman}, LookDrop, ReasonStale},
		"page, old":                {Send{Class: channels.ClassPage, Person: "alice", Put: now.Add(-12 * time.Hour)}, State{Owner: escalation.OwnerHold}, LookSend, ""},
		"safety, opted out":        {Send{Class: channels.ClassSafety}, State{Stopped: true}, LookDrop, ReasonOptedOut},
		"the permitted answer":     {Send{Class: channels.ClassSafety, What: "stop_check"}, State{Stopped: true}, LookSend, ""},
		"page, opted-out patient":  {Send{Class: channels.ClassPage, Person: "alice"}, State{Stopped: true, Owner: escalation.OwnerHold}, LookSend, ""},
		"nurse, with a human":      {Send{Class: channels.ClassNurse}, State{Epoch: 3, Owner: escalation.OwnerHuman}, LookSend, ""},
		"nurse, after a hand-back": {Send{Class: channels.ClassNurse}, State{Epoch: 4}, LookSend, ""},
	} {
		d, s := c.send, c.state
		d.Item = "i"
		if d.State == "" {
			d.State = SendDue
		}
		if d.Put == 0 {
			d.Put = now
		}
		if s.Owner == "" {
			s.Owner = escalation.OwnerAgent
		}
		s.Sends = []Send{d}
		l := s.SendDue(&rules, "i", Out{What: d.What, Class: d.Class, Person: d.Person}, now)
		if l.Do != c.do || l.Reason != c.why {
			t.Errorf("%s: %s %s, want %s %s", name, l.Do, l.Reason, c.do, c.why)
		}
		if l.Do == LookSend && l.Attempt != d.Attempt+1 {
			t.Errorf("%s: attempt %d after %d", name, l.Attempt, d.Attempt)
		}
	}
	var s State
	if l := s.SendDue(&rules, "gone", Out{Class: channels.ClassAgent}, now); l.Do != LookDrop {
		t.Errorf("a forgotten text of the agent: %+v", l)
	}
	if l := s.SendDue(&rules, "gone", Out{Class: channels.ClassSafety, Put: now}, now); l.Do != LookSend || l.Attempt != 1 {
		t.Errorf("a forgotten safety text: %+v", l)
	}
	if l := s.SendDue(&rules, "gone", Out{Class: channels.ClassSafety, Put: now}, now.Add(time.Hour)); l.Do != LookDrop {
		t.Errorf("a forgotten safety text of an hour ago: %+v", l)
	}
}

// TestBarePage: a page that was put without a decision is tried again like any
// other, and then given up.
func TestBarePage(t *testing.T) {
	w := newWorld(t)
	const item = "seen:x/page/alice"
	out := Out{What: "page", Class: channels.ClassPage, Person: "alice", Put: w.now}
	for n := 1; ; n++ {
		l := w.s.SendDue(&w.rules, item, out, w.now)
		if l.Do != LookSend || l.Attempt != n {
			t.Fatalf("look %d: %+v", n, l)
		}
		w.step(fact{KindAttempted, &Attempted{Item: item, Attempt: n, Class: out.Class, Person: out.Person}})
		d := w.step(fact{KindFailed, &Failed{Item: item, Attempt: n, Fault: channels.FaultRate, Certain: true, RetryAfterMS: 1000}})
		e := d.Effects[len(d.Effects)-1]
		if n < outbox.MaxUrgentAttempts && (d.Reason != ReasonRetry || e.Kind != EffectRetry) {
			t.Fatalf("attempt %d was refused for now: %s, %s", n, d.Reason, e.Kind)
		}
		if n == outbox.MaxUrgentAttempts {
			if d.Reason != ReasonGaveUp || e.Kind != EffectDone {
				t.Fatalf("attempt %d was refused for now: %s, %s", n, d.Reason, e.Kind)
			}
			return
		}
		w.now = e.Due
	}
}

// TestOneWriter: whatever asks for it, the token is not put.
func TestOneWriter(t *testing.T) {
	w := newWorld(t)
	for _, class := range []channels.Class{channels.ClassAgent, channels.ClassNurse} {
		x := newDecider(w.s, w.env())
		x.say("any", class, molt.Words("so "+policy.Token))
		if len(x.d.Effects) > 0 {
			t.Errorf("a text of class %s holds the token", class)
		}
	}
}

func TestReadVerb(t *testing.T) {
	for text, want := range map[string]Acted{
		"BCDF A":                      {Verb: VerbTake},
		"#bcdf, take":                 {Verb: VerbTake},
		"bcdf: p":                     {Verb: VerbPass},
		"BCDF R hello there":          {Verb: VerbRelay, Words: "hello there"},
		"BCDF reply Are you OK?":      {Verb: VerbRelay, Words: "Are you OK?"},
		"BCDF C":                      {Verb: VerbCalled, Reached: true},
		"BCDF C no answer":            {Verb: VerbCalled},
		"BCDF D better now":           {Verb: VerbResolve, Disposition: "resolved", NextOwner: escalation.OwnerAgent, Words: "better now"},
		"BCDF D false human not hers": {Verb: VerbResolve, Disposition: "false_alarm", FalseAlarm: true, NextOwner: escalation.OwnerHuman, Words: "not hers"},
		"BCDF N she lives alone":      {Verb: VerbNote, Words: "she lives alone"},
		"BCDF ?":                      {Verb: VerbShow},
		"BCDF\nA":                     {Verb: VerbTake},
		"\"BCDF A\"":                  {Verb: VerbTake},
	} {
		got, ok := ReadVerb(text)
		if !ok || !got.Known || got.Code != "BCDF" || got.Acted != want {
			t.Errorf("ReadVerb(%q) = %+v %v, want %+v", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "A", "BCDFA", "hello A", "ABCD A", "chest pain", "BCD A"} {
		if got, ok := ReadVerb(text); ok {
			t.Errorf("ReadVerb(%q) = %+v, want no code", text, got)
		}
	}
	for _, text := range []string{"BCDF", "BCDF R", "BCDF hello", "BCDF N "} {
		if got, ok := ReadVerb(text); !ok || got.Known {
			t.Errorf("ReadVerb(%q) = %+v %v, want a code and no verb", text, got, ok)
		}
	}
}
