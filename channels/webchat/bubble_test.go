package webchat_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/channels/webchat"
	"github.com/tidegate/tidegate/molt"
)

// pipes is a listener whose connections are pipes in memory, so that a bubble's
// clock rules their deadlines too. They buffer nothing: who does not read stops
// who writes at once.
type pipes struct{ accept chan net.Conn }

func (p *pipes) Accept() (net.Conn, error) {
	c, ok := <-p.accept
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (p *pipes) Close() error   { close(p.accept); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	mine, theirs := net.Pipe()
	p.accept <- peered{theirs}
	return mine, nil
}

// peered has an address, as a connection from somewhere has.
type peered struct{ net.Conn }

func (peered) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(198, 51, 100, 7), Port: 5000} }

// bubble is a chat over pipes, in the bubble of the test; it ends with it.
type bubble struct {
	t      *testing.T
	house  *house
	pipes  *pipes
	client *http.Client
	token  string // of its one visitor
}

func newBubble(t *testing.T) *bubble {
	t.Helper()
	o := options()
	o.Now = time.Now
	chat, err := webchat.New(o)
	if err != nil {
		t.Fatal(err)
	}
	b := &bubble{t: t, house: newHouse(), pipes: &pipes{accept: make(chan net.Conn)}}
	b.house.changed = chat.Changed
	b.client = &http.Client{Transport: &http.Transport{DialContext: b.pipes.dial, DisableKeepAlives: true}}
	s := &http.Server{Handler: chat.Open(b.house)}
	served := make(chan error, 1)
	go func() { served <- s.Serve(b.pipes) }()
	t.Cleanup(func() {
		_ = s.Close()
		<-served
		<-time.After(time.Minute) // whoever waits sees that all has ended
	})
	return b
}

// talk opens a socket of the visitor from a cursor on.
func (b *bubble) talk(cursor channels.Position) *websocket.Conn {
	b.t.Helper()
	q, _ := http.NewRequest(http.MethodPost, "http://gw/chat/web/session", strings.NewReader("{}"))
	q.Header.Set("Origin", foreign)
	q.Header.Set("Content-Type", "application/json")
	q.Header.Set("Authorization", "Bearer "+b.token)
	resp, err := b.client.Do(q)
	if err != nil {
		b.t.Fatal(err)
	}
	var a answer
	decode(b.t, resp, &a)
	b.token = a.Token
	d := websocket.Dialer{NetDialContext: b.pipes.dial, Subprotocols: []string{webchat.Protocol, "ticket." + a.Ticket}}
	conn, up, err := d.Dial("ws://gw/chat/web/ws", http.Header{"Origin": {foreign}})
	if err != nil {
		b.t.Fatal(err)
	}
	_ = up.Body.Close()
	b.t.Cleanup(func() { _ = conn.Close() })
	if err := conn.WriteJSON(frame{Type: "hello", Cursor: cursor, Token: a.Token}); err != nil {
		b.t.Fatal(err)
	}
	return conn
}

// inBubble is a chat with one visitor's socket open.
func inBubble(t *testing.T) (*house, *websocket.Conn) {
	t.Helper()
	b := newBubble(t)
	return b.house, b.talk(0)
}

// visitorOf has the visitor known by a text of theirs.
func visitorOf(t *testing.T, h *house, conn *websocket.Conn) molt.Address {
	t.Helper()
	if err := conn.WriteJSON(frame{Type: "text", ClientID: "client-id-1", Text: "hello"}); err != nil {
		t.Fatal(err)
	}
	for {
		var f frame
		if err := conn.ReadJSON(&f); err != nil {
			t.Fatal(err)
		}
		if f.Type == "committed" {
			return h.texts()[0].Peer
		}
	}
}

// TestSlowReaderIsDropped has a page stop reading: its socket ends, and nothing
// was gathered for it meanwhile.
func TestSlowReaderIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, conn := inBubble(t)
		peer := visitorOf(t, h, conn)
		before := h.looks
		const many = 500
		for i := range many {
			h.say(peer, channels.ShownAgent, fmt.Sprint("answer ", i))
		}
		time.Sleep(time.Minute) // in a bubble: until the write's deadline, and more
		synctest.Wait()
		if looks := h.looks - before; looks > 3 {
			t.Errorf("the record was read %d times for somebody who takes nothing", looks)
		}
		read := 0
		for {
			if _, _, err := conn.ReadMessage(); err != nil {
				break
			}
			read++
		}
		if read >= many {
			t.Errorf("it could read %d messages after a minute of not reading", read)
		}
	})
}

// TestSilentConnectionIsDropped has the other end vanish without a word.
func TestSilentConnectionIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, conn := inBubble(t)
		visitorOf(t, h, conn)
		conn.SetPingHandler(func(string) error { return nil }) // it answers no ping
		ended := make(chan time.Duration, 1)
		began := time.Now()
		go func() {
			for {
				if _, _, err := conn.ReadMessage(); err != nil {
					ended <- time.Since(began)
					return
				}
			}
		}()
		if took := <-ended; took > 2*time.Minute {
			t.Errorf("it was kept for %s", took)
		}
	})
}

