package intake

import (
	"container/list"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/gateway/screen"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/seal"
)

// Limits of the desk.
const (
	MaxMailboxes = 2048 // conversations kept in memory
	MaxWaiting   = 4096 // letters that wait for their commit; more wait outside
	MaxQueue     = 128  // letters of one conversation that wait for their commit; more wait outside, in nobody else's way
	MaxInbound   = 64   // texts decided in one batch
	MaxConflicts = 3    // refused commits until the facts are committed alone
	entropyBytes = 16
	recentEvents = 64 // loaded with a conversation; what its messages and notes refer to beyond them is fetched by itself
)

var (
	// ErrFrozen says that a conversation's journal cannot be gone on with.
	ErrFrozen = errors.New("conversation is frozen")
	// ErrGone says that the step's item was finished or taken by somebody else.
	ErrGone = errors.New("the item is no longer this worker's")
	// ErrUnknownConversation says that there is no such journal.
	ErrUnknownConversation = errors.New("no such conversation")
	// ErrMoved says that another journal took over from the one a file was sealed for.
	ErrMoved = errors.New("the conversation goes on in another journal")
)

// Options make a Desk. Store, Ring, Screen and Rules are required.
type Options struct {
	Store  molt.Store
	Ring   *seal.Keyring
	Screen *screen.Screen
	Rules  func() *turn.Rules // in force now
	Tenant string
	Now    func() time.Time                                    // default time.Now
	Random io.Reader                                           // default crypto/rand
	Spawn  func(func())                                        // default: a goroutine; a simulator runs it in its own order
	After  func(time.Duration, func())                         // calls later; nil: a flood is not gathered
	Kick   func(class molt.Lane)                               // there is new work of that class
	Watch  func(molt.ConversationID, turn.State, turn.Decided) // each decision after its commit
	Log    zerolog.Logger
}

// Desk is where facts come in and are decided.
type Desk struct {
	o       Options
	waiting chan struct{} // one slot a letter under way
	pace    pace

	mu    sync.Mutex
	boxes map[molt.ConversationID]*mailbox
	idle  *list.List // mailboxes nobody works on, least recently used first
}

