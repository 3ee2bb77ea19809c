package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/tidegate/tidegate/molt"
)

// Limits and defaults.
const (
	MaxLinks    = 5 // of one person at a time; the oldest goes first
	MaxSessions = 8 // of one person at a time; the oldest goes first
	DefaultIdle = 30 * time.Minute
	DefaultLife = 12 * time.Hour
	DefaultLink = 10 * time.Minute
	tokenBytes  = 32
	markPrefix  = "access:"
	// seenEvery is how often a session's last use is written down. A restart
	// may shorten its idle time by as much, never lengthen it.
	seenEvery = time.Minute
)

var (
	// ErrLink says that a link is used, too old, or none of ours.
	ErrLink = errors.New("this link is used up or too old: ask for a new one")
	// ErrPerson says that nobody of that id may sign in.
	ErrPerson = errors.New("no member of staff has that id")
)

// Person is who may sign in.
type Person struct {
	ID   molt.PersonID
	Name string
	Role Role
}

// Session is somebody who has signed in.
type Session struct {
	Person
	Began molt.Time
	Until molt.Time // the absolute end
	sum   sum
}

// Options make an Access. Store and People are required.
type Options struct {
	Store  molt.Store
	People func() map[molt.PersonID]Person // in force now
	Idle   time.Duration                   // a session unused for so long ends; default DefaultIdle
	Life   time.Duration                   // a session ends after so long whatever is done; default DefaultLife
	Link   time.Duration                   // a link is good for so long; default DefaultLink
	Now    func() time.Time                // default time.Now
	Random io.Reader                       // default crypto/rand
	Log    zerolog.Logger
}

type sum [sha256.Size]byte

// record is what the store keeps of one person.
type record struct {
	Links    []link    `json:"links,omitempty"`
	Sessions []session `json:"sessions,omitempty"`
}

type link struct {
	Sum   []byte    `json:"sum"`
	Until molt.Time `json:"until"`
}

type session struct {
	Sum   []byte    `json:"sum"`
	Began molt.Time `json:"began"`
	Seen  molt.Time `json:"seen"`
	Until molt.Time `json:"until"`
}

// Access is who may come in. Its methods may be called from many goroutines.
type Access struct {
	o Options

	mu      sync.Mutex
	records map[molt.PersonID]*record
	seen    map[sum]molt.Time // last uses that are not written down yet
}

// Open reads who is signed in.
func Open(ctx context.Context, o Options) (*Access, error) {
	if o.Store == nil || o.People == nil {
		return nil, errors.New("access: Store and People are required")
	}
	orElse(&o.Idle, DefaultIdle)
	orElse(&o.Life, DefaultLife)
	orElse(&o.Link, DefaultLink)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	a := &Access{o: o, records: map[molt.PersonID]*record{}, seen: map[sum]molt.Time{}}
	return a, a.load(ctx)
}

func orElse(d *time.Duration, def time.Duration) {
	if *d <= 0 {
		*d = def
	}
}

func (a *Access) load(ctx context.Context) error {
	q := molt.Query{Table: molt.TableMarks, Prefix: markPrefix, Limit: molt.MaxPage}
	for {
		p, err := a.o.Store.Scan(ctx, q)
		if err != nil {
			return fmt.Errorf("sessions: %w", err)
		}
		for _, m := range p.Marks {
			r := &record{}
			if json.Unmarshal(m.Value, r) != nil || !r.whole() {
				// Who signed in by a torn record is signed out; the daemon starts.
				a.o.Log.Error().Str("person", string(m.ID[len(markPrefix):])).Msg("the record of a person's sessions does not read: signed out")
				continue
			}
			a.records[molt.PersonID(m.ID[len(markPrefix):])] = r
		}
		if p.Next == "" {
			return nil
		}
		q.After = p.Next
	}
}

func (r *record) whole() bool {
	return !slices.ContainsFunc(r.Links, func(l link) bool { return len(l.Sum) != sha256.Size }) &&
		!slices.ContainsFunc(r.Sessions, func(s session) bool { return len(s.Sum) != sha256.Size })
}

func (a *Access) token() (string, sum, error) {
	b := make([]byte, tokenBytes)
	if _, err := io.ReadFull(a.o.Random, b); err != nil {
		return "", sum{}, fmt.Errorf("random bytes: %w", err)
	}
	t := base64.RawURLEncoding.EncodeToString(b)
	return t, sumOf(t), nil
}

func sumOf(token string) sum { return sha256.Sum256([]byte(token)) }

// Mint makes a one-time link for a person: the token that goes into it.
func (a *Access) Mint(ctx context.Context, id molt.PersonID) (string, error) {
	if _, ok := a.o.People()[id]; !ok {
		return "", ErrPerson
	}
	t, s, err := a.token()
	if err != nil {
		return "", err
	}
	now := molt.TimeOf(a.o.Now())
	a.mu.Lock()
	defer a.mu.Unlock()
	return t, a.change(ctx, id, now, func(r *record) {
		r.Links = newest(append(r.Links, link{Sum: s[:], Until: now.Add(a.o.Link)}), MaxLinks)
	})
}

