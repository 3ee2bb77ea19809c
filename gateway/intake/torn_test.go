package intake

import (
	"strings"
	"testing"

	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/molt"
)

// tear puts a mark whose value cannot be read.
func (w *world) tear(id molt.MarkID) {
	w.t.Helper()
	if _, err := w.store.Commit(w.t.Context(), molt.Batch{Marks: []molt.Mark{{ID: id, Value: []byte("torn")}}}); err != nil {
		w.t.Fatal(err)
	}
}

// A torn mark says nothing of who leads a source: its red flags ring by
// themselves, and are not refused.
func TestTornLeadHoldsNoRedFlag(t *testing.T) {
	w := newWorld(t)
	first := w.chat(1, "first", "home", "my chest hurts").Conversation
	w.tear(MarkWork + molt.MarkID(first) + "#1")
	w.chat(2, "second", "home", "my chest hurts and I cannot breathe")
	w.tear(MarkLead + "office")
	w.chat(3, "third", "office", "my chest hurts and I cannot breathe")
	if got, _ := w.leads(); got != 2 {
		t.Errorf("%d cases ring beside torn marks, want 2", got)
	}
}

// A torn row on the work list keeps no red flag from its successor, and counts
// as grave.
func TestTornRowHoldsNoSuccessorBack(t *testing.T) {
	w := newWorld(t)
	id := w.say(w.desk, text(patient, "SM1", "my chest hurts")).Conversation
	w.store.loading = torn(id)
	w.tear(MarkWork + molt.MarkID(id) + "#1")
	next := w.say(w.newDesk(nil), text(patient, "SM2", "hello?")).Conversation
	rows, err := w.desk.WorkList(t.Context())
	if err != nil || len(rows) != 1 || rows[0].Conversation != next || rows[0].Severity != escalation.S2 {
		t.Errorf("the work list: %+v, %v; want the successor's S2", rows, err)
	}
}

// A torn row hides no other case, and is an error somebody hears of.
func TestTornRowHidesNoOtherCase(t *testing.T) {
	w := newWorld(t)
	w.say(w.desk, text(patient, "SM1", "my chest hurts"))
	w.tear(MarkWork + "c_other#1")
	if got, _ := w.leads(); got != 1 {
		t.Errorf("%d cases ring, want 1", got)
	}
	if log := w.log.String(); !strings.Contains(log, `"level":"error"`) || !strings.Contains(log, "c_other#1") {
		t.Errorf("the log does not name the torn row: %s", log)
	}
}

// A torn short code is one that nobody knows: a nurse's own red flag that begins
// with it is taken.
func TestTornCodeHoldsNoNursesRedFlag(t *testing.T) {
	w := newWorld(t)
	w.tear(MarkCode + "K7Q2")
	w.say(w.desk, text(nurse, "SM1", "K7Q2 my chest hurts"))
	if got, _ := w.leads(); got != 1 {
		t.Errorf("%d cases ring, want 1", got)
	}
}
