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

	"github.com/rs/zerolog"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/channels/outbox"
	"github.com/tidegate/tidegate/gateway/access"
	"github.com/tidegate/tidegate/gateway/agent"
	"github.com/tidegate/tidegate/gateway/console"
	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/screen"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/lane"
	"github.com/tidegate/tidegate/molt/seal"
)

// Limits of the daemon. Leases outlast the longest work under them, so that no
// second worker begins what a first one is still at.
const (
	sendWorkers  = 8
	quickWorkers = 8
	leaseForSend = 2 * time.Minute
	leaseForAsk  = 10 * time.Minute
	leaseQuick   = time.Minute
	budgetWait   = 45 * time.Second // then the text is put back, so that its lease never runs out under it
	StopTimeout  = 10 * time.Second // for requests under way, once the daemon is to stop
)

// Options make a Gateway. Everything is required but what says its default.
type Options struct {
	Store    molt.Store
	Ring     *seal.Keyring
	Screen   *screen.Screen
	Rules    *turn.Rules
	Record   []byte // what Rules.Digest is the digest of; kept in the store
	Adapters map[string]channels.Adapter
	Session  *agent.Session
	Persona  model.Persona
	Clinic   model.Clinic

	Public  net.Listener // webhooks
	Private net.Listener // health, metrics
	Admin   net.Listener // the operator's socket; nil: none

	Console Console

	SegmentsPerSecond float64 // of each sender; 0: by the form of its number
	AsksAtOnce        int     // default 4
	AsksPerHour       int     // of all patients together; 0: no limit
	Backfill          Backfill
	Tenant            string
	Now               func() time.Time // default time.Now
	Random            io.Reader        // default crypto/rand
	Ready             func()           // called once the doors are open and what was before them is committed; nil: nobody
	Log               zerolog.Logger
	Broken            <-chan struct{} // closed when the store takes nothing more
}

// Console says where staff open their pages and who they are.
type Console struct {
	URL   string // "": the private listener's own address
	Staff map[molt.PersonID]access.Person
	Idle  time.Duration // default access.DefaultIdle
	Life  time.Duration // default access.DefaultLife
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
	o       Options
	desk    *intake.Desk
	outbox  *outbox.Outbox
	metrics *metrics
	lanes   map[molt.Lane][]*lane.Lane // by class
	all     []*lane.Lane
	asks    *askBudget
	console *console.Console
	access  *access.Access
	ready   atomic.Bool
}

// ErrStoreBroken says that a write to disk did not succeed: the process must
// end, so that the store is opened and verified anew.
var ErrStoreBroken = errors.New("the store is broken: stopping, so that it is opened and verified anew")

