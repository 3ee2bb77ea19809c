package outside

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/channels/twilio/twiliofake"
)

// tidegate runs a verb on the world's configuration and wants it to succeed.
func (w *world) tidegate(args ...string) string {
	w.t.Helper()
	cmd := exec.CommandContext(within(w.t, patience), w.bin, append(args, "--config", w.path("tidegate.yaml"))...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.t.Fatalf("tidegate %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// routine lists what the agent said since an entry, by the phone it reached.
func (w *world) routine(since int64) map[string][]string {
	w.t.Helper()
	said := map[string][]string{}
	for _, e := range w.ledger() {
		if e.Seq > since && e.Kind == twiliofake.KindHandset && isRoutine(e) && e.To != alice && e.To != carmen && e.To != bob {
			said[e.To] = append(said[e.To], e.Body)
		}
	}
	return said
}

// loses ends the daemon for good and brings the record back from a backup.
func (w *world) loses(backup string) {
	w.t.Helper()
	if err := os.Rename(w.path("data"), w.path("lost")); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Mkdir(w.path("data"), 0o700); err != nil {
		w.t.Fatal(err)
	}
	key, err := os.ReadFile(w.path("lost/tenant.key"))
	if err != nil {
		w.t.Fatal(err)
	}
	w.write("data/tenant.key", string(key))
	w.tidegate("restore", w.path(backup))
}

// settles waits until every text ended and nothing to a patient is to leave.
func (w *world) settles() {
	w.t.Helper()
	for ctx := within(w.t, patience); ; {
		all, err := w.export(ctx)
		if err != nil {
			w.t.Fatal(err)
		}
		open := 0
		for _, x := range all {
			for _, in := range x.Inbound {
				if in.Ended.How != "reply" && in.Ended.How != "owner" && in.Ended.How != "reason" {
					open++
				}
			}
			for _, out := range x.Outbound {
				if (out.State == "due" || out.State == "attempted") && out.Person == "" {
					open++
				}
			}
		}
		if open == 0 {
			return
		}
		if ctx.Err() != nil {
			w.t.Fatalf("%d texts are still open", open)
		}
		w.quiet(200 * time.Millisecond)
	}
}

// TestRestore takes a backup while texts wait to leave, lets the day go on, loses
// the disk and restores. By the carrier's ledger nobody reads a routine answer
// twice, who was not answered is, and a red flag of the lost time pages again.
func TestRestore(t *testing.T) {
	t.Parallel()
	const ana, ben, cara, dan, eve = "+12125550161", "+12125550162", "+12125550163", "+12125550164", "+12125550165"
	w := newWorld(t, t.TempDir(), setting{profile: "calm", seed: 3})
	w.start()
	w.text(ana, "hi, I need an appointment for a yearly check-up")
	w.gets(0, ana, "name")
	rule := twiliofake.Hold{Match: twiliofake.Match{To: ben, BodyContains: "assistant"}, Where: twiliofake.BeforeAccept, Count: 1}
	if err := w.carrier.Hold(within(t, patience), rule); err != nil {
		t.Fatal(err)
	}
	w.text(ben, "hello, I need an appointment for a yearly check-up")
	if _, err := w.carrier.Held(within(t, patience)); err != nil {
		t.Fatal(err)
	}
	w.text(ben, "Ben Ruiz")
	w.logs(`"reason":"reply"`, 3) // one to Ben is on its way, one waits behind it
	w.tidegate("backup", w.path("b1"))

	// What the backup knows nothing of.
	if _, err := w.carrier.Release(within(t, patience), twiliofake.Release{}); err != nil {
		t.Fatal(err)
	}
	w.gets(0, ben, "birth")
	w.text(ana, "Ana Ruiz")
	w.gets(0, ana, "birth")
	w.text(cara, "hello, can I get an appointment for a yearly check-up")
	w.gets(0, cara, "name")
	w.text(dan, "my chest hurts")
	w.gets(0, dan, "Call 911 now")
	w.gets(0, alice, "my chest hurts")
	w.quiet(1100 * time.Millisecond) // lists give whole seconds
	w.kill()
	w.text(eve, "hello, may I get an appointment for a yearly check-up")
	w.loses("b1")
	end := w.end()

	w.start()
	w.gets(end, eve, "name")
	w.gets(end, dan, "Call 911 now")
	w.gets(end, alice, "my chest hurts")
	w.settles()
	for phone, said := range w.routine(end) {
		if phone != eve || len(said) > 2 {
			t.Errorf("doubled: after the restore the agent told %s %q", phone, said)
		}
	}
	for phone, said := range w.routine(0) {
		for i, words := range said {
			for _, before := range said[:i] {
				if words == before {
					t.Errorf("doubled: %s read %q twice", phone, words)
				}
			}
		}
	}
	if out := w.tidegate("verify"); !strings.Contains(out, "restored ") || !strings.Contains(out, " 0 faults") {
		t.Errorf("verify says %s", out)
	}

	// Life goes on where the carrier left it.
	end = w.end()
	w.text(cara, "Cara Diaz")
	w.gets(end, cara, "birth")
	w.stop()
}
