package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/tidegate/tidegate/gateway/screen"
	"github.com/tidegate/tidegate/gateway/sim"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/memstore"
)

// Limits of what is told of broken promises.
const (
	maxToldSeeds = 3
	toldLines    = 60
	// maxWorld is how long a world may take, which is a tenth of a second: one in
	// which something waits for what never comes must not keep the others waiting.
	maxWorld  = 2 * time.Minute
	maxStacks = 256 << 10 // bytes of what is told of it
	// simMemory is what worlds may fill before their garbage is collected. It is
	// gone as a whole: collecting seldom is a quarter faster.
	simMemory = 512 << 20
)

// simPlan says which worlds are lived.
type simPlan struct {
	seeds int
	from  uint64
	spend time.Duration
	fresh bool
	apart bool
}

func simCmd(e env) *cobra.Command {
	p := &simPlan{}
	c := &cobra.Command{
		Use:   "sim",
		Short: "Live seeded worlds of a whole gateway, and judge each promise",
		Long: `Lives worlds of a whole gateway: patients, nurses, carriers, a calendar, a model,
crashes, a lost machine and its backup, all in simulated time and from one seed
each, so that a seed replays exactly. What the stand-ins and the people saw is held
against what the gateway promises: every text taken in and decided once, no word
and no act of the agent while somebody else owns the conversation, no act that was
not decided, no draft that no nurse released, nobody left unanswered or a chat
unseen, each file kept that was to be had, pages within their deadlines, every case
ended, order in each lane, a record that verifies and replays equal, and nothing
left when the world is calm. What no world reached is said.

A broken promise is printed with the command that shows it again and the end of
what happened; the verb then exits 1. Nothing is read, written or sent.
` + exitHelp,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if p.seeds < 1 || p.spend < 0 {
				return usage("sim: --seeds is at least 1, and --for not negative")
			}
			if p.fresh = p.spend > 0 && !c.Flags().Changed("from"); p.fresh {
				p.from = uint64(time.Now().UnixNano())
			}
			return simulate(c.Context(), p, e)
		},
	}
	f := c.Flags()
	f.IntVar(&p.seeds, "seeds", 1000, "how many worlds")
	f.Uint64Var(&p.from, "from", 1, "the first seed")
	f.BoolVar(&p.apart, "apart", false, "let each patient also write alone, and compare what she reads")
	f.DurationVar(&p.spend, "for", 0, "go on for so long instead, from a seed nobody lived before unless --from is given")
	return c
}

var errPromise = errors.New("a promise was broken")

// lived is what all worlds came to.
type lived struct {
	mu     sync.Mutex
	flag   string // that lives such a world
	worlds int
	broken int
	sum    sim.Result
	err    error
}

func simulate(ctx context.Context, p *simPlan, e env) error {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(min(simMemory, debug.SetMemoryLimit(-1))))
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	scr, err := screen.New()
	if err != nil {
		return fmt.Errorf("screen: %w", err)
	}
	if p.spend > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.spend)
		defer cancel()
		if err := printText(e.stdout, "seeds from %d on\n", p.from); err != nil {
			return err
		}
	}
	began, worked := time.Now(), cpuTime()
	l := &lived{sum: sim.Result{Cover: sim.NewCover()}}
	live := life(sim.Run)
	if p.apart {
		live, l.flag = sim.Apart, " --apart"
	}
	var next atomic.Int64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() { // ends with the seeds, with ctx, or when too much is broken
			for l.goesOn(ctx) {
				i := next.Add(1) - 1
				if p.spend == 0 && i >= int64(p.seeds) {
					return
				}
				r, err := live.within(maxWorld, sim.Options{Screen: scr, Place: inMemory}, p.from+uint64(i))
				l.take(r, err, e)
			}
		})
	}
	workers.Wait()
	return l.print(e, time.Since(began), cpuTime()-worked)
}

// life lives the world of a seed.
type life func(sim.Options, uint64) (sim.Result, error)

// within lives a world that has so long for it. One that does not end is left where
// it stands, and all that stands is told: nothing can end it but the process's end.
func (live life) within(most time.Duration, o sim.Options, seed uint64) (sim.Result, error) {
	type outcome struct {
		r   sim.Result
		err error
	}
	ended := make(chan outcome, 1)
	go func() { // ends with the world, or never: then the verb fails
		r, err := live(o, seed)
		ended <- outcome{r, err}
	}()
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case out := <-ended:
		return out.r, out.err
	case <-timer.C:
		stacks := make([]byte, maxStacks)
		return sim.Result{}, fmt.Errorf("seed %d does not end within %v; where everything stands:\n%s", seed, most, stacks[:runtime.Stack(stacks, true)])
	}
}

// cpuTime is what this process has used of the cores. Beside other work it says
// what a world costs, where the clock on the wall does not.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func (l *lived) goesOn(ctx context.Context) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return ctx.Err() == nil && l.err == nil && l.broken < maxToldSeeds
}

// take counts a world, and tells of a broken promise at once.
func (l *lived) take(r sim.Result, err error, e env) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.err = errors.Join(l.err, err)
		return
	}
	l.worlds++
	l.sum.Steps += r.Steps
	l.sum.Events += r.Events
	l.sum.Texts += r.Texts
	l.sum.Calls += r.Calls
	l.sum.Crashes += r.Crashes
	l.sum.Cover.Add(r.Cover)
	if len(r.Faults) == 0 {
		return
	}
	l.broken++
	told := fmt.Sprintf("\nseed %d broke a promise. See it again: tidegate sim%s --seeds 1 --from %d\n", r.Seed, l.flag, r.Seed)
	for _, line := range r.Trace[max(0, len(r.Trace)-toldLines):] {
		told += "  " + line + "\n"
	}
	for _, f := range r.Faults {
		told += "broken: " + f + "\n"
	}
	l.err = errors.Join(l.err, printText(e.stdout, "%s", told))
}

func (l *lived) print(e env, took, worked time.Duration) error {
	if l.err != nil {
		return l.err
	}
	if l.worlds > 1 {
		if err := l.sum.Cover.Print(e.stdout); err != nil {
			return err
		}
		if never := l.sum.Cover.Never(); len(never) > 0 {
			if err := printText(e.stdout, "never reached: %s\n", strings.Join(never, ", ")); err != nil {
				return err
			}
		}
	}
	n := max(l.worlds, 1)
	if err := printText(e.stdout, "%d worlds, %d broke a promise; a world has %d steps, %d events, %d texts, %d calls, %.1f crashes; %.0f worlds a minute on %d cores, %.0f ms of one core each\n",
		l.worlds, l.broken, l.sum.Steps/n, l.sum.Events/n, l.sum.Texts/n, l.sum.Calls/n, float64(l.sum.Crashes)/float64(n),
		float64(l.worlds)/took.Minutes(), runtime.GOMAXPROCS(0),
		worked.Seconds()*1000/float64(n)); err != nil {
		return err
	}
	if l.broken > 0 {
		return errPromise
	}
	return nil
}

// memory is a place for a store that ends with the process.
type memory struct{ s, kept *memstore.Store }

func inMemory() (sim.Place, error) { return &memory{s: memstore.New()}, nil }

func (m *memory) Open() (molt.Store, error) {
	m.s = m.s.Reopen()
	return m.s, nil
}

func (m *memory) Keep() error {
	m.kept = m.s.Copy()
	return nil
}

func (m *memory) Back() error {
	m.s = m.kept
	return nil
}

func (*memory) Remove() error { return nil }
