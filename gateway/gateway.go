package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/channels/outbox"
	"github.com/tidegate/tidegate/gateway/access"
	"github.com/tidegate/tidegate/gateway/console"
	"github.com/tidegate/tidegate/gateway/custody"
	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/gateway/reload"
	"github.com/tidegate/tidegate/gateway/screen"
	"github.com/tidegate/tidegate/gateway/telemetry"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/attic"
	"github.com/tidegate/tidegate/molt/lane"
	"github.com/tidegate/tidegate/molt/seal"
)

// Limits of the daemon. Leases outlast the longest work under them, so that no
// second worker begins what a first one is still at.
const (
	sendWorkers    = 8
	replyWorkers   = 72 // at most; each waits for the disk or the carrier, which takes a hundred requests at once
	quickWorkers   = 8
	opinionWorkers = 2
	fileWorkers    = 4 // each may hold a whole file
	leaseForSend   = 2 * time.Minute
	leaseForAsk    = 10 * time.Minute
	eraseWorkers   = 2
	leaseForErase  = 30 * time.Minute // for all the texts of an item
	leaseForFile   = 2*channels.FetchTimeout + time.Minute
	leaseQuick     = time.Minute
	budgetWait     = 45 * time.Second // then the text is put back, so that its lease never runs out under it
	StopTimeout    = 10 * time.Second // for requests under way, once the daemon is to stop
)

// Options make a Gateway. Everything is required but what says its default.
type Options struct {
	Store  molt.Store
	Ring   *seal.Keyring
	Screen *screen.Screen
	Parts  Parts        // in force until they are swapped
	Files  *attic.Attic // where what patients send is kept; nil: nothing is fetched

	Public  net.Listener // webhooks
	Private net.Listener // health, metrics, the console
	Admin   net.Listener // the operator's socket; nil: none

	File        *File // what Parts were made from; nil: they stay in force
	Custody     CustodyOptions
	Checkpoints string // the file of signed heads, in a second place; "": none are written

	ConsoleURL string // where staff open the console; default the private listener's own address
	AsksAtOnce int    // default 4
	Replies    int    // sent at a time; default as many as the open files allow, at most replyWorkers

	Connections        int // at a time; default DefaultConnections, and no more than files may be open
	ConnectionsPerPeer int // default DefaultPerPeer

	Tenant     string
	Now        func() time.Time            // default time.Now
	Random     io.Reader                   // default crypto/rand
	Spawn      func(func())                // runs a mailbox; default a goroutine, a simulator runs it in its own order
	After      func(time.Duration, func()) // calls later; default time.AfterFunc where Spawn is the default too
	Ready      func()                      // called once the doors are open and what was before them is committed; nil: nobody
	Alive      func()                      // called every AliveEvery while the store takes commits; nil: nobody
	AliveEvery time.Duration
	Log        zerolog.Logger
	Tracer     *telemetry.Tracer      // tells a collector of the agent's questions; nil: nobody
	Gauges     []prometheus.Collector // what else /metrics shows; nil: nothing
	Broken     <-chan struct{}        // closed when the store takes nothing more
}

// Backfill says how texts that a carrier could not deliver are fetched.
type Backfill struct {
	Enabled bool
	Every   time.Duration
	Overlap time.Duration
	Since   time.Time // where the very first look begins; zero: at the first start
}

// Gateway is one running daemon.
type Gateway struct {
	o        Options
	desk     *intake.Desk
	outbox   *outbox.Outbox
	metrics  *metrics
	workers  []worker
	asks     *askBudget
	sessions *sessions
	spent    *spending // on models, today
	console  *console.Console
	access   *access.Access
	custody  *custody.Custody
	keeper   *reload.Keeper // nil: no file
	traffic  *traffic
	refusals *refusals
	watchman *watchman
	ready    atomic.Bool
	scarce   atomic.Bool                   // room on the disk
	torn     map[string]bool               // marks and items of which the admins were told; the scrub's alone
	restored atomic.Pointer[turn.Restored] // nil: the record was never restored

	force   atomic.Pointer[force]
	change  sync.Mutex                                       // held by who changes what is in force
	swapped chan struct{}                                    // holds one: other parts are in force
	spawn   func(name string, f func(context.Context) error) // under change; nil: not running
}

