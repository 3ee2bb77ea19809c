package sim

import (
	"container/heap"
	"context"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"strings"
	"time"

	"github.com/tidegate/tidegate/gateway/screen"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/seal"
)

// Limits of a world. They bound it whatever a defect does.
const (
	MaxSteps   = 20_000
	maxCrash   = 6
	plotHours  = 1                  // of plot; then all is left to calm down
	calmWithin = 6 * 24 * time.Hour // a weekend and what hangs on its opening
	lookWithin = time.Hour          // after the plot every list has been looked through
	traceKept  = 400
	replies    = 24 // sent at a time, whatever the open files of the machine allow: a seed is one world everywhere
)

// event is something that is going to happen.
type event struct {
	at   molt.Time
	tie  uint64 // orders what happens at one time: chance
	life int    // of the daemon it belongs to; 0: the outside
	what string
	do   func()
}

type queue []event

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].tie < q[j].tie
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(event)) }
func (q *queue) Pop() any {
	old := *q
	e := old[len(old)-1]
	old[len(old)-1] = event{}
	*q = old[:len(old)-1]
	return e
}

// world is one life of a clinic.
type world struct {
	o       Options
	seed    uint64
	r       *rand.Rand
	random  *rand.ChaCha8 // the daemon's own chance
	now     molt.Time
	queue   queue
	planned uint64 // events, in a still world
	steps   int

	place   Place
	disk    *disk
	keys    *seal.Keyring
	rules   map[string]*turn.Rules // all that were ever in force, by digest
	daemon  *daemon                // nil while it is down
	lives   int
	damaged molt.Time // when a journal became unreadable; 0: none did
	backup  backup
	down    []span // when nobody was there to act
	weather weather
	variant int    // of the configuration
	still   bool   // nothing is left to chance but who writes what, and when
	only    string // the one patient who writes; "": all do
	calm    bool
	ends    molt.Time // of the plot

	born         molt.Time
	level        turn.Autonomy // how far the agent goes; see govern
	approves     bool          // each booking waits for a nurse
	unapproved   string
	reviewWithin time.Duration
	drafts       molt.Time            // since when each text of the agent's waits for a nurse; 0: it does not
	waits        time.Duration        // how much longer a text may wait, since a nurse reads its answer first
	thoughts     map[string]molt.Time // when the model said what has that number
	edits        int
	letGo        []*call // texts that a nurse let go
	quiet        bool    // little happens that frightens
	books        bool    // nearly all that is wanted is appointments; see intrudes
	hasty        bool    // what is for the same day is soon nobody's again
	desk         float64 // share of what nurses do that they do at the console
	chats        bool    // one patient has no phone but a page

	carriers []*carrier
	chat     *chat
	calendar *calendar
	attic    *shelf
	patients []*patient
	nurses   []*nurse
	texts    map[string]*text // by provider id
	job      *job             // whose step runs now
	took     time.Duration    // how long the call of the step under way takes

	told   bool // a trace is kept
	trace  []line
	faults []string
}

type span struct{ from, to molt.Time }

// line is one of the trace, written out only when somebody wants to read it.
type line struct {
	at     molt.Time
	format string
	args   []any
}

func (l line) String() string {
	return l.at.Std().Format("Mon 15:04:05.000") + "  " + fmt.Sprintf(l.format, l.args...)
}

func (w *world) tell(format string, args ...any) {
	if !w.told {
		return
	}
	if len(w.trace) >= 2*traceKept {
		w.trace = append(w.trace[:0], w.trace[traceKept:]...)
	}
	w.trace = append(w.trace, line{w.now, format, args})
}

// fault records a broken promise.
func (w *world) fault(format string, args ...any) {
	if len(w.faults) < 20 {
		w.faults = append(w.faults, fmt.Sprintf(format, args...))
		w.tell("FAULT "+format, args...)
	}
}

// after plans something. life is the daemon's it belongs to; 0: the outside's.
func (w *world) after(d time.Duration, life int, what string, do func()) {
	tie := w.r.Uint64()
	if w.still {
		w.planned++
		tie = w.planned
	}
	heap.Push(&w.queue, event{at: w.now.Add(max(d, 0)), tie: tie, life: life, what: what, do: do})
}

// within draws a duration.
func (w *world) within(from, to time.Duration) time.Duration {
	if to <= from || w.still {
		return from
	}
	return from + time.Duration(w.r.Int64N(int64(to-from)/int64(time.Millisecond)+1))*time.Millisecond
}

func (w *world) chance(p float64) bool { return p > 0 && !w.still && w.r.Float64() < p }

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// run lives the world to its end.
func (w *world) run() {
	w.plot()
	w.boot()
	for len(w.queue) > 0 && len(w.faults) == 0 {
		if w.steps++; w.steps > MaxSteps {
			w.fault("the world does not come to rest: %d steps", w.steps)
			return
		}
		e := heap.Pop(&w.queue).(event)
		w.now = max(w.now, e.at)
		if w.now > w.ends.Add(calmWithin) {
			w.fault("the world does not come to rest within %v", calmWithin)
			return
		}
		if e.life != 0 && (w.daemon == nil || e.life != w.daemon.life) {
			continue // it died with its daemon
		}
		w.perform(e)
		if w.calm && w.rested() {
			return
		}
	}
}

// perform runs one step and what it sets in motion. A crash inside it ends the
// daemon there.
func (w *world) perform(e event) {
	defer func() {
		switch p := recover(); p.(type) {
		case nil:
		case crashed:
			w.crash("inside a commit, at: " + e.what)
		default:
			w.fault("panic at %s: %v\n%s", e.what, p, strings.TrimSpace(string(debug.Stack())))
		}
	}()
	e.do()
	w.pump()
	if w.daemon != nil && w.lives <= maxCrash && !w.calm && w.chance(w.weather.crash) {
		w.crash("after: " + e.what)
	}
}

// rested reports whether nothing is left to do.
func (w *world) rested() bool {
	if w.daemon == nil || len(w.daemon.drains) > 0 || w.open() > 0 {
		return false
	}
	for _, t := range w.texts {
		if t.acked == 0 && t.listed >= t.carrier.looked && w.now < w.ends.Add(lookWithin) { // the list has still to bring it
			return false
		}
	}
	p, err := w.disk.Scan(context.Background(), molt.Query{Table: molt.TableItems, Limit: 1})
	return err == nil && len(p.Items) == 0
}

// open counts what the outside still has under way.
func (w *world) open() (n int) {
	for _, c := range w.carriers {
		n += c.underway
	}
	return n
}

// Options make worlds.
type Options struct {
	Place  func() (Place, error) // a new, empty one for each world
	Screen *screen.Screen
}

// Place is where a store lies.
type Place interface {
	// Open opens it as a process does that finds it after another one died.
	Open() (molt.Store, error)
	// Keep takes a backup of what is committed, in the place of the last one.
	Keep() error
	// Back puts the backup in the place of the store, which nobody has open.
	Back() error
	// Remove leaves nothing of it.
	Remove() error
}
