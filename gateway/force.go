package gateway

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/channels/outbox"
	"github.com/tidegate/tidegate/gateway/access"
	"github.com/tidegate/tidegate/gateway/agent"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/skill"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// Parts is what a configuration makes of the gateway. A reload makes others and
// swaps them as one; nobody changes them in between.
type Parts struct {
	Rules    *turn.Rules
	Record   []byte // what Rules.Digest is the digest of; kept in the store
	Adapters map[string]channels.Adapter
	Session  *agent.Session
	Skills   *skill.Box // the agent's tools; nil: none
	Persona  model.Persona
	Clinic   model.Clinic
	Staff    map[molt.PersonID]access.Person // who may sign in to the console
	Idle     time.Duration                   // of a session there; default access.DefaultIdle
	Life     time.Duration                   // default access.DefaultLife

	SegmentsPerSecond float64 // of each sender; 0: by the form of its number
	AsksPerHour       int     // of all patients together; 0: no limit
	Backfill          Backfill
}

func (p Parts) check() error {
	switch {
	case p.Rules == nil, p.Session == nil:
		return errors.New("gateway: Rules and Session are required")
	case len(p.Adapters) == 0:
		return errors.New("gateway: no channel")
	}
	return nil
}

// force is what is in force: the parts, and what people have switched over them.
type force struct {
	Parts
	rules *turn.Rules // with the pause laid over them
	mark  *molt.Mark  // the record of rules, when they are not the configuration's own
	pause pauseRecord
	live  map[string]*liveChannel
}

func newForce(p Parts, pause pauseRecord) *force {
	f := &force{Parts: p, pause: pause, live: map[string]*liveChannel{}}
	rules, record := p.Rules.Under(pause.Pause)
	if f.rules = rules; record != nil {
		f.mark = &molt.Mark{ID: turn.MarkRules(rules.Digest), Value: record}
	}
	return f
}

// marks are the records of what decisions follow from now on, under the digests
// that they record.
func (f *force) marks() []molt.Mark {
	marks := []molt.Mark{{ID: turn.MarkRules(f.Rules.Digest), Value: f.Record}}
	if f.mark != nil {
		marks = append(marks, *f.mark)
	}
	return marks
}

func (g *Gateway) rules() *turn.Rules { return g.force.Load().rules }

func (g *Gateway) adapter(channel string) (channels.Adapter, bool) {
	a, ok := g.force.Load().Adapters[channel]
	return a, ok
}

// rate is what a number of ours may send in a second, in segments.
func (g *Gateway) rate(a molt.Address) float64 {
	usual, set := outbox.DefaultRate(a), g.force.Load().SegmentsPerSecond
	if set > 0 && usual > 0 { // 0: no number, and no carrier counts its segments
		return set
	}
	return usual
}

// ErrStopping says that the daemon takes no other parts any more.
var ErrStopping = errors.New("the gateway is not running")

// Swap puts other parts in force. What they need on record is committed first;
// then one pointer changes, and each decision, door and worker has all of the old
// or all of the new. On an error everything is as it was.
func (g *Gateway) Swap(ctx context.Context, p Parts) error {
	if err := p.check(); err != nil {
		return err
	}
	g.change.Lock()
	defer g.change.Unlock()
	if g.spawn == nil {
		return ErrStopping
	}
	old, next := g.force.Load(), newForce(p, g.force.Load().pause)
	if err := errors.Join(g.commitMarks(ctx, next.marks()), g.markStart(ctx, next)); err != nil {
		return err
	}
	fresh := g.openLive(old, next)
	g.force.Store(next)
	for _, l := range fresh {
		g.runLive(l)
	}
	for id, l := range old.live {
		if next.live[id] != l {
			close(l.left) // its peers come back to the new one, and go on where they were
		}
	}
	select {
	case g.swapped <- struct{}{}:
	default: // the back-filler knows
	}
	g.asks.bound(p.AsksPerHour)
	g.access.Limit(p.Idle, p.Life)
	g.o.Log.Info().Str("rules", p.Rules.Digest).Strs("channels", slices.Sorted(maps.Keys(p.Adapters))).Msg("parts swapped")
	return nil
}

func (g *Gateway) commitMarks(ctx context.Context, marks []molt.Mark) error {
	// A caller who goes away must not leave the disk and the daemon at odds.
	if _, err := g.o.Store.Commit(context.WithoutCancel(ctx), molt.Batch{Marks: marks}); err != nil {
		return fmt.Errorf("record of the rules: %w", err)
	}
	return nil
}
