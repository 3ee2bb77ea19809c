package outbox

import (
	"math"
	"slices"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/molt"
)

// MaxWaiting is how many texts of one class may wait for one sender.
const MaxWaiting = 1000

// Seconds of its rate that a class may take in advance. A carrier queues what
// comes too fast, so an urgent text is better in its queue than in ours; texts
// of less urgent classes pay the debt by waiting.
const (
	safetyAdvance = 60
	pageAdvance   = 10
)

// Ticket is a place in a Meter's queue.
type Ticket uint64

// Meter is one sender's budget in segments per second: a bucket of one second
// and a queue for each class, served strictly by class and, within one, in
// order. It has no clock and no lock: a simulator can step it.
type Meter struct {
	rate, burst, tokens float64
	at                  molt.Time
	last                Ticket
	queues              [4][]waiting
}

type waiting struct {
	ticket   Ticket
	segments float64
}

// NewMeter returns a full bucket. The rate must be above 0.
func NewMeter(rate float64) *Meter {
	burst := max(rate, 1)
	return &Meter{rate: rate, burst: burst, tokens: burst}
}

// SetRate changes the rate from the last Take on, as a new configuration may.
func (m *Meter) SetRate(rate float64) { m.rate, m.burst = rate, max(rate, 1) }

// Enter queues a text of so many segments; ok is false when its class's queue
// is full.
func (m *Meter) Enter(class channels.Class, segments int) (t Ticket, ok bool) {
	q := &m.queues[rank(class)]
	if len(*q) >= MaxWaiting {
		return 0, false
	}
	m.last++
	*q = append(*q, waiting{m.last, float64(max(segments, 1))})
	return m.last, true
}

// Leave gives up a place. It is no fault when the ticket was served or never was.
func (m *Meter) Leave(t Ticket) {
	for i, q := range m.queues {
		m.queues[i] = slices.DeleteFunc(q, func(w waiting) bool { return w.ticket == t })
	}
}

// Take serves whom the budget serves now, most urgent first. wait is how long
// until the next can be served; 0 when nobody waits. A time before the last
// one counts as the last one.
func (m *Meter) Take(now molt.Time) (served []Ticket, wait time.Duration) {
	m.fill(now)
	for {
		class, w, ok := m.head()
		if !ok {
			return served, 0
		}
		// A text longer than the bucket leaves when the bucket is full and
		// leaves a debt.
		if lack := min(w.segments, m.burst) - m.tokens - advance(class)*m.rate; lack > 0 {
			return served, time.Duration(math.Ceil(lack/m.rate*1000)) * time.Millisecond
		}
		m.tokens -= w.segments
		m.queues[class] = m.queues[class][1:]
		served = append(served, w.ticket)
	}
}

func (m *Meter) fill(now molt.Time) {
	if m.at == 0 {
		m.at = now
	}
	if now <= m.at {
		return
	}
	m.tokens = min(m.burst, m.tokens+m.rate*now.Sub(m.at).Seconds())
	m.at = now
}

func (m *Meter) head() (class int, w waiting, ok bool) {
	for class, q := range m.queues {
		if len(q) > 0 {
			return class, q[0], true
		}
	}
	return 0, waiting{}, false
}

// rank orders the classes; an unknown one is the least urgent.
func rank(c channels.Class) int {
	switch c {
	case channels.ClassSafety:
		return 0
	case channels.ClassPage:
		return 1
	case channels.ClassNurse:
		return 2
	}
	return 3
}

func advance(class int) float64 {
	switch class {
	case 0:
		return safetyAdvance
	case 1:
		return pageAdvance
	}
	return 0
}
