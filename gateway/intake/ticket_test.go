package intake

import (
	"context"
	"errors"
	"testing"
)

// TestWhoStoppedWaiting begins nothing, and gets an answer that is there: of two
// things that are both so, chance must not choose.
func TestWhoStoppedWaiting(t *testing.T) {
	w := newWorld(t)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for range 20 {
		if _, err := w.desk.Accept(ended, text(patient, "SM2", "hello")); !errors.Is(err, context.Canceled) {
			t.Fatalf("a text is taken in for nobody: %v", err)
		}
	}
	ticket, err := w.desk.Accept(t.Context(), text(patient, "SM1", "hello"))
	if err != nil {
		t.Fatal(err)
	}
	<-ticket.Done()
	for range 20 {
		if a, err := ticket.Wait(ended); err != nil || a.Conversation == "" {
			t.Fatalf("the answer is there and is not given: %+v, %v", a, err)
		}
	}
}
