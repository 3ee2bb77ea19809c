package webchat

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"mime"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"github.com/tidegate/tidegate/channels"
)

const (
	maxSessionBody = 1 << 10
	busyAgain      = "60"  // seconds after which a visitor who was turned away may ask again
	corsAge        = "600" // seconds a browser may keep the answer to a preflight
)

// Open gives the chat its house and returns its doors.
func (a *Adapter) Open(h channels.House) http.Handler {
	a.house = h
	a.tokens = tokens{h.Key("token")}
	a.sources = sources{key: h.Key("source"), direct: a.o.Certificate}
	for _, p := range a.o.TrustedProxies {
		if n, ok := network(p); ok {
			a.sources.trusted = append(a.sources.trusted, n)
		}
	}
	a.widget = a.script()
	at := strings.TrimSuffix(a.Path(), "/")
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+at+"/widget.js", a.asset("text/javascript; charset=utf-8", a.widget))
	mux.HandleFunc("GET "+at+"/widget.css", a.asset("text/css; charset=utf-8", style))
	mux.HandleFunc("GET "+at+"/{$}", a.page)
	mux.HandleFunc("OPTIONS "+at+"/session", a.preflight)
	mux.HandleFunc("POST "+at+"/session", a.begin)
	mux.HandleFunc("DELETE "+at+"/session", a.end)
	mux.HandleFunc("GET "+at+"/ws", a.connect)
	mux.HandleFunc("OPTIONS "+at+"/file", a.preflight)
	mux.HandleFunc("POST "+at+"/file", a.upload)
	return mux
}

// Fronts reports whether an address is a proxy in front, behind which everybody is.
func (a *Adapter) Fronts(ip netip.Addr) bool { return a.sources.trusts(ip) }

// asset serves bytes that change with a new build or configuration only.
func (*Adapter) asset(kind string, body []byte) http.HandlerFunc {
	sum := sha256.Sum256(body)
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		plain(h)
		h.Set("Content-Type", kind)
		h.Set("Cache-Control", "public, max-age=300")
		h.Set("ETag", tag)
		h.Set("Cross-Origin-Resource-Policy", "cross-origin") // a script tag on the clinic's own site
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = w.Write(body)
	}
}

func plain(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
}

// page is the chat on a page of its own, for a clinic without a site.
func (a *Adapter) page(w http.ResponseWriter, _ *http.Request) {
	plain(w.Header())
	if !slices.Contains(a.o.Origins, a.origin) {
		http.Error(w, "this chat has no page of its own: list "+a.origin+" under origins", http.StatusNotFound)
		return
	}
	socket := "ws" + strings.TrimPrefix(a.origin, "http")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' "+socket+
		"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	w.Header().Set("Cross-Origin-Opener-Policy", "same-origin")
	_, _ = w.Write(a.html())
}

