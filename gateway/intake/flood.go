package intake

import (
	"sync"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/molt"
)

// Limits of how briskly one number's texts are decided. No person writes so fast; a
// number that does, to one of the clinic's or to all, has its texts gathered and
// decided together, so that a flood costs a few commits a second and not all that the
// disk and the cores have.
const (
	Brisk   = 16                     // texts of one number in one second; more are gathered
	Gathers = 100 * time.Millisecond // how long, before those that came meanwhile are decided
)

// pace counts the texts of each number in the second that began.
type pace struct {
	mu    sync.Mutex
	began time.Time
	texts map[molt.Address]int
}

// brisk reports whether a number has had its share of this second, and counts so
// many texts more where it has not, or must not wait again.
func (p *pace) brisk(peer molt.Address, n int, now time.Time, waited bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.texts == nil || now.Sub(p.began) >= time.Second || now.Before(p.began) {
		p.began, p.texts = now, map[molt.Address]int{}
	}
	if p.texts[peer] >= Brisk && !waited {
		return true
	}
	p.texts[peer] += n
	return false
}

// gathers reports whether the texts at the head of a mailbox wait for company. Whatever
// else stands at the head does not wait, nor do a carrier's listed texts, which come
// late and together; and nothing waits twice: when they have waited, so has all that
// came meanwhile, a nurse's acts between them too.
func (d *Desk) gathers(m *mailbox) bool {
	if m.waits {
		m.waits, m.waited = false, len(m.queue)
	}
	if d.o.After == nil || len(m.queue) == 0 || m.queue[0].inbound == nil || m.queue[0].inbound.Via == channels.ViaBackfill {
		return false
	}
	m.waits = d.pace.brisk(m.queue[0].inbound.Peer, m.texts(), d.o.Now(), m.waited > 0)
	return m.waits
}
