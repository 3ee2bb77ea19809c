package outside

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/channels/twilio/twiliofake"
)

const alarming = "my chest hurts and I cannot breathe"

// strike is one system call on the store that goes wrong in the story of a text
// about chest pain.
type strike struct {
	call, fault string // as strace's inject has them
	n           int    // the n-th of these calls; 0: every one
	dies        bool   // the daemon has to end by itself, with a sentence
}

func (s strike) String() string { return fmt.Sprintf("%s of %s %d", s.fault, s.call, s.n) }

// TestEverySyscall lets each write and each sync of the store go wrong in turn:
// the daemon is killed in it, it fails, the disk is full, it takes long. Whatever
// happens, a red flag that was answered 2xx is paged, by the carrier's ledger; one
// that was not is taken when it comes again. After a fault of the disk the daemon
// ends and says so, and syncs nothing a second time; a write that finds no room is
// made again in the reserve, and the daemon goes on. TIDEGATE_SYSCALLS=all takes
// every call of the story; otherwise ten are drawn, of those that its words name, as
// "error=EIO of fdatasync".
func TestEverySyscall(t *testing.T) {
	t.Parallel()
	if why := straceFault(); why != "" {
		needs(t, "strace", why)
	}
	w := newWorld(t, t.TempDir(), setting{profile: "calm", seed: 1, backfill: "{enabled: false}"})
	counts := w.storyCalls()
	t.Logf("the story has %d writes and %d syncs of the store", counts["pwrite64"], counts["fdatasync"])
	var all []strike
	for call, n := range counts {
		for i := range n {
			all = append(all, strike{call, "signal=SIGKILL", i + 1, false}, strike{call, "error=EIO", i + 1, true})
			if call == "pwrite64" {
				all = append(all, strike{call, "error=ENOSPC", i + 1, false})
			}
		}
	}
	if which := os.Getenv("TIDEGATE_SYSCALLS"); which != "all" {
		all = slices.DeleteFunc(all, func(s strike) bool { return !strings.Contains(s.String(), which) })
		seed := uint64(time.Now().UnixNano())
		t.Logf("drawn with seed %d", seed)
		r := rand.New(rand.NewPCG(seed, 0))
		slices.SortFunc(all, func(a, b strike) int { return strings.Compare(a.String(), b.String()) })
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		all = all[:min(10, len(all))]
	}
	all = append(all, strike{"fdatasync", "delay_exit=200000", 0, false}, strike{"pwrite64", "delay_enter=20000", 0, false})
	outcomes := map[string]int{}
	for n, s := range all {
		outcomes[w.struck(n+1, s)]++
		if t.Failed() {
			t.Fatalf("run %d: %s", n+1, s)
		}
	}
	t.Logf("%d runs: %v", len(all), outcomes)
}

// storyCalls counts the calls of the story undisturbed.
func (w *world) storyCalls() map[string]int {
	w.t.Helper()
	w.struck(0, strike{call: "pwrite64", fault: "delay_enter=1"})
	raw, err := os.ReadFile(w.path("trace"))
	if err != nil {
		w.t.Fatal(err)
	}
	counts := map[string]int{}
	for _, m := range regexp.MustCompile(`(?m)^\d+ +(pwrite64|fdatasync)\(`).FindAllStringSubmatch(string(raw), -1) {
		counts[m[1]]++
	}
	if counts["pwrite64"] < 10 || counts["fdatasync"] < 5 {
		w.t.Fatalf("the trace holds %v calls only", counts)
	}
	return counts
}

