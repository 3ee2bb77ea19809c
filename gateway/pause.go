package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/tidegate/tidegate/gateway/console"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

const (
	markPause = molt.MarkID("switch:pause")
	// MaxPauseTurns bounds how many turns of the switch are remembered with it.
	MaxPauseTurns = 50
)

// pauseRecord is the switch as the store keeps it.
type pauseRecord struct {
	Pause turn.Pause          `json:"pause"`
	Turns []console.PauseTurn `json:"turns,omitempty"` // newest first
}

// PauseIn reads the switch of a store. One that cannot be read counts as turned:
// what people have silenced must not speak because a record is broken.
func PauseIn(ctx context.Context, store molt.Store) (turn.Pause, error) {
	r, err := pauseIn(ctx, store)
	return r.Pause, err
}

func pauseIn(ctx context.Context, store molt.Store) (r pauseRecord, err error) {
	p, err := store.Scan(ctx, molt.Query{Table: molt.TableMarks, Prefix: string(markPause), Limit: 1})
	if err == nil && len(p.Marks) > 0 && p.Marks[0].ID == markPause {
		err = json.Unmarshal(p.Marks[0].Value, &r)
	}
	if err != nil {
		return pauseRecord{Pause: turn.Pause{All: true}}, fmt.Errorf("the pause switch: %w", err)
	}
	return r, nil
}

// Paused is how the switch stands, and who turned it.
func (g *Gateway) Paused() (turn.Pause, []console.PauseTurn) {
	p := g.force.Load().pause
	return p.Pause, p.Turns
}

// Pause turns the switch of one channel, or with "" of all. It is on the disk
// and in force when it returns: every decision from now on follows it.
func (g *Gateway) Pause(ctx context.Context, by molt.PersonID, channel string, silent bool) error {
	g.change.Lock()
	defer g.change.Unlock()
	old := g.force.Load()
	p := old.pause.Pause
	switch {
	case channel == "":
		p.All = silent
	case silent:
		p.Channels = append(slices.Clone(p.Channels), channel)
	default:
		p.Channels = slices.DeleteFunc(slices.Clone(p.Channels), func(c string) bool { return c == channel })
	}
	slices.Sort(p.Channels)
	p.Channels = slices.Compact(p.Channels)
	t := console.PauseTurn{At: molt.TimeOf(g.o.Now()), By: by, Channel: channel, Silent: silent}
	turns := append([]console.PauseTurn{t}, old.pause.Turns...)
	next := newForce(old.Parts, pauseRecord{Pause: p, Turns: turns[:min(len(turns), MaxPauseTurns)]})
	next.live = old.live
	value, err := json.Marshal(next.pause)
	if err != nil {
		return fmt.Errorf("the pause switch: %w", err)
	}
	if err := g.commitMarks(ctx, append(next.marks(), molt.Mark{ID: markPause, Value: value})); err != nil {
		return err
	}
	g.force.Store(next)
	g.o.Log.Warn().Str("person", string(by)).Str("channel", channel).Bool("silent", silent).Msg("pause switch turned")
	return nil
}
