package outside

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/tidegate/tidegate/channels/twilio/twiliofake"
)

// TestFullDisk fills the disk under the daemon. While only the reserve is left
// texts are taken and red flags paged, and what can wait waits; without even the
// reserve a text gets no 2xx; with room again everything goes on, and whatever got
// a 2xx is there.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	w := newWorld(t, t.TempDir(), setting{profile: "calm", seed: 1, chat: `"https://clinic.example"`})
	w.onSmallDisk("48m")
	w.start()
	const ana, ben = "+12125550142", "+12125550143"
	w.text(ana, "hi, I need an appointment for a yearly check-up")
	w.gets(0, ana, "assistant")

	fill := w.fillsDisk(0)
	since := w.end()
	w.gets(since, bob, "disk of the gateway is nearly full")
	if status := w.beginsChat(); status != http.StatusServiceUnavailable {
		t.Errorf("a new chat on a full disk: %d, want 503", status)
	}
	if _, err := w.export(within(t, patience)); err == nil || !strings.Contains(err.Error(), "the disk is nearly full") {
		t.Errorf("an export on a full disk: %v, want it refused in a sentence", err)
	}
	w.text(ana, "Ana Ruiz") // the agent waits: nothing but the watchdog answers
	w.text(ben, "my chest hurts")
	w.gets(since, ben, "Call 911 now")
	page := w.gets(since, alice, "my chest hurts")

	taken := w.floods()
	t.Logf("%d texts taken in the reserve", len(taken))
	select {
	case <-w.daemon.ended:
		t.Fatalf("a full disk ended the daemon\n%s", tail(w.log()))
	default:
	}
	if err := os.Remove(fill); err != nil {
		t.Fatal(err)
	}
	w.gets(since, ana, "date of birth") // the agent goes on where it was
	w.text(alice, pagePattern.FindStringSubmatch(page.Body)[1]+" A")
	w.gets(page.Seq, alice, "is yours")
	w.kept(taken)
	w.kill()
	w.start() // and after a kill
	w.kept(taken)
	w.stop()
}

// onSmallDisk puts the data folder on a disk of its own.
func (w *world) onSmallDisk(size string) {
	w.t.Helper()
	data := w.path("data")
	if err := os.Mkdir(data, 0o700); err != nil {
		w.t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", data, "tmpfs", 0, "size="+size+",mode=0700"); err != nil {
		needs(w.t, "mount", fmt.Sprintf("mount: %v: only root may mount a small disk", err))
	}
	w.t.Cleanup(func() { _ = syscall.Unmount(data, syscall.MNT_DETACH) })
	b, err := os.ReadFile(w.path("tidegate.yaml"))
	if err != nil {
		w.t.Fatal(err)
	}
	w.write("tidegate.yaml", strings.Replace(string(b), "limits: {", "limits: {disk_reserve_mib: 8, ", 1))
}

// fillsDisk takes all the room there is but so many bytes.
func (w *world) fillsDisk(but int64) (path string) {
	w.t.Helper()
	path = w.path("data/other")
	f, err := os.Create(path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer f.Close()
	size := int64(0)
	for block := make([]byte, 4096); err == nil; size += 4096 {
		_, err = f.Write(block)
	}
	if err := f.Truncate(max(0, size-4096-but)); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// beginsChat asks for a new session as a browser does.
func (w *world) beginsChat() int {
	w.t.Helper()
	r, err := http.NewRequestWithContext(within(w.t, patience), http.MethodPost, "http://"+w.public+"/chat/web/session", strings.NewReader("{}"))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Origin", "https://clinic.example")
	r.Header.Set("Content-Type", "application/json")
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer a.Body.Close()
	_, _ = io.Copy(io.Discard, a.Body)
	return a.StatusCode
}

// floods posts long texts until one is refused, and returns those that were taken.
func (w *world) floods() (taken []string) {
	w.t.Helper()
	words := strings.Repeat("please tell me when the office opens. ", 40)
	for n := 0; ; n++ {
		form := inbound(n, fmt.Sprintf("+1212556%04d", n%50), words)
		status, _ := w.post("/hooks/main/message", form, nil)
		switch {
		case status == http.StatusNoContent:
			taken = append(taken, form.Get("MessageSid"))
		case status != http.StatusServiceUnavailable:
			w.t.Fatalf("text %d on a full disk was answered %d, want 204 or 503", n, status)
		case len(taken) < 20:
			w.t.Fatalf("only %d texts were taken on a full disk: the reserve was not used\n%s", len(taken), tail(w.log()))
		default:
			return taken
		}
		if n > 20_000 {
			w.t.Fatal("the disk is never full")
		}
	}
}

// kept wants every text that was answered 2xx in the record.
func (w *world) kept(taken []string) {
	w.t.Helper()
	have := map[string]bool{}
	for ctx := within(w.t, patience); ; w.quiet(200e6) {
		all, err := w.export(ctx)
		if err != nil && ctx.Err() == nil {
			continue // it is refused while room is scarce
		}
		if err != nil {
			w.t.Fatal(err)
		}
		for _, x := range all {
			for _, in := range x.Inbound {
				have[in.ProviderID] = true
			}
		}
		break
	}
	for _, sid := range taken {
		if !have[sid] {
			w.t.Fatalf("lost: %s was answered 2xx on a full disk", sid)
		}
	}
	for _, e := range w.ledger() {
		if e.Kind == twiliofake.KindInbound && e.SID != "" && !have[e.SID] {
			w.t.Errorf("lost: %s", e.SID)
		}
	}
	if bytes.Contains(w.log(), []byte("212556")) {
		w.t.Error("a patient's number is in the log")
	}
}
