package webchat_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/channels/webchat"
	"github.com/tidegate/tidegate/molt"
)

// bound is how long a test waits for what must come.
const bound = 10 * time.Second

const (
	publicURL = "https://gw.clinic.example"
	site      = "https://www.clinic.example" // of the same registrable domain
	foreign   = "https://other.example"      // listed, of another
)

// house is a gateway's record in memory. It is strict: a position never falls,
// and nothing is shown that was not committed.
type house struct {
	mu      sync.Mutex
	changed func(molt.Address)
	fail    error
	most    int
	records map[molt.Address][]channels.Shown
	took    []channels.Inbound
	seen    []channels.Position
	seenAt  []time.Time
	sees    func(channels.Position) // hears of each record of what was seen
	blind   int                     // so many of them do not succeed
	busy    bool                    // hardly room for those who are here
	looks   int
	types   []molt.Address
	hidden  []string // why sources were not seen
}

func newHouse() *house {
	return &house{changed: func(molt.Address) {}, sees: func(channels.Position) {}, records: map[molt.Address][]channels.Shown{}}
}

func (h *house) Take(_ context.Context, in channels.Inbound) (channels.Position, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fail != nil {
		return 0, h.fail
	}
	for _, s := range h.records[in.Peer] {
		if s.ProviderID == in.ProviderID {
			return 0, nil
		}
	}
	if h.most > 0 && len(h.took) >= h.most {
		return 0, errors.New("the store is full")
	}
	h.took = append(h.took, in)
	at := h.add(in.Peer, channels.Shown{Kind: channels.ShownOwn, ProviderID: in.ProviderID, Words: in.Words})
	h.changed(in.Peer)
	return at, nil
}

// TakeFile keeps a file as its text's words, so that a test sees which it was.
func (h *house) TakeFile(ctx context.Context, in channels.Inbound, body []byte) (channels.Position, error) {
	in.Words = molt.Words(body)
	return h.Take(ctx, in)
}

// breaks has the store take so many texts and no more; 0: any number.
func (h *house) breaks(most int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.most = most
}

func (h *house) add(peer molt.Address, s channels.Shown) channels.Position {
	s.At = channels.Position(2*len(h.records[peer]) + 3) // gaps, as in a journal
	s.Time = molt.TimeOf(time.Now())
	h.records[peer] = append(h.records[peer], s)
	return s.At
}

// say publishes words to a visitor.
func (h *house) say(peer molt.Address, kind channels.ShownKind, words string) {
	h.mu.Lock()
	h.add(peer, channels.Shown{Kind: kind, Words: molt.Words(words)})
	h.mu.Unlock()
	h.changed(peer)
}

// page is how many messages one look returns, so that tests go through more.
const page = 3

func (h *house) Look(_ context.Context, _, peer molt.Address, after channels.Position) (channels.View, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.looks++
	v := channels.View{Next: after, Talk: channels.Talk{Who: channels.SpeakerAgent}}
	for _, s := range h.records[peer] {
		if s.At <= after {
			continue
		}
		if v.More = len(v.Shown) == page; v.More {
			break
		}
		v.Shown, v.Next = append(v.Shown, s), s.At
	}
	return v, nil
}

func (h *house) Seen(_ context.Context, _, _ molt.Address, upto channels.Position) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.blind > 0 {
		h.blind--
		return errors.New("a commit that did not succeed")
	}
	h.seen, h.seenAt = append(h.seen, upto), append(h.seenAt, time.Now())
	h.sees(upto)
	return nil
}

func (h *house) Types(_ context.Context, _, peer molt.Address) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.types = append(h.types, peer)
}

func (h *house) Hidden(reason string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hidden = append(h.hidden, reason)
}
func (h *house) Busy() bool { return h.busy }

func (h *house) Key(use string) []byte {
	return []byte("a key for " + use + ", the same after each start")
}

func (h *house) texts() []channels.Inbound {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]channels.Inbound(nil), h.took...)
}

// rig is a web chat behind a server, and its house.
type rig struct {
	t      *testing.T
	house  *house
	chat   *webchat.Adapter
	server *httptest.Server
	wires  *wires
	stop   func() // ends the chat, as the daemon does
	mu     sync.Mutex
	now    time.Time
}

// wires are the connections of a server, which a test can cut.
type wires struct {
	net.Listener
	mu   sync.Mutex
	open []net.Conn
}

func (w *wires) Accept() (net.Conn, error) {
	c, err := w.Listener.Accept()
	if err == nil {
		w.mu.Lock()
		w.open = append(w.open, c)
		w.mu.Unlock()
	}
	return c, err
}

func (w *wires) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.open {
		_ = c.Close()
	}
	w.open = nil
}

func options() webchat.Options {
	o := webchat.Options{
		ID: "web", PublicURL: publicURL, Section: webchat.Default(), Clinic: "Harbor Clinic", Phone: "555-010-0100",
		Emergency: "911", Country: "US", Languages: []string{"en", "es"},
	}
	o.Origins = []string{publicURL, site, foreign}
	return o
}

func newRig(t *testing.T, change ...func(*webchat.Options)) *rig {
	t.Helper()
	r := &rig{t: t, house: newHouse(), now: time.Date(2027, 1, 15, 14, 0, 0, 0, time.UTC)}
	o := options()
	o.Now = r.clock
	for _, c := range change {
		c(&o)
	}
	var err error
	if r.chat, err = webchat.New(o); err != nil {
		t.Fatal(err)
	}
	r.house.changed = r.chat.Changed
	r.server = httptest.NewUnstartedServer(r.chat.Open(r.house))
	r.wires = &wires{Listener: r.server.Listener}
	r.server.Listener = r.wires
	r.server.Start()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = r.chat.Run(ctx) }()
	r.stop = func() { cancel(); <-ended }
	t.Cleanup(func() {
		r.stop()
		r.server.Close()
	})
	return r
}

