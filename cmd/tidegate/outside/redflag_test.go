package outside

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/channels/twilio/twiliofake"
)

// TestRedFlagWhileTheCarrierHolds lets a red flag come while the carrier holds
// the agent's first text and its second one waits behind it. What had begun may
// yet be taken, as nobody can call it back; what had not begun never leaves, and
// neither is tried again, until the nurse gives the conversation back.
func TestRedFlagWhileTheCarrierHolds(t *testing.T) {
	t.Parallel()
	for _, drop := range []bool{false, true} {
		t.Run(fmt.Sprintf("drop=%v", drop), func(t *testing.T) {
			t.Parallel()
			const ana = "+12125550142"
			w := newWorld(t, t.TempDir(), setting{profile: "calm", seed: 1})
			w.start()
			rule := twiliofake.Hold{Match: twiliofake.Match{To: ana, BodyContains: "assistant"}, Where: twiliofake.BeforeAccept, Count: 1}
			if err := w.carrier.Hold(within(t, patience), rule); err != nil {
				t.Fatal(err)
			}
			w.text(ana, "hi, I need an appointment for a yearly check-up")
			if _, err := w.carrier.Held(within(t, patience)); err != nil {
				t.Fatal(err)
			}
			w.text(ana, "Ana Ruiz")
			w.logs(`"reason":"reply"`, 2) // the second answer waits behind the first
			w.text(ana, "my chest hurts")
			safety := w.gets(0, ana, "Call 911 now")
			page := w.gets(0, alice, "my chest hurts")
			if _, err := w.carrier.Release(within(t, patience), twiliofake.Release{Drop: drop}); err != nil {
				t.Fatal(err)
			}
			w.quiet(2 * time.Second)
			code := pagePattern.FindStringSubmatch(page.Body)[1]
			w.text(alice, code+" A")
			handoff := w.gets(page.Seq, alice, "is yours")
			if want := "date of birth"; !strings.Contains(handoff.Body, "Agent, not sent: Thank you. What is your "+want) {
				t.Errorf("the handoff does not say that the second text was not sent: %q", handoff.Body)
			}
			w.quiet(time.Second)
			chatter := 0
			for _, e := range w.ledger() {
				if e.To != ana || e.Kind != twiliofake.KindCreate || !isRoutine(e) {
					continue
				}
				if chatter++; drop || chatter > 1 || !strings.Contains(e.Body, "assistant") || e.Seq < safety.Seq {
					t.Errorf("after the red flag the agent's %q was sent (entry %d)", e.Body, e.Seq)
				}
			}
		})
	}
}

// logs waits until the daemon has logged something so many times.
func (w *world) logs(part string, times int) {
	w.t.Helper()
	for ctx := within(w.t, patience); strings.Count(string(w.log()), part) < times; {
		if ctx.Err() != nil {
			w.t.Fatalf("the log does not say %s %d times\n%s", part, times, tail(w.log()))
		}
		w.quiet(20 * time.Millisecond)
	}
}

// quiet lets the processes go on for a while, at the carrier's long poll.
func (w *world) quiet(d time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	_, _ = w.carrier.Await(ctx, int64(1)<<40, func(twiliofake.Entry) bool { return true })
}
