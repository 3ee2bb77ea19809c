package lane

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/tidegate/tidegate/molt"
)

const (
	defaultWorkers  = 8
	defaultLeaseFor = time.Minute
	// claimAgain is how long Run waits after a claim that went wrong.
	claimAgain = time.Second
	// shortestSleep keeps a clock that lags behind the store's from making the
	// loop spin.
	shortestSleep = time.Millisecond
)

// Claimer is the part of molt.Store that a lane uses.
type Claimer interface {
	Claim(ctx context.Context, c molt.Claim) (molt.Claimed, error)
}

// Options say what a lane claims and who works.
type Options struct {
	Store   Claimer
	Classes []molt.Lane // lane classes, most urgent first
	Workers int         // how many items are worked on at once; default 8
	// LeaseFor is how long a worker has for an item; default one minute. When
	// it is over the context of Do ends and the item may be handed out again.
	LeaseFor time.Duration
	Now      func() time.Time // default time.Now
	// Do works on one item. It ends it by committing Done or Retry under its
	// lease; when it commits neither, the item comes again after the lease.
	Do func(ctx context.Context, item molt.Leased)
	// OnError hears of claims that went wrong and of panics in Do. It is called
	// from several goroutines. Default: nobody hears.
	OnError func(error)
}

// Lane claims due items and hands them to workers.
type Lane struct {
	Options
	kick chan struct{} // of capacity 1: a kick that nobody waits for is kept
}

// New checks the options and starts nothing.
func New(o Options) (*Lane, error) {
	if o.Workers == 0 {
		o.Workers = defaultWorkers
	}
	if o.LeaseFor == 0 {
		o.LeaseFor = defaultLeaseFor
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.OnError == nil {
		o.OnError = func(error) {}
	}
	switch {
	case o.Store == nil:
		return nil, errors.New("lane: no store")
	case o.Do == nil:
		return nil, errors.New("lane: nothing to do with an item")
	case len(o.Classes) == 0:
		return nil, errors.New("lane: no classes to claim")
	case o.Workers < 0:
		return nil, fmt.Errorf("lane: %d workers", o.Workers)
	case o.LeaseFor < time.Millisecond:
		return nil, fmt.Errorf("lane: leases of %v", o.LeaseFor)
	}
	o.Classes = slices.Clone(o.Classes)
	return &Lane{Options: o, kick: make(chan struct{}, 1)}, nil
}

// Kick says that something may be due. It never blocks.
func (l *Lane) Kick() {
	select {
	case l.kick <- struct{}{}:
	default: // one is kept already
	}
}

// Kicked takes the kick that is kept, and reports whether there was one. What
// drives a Lane without Run asks it.
func (l *Lane) Kicked() bool {
	select {
	case <-l.kick:
		return true
	default:
		return false
	}
}

// Step claims at most as many items as there are free workers and returns them
// with the moment at which to step again; 0 means on a kick only. It starts
// nothing: Run hands the items to workers, and what drives a Lane without Run
// works on them itself.
func (l *Lane) Step(ctx context.Context, now time.Time, free int) ([]molt.Leased, molt.Time, error) {
	at := molt.TimeOf(now)
	c, err := l.Store.Claim(ctx, molt.Claim{Classes: l.Classes, Now: at, Until: at.Add(l.LeaseFor), Limit: free})
	if err != nil {
		return nil, 0, fmt.Errorf("claim: %w", err)
	}
	return c.Items, c.Next, nil
}

// Run claims and hands out until the context ends, or until the store is closed
// or broken, which it returns. It returns when all that it started has ended.
func (l *Lane) Run(ctx context.Context) error {
	var workers sync.WaitGroup
	defer workers.Wait()
	ended := make(chan struct{}, l.Workers) // a worker never waits to say so
	busy := 0
	for {
		var sleep time.Duration // 0: until something happens
		if free := l.Workers - busy; free > 0 {
			items, after, err := l.next(ctx, free)
			if err != nil {
				return err
			}
			for _, it := range items {
				busy++
				workers.Go(func() { // ends with Do, whose context ends with Run's or with the lease
					defer func() { ended <- struct{}{} }()
					l.work(ctx, it)
				})
			}
			sleep = after
		}
		freed, err := l.wait(ctx, ended, sleep, busy == l.Workers)
		if err != nil {
			return nil // the context ended, as it should
		}
		busy -= freed
	}
}

// next claims and says how long to sleep at most; 0 means without end. Its
// error is one after which no claim can succeed.
func (l *Lane) next(ctx context.Context, free int) ([]molt.Leased, time.Duration, error) {
	if ctx.Err() != nil {
		return nil, 0, nil
	}
	now := l.Now()
	items, next, err := l.Step(ctx, now, free)
	switch {
	case errors.Is(err, molt.ErrClosed), errors.Is(err, molt.ErrBroken):
		return nil, 0, err
	case ctx.Err() != nil:
		return items, 0, nil
	case err != nil:
		l.OnError(err)
		return nil, claimAgain, nil
	case next == 0:
		return items, 0, nil
	}
	return items, max(next.Sub(molt.TimeOf(now)), shortestSleep), nil
}

// wait sleeps until a worker ends, a kick comes, the time is over or the
// context ends, and returns how many workers have become free. When all are
// busy only a worker's end or the context's matters: kicks are kept.
func (l *Lane) wait(ctx context.Context, ended <-chan struct{}, sleep time.Duration, allBusy bool) (int, error) {
	kick := l.kick
	var alarm <-chan time.Time
	if allBusy {
		kick = nil
	} else if sleep > 0 {
		timer := time.NewTimer(sleep)
		defer timer.Stop()
		alarm = timer.C
	}
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-kick:
		return 0, nil
	case <-alarm:
		return 0, nil
	case <-ended:
	}
	freed := 1
	for {
		select {
		case <-ended:
			freed++
		default:
			return freed, nil
		}
	}
}

// work does one item, for as long as its lease lasts.
func (l *Lane) work(ctx context.Context, it molt.Leased) {
	ctx, cancel := context.WithTimeout(ctx, l.LeaseFor)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			l.OnError(&PanicError{Item: it.ID, Lane: it.Lane, Value: p, Stack: debug.Stack()})
		}
	}()
	l.Do(ctx, it)
}

// PanicError says that Do panicked over an item. Its words do not show the
// value, unless that is the runtime's own, since it may be a patient's words.
type PanicError struct {
	Item  molt.ItemID
	Lane  molt.Lane
	Value any
	Stack []byte
}

func (e *PanicError) Error() string {
	if err, ok := e.Value.(runtime.Error); ok {
		return fmt.Sprintf("panic over item %s in lane %s: %v", e.Item, e.Lane, err)
	}
	return fmt.Sprintf("panic over item %s in lane %s: a value of type %T", e.Item, e.Lane, e.Value)
}
