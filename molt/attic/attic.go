package attic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"

	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/seal"
)

// MaxFileBytes is the most that one file may hold.
const MaxFileBytes = 8 << 20

var (
	// ErrGone says that no file has that name.
	ErrGone = errors.New("the file is not there")
	// ErrTooLarge says that the bytes are over MaxFileBytes.
	ErrTooLarge = errors.New("the file is too large")
)

var nameForm = regexp.MustCompile(`^f_[a-z2-7]{32}$`)

// Ref is how an event refers to a file.
type Ref struct {
	Name string     `json:"name"`
	Key  molt.KeyID `json:"key"` // the data key that sealed it
}

// Keys is the part of molt.Store that an attic uses.
type Keys interface {
	Scan(ctx context.Context, q molt.Query) (molt.Page, error)
}

// Disk is where sealed files lie, by name.
type Disk interface {
	// Write gives a whole, synced file its name, over one that has it already.
	// Whatever happens before that leaves no file of that name, or the old one.
	Write(name string, sealed []byte) error
	// Read returns a file's bytes, or an error that wraps ErrGone or molt.ErrCorrupt.
	Read(name string) ([]byte, error)
	// Remove takes files away for good. One that is not there is no fault.
	Remove(names []string) error
}

// Options make an Attic. Everything is required, but one of Folder and Disk.
type Options struct {
	Folder string // on the machine's own disk
	Disk   Disk   // instead of a folder
	Store  Keys
	Ring   *seal.Keyring
	Random io.Reader
}

// Attic is an opened folder of files. It may be used by many goroutines, when
// its source of random bytes may.
type Attic struct{ o Options }

// Open takes the folder, makes it where there is none, and removes what a crash
// left half written. Only who holds the database may open it.
func Open(o Options) (*Attic, error) {
	if (o.Folder == "") == (o.Disk == nil) || o.Store == nil || o.Ring == nil || o.Random == nil {
		return nil, errors.New("attic: one of Folder and Disk, and Store, Ring and Random are required")
	}
	if o.Disk == nil {
		if err := folder(o.Folder).open(); err != nil {
			return nil, fmt.Errorf("attic: %w", err)
		}
		o.Disk = folder(o.Folder)
	}
	return &Attic{o}, nil
}

// Keep seals a file under the data key that the conversation had at that time
// and returns once it is on the disk. The same bytes again are the same file.
// It fails with seal.ErrErased or seal.ErrNoKey where that key is gone.
func (a *Attic) Keep(ctx context.Context, id molt.ConversationID, at molt.Time, plain []byte) (Ref, error) {
	if len(plain) > MaxFileBytes {
		return Ref{}, ErrTooLarge
	}
	box, err := a.box(ctx, id)
	if err != nil {
		return Ref{}, err
	}
	// The name covers the key, so the key is asked for first.
	key, err := box.KeyAt(at)
	if err != nil {
		return Ref{}, fmt.Errorf("keep file: %w", err)
	}
	return a.keep(box, id, at, key, plain)
}

// KeepFirst is Keep for a file that is there before the event which refers to it,
// perhaps before any of its conversation. The batch with that event has to carry
// the keys: without it nothing opens the file.
func (a *Attic) KeepFirst(ctx context.Context, id molt.ConversationID, at molt.Time, plain []byte) (Ref, []molt.WrappedKey, error) {
	if len(plain) > MaxFileBytes {
		return Ref{}, nil, ErrTooLarge
	}
	box, err := a.box(ctx, id)
	if err != nil {
		return Ref{}, nil, err
	}
	key, err := box.MakeKeyAt(at)
	if err != nil {
		return Ref{}, nil, fmt.Errorf("keep file: %w", err)
	}
	r, err := a.keep(box, id, at, key, plain)
	return r, box.Fresh(), err
}

func (a *Attic) keep(box *seal.Box, id molt.ConversationID, at molt.Time, key molt.KeyID, plain []byte) (Ref, error) {
	r := Ref{Name: a.name(id, key, plain), Key: key}
	_, sealed, err := box.Seal(at, kind(r.Name), plain)
	if err != nil {
		return Ref{}, fmt.Errorf("keep file: %w", err)
	}
	if err := a.o.Disk.Write(r.Name, sealed); err != nil {
		return Ref{}, fmt.Errorf("keep file: %w", err)
	}
	return r, nil
}

// Read opens a file and checks that it is what its name says. The error wraps
// ErrGone, molt.ErrCorrupt or what package seal says of its key.
func (a *Attic) Read(ctx context.Context, id molt.ConversationID, r Ref) ([]byte, error) {
	if !nameForm.MatchString(r.Name) {
		return nil, fmt.Errorf("read file: %w: its name is none", molt.ErrCorrupt)
	}
	sealed, err := a.o.Disk.Read(r.Name)
	if err != nil {
		return nil, fmt.Errorf("read file %s: %w", r.Name, err)
	}
	box, err := a.box(ctx, id)
	if err != nil {
		return nil, err
	}
	plain, err := box.Open(kind(r.Name), r.Key, sealed)
	if err != nil {
		return nil, fmt.Errorf("read file: %w", err)
	}
	if a.name(id, r.Key, plain) != r.Name {
		return nil, fmt.Errorf("read file %s: %w: it does not hash to its name", r.Name, molt.ErrCorrupt)
	}
	return plain, nil
}

// Remove takes files away. One that is not there is no fault.
func (a *Attic) Remove(names []string) error {
	for _, name := range names {
		if !nameForm.MatchString(name) {
			return fmt.Errorf("remove file: %w: its name is none", molt.ErrCorrupt)
		}
	}
	return a.o.Disk.Remove(names)
}

func (a *Attic) box(ctx context.Context, id molt.ConversationID) (*seal.Box, error) {
	ring := a.o.Ring.Now() // before the keys are read
	p, err := a.o.Store.Scan(ctx, molt.Query{Table: molt.TableKeys, Conversation: id, Limit: molt.MaxPage})
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	return seal.NewBox(ring, id, p.Keys, a.o.Random)
}

func (a *Attic) name(id molt.ConversationID, key molt.KeyID, plain []byte) string {
	return a.o.Ring.File(string(id), string(key), string(plain))
}

// kind binds sealed bytes to their name: no file opens under another's.
func kind(name string) string { return "file:" + name }