// TestPingsKeepAQuietChatOpen has nobody say anything for an hour. The page
// takes a minute without a frame for the end of the connection, and sees none.
func TestPingsKeepAQuietChatOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, conn := inBubble(t)
		peer := visitorOf(t, h, conn)
		got := make(chan string, 1)
		go func() {
			for heard := time.Now(); ; heard = time.Now() {
				var f frame
				if conn.ReadJSON(&f) != nil {
					close(got)
					return
				}
				if quiet := time.Since(heard); quiet >= time.Minute {
					t.Errorf("nothing came for %s", quiet)
				}
				if f.Type == "message" && f.Kind != "own" {
					got <- f.Text
				}
			}
		}()
		time.Sleep(time.Hour)
		h.say(peer, channels.ShownPerson, "are you still there?")
		if text := <-got; text != "are you still there?" {
			t.Errorf("after an hour it got %q", text)
		}
	})
}

// TestSeenIsRecordedOnceASecond has a page report every message it shows.
func TestSeenIsRecordedOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, conn := inBubble(t)
		const reports = 50
		for i := range reports {
			if err := conn.WriteJSON(frame{Type: "seen", Cursor: channels.Position(i + 1)}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(2 * webchat.SeenEvery)
		synctest.Wait()
		h.mu.Lock()
		defer h.mu.Unlock()
		if n := len(h.seen); n == 0 || n > 7 || h.seen[n-1] != reports {
			t.Errorf("in five seconds it was recorded %d times, last %v", n, h.seen)
		}
		for i := 1; i < len(h.seenAt); i++ {
			if d := h.seenAt[i].Sub(h.seenAt[i-1]); d < webchat.SeenEvery {
				t.Errorf("two records are %s apart", d)
			}
		}
	})
}

// listens reads what comes until the socket ends, as a page does.
func listens(conn *websocket.Conn) {
	for {
		if _, _, err := conn.ReadMessage(); err != nil {
			return
		}
	}
}

// TestSeenIsRecordedAgain has records of what was seen not succeed: they are made
// again, and when we have tried as often as we do, once the page says it again.
func TestSeenIsRecordedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, conn := inBubble(t)
		go listens(conn)
		for _, c := range []struct {
			at                    channels.Position
			blind, recorded, left int
		}{{3, 1, 1, 0}, {5, webchat.SeenTries + 1, 0, 1}, {5, 1, 1, 0}} {
			h.mu.Lock()
			h.blind, h.seen = c.blind, nil
			h.mu.Unlock()
			if err := conn.WriteJSON(frame{Type: "seen", Cursor: c.at}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * webchat.SeenTries * webchat.SeenEvery)
			h.mu.Lock()
			if len(h.seen) != c.recorded || h.blind != c.left {
				t.Errorf("of %d that fail %d are left, recorded %v; want %d, %d records", c.blind, h.blind, h.seen, c.left, c.recorded)
			}
			h.mu.Unlock()
		}
	})
}

// TestComingBackIsNotHavingSeen has a page in the background get a safety text,
// show it to nobody, lose its connection and come back: nobody has seen it.
func TestComingBackIsNotHavingSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t)
		conn := b.talk(0)
		b.house.say(visitorOf(t, b.house, conn), channels.ShownSafety, "Call 911 now.")
		var f frame
		for f.Kind != "safety" {
			if err := conn.ReadJSON(&f); err != nil {
				t.Fatal(err)
			}
		}
		_ = conn.Close()
		b.talk(f.Position)
		synctest.Wait()
		b.house.mu.Lock()
		defer b.house.mu.Unlock()
		if len(b.house.seen) != 0 {
			t.Errorf("recorded as seen up to %v, and the page never said so", b.house.seen)
		}
	})
}

// TestFastTextIsTakenBeforeItWaits has somebody send one text more than the pace
// lets through, and no time go by: it is taken.
func TestFastTextIsTakenBeforeItWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, conn := inBubble(t)
		go listens(conn)
		most := webchat.Default().MessagesPerMinute
		for i := range most {
			if err := conn.WriteJSON(frame{Type: "text", ClientID: fmt.Sprintf("client-id-%d", i), Text: "hello"}); err != nil {
				t.Fatal(err)
			}
		}
		if err := conn.WriteJSON(frame{Type: "text", ClientID: "client-id-last", Text: "I cannot breathe"}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if took := h.texts(); len(took) != most+1 {
			t.Errorf("%d of %d texts were taken; the red flag waits for the pace", len(took), most+1)
		}
	})
}

// TestWhoSendsTooFastWaits has a page send a flood: all of it is taken, at the
// pace of the limit.
func TestWhoSendsTooFastWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, conn := inBubble(t)
		most := webchat.Default().MessagesPerMinute
		conn.SetPingHandler(func(string) error { return nil }) // a pong would time out behind a text that waits
		go listens(conn)
		go func() { // ends when all is taken, or with the socket
			for i := range 2 * most {
				if conn.WriteJSON(frame{Type: "text", ClientID: fmt.Sprintf("client-id-%d", i), Text: "hello"}) != nil {
					return
				}
			}
		}()
		one := time.Minute / time.Duration(most)
		time.Sleep(one / 2) // looked at halfway between two texts
		for n := most + 1; n < 2*most; n++ {
			synctest.Wait()
			if took := len(h.texts()); took != n {
				t.Fatalf("%d texts were taken, want %d: the first %d, one more, and one each %s", took, n, most, one)
			}
			time.Sleep(one)
		}
		synctest.Wait()
		if took := len(h.texts()); took != 2*most {
			t.Errorf("%d of %d texts were taken", took, 2*most)
		}
	})
}
