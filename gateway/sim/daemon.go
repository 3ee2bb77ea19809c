package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/tidegate/tidegate/gateway"
	"github.com/tidegate/tidegate/gateway/casework"
	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/molt"
)

// daemon is one life of the gateway: all its memory.
type daemon struct {
	life   int
	g      *gateway.Gateway
	steps  *gateway.Steps
	work   *casework.Desk
	inline bool     // mailboxes run at once
	drains []func() // mailboxes that wait for their turn
	hooks  []*hook
	wake   molt.Time
}

// hook is a webhook whose answer is not given yet.
type hook struct {
	ticket intake.Ticket
	text   *text
}

// job is an item in a worker's hands.
type job struct {
	work *gateway.Work
	last molt.Time // when its last step ran: of a call, when the attempt was committed
	call *call     // that was made for it
}

// boot starts the daemon over what the last one left.
func (w *world) boot() {
	store, err := w.place.Open()
	if err != nil {
		w.fault("open: %v", err)
		return
	}
	w.recordRestore(store)
	w.disk.Store, w.disk.broken = store, false
	w.lives++
	d := &daemon{life: w.lives, inline: true}
	w.daemon = d
	d.g, err = gateway.New(gateway.Options{
		Files: w.openAttic(), Store: w.disk, Ring: w.keys, Screen: w.o.Screen, Parts: w.parts(), Public: nowhere{}, Private: nowhere{}, ConsoleURL: "https://console.example",
		Tenant: "sim", Replies: replies, Now: w.clock, Random: w.random, Spawn: w.spawn, After: w.wakes, Log: w.log(),
	})
	if err == nil {
		d.steps, err = d.g.Steps(context.Background())
	}
	if err == nil {
		d.work, err = casework.New(casework.Options{Desk: d.steps.Desk(), Rules: d.steps.Rules})
	}
	if err != nil {
		w.fault("boot: %v", err)
		return
	}
	if n := len(w.down); n > 0 && w.down[n-1].to == 0 {
		w.down[n-1].to = w.now
	}
	w.tell("the daemon is up, life %d", d.life)
	w.know(d.steps.Rules())
	w.inForce(d.steps.Rules())
	w.lookBack()
}

// log is the daemon's own, where the world is told.
func (w *world) log() zerolog.Logger {
	if !w.told {
		return zerolog.Nop()
	}
	return zerolog.New(logger{w})
}

type logger struct{ w *world }

func (l logger) Write(b []byte) (int, error) {
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		return 0, err
	}
	text := ""
	for _, k := range []string{"message", "conversation", "seq", "item", "step", "reason", "detail", "state", "severity", "fault", "rule", "error"} {
		if v, ok := m[k]; ok {
			text += fmt.Sprintf(" %v", v)
		}
	}
	l.w.tell("   %s", text)
	return len(b), nil
}

func (w *world) clock() time.Time { return w.now.Std() }

// spawn runs a mailbox: at once inside a step, in its own turn behind a door.
func (w *world) spawn(f func()) {
	w.wakes(w.within(0, 20*time.Millisecond), f)
}

// wakes gives a mailbox its turn later, or before a step waits behind it: at once
// inside one.
func (w *world) wakes(in time.Duration, f func()) {
	d := w.daemon
	if d.inline {
		f()
		return
	}
	d.drains = append(d.drains, f)
	w.after(in, d.life, "mailbox", w.drain)
}

// drain gives one mailbox its turn.
func (w *world) drain() {
	d := w.daemon
	if len(d.drains) == 0 {
		return
	}
	i := w.r.IntN(len(d.drains))
	f := d.drains[i]
	d.drains = slices.Delete(d.drains, i, i+1)
	f()
}

// settle runs the mailboxes that wait: a worker's step would wait behind them.
func (w *world) settle() {
	for len(w.daemon.drains) > 0 {
		w.drain()
	}
}

