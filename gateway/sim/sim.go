package sim

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/tidegate/tidegate/gateway/audit"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// Result is one world, judged.
type Result struct {
	Seed    uint64
	Faults  []string // broken promises; none: all were kept
	Trace   []string // the end of what happened, only with faults
	Digest  string   // of all that was recorded: one seed has one
	Steps   int
	Events  int // of all journals
	Texts   int // that people sent
	Calls   int // that the daemon made to carriers
	Crashes int
	Cover   Cover
}

// Run lives the world of a seed. One in which a promise is broken is lived once
// more, to tell how it went. An error is the simulator's own.
func Run(o Options, seed uint64) (Result, error) {
	r, err := live(o, seed, false)
	if err != nil || len(r.Faults) == 0 {
		return r, err
	}
	return live(o, seed, true)
}

func live(o Options, seed uint64, told bool) (r Result, err error) {
	w, err := born(o, seed)
	if err != nil {
		return r, err
	}
	defer func() {
		if gone := w.place.Remove(); err == nil {
			err = gone
		}
	}()
	w.told = told
	return w.result()
}

// result lives a world and judges it.
func (w *world) result() (r Result, err error) {
	w.run()
	r = Result{Seed: w.seed, Steps: w.steps, Texts: len(w.texts), Crashes: w.lives - 1}
	for _, c := range w.carriers {
		r.Calls += len(c.calls)
	}
	if err := w.judge(&r); err != nil {
		return r, err
	}
	r.Faults = w.faults
	for _, l := range w.trace {
		r.Trace = append(r.Trace, l.String())
	}
	return r, nil
}

// judge holds the record against what was promised.
func (w *world) judge(r *Result) error {
	ctx := context.Background()
	if len(w.faults) > 0 || w.daemon == nil {
		return nil
	}
	sum := sha256.New()
	p, err := w.disk.Scan(ctx, molt.Query{Table: molt.TableConversations, Limit: molt.MaxPage})
	if err != nil {
		return fmt.Errorf("sim: %w", err)
	}
	for _, c := range p.Conversations {
		sum.Write(c.Head.Hash[:])
	}
	r.Digest = hex.EncodeToString(sum.Sum(nil)[:8])
	report, err := audit.New(w.disk.Store, w.keys).Verify(ctx, audit.Check{Rules: func(d string) *turn.Rules { return w.rules[d] }})
	if err != nil {
		return fmt.Errorf("sim: %w", err)
	}
	r.Events = int(report.Events)
	record, err := w.read()
	if err != nil {
		return err
	}
	r.Cover = NewCover()
	for _, j := range record.journals {
		r.Cover.see(j)
	}
	w.check(record)
	rows, err := w.daemon.work.List(ctx)
	if err != nil {
		return err
	}
	for _, row := range rows {
		w.fault("at rest case %s is %s and stands on the work list", row.Case, row.State)
	}
	for _, f := range report.Faults {
		w.fault("verify: %s", f.Error())
	}
	if d := report.Decisions; d.Differ+d.NotDecided+d.Gone > 0 {
		w.fault("replay: %d decisions come out otherwise, %d by unknown rules, %d gone", d.Differ, d.NotDecided, d.Gone)
		return w.tellReplay()
	}
	return nil
}

// tellReplay says which decisions come out otherwise, and where.
func (w *world) tellReplay() error {
	again := audit.Again{Known: func(d string) *turn.Rules { return w.rules[d] }}
	_, err := audit.New(w.disk.Store, w.keys).Replay(context.Background(), again, func(d audit.Redecision) error {
		if d.Outcome != audit.OutcomeEqual {
			w.fault("%s, event %d: %s: was %s, is %s, at %v", d.Conversation, d.Seq, d.Outcome, d.Before, d.After, d.Where)
		}
		return nil
	})
	return err
}
