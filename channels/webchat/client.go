package webchat

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/tidegate/tidegate/channels"
)

// Limits of the client.
const (
	retryFirst  = 500 * time.Millisecond
	retryMost   = 30 * time.Second
	retryLeast  = 250 * time.Millisecond
	askPatience = 15 * time.Second
	MaxPending  = 100 // texts not committed yet; then Say refuses
)

// ErrPending says that too many texts wait for their commit.
var ErrPending = errors.New("too many texts are not committed yet")

// Message is one message as the client shows it.
type Message struct {
	Position channels.Position
	Kind     channels.ShownKind
	ClientID string // of an own text
	Text     string
	At       time.Time
}

// ClientOptions make a Client. Page is required.
type ClientOptions struct {
	Page     string // the chat's address, as in https://gw.example.org/chat/web/
	Origin   string // default: that of Page
	Lang     string
	CallBack string
	// Show gets each message once, in order.
	Show func(Message)
	// Stand hears how the talk stands when that changes; nil: nobody.
	Stand func(channels.Talk)
	// Trouble hears why there is no connection, and nil once there is one again;
	// nil: nobody.
	Trouble func(error)
}

// Client is a visitor who is not in a browser: the protocol of the widget, for a terminal. Whatever
// happens to the connection, texts are repeated until they are committed and
// messages are shown once.
type Client struct {
	o      ClientOptions
	base   *url.URL
	http   *http.Client
	dialer websocket.Dialer
	more   chan struct{} // of capacity 1: there is something to send

	mu      sync.Mutex
	token   string
	cursor  channels.Position
	pending []asked
	sent    int // of pending, on this connection
}

// NewClient checks the options and starts nothing.
func NewClient(o ClientOptions) (*Client, error) {
	u, err := url.Parse(o.Page)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, errors.New("the chat's address is written as in https://gw.example.org/chat/web/")
	}
	if !strings.HasSuffix(u.Path, "/") {
		u.Path += "/"
	}
	if o.Origin == "" {
		o.Origin = serialize(u)
	}
	if o.Show == nil {
		o.Show = func(Message) {}
	}
	if o.Stand == nil {
		o.Stand = func(channels.Talk) {}
	}
	if o.Trouble == nil {
		o.Trouble = func(error) {}
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	return &Client{
		o: o, base: u, more: make(chan struct{}, 1),
		http:   &http.Client{Jar: jar, Timeout: askPatience},
		dialer: websocket.Dialer{HandshakeTimeout: askPatience, Jar: jar, ReadBufferSize: bufferBytes, WriteBufferSize: bufferBytes},
	}, nil
}

// Say has a text sent, and sent again until it is committed.
func (c *Client) Say(text string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.pending) >= MaxPending {
		return ErrPending
	}
	c.pending = append(c.pending, asked{Type: typeText, ClientID: rand.Text(), Text: text})
	select {
	case c.more <- struct{}{}:
	default:
	}
	return nil
}

// Pending is how many texts are not committed yet.
func (c *Client) Pending() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.pending)
}

// Run keeps a connection until ctx ends. It returns an error where coming back
// is no use.
func (c *Client) Run(ctx context.Context) error {
	for wait := retryFirst; ; {
		began, least, err := c.once(ctx)
		if ctx.Err() != nil {
			return nil
		}
		var never *RefusedError
		if errors.As(err, &never) && never.Final() {
			return err
		}
		c.o.Trouble(err)
		if began {
			wait = retryFirst
		}
		// Spread over the whole wait: a thousand pages come back after a restart.
		pause := max(least, retryLeast) + mathrand.N(wait)
		wait = min(2*wait, retryMost)
		t := time.NewTimer(pause)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return nil
		}
	}
}

// RefusedError is a door that answered no.
type RefusedError struct {
	Status int
	Why    string
	After  time.Duration // when to try again, if it said
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("the chat answered %d: %s", e.Status, e.Why)
}

// Final reports whether asking again is no use.
func (e *RefusedError) Final() bool {
	return e.Status == http.StatusForbidden || e.Status == http.StatusNotFound || e.Status == http.StatusBadRequest
}

