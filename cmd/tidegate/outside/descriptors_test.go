package outside

import (
	"bytes"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// TestFewDescriptors: the daemon may have few files open, and idle connections, and
// such as drip a header, come faster than they are cut, to both doors. Texts are taken,
// red flags paged, files copied and the operator answered all the same.
func TestFewDescriptors(t *testing.T) {
	w := newWorld(t, t.TempDir(), setting{profile: "calm", seed: 1, backfill: "{enabled: false}"})
	if err := w.run("sh", "-c", `ulimit -n 160 && exec "$0" "$@"`); err != nil {
		t.Fatal(err)
	}
	crowd := newIdlers(t)
	for range 150 {
		crowd.keeps(w.public, "")
		crowd.keeps(w.public, "GET /readyz HTTP/1.1\r\nHost: x\r\nX: ")
		crowd.keeps(w.private, "")
	}
	since := w.end()
	for _, from := range []string{"+12125550142", "+12125550143", "+12125550144"} {
		if status, body := w.post("/hooks/main/message", inbound(int(from[len(from)-1]), from, "my chest hurts"), nil); status/100 != 2 {
			t.Errorf("a red flag is answered %d %s", status, body)
		}
		w.gets(since, from, "Call 911 now")
	}
	w.gets(since, alice, "my chest hurts")
	if out := w.tidegate("cases", "--json"); !strings.Contains(out, "S1") {
		t.Errorf("the operator hears %s", out)
	}
	w.tidegate("backup", w.path("copy"))
	if log := w.log(); bytes.Contains(log, []byte("too many open files")) {
		t.Errorf("connections took all descriptors:\n%s", tail(log))
	}
	if n := crowd.stop(); n < 500 {
		t.Errorf("%d idle connections in all, want more than there is room for", n)
	}
	w.stop()
}

// idlers are connections that say nothing more, each made again when it is cut.
type idlers struct {
	t    *testing.T
	wg   sync.WaitGroup
	mu   sync.Mutex
	open map[net.Conn]bool
	made int
	over bool
}

func newIdlers(t *testing.T) *idlers {
	i := &idlers{t: t, open: map[net.Conn]bool{}}
	t.Cleanup(func() { i.stop() })
	return i
}

// idlerTries bounds how often one is made again.
const idlerTries = 200

func (i *idlers) keeps(addr, says string) {
	i.wg.Add(1)
	go func() { // ends when the idlers are stopped
		defer i.wg.Done()
		for range idlerTries {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				return // the daemon is gone
			}
			if !i.takes(c) {
				return
			}
			_, _ = io.WriteString(c, says)
			_, _ = io.Copy(io.Discard, c) // until it is cut
			_ = c.Close()
		}
	}()
}

func (i *idlers) takes(c net.Conn) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.over {
		_ = c.Close()
		return false
	}
	i.open[c] = true
	i.made++
	return true
}

// stop ends all of them, and says how many there were.
func (i *idlers) stop() int {
	i.mu.Lock()
	i.over = true
	for c := range i.open {
		_ = c.Close()
	}
	i.mu.Unlock()
	i.wg.Wait()
	return i.made
}