// New checks the options and starts nothing.
func New(o Options) (*Gateway, error) {
	switch {
	case o.Store == nil, o.Ring == nil, o.Screen == nil, o.Rules == nil, o.Session == nil:
		return nil, errors.New("gateway: Store, Ring, Screen, Rules and Session are required")
	case len(o.Adapters) == 0:
		return nil, errors.New("gateway: no channel")
	case o.Public == nil, o.Private == nil:
		return nil, errors.New("gateway: Public and Private are required")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.AsksAtOnce <= 0 {
		o.AsksAtOnce = 4
	}
	g := &Gateway{o: o, metrics: newMetrics(), lanes: map[molt.Lane][]*lane.Lane{}, asks: newAskBudget(o.AsksPerHour)}
	var err error
	g.desk, err = intake.New(intake.Options{
		Store: o.Store, Ring: o.Ring, Screen: o.Screen, Rules: func() *turn.Rules { return o.Rules },
		Tenant: o.Tenant, Now: o.Now, Random: o.Random, Kick: g.kick, Watch: g.watch, Log: o.Log,
	})
	if err != nil {
		return nil, err
	}
	ob := outbox.Options{Adapter: outbox.Adapters(o.Adapters), Now: o.Now}
	if o.SegmentsPerSecond > 0 {
		ob.Rate = func(a molt.Address) float64 {
			if outbox.DefaultRate(a) == 0 {
				return 0 // no number: no carrier counts its segments
			}
			return o.SegmentsPerSecond
		}
	}
	if g.outbox, err = outbox.New(ob); err != nil {
		return nil, err
	}
	if err := g.makeConsole(); err != nil {
		return nil, err
	}
	return g, g.makeLanes()
}

// makeLanes gives each kind of work workers of its own, so that a model that
// hangs or a carrier that drags never holds up a page.
func (g *Gateway) makeLanes() error {
	for _, l := range []struct {
		classes []molt.Lane
		workers int
		lease   time.Duration
		do      func(context.Context, molt.Leased)
	}{
		{[]molt.Lane{molt.LaneSafety}, sendWorkers, leaseForSend, g.doSend},
		{[]molt.Lane{molt.LanePage}, sendWorkers, leaseForSend, g.doSend},
		{[]molt.Lane{molt.LaneNurse}, sendWorkers / 2, leaseForSend, g.doSend},
		{[]molt.Lane{molt.LaneAgent}, sendWorkers, leaseForSend, g.doSend},
		{[]molt.Lane{molt.LaneAsk}, g.o.AsksAtOnce, leaseForAsk, g.doAsk},
		{[]molt.Lane{molt.LaneTimer}, quickWorkers, leaseQuick, g.doTimer},
		{[]molt.Lane{molt.LaneAction}, quickWorkers / 2, leaseQuick, g.doAct},
	} {
		ln, err := lane.New(lane.Options{
			Store: g.o.Store, Classes: l.classes, Workers: l.workers, LeaseFor: l.lease, Now: g.o.Now,
			Do: l.do, OnError: g.laneError,
		})
		if err != nil {
			return fmt.Errorf("gateway: %w", err)
		}
		g.all = append(g.all, ln)
		for _, c := range l.classes {
			g.lanes[c] = append(g.lanes[c], ln)
		}
	}
	return nil
}

// kick wakes the workers of a class; "" wakes all.
func (g *Gateway) kick(class molt.Lane) {
	lanes := g.lanes[class]
	if class == "" {
		lanes = g.all
	}
	for _, l := range lanes {
		l.Kick()
	}
}

// Run serves until ctx ends. The watermarks are committed before the doors
// open; the doors open before anything else is caught up on.
func (g *Gateway) Run(ctx context.Context) error {
	if err := errors.Join(g.markRules(ctx), g.markStart(ctx)); err != nil {
		if ctx.Err() != nil {
			return nil // told to stop before it began, which is no fault
		}
		return err
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
	run("public listener", g.servePublic)
	run("private listener", g.servePrivate)
	if g.o.Admin != nil {
		run("admin socket", g.serveAdmin)
	}
	for _, l := range g.live() {
		run("channel "+l.ID(), l.Run)
	}
	for _, l := range g.all {
		run("lane", l.Run)
	}
	if g.o.Backfill.Enabled {
		run("back-filler", g.backfill)
	}
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
	wg.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// markRules keeps what decisions follow from now on, under the digest that they
// record.
func (g *Gateway) markRules(ctx context.Context) error {
	_, err := g.o.Store.Commit(ctx, molt.Batch{Marks: []molt.Mark{{ID: molt.MarkID("rules:" + g.o.Rules.Digest), Value: g.o.Record}}})
	if err != nil {
		return fmt.Errorf("record of the rules: %w", err)
	}
	return nil
}

func (g *Gateway) laneError(err error) {
	g.metrics.faults.WithLabelValues("lane").Inc()
	g.o.Log.Error().Err(err).Msg("worker")
}

// watch logs and counts each decision: its reason, never anybody's words.
func (g *Gateway) watch(id molt.ConversationID, s turn.State, d turn.Decided) {
	g.metrics.decision(d)
	g.console.Changed(id, d)
	if l, ok := g.o.Adapters[s.Began.Channel].(channels.Live); ok && s.Began.Live {
		l.Changed(s.Began.Peer)
	}
	ev := g.o.Log.Info()
	if d.Reason == turn.ReasonFault || d.Reason == turn.ReasonGaveUp {
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
