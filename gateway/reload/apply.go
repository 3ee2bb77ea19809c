package reload

import (
	"context"
	"errors"
	"fmt"

	"github.com/tidegate/tidegate/molt"
)

// Errors of an apply. Nothing was done then.
var (
	// ErrChanged says that the file is not what was edited any more.
	ErrChanged = errors.New("the file changed meanwhile")
	// ErrReadOnly says that the file cannot be written.
	ErrReadOnly = errors.New("the file cannot be written")
)

// File is the file as it is on the disk.
type File struct {
	Path   string
	Text   []byte
	Digest string // of Text; Apply wants it back
	// ReadOnly says why it cannot be written; "" when it can.
	ReadOnly string
}

// File reads the file.
func (k *Keeper) File() (File, error) {
	text, err := read(k.o.Path)
	if err != nil {
		return File{}, err
	}
	f := File{Path: k.o.Path, Text: text, Digest: DigestOf(text)}
	if err := writable(k.o.Path); err != nil {
		f.ReadOnly = err.Error()
	}
	return f, nil
}

// Apply puts a content into the file and in force, unless it has faults or the
// file is no longer the one with digest was. On an error the file is as it was.
func (k *Keeper) Apply(ctx context.Context, by molt.PersonID, text []byte, was string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	old, err := read(k.o.Path)
	if err != nil {
		return err
	}
	if DigestOf(old) != was {
		return ErrChanged
	}
	b, beside, err := k.load(text)
	if err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx) // half of it is no answer to who went away
	if err := write(k.o.Path, text); err != nil {
		return fmt.Errorf("%w: %w", ErrReadOnly, err)
	}
	if err := b.Swap(ctx); err != nil {
		return errors.Join(fmt.Errorf("put in force: %w", err), write(k.o.Path, old))
	}
	k.beside = beside
	k.tried = k.sum(text)
	k.swapped(ctx, text, by, ViaConsole)
	return nil
}
