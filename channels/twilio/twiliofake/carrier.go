package twiliofake

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Carrier is one stand-in carrier. Build it with New, drive it with Run.
type Carrier struct {
	opts    Options
	started atomic.Bool
	ready   chan struct{}
	addr    string
	feed    *feed
	posts   chan struct{} // one token for each webhook on its way
	jobs    sync.WaitGroup

	// life ends when the carrier does. Work begun by a request is bound to it and not to the request: what a carrier accepted it carries, whether or
	// not the sender lives to read the answer.
	life context.Context //nolint:containedctx // the one context of Run, for what outlives a request
	end  context.CancelCauseFunc

	mu       sync.Mutex
	ledger   *ledger
	state    *state
	behavior Behavior
	chance   *rand.Rand
	changed  chan struct{} // closed and replaced whenever anything below or in the state changes
	running  int           // jobs
	stopping bool
	faults   []*Fault
	holds    []*Hold
	held     []*heldRequest
	lastHeld int64
	paused   map[Side]bool
	fetched  map[string]bool        // the late files that were asked for
	slots    map[string]time.Time   // when a number may send its next segment
	lines    map[pair]chan struct{} // the end of the last webhook in order
	tokens   float64                // of the create rate
	refilled time.Time              // when they were counted
}

// New validates the options and starts nothing.
func New(o Options) (*Carrier, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	return &Carrier{
		opts:     o,
		ready:    make(chan struct{}),
		posts:    make(chan struct{}, maxPosts),
		state:    newState(),
		behavior: *o.Behavior,
		changed:  make(chan struct{}),
		paused:   map[Side]bool{},
		slots:    map[string]time.Time{},
		lines:    map[pair]chan struct{}{},
		fetched:  map[string]bool{},
	}, nil
}

// Ready is closed once the carrier answers.
func (c *Carrier) Ready() <-chan struct{} { return c.ready }

// Addr is the address the carrier listens on (host:port), or nothing before it is ready.
func (c *Carrier) Addr() string {
	select {
	case <-c.ready:
		return c.addr
	default:
		return ""
	}
}

// Base is the URL of the carrier, or nothing before it is ready.
func (c *Carrier) Base() string {
	if addr := c.Addr(); addr != "" {
		return "http://" + addr
	}
	return ""
}

// Run serves until the context ends, and returns when everything it started has ended. It returns nil if the context ended it, and otherwise what did: a
// ledger that cannot be written ends the carrier at once, since it could no longer testify.
func (c *Carrier) Run(ctx context.Context) error {
	if !c.started.CompareAndSwap(false, true) {
		return ErrRunTwice
	}
	c.life, c.end = context.WithCancelCause(ctx)
	defer c.end(nil)
	book, err := openLedger(c.opts.LedgerPath)
	if err != nil {
		return err
	}
	defer book.file.Close()
	if err := c.resume(book); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", c.opts.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	c.addr = listener.Addr().String()
	c.feed = newFeed(c.opts.Out)
	defer c.feed.close()
	c.serve(listener)
	if cause := context.Cause(c.life); ctx.Err() == nil && cause != nil {
		return cause
	}
	return nil
}

// serve answers requests until the carrier's life ends, then ends every job and connection.
func (c *Carrier) serve(listener net.Listener) {
	server := &http.Server{
		Handler:           c.routes(),
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
	}
	served := make(chan struct{})
	go func() { // ends when the server is shut down below
		defer close(served)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			c.end(fmt.Errorf("serve: %w", err))
		}
	}()
	c.takeUp()
	close(c.ready)
	<-c.life.Done()

	grace, cancel := context.WithTimeout(context.WithoutCancel(c.life), shutdownGrace)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		_ = server.Close()
	}
	<-served
	c.mu.Lock()
	c.stopping = true
	c.mu.Unlock()
	c.jobs.Wait()
}

// resume folds what the ledger holds and writes down how the carrier starts.
func (c *Carrier) resume(book *ledger) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ledger = book
	for _, e := range book.entries {
		c.state.apply(e)
	}
	if c.state.account != "" && c.state.account != c.opts.AccountSID {
		return fmt.Errorf("%w: the ledger belongs to account %s", ErrOptions, c.state.account)
	}
	// The sequence seeds chance too, so that a restart does not relive the luck of the first start.
	c.chance = rand.New(rand.NewPCG(c.opts.Seed, uint64(book.next())))
	if err := c.record(Entry{Kind: KindStart, Account: c.opts.AccountSID}); err != nil {
		return err
	}
	for number, n := range c.opts.Numbers {
		if err := c.setNumber(number, n.over(c.state.numbers[number])); err != nil {
			return err
		}
	}
	return nil
}

// over fills what is empty from an older description of the number, so that a restart without a webhook keeps the one that was set at run time.
func (n Number) over(older Number) Number {
	if n.SMSURL == "" {
		n.SMSURL = older.SMSURL
	}
	if n.StatusCallback == "" {
		n.StatusCallback = older.StatusCallback
	}
	if n.MessagingService == "" {
		n.MessagingService = older.MessagingService
	}
	return n
}

// setNumber writes a number down, unless that changes nothing. The caller holds the lock.
func (c *Carrier) setNumber(number string, n Number) error {
	if old, known := c.state.numbers[number]; known && old == n {
		return nil
	}
	return c.record(Entry{
		Kind: KindNumber, To: number, URL: n.SMSURL, StatusCallback: n.StatusCallback, MessagingService: n.MessagingService,
	})
}

// takeUp continues what an earlier process of this ledger left undone. Texts no webhook was begun for are posted now; one whose webhook only began is
// not, since a carrier does not post again what it may have posted.
func (c *Carrier) takeUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.state.order {
		switch {
		case m.inbound && !m.announced:
			c.announce(m, Text{})
		case !m.inbound && !m.final():
			c.carry(m, fate{})
		}
	}
}

// record writes an entry and takes it in. The caller holds the lock, and must not go on as if the thing had happened when it fails.
func (c *Carrier) record(e Entry) error {
	e.At = c.opts.Now().UTC()
	e, err := c.ledger.append(e)
	if err != nil {
		c.end(err)
		return err
	}
	c.state.apply(e)
	c.feed.show(e)
	c.wake()
	return nil
}

// wake lets everybody who waits look again. The caller holds the lock.
func (c *Carrier) wake() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// spawn runs a job beside the caller, who holds the lock. The job ends with the carrier's life at the latest. It reports false when the carrier has no
// room for more, or is ending.
func (c *Carrier) spawn(job func(ctx context.Context)) bool {
	if c.stopping || c.running >= maxJobs {
		return false
	}
	c.running++
	c.jobs.Go(func() {
		defer func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.running--
			c.wake()
		}()
		job(c.life)
	})
	return true
}

// await waits until a condition, read under the lock, holds, and reports whether it came to that before the context ended.
func (c *Carrier) await(ctx context.Context, holds func() bool) bool {
	for {
		c.mu.Lock()
		ok, changed := holds(), c.changed
		c.mu.Unlock()
		if ok {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

// rest lets time pass, and reports whether it passed before the context ended.
func rest(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
