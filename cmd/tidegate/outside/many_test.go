package outside

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidegate/tidegate/channels/twilio/twiliofake"
)

// Limits of the test beside a folder that holds much.
const (
	fewConversations = 200
	fillers          = 32
	fillAtOnce       = 1000 // that wait for their answer; a carrier holds only so much
	fillTime         = 90 * time.Minute
	fillPrefix       = "+1556"
)

// TestRestartWithMany kills a daemon whose folder holds many conversations, and
// starts it again: a red flag that came while it was dead, and one whose page was
// cut off on its way, reach the nurse. How long that takes is printed, and not
// judged. TIDEGATE_MANY says how many conversations. They all write within seconds, so
// that the look through the list after the start has all of their texts to pass as well.
func TestRestartWithMany(t *testing.T) {
	n := number(t, "TIDEGATE_MANY", fewConversations)
	w := newWorld(t, t.TempDir(), setting{profile: "calm", seed: 5, agent: "{debounce: 0s, debounce_max: 1s}", backfill: "{every: 1m, overlap: 5m}"})
	w.start()
	began := time.Now()
	at := w.fill(t, n)
	t.Logf("%d conversations in %s; the store is %s, the daemon holds %s", n, time.Since(began).Round(time.Second), w.sizeOf("data"), w.memory())

	if err := w.carrier.Hold(within(t, patience), twiliofake.Hold{Match: twiliofake.Match{BodyContains: "A to take"}, Where: twiliofake.BeforeAccept, Count: 1}); err != nil {
		t.Fatal(err)
	}
	w.text("+12015550901", "my chest hurts, cut off")
	if _, err := w.carrier.Held(within(t, patience)); err != nil {
		t.Fatal(err)
	}
	w.kill()
	if _, err := w.carrier.Release(within(t, patience), twiliofake.Release{Drop: true}); err != nil {
		t.Fatal(err)
	}
	w.text("+12015550902", "my chest hurts, while it was dead")
	began = time.Now()
	w.start()
	ready := time.Since(began)
	w.gets(at, alice, "while it was dead")
	missed := time.Since(began)
	w.gets(at, alice, "cut off")
	t.Logf("from exec to open doors %s; to the page of a red flag that came meanwhile %s, and of one whose page was cut off %s; the daemon holds %s",
		ready.Round(time.Millisecond), missed.Round(time.Millisecond), time.Since(began).Round(time.Millisecond), w.memory())
	w.stop()
}

// fill has so many patients text once, waits until each was answered, and returns where
// in the ledger that is. No more than some wait for their answer at a time.
func (w *world) fill(t *testing.T, n int) (at int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), fillTime)
	defer cancel()
	next, unanswered := make(chan int), make(chan struct{}, fillAtOnce)
	var all sync.WaitGroup
	defer all.Wait()
	for range fillers {
		all.Go(func() { // ends with the numbers
			for i := range next {
				if _, err := w.carrier.Text(ctx, twiliofake.Text{From: fmt.Sprintf("%s%07d", fillPrefix, i), To: clinic, Body: "hi, I need an appointment"}); err != nil {
					t.Error(err)
					cancel()
				}
			}
		})
	}
	all.Go(func() { // ends with the numbers, or the time
		defer close(next)
		for i := range n {
			select {
			case unanswered <- struct{}{}:
				next <- i
			case <-ctx.Done():
				return
			}
		}
	})
	answered := map[string]bool{}
	e, err := w.carrier.Await(ctx, 0, func(e twiliofake.Entry) bool {
		if e.Kind == twiliofake.KindHandset && strings.HasPrefix(e.To, fillPrefix) && !answered[e.To] {
			answered[e.To] = true
			<-unanswered
		}
		return len(answered) == n
	})
	if err != nil {
		cancel()
		t.Fatalf("%d of %d were answered: %v", len(answered), n, err)
	}
	return e.Seq
}

// sizeOf is how much room a folder takes.
func (w *world) sizeOf(name string) string {
	out, err := exec.Command("du", "-sh", w.path(name)).Output()
	if err != nil {
		return "an unknown size"
	}
	var size string
	_, _ = fmt.Sscan(string(out), &size)
	return size
}
