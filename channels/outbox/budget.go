package outbox

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/molt"
)

// Segments per second that carriers take from a sender without queueing.
const (
	RateLongCode  = 1
	RateTollFree  = 3
	RateWhatsApp  = 80
	RateShortCode = 100
)

// ErrFull says that too many texts of the class wait for the sender already.
var ErrFull = errors.New("too many texts wait for this sender")

var (
	tollFree  = regexp.MustCompile(`^\+18(00|33|44|55|66|77|88)[0-9]{7}$`)
	longCode  = regexp.MustCompile(`^\+[0-9]{2,15}$`)
	shortCode = regexp.MustCompile(`^[0-9]{3,8}$`)
)

// DefaultRate is what a sender of that form may send; 0, no limit, for an
// address that is no number.
func DefaultRate(sender molt.Address) float64 {
	s := sender.Reveal()
	switch {
	case strings.HasPrefix(s, "whatsapp:"):
		return RateWhatsApp
	case tollFree.MatchString(s):
		return RateTollFree
	case longCode.MatchString(s):
		return RateLongCode
	case shortCode.MatchString(s):
		return RateShortCode
	}
	return 0
}

// Budget makes texts wait for their sender's Meter. It keeps one meter for each
// sender it was asked for; senders are our own numbers and so are few.
type Budget struct {
	rate func(molt.Address) float64
	now  func() time.Time

	mu     sync.Mutex
	queues map[molt.Address]*queue
}

type queue struct {
	meter  *Meter
	served map[Ticket]chan struct{} // closed when the ticket is served
}

// NewBudget returns a budget. rate gives a sender's segments per second, 0 for
// no limit; nil is DefaultRate. now nil is time.Now.
func NewBudget(rate func(sender molt.Address) float64, now func() time.Time) *Budget {
	if rate == nil {
		rate = DefaultRate
	}
	if now == nil {
		now = time.Now
	}
	return &Budget{rate: rate, now: now, queues: map[molt.Address]*queue{}}
}

// Wait returns when the sender may send a text of so many segments, the most
// urgent class first. Its error is ErrFull or the context's; the text then has
// no place in the queue any more.
func (b *Budget) Wait(ctx context.Context, sender molt.Address, class channels.Class, segments int) error {
	rate := b.rate(sender)
	if rate <= 0 {
		return ctx.Err()
	}
	q, t, served, err := b.enter(sender, rate, class, segments)
	if err != nil {
		return err
	}
	for {
		// Whoever wakes serves all who can be served, so nobody is forgotten
		// when the one whose turn it was went away.
		wait := b.serve(q)
		select {
		case <-served:
			return nil
		default:
		}
		timer := time.NewTimer(wait)
		select {
		case <-served:
			timer.Stop()
			return nil
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return b.leave(q, t, ctx.Err())
		}
	}
}

func (b *Budget) enter(sender molt.Address, rate float64, class channels.Class, segments int) (*queue, Ticket, chan struct{}, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.queues[sender]
	if q == nil {
		q = &queue{meter: NewMeter(rate), served: map[Ticket]chan struct{}{}}
		b.queues[sender] = q
	}
	q.meter.SetRate(rate)
	t, ok := q.meter.Enter(class, segments)
	if !ok {
		return nil, 0, nil, ErrFull
	}
	q.served[t] = make(chan struct{})
	return q, t, q.served[t], nil
}

func (b *Budget) serve(q *queue) (wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	served, wait := q.meter.Take(molt.TimeOf(b.now()))
	for _, t := range served {
		close(q.served[t])
		delete(q.served, t)
	}
	return wait
}

// leave gives the place back, unless it was served in the same moment.
func (b *Budget) leave(q *queue, t Ticket, err error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, waits := q.served[t]; !waits {
		return nil
	}
	q.meter.Leave(t)
	delete(q.served, t)
	return err
}
