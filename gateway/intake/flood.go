package intake

import (
	"maps"
	"sync"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/molt"
)

// Limits of how briskly one number's texts are decided. No person writes so fast; a
// number that does, to one of the clinic's or to all, has its texts gathered and
// decided together, and what it writes to several of them one after the other, so that
// a flood costs a few commits a second and never all cores at once.
const (
	Brisk      = 16                     // texts of one number in one second; more are gathered
	Gathers    = 100 * time.Millisecond // how long, before those that came meanwhile are decided
	Apart      = 25 * time.Millisecond  // between what is decided of one number in several conversations
	MaxGathers = 500 * time.Millisecond // longer than that no text waits
)

// pace counts the texts of each number in the second that began.
type pace struct {
	mu    sync.Mutex
	began time.Time
	peers map[molt.Address]*share
}

// share is what one number had of this second.
type share struct {
	texts int
	next  time.Time // before which nothing more of what is gathered is decided
}

// wait says how long a number's texts are gathered: not at all where it has not had its
// share of this second, or where they waited. So many texts more are counted then.
func (p *pace) wait(peer molt.Address, n int, now time.Time, waited bool) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.peers == nil {
		p.peers = map[molt.Address]*share{}
	}
	if now.Sub(p.began) >= time.Second || now.Before(p.began) {
		maps.DeleteFunc(p.peers, func(_ molt.Address, s *share) bool {
			s.texts = 0
			return !now.Before(s.next)
		})
		p.began = now
	}
	s := p.peers[peer]
	if s == nil {
		s = &share{}
		p.peers[peer] = s
	}
	if s.texts < Brisk || waited {
		s.texts += n
		return 0
	}
	at := now.Add(Gathers)
	if next := s.next.Add(Apart); at.Before(next) && !next.After(now.Add(MaxGathers)) {
		at = next
	}
	s.next = at
	return at.Sub(now)
}

// gathers says how long the texts at the head of a mailbox wait for company. Whatever
// else stands at the head does not wait, nor do a carrier's listed texts, which come
// late and together; and nothing waits twice: when they have waited, so has all that
// came meanwhile, a nurse's acts between them too.
func (d *Desk) gathers(m *mailbox) (wait time.Duration) {
	if m.waits {
		m.waits, m.waited = false, len(m.queue)
	}
	if d.o.After == nil || len(m.queue) == 0 || m.queue[0].inbound == nil || m.queue[0].inbound.Via == channels.ViaBackfill {
		return 0
	}
	wait = d.pace.wait(m.queue[0].inbound.Peer, m.texts(), d.o.Now(), m.waited > 0)
	m.waits = wait > 0
	return wait
}