// struck lives the story once over a new store, and again without the fault.
func (w *world) struck(n int, s strike) (outcome string) {
	w.t.Helper()
	if err := os.RemoveAll(w.path("data")); err != nil {
		w.t.Fatal(err)
	}
	_ = os.Remove(w.path("daemon.log"))
	from := fmt.Sprintf("+1%d55501%02d", 212+n/100, n%100)
	begun := w.end()
	inject := s.call + ":" + s.fault
	if s.n > 0 {
		inject += ":when=" + strconv.Itoa(s.n)
	}
	err := w.run("strace", "-f", "-qq", "-P", w.path("data/tidegate.db"), "-s", "0", "-o", w.path("trace"),
		"-e", "trace=pwrite64,fdatasync", "-e", "inject="+inject)
	status := 0
	if err == nil {
		if status = w.tries(n, from); status != http.StatusServiceUnavailable {
			w.finishes(begun, marked(n))
		} // strace counts a thread's calls: a second one found no room, nor a reserve
	}
	w.judgeEnd(s, err)
	w.start()
	if outcome = "answered 2xx before the fault"; status/100 != 2 {
		outcome = "not answered 2xx"
		if status := w.tries(n, from); status/100 != 2 {
			w.t.Errorf("the text that comes again is answered %d\n%s", status, tail(w.log()))
		}
	}
	w.gets(begun, alice, marked(n))
	w.gets(begun, from, "911")
	w.stop()
	if out, err := exec.Command(w.bin, "verify", "--config", w.path("tidegate.yaml")).CombinedOutput(); err != nil {
		w.t.Errorf("verify: %v\n%s", err, out)
	}
	return outcome
}

// marked tells one run's text from another's.
func marked(n int) string { return fmt.Sprintf("(run %d)", n) }

// tries posts the text, and says how it was answered; 0: not at all.
func (w *world) tries(n int, from string) int {
	form := inbound(n, from, alarming+" "+marked(n))
	r, err := http.NewRequestWithContext(within(w.t, patience), http.MethodPost, "http://"+w.public+"/hooks/main/message", strings.NewReader(form.Encode()))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Twilio-Signature", sign("http://"+w.public+"/hooks/main/message", form))
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0
	}
	_ = a.Body.Close()
	return a.StatusCode
}

// finishes waits until the page is out, or the daemon at its end.
func (w *world) finishes(since int64, words string) {
	for until := time.Now().Add(patience); time.Now().Before(until); {
		select {
		case <-w.daemon.ended:
			return
		default:
		}
		for _, e := range w.ledger() {
			if e.Seq > since && e.To == alice && strings.Contains(e.Body, words) && e.Kind == twiliofake.KindHandset {
				return
			}
		}
		<-time.After(20 * time.Millisecond)
	}
	w.t.Errorf("neither paged nor at an end within %s\n%s", patience, tail(w.log()))
}

// judgeEnd ends the daemon, or looks at how it ended by itself.
func (w *world) judgeEnd(s strike, early error) {
	w.t.Helper()
	raw, err := os.ReadFile(w.path("trace"))
	if err != nil {
		w.t.Fatal(err)
	}
	injected := strings.Contains(string(raw), "(INJECTED)")
	if s.dies && injected {
		code := 1
		if early == nil {
			select {
			case <-w.daemon.ended:
				_ = w.daemon.in.Close()
			case <-time.After(patience):
				w.kill()
				w.t.Errorf("%s: the daemon goes on", s)
			}
			code = w.daemon.cmd.ProcessState.ExitCode()
		}
		if log := string(w.log()); code == 0 || strings.Contains(log, "panic:") || strings.Contains(log, "fatal error:") || !strings.Contains(log, "store") {
			w.t.Errorf("%s: exit %d, with\n%s", s, code, tail(w.log()))
		}
		if _, after, _ := bytes.Cut(raw, []byte("(INJECTED)")); bytes.Contains(after, []byte("fdatasync(")) {
			w.t.Errorf("%s: the store was synced again:\n%s", s, tail(after))
		}
		return
	}
	if early == nil {
		select {
		case <-w.daemon.ended:
			_ = w.daemon.in.Close()
			if injected && strings.HasSuffix(s.fault, "ENOSPC") {
				w.t.Errorf("%s: a full disk ended the daemon\n%s", s, tail(w.log()))
			}
		default:
			w.kill()
		}
	}
}