// ErrStoreBroken says that a write to disk did not succeed: the process must
// end, so that the store is opened and verified anew.
var ErrStoreBroken = errors.New("the store is broken: stopping, so that it is opened and verified anew")

// New checks the options and starts nothing.
func New(o Options) (*Gateway, error) {
	switch {
	case o.Store == nil, o.Ring == nil, o.Screen == nil:
		return nil, errors.New("gateway: Store, Ring and Screen are required")
	case o.Public == nil, o.Private == nil:
		return nil, errors.New("gateway: Public and Private are required")
	}
	if err := o.Parts.check(); err != nil {
		return nil, err
	}
	o.settle()
	g := &Gateway{
		torn: map[string]bool{},
		o:    o, metrics: newMetrics(o.Gauges...), asks: newAskBudget(o.Parts.AsksPerHour), traffic: newTraffic(o.Now), refusals: newRefusals(o.Log, o.Now), watchman: newWatchman(),
		swapped: make(chan struct{}, 1), sessions: newSessions(),
	}
	pause, err := pauseIn(context.Background(), o.Store)
	if err != nil {
		o.Log.Error().Err(err).Msg("the agent is paused: turn the switch to let it speak")
	}
	g.force.Store(newForce(o.Parts, pause))
	if g.spent, err = readSpending(context.Background(), o.Store, g.rules().Day(molt.TimeOf(o.Now())), mostOf(g.rules())); err != nil {
		return nil, err
	}
	g.spent.tellTorn(o.Log)
	g.metrics.registry.MustRegister(g.spent.gauge())
	g.desk, err = intake.New(intake.Options{
		Store: o.Store, Ring: o.Ring, Screen: o.Screen, Rules: g.rules,
		Tenant: o.Tenant, Now: o.Now, Random: o.Random, Spawn: o.Spawn, After: o.After, Kick: g.kick, Watch: g.watch, Log: o.Log,
	})
	if err != nil {
		return nil, err
	}
	g.outbox, err = outbox.New(outbox.Options{Adapter: g.adapter, Now: o.Now, Rate: g.rate})
	if err != nil {
		return nil, err
	}
	if err := errors.Join(g.makeCustody(), g.makeKeeper(), g.makeConsole()); err != nil {
		return nil, err
	}
	return g, g.makeLanes()
}

// settle puts in what was left to the default.
func (o *Options) settle() {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Spawn == nil && o.After == nil {
		o.After = func(d time.Duration, f func()) { time.AfterFunc(d, f) } // a mailbox's next turn; ends with its last letter
	}
	if o.AsksAtOnce <= 0 {
		o.AsksAtOnce = 4
	}
	if o.Replies <= 0 {
		o.Replies = repliesWith(openFiles(), o.AsksAtOnce)
	}
}

// makeLanes gives each kind of work workers of its own, so that a model that
// hangs or a carrier that drags never holds up a page.
func (g *Gateway) makeLanes() error {
	for _, l := range []struct {
		class   molt.Lane
		workers int
		lease   time.Duration
		begin   func(molt.Leased) step
	}{
		{molt.LaneSafety, sendWorkers, leaseForSend, g.beginSend},
		{molt.LanePage, sendWorkers, leaseForSend, g.beginSend},
		{molt.LaneNurse, sendWorkers / 2, leaseForSend, g.beginSend},
		{molt.LaneAgent, g.o.Replies, leaseForSend, g.beginSend},
		{molt.LaneAsk, g.o.AsksAtOnce, leaseForAsk, g.beginAsk},
		{molt.LaneOpinion, opinionWorkers, leaseForAsk, g.beginOpinion},
		{molt.LaneMedia, fileWorkers, leaseForFile, g.beginFetch},
		{molt.LaneTimer, quickWorkers, leaseQuick, g.beginTimer},
		{molt.LaneAction, quickWorkers / 2, leaseQuick, g.beginAct},
		{molt.LaneErase, eraseWorkers, leaseForErase, g.beginErase},
	} {
		ln, err := lane.New(lane.Options{
			Store: g.o.Store, Classes: []molt.Lane{l.class}, Workers: l.workers, LeaseFor: l.lease, Now: g.o.Now,
			Do: through(l.begin), OnError: g.laneError,
		})
		if err != nil {
			return fmt.Errorf("gateway: %w", err)
		}
		g.workers = append(g.workers, worker{Lane: ln, class: l.class, begin: l.begin})
	}
	return nil
}