// Holder says whom a link would sign in. It uses nothing up, so that a program
// which fetches links ahead of people spoils none.
func (a *Access) Holder(token string) (Person, error) {
	s, now := sumOf(token), molt.TimeOf(a.o.Now())
	a.mu.Lock()
	defer a.mu.Unlock()
	id, ok := a.linkOf(s, now)
	if !ok {
		return Person{}, ErrLink
	}
	p, ok := a.o.People()[id]
	if !ok {
		return Person{}, ErrLink
	}
	return p, nil
}

func (a *Access) linkOf(s sum, now molt.Time) (molt.PersonID, bool) {
	for id, r := range a.records {
		for _, l := range r.Links {
			if sum(l.Sum) == s && now < l.Until {
				return id, true
			}
		}
	}
	return "", false
}

// SignIn spends a link and begins a session. old is the token of the session
// the same browser had, which ends.
func (a *Access) SignIn(ctx context.Context, token, old string) (string, Session, error) {
	s, now := sumOf(token), molt.TimeOf(a.o.Now())
	a.mu.Lock()
	defer a.mu.Unlock()
	id, ok := a.linkOf(s, now)
	p, known := a.o.People()[id]
	if !ok || !known {
		return "", Session{}, ErrLink
	}
	if err := a.end(ctx, sumOf(old), now); err != nil {
		return "", Session{}, err
	}
	t, ss, err := a.token()
	if err != nil {
		return "", Session{}, err
	}
	until := now.Add(a.o.Life)
	err = a.change(ctx, id, now, func(r *record) {
		r.Links = slices.DeleteFunc(r.Links, func(l link) bool { return sum(l.Sum) == s })
		r.Sessions = newest(append(r.Sessions, session{Sum: ss[:], Began: now, Seen: now, Until: until}), MaxSessions)
	})
	return t, Session{Person: p, Began: now, Until: until, sum: ss}, err
}

// Who says who a session's token belongs to, and keeps the session from idling
// when it was somebody's doing that asked.
func (a *Access) Who(ctx context.Context, token string, doing bool) (Session, bool, error) {
	s, now := sumOf(token), molt.TimeOf(a.o.Now())
	a.mu.Lock()
	defer a.mu.Unlock()
	id, ses, ok := a.sessionOf(s)
	p, known := a.o.People()[id]
	if !ok || !known || !a.live(ses, now) {
		return Session{}, false, nil
	}
	if doing {
		a.seen[s] = now
		if now.Sub(ses.Seen) >= seenEvery {
			if err := a.change(ctx, id, now, func(*record) {}); err != nil {
				return Session{}, false, err
			}
		}
	}
	return Session{Person: p, Began: ses.Began, Until: ses.Until, sum: s}, true, nil
}

func (a *Access) sessionOf(s sum) (molt.PersonID, session, bool) {
	for id, r := range a.records {
		for _, ses := range r.Sessions {
			if sum(ses.Sum) == s {
				return id, ses, true
			}
		}
	}
	return "", session{}, false
}

func (a *Access) live(s session, now molt.Time) bool {
	return now < s.Until && now < max(s.Seen, a.seen[sum(s.Sum)]).Add(a.o.Idle)
}

// SignOut ends a session. One that is over already is no fault.
func (a *Access) SignOut(ctx context.Context, token string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.end(ctx, sumOf(token), molt.TimeOf(a.o.Now()))
}

func (a *Access) end(ctx context.Context, s sum, now molt.Time) error {
	id, _, ok := a.sessionOf(s)
	if !ok {
		return nil
	}
	return a.change(ctx, id, now, func(r *record) {
		r.Sessions = slices.DeleteFunc(r.Sessions, func(o session) bool { return sum(o.Sum) == s })
	})
}

// change writes a person's record anew, without what is over. Memory follows
// the store, never the other way about. The caller holds the lock.
func (a *Access) change(ctx context.Context, id molt.PersonID, now molt.Time, f func(*record)) error {
	next := record{}
	if r := a.records[id]; r != nil {
		next = record{Links: slices.Clone(r.Links), Sessions: slices.Clone(r.Sessions)}
	}
	for i := range next.Sessions {
		next.Sessions[i].Seen = max(next.Sessions[i].Seen, a.seen[sum(next.Sessions[i].Sum)])
	}
	next.Links = slices.DeleteFunc(next.Links, func(l link) bool { return now >= l.Until })
	next.Sessions = slices.DeleteFunc(next.Sessions, func(s session) bool { return !a.live(s, now) })
	f(&next)
	value, err := json.Marshal(next)
	if err != nil {
		return fmt.Errorf("sessions: %w", err)
	}
	m := molt.Mark{ID: molt.MarkID(markPrefix) + molt.MarkID(id), Value: value, Drop: len(next.Links)+len(next.Sessions) == 0}
	// A browser that goes away must not leave disk and memory at odds.
	if _, err := a.o.Store.Commit(context.WithoutCancel(ctx), molt.Batch{Marks: []molt.Mark{m}}); err != nil {
		return fmt.Errorf("sessions: %w", err)
	}
	if was := a.records[id]; was != nil {
		for _, s := range was.Sessions {
			delete(a.seen, sum(s.Sum)) // written down, or over
		}
	}
	a.records[id] = &next
	return nil
}

// Limit sets how long sessions last from now on. Zero is the default.
func (a *Access) Limit(idle, life time.Duration) {
	orElse(&idle, DefaultIdle)
	orElse(&life, DefaultLife)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.o.Idle, a.o.Life = idle, life
}

func newest[T any](list []T, limit int) []T { return list[max(0, len(list)-limit):] }
