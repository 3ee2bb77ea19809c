package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/tidegate/tidegate/gateway/audit"
	"github.com/tidegate/tidegate/gateway/operator"
	"github.com/tidegate/tidegate/molt/boltstore"
)

// copyBuffer is how much of a store is copied at a time.
const copyBuffer = 1 << 20

func backupCmd(e env) *cobra.Command {
	w := &where{}
	var force bool
	c := &cobra.Command{
		Use:   "backup FILE",
		Short: "Write the record to a file, beside the running daemon",
		Long: `Writes the whole record, as it stands at one moment, to a file: the daemon goes on
meanwhile and waits for nothing. The file is synced and read through, every chain
from its first event, before it gets its name; it has mode 0600.

What was said stays sealed in it. The tenant key is NOT in it: without the key the
backup is worth nothing, so keep a copy of the key somewhere else. What patients
sent is not in it either: copy the folder media too, after the backup, so that it
holds every file that the backup speaks of.

A file that is there is not replaced without --force. When what was read does not
verify, the backup is kept under FILE.faulty, a file of that name is left as it
is, and it exits 1.
` + whereHelp + exitHelp,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return backup(c.Context(), w, e, args[0], force) },
	}
	w.flags(c)
	c.Flags().BoolVar(&force, "force", false, "replace the file if it is there")
	return c
}

// backedUp is what a backup came to.
type backedUp struct {
	File   string `json:"file"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
	audit.Report
}

var errFaulty = errors.New("what was backed up does not verify")

func backup(ctx context.Context, w *where, e env, path string, force bool) error {
	if _, err := os.Lstat(path); !force && !errors.Is(err, fs.ErrNotExist) {
		if err != nil {
			return fmt.Errorf("backup: %w", err)
		}
		return fmt.Errorf("%s is there; write another name, or --force to replace it", path)
	}
	s, err := connect(ctx, w, e)
	if err != nil {
		return err
	}
	defer s.stop()
	temp, err := os.CreateTemp(filepath.Dir(path), ".tidegate-backup-*") // mode 0600
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	defer os.Remove(temp.Name())
	done := backedUp{File: path}
	err = s.copyTo(ctx, temp, &done, progressTo(e.stderr, w.json))
	if err := errors.Join(err, temp.Close()); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	if done.Report, err = intact(ctx, temp.Name()); err != nil {
		return fmt.Errorf("backup: read it back: %w", err)
	}
	if len(done.Faults) > 0 {
		done.File, force = path+".faulty", true
	}
	if err := settle(temp.Name(), done.File, force); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	return done.print(w, e)
}

func (b backedUp) print(w *where, e env) (err error) {
	if w.json {
		err = printJSON(e.stdout, b, true)
	} else {
		for _, f := range b.Faults {
			if err := printText(e.stdout, "%s\n", f.Error()); err != nil {
				return err
			}
		}
		err = printText(e.stdout, "%s: %d bytes, %d conversations, %d events, %d items, newest event %s\nsha256 %s\nThe tenant key is not in it: without the key nobody can read it.\n",
			b.File, b.Bytes, b.Conversations, b.Events, b.Items, b.AsOf, b.SHA256)
	}
	if err == nil && len(b.Faults) > 0 {
		return fmt.Errorf("%w; it is kept as %s", errFaulty, b.File)
	}
	return err
}

// copyTo fetches the store into a file, to the disk.
func (s *session) copyTo(ctx context.Context, f *os.File, done *backedUp, progress func(copied, size int64)) error {
	resp, err := s.open(ctx, http.MethodGet, "/backup", nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	size, err := strconv.ParseInt(resp.Header.Get(operator.SizeHeader), 10, 64)
	if err != nil {
		return errors.New("the answer does not tell its size; is the daemon of the same version?")
	}
	sum := sha256.New()
	done.Bytes, err = io.CopyBuffer(io.MultiWriter(f, sum, &meter{size: size, tell: progress}), onlyReader{resp.Body}, make([]byte, copyBuffer))
	switch {
	case err != nil:
		return fmt.Errorf("it was cut short: %w", err)
	case done.Bytes != size:
		return fmt.Errorf("it was cut short: %d bytes of %d", done.Bytes, size)
	}
	done.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return f.Sync()
}

// onlyReader keeps io.Copy to the buffer it was given.
type onlyReader struct{ io.Reader }

// meter tells how far a copy is.
type meter struct {
	copied, size int64
	tell         func(copied, size int64)
}

func (c *meter) Write(b []byte) (int, error) {
	c.copied += int64(len(b))
	c.tell(c.copied, c.size)
	return len(b), nil
}

// progressTo writes a line at each tenth of a copy, for people.
func progressTo(w io.Writer, quiet bool) func(copied, size int64) {
	told := int64(0)
	return func(copied, size int64) {
		if tenth := copied * 10 / max(size, 1); tenth > told && !quiet {
			told = tenth
			fmt.Fprintf(w, "%d of %d bytes\n", copied, size)
		}
	}
}

// intact reads a backup through, without any key.
func intact(ctx context.Context, path string) (audit.Report, error) {
	store, err := boltstore.OpenToRead(path)
	if err != nil {
		return audit.Report{}, err
	}
	defer store.Close()
	return audit.Intact(ctx, store, nil)
}

// settle gives a file that is on the disk its name, and syncs the folder. A link
// never replaces a file, a rename always does.
func settle(temp, path string, replace bool) (err error) {
	if replace {
		err = os.Rename(temp, path)
	} else {
		err = os.Link(temp, path)
	}
	if err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

var _ operator.Copier = (*boltstore.Store)(nil) // which the gateway asks for
