package sim

import (
	"context"
	"fmt"
	"slices"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/seal"
)

// journal is one journal, read to its end.
type journal struct {
	id     molt.ConversationID
	began  turn.Began
	events []turn.Event
	stands []stand     // after each decision, oldest first
	sends  []turn.Send // in the end
	booked turn.Appointment
}

// stand is how a conversation stands from one decision on.
type stand struct {
	at    molt.Time
	seq   uint64
	owner escalation.Owner
	c     escalation.Case
	why   turn.Reason
}

// attemptID names an attempt.
type attemptID struct {
	item molt.ItemID
	n    int
}

// record is everything that the daemon wrote down.
type record struct {
	journals []*journal
	inbound  map[string]int          // by provider id: in how many events
	taken    map[string]molt.Time    // by provider id: when the first of them was committed
	attempts map[attemptID]molt.Time // when it was first on record
}

func (w *world) read() (*record, error) {
	ctx := context.Background()
	r := &record{inbound: map[string]int{}, taken: map[string]molt.Time{}, attempts: map[attemptID]molt.Time{}}
	p, err := w.disk.Scan(ctx, molt.Query{Table: molt.TableConversations, Limit: molt.MaxPage})
	if err != nil {
		return nil, fmt.Errorf("read the record: %w", err)
	}
	for _, c := range p.Conversations {
		j, err := w.readJournal(ctx, c.ID)
		if err != nil {
			return nil, fmt.Errorf("read the record: %w", err)
		}
		r.journals = append(r.journals, j)
		r.note(j)
	}
	return r, nil
}

func (w *world) readJournal(ctx context.Context, id molt.ConversationID) (*journal, error) {
	keys, err := w.disk.Scan(ctx, molt.Query{Table: molt.TableKeys, Conversation: id, Limit: molt.MaxPage})
	if err != nil {
		return nil, err
	}
	box, err := seal.NewBox(w.keys, id, keys.Keys, nil)
	if err != nil {
		return nil, err
	}
	j := &journal{id: id}
	q := molt.Query{Table: molt.TableEvents, Conversation: id, Limit: molt.MaxPage}
	for {
		p, err := w.disk.Scan(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, e := range p.Events {
			if !judged(e.Kind) { // Verify reads them all
				j.events = append(j.events, turn.Event{Seq: e.Seq, At: e.At, Kind: e.Kind})
				continue
			}
			plain, err := box.Open(e.Kind, e.Key, e.Body)
			if err != nil {
				return nil, err
			}
			ev, err := turn.Decode(e.Seq, e.At, e.Kind, plain)
			if err != nil {
				return nil, err
			}
			j.take(ev)
		}
		if q.After = p.Next; q.After == "" {
			return j, w.standing(ctx, j)
		}
	}
}

// judged reports whether a checker reads events of that kind.
func judged(kind string) bool {
	switch kind {
	case turn.KindBegan, turn.KindInbound, turn.KindDecided, turn.KindAttempted, turn.KindCalling, turn.KindCalled, turn.KindFetched, turn.KindChecked:
		return true
	}
	return false
}

// standing is how the daemon has the conversation in the end; of one that is damaged
// it has nothing. That it follows from the journal is for Verify.
func (w *world) standing(ctx context.Context, j *journal) error {
	if w.disk.frozen[j.id] {
		return nil
	}
	_, err := w.daemon.steps.Desk().Step(ctx, j.id, nil, func(s *turn.State, _ func(turn.Ref) molt.Words) intake.Plan {
		j.sends, j.booked = slices.Clone(s.Sends), s.Booked
		return intake.Plan{}
	})
	return err
}

func (j *journal) take(e turn.Event) {
	j.events = append(j.events, e)
	switch b := e.Body.(type) {
	case *turn.Began:
		if e.Seq == 1 {
			j.began = *b
		}
	case *turn.Decided:
		s := stand{owner: escalation.OwnerAgent}
		if n := len(j.stands); n > 0 {
			s = j.stands[n-1]
		}
		s.at, s.seq, s.why = e.At, e.Seq, b.Reason
		if b.Owner != "" {
			s.owner = b.Owner
		}
		if b.Case != nil {
			s.c = *b.Case
		}
		j.stands = append(j.stands, s)
	}
}

// before is how the conversation stood right before an event.
func (j *journal) before(seq uint64) stand {
	s := stand{owner: escalation.OwnerAgent}
	for _, next := range j.stands {
		if next.seq >= seq {
			break
		}
		s = next
	}
	return s
}

func (r *record) note(j *journal) {
	for _, e := range j.events {
		switch b := e.Body.(type) {
		case *channels.Inbound:
			r.inbound[b.ProviderID]++
			if at, there := r.taken[b.ProviderID]; !there || e.At < at {
				r.taken[b.ProviderID] = e.At
			}
		case *turn.Attempted:
			id := attemptID{b.Item, b.Attempt}
			if at, there := r.attempts[id]; !there || e.At < at { // a successor counts from 1
				r.attempts[id] = e.At
			}
		}
	}
}

// answers lists the facts that a decision answers.
func (j *journal) answers(i int, d *turn.Decided) []turn.Event {
	if d.Step == 0 { // a successor's first
		return j.events[:i]
	}
	return j.events[i-d.Step : i]
}

// callsOf are all calls about a conversation, in the order in which they
// reached the carriers.
func (w *world) callsOf(id molt.ConversationID) (out []*call) {
	for _, c := range w.carriers {
		for _, k := range c.calls {
			if k.o.Conversation == id {
				out = append(out, k)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b *call) int { return int(a.at - b.at) })
	return out
}

// away is for how long nobody was there to act, between two moments.
func (w *world) away(from, to molt.Time) (sum molt.Time) {
	for _, d := range w.down {
		end := d.to
		if end == 0 {
			end = w.now
		}
		sum += max(0, min(to, end)-max(from, d.from))
	}
	return sum
}
