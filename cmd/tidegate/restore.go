package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/tidegate/tidegate/config"
	"github.com/tidegate/tidegate/gateway/audit"
	"github.com/tidegate/tidegate/gateway/notary"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/boltstore"
	"github.com/tidegate/tidegate/molt/seal"
)

// restoringFile is a store on its way into a data folder. What a killed restore
// left under that name is begun anew.
const restoringFile = storeFile + ".restoring"

func restoreCmd(e env) *cobra.Command {
	w := &where{}
	c := &cobra.Command{
		Use:   "restore FILE",
		Short: "Make a data folder from a backup",
		Long: `Makes a data folder from a backup that tidegate backup wrote. The folder must be
empty, but for the tenant key: put a copy of it there as tenant.key before, or
name with -c the configuration whose keys.tenant has it. The key must be the
backup's own. The copy of the folder media may lie there too, or be put there
later; tidegate verify names every file that is missing.

Stop whatever served the record before: two daemons on one phone number would
answer everybody twice.

The restore goes on record, signed. The daemon that serves the folder next fetches
what the carrier took in since the backup. A routine text that answers something
older than that moment, and everything that was still to leave in the backup,
leaves only after the carrier was asked whether it has left, or was answered. A
red flag of the lost time is answered and paged again. What staff did in the
console, and what was said in web chats, in the lost time is gone.
` + exitHelp,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return restore(c.Context(), w, e, args[0]) },
	}
	w.flags(c)
	return c
}

// restored is what a restore came to.
type restored struct {
	Data string `json:"data"`
	notary.Restore
	Faults []audit.Fault `json:"faults"`
}

func restore(ctx context.Context, w *where, e env, path string) error {
	dir, cfg, err := w.folder()
	if err != nil {
		return err
	}
	rep, err := intact(ctx, path)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if err := emptyFolder(dir); err != nil {
		return err
	}
	ring, err := ringFor(dir, cfg, e)
	if err != nil {
		return err
	}
	if err := fits(ctx, path, ring); err != nil {
		return err
	}
	done := restored{Data: dir, Faults: rep.Faults, Restore: notary.Restore{
		At: molt.TimeOf(time.Now()), AsOf: rep.AsOf, By: currentUser(), Conversations: rep.Conversations, Events: rep.Events,
	}}
	if err := bringIn(ctx, path, dir, ring, &done.Restore, progressTo(e.stderr, w.json)); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return done.print(w, e)
}

func (r restored) print(w *where, e env) error {
	if w.json {
		return printJSON(e.stdout, r, true)
	}
	for _, f := range r.Faults {
		if err := printText(e.stdout, "%s\n", f.Error()); err != nil {
			return err
		}
	}
	return printText(e.stdout, "%s: %d conversations, %d events, as of %s; %d of them do not verify\nsha256 of the backup %s\nThe restore is on record. Start the daemon: it fetches what came in since, and asks the carrier before it says anything twice.\n",
		r.Data, r.Conversations, r.Events, r.AsOf, len(r.Faults), r.Backup)
}

// emptyFolder makes the folder, or refuses one in which something else lies than
// the key and what patients sent, neither of which is in a backup.
func emptyFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	ours := []string{keyFile, fileFolder, restoringFile, restoringFile + ".holder", restoringFile + ".holder.new"}
	for _, entry := range entries {
		if !slices.Contains(ours, entry.Name()) {
			return fmt.Errorf("%s is not empty: %s is in it; a restore goes into a folder that holds nothing but %s and %s", dir, entry.Name(), keyFile, fileFolder)
		}
	}
	return nil
}

// ringFor opens the key of a backup. It makes none.
func ringFor(dir string, cfg *config.Config, e env) (*seal.Keyring, error) {
	ring, err := ringThere(dir, cfg, e)
	if !keptElsewhere(cfg) && errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the backup holds no key: put a copy of the tenant key it was made under at %s, with mode 0600, or name with -c the configuration whose keys.tenant has it", filepath.Join(dir, keyFile))
	}
	return ring, err
}

// fits reports whether a key is the backup's own.
func fits(ctx context.Context, path string, ring *seal.Keyring) error {
	store, err := boltstore.OpenToRead(path)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	defer store.Close()
	k, err := audit.New(store, ring).Keys(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("restore: %w", err)
	case k.Other > 0 && k.Opens == 0:
		return fmt.Errorf("the tenant key is not the one this backup was made under: it opens none of its %d data keys; find the key of that time", k.Other)
	}
	return nil
}

// bringIn copies the backup beside its place, puts the restore on record there,
// and gives it its name. Until then there is no store in the folder.
func bringIn(ctx context.Context, path, dir string, ring *seal.Keyring, r *notary.Restore, progress func(copied, size int64)) error {
	to := filepath.Join(dir, restoringFile)
	if err := copyFile(path, to, r, progress); err != nil {
		return err
	}
	store, err := boltstore.Open(boltstore.Options{Path: to})
	if err != nil {
		return err
	}
	err = notary.Record(ctx, store, ring, *r)
	if err := errors.Join(err, store.Close()); err != nil {
		return err
	}
	if err := settle(to, filepath.Join(dir, storeFile), false); err != nil {
		return err
	}
	return os.Remove(to)
}

func copyFile(path, to string, r *notary.Restore, progress func(copied, size int64)) error {
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer from.Close()
	info, err := from.Stat()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	sum := sha256.New()
	_, err = io.CopyBuffer(io.MultiWriter(f, sum, &meter{size: info.Size(), tell: progress}), onlyReader{from}, make([]byte, copyBuffer))
	if err == nil {
		err = f.Sync()
	}
	r.Backup = hex.EncodeToString(sum.Sum(nil))
	return errors.Join(err, f.Close())
}

// currentUser is who runs this, as the record names people.
func currentUser() molt.PersonID {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return molt.PersonID("os:" + u.Username)
	}
	return molt.PersonID("os:" + strconv.Itoa(os.Getuid()))
}
