package console

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/access"
	"github.com/tidegate/tidegate/molt"
)

// Limits of live connections.
const (
	MaxLive      = 200 // at a time; further pages work and do not keep themselves fresh
	liveWrite    = 5 * time.Second
	livePing     = 20 * time.Second
	livePong     = 3 * livePing
	maxLiveFrame = 512
	// liveGather is how long changes are gathered before a page is told, so that
	// a flood of texts costs it few looks.
	liveGather = 100 * time.Millisecond
)

// hub tells live pages that something changed. It holds no queue: each page has
// one bit that says so.
type hub struct {
	mu     sync.Mutex
	pages  map[*livePage]struct{}
	closed bool
}

// livePage is one open page. at is the conversation it shows, "" for the lists.
type livePage struct {
	at    string
	wake  chan struct{} // holds one: something changed
	typed chan struct{} // holds one: the patient is writing
	end   chan struct{} // closed: the console stops
}

func newHub() *hub { return &hub{pages: map[*livePage]struct{}{}} }

// changed wakes the pages that show a conversation, and the lists where it stands
// on one: what patients write to the agent is no news to them.
func (h *hub) changed(id string, listed bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for p := range h.pages {
		if p.at == "" && listed || p.at != "" && p.at == id {
			select {
			case p.wake <- struct{}{}:
			default: // it knows
			}
		}
	}
}

// typing tells the pages that show a conversation. One that is busy drops it.
func (h *hub) typing(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for p := range h.pages {
		if p.at != "" && p.at == id {
			select {
			case p.typed <- struct{}{}:
			default:
			}
		}
	}
}

func (h *hub) join(at string) (*livePage, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || len(h.pages) >= MaxLive {
		return nil, false
	}
	p := &livePage{at: at, wake: make(chan struct{}, 1), typed: make(chan struct{}, 1), end: make(chan struct{})}
	h.pages[p] = struct{}{}
	return p, true
}

func (h *hub) leave(p *livePage) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.pages, p)
}

func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for p := range h.pages {
		close(p.end)
		delete(h.pages, p)
	}
}

// liveSays is what a live page is told: that something changed, and how many
// cases nobody has, so that it can call for attention. It is told so now and
// then when nothing changed, as a sign of life.
type liveSays struct {
	Changed bool `json:"changed"`
	Typing  bool `json:"typing,omitempty"` // the patient is writing; nothing else is said
	S1      int  `json:"s1"`               // open and nobody's
	S2      int  `json:"s2"`
	// Newest is when the youngest S1 that is nobody's was opened: one taken and
	// another come in the same moment leave the count as it was.
	Newest molt.Time `json:"newest"`
}

// live is a page's WebSocket. It carries no words: the page fetches itself anew,
// by which the look is recorded.
func (c *Console) live(w http.ResponseWriter, r *http.Request, s access.Session) error {
	p, ok := c.hub.join(r.URL.Query().Get("at"))
	if !ok {
		return problem(http.StatusServiceUnavailable, "Too many pages are open.")
	}
	defer c.hub.leave(p)
	up := websocket.Upgrader{CheckOrigin: c.sameOrigin, HandshakeTimeout: liveWrite, ReadBufferSize: 512, WriteBufferSize: 512}
	ws, err := up.Upgrade(w, r, nil)
	if err != nil {
		return nil // the upgrader has answered
	}
	defer ws.Close()
	gone := make(chan struct{})
	go func() { // ends with the connection, which the writer below closes at the latest
		defer close(gone)
		ws.SetReadLimit(maxLiveFrame)
		ws.SetPongHandler(func(string) error { return ws.SetReadDeadline(time.Now().Add(livePong)) })
		_ = ws.SetReadDeadline(time.Now().Add(livePong))
		c.hear(ws, r, p, s)
	}()
	c.feed(ws, r, p, gone)
	_ = ws.Close()
	<-gone
	return nil
}

// typingEvery is how often it is passed on that somebody writes.
const typingEvery = 2 * time.Second

// hear reads what a page says: that its reader is writing, and nothing else. It ends
// with the connection.
func (c *Console) hear(ws *websocket.Conn, r *http.Request, p *livePage, s access.Session) {
	var last time.Time
	for {
		if _, _, err := ws.ReadMessage(); err != nil { // of at most maxLiveFrame bytes
			return
		}
		if now := c.o.Now(); p.at != "" && s.Role.May(access.Work) && now.Sub(last) >= typingEvery {
			last = now
			c.o.Typing(r.Context(), molt.ConversationID(p.at), s.ID)
		}
	}
}

// sameOrigin lets only our own pages open a live connection: a browser sends the
// cookie along for whoever asks.
func (c *Console) sameOrigin(r *http.Request) bool {
	o, err := url.Parse(r.Header.Get("Origin"))
	if err != nil || o.Host == "" {
		return false
	}
	return strings.EqualFold(o.Host, r.Host) || strings.EqualFold(o.Scheme+"://"+o.Host, c.home.Scheme+"://"+c.home.Host)
}

// feed tells the page of changes until either side ends. A page that does not
// read is dropped; it comes back and fetches itself.
func (c *Console) feed(ws *websocket.Conn, r *http.Request, p *livePage, gone <-chan struct{}) {
	ping := time.NewTicker(livePing)
	defer ping.Stop()
	select {
	case p.wake <- struct{}{}: // it may have missed something while it loaded
	default:
	}
	for {
		select {
		case <-gone:
			return
		case <-p.end:
			_ = ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseServiceRestart, ""), time.Now().Add(liveWrite))
			return
		case <-ping.C:
			if _, ok, err := c.o.Access.Who(r.Context(), c.token(r), false); err != nil || !ok {
				_ = ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.ClosePolicyViolation, "signed out"), time.Now().Add(liveWrite))
				return
			}
			if ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(liveWrite)) != nil || c.say(ws, r, false) != nil {
				return
			}
		case <-p.typed:
			if ws.SetWriteDeadline(time.Now().Add(liveWrite)) != nil || ws.WriteJSON(liveSays{Typing: true}) != nil {
				return
			}
		case <-p.wake:
			if c.say(ws, r, true) != nil {
				return
			}
			select { // what comes meanwhile is one change
			case <-time.After(liveGather):
			case <-gone:
				return
			}
		}
	}
}

func (c *Console) say(ws *websocket.Conn, r *http.Request, changed bool) error {
	says := liveSays{Changed: changed}
	rows, err := c.o.Casework.List(r.Context())
	if err != nil {
		return err
	}
	for _, row := range rows {
		if row.Claimant != "" || row.State == escalation.StateResolved || row.State == escalation.StateClosed {
			continue
		}
		switch row.Severity {
		case escalation.S1:
			says.S1++
			says.Newest = max(says.Newest, row.Opened)
		case escalation.S2:
			says.S2++
		}
	}
	if err := ws.SetWriteDeadline(time.Now().Add(liveWrite)); err != nil {
		return err
	}
	return ws.WriteJSON(says)
}
