package outside

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/channels/webchat"
)

// fewChats is how many chats a run without TIDEGATE_CHATS has; 1000 is what a
// clinic's worst day is measured with.
const fewChats = 40

func chatCount(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv("TIDEGATE_CHATS"))
	if os.Getenv("TIDEGATE_CHATS") == "" {
		return fewChats
	}
	if err != nil || n < 1 {
		t.Fatalf("TIDEGATE_CHATS is %q", os.Getenv("TIDEGATE_CHATS"))
	}
	return n
}

// guest is one visitor with a client that repeats and resumes.
type guest struct {
	client *webchat.Client
	mu     sync.Mutex
	shown  []webchat.Message
	waited []time.Duration // from an answer's publication until it was shown
	got    chan webchat.Message
}

func (g *guest) show(m webchat.Message) {
	g.mu.Lock()
	if g.shown = append(g.shown, m); m.Kind != channels.ShownOwn {
		g.waited = append(g.waited, time.Since(m.At))
	}
	g.mu.Unlock()
	g.got <- m
}

// TestManyChatsThroughAKill has many visitors chat at once. The daemon is killed
// while each has a text under way, and all come back together: no text is lost
// or taken twice, no answer is missing or shown twice. Consoles are open beside
// them, and show each red flag once, before and after.
func TestManyChatsThroughAKill(t *testing.T) {
	w := newWorld(t, t.TempDir(), setting{profile: "calm", seed: 3, chat: `"https://www.clinic.example"`})
	w.start()
	guests := crowd(t, w, chatCount(t))
	seats := w.seats(t, seatCount)
	began := time.Now()
	took := w.round(t, guests, "hi, I need an appointment")
	fanout := fanOut(guests)
	t.Logf("%d chats connected, all write at once: answers within %s, p50 %s, p99 %s; from the published answer to the page p50 %s, p99 %s; the daemon holds %s", len(guests),
		time.Since(began).Round(time.Millisecond), part(took, 50), part(took, 99), part(fanout, 50), part(fanout, 99), w.memory())
	flagged := crowd(t, w, 2)
	seen := redFlag(t, flagged[0], seats, "my chest hurts, first")
	t.Logf("%d consoles show a red flag: from the visitor's key p50 %s, p99 %s; they fetched the list %d times", len(seats), part(seen, 50), part(seen, 99), loads(seats))
	for i, g := range guests {
		if err := g.client.Say(fmt.Sprintf("Ana Ruiz %d", i)); err != nil {
			t.Fatal(err)
		}
	}
	w.kill()
	w.start()
	began = time.Now()
	for _, g := range guests {
		g.await(t, channels.ShownAgent)
	}
	t.Logf("after the kill every chat was back, with its answer, within %s; the daemon holds %s", time.Since(began).Round(time.Millisecond), w.memory())
	seen = redFlag(t, flagged[1], seats, "my chest hurts, second")
	for _, s := range seats {
		s.awaits(t, "my chest hurts, first")
	}
	t.Logf("after the kill a red flag is shown by all consoles within %s", part(seen, 99))
	for i, g := range guests {
		g.judge(t, i)
	}
}

// crowd is so many visitors, each with a connection.
func crowd(t *testing.T, w *world, n int) []*guest {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	t.Cleanup(func() { cancel(); all.Wait() })
	var open sync.WaitGroup
	guests := make([]*guest, n)
	for i := range guests {
		g := &guest{got: make(chan webchat.Message, 100)}
		open.Add(1)
		connected := sync.OnceFunc(open.Done)
		var err error
		g.client, err = webchat.NewClient(webchat.ClientOptions{
			Page: "http://" + w.public + "/chat/web/", Show: g.show, Stand: func(channels.Talk) { connected() },
		})
		if err != nil {
			t.Fatal(err)
		}
		guests[i] = g
		all.Go(func() {
			if err := g.client.Run(ctx); err != nil {
				t.Errorf("visitor %d: %v", i, err)
				connected()
			}
		})
	}
	open.Wait()
	return guests
}

// round has everybody say the same at once, and returns how long each waited for
// the answer.
func (w *world) round(t *testing.T, guests []*guest, words string) []time.Duration {
	t.Helper()
	took := make([]time.Duration, len(guests))
	var answered sync.WaitGroup
	for i, g := range guests {
		answered.Go(func() {
			began := time.Now()
			if err := g.client.Say(words); err != nil {
				t.Error(err)
				return
			}
			g.await(t, channels.ShownAgent)
			took[i] = time.Since(began)
		})
	}
	answered.Wait()
	slices.Sort(took)
	return took
}

// fanOut is how long published answers took to be shown.
func fanOut(guests []*guest) (all []time.Duration) {
	for _, g := range guests {
		g.mu.Lock()
		all = append(all, g.waited...)
		g.mu.Unlock()
	}
	slices.Sort(all)
	return all
}

func part(sorted []time.Duration, percent int) time.Duration {
	return sorted[min(len(sorted)-1, len(sorted)*percent/100)].Round(time.Millisecond)
}

// await waits for a message of a kind.
func (g *guest) await(t *testing.T, kind channels.ShownKind) {
	late := time.After(4 * patience)
	for {
		select {
		case m := <-g.got:
			if m.Kind == kind {
				return
			}
		case <-late:
			t.Errorf("no message of kind %s ever came", kind)
			return
		}
	}
}

// judge wants both texts of a visitor shown once, and no message twice.
func (g *guest) judge(t *testing.T, i int) {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	own, last := 0, channels.Position(0)
	for _, m := range g.shown {
		if m.Position <= last {
			t.Errorf("visitor %d: position %d after %d", i, m.Position, last)
		}
		last = m.Position
		if m.Kind == channels.ShownOwn {
			own++
		}
	}
	if own != 2 || g.client.Pending() != 0 {
		t.Errorf("visitor %d: %d own texts of 2, %d not committed", i, own, g.client.Pending())
	}
}

// memory is what the daemon's process holds in memory: its own, and pages of its files,
// the store's above all, which the kernel takes back when it needs them.
func (w *world) memory() string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.pid))
	if err != nil {
		return "an unknown amount"
	}
	held := map[string]string{}
	for line := range strings.Lines(string(b)) {
		name, rest, _ := strings.Cut(line, ":")
		held[name] = strings.TrimSpace(rest)
	}
	return fmt.Sprintf("%s of its own and %s of its files", held["RssAnon"], held["RssFile"])
}
