package gateway

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

const (
	roomEvery = 5 * time.Second // how often the disk is looked at
	// roomAgain is when the admins hear again that the disk is nearly full.
	roomAgain = time.Hour
)

// roomy is a store that knows how its disk stands.
type roomy interface {
	Room() (molt.Room, error)
	Refill() error
}

// watchRoom looks at the disk until ctx ends. While room is scarce texts, cases
// and pages are committed as ever; what can wait waits: questions to the agent,
// files, new web chats, exports and backups. A patient whose question waits gets
// a nurse by the watchdog.
func (g *Gateway) watchRoom(ctx context.Context) error {
	store, ok := g.o.Store.(roomy)
	if !ok {
		return nil
	}
	every := time.NewTicker(roomEvery)
	defer every.Stop()
	for told := (time.Time{}); ; {
		told = g.lookAtRoom(ctx, store, told)
		select {
		case <-every.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// lookAtRoom notes how the disk stands, and returns when the admins were last told.
func (g *Gateway) lookAtRoom(ctx context.Context, store roomy, told time.Time) time.Time {
	room, err := store.Room()
	if err == nil && room.Scarce {
		if fault := store.Refill(); fault != nil { // what is measured stands: a quota lies below what is free
			g.metrics.faults.WithLabelValues("disk").Inc()
			g.o.Log.Warn().Err(fault).Msg("the reserve on the disk was not made again")
		} else {
			room, err = store.Room()
		}
	}
	if err != nil {
		g.metrics.faults.WithLabelValues("disk").Inc()
		g.o.Log.Warn().Err(err).Msg("the disk was not measured")
		return told
	}
	g.metrics.reserve.Set(float64(room.Reserve))
	was := g.scarce.Swap(room.Scarce)
	switch now := g.o.Now(); {
	case !room.Scarce && was:
		g.o.Log.Info().Int64("free", room.Free).Msg("there is room on the disk again")
	case room.Scarce && now.Sub(told) >= roomAgain:
		g.o.Log.Error().Int64("free", room.Free).Int64("reserve", room.Reserve).
			Msg("the disk is nearly full: texts and pages go on, the agent, files, new web chats, exports and backups wait; free some")
		words := "The disk of the gateway is nearly full. Texts and pages go on; the agent, pictures, new web chats, exports and backups wait until some is freed."
		if err := g.tellAdmins(ctx, turn.Notice{What: "disk", Words: molt.Words(words)}, ""); err != nil && ctx.Err() == nil {
			g.metrics.faults.WithLabelValues("disk").Inc()
			g.o.Log.Error().Err(err).Msg("the admins are not told that the disk is nearly full")
		}
		return now
	}
	return told
}

// waitsForRoom puts back what can wait while room is scarce.
func (g *Gateway) waitsForRoom(ctx context.Context, it molt.Leased) bool {
	if !g.scarce.Load() {
		return false
	}
	g.putBack(ctx, it, molt.TimeOf(g.o.Now()).Add(roomEvery))
	return true
}

func reserveMetric() prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "tidegate_disk_reserve_bytes", Help: "Room that is held back for commits; 0 while it is let go because the disk is full.",
	})
}
