package outside

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// seatCount is how many consoles are open beside the chats.
const seatCount = 20

// seatAgain is how long a seat waits until it comes back.
const seatAgain = 100 * time.Millisecond

// seat is an open list of cases that keeps itself fresh, as the console's script
// does: told that something changed, it fetches the list.
type seat struct {
	home string
	http *http.Client

	mu    sync.Mutex
	list  string
	fresh chan struct{} // closed when list is another
	loads int
}

// seats signs so many consoles in and keeps them open.
func (w *world) seats(t *testing.T, n int) []*seat {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	t.Cleanup(func() { cancel(); all.Wait() })
	seats := make([]*seat, n)
	for i := range seats {
		link, err := url.Parse(w.link(t, []string{"alice", "carmen", "bob"}[i%3]))
		if err != nil {
			t.Fatal(err)
		}
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		s := &seat{home: "http://" + w.private, http: &http.Client{Jar: jar, Timeout: patience}, fresh: make(chan struct{})}
		a, err := s.http.PostForm(s.home+"/in", link.Query())
		if err != nil || a.StatusCode != http.StatusOK {
			t.Fatalf("sign in: %v, %v", a, err)
		}
		_ = a.Body.Close()
		seats[i] = s
		all.Go(func() { s.sit(ctx) })
	}
	for _, s := range seats {
		s.awaits(t, "Routine")
	}
	return seats
}

// sit keeps a connection until ctx ends.
func (s *seat) sit(ctx context.Context) {
	for ctx.Err() == nil {
		_ = s.live(ctx) // the daemon is away: it comes back
		select {
		case <-time.After(seatAgain):
		case <-ctx.Done():
		}
	}
}

func (s *seat) live(ctx context.Context) error {
	d := websocket.Dialer{Jar: s.http.Jar, HandshakeTimeout: patience}
	conn, resp, err := d.DialContext(ctx, strings.Replace(s.home, "http", "ws", 1)+"/live?at=", http.Header{"Origin": {s.home}})
	if resp != nil && resp.Body != nil {
		_ = resp.Body.Close()
	}
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	for {
		var says struct{ Changed bool }
		if err := conn.ReadJSON(&says); err != nil {
			return err
		}
		if !says.Changed {
			continue
		}
		if err := s.load(ctx); err != nil {
			return err
		}
	}
}

var errList = errors.New("the list of cases did not come")

func (s *seat) load(ctx context.Context) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.home+"/cases", http.NoBody)
	if err != nil {
		return err
	}
	r.Header.Set("X-Live", "1")
	a, err := s.http.Do(r)
	if err != nil {
		return err
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err != nil {
		return err
	}
	if a.StatusCode != http.StatusOK {
		return fmt.Errorf("%w: %d", errList, a.StatusCode)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = string(b)
	s.loads++
	close(s.fresh)
	s.fresh = make(chan struct{})
	return nil
}

// awaits waits until the list shows words, and wants them there once.
func (s *seat) awaits(t *testing.T, words string) {
	for late := time.After(4 * patience); ; {
		s.mu.Lock()
		list, fresh := s.list, s.fresh
		s.mu.Unlock()
		// What a row quotes stands in it alone, before the next tag.
		if n := strings.Count(list, ">"+words+"<"); n == 1 {
			return
		} else if n > 1 {
			t.Errorf("a console shows %q %d times", words, n)
			return
		}
		select {
		case <-fresh:
		case <-late:
			t.Errorf("a console never showed %q", words)
			return
		}
	}
}

// redFlag has a visitor write one and returns how long each console took to show
// it, counted from the visitor's key.
func redFlag(t *testing.T, g *guest, seats []*seat, words string) []time.Duration {
	t.Helper()
	began := time.Now()
	if err := g.client.Say(words); err != nil {
		t.Fatal(err)
	}
	took := make([]time.Duration, len(seats))
	var shown sync.WaitGroup
	for i, s := range seats {
		shown.Go(func() {
			s.awaits(t, words)
			took[i] = time.Since(began)
		})
	}
	shown.Wait()
	slices.Sort(took)
	return took
}

// loads is how often all of them fetched the list.
func loads(seats []*seat) (n int) {
	for _, s := range seats {
		s.mu.Lock()
		n += s.loads
		s.mu.Unlock()
	}
	return n
}