// kick wakes the workers of a class; "" wakes all.
func (g *Gateway) kick(class molt.Lane) {
	for _, w := range g.workers {
		if class == "" || class == w.class {
			w.Kick()
		}
	}
}

// Run serves until ctx ends. The watermarks and the configuration in force are
// committed before the doors open; the doors open before anything else is caught
// up on.
func (g *Gateway) Run(ctx context.Context) error {
	now := g.force.Load()
	if err := errors.Join(g.commitMarks(ctx, now.marks()), g.markStart(ctx, now), g.openRestored(ctx)); err != nil {
		if ctx.Err() != nil {
			return nil // told to stop before it began, which is no fault
		}
		return err
	}
	if g.keeper != nil {
		g.keeper.KeepFirst(ctx)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	run := func(name string, f func(context.Context) error) {
		wg.Add(1)
		go func() { // ends when ctx does, or when it faults, which ends ctx
			defer wg.Done()
			if err := f(ctx); err != nil && ctx.Err() == nil {
				cancel(fmt.Errorf("%s: %w", name, err))
			}
		}()
	}
	g.begin(run)
	public, private := g.doors()
	run("public listener", func(ctx context.Context) error { return g.servePublic(ctx, public) })
	run("private listener", func(ctx context.Context) error { return g.servePrivate(ctx, private) })
	run("admin socket", g.serveAdmin)
	for _, w := range g.workers {
		run("lane", w.Run)
	}
	g.beside(run)
	g.ready.Store(true)
	if g.o.Ready != nil {
		g.o.Ready()
	}
	select {
	case <-ctx.Done():
	case <-g.o.Broken:
		cancel(ErrStoreBroken)
	}
	g.ready.Store(false)
	g.console.Close()
	g.change.Lock()
	g.spawn = nil // whoever swaps now would start what nobody ends
	g.change.Unlock()
	wg.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// beside starts what goes on beside the doors and the workers.
func (g *Gateway) beside(run func(name string, f func(context.Context) error)) {
	run("back-filler", g.backfill)
	g.keepRecord(run)
	run("watchdog", g.alive)
	run("anomalies", g.tellAnomalies)
	if g.keeper != nil {
		run("configuration file", g.keeper.Run)
	}
}

func (g *Gateway) laneError(err error) {
	g.metrics.faults.WithLabelValues("lane").Inc()
	g.o.Log.Error().Err(err).Msg("worker")
}

// watch logs and counts each decision: its reason, never anybody's words.
func (g *Gateway) watch(id molt.ConversationID, s turn.State, d turn.Decided) {
	g.metrics.decision(d)
	g.flag(id, g.watchman.decided(&s, d))
	g.sessions.decided(id, &s)
	g.spent.note(id, s.Spent, g.rules().Day(s.At))
	g.console.Changed(id, &s, d)
	if a, _ := g.adapter(s.Began.Channel); s.Began.Live {
		if l, ok := a.(channels.Live); ok {
			l.Changed(s.Began.Peer)
		}
	}
	ev := g.o.Log.Info()
	if d.Reason == turn.ReasonFault || d.Reason == turn.ReasonGaveUp || d.Reason == turn.ReasonNotFetched {
		ev = g.o.Log.Warn()
	}
	ev = ev.Str("conversation", string(id)).Uint64("seq", s.Seq).Str("reason", string(d.Reason))
	if d.Detail != "" {
		ev = ev.Str("detail", d.Detail)
	}
	if d.Case != nil {
		ev = ev.Str("case", string(d.Case.ID)).Str("state", string(d.Case.State)).Str("severity", string(d.Case.Severity))
	}
	ev.Msg("decided")
}
