package gateway

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// seems is a listener whose connections come from where the test says.
type seems struct {
	net.Listener
	from chan string
}

func (l seems) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return away{c, <-l.from}, nil
}

type away struct {
	net.Conn
	from string
}

func (a away) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(a.from), 1000))
}

// entrance is a server behind a door of so many places.
type entrance struct {
	t    *testing.T
	addr string
	from chan string
	door *door
}

func newEntrance(t *testing.T, limit, perPeer int, h http.Handler) *entrance {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	e := &entrance{t: t, addr: l.Addr().String(), from: make(chan string, 100)}
	trusted := func(a netip.Addr) bool { return a == netip.MustParseAddr("10.0.0.5") }
	e.door = newDoor(seems{l, e.from}, limit, perPeer, trusted, prometheus.NewCounter(prometheus.CounterOpts{Name: "x"}))
	g := &Gateway{o: Options{Log: zerolog.Nop()}}
	s := g.newServer("test", e.door.sockets(h), e.door)
	ended := make(chan struct{})
	go func() { defer close(ended); _ = s.Serve(e.door) }()
	t.Cleanup(func() { _ = s.Close(); <-ended })
	return e
}

func (e *entrance) dials(from string) net.Conn {
	e.t.Helper()
	e.from <- from
	c, err := net.Dial("tcp", e.addr)
	must(e.t, err)
	e.t.Cleanup(func() { _ = c.Close() })
	must(e.t, c.SetDeadline(time.Now().Add(bound)))
	return c
}

// asks is one request on a connection that is then idle; "" where it is closed.
func (e *entrance) asks(c net.Conn) string {
	e.t.Helper()
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		return ""
	}
	b := make([]byte, 1000)
	n, err := c.Read(b)
	if err != nil {
		return ""
	}
	status, _, _ := strings.Cut(string(b[:n]), "\r\n")
	return status
}

var fine = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "fine") })

const ok = "HTTP/1.1 200 OK"

// TestADoorMakesRoom: whoever waited longest without a request goes when all places
// are taken; who has a request stays.
func TestADoorMakesRoom(t *testing.T) {
	e := newEntrance(t, 4, 100, fine)
	var all []net.Conn
	for n := range 10 {
		c := e.dials(fmt.Sprintf("192.0.2.%d", n))
		if got := e.asks(c); got != ok {
			t.Fatalf("connection %d beside idle ones: %q", n, got)
		}
		all = append(all, c)
	}
	if got := e.asks(all[9]); got != ok {
		t.Errorf("the newest one: %q", got)
	}
	if got := e.asks(all[0]); got != "" {
		t.Errorf("the one that was idle longest: %q, want it cut", got)
	}
}

// TestAPeerHasItsPlaces: one address so many and no more, a network of IPv6 as well; a
// trusted proxy as many as there are.
func TestAPeerHasItsPlaces(t *testing.T) {
	e := newEntrance(t, 100, 2, fine)
	e.grace(time.Hour)
	for from, lets := range map[string]bool{"192.0.2.%d": true, "192.0.2.7": false, "2001:db8::%x": false, "2001:db8:0:%x::1": true, "10.0.0.5": true} {
		got := 0
		for n := range 5 {
			at := from
			if strings.Contains(from, "%") {
				at = fmt.Sprintf(from, n+1)
			}
			if e.asks(e.dials(at)) == ok {
				got++
			}
		}
		if want := map[bool]int{true: 5, false: 2}[lets]; got != want {
			t.Errorf("%s: %d are let in, want %d", from, got, want)
		}
	}
	c := e.dials("198.51.100.1")
	_ = e.dials("198.51.100.1")
	must(t, c.Close())
	for deadline := time.Now().Add(bound); e.asks(e.dials("198.51.100.1")) != ok; {
		if time.Now().After(deadline) {
			t.Fatal("a place that was given back is not free")
		}
	}
}

// grace sets how long nobody is cut.
func (e *entrance) grace(g time.Duration) {
	e.door.mu.Lock()
	defer e.door.mu.Unlock()
	e.door.grace = g
}

// TestAPeerMakesRoomForItself: where one address has all its places, as everybody has
// behind a proxy that nobody named, those of them that are idle keep no webhook out;
// a request under way stays.
func TestAPeerMakesRoomForItself(t *testing.T) {
	began, end := make(chan struct{}), make(chan struct{})
	e := newEntrance(t, 100, 3, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			close(began)
			<-end
		}
		fine(w, r)
	}))
	e.grace(time.Nanosecond)
	const from = "192.0.2.7"
	slow := e.dials(from)
	_, err := io.WriteString(slow, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
	must(t, err)
	<-began
	other, idle, idler := e.dials("192.0.2.8"), e.dials(from), e.dials(from)
	for _, c := range []net.Conn{other, idle, idler} {
		if got := e.asks(c); got != ok {
			t.Fatalf("a connection within the limit: %q", got)
		}
	}
	for deadline := time.Now().Add(bound); e.asks(e.dials(from)) != ok; {
		if time.Now().After(deadline) {
			t.Fatal("idle connections of an address keep its next one out")
		}
	}
	if e.asks(idle) == ok && e.asks(idler) == ok { // which of them was idle first the server alone knows
		t.Error("none of the idle ones is cut")
	}
	if got := e.asks(other); got != ok {
		t.Errorf("one of another address: %q", got)
	}
	close(end)
	if status, err := io.ReadAll(io.LimitReader(slow, int64(len(ok)))); string(status) != ok {
		t.Errorf("a request that was under way: %q, %v", status, err)
	}
}

