package intake

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/molt"
)

// lister is a carrier's list.
type lister struct {
	channels.Lister
	texts []channels.Inbound
	since []molt.Time
	err   error
}

func (l *lister) ListInbound(_ context.Context, _ molt.Address, since molt.Time, limit int) ([]channels.Inbound, bool, error) {
	l.since = append(l.since, since)
	var out []channels.Inbound
	for _, in := range l.texts {
		if in.At >= since {
			out = append(out, in)
		}
	}
	if len(out) > limit {
		return out[:limit], true, l.err
	}
	return out, false, l.err
}

func TestBackfillTakesWhatNoWebhookBrought(t *testing.T) {
	w := newWorld(t)
	start := molt.TimeOf(w.clock.Now())
	if err := w.desk.MarkStart(t.Context(), "main", clinic, start); err != nil {
		t.Fatal(err)
	}
	w.clock.add(10 * time.Minute)
	w.say(w.desk, text(patient, "SM1", "hello"))
	l := &lister{}
	for i, at := range []time.Duration{-time.Hour, time.Minute, 2 * time.Minute} {
		in := text(patient, fmt.Sprintf("SM%d", i), "hello")
		in.At = start.Add(at)
		l.texts = append(l.texts, in)
	}
	look, err := w.desk.Backfill(t.Context(), l, "main", clinic, 24*time.Hour)
	if err != nil || look.Listed != 2 || look.New != 1 {
		t.Fatalf("look %+v, %v; want 2 listed, 1 new, none from before the start", look, err)
	}
	// What is known is not decided in vain: a busy day is looked through each time.
	w.store.before = func(b *molt.Batch) error {
		if b.Conversation != "" {
			t.Errorf("a known text is decided once more: %s", kinds(*b))
		}
		return nil
	}
	if look, err := w.desk.Backfill(t.Context(), l, "main", clinic, 24*time.Hour); err != nil || look.Listed != 2 || look.New != 0 {
		t.Errorf("second look %+v, %v; want 2 listed, none new", look, err)
	}
	w.store.before = nil
	// It fails: the watermark stays, and the next look begins where this one did.
	l.err = errors.New("down")
	if _, err := w.desk.Backfill(t.Context(), l, "main", clinic, time.Minute); err == nil {
		t.Fatal("no error from a list that is down")
	}
	l.err = nil
	if _, err := w.desk.Backfill(t.Context(), l, "main", clinic, time.Minute); err != nil {
		t.Fatal(err)
	}
	if n := len(l.since); l.since[n-1] != l.since[n-2] {
		t.Errorf("after a failed look the next began at %v, want %v", l.since[n-1], l.since[n-2])
	}
	// A second start moves nothing.
	if err := w.desk.MarkStart(t.Context(), "main", clinic, start.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
}