// pump answers the doors and hands out what is due.
func (w *world) pump() {
	d := w.daemon
	if d == nil || d.steps == nil {
		return
	}
	d.hooks = slices.DeleteFunc(d.hooks, w.answered)
	works, err := d.steps.Claim(context.Background())
	if err != nil {
		w.fault("claim: %v", err)
		return
	}
	for _, work := range works {
		j := &job{work: work}
		w.after(w.pause(work), d.life, "claimed "+string(work.Item.Lane), func() { w.step(j) })
	}
	if next := d.steps.Next(); next > 0 && (d.wake <= w.now || next < d.wake) {
		d.wake = next
		w.after(next.Sub(w.now), d.life, "wake", func() {})
	}
}

// pause is how long a worker takes until its next step: seldom long, and at
// times longer than its lease.
func (w *world) pause(work *gateway.Work) time.Duration {
	switch {
	case w.calm || !w.chance(w.weather.stall):
		return w.within(0, 20*time.Millisecond)
	case w.books && work.Item.Lane == molt.LaneAsk && w.chance(0.3): // the watchdog has the patient by then
		return w.within(8*time.Minute, 12*time.Minute)
	case w.chance(0.3):
		return w.within(2*time.Minute, 4*time.Minute)
	}
	return w.within(time.Second, 20*time.Second)
}

// step lets a worker do its next step. One whose lease is over finds its context
// ended, as a lane's worker does.
func (w *world) step(j *job) {
	w.settle()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if w.now >= j.work.Item.Lease.Until {
		cancel()
	}
	w.job, w.took = j, 0
	more := j.work.Step(ctx)
	w.job = nil
	j.last = w.now
	if !more && j.call != nil && ctx.Err() == nil && !w.disk.broken {
		j.call.known = true
	}
	if more {
		w.after(w.took+w.pause(j.work), w.daemon.life, "step of "+string(j.work.Item.Lane), func() { w.step(j) })
	}
}

// lookBack looks through the carriers' lists.
func (w *world) lookBack() {
	w.settle()
	next := w.daemon.steps.LookBack(context.Background())
	if next > 0 && !w.longCalm() {
		w.after(next.Sub(w.now), w.daemon.life, "back-fill", w.lookBack)
	}
}

// longCalm reports whether nothing is left that a list could bring.
func (w *world) longCalm() bool { return w.calm && w.now > w.ends.Add(2*time.Hour) }

// crash drops the daemon with all its memory. It comes back a little later.
func (w *world) crash(where string) {
	w.drop(where)
	away := w.within(100*time.Millisecond, 3*time.Second)
	if w.chance(0.15) {
		away = w.within(time.Minute, 20*time.Minute)
	}
	w.after(away, 0, "boot", w.boot)
}

func (w *world) drop(where string) {
	d := w.daemon
	w.tell("CRASH %s", where)
	w.daemon, w.disk.armed = nil, 0
	if n := len(w.down); n == 0 || w.down[n-1].to != 0 { // else it died again before it was up
		w.down = append(w.down, span{from: w.now})
	}
	for _, c := range w.carriers {
		c.cut()
	}
	for _, h := range d.hooks {
		h.text.carrier.answer(h.text, false)
	}
}

// accept is the public door.
func (w *world) accept(t *text) {
	d := w.daemon
	d.inline = false
	ticket, err := d.steps.Desk().Accept(context.Background(), t.in())
	d.inline = true
	if err != nil {
		w.fault("the door: %v", err)
		return
	}
	d.hooks = append(d.hooks, &hook{ticket, t})
}

// answered gives a webhook its answer once there is one.
func (w *world) answered(h *hook) bool {
	select {
	case <-h.ticket.Done():
	default:
		return false
	}
	if _, err := h.ticket.Wait(context.Background()); err != nil {
		w.tell("webhook %s: 503: %v", h.text.id, err)
		h.text.carrier.answer(h.text, false)
		return true
	}
	h.text.carrier.answer(h.text, true)
	return true
}

// nowhere is a listener that nobody reaches: a world has no sockets.
type nowhere struct{}

func (nowhere) Accept() (net.Conn, error) { return nil, net.ErrClosed }
func (nowhere) Close() error              { return nil }
func (nowhere) Addr() net.Addr            { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }
