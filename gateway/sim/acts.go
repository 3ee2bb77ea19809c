package sim

import (
	"slices"

	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// acting is what is on record of one key.
type acting struct {
	j     *journal
	at    []molt.Time // of each decision that had it made
	books int         // of them that book
	ends  int         // how many of them came to an end
	told  bool        // a person was told that nobody knows what became of one
	stood bool        // as the record had it last
}

// actings reads from the record which acts were decided.
func (r *record) actings() map[string]*acting {
	all := map[string]*acting{}
	of := func(j *journal, key string) *acting {
		if all[key] == nil {
			all[key] = &acting{j: j}
		}
		return all[key]
	}
	for _, j := range r.journals {
		for _, e := range j.events {
			var c *turn.Calling
			switch b := e.Body.(type) {
			case *turn.Calling:
				c = b
			case *turn.Called:
				a := of(j, b.Key)
				a.ends++
				if b.State == model.CallDone {
					a.stood = b.Tool == model.ToolBook
				}
				after := j.before(e.Seq + 2) // with the decision on it
				lost := b.State == model.CallUnknown || b.State == model.CallFailed
				a.told = a.told || lost && (after.owner != escalation.OwnerAgent || after.c.ID != "" && !after.c.Settled())
			case *turn.Decided: // what is given back is put back by a decision alone
				if b.Set != nil && b.Set.Calling != nil && b.Set.Calling.Back {
					c = b.Set.Calling
				}
			}
			if c == nil || c.Key == "" {
				continue
			}
			a := of(j, c.Key)
			a.at = append(a.at, e.At)
			if c.Tool == model.ToolBook {
				a.books++
			}
		}
	}
	return all
}

// open reports whether a person has it: it never ended, which is for the timer's
// judge, or somebody was told.
func (a *acting) open() bool { return a.told || a.ends < len(a.at) }

// checkActs holds the calendar's ledger against the record: nothing is made that was
// not decided before, nothing that a person's turn of speech ended, and no key more
// often than it was decided. What stands in the end somebody knows of.
func (w *world) checkActs(r *record) {
	all := r.actings()
	made := map[string]int{}
	for _, d := range w.calendar.ledger {
		if d.lost {
			continue
		}
		a := all[d.key]
		if a == nil || a.at[0] > d.begun {
			w.fault("act %s reached the calendar and is not on record before", d.key)
			continue
		}
		if owners := a.j.ownersAt(d.at); !slices.Contains(owners, escalation.OwnerAgent) {
			w.fault("act %s is made while %s owns the conversation", d.key, owners[0])
		}
		if d.made && d.slot != "" {
			made[d.key]++
		}
	}
	for key, n := range made {
		if n > all[key].books && !w.calendar.adrift[key] {
			w.fault("act %s was decided %d times and made %d times", key, all[key].books, n)
		}
	}
	for key, b := range w.calendar.stands {
		a := all[key]
		over := a != nil && a.stood && b.slot <= slotID(w.now.Std()) // another may follow one that is over
		if a != nil && !w.calendar.adrift[key] && !w.disk.frozen[a.j.id] && a.j.booked.Key != key && !a.open() && !over {
			w.fault("%s has an appointment at %s that nobody knows of", w.name(b.of), b.slot)
		}
	}
	for _, j := range r.journals {
		key := j.booked.Key
		if _, there := w.calendar.stands[key]; key != "" && !there && !w.calendar.adrift[key] && !all[key].open() {
			w.fault("%s: the record has an appointment %s, and the calendar none", j.id, j.booked.Slot.ID)
		}
	}
}

// checkActsSilent: no act is put on record while somebody else owns the conversation.
func (w *world) checkActsSilent(j *journal) {
	for _, e := range j.events {
		if c, ok := e.Body.(*turn.Calling); ok && j.before(e.Seq).owner != escalation.OwnerAgent {
			w.fault("%s, event %d: %s begins while %s owns the conversation", j.id, e.Seq, c.Tool, j.before(e.Seq).owner)
		}
	}
}

// ownersAt are all who owned the conversation in that millisecond.
func (j *journal) ownersAt(at molt.Time) []escalation.Owner {
	owners := []escalation.Owner{escalation.OwnerAgent}
	for _, s := range j.stands {
		switch {
		case s.at > at:
			return owners
		case s.at < at:
			owners = owners[:0]
		}
		owners = append(owners, s.owner)
	}
	return owners
}