// listed checks that the request comes from a page that may show the chat, and
// lets its script read the answer.
func (a *Adapter) listed(w http.ResponseWriter, r *http.Request) (origin string, ok bool) {
	h := w.Header()
	plain(h)
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Origin")
	origin = r.Header.Get("Origin")
	if len(r.Header.Values("Origin")) != 1 || !slices.Contains(a.o.Origins, origin) {
		refuse(w, http.StatusForbidden, "this site is not listed under origins")
		return "", false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Credentials", "true")
	return origin, true
}

func refuse(w http.ResponseWriter, status int, why string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(problem{Why: why})
}

func (a *Adapter) preflight(w http.ResponseWriter, r *http.Request) {
	if _, ok := a.listed(w, r); !ok {
		return
	}
	w.Header().Set("Access-Control-Allow-Methods", "POST, DELETE")
	w.Header().Set("Access-Control-Allow-Headers", "Content-Type, Authorization, "+ticketHeader)
	w.Header().Set("Access-Control-Max-Age", corsAge)
	w.WriteHeader(http.StatusNoContent)
}

// begin gives a ticket to a visitor we know, or to a new one.
func (a *Adapter) begin(w http.ResponseWriter, r *http.Request) {
	origin, ok := a.listed(w, r)
	if !ok {
		return
	}
	// JSON makes a browser ask first, so that no form of another site gets here.
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind != "application/json" {
		refuse(w, http.StatusUnsupportedMediaType, "post JSON")
		return
	}
	now, source := a.o.Now(), a.sources.of(r)
	if why := a.sources.hidden(r); a.tls() && why != "" {
		a.house.Hidden(why)
	}
	if wait := a.asks.take(source, now); wait > 0 {
		tooMany(w, wait)
		return
	}
	var q wish
	if json.NewDecoder(http.MaxBytesReader(w, r.Body, maxSessionBody)).Decode(&q) != nil {
		refuse(w, http.StatusBadRequest, "post JSON")
		return
	}
	cookie := sameSite(origin, a.origin) && !q.Memory
	v, known := a.who(r, cookie, now)
	if !known {
		if a.house.Busy() {
			w.Header().Set("Retry-After", busyAgain)
			refuse(w, http.StatusServiceUnavailable, "no new chat can begin now; please call")
			return
		}
		if wait := a.sessions.take(source, now); wait > 0 {
			tooMany(w, wait)
			return
		}
		v = newVisitor()
	}
	s := session{Ticket: a.tickets.issue(ticket{visitor: v, origin: origin, cookie: cookie}, now), Resumed: known}
	if token := a.tokens.sign(v, now); cookie {
		http.SetCookie(w, a.cookie(token, 0))
	} else {
		s.Token = token
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(s)
}

func tooMany(w http.ResponseWriter, wait time.Duration) {
	w.Header().Set("Retry-After", seconds(wait))
	refuse(w, http.StatusTooManyRequests, "too many chats from this network; please call")
}

// who reads the visitor's token from where it belongs, and from nowhere else: a
// token in a place that somebody else could have put it is not looked at.
func (a *Adapter) who(r *http.Request, cookie bool, now time.Time) (visitor, bool) {
	text, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if cookie {
		text = ""
		if named := r.CookiesNamed(a.cookieName()); len(named) == 1 {
			text = named[0].Value
		}
	}
	v, err := a.tokens.read(text, now)
	return v, err == nil
}

// cookieName has the prefix that keeps other hosts of the domain, and plain
// HTTP, from setting it (RFC 6265bis, 4.1.3). On this machine there is no TLS.
func (a *Adapter) cookieName() string {
	if a.tls() {
		return "__Host-tidegate-" + a.o.ID
	}
	return "tidegate-" + a.o.ID
}

func (a *Adapter) tls() bool { return strings.HasPrefix(a.origin, "https:") }

func (a *Adapter) cookie(value string, age int) *http.Cookie {
	return &http.Cookie{
		Name: a.cookieName(), Value: value, Path: "/", MaxAge: age, Secure: a.tls(), HttpOnly: true, SameSite: http.SameSiteStrictMode,
	}
}

// end lets the browser forget who chatted. The record stays the clinic's.
func (a *Adapter) end(w http.ResponseWriter, r *http.Request) {
	if _, ok := a.listed(w, r); !ok {
		return
	}
	http.SetCookie(w, a.cookie("", -1))
	w.WriteHeader(http.StatusNoContent)
}

// connect opens the WebSocket for a ticket.
func (a *Adapter) connect(w http.ResponseWriter, r *http.Request) {
	origin, ok := a.listed(w, r)
	if !ok {
		return
	}
	k, ok := a.admit(w, r, ticketIn(r), origin, false)
	if !ok {
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	s := &socket{
		a: a, k: k, peer: k.visitor.peer(), source: a.sources.of(r), evicted: cancel,
		kicked: make(chan struct{}, 1), tells: make(chan told, waitingTells), typed: make(chan struct{}, 1), ended: make(chan struct{}),
	}
	if !a.hub.enter(s, a.o.Sockets, a.o.SocketsPerSource) {
		w.Header().Set("Retry-After", "30")
		refuse(w, http.StatusServiceUnavailable, "too many chats are open; please call")
		return
	}
	defer a.hub.leave(s)
	var err error
	if s.conn, err = a.upgrader.Upgrade(w, r, nil); err != nil {
		return // it has answered
	}
	s.serve(ctx)
}

// admit redeems a ticket for what it was given for, a socket or a file. Where the
// visitor's token is a cookie the request must carry it.
func (a *Adapter) admit(w http.ResponseWriter, r *http.Request, text, origin string, file bool) (ticket, bool) {
	k, ok := a.tickets.redeem(text, origin, a.o.Now())
	if !ok || file != (k.file != nil) {
		refuse(w, http.StatusUnauthorized, "the ticket is not good, or not any more; fetch another")
		return k, false
	}
	if k.cookie {
		if v, known := a.who(r, true, a.o.Now()); !known || v != k.visitor {
			refuse(w, http.StatusForbidden, "the ticket is another visitor's")
			return k, false
		}
	}
	return k, true
}

// ticketIn finds the ticket among the subprotocols.
func ticketIn(r *http.Request) string {
	for _, p := range websocket.Subprotocols(r) {
		if text, ok := strings.CutPrefix(p, ticketPrefix); ok {
			return text
		}
	}
	return ""
}
