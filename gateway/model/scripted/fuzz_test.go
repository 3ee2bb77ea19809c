package scripted

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/gateway/model"
)

// FuzzFlow holds two texts of a patient against every state a conversation can
// be in: the answer is always valid, and asking again changes nothing.
func FuzzFlow(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		story, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for i, line := range strings.Split(string(story), "\n") {
			if text, ok := strings.CutPrefix(line, "> "); ok {
				f.Add(strings.ReplaceAll(text, "{{token}}", token), text, uint8(i), uint8(i/3))
			}
		}
	}
	flow := mustFlow(f)
	questions := []string{
		"", model.FactName, askLastName, model.FactDOB, model.FactReason, model.FactInsurance, askInsurance,
		model.FactTime, askConfirm, askChange, "no such question",
	}
	f.Fuzz(func(t *testing.T, one, two string, state, shape uint8) {
		w := newWorld(t, flow)
		w.r.First = shape&1 != 0
		w.r.Lang = []string{"", "en", "es", "fr"}[shape>>1&3]
		w.r.Persona.ReplyChars = []int{0, 160}[shape>>3&1]
		if shape&16 != 0 {
			w.r.HandBack = "seen"
		}
		if shape&32 != 0 {
			w.r.Reask = "too long"
		}
		w.r.Question = questions[int(state)%len(questions)]
		if shape&64 != 0 {
			w.r.Question += again
		}
		told := int(state) / len(questions) % 6
		w.write(model.FromAgent, "hello", 0)
		w.write(model.FromPatient, "old", 0)
		w.r.Ledger = append(w.r.Ledger, []model.Fact{
			{Name: model.FactName, Value: "Ana Ruiz", Source: 2},
			{Name: model.FactDOB, Value: "1980-01-02", Source: 2},
			{Name: model.FactReason, Value: "refill", Source: 2},
			{Name: model.FactInsurance, Value: "Aetna", Source: 2},
			{Name: model.FactTime, Value: "morning", Source: 2},
		}[:told]...)
		w.r.New = 0
		w.write(model.FromPatient, one, int(shape>>7))
		again := w.r
		a := w.ask()
		b, err := flow.Ask(context.Background(), again)
		if err != nil || !reflect.DeepEqual(a, b) {
			t.Errorf("asked twice, got %+v and %+v (%v)", a, b, err)
		}
		w.write(model.FromPatient, one, 0)
		w.write(model.FromPatient, two, 0)
		w.ask()
	})
}

func TestAskAfterTheDeadline(t *testing.T) {
	flow := mustFlow(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := flow.Ask(ctx, model.Request{}); !errors.Is(err, model.ErrDeadline) {
		t.Errorf("got %v, want %v", err, model.ErrDeadline)
	}
}

func TestEmptyRequest(t *testing.T) {
	flow := mustFlow(t)
	a, err := flow.Ask(context.Background(), model.Request{New: 7})
	if err != nil || a.Kind != model.KindSilent || a.Silence != model.SilenceWaiting {
		t.Errorf("got %+v, %v; want silence", a, err)
	}
}

// A text written to keep the flow busy is read as fast as any other: the work
// per text is bounded by how often a word may be looked at, not by the writer.
func FuzzRepetition(f *testing.F) {
	for _, unit := range []string{"a ", "no, ", "not ", "1/2 ", "4 de ", "my name is ", "talk to ", "sorry "} {
		f.Add(unit)
	}
	flow := mustFlow(f)
	f.Fuzz(func(t *testing.T, unit string) {
		if unit == "" {
			return
		}
		w := newWorld(t, flow)
		w.r.First, w.r.Lang, w.r.Question = false, "en", model.FactReason
		w.r.Ledger = []model.Fact{{Name: model.FactName, Value: "Ana Ruiz", Source: 1}, {Name: model.FactDOB, Value: "1980-01-02", Source: 1}}
		w.write(model.FromPatient, strings.Repeat(unit, 1+maxRunes/len(unit)), 0)
		w.ask()
	})
}