func (r *rig) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *rig) later(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

// browser is what a page of one origin can do, and keeps.
type browser struct {
	r      *rig
	origin string
	cookie string // the value it holds, as the server set it
	token  string // in the page's memory
	header http.Header
}

func (r *rig) browser(origin string) *browser {
	return &browser{r: r, origin: origin, header: http.Header{}}
}

type answer struct {
	status  int
	header  http.Header
	Ticket  string
	Token   string
	Resumed bool
	Why     string
}

// session asks for a ticket. The test's server has no TLS: the cookie is carried
// by hand, as a browser that reached it through the proxy would.
func (b *browser) session() answer {
	b.r.t.Helper()
	q, err := http.NewRequest(http.MethodPost, b.r.server.URL+"/chat/web/session", strings.NewReader("{}"))
	if err != nil {
		b.r.t.Fatal(err)
	}
	q.Header = b.header.Clone()
	if q.Header.Get("Content-Type") == "" {
		q.Header.Set("Content-Type", "application/json")
	}
	b.sign(q.Header)
	resp, err := http.DefaultClient.Do(q)
	if err != nil {
		b.r.t.Fatal(err)
	}
	defer resp.Body.Close()
	a := answer{status: resp.StatusCode, header: resp.Header}
	body, _ := io.ReadAll(resp.Body)
	_ = json.NewDecoder(bytes.NewReader(body)).Decode(&a)
	for _, c := range resp.Cookies() {
		if c.Value != "" {
			b.cookie = c.Value
		}
	}
	if a.Token != "" {
		b.token = a.Token
	}
	return a
}

const cookieName = "__Host-tidegate-web"

func (b *browser) sign(h http.Header) {
	if b.origin != "" && h.Get("Origin") == "" {
		h.Set("Origin", b.origin)
	}
	if b.cookie != "" {
		h.Set("Cookie", cookieName+"="+b.cookie)
	}
	if b.token != "" {
		h.Set("Authorization", "Bearer "+b.token)
	}
}

// open opens a socket with a ticket; the status is the door's where it refuses.
func (b *browser) open(ticket string) (*websocket.Conn, int) {
	b.r.t.Helper()
	h := b.header.Clone()
	b.sign(h)
	h.Del("Authorization") // no script can send it with a WebSocket
	d := websocket.Dialer{Subprotocols: []string{webchat.Protocol, "ticket." + ticket}, HandshakeTimeout: bound}
	conn, resp, err := d.Dial("ws"+strings.TrimPrefix(b.r.server.URL, "http")+"/chat/web/ws", h)
	if resp == nil {
		b.r.t.Fatalf("open: %v", err)
	}
	_ = resp.Body.Close()
	if err != nil {
		return nil, resp.StatusCode
	}
	b.r.t.Cleanup(func() { _ = conn.Close() })
	return conn, resp.StatusCode
}

// frame is any frame.
type frame struct {
	Type     string            `json:"type"`
	Cursor   channels.Position `json:"cursor,omitempty"`
	Token    string            `json:"token,omitempty"`
	Lang     string            `json:"lang,omitempty"`
	ClientID string            `json:"client_id,omitempty"`
	Text     string            `json:"text,omitempty"`
	Number   string            `json:"number,omitempty"`
	Position channels.Position `json:"position,omitempty"`
	Kind     string            `json:"kind,omitempty"`
	Why      string            `json:"why,omitempty"`
	OK       *bool             `json:"ok,omitempty"`
	Who      string            `json:"who,omitempty"`
	Bytes    int               `json:"bytes,omitempty"`
	Ticket   string            `json:"ticket,omitempty"`
}

// talk opens a chat from a cursor on.
func (b *browser) talk(cursor channels.Position) *websocket.Conn {
	b.r.t.Helper()
	a := b.session()
	conn, status := b.open(a.Ticket)
	if conn == nil {
		b.r.t.Fatalf("the socket was refused: %d", status)
	}
	b.r.send(conn, frame{Type: "hello", Cursor: cursor, Token: b.token})
	return conn
}

func (r *rig) send(conn *websocket.Conn, f frame) {
	r.t.Helper()
	if err := conn.WriteJSON(f); err != nil {
		r.t.Fatal(err)
	}
}

// next reads frames until one of a type comes.
func (r *rig) next(conn *websocket.Conn, kind string) frame {
	r.t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(bound))
	for {
		var f frame
		if err := conn.ReadJSON(&f); err != nil {
			r.t.Fatalf("waiting for %s: %v", kind, err)
		}
		if f.Type == kind {
			return f
		}
	}
}

// closed wants the server to end the connection, with a code.
func (r *rig) closed(conn *websocket.Conn, code int) {
	r.t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(bound))
	for {
		_, _, err := conn.ReadMessage()
		var c *websocket.CloseError
		switch {
		case err == nil:
			continue
		case !errors.As(err, &c) || c.Code != code:
			r.t.Fatalf("the connection ended with %v, want code %d", err, code)
		}
		return
	}
}

// client is the terminal's, at a page of the test's own server.
func (r *rig) client(o webchat.ClientOptions) *webchat.Client {
	r.t.Helper()
	o.Page = r.server.URL + "/chat/web/"
	if o.Origin == "" {
		o.Origin = foreign
	}
	c, err := webchat.NewClient(o)
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

func decode(t *testing.T, resp *http.Response, into any) {
	t.Helper()
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		t.Fatal(err)
	}
}

// any reads one frame.
func (r *rig) any(conn *websocket.Conn) (f frame) {
	r.t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(bound))
	if err := conn.ReadJSON(&f); err != nil {
		r.t.Fatal(err)
	}
	return f
}