// TestWebSocketsLeaveRoom: they have half of the places.
func TestWebSocketsLeaveRoom(t *testing.T) {
	up := websocket.Upgrader{}
	e := newEntrance(t, 8, 100, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			fine(w, r)
			return
		}
		c, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer c.Close()
		_, _, _ = c.ReadMessage()
	}))
	refused := 0
	for n := range 8 {
		e.from <- fmt.Sprintf("192.0.2.%d", n)
		c, resp, err := websocket.DefaultDialer.Dial("ws://"+e.addr, nil)
		if err != nil {
			if resp == nil || resp.StatusCode != http.StatusServiceUnavailable {
				t.Errorf("socket %d: %v", n, err)
			}
			refused++
			continue
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	if refused != 4 {
		t.Errorf("%d of 8 sockets are refused at 8 places, want 4", refused)
	}
	if got := e.asks(e.dials("192.0.2.99")); got != ok {
		t.Errorf("a request beside them: %q", got)
	}
}

// TestSeats: connections follow the limit on open files, and never take all of them.
func TestSeats(t *testing.T) {
	for _, c := range []struct{ wanted, files, public, private int }{
		{5000, 1 << 30, 4000, 1000},
		{5000, 16384, 4000, 1000},
		{5000, 1024, 615, 153},
		{5000, 200, 120, 30},
		{100, 1024, 80, 20},
		{5000, 10, 12, 4},
		{20000, 1 << 30, 19000, 1000},
	} {
		public, private := seats(c.wanted, c.files)
		if private < leastConnections/4 {
			t.Errorf("%+v: %d private places", c, private)
		}
		if c.files >= 64 && public+private > c.files-c.files/4 && c.files < 4*keptDescriptors {
			t.Errorf("%+v: %d and %d of so many files", c, public, private)
		}
		if public != c.public || private != c.private {
			t.Errorf("%d wanted, %d files: %d and %d, want %d and %d", c.wanted, c.files, public, private, c.public, c.private)
		}
	}
}

// TestRepliesFitIntoWhatIsKept: with as few as 256 files replies to patients leave room
// for pages, for all else that is sent or asked, and for the store; with more they stay
// below what a carrier takes at once.
func TestRepliesFitIntoWhatIsKept(t *testing.T) {
	for _, c := range []struct{ files, asks, want int }{{16, 4, 1}, {256, 4, 20}, {256, 64, 1}, {512, 4, 72}, {512, 64, 24}, {1024, 64, replyWorkers}, {1 << 30, 4, replyWorkers}} {
		public, private := seats(5000, c.files)
		got := repliesWith(c.files, c.asks)
		if got != c.want {
			t.Errorf("%d files, %d asks: %d replies at a time, want %d", c.files, c.asks, got, c.want)
		}
		used := got + otherWorkers + opinionWorkers + c.asks + storeDescriptors
		if kept := c.files - public - private; got > 1 && used > kept {
			t.Errorf("%d files, %d asks: %d in use at a time, want at most the %d kept", c.files, c.asks, used, kept)
		}
	}
	const backfill = 1
	if all := replyWorkers + otherWorkers + backfill; all >= 100 {
		t.Errorf("%d requests at once, want fewer than a carrier takes", all)
	}
}

// TestServersComplainWithoutAddresses: into the log, as a line of it, and without what
// a handler panicked with.
func TestServersComplainWithoutAddresses(t *testing.T) {
	var log bytes.Buffer
	g := &Gateway{o: Options{Log: zerolog.New(&log)}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	s := g.newServer("public", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("my chest hurts +15550100199") }), nil)
	ended := make(chan struct{})
	go func() { defer close(ended); _ = s.Serve(l) }()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+l.Addr().String(), nil)
	must(t, err)
	if resp, err := http.DefaultClient.Do(req); err == nil {
		_ = resp.Body.Close()
		t.Error("a panic was answered")
	}
	must(t, s.Shutdown(context.Background()))
	<-ended
	s.ErrorLog.Printf("http: TLS handshake error from 192.0.2.7:55123: read tcp 10.0.0.1:443->[2001:db8::7%%eth0]:55123: connection reset by peer")
	s.ErrorLog.Printf("http: response.WriteHeader on hijacked connection from 2001:db8::7")
	got := log.String()
	for _, no := range []string{"chest", "15550100199", "127.0.0.1", "192.0.2.7", "10.0.0.1", "2001:db8", "55123"} {
		if strings.Contains(got, no) {
			t.Errorf("the log holds %q:\n%s", no, got)
		}
	}
	for _, yes := range []string{`"server":"public"`, "TestServersComplain", "a handler panicked", "TLS handshake error", "connection reset by peer"} {
		if !strings.Contains(got, yes) {
			t.Errorf("the log holds no %q:\n%s", yes, got)
		}
	}
}
