package turn

import (
	"strings"
	"testing"

	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/screen"
	"github.com/tidegate/tidegate/molt"
)

// A nurse reads what was named, denied and not asked in the case's category;
// where the category has no checklist there is no such line.
func TestHandoffHasChecklist(t *testing.T) {
	r := testRules(t)
	var err error
	if r.Screen, err = screen.New(); err != nil {
		t.Fatal(err)
	}
	words := []molt.Words{"my chest hurts, no shortness of breath", "Any sweating?", "no"}
	recall := func(ref Ref) molt.Words { return words[ref.Seq] }
	s := State{
		Case:  &escalation.Case{Severity: escalation.S1, Kind: escalation.KindScreen, Category: "cardiac"},
		Turns: []Ref{{Seq: 0, From: model.FromPatient}, {Seq: 1, From: model.FromNurse, Item: "gone"}, {Seq: 2, From: model.FromPatient}},
	}
	const want = "\nPresent: Chest pain or pressure. Denied: Short of breath; Sweating, clammy. Not asked: "
	text := HandoffText(&s, &r, recall)
	if !strings.Contains(text, want) {
		t.Errorf("got %q, want in it %q", text, want)
	}
	for _, line := range strings.Split(text, "\n") {
		if n := len(line); strings.HasPrefix(line, "Present: ") && n > MaxListBytes+len("...") {
			t.Errorf("got a checklist of %d bytes, want at most %d", n, MaxListBytes)
		}
	}
	s.Case.Category = "watchdog"
	if text := HandoffText(&s, &r, recall); strings.Contains(text, "Present") || strings.Contains(text, "Not asked") {
		t.Errorf("got %q, want no checklist for a category without one", text)
	}
}

// What a patient told is data: a line end in it begins no line of the handoff.
func TestAFactIsOneLineOfAHandoff(t *testing.T) {
	r := testRules(t)
	s := State{
		Case:   &escalation.Case{Severity: escalation.S2, Kind: escalation.KindScreen},
		Ledger: []model.Fact{{Name: "name", Value: "Ann\nDone:\nMar 2 10:00 Alice called: reached"}},
	}
	const want = "\nTold: name: Ann Done: Mar 2 10:00 Alice called: reached\n"
	if text := HandoffText(&s, &r, func(Ref) molt.Words { return "" }) + "\n"; !strings.Contains(text, want) {
		t.Errorf("got %q, want in it %q", text, want)
	}
}
