package webchat

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"sync"
	"time"
)

// TicketLife is how long a ticket waits for its one use.
const TicketLife = 30 * time.Second

// MaxTickets bounds the tickets that wait. Over it the oldest goes, whose holder
// fetches another.
const MaxTickets = 10_000

const ticketBytes = 32

// ticket is what a ticket stands for.
type ticket struct {
	visitor visitor
	origin  string
	cookie  bool     // the visitor's token is a cookie
	file    *offered // that it is for; nil: for a socket
	expires time.Time
}

// tickets holds what waits. A ticket's own text is not kept, only its digest.
type tickets struct {
	mu      sync.Mutex
	waiting map[[sha256.Size]byte]ticket
	order   [][sha256.Size]byte // oldest first; may name what is gone
}

func newTickets() *tickets { return &tickets{waiting: map[[sha256.Size]byte]ticket{}} }

func (t *tickets) issue(k ticket, now time.Time) string {
	b := make([]byte, ticketBytes)
	_, _ = rand.Read(b) // never fails
	text := base64.RawURLEncoding.EncodeToString(b)
	k.expires = now.Add(TicketLife)
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.order) > 0 && (len(t.order) >= MaxTickets || t.gone(t.order[0], now)) {
		delete(t.waiting, t.order[0])
		t.order = t.order[1:]
	}
	sum := sha256.Sum256([]byte(text))
	t.waiting[sum] = k
	t.order = append(t.order, sum)
	return text
}

func (t *tickets) gone(sum [sha256.Size]byte, now time.Time) bool {
	k, ok := t.waiting[sum]
	return !ok || now.After(k.expires)
}

// redeem takes a ticket out, whoever brings it: a second try finds nothing. It
// is good in time and for the Origin it was given to.
func (t *tickets) redeem(text, origin string, now time.Time) (ticket, bool) {
	sum := sha256.Sum256([]byte(text))
	t.mu.Lock()
	k, ok := t.waiting[sum]
	delete(t.waiting, sum)
	t.mu.Unlock()
	return k, ok && !now.After(k.expires) && k.origin == origin
}
