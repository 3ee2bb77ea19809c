package outside

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
)

// Two lines of a trace: a call with its thread, and the rest of one that was
// interrupted by another thread's.
var (
	callPattern    = regexp.MustCompile(`^(\d+) +(\w+)\((.*)$`)
	resumedPattern = regexp.MustCompile(`^(\d+) +<\.\.\. (\w+) resumed>(.*)$`)
)

// TestFsyncBeforeTheAnswer reads the kernel's record of the daemon's calls:
// between a request's last write to the store and its 2xx lies an fdatasync of
// the store that has completed. The texts are opt-outs, which set nothing else
// in motion, one after the other, and nothing looks back: nobody else writes.
func TestFsyncBeforeTheAnswer(t *testing.T) {
	if why := straceFault(); why != "" {
		needs(t, "strace", why)
	}
	w := newWorld(t, t.TempDir(), setting{profile: "calm", seed: 1, backfill: "{enabled: false}"})
	trace := w.path("trace")
	if err := w.run("strace", "-f", "-qq", "-y", "-s", "32", "-o", trace, "-e", "trace=pwrite64,fdatasync,fsync,write"); err != nil {
		t.Fatal(err)
	}
	const texts = 20
	for n := range texts {
		form := inbound(n, fmt.Sprintf("+121255501%02d", n), "STOP")
		if status, body := w.post("/hooks/main/message", form, nil); status != http.StatusNoContent {
			t.Fatalf("text %d was answered %d %s, want 204", n, status, body)
		}
	}
	w.stop()
	raw, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	answers, faults := readTrace(string(raw))
	if answers != texts {
		t.Errorf("the trace holds %d answers, want %d", answers, texts)
	}
	for _, f := range faults {
		t.Error(f)
	}
}

// readTrace counts the 2xx answers in a trace and names those that were given
// before what was written since the last one was synced.
func readTrace(trace string) (answers int, faults []string) {
	written, synced := false, false
	for n, line := range strings.Split(trace, "\n") {
		call, rest := "", ""
		if m := callPattern.FindStringSubmatch(line); m != nil {
			call, rest = m[2], m[3]
		} else if m := resumedPattern.FindStringSubmatch(line); m != nil {
			call, rest = m[2]+" resumed", m[3]
		}
		store := strings.Contains(rest, "tidegate.db")
		switch {
		case call == "pwrite64" && store:
			written, synced = true, false
		case call == "fdatasync" && store && strings.HasSuffix(rest, "= 0"), call == "fdatasync resumed" && strings.HasSuffix(rest, "= 0"):
			synced = true
		case call == "write" && strings.Contains(rest, "HTTP/1.1 204"):
			answers++
			switch {
			case !written:
				faults = append(faults, fmt.Sprintf("trace line %d: answered 2xx with nothing written to the store: %s", n+1, line))
			case !synced:
				faults = append(faults, fmt.Sprintf("trace line %d: answered 2xx before the store's last write was synced: %s", n+1, line))
			}
			written, synced = false, false
		}
	}
	return answers, faults
}

// TestFsyncJudgeBites shows the judge of traces what it must not let pass.
func TestFsyncJudgeBites(t *testing.T) {
	const (
		write  = "7 pwrite64(5</d/tidegate.db>, \"x\"..., 4096, 0) = 4096\n"
		sync   = "7 fdatasync(5</d/tidegate.db>) = 0\n"
		half   = "7 fdatasync(5</d/tidegate.db> <unfinished ...>\n"
		whole  = "7 <... fdatasync resumed>)       = 0\n"
		answer = "8 write(9<socket:[1]>, \"HTTP/1.1 204 No Content\\r\\n\"..., 80) = 80\n"
	)
	for trace, want := range map[string]int{
		write + sync + write + sync + answer:                     0,
		write + half + whole + answer:                            0,
		write + answer:                                           1,
		write + half + answer + whole:                            1,
		write + sync + write + answer:                            1,
		answer + write + sync:                                    1,
		write + sync + answer + answer:                           1,
		write + "7 fdatasync(3</d/other>) = 0\n" + answer:        1,
		write + "7 fdatasync(5</d/tidegate.db>) = -1\n" + answer: 1,
	} {
		if _, faults := readTrace(trace); len(faults) != want {
			t.Errorf("got %d faults %q, want %d, for\n%s", len(faults), faults, want, trace)
		}
	}
}

// inbound is the form of a text, as the carrier posts it.
func inbound(n int, from, words string) url.Values {
	return url.Values{
		"AccountSid": {account}, "ApiVersion": {"2010-04-01"}, "MessageSid": {fmt.Sprintf("SM%032d", n)}, "From": {from}, "To": {clinic},
		"Body": {words}, "NumMedia": {"0"}, "NumSegments": {"1"}, "SmsStatus": {"received"},
	}
}

// post posts a form, signed unless headers say otherwise.
func (w *world) post(path string, form url.Values, headers map[string]string) (int, string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(within(w.t, patience), http.MethodPost, "http://"+w.public+path, strings.NewReader(form.Encode()))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Twilio-Signature", sign("http://"+w.public+path, form))
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return a.StatusCode, strings.TrimSpace(string(b))
}
