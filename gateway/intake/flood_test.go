package intake

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/tidegate/tidegate/molt"
)

// TestAFloodDelaysNobodyElse holds every commit of one patient while more texts
// come from her than wait for commits of all patients together. Another's text is
// taken meanwhile.
func TestAFloodDelaysNobodyElse(t *testing.T) {
	w := newWorld(t)
	flooded := w.desk.conversation(w.desk.beganOf(text(patient, "", "")))
	held := make(chan struct{})
	w.store.before = func(b *molt.Batch) error {
		if b.Conversation == flooded {
			<-held
		}
		return nil
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	const flood = MaxWaiting + 100
	errs := make(chan error, flood)
	begun := make(chan struct{}, flood)
	for n := range flood {
		go func() { // ends with the flood's last answer, or with ctx
			begun <- struct{}{}
			ticket, err := w.desk.Accept(ctx, text(patient, fmt.Sprintf("SM%d", n), "hello"))
			if err == nil {
				_, err = ticket.Wait(ctx)
			}
			errs <- err
		}()
	}
	for range flood {
		<-begun
	}
	for len(w.desk.box(flooded).slots) < MaxQueue && len(w.desk.waiting) < MaxWaiting {
		if ctx.Err() != nil {
			t.Fatal("the flood does not come in")
		}
	}
	ticket, err := w.desk.Accept(ctx, text(second, "SM-other", "my chest hurts"))
	if err == nil {
		_, err = ticket.Wait(ctx)
	}
	if err != nil {
		t.Errorf("another patient's text waits behind the flood: %v", err)
	}
	cancel() // who did not get in gives up, and the others are decided
	close(held)
	for range flood {
		<-errs
	}
	for deadline := time.Now().Add(time.Minute); len(w.desk.waiting)+len(w.desk.box(flooded).slots) > 0; {
		if time.Now().After(deadline) {
			t.Fatal("slots are not given back")
		}
	}
}
