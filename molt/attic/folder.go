package attic

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tidegate/tidegate/molt"
)

const (
	halfWritten = ".new-" // of a file that has not got its name yet
	sealBytes   = 64      // what sealing adds, at most
)

// folder is a Disk on the machine's own.
type folder string

// open makes it where there is none, and removes what a crash left half written.
func (f folder) open() error {
	if err := os.MkdirAll(string(f), 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(string(f))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), halfWritten) {
			if err := os.Remove(filepath.Join(string(f), e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// Write implements Disk. After a sync that went wrong nothing of the half-written
// file is used again: who tries once more writes another.
func (f folder) Write(name string, sealed []byte) error {
	half, err := os.CreateTemp(string(f), halfWritten+"*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(half.Name()) }() // nothing is there once it has its name
	_, err = half.Write(sealed)
	if err == nil {
		err = half.Sync()
	}
	if err := errors.Join(err, half.Close()); err != nil {
		return err
	}
	if err := os.Rename(half.Name(), filepath.Join(string(f), name)); err != nil {
		return err
	}
	return f.sync()
}

// Read implements Disk.
func (f folder) Read(name string) ([]byte, error) {
	file, err := os.Open(filepath.Join(string(f), name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrGone
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	sealed, err := io.ReadAll(io.LimitReader(file, MaxFileBytes+sealBytes+1))
	if err == nil && len(sealed) > MaxFileBytes+sealBytes {
		return nil, fmt.Errorf("%w: it is larger than any that was written", molt.ErrCorrupt)
	}
	return sealed, err
}

// Remove implements Disk.
func (f folder) Remove(names []string) error {
	for _, name := range names {
		if err := os.Remove(filepath.Join(string(f), name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove file: %w", err)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return f.sync()
}

// sync has the folder's names on the disk.
func (f folder) sync() error {
	file, err := os.Open(string(f))
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}
