package outside

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// instants is in how many moments of a verb's work the daemon is killed.
const instants = 6

// custodial is a world with copies of its keys and some patients.
func custodial(t *testing.T, patients int) (w *world, numbers []string) {
	t.Helper()
	w = newWorld(t, t.TempDir(), setting{profile: "calm", seed: 1, backfill: "{enabled: false}"})
	for _, dir := range []string{"copies", "safe"} {
		if err := os.Mkdir(w.path(dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	w.append("tidegate.yaml", "erase: {backup: "+w.path("copies")+", escrow: "+w.path("safe")+"}\n")
	w.start()
	for n := range patients {
		from := fmt.Sprintf("+1212555%04d", 100+n)
		if status, body := w.post("/hooks/main/message", inbound(n, from, "STOP"), nil); status/100 != 2 {
			t.Fatalf("%d %s", status, body)
		}
		numbers = append(numbers, from)
	}
	return w, numbers
}

// took is how long a verb takes undisturbed.
func (w *world) took(args ...string) time.Duration {
	w.t.Helper()
	begun := time.Now()
	w.tidegate(args...)
	return time.Since(begun)
}

// killedIn begins a verb and kills the daemon after that time, and starts it again.
func (w *world) killedIn(after time.Duration, args ...string) {
	w.t.Helper()
	cmd := exec.CommandContext(within(w.t, patience), w.bin, append(args, "--config", w.path("tidegate.yaml"))...)
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	<-time.After(after)
	w.kill()
	_ = cmd.Wait() // it lost its daemon, or was quicker
	w.start()
}

// oneKey waits until the key file holds one key, and wants one copy of it and one
// backup.
func (w *world) oneKey(when string) (line string) {
	w.t.Helper()
	for ctx := within(w.t, patience); ; w.quiet(50 * time.Millisecond) {
		keys := keysIn(w.path("data/tenant.key"))
		if len(keys) == 1 {
			return keys[0]
		}
		if ctx.Err() != nil {
			w.t.Fatalf("%s: the change of the key is not ended: %d keys\n%s", when, len(keys), tail(w.log()))
		}
	}
}

// keysIn are the keys that a file holds; of one that is not there or no file, none.
func keysIn(path string) (keys []string) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	for l := range strings.Lines(string(b)) {
		if strings.HasPrefix(l, "tidegate-key-") {
			keys = append(keys, strings.TrimSpace(l))
		}
	}
	return keys
}

// whole wants every chain and seal to hold, and no key but one anywhere.
func (w *world) whole(when, old, now string) {
	w.t.Helper()
	if out := w.tidegate("verify"); !strings.Contains(out, " 0 faults") {
		w.t.Errorf("%s: verify says %s", when, out)
	}
	if out := w.tidegate("keys", "show"); strings.Contains(out, "changes") || !strings.Contains(out, "; 0 do not") {
		w.t.Errorf("%s: keys show says %s", when, out)
	}
	for _, folder := range []string{"data", "safe"} {
		files, err := filepath.Glob(filepath.Join(w.path(folder), "*"))
		if err != nil {
			w.t.Fatal(err)
		}
		hidden, err := filepath.Glob(filepath.Join(w.path(folder), ".*"))
		if err != nil {
			w.t.Fatal(err)
		}
		for _, f := range append(files, hidden...) {
			for _, key := range keysIn(f) {
				if key != now {
					w.t.Errorf("%s: a key that is not in force lies in %s", when, filepath.Base(f))
				}
			}
		}
	}
	if half, err := filepath.Glob(filepath.Join(w.path("copies"), ".*")); err != nil || len(half) > 0 {
		w.t.Errorf("%s: backups half written: %d, %v", when, len(half), err)
	}
	for folder, suffix := range map[string]string{"safe": ".key", "copies": ".backup"} {
		if all, err := filepath.Glob(filepath.Join(w.path(folder), "tidegate-*"+suffix)); err != nil || old != now && len(all) != 1 {
			w.t.Errorf("%s: %d copies in %s, %v", when, len(all), folder, err)
		}
	}
}

// TestRotationOfALiveDaemonIsKilled: the daemon is killed while it changes the key, and
// started again: it ends the change by itself, with nothing lost.
func TestRotationOfALiveDaemonIsKilled(t *testing.T) {
	t.Parallel()
	w, patients := custodial(t, 60)
	takes := w.took("keys", "rotate")
	changed := 0
	for at := range instants {
		old := w.oneKey("before")
		when := fmt.Sprintf("killed %d/%d into it", at+1, instants+1)
		w.killedIn(takes*time.Duration(at+1)/(instants+1), "keys", "rotate")
		now := w.oneKey(when)
		if now != old {
			changed++
		}
		w.whole(when, old, now)
	}
	if changed == 0 {
		t.Error("every kill came before the change began")
	}
	old := w.oneKey("at the end")
	w.tidegate("keys", "rotate")
	w.whole("at the end", old, w.oneKey("at the end"))
	if out := w.tidegate("conversations", "show", patients[0]); !strings.Contains(out, "STOP") {
		t.Errorf("a patient reads %s", out)
	}
	t.Logf("%d of %d kills came once the key was changing", changed, instants)
	w.stop()
}

// erasures is as much of the list of erasures as these tests read.
type erasures struct {
	Asked      []struct{ Conversation string }
	Tombstones []struct {
		Conversation string
		Effective    int64
	}
}

func (w *world) erasures() (e erasures) {
	w.t.Helper()
	if err := json.Unmarshal([]byte(w.tidegate("erase", "--json")), &e); err != nil {
		w.t.Fatal(err)
	}
	return e
}

// TestErasureOfALiveDaemonIsKilled: the daemon is killed while it erases, and started
// again: what had begun it ends by itself, in full effect; what had not, it does when
// it is asked anew; and the erased is gone, with nobody else.
func TestErasureOfALiveDaemonIsKilled(t *testing.T) {
	t.Parallel()
	w, patients := custodial(t, instants+20)
	takes := w.took("erase", patients[instants], "--now")
	begun := 0
	for at := range instants {
		old := w.oneKey("before")
		when := fmt.Sprintf("killed %d/%d into it", at+1, instants+1)
		w.killedIn(takes*time.Duration(at+1)/(instants+1), "erase", patients[at], "--now")
		if e := w.erasures(); len(e.Tombstones) < at+2 {
			w.tidegate("erase", patients[at], "--now")
		} else {
			begun++
		}
		w.inEffect(when, at+2)
		w.whole(when, old, w.oneKey(when))
		w.refuses("no conversation is with that number", "conversations", "show", patients[at])
	}
	if out := w.tidegate("conversations", "show", patients[instants+1]); !strings.Contains(out, "STOP") {
		t.Errorf("who stays reads %s", out)
	}
	t.Logf("%d of %d kills came once something was dropped", begun, instants)
	w.stop()
}

// TestErasureOfHalfWrittenFiles: a change of the key where no daemon runs is killed while
// a file of it has not got its name yet, and then somebody is erased: no file holds a key
// that is not in force, and no half backup lies about, after that and after the next one.
func TestErasureOfHalfWrittenFiles(t *testing.T) {
	t.Parallel()
	if why := straceFault(); why != "" {
		needs(t, "strace", why)
	}
	w, patients := custodial(t, 3)
	w.stop()
	for i, half := range []string{"safe/.tenant-key-of-tidegate-*", "copies/.tidegate-*", "data/.tenant-key-of-tenant.key-*"} {
		before := w.oneKey("before")
		w.killedWhen(half, "keys", "rotate")
		w.anotherSecond()
		when := "killed while there was " + half
		w.tidegate("erase", patients[i], "--now")
		w.whole(when, before, w.oneKey(when))
		w.refuses("no conversation is with that number", "conversations", "show", patients[i])
	}
}

// anotherSecond waits until copies get names other than those of now: what goes on with
// its change within the second writes the same file once more, and leaves no half one.
func (w *world) anotherSecond() {
	for now := time.Now().Unix(); time.Now().Unix() == now; {
		w.quiet(50 * time.Millisecond)
	}
}

// killedWhen begins a verb, to which every sync and rename takes long, and kills it once
// there is a file with something in it.
func (w *world) killedWhen(pattern string, args ...string) {
	w.t.Helper()
	const calls = "fsync,renameat,linkat,unlinkat"
	ctx := within(w.t, patience)
	cmd := exec.CommandContext(ctx, "strace", append([]string{
		"-f", "-qq", "-o", os.DevNull, "-e", "trace=" + calls,
		"-e", "inject=" + calls + ":delay_enter=300ms", w.bin, "--config", w.path("tidegate.yaml"),
	}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	found := false
	for !found && ctx.Err() == nil {
		w.quiet(5 * time.Millisecond)
		all, err := filepath.Glob(w.path(pattern))
		found = err == nil && slices.ContainsFunc(all, func(path string) bool {
			info, err := os.Stat(path)
			return err == nil && info.Size() > 0
		})
	}
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err != nil {
		w.t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	if !found {
		w.t.Fatalf("there never was %s", pattern)
	}
}

// inEffect waits until nothing is asked for and so many erasures are in full effect.
func (w *world) inEffect(when string, tombs int) {
	w.t.Helper()
	for ctx := within(w.t, patience); ; w.quiet(100 * time.Millisecond) {
		e := w.erasures()
		full := 0
		for _, t := range e.Tombstones {
			if t.Effective > 0 {
				full++
			}
		}
		if len(e.Asked) == 0 && len(e.Tombstones) == tombs && full == tombs {
			return
		}
		if ctx.Err() != nil {
			w.t.Fatalf("%s: %d asked, %d tombstones, %d in full effect; want %d\n%s", when, len(e.Asked), len(e.Tombstones), full, tombs, tail(w.log()))
		}
	}
}

// TestALayoutIsKilledAnywhere: bringing an older file to the layout of now is killed at
// each of its writes and syncs: the file is of the older layout or of this one, and
// what was in it is there.
func TestALayoutIsKilledAnywhere(t *testing.T) {
	t.Parallel()
	if why := straceFault(); why != "" {
		needs(t, "strace", why)
	}
	bin := program(t)
	all, err := filepath.Glob("testdata/releases/*")
	if err != nil || len(all) == 0 {
		t.Fatalf("no releases: %v", err)
	}
	from := all[0]
	want := conversations(t, gunzip(t, filepath.Join(from, "export.jsonl.gz")))
	older := gunzip(t, filepath.Join(from, "tidegate.db.gz"))
	key, err := os.ReadFile(filepath.Join(from, "tenant.key.txt"))
	if err != nil {
		t.Fatal(err)
	}
	kills, found := 0, map[string]int{}
	for _, call := range []string{"pwrite64", "fdatasync"} {
		// strace counts the calls of each thread, and the runtime chooses the thread: a
		// run that is not killed says little, several in a row say that none is left.
		for n, alive := 1, 0; alive < 5; {
			data := filepath.Join(t.TempDir(), "data")
			if err := os.Mkdir(data, 0o700); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(data, "tidegate.db")
			put(t, path, older)
			put(t, filepath.Join(data, "tenant.key"), key)
			was := schemaOf(t, path)
			cmd := exec.CommandContext(within(t, patience), "strace", "-f", "-qq", "-o", os.DevNull, "-P", path,
				"-e", "trace="+call, "-e", fmt.Sprintf("inject=%s:signal=SIGKILL:when=%d", call, n), bin, "verify", "--data", data)
			if cmd.Run() == nil {
				alive++
				continue
			}
			kills++
			layout := schemaOf(t, path)
			if found[layout]++; layout != was && layout != "4" {
				t.Errorf("killed at %s %d: the layout is %q", call, n, layout)
			}
			if out := verb(t, bin, "verify", "--data", data); !strings.Contains(out, " 0 faults") {
				t.Errorf("killed at %s %d: verify says %s", call, n, out)
			}
			if got := schemaOf(t, path); got != "4" {
				t.Errorf("killed at %s %d, opened again: the layout is %q", call, n, got)
			}
			alike(t, conversations(t, []byte(verb(t, bin, "conversations", "export", "--all", "--json", "--data", data))), want)
			n, alive = n+1, 0
		}
	}
	if kills < 3 || len(found) < 2 {
		t.Errorf("%d kills, which found layouts %v; want them before and after", kills, found)
	}
	t.Logf("%d kills, which left layouts %v", kills, found)
}
