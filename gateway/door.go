package gateway

import (
	"container/list"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// graceToAsk is how long a connection may wait without a request though others want
// its place.
const graceToAsk = 500 * time.Millisecond

// door is a listener that lets in so many connections, and of one peer so many. Where
// all places are taken, whoever has waited longest without a request makes room, and
// where all of one peer's are, whoever of that peer has: a webhook gets in though idle
// connections took all there is, behind the same address too. Those that became
// WebSockets have half of the places at most.
//
// Nobody is cut within graceToAsk: those that come faster than that wait their turn
// outside, or of one peer are turned away, and whoever is let in has the time to ask.
type door struct {
	net.Listener
	limit, perPeer int
	grace          time.Duration         // graceToAsk
	exempt         func(netip.Addr) bool // proxies, behind which everybody is
	turned         prometheus.Counter    // counts whom it turns away or cuts
	shut           chan struct{}
	once           sync.Once

	mu      sync.Mutex
	freed   *sync.Cond
	taken   int
	peers   map[netip.Addr]int
	waiting *list.List // of *seat: without a request, longest first
	live    int        // WebSockets
}

// seat is a connection that has a place.
type seat struct {
	net.Conn
	door  *door
	addr  netip.Addr    // the other end
	peer  netip.Addr    // and whose that is, for counting
	wait  *list.Element // in door.waiting; nil: it has a request, or is a WebSocket
	since time.Time     // when it began to wait
	live  bool
	left  bool
}

func newDoor(l net.Listener, limit, perPeer int, exempt func(netip.Addr) bool, turned prometheus.Counter) *door {
	d := &door{
		Listener: l, limit: limit, perPeer: perPeer, grace: graceToAsk, exempt: exempt, turned: turned,
		shut: make(chan struct{}), peers: map[netip.Addr]int{}, waiting: list.New(),
	}
	d.freed = sync.NewCond(&d.mu)
	return d
}

// Accept returns the next connection that has a place.
func (d *door) Accept() (net.Conn, error) {
	for {
		c, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		addr := addressOf(c.RemoteAddr())
		s := &seat{Conn: c, door: d, addr: addr, peer: peerOf(addr)}
		if d.enters(s) {
			return s, nil
		}
		d.turned.Inc()
		_ = c.Close()
		select {
		case <-d.shut:
			return nil, net.ErrClosed
		default:
		}
	}
}

// enters takes a place for a connection, and waits for one where each is in use.
func (d *door) enters(s *seat) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s.peer.IsValid() && d.peers[s.peer] >= d.perPeer && !d.exempt(s.addr) && !d.cutOne(s.peer) {
		return false
	}
	for d.taken >= d.limit {
		select {
		case <-d.shut:
			return false
		default:
		}
		oldest := d.waiting.Front()
		if oldest == nil {
			d.freed.Wait()
			continue
		}
		longest := oldest.Value.(*seat)
		ripe := d.grace - time.Since(longest.since)
		if ripe <= 0 {
			d.cut(longest)
			continue
		}
		wake := time.AfterFunc(ripe, func() {
			d.mu.Lock() // not before who waits does
			defer d.mu.Unlock()
			d.freed.Broadcast()
		})
		d.freed.Wait()
		wake.Stop()
	}
	d.taken++
	d.peers[s.peer]++
	s.wait, s.since = d.waiting.PushBack(s), time.Now()
	return true
}

// cutOne ends whichever connection of a peer has waited longest without a request. It
// reports whether one has for long enough.
func (d *door) cutOne(peer netip.Addr) bool {
	for e := d.waiting.Front(); e != nil; e = e.Next() {
		s := e.Value.(*seat)
		if time.Since(s.since) < d.grace {
			return false // as have all that follow
		}
		if s.peer == peer {
			d.cut(s)
			return true
		}
	}
	return false
}

// cut ends a connection that waits. Its server finds it closed.
func (d *door) cut(s *seat) {
	d.leave(s)
	d.turned.Inc()
	_ = s.Conn.Close()
}

// leave gives a place back, once.
func (d *door) leave(s *seat) {
	if s.left {
		return
	}
	s.left = true
	d.rest(s, false)
	if s.live {
		d.live--
	}
	d.taken--
	if d.peers[s.peer]--; d.peers[s.peer] <= 0 {
		delete(d.peers, s.peer)
	}
	d.freed.Signal()
}

// rest notes whether a connection waits without a request.
func (d *door) rest(s *seat, waits bool) {
	switch {
	case s.wait != nil && !waits:
		d.waiting.Remove(s.wait)
		s.wait = nil
	case s.wait == nil && waits && !s.left:
		s.wait, s.since = d.waiting.PushBack(s), time.Now()
		d.freed.Signal() // who waits for a place may have this one
	}
}

// state hears from the server what became of a connection.
func (d *door) state(c net.Conn, now http.ConnState) {
	s, ours := c.(*seat)
	if !ours {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch now {
	case http.StateActive:
		d.rest(s, false)
	case http.StateIdle:
		d.rest(s, true)
	case http.StateHijacked:
		d.rest(s, false)
		if !s.left && !s.live {
			s.live = true
			d.live++
		}
	}
}

// crowded reports whether WebSockets have all the places that they may.
func (d *door) crowded() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.live >= max(1, d.limit/2)
}

// sockets is a handler that turns new WebSockets away while there are too many.
func (d *door) sockets(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" && d.crowded() {
			d.turned.Inc()
			w.Header().Set("Retry-After", "10")
			http.Error(w, "too many live pages at once", http.StatusServiceUnavailable)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Close lets nobody in any more.
func (d *door) Close() error {
	d.once.Do(func() {
		close(d.shut)
		d.mu.Lock()
		d.freed.Broadcast()
		d.mu.Unlock()
	})
	return d.Listener.Close()
}

// Close ends the connection and gives its place back.
func (s *seat) Close() error {
	s.door.mu.Lock()
	cut := s.left
	s.door.leave(s)
	s.door.mu.Unlock()
	err := s.Conn.Close()
	if cut && errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// addressOf is the address at the other end. Of what is none, as in tests, nobody
// knows it.
func addressOf(a net.Addr) netip.Addr {
	if t, ok := a.(*net.TCPAddr); ok {
		return t.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}

// peerOf is whose an address is: itself, or of IPv6 the network that one household
// has.
func peerOf(a netip.Addr) netip.Addr {
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}
