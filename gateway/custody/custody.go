package custody

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/tidegate/tidegate/gateway/audit"
	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/gateway/notary"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/attic"
	"github.com/tidegate/tidegate/molt/seal"
)

// rewrapAtOnce is how many conversations are re-wrapped side by side, so that
// their commits share a sync.
const rewrapAtOnce = 64

var (
	// ErrBusy says that the keys are being worked on already.
	ErrBusy = errors.New("the keys are being changed already")
	// ErrSupplied says that the key comes from outside, where nothing here can write.
	ErrSupplied = errors.New("the tenant key is supplied from outside, and is changed there")
	// ErrUnreadable says that some data keys do not open, so that the earlier tenant
	// key was kept.
	ErrUnreadable = errors.New("some data keys open under no tenant key, so the earlier one is kept")
)

// Options make a Custody. Store, Ring and Desk are required.
type Options struct {
	Store molt.Store
	Ring  *seal.Keyring
	Desk  *intake.Desk
	Files *attic.Attic // what patients sent; nil: none is kept
	// KeyFile holds the tenant key; "": it is supplied from outside.
	KeyFile string
	// Erases reports whether the carrier of a channel deletes texts; nil: none does.
	Erases func(channel string) bool
	// Copy takes and verifies a backup and a copy of the key as they are to survive
	// a change of the key, and does away with those of before; nil: none are taken.
	Copy func(context.Context, Copying) (Copies, error)

	Kick   func(class molt.Lane) // there is new work of that class; nil: nobody does it here
	Now    func() time.Time      // default time.Now
	Random io.Reader             // default crypto/rand
	Log    zerolog.Logger

	step func(name string) error // tests: called after each step; an error is a kill
}

// Copying is what copies are taken of.
type Copying struct {
	At    molt.Time
	Key   *seal.Keyring // that is to survive, alone
	Store string        // whose they are: others' may lie in the same folder
}

// Copies are the copies that were taken when the tenant key changed.
type Copies struct {
	Backup string `json:"backup,omitempty"` // the files
	Escrow string `json:"escrow,omitempty"`
}

// Custody changes keys and erases.
type Custody struct {
	o     Options
	audit *audit.Auditor
	mu    sync.Mutex // held by who changes keys or erases

	holding sync.Mutex // held by who lays or lifts legal holds
}

// New checks the options and starts nothing.
func New(o Options) (*Custody, error) {
	if o.Store == nil || o.Ring == nil || o.Desk == nil {
		return nil, errors.New("custody: Store, Ring and Desk are required")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.step == nil {
		o.step = func(string) error { return nil }
	}
	if o.Kick == nil {
		o.Kick = func(molt.Lane) {}
	}
	if o.Erases == nil {
		o.Erases = func(string) bool { return false }
	}
	return &Custody{o: o, audit: audit.New(o.Store, o.Ring)}, nil
}

// Identity names the store, so that its backups hold from the start whose they are.
func (c *Custody) Identity(ctx context.Context) (string, error) {
	return notary.Identity(ctx, c.o.Store, c.o.Ring, c.o.Random)
}

func (c *Custody) now() molt.Time { return molt.TimeOf(c.o.Now()) }

// each visits all conversations, a page at a time.
func (c *Custody) each(ctx context.Context, visit func(molt.ConversationHead) error) error {
	q := molt.Query{Table: molt.TableConversations, Limit: molt.MaxPage}
	for {
		p, err := c.o.Store.Scan(ctx, q)
		if err != nil {
			return err
		}
		for _, h := range p.Conversations {
			if err := visit(h); err != nil {
				return err
			}
		}
		if q.After = p.Next; q.After == "" {
			return nil
		}
	}
}