// once fetches a ticket and talks until the connection ends. began says that it
// was open; least how long the door asked to be left alone.
func (c *Client) once(ctx context.Context) (began bool, least time.Duration, err error) {
	s, err := c.ticket(ctx)
	if err != nil {
		var refused *RefusedError
		if errors.As(err, &refused) {
			least = refused.After
		}
		return false, least, err
	}
	at := c.base.JoinPath("ws")
	at.Scheme = "ws" + strings.TrimPrefix(at.Scheme, "http")
	d := c.dialer
	d.Subprotocols = []string{Protocol, ticketPrefix + s.Ticket}
	conn, resp, err := d.DialContext(ctx, at.String(), http.Header{"Origin": {c.o.Origin}})
	if resp != nil && resp.Body != nil {
		_ = resp.Body.Close()
	}
	if err != nil {
		return false, 0, fmt.Errorf("open the chat: %w", err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	return true, 0, c.talk(conn)
}

func (c *Client) ticket(ctx context.Context) (s session, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base.JoinPath("session").String(), bytes.NewReader([]byte("{}")))
	if err != nil {
		return s, fmt.Errorf("request: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Origin", c.o.Origin)
	c.mu.Lock()
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	c.mu.Unlock()
	a, err := c.http.Do(r)
	if err != nil {
		return s, err
	}
	defer a.Body.Close()
	if a.StatusCode != http.StatusOK {
		var p problem
		_ = json.NewDecoder(a.Body).Decode(&p)
		after, _ := strconv.Atoi(a.Header.Get("Retry-After"))
		return s, &RefusedError{Status: a.StatusCode, Why: p.Why, After: time.Duration(after) * time.Second}
	}
	if err := json.NewDecoder(a.Body).Decode(&s); err != nil {
		return s, fmt.Errorf("the answer does not read: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.Token != "" {
		c.token = s.Token
	}
	if !s.Resumed {
		c.cursor = 0
	}
	return s, nil
}

// talk speaks and listens on one connection until it ends.
func (c *Client) talk(conn *websocket.Conn) error {
	conn.SetReadLimit(maxFrame * 4)
	c.mu.Lock()
	c.sent = 0
	hello := asked{Type: typeHello, Cursor: c.cursor, Token: c.token, Lang: c.o.Lang}
	c.mu.Unlock()
	if err := conn.WriteJSON(hello); err != nil {
		return err
	}
	if c.o.CallBack != "" {
		if err := conn.WriteJSON(asked{Type: typeCallBack, Number: c.o.CallBack}); err != nil {
			return err
		}
	}
	ended, seen, spoken := make(chan struct{}), make(chan channels.Position, 1), make(chan struct{})
	if hello.Cursor > 0 { // all of it was shown, and a connection that broke may not have said so
		seen <- hello.Cursor
	}
	go func() { // ends when the listener below has, or when a write does not succeed
		defer close(spoken)
		c.speak(conn, seen, ended)
	}()
	err := c.listen(conn, seen)
	close(ended)
	_ = conn.Close()
	<-spoken
	return err
}

func (c *Client) speak(conn *websocket.Conn, seen <-chan channels.Position, ended <-chan struct{}) {
	for {
		for f, ok := c.unsent(); ok; f, ok = c.unsent() {
			if conn.WriteJSON(f) != nil {
				return
			}
		}
		select {
		case <-c.more:
		case at := <-seen:
			if conn.WriteJSON(asked{Type: typeSeen, Cursor: at}) != nil {
				return
			}
		case <-ended:
			return
		}
	}
}

// unsent is the next text that this connection has not carried yet.
func (c *Client) unsent() (asked, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sent >= len(c.pending) {
		return asked{}, false
	}
	c.sent++
	return c.pending[c.sent-1], true
}

func (c *Client) listen(conn *websocket.Conn, seen chan channels.Position) error {
	conn.SetPingHandler(func(data string) error {
		_ = conn.SetReadDeadline(time.Now().Add(pongWait))
		return conn.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(writeWait))
	})
	var stood *channels.Talk // as told on this connection
	for {
		_ = conn.SetReadDeadline(time.Now().Add(pongWait))
		var f told
		if err := conn.ReadJSON(&f); err != nil {
			return err
		}
		switch f.Type {
		case typeMessage:
			if c.take(f) {
				select { // only the latest matters
				case <-seen:
				default:
				}
				seen <- f.Position
			}
		case typeCommitted, typeRefused:
			c.settle(f.ClientID)
		case typeCallBack:
			if f.OK != nil && !*f.OK {
				return &RefusedError{Status: http.StatusBadRequest, Why: "this does not look like a phone number to call back"}
			}
		case typeState:
			if now := (channels.Talk{Who: f.Who, Typing: f.Typing, CallBack: f.CallBack}); stood == nil || *stood != now {
				stood = &now
				c.o.Trouble(nil)
				c.o.Stand(now)
			}
		}
	}
}

// take shows a message that was not shown before.
func (c *Client) take(f told) bool {
	c.mu.Lock()
	known := f.Position <= c.cursor
	c.cursor = max(c.cursor, f.Position)
	c.mu.Unlock()
	if known {
		return false
	}
	c.settle(f.ClientID)
	c.o.Show(Message{Position: f.Position, Kind: f.Kind, ClientID: f.ClientID, Text: f.Text, At: time.UnixMilli(f.At)})
	return true
}

// settle ends the repeating of a text.
func (c *Client) settle(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, p := range c.pending {
		if id != "" && p.ClientID == id {
			c.pending = append(c.pending[:i:i], c.pending[i+1:]...)
			if i < c.sent {
				c.sent--
			}
			return
		}
	}
}
