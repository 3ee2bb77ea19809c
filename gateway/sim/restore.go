package sim

import (
	"context"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/gateway/notary"
	"github.com/tidegate/tidegate/molt"
)

// backup is a copy of the record, and what came of it.
type backup struct {
	at     molt.Time // when it was taken; 0: none was
	lost   molt.Time // when the record was lost, and the copy put in its place
	served molt.Time // when a daemon served it
}

// planRestore has a machine lost, and the backup of it brought in. What a page holds
// no carrier can give back, so that nobody chats in such a world.
func (w *world) planRestore() {
	if w.chats || !w.chance(0.12) {
		return
	}
	at := w.within(2*time.Minute, 40*time.Minute)
	w.after(at, 0, "a backup is taken", w.takeBackup)
	w.after(at+w.within(10*time.Second, 18*time.Minute), 0, "the machine is lost", w.loseMachine)
}

func (w *world) takeBackup() {
	if w.damaged > 0 || w.daemon == nil || w.daemon.steps == nil {
		return
	}
	w.settle()
	if err := w.place.Keep(); err != nil {
		w.fault("backup: %v", err)
		return
	}
	w.backup.at = w.now
	w.tell("a backup is taken")
}

// loseMachine ends the daemon and its record. Carriers and people keep what they know.
func (w *world) loseMachine() {
	if w.backup.at == 0 || w.damaged > 0 || w.daemon == nil || w.daemon.steps == nil {
		return
	}
	w.crash("and its machine is lost")
	if err := w.place.Back(); err != nil {
		w.fault("restore: %v", err)
		return
	}
	at := w.backup.at
	w.backup.lost = w.now
	w.down[len(w.down)-1].from = at // of that time nobody who serves the copy knows
	for _, c := range w.carriers {
		c.looked = 0
		for _, t := range c.inbound {
			if t.acked >= at {
				t.acked = 0
			}
		}
		for _, k := range c.calls {
			k.lost = k.begun >= at
			k.known, k.told = k.known && k.ends < at, false
		}
	}
	w.calendar.lose(at)
}

// lose marks what the record knows no more.
func (c *calendar) lose(at molt.Time) {
	for _, d := range c.ledger {
		if d.begun >= at {
			d.lost = true
			c.adrift[d.key] = true
		}
	}
}

// recordRestore puts the restore on record, as the verb does before a daemon starts.
func (w *world) recordRestore(store molt.Store) {
	if w.backup.lost == 0 || w.backup.served > 0 {
		return
	}
	err := notary.Record(context.Background(), store, w.keys, notary.Restore{At: w.now, AsOf: w.backup.at, By: "os:carmen"})
	if err != nil {
		w.fault("restore: %v", err)
	}
	w.backup.served = w.now
	w.tell("the backup is served")
}

// judgeAnswered: who was answered in the time that a restore lost is not answered once
// more, unless they wrote since.
func (w *world) judgeAnswered(c *carrier, p *patient, k *call) {
	if k.o.Class != channels.ClassAgent || w.backup.served == 0 {
		return
	}
	var heard molt.Time
	for _, t := range c.inbound {
		if t.from == p.phone && t.sent <= k.begun {
			heard = max(heard, t.sent)
		}
	}
	if heard > w.backup.served {
		return
	}
	for _, old := range c.calls {
		if old.lost && old.taken && old.o.Peer == p.phone && old.arrived > 0 && old.at >= heard {
			w.fault("%s was answered at %s, before a restore, and is answered again: %q", p.name, old.at, k.o.Words.Reveal())
			return
		}
	}
}

// Recall implements channels.Recaller.
func (c *carrier) Recall(ctx context.Context, o channels.Outbound, from, until molt.Time) (channels.Receipt, bool, error) {
	w := c.w
	w.took = w.within(10*time.Millisecond, 500*time.Millisecond)
	if err := ctx.Err(); err != nil {
		return channels.Receipt{}, false, err
	}
	if !w.calm && w.chance(0.1*w.weather.carrier) {
		return channels.Receipt{}, false, errList
	}
	for _, k := range c.calls {
		same := o.Words == "" || k.o.Words == o.Words
		if k.taken && k.o.Peer == o.Peer && same && k.at >= from && k.at <= until {
			return channels.Receipt{ProviderID: k.id, Status: channels.StatusSent, At: k.at}, true, nil
		}
	}
	return channels.Receipt{}, false, nil
}

var _ channels.Recaller = (*carrier)(nil)
