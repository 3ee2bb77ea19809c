package gateway

import (
	"context"
	"errors"
	"time"

	"github.com/tidegate/tidegate/gateway/custody"
	"github.com/tidegate/tidegate/molt"
)

const (
	custodyEvery = 10 * time.Minute // at which it is looked what is due
	shedEvery    = 24 * time.Hour   // at which it is looked what is past its period
)

var errNoRoomToCopy = errors.New("the disk is nearly full: a backup waits until some is freed")

// CustodyOptions say how keys are changed.
type CustodyOptions struct {
	KeyFile string // that holds the tenant key; "": it is supplied from outside
	// Copy takes the copies that are to survive a change of the key; nil: none.
	Copy func(context.Context, custody.Copying) (custody.Copies, error)
	// EraseEvery is how long an erasure that was asked for waits for others.
	EraseEvery time.Duration
	// Keep is how long words and files are kept; 0: without end.
	Keep time.Duration
}

func (g *Gateway) makeCustody() (err error) {
	g.custody, err = custody.New(custody.Options{
		Store: g.o.Store, Ring: g.o.Ring, Desk: g.desk, Files: g.o.Files, KeyFile: g.o.Custody.KeyFile, Copy: g.copies(), Erases: g.erases, Kick: g.kick,
		Now: g.o.Now, Random: g.o.Random, Log: g.o.Log,
	})
	return err
}

// copies takes the copies at a change of the key, but not while room on the disk is
// scarce: a backup would take what is held back for patients' texts. The earlier key
// stays until they were taken.
func (g *Gateway) copies() func(context.Context, custody.Copying) (custody.Copies, error) {
	take := g.o.Custody.Copy
	if take == nil {
		return nil
	}
	return func(ctx context.Context, of custody.Copying) (custody.Copies, error) {
		if g.scarce.Load() {
			return custody.Copies{}, errNoRoomToCopy
		}
		return take(ctx, of)
	}
}

// keepRecord runs what looks after the record as a whole.
func (g *Gateway) keepRecord(run func(name string, f func(context.Context) error)) {
	run("checkpoints", g.checkpoints)
	run("custody", g.keepKeys)
	run("scrub", g.scrub)
	run("disk", g.watchRoom)
}

// keepKeys ends what was begun with the keys before the start, carries out the
// erasures that are due, and sheds what is past its period.
func (g *Gateway) keepKeys(ctx context.Context) error {
	every := time.NewTicker(custodyEvery)
	defer every.Stop()
	var shed time.Time
	for {
		nameless := g.named(ctx)          // which keeps nothing else from being done
		err := g.custody.ResumeHolds(ctx) // first: nothing is erased under one
		if err == nil {
			err = g.custody.Resume(ctx)
		}
		if err == nil {
			err = g.custody.Due(ctx, g.o.Custody.EraseEvery)
		}
		if now := g.o.Now(); err == nil && g.o.Custody.Keep > 0 && now.Sub(shed) >= shedEvery {
			shed = now
			err = g.retain(ctx, molt.TimeOf(now.Add(-g.o.Custody.Keep)))
		}
		if err = errors.Join(nameless, err); err != nil && !errors.Is(err, custody.ErrBusy) && ctx.Err() == nil {
			g.metrics.faults.WithLabelValues("custody").Inc()
			g.o.Log.Error().Err(err).Msg("keys, erasures, retention")
		}
		select {
		case <-every.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// named has the store named before a backup of it is taken by whomever, where copies
// of it will have to be told from others'.
func (g *Gateway) named(ctx context.Context) error {
	if g.o.Custody.Copy == nil {
		return nil
	}
	_, err := g.custody.Identity(ctx)
	return err
}

func (g *Gateway) retain(ctx context.Context, before molt.Time) error {
	done, err := g.custody.Retain(ctx, before)
	if done.Bodies > 0 {
		g.o.Log.Info().Int("conversations", done.Conversations).Int("bodies", done.Bodies).Int("files", done.Files).Int("keys", done.Keys).Msg("what is past its period is shed")
	}
	return err
}
