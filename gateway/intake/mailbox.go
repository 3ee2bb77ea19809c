package intake

import (
	"container/list"
	"context"
	"sync"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/seal"
)

// letter is one thing to decide on, and where its answer goes.
type letter struct {
	began   turn.Began
	inbound *channels.Inbound // a text, decided together with others that wait
	text    uint64            // its event, once it is in a step
	seen    molt.MarkID       // the text's own mark
	file    *Sealed           // that the text names; nil: none that is here already
	plan    func(*turn.State, func(turn.Ref) molt.Words) Plan
	alone   func(context.Context) error // done in the mailbox's turn, beside its state

	slots    chan struct{} // of the mailbox it was posted to, which it holds one of
	done     chan struct{}
	answer   Answer
	err      error
	finished bool
}

// mailbox orders the commits of one conversation. The fields below the line
// belong to whoever drains it.
type mailbox struct {
	id    molt.ConversationID
	slots chan struct{} // one a letter under way: MaxQueue

	mu      sync.Mutex
	queue   []*letter
	running bool
	place   *list.Element // in the desk's idle list, nil while running; guarded by the desk

	loaded bool
	moved  molt.ConversationID // the successor that took over
	state  turn.State
	head   molt.Head
	box    *seal.Box
	memory memory

	waits  bool // for company, before its next turn
	waited int  // letters at the head that have; see gathers
}

// post puts a letter into a mailbox and sees to it that somebody drains it.
func (d *Desk) post(ctx context.Context, id molt.ConversationID, l *letter) (Ticket, error) {
	l.done = make(chan struct{})
	if err := ctx.Err(); err != nil { // whoever stopped waiting begins nothing, room or not
		return Ticket{}, err
	}
	l.slots = d.box(id).slots
	select {
	case l.slots <- struct{}{}:
	case <-ctx.Done():
		return Ticket{}, ctx.Err()
	}
	select {
	case d.waiting <- struct{}{}:
	case <-ctx.Done():
		<-l.slots
		return Ticket{}, ctx.Err()
	}
	d.deliver(id, l)
	return Ticket{l}, nil
}

// box is the mailbox of a conversation. Whoever waits for one of its slots while
// it is forgotten holds nobody up: its heir has slots of its own.
func (d *Desk) box(id molt.ConversationID) *mailbox {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.boxLocked(id)
}

func (d *Desk) boxLocked(id molt.ConversationID) *mailbox {
	m := d.boxes[id]
	if m == nil {
		m = &mailbox{id: id, slots: make(chan struct{}, MaxQueue)}
		d.boxes[id] = m
		m.place = d.idle.PushBack(m)
	}
	return m
}

// deliver puts letters into a mailbox in one move, so that none falls between
// a mailbox that is being forgotten and a new one.
func (d *Desk) deliver(id molt.ConversationID, letters ...*letter) {
	d.mu.Lock()
	m := d.boxLocked(id)
	if m.place != nil {
		d.idle.Remove(m.place)
		m.place = nil
	}
	m.mu.Lock()
	m.queue = append(m.queue, letters...)
	start := !m.running
	m.running = true
	m.mu.Unlock()
	d.mu.Unlock()
	if start {
		d.o.Spawn(func() { d.drain(m) })
	}
}

// rest puts a mailbox on the idle list, unless a letter came meanwhile, and
// forgets the least recently used ones.
func (d *Desk) rest(m *mailbox) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.queue) > 0 {
		return false
	}
	m.running = false
	if m.place == nil {
		m.place = d.idle.PushBack(m)
	}
	for len(d.boxes) > MaxMailboxes && d.idle.Len() > 0 {
		old := d.idle.Remove(d.idle.Front()).(*mailbox)
		old.place = nil
		delete(d.boxes, old.id)
	}
	return true
}

// drain decides what waits until nothing does.
func (d *Desk) drain(m *mailbox) {
	for {
		m.mu.Lock()
		if wait := d.gathers(m); wait > 0 {
			m.mu.Unlock()
			d.o.After(wait, func() { d.drain(m) })
			return
		}
		batch := m.next()
		m.mu.Unlock()
		if len(batch) == 0 {
			if d.rest(m) {
				return
			}
			continue
		}
		d.handle(m, batch)
	}
}

// next takes the letters that are decided together: texts that stand in a row,
// or one other letter.
func (m *mailbox) next() []*letter {
	n := m.texts()
	if n == 0 && len(m.queue) > 0 {
		n = 1
	}
	batch := m.queue[:n:n]
	m.queue, m.waited = m.queue[n:], max(0, m.waited-n)
	return batch
}

// texts are how many stand in a row at the head and are decided together.
func (m *mailbox) texts() (n int) {
	for n < len(m.queue) && n < MaxInbound && m.queue[n].inbound != nil {
		n++
	}
	return n
}

// finish answers a letter, once: whoever fails later fails only the others.
func (d *Desk) finish(l *letter, a Answer, err error) {
	if l.finished {
		return
	}
	l.finished = true
	if l.answer, l.err = a, err; !a.Duplicate && a.Conversation != "" {
		l.answer.Text = l.text
	}
	close(l.done)
	<-l.slots
	<-d.waiting
}

// turnAway answers letters with a file, which is sealed for this journal and no
// other, and returns the rest.
func (d *Desk) turnAway(letters []*letter) (rest []*letter) {
	for _, l := range letters {
		if l.file != nil {
			d.finish(l, Answer{}, ErrMoved)
			continue
		}
		rest = append(rest, l)
	}
	return rest
}

func (d *Desk) finishAll(letters []*letter, a Answer, err error) {
	for _, l := range letters {
		d.finish(l, a, err)
	}
}
