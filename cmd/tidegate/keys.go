package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tidegate/tidegate/config"
	"github.com/tidegate/tidegate/gateway/audit"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/seal"
)

func keysCmd(e env) *cobra.Command {
	w := &where{}
	c := &cobra.Command{
		Use:   "keys",
		Short: "Make, look at and copy the tenant key",
		Long: `The tenant key wraps all keys that seal what patients say. Whoever has it and the
record can read every message; without it nobody can.
` + exitHelp,
		Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	w.flags(c)
	c.AddCommand(rotateCmd(w, e),
		&cobra.Command{
			Use: "init [FILE]", Short: "Make a tenant key, in the data folder or in FILE", Args: cobra.MaximumNArgs(1),
			Long: `Makes a tenant key with mode 0600, in the data folder or in FILE. It replaces none,
and makes none in a folder that has a record already: a new key could read nothing
of it. serve makes the one of a new folder by itself.
` + exitHelp,
			RunE: func(_ *cobra.Command, args []string) error { return initKey(w, e, args) },
		},
		&cobra.Command{
			Use: "show", Short: "Tell the ids and ages of the keys, and no secret", Args: cobra.NoArgs,
			Long: `Tells the tenant key's id, and while it changes the one before it and how many data
keys still need that, where it is kept and since when, the public key with
which signatures of this record are checked, and how many data keys open under it.
It exits 1 when some do not.
` + whereHelp + exitHelp,
			RunE: func(c *cobra.Command, _ []string) error { return showKeys(c.Context(), w, e) },
		},
		&cobra.Command{
			Use: "escrow FILE", Short: "Copy the tenant key to FILE, for safekeeping", Args: cobra.ExactArgs(1),
			Long: `Writes a copy of the tenant key to FILE, with mode 0600, to the disk, and reads it
back. The copy is the key itself and is not encrypted: bring it where the record
and its backups are not, such as a safe. A file that is there is not replaced.
` + exitHelp,
			RunE: func(_ *cobra.Command, args []string) error { return escrowKey(w, e, args[0]) },
		},
	)
	return c
}

// keyCopy is a tenant key as it is told: never itself.
type keyCopy struct {
	Tenant string    `json:"tenant"` // its id
	Kept   string    `json:"kept"`   // where
	Made   molt.Time `json:"made,omitempty"`
}

// keyShown is all that is told of a record's keys.
type keyShown struct {
	audit.Keys
	Kept string    `json:"kept"`
	Made molt.Time `json:"made,omitempty"` // when the key's file was last written
}

// keyKept is a tenant key as it is kept: its text, where, and since when.
func keyKept(w *where, e env) (text []byte, k keyShown, err error) {
	dir, cfg, err := w.folder()
	if err != nil {
		return nil, k, err
	}
	if keptElsewhere(cfg) {
		s, err := cfg.Keys.Tenant.Resolve(e.getenv, os.ReadFile)
		if err != nil {
			return nil, k, fmt.Errorf("keys.tenant: %w", err)
		}
		k.Kept = "keys.tenant of the configuration"
		return []byte(s), k, nil
	}
	if _, err := ringThere(dir, nil, e); err != nil { // whose file others may read is refused
		return nil, k, err
	}
	k.Kept = filepath.Join(dir, keyFile)
	info, err := os.Stat(k.Kept)
	if err != nil {
		return nil, k, err
	}
	k.Made = molt.TimeOf(info.ModTime())
	text, err = os.ReadFile(k.Kept)
	return text, k, err
}

func initKey(w *where, e env, args []string) error {
	path, err := keyPlace(w, args)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is there, and a key is never replaced", path)
	}
	ring, err := seal.LoadOrCreate(path, rand.Reader)
	if err != nil {
		return err
	}
	if w.json {
		return printJSON(e.stdout, keyCopy{ring.ID(), path, molt.TimeOf(time.Now())}, true)
	}
	return printText(e.stdout, "key %s made: %s\nKeep a copy of it away from the data: tidegate keys escrow FILE\n", ring.ID(), path)
}

// keyPlace is where a new key goes.
func keyPlace(w *where, args []string) (string, error) {
	if len(args) > 0 {
		return args[0], nil
	}
	dir, cfg, err := w.folder()
	if err != nil {
		return "", err
	}
	if keptElsewhere(cfg) {
		return "", errors.New("keys.tenant says that the key is kept elsewhere; make one there with tidegate keys init FILE")
	}
	if _, err := os.Lstat(filepath.Join(dir, storeFile)); !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%s has a record already: find its key, since a new one could read nothing of it", dir)
	}
	return filepath.Join(dir, keyFile), os.MkdirAll(dir, 0o700)
}

func keptElsewhere(cfg *config.Config) bool { return cfg != nil && !cfg.Keys.Tenant.IsZero() }

func showKeys(ctx context.Context, w *where, e env) error {
	_, k, err := keyKept(w, e)
	if err != nil {
		return err
	}
	s, err := connect(ctx, w, e)
	if err != nil {
		return err
	}
	defer s.stop()
	if err := s.get(ctx, "/keys", &k.Keys); err != nil {
		return err
	}
	if w.json {
		err = printJSON(e.stdout, k, true)
	} else {
		since := ""
		if k.Made > 0 {
			since = ", since " + moment(k.Made, s.zone)
		}
		err = printText(e.stdout, "tenant key %s, kept in %s%s\nsignatures are checked with %s\n%d data keys open, of %s to %s; %d do not, %d were destroyed\n%s",
			k.Tenant, k.Kept, since, k.Verifier, k.Opens, k.Oldest, k.Newest, k.Other, k.Erased, k.earlier())
	}
	if err == nil && k.Other > 0 {
		return fmt.Errorf("%d data keys do not open under this tenant key", k.Other)
	}
	return err
}

// earlier tells of the tenant keys that only open.
func (k keyShown) earlier() string {
	switch {
	case len(k.Earlier) == 0:
		return ""
	case k.Under > 0:
		return fmt.Sprintf("the tenant key changes: %d data keys still need the one before it, %s\n", k.Under, strings.Join(k.Earlier, ", "))
	}
	return fmt.Sprintf("nothing needs the tenant key before it, %s, any more: take keys.previous out of the configuration, start the daemon anew, and destroy that key and all its copies\n", strings.Join(k.Earlier, ", "))
}

func escrowKey(w *where, e env, path string) error {
	text, k, err := keyKept(w, e)
	if err != nil {
		return err
	}
	ring, err := seal.FromBytes(text)
	if err != nil {
		return err
	}
	if err := writeKey(path, text); err != nil {
		return fmt.Errorf("escrow: %w", err)
	}
	back, err := seal.LoadOrCreate(path, nil)
	if err != nil || back.ID() != ring.ID() {
		return fmt.Errorf("escrow: %s does not read back as the key: %w", path, errors.Join(err, seal.ErrKey))
	}
	if w.json {
		return printJSON(e.stdout, keyCopy{ring.ID(), path, k.Made}, true)
	}
	return printText(e.stdout, "key %s copied to %s\nThis file IS the key, and is not encrypted: bring it where the record and its backups are not.\n", ring.ID(), path)
}

// writeKey writes a key file whole or not at all, and replaces none.
func writeKey(path string, text []byte) error {
	temp, err := os.CreateTemp(filepath.Dir(path), ".key-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	_, err = temp.Write(text)
	if err == nil {
		err = temp.Sync()
	}
	if err := errors.Join(err, temp.Close()); err != nil {
		return err
	}
	return settle(temp.Name(), path, false)
}
