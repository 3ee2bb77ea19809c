package sim

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway"
	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// The configurations that an admin may put in force. The first is the one a
// world begins and ends with.
const (
	usual       = iota
	swapped     // the nurses change places, the watchdog is quicker
	renamed     // the second step has another name: frozen chains do not find it
	nobodyThere // no step has anybody on call
	noAgent
	fewAsks
	unlistedNumber // the channel no longer lists the number that patients write to
	drafting       // each text and act of the agent's waits for a nurse
	goesAlone      // and none
	variants
)

// vary makes a configuration of the usual one.
func (w *world) vary(p *gateway.Parts, variant int) {
	r := p.Rules
	steps := r.Plan.Steps
	switch variant {
	case swapped:
		steps[0].OnCall, steps[1].OnCall = steps[1].OnCall, steps[0].OnCall
		r.Watchdog = time.Minute
	case renamed:
		steps[1].Name = "seniors"
	case nobodyThere:
		steps[0].OnCall, steps[1].OnCall = nil, nil
	case noAgent:
		r.Agent = false
	case fewAsks:
		r.AsksPerHour, p.AsksPerHour = 2, 4
	case unlistedNumber:
		r.Senders = map[string][]molt.Address{mainChannel: {otherNumber}, otherChannel: {otherNumber}, chatChannel: {chatAccount}}
	case drafting:
		w.govern(r, turn.AutonomyDraft)
	case goesAlone:
		w.govern(r, turn.AutonomyExtended)
	}
	r.Digest = "sim-" + strconv.Itoa(variant)
	if w.calm {
		r.Digest += "-calm"
	}
	p.Record = []byte(r.Digest)
}

// disturb plans what admins do, and what befalls the machine.
func (w *world) disturb() {
	const all = plotHours * time.Hour
	for range w.r.IntN(3) {
		w.after(w.within(0, all), 0, "reload", func() { w.reload(pick(w.r, nobodyThere, 1+w.r.IntN(variants-1), 1+w.r.IntN(variants-1))) })
	}
	if w.chance(0.2) {
		w.after(w.within(0, all), 0, "the power is off", w.outage)
	}
	if w.chance(0.3) {
		at := w.within(0, all)
		channel := pick(w.r, "", mainChannel)
		w.after(at, 0, "pause", func() { w.pauseAgent(channel, true) })
		w.after(at+w.within(time.Minute, 20*time.Minute), 0, "resume", func() { w.pauseAgent(channel, false) })
	}
	for range w.r.IntN(4) {
		w.after(w.within(0, all), 0, "a commit goes wrong soon", func() { w.disk.armed = 1 + w.r.IntN(8) })
	}
	if w.chance(0.15) {
		w.after(w.within(0, all), 0, "a journal is damaged", w.damage)
	}
	w.planRestore()
	if w.chance(0.3) {
		w.after(w.within(0, all), 0, "a link is asked for", w.askLink)
	}
	if w.chance(0.3) {
		w.after(w.within(0, all), 0, "a nurse takes over", w.takeOver)
	}
}

// reload puts another configuration in force.
func (w *world) reload(variant int) {
	w.variant = variant
	w.tell("the configuration is now variant %d", variant)
	if w.daemon == nil || w.daemon.steps == nil {
		return // it is read at the start
	}
	w.settle()
	if err := w.daemon.g.Swap(context.Background(), w.parts()); err != nil {
		w.tell("swap: %v", err)
	}
	w.know(w.daemon.steps.Rules())
	w.inForce(w.daemon.steps.Rules())
}

// pauseAgent turns the switch.
func (w *world) pauseAgent(channel string, silent bool) {
	if w.daemon == nil || w.daemon.steps == nil {
		return
	}
	w.settle()
	if err := w.daemon.g.Pause(context.Background(), "carmen", channel, silent); err != nil {
		w.tell("pause: %v", err)
		return
	}
	w.tell("the agent is paused (%v) on %q", silent, channel)
	w.know(w.daemon.steps.Rules())
}

// outage is one in which texts grow too old to be sent.
func (w *world) outage() {
	if w.daemon == nil {
		return
	}
	w.drop("and there is no power")
	w.after(w.within(11*time.Minute, 40*time.Minute), 0, "boot", w.boot)
}

// damage makes a patient's journal unreadable. The daemon finds out when it
// reads it next, which is after it died.
func (w *world) damage() {
	if w.backup.lost > 0 || w.daemon == nil || w.daemon.steps == nil {
		return
	}
	p := pick(w.r, w.patients...)
	id := p.conversation()
	w.disk.frozen[id], w.damaged = true, w.now
	w.crash("and the journal of " + p.name + " is damaged")
}

// askLink has the console text a nurse a link to sign in with.
func (w *world) askLink() {
	if w.daemon == nil || w.daemon.steps == nil {
		return
	}
	w.settle()
	n := pick(w.r, w.nurses...)
	desk := w.daemon.steps.Desk()
	id, began := desk.StreamOf(n.id, mainChannel, n.phone)
	_, err := desk.Step(context.Background(), id, &began, func(*turn.State, func(turn.Ref) molt.Words) intake.Plan {
		return intake.Plan{Facts: []intake.Fact{{Kind: turn.KindNotice, Body: &turn.Notice{What: "sign_in", Words: "Sign in: https://console.example"}}}}
	})
	if err != nil {
		w.tell("link: %v", err)
	}
}

// takeOver has a nurse take a conversation in which no case may be.
func (w *world) takeOver() {
	p, n := pick(w.r, w.patients...), pick(w.r, w.nurses...)
	n.takesOver(p, pick(w.r, escalation.S2, escalation.S3, ""))
}

// clear ends the plot: the weather is good, the configuration the usual one,
// and somebody works through the list.
func (w *world) clear() {
	w.tell("the weather clears")
	w.calm, w.disk.armed = true, 0
	for _, c := range w.carriers {
		clear(c.stopped)
	}
	w.reload(usual)
	for _, channel := range []string{"", mainChannel} {
		w.pauseAgent(channel, false)
	}
	w.chargeNurse()
}

// people are those whom the rules know.
func (w *world) staff() (people map[molt.PersonID]escalation.Person, all []molt.PersonID) {
	people = map[molt.PersonID]escalation.Person{}
	for i, n := range w.nurses {
		people[n.id] = escalation.Person{ID: n.id, Name: "Nurse " + string(n.id), Role: escalation.RoleNurse, Routes: []escalation.Route{
			{Name: "sms", Channel: mainChannel, Address: n.phone, PHI: i != 1},
			{Name: "other", Channel: otherChannel, Address: n.phone},
		}}
		all = append(all, n.id)
	}
	slices.Sort(all)
	return people, all
}
