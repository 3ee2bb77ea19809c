package webchat

import (
	"sync"

	"github.com/gorilla/websocket"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/molt"
)

// SocketsPerVisitor is for a few tabs, and for connections that nobody has seen die
// yet. A visitor is free to make: it must not be what takes a network's room.
const SocketsPerVisitor = 4

// hub knows which sockets are open. It holds no message.
type hub struct {
	stop chan struct{} // closed when all is to end

	mu      sync.Mutex
	closed  bool
	guests  map[molt.Address]*guest
	sources map[string]int // sockets of a source
	sockets int
	entered uint64         // sockets so far
	open    sync.WaitGroup // of sockets and of reports under way
	pool    sync.Pool
}

// guest is a visitor with a socket open, or a report of theirs under way.
type guest struct {
	peer      molt.Address
	sockets   map[*socket]bool
	talks     bool              // texts of theirs are on record, as a socket that is open has found
	seen      channels.Position // that some socket of theirs showed
	recorded  channels.Position // of it, once that is on the disk
	reporting bool
}

func newHub() *hub {
	return &hub{stop: make(chan struct{}), guests: map[molt.Address]*guest{}, sources: map[string]int{}}
}

// buffers are shared by sockets that write, which at a time are few.
func (h *hub) buffers() websocket.BufferPool { return &h.pool }

// enter counts a socket in, unless there are too many. Where there is no room, the
// oldest of somebody who said nothing makes it: holding one open costs nothing.
func (h *hub) enter(s *socket, most, mostOfSource int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if g := h.guests[s.peer]; h.closed || g != nil && len(g.sockets) >= SocketsPerVisitor {
		return false
	}
	if h.sources[s.source] >= mostOfSource && !h.evict(s.source) || h.sockets >= most && !h.evict("") {
		return false
	}
	h.entered++
	h.sockets++
	h.sources[s.source]++
	s.number = h.entered
	h.guest(s.peer).sockets[s] = true
	h.open.Add(1)
	return true
}

// evict ends the oldest socket, of a source or of all, whose visitor said nothing.
func (h *hub) evict(source string) bool {
	var oldest *socket
	for _, g := range h.guests {
		for s := range g.sockets {
			if !g.talks && (source == "" || s.source == source) && (oldest == nil || s.number < oldest.number) {
				oldest = s
			}
		}
	}
	if oldest == nil {
		return false
	}
	h.drop(oldest)
	oldest.evicted()
	return true
}

// talks keeps a visitor's sockets from being evicted.
func (h *hub) talks(peer molt.Address) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if g := h.guests[peer]; g != nil {
		g.talks = true
	}
}

func (h *hub) guest(peer molt.Address) *guest {
	g := h.guests[peer]
	if g == nil {
		g = &guest{peer: peer, sockets: map[*socket]bool{}}
		h.guests[peer] = g
	}
	return g
}

func (h *hub) leave(s *socket) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drop(s)
	h.open.Done()
}

// drop counts a socket out, once.
func (h *hub) drop(s *socket) {
	g := h.guests[s.peer]
	if g == nil || !g.sockets[s] {
		return // it was evicted
	}
	h.sockets--
	if h.sources[s.source]--; h.sources[s.source] == 0 {
		delete(h.sources, s.source)
	}
	delete(g.sockets, s)
	h.forget(g)
}

func (h *hub) forget(g *guest) {
	if len(g.sockets) == 0 && !g.reporting {
		delete(h.guests, g.peer)
	}
}

// kick wakes a visitor's sockets. One that is busy writing looks again by itself.
func (h *hub) kick(peer molt.Address) {
	h.mu.Lock()
	defer h.mu.Unlock()
	g := h.guests[peer]
	if g == nil {
		return
	}
	for s := range g.sockets {
		s.wake()
	}
}

// typing tells a visitor's sockets that a person types. One that is busy drops it.
func (h *hub) typing(peer molt.Address) {
	h.mu.Lock()
	defer h.mu.Unlock()
	g := h.guests[peer]
	if g == nil {
		return
	}
	for s := range g.sockets {
		select {
		case s.typed <- struct{}{}:
		default:
		}
	}
}

// note keeps how far a visitor was shown the talk, and reports whether somebody
// has to begin to record it.
func (h *hub) note(peer molt.Address, upto channels.Position) (begin bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	g := h.guest(peer)
	g.seen = max(g.seen, upto)
	if h.closed || g.reporting || g.seen <= g.recorded {
		h.forget(g)
		return false
	}
	g.reporting = true
	h.open.Add(1)
	return true
}

// next is what is to be recorded now; false: nothing more, or it was tried often
// enough, and the report ends.
func (h *hub) next(peer molt.Address, again bool) (channels.Position, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	g := h.guests[peer]
	if again && g.seen > g.recorded && !h.closed {
		return g.seen, true
	}
	g.reporting = false
	h.forget(g)
	h.open.Done()
	return 0, false
}

// recorded notes what is on the disk, of a report under way.
func (h *hub) recorded(peer molt.Address, upto channels.Position) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.guests[peer].recorded = upto
}

// close ends everything and waits for it.
func (h *hub) close() {
	h.mu.Lock()
	if !h.closed {
		h.closed = true
		close(h.stop)
	}
	h.mu.Unlock()
	h.open.Wait()
}