// New checks the options and starts nothing.
func New(o Options) (*Desk, error) {
	switch {
	case o.Store == nil, o.Ring == nil, o.Screen == nil, o.Rules == nil:
		return nil, errors.New("intake: Store, Ring, Screen and Rules are required")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.Spawn == nil {
		o.Spawn = func(f func()) { go f() } // ends with the mailbox's last letter
	}
	if o.Kick == nil {
		o.Kick = func(molt.Lane) {}
	}
	if o.Watch == nil {
		o.Watch = func(molt.ConversationID, turn.State, turn.Decided) {}
	}
	return &Desk{o: o, waiting: make(chan struct{}, MaxWaiting), boxes: map[molt.ConversationID]*mailbox{}, idle: list.New()}, nil
}

// Ticket is a letter's answer to come.
type Ticket struct{ l *letter }

// Wait returns when the letter is decided and committed, or ctx ends; the
// letter itself goes on.
func (t Ticket) Wait(ctx context.Context) (Answer, error) {
	select {
	case <-t.l.done:
	case <-ctx.Done():
		select {
		case <-t.l.done: // an answer that is there is not thrown away
		default:
			return Answer{}, ctx.Err()
		}
	}
	return t.l.answer, t.l.err
}

// Done is closed when Wait would not block.
func (t Ticket) Done() <-chan struct{} { return t.l.done }

// Answer is what became of a letter.
type Answer struct {
	Conversation molt.ConversationID
	Seq          uint64 // the decision's
	Reason       turn.Reason
	Detail       string // the reason's id, never anybody's words
	Duplicate    bool   // the text was known already
	Text         uint64 // the text's own event; 0: a duplicate, or no text
}

// Accept is the door: it gives a text to its conversation's mailbox and returns
// at once. The text is safe when the ticket says so, and not before.
func (d *Desk) Accept(ctx context.Context, in channels.Inbound) (Ticket, error) {
	began := d.beganOf(in)
	return d.post(ctx, d.conversation(began), &letter{inbound: &in, began: began, seen: d.seen(in)})
}

// Sealed says under what a file was sealed that comes with a text: the journal,
// and the keys that were made for it and go into its commit.
type Sealed struct {
	Conversation molt.ConversationID
	Keys         []molt.WrappedKey
}

// AcceptFile is Accept for a text that names a file. The answer is ErrMoved where
// the journal that the file was sealed for is not gone on with.
func (d *Desk) AcceptFile(ctx context.Context, in channels.Inbound, f Sealed) (Ticket, error) {
	return d.post(ctx, f.Conversation, &letter{inbound: &in, began: d.beganOf(in), seen: d.seen(in), file: &f})
}

// Known reports whether a text was taken in before.
func (d *Desk) Known(ctx context.Context, in channels.Inbound) (bool, error) {
	_, ok, err := d.Mark(ctx, d.seen(in))
	return ok, err
}

// Latest is the journal in which a conversation goes on.
func (d *Desk) Latest(ctx context.Context, id molt.ConversationID) (molt.ConversationID, error) {
	ids, err := d.Journals(ctx, id)
	return ids[len(ids)-1], err
}

// seen is the mark of a text that was taken in.
func (d *Desk) seen(in channels.Inbound) molt.MarkID {
	return d.o.Ring.Mark("seen", in.Channel, in.Account.Reveal(), in.ProviderID)
}

// Plan is what a step wants to commit, having seen the state.
type Plan struct {
	Facts  []Fact
	Leases []molt.Lease
	Unseen []molt.MarkID // marks that the commit puts and that must not be there
	Marks  []molt.Mark   // marks that the commit puts
}

// Fact is something that happened, for the journal.
type Fact struct {
	Kind string
	Body any
}

// Step lets a worker decide on the conversation's state as it is now: plan sees
// it, names the facts, and all is committed with the decision on them. A plan
// without facts commits nothing. began is used when the journal is empty; nil
// refuses that.
func (d *Desk) Step(ctx context.Context, id molt.ConversationID, began *turn.Began, plan func(*turn.State, func(turn.Ref) molt.Words) Plan) (Answer, error) {
	l := &letter{plan: plan}
	if began != nil {
		l.began = *began
	}
	t, err := d.post(ctx, id, l)
	if err != nil {
		return Answer{}, err
	}
	return t.Wait(ctx)
}

// Alone has f done while nothing else of the conversation is, frozen or not, and
// its journal read anew afterwards. It is for what changes the record beside the
// decisions: its keys.
func (d *Desk) Alone(ctx context.Context, id molt.ConversationID, f func(context.Context) error) (Ticket, error) {
	return d.post(ctx, id, &letter{alone: f})
}

// beganOf says whose conversation a text belongs to.
func (d *Desk) beganOf(in channels.Inbound) turn.Began {
	b := turn.Began{Channel: in.Channel, Account: in.Account, Peer: in.Peer}
	if b.Live = in.Via == channels.ViaLive; b.Live {
		b.Lang = in.Lang
	}
	for _, p := range d.o.Rules().Plan.People {
		for _, r := range p.Routes {
			if r.Channel == in.Channel && r.Address == in.Peer {
				b.Person = p.ID
			}
		}
	}
	return b
}

// conversation is the id of the journal of that contact.
func (d *Desk) conversation(b turn.Began) molt.ConversationID {
	if b.Person != "" {
		// A staff member has one stream on a channel, whichever of our numbers
		// she writes to.
		return d.o.Ring.Stream(d.o.Tenant, b.Channel, b.Peer.Reveal())
	}
	return d.o.Ring.Conversation(d.o.Tenant, b.Channel, b.Account.Reveal(), b.Peer.Reveal())
}

// StreamOf is the stream of the staff member at that address.
func (d *Desk) StreamOf(person molt.PersonID, channel string, address molt.Address) (molt.ConversationID, turn.Began) {
	b := turn.Began{Channel: channel, Account: d.o.Rules().Accounts[channel], Peer: address, Person: person}
	return d.conversation(b), b
}

// ConversationOf is the id of a patient's conversation.
func (d *Desk) ConversationOf(channel string, account, peer molt.Address) molt.ConversationID {
	return d.conversation(turn.Began{Channel: channel, Account: account, Peer: peer})
}
