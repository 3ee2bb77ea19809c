package turn

import (
	"testing"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/molt"
)

func TestWhenTheAgentDiscloses(t *testing.T) {
	now := molt.Time(0).Add(30 * DiscloseAfter)
	words := map[uint64]molt.Words{5: "are you a robot?", 6: "Ana Ruiz"}
	recall := func(r Ref) molt.Words { return words[r.Seq] }
	spoke := func(at molt.Time, pending ...uint64) *State {
		return &State{
			Spoken: true, Pending: pending,
			Turns: []Ref{{Seq: 3, From: model.FromAgent, At: at, Item: "i"}, {Seq: 5, From: model.FromPatient, At: now}, {Seq: 6, From: model.FromPatient, At: now}},
			Sends: []Send{{Item: "i", Class: channels.ClassAgent, State: SendSent}},
		}
	}
	fenced := spoke(now.Add(-1), 6)
	fenced.Sends[0].State = SendFenced
	fenced.Turns = append([]Ref{{Seq: 1, From: model.FromAgent, At: now.Add(-DiscloseAfter)}}, fenced.Turns...)
	for name, c := range map[string]struct {
		s    *State
		want bool
	}{
		"the first":             {&State{}, true},
		"soon again":            {spoke(now.Add(-DiscloseAfter+1), 6), false},
		"after days":            {spoke(now.Add(-DiscloseAfter), 6), true},
		"asked":                 {spoke(now.Add(-1), 5), true},
		"asked and answered":    {spoke(now.Add(-1), 6), false},
		"what never left is no": {fenced, true},
	} {
		if got := c.s.discloses(recall, now); got != c.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

// TestAnAnswerOfAModelIsGated decides on answers that only the conversation
// makes wrong.
func TestAnAnswerOfAModelIsGated(t *testing.T) {
	answer := func(text string) model.Answer { return model.Answer{Kind: model.KindReply, Text: molt.Words(text)} }
	inLang := func(a model.Answer, lang string) model.Answer { a.Lang = lang; return a }
	lying := answer("I am a computer. Please call +1 900 555 0199 now.")
	lying.Facts = []model.Fact{{Name: "insurance", Value: "+1 900 555 0199", Source: 2}}
	for name, c := range map[string]struct {
		said   string // by the patient
		lang   string
		spoken bool
		a      model.Answer
		want   string
	}{
		"it does not say what it is":       {"hi", "en", false, answer("What is your name?"), "gate_disclosure"},
		"it does":                          {"hi", "en", false, answer("I am a computer. What is your name?"), ""},
		"it did":                           {"hi", "en", true, answer("What is your name?"), ""},
		"asked":                            {"are you a robot?", "en", true, answer("What is your name?"), "gate_disclosure"},
		"another language":                 {"hi", "en", true, inLang(answer("¿Cual es su nombre y su apellido, por favor?"), "es"), "gate_language"},
		"another language, asked for":      {"in Spanish please", "en", true, inLang(answer("¿Cual es su nombre y su apellido, por favor?"), "es"), ""},
		"nobody knows the language":        {"Ana", "", true, inLang(answer("¿Cual es su nombre y su apellido, por favor?"), "es"), ""},
		"the patient's number, to call":    {"my insurance is +1 900 555 0199", "en", true, lying, "gate_number"},
		"a number from nowhere, as a fact": {"hi", "en", true, lying, "gate_number"},
	} {
		t.Run(name, func(t *testing.T) {
			rules := testRules(t)
			rules.Disclose = true
			s := State{Lang: c.lang, Spoken: c.spoken, Pending: []uint64{2}, Turns: []Ref{{Seq: 2, From: model.FromPatient, At: 1}}}
			x := newDecider(s, Env{Now: 2, Rules: &rules, Recall: func(Ref) molt.Words { return molt.Words(c.said) }})
			if got := x.blocked(c.a); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// A routine case is listed without a word to the patient. Where they asked and
// the agent's own words cannot leave, it is for a person the same day.
func TestARoutineCaseWithoutAWord(t *testing.T) {
	for name, c := range map[string]struct {
		asked, said string
		want        escalation.Severity
	}{
		"with words":           {"how much is a visit", "I pass this on to the staff.", escalation.S4},
		"without":              {"how much is a visit", "", escalation.S3},
		"words that are gated": {"how much is a visit", "Call 900 555 0199.", escalation.S3},
		"nothing was asked":    {"ok thanks", "", escalation.S4},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.step(fact{KindInbound, &channels.Inbound{Words: molt.Words(c.asked), ProviderID: "1"}})
			w.step(fact{KindReplied, &Replied{
				Item: w.s.Ask.Item, Epoch: w.s.Epoch, Saw: w.s.Seq,
				Answer: model.Answer{Kind: model.KindEscalate, Severity: model.S4, Reason: "cost", Text: molt.Words(c.said)},
			}})
			if w.s.Case == nil || w.s.Case.Severity != c.want {
				t.Errorf("case %+v, want %s", w.s.Case, c.want)
			}
		})
	}
}
