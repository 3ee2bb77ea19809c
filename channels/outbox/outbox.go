package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/channels/segment"
	"github.com/tidegate/tidegate/molt"
)

// Options make an Outbox.
type Options struct {
	// Adapter finds a channel by its name in the configuration in force.
	Adapter func(channel string) (channels.Adapter, bool)
	Rate    func(sender molt.Address) float64 // segments per second, 0 for no limit; default DefaultRate
	Now     func() time.Time                  // default time.Now
}

// Outbox sends through adapters. It keeps the senders' budgets and nothing else.
type Outbox struct {
	adapter func(string) (channels.Adapter, bool)
	budget  *Budget
}

var (
	errNoChannel = errors.New("no such channel")
	errPanicked  = errors.New("the adapter panicked")
	errForeign   = errors.New("the adapter broke its contract")
)

// New checks the options and starts nothing.
func New(o Options) (*Outbox, error) {
	if o.Adapter == nil {
		return nil, errors.New("outbox: Adapter is missing")
	}
	return &Outbox{adapter: o.Adapter, budget: NewBudget(o.Rate, o.Now)}, nil
}

// Wait returns when the sender's budget has room for the text. It comes before
// the attempt is recorded: whatever changes while a text waits can still stop it.
func (b *Outbox) Wait(ctx context.Context, o channels.Outbound) error {
	segments, _ := segment.Count(o.Words.Reveal())
	return b.budget.Wait(ctx, o.Account, o.Class, segments)
}

// Send makes one attempt, which ends within channels.SendTimeout. The fault is nil when the provider took the text. What
// an adapter returns against its contract, or leaves by a panic, counts as
// unknown: the text may have left.
func (b *Outbox) Send(ctx context.Context, channel string, o channels.Outbound) (channels.Receipt, *channels.SendError) {
	a, ok := b.adapter(channel)
	if !ok {
		return channels.Receipt{}, &channels.SendError{
			Kind: channels.FaultConfiguration, Certain: true, Hint: "The channel is no longer configured.", Err: errNoChannel,
		}
	}
	ctx, cancel := context.WithTimeout(ctx, channels.SendTimeout)
	defer cancel()
	r, err := attempt(ctx, a, o)
	if err == nil && r.ProviderID == "" {
		err = errForeign
	}
	if err != nil {
		return channels.Receipt{}, faultOf(err)
	}
	return r, nil
}

// attempt calls the adapter. A panic's value may hold words and is dropped.
func attempt(ctx context.Context, s channels.Sender, o channels.Outbound) (r channels.Receipt, err error) {
	defer func() {
		if recover() != nil {
			r, err = channels.Receipt{}, broken(errPanicked)
		}
	}()
	return s.Send(ctx, o)
}

// faultOf is the adapter's own fault, made sound: nothing unknown is certain.
// Of any other error no word is kept.
func faultOf(err error) *channels.SendError {
	var fault *channels.SendError
	if !errors.As(err, &fault) || fault == nil || fault.Kind == "" {
		return broken(errForeign)
	}
	sound := *fault
	sound.Certain = sound.Certain && sound.Kind != channels.FaultUnknown
	return &sound
}

func broken(why error) *channels.SendError {
	return &channels.SendError{Kind: channels.FaultUnknown, Hint: "A fault in the channel's adapter: report it.", Err: why}
}

// Find searches the provider for a text whose send had no answer. Not found is
// no proof of absence; see Next.
func (b *Outbox) Find(ctx context.Context, channel string, o channels.Outbound, attempted molt.Time) (r channels.Receipt, found bool, err error) {
	a, ok := b.adapter(channel)
	if !ok {
		return channels.Receipt{}, false, fmt.Errorf("find: %w", errNoChannel)
	}
	defer func() {
		if recover() != nil {
			r, found, err = channels.Receipt{}, false, fmt.Errorf("find: %w", errPanicked)
		}
	}()
	return a.FindOutbound(ctx, o, attempted)
}

// Recall asks the provider what it sent within a time, where it can tell.
func (b *Outbox) Recall(ctx context.Context, channel string, o channels.Outbound, from, until molt.Time) (r channels.Receipt, found bool, err error) {
	a, _ := b.adapter(channel)
	l, ok := a.(channels.Recaller)
	if !ok {
		return channels.Receipt{}, false, nil
	}
	defer func() {
		if recover() != nil {
			r, found, err = channels.Receipt{}, false, fmt.Errorf("recall: %w", errPanicked)
		}
	}()
	return l.Recall(ctx, o, from, until)
}
