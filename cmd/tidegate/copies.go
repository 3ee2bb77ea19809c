package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/boltstore"
	"github.com/tidegate/tidegate/molt/seal"
)

// owner tells a store's own copies from those of others in the same folder.
type owner struct {
	store *boltstore.Store
	ring  *seal.Keyring
	id    string
}

// drop takes away what an earlier change of the key of this store left in a folder, also
// what it had half written when it was killed.
func (o owner) drop(ctx context.Context, folder, suffix, keep string) error {
	if folder == "" {
		return nil
	}
	its := copyPrefix + o.id + "-"
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(folder, e.Name())
		if strings.HasPrefix(e.Name(), "."+its) && e.Type().IsRegular() { // a backup that did not get its name
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("half a copy, %s: %w", path, err)
			}
		}
		name, ours := strings.CutPrefix(e.Name(), copyPrefix)
		if !ours || !strings.HasSuffix(name, suffix) || path == keep {
			continue
		}
		own, err := o.owns(ctx, path, name, suffix)
		switch {
		case err != nil:
			err = fmt.Errorf("it cannot be told whose it is; take it away where it is this record's: %w", err)
		case !own:
		case suffix == escrowSuffix:
			err = seal.Wipe(path)
		default:
			err = os.Remove(path)
		}
		if err != nil {
			return fmt.Errorf("an earlier copy, %s: %w", path, err)
		}
	}
	if err := seal.SweepKeyFilesOf(folder, its); err != nil { // and syncs the folder
		return fmt.Errorf("half a copy of a key: %w", err)
	}
	return nil
}

// owns reports whether a copy is of this store: by its name, or where that is of an
// earlier version, and begins with the moment, by what is in it.
func (o owner) owns(ctx context.Context, path, name, suffix string) (bool, error) {
	if strings.HasPrefix(name, o.id+"-") {
		return true, nil
	}
	if _, err := time.Parse(copyStamp, name[:min(len(name), len(copyStamp))]); err != nil {
		return false, nil // another's
	}
	if suffix == escrowSuffix {
		return o.ownsKey(path)
	}
	return o.ownsBackup(ctx, path)
}

// ownsKey reports whether a key file is of this record.
func (o owner) ownsKey(path string) (bool, error) {
	ring, err := seal.LoadOrCreate(path, nil)
	if err != nil {
		return false, err
	}
	its, err := ring.Verifier()
	if err != nil {
		return false, err
	}
	ours, err := o.ring.Verifier()
	return bytes.Equal(its, ours), err
}

// ownsBackup reports whether a journal of this store is in a backup: no other record
// has one of that id, and none ever leaves its own.
func (o owner) ownsBackup(ctx context.Context, path string) (bool, error) {
	backup, err := boltstore.OpenToRead(path)
	if err != nil {
		return false, err
	}
	defer backup.Close()
	p, err := backup.Scan(ctx, molt.Query{Table: molt.TableConversations, Limit: molt.MaxPage})
	if err != nil {
		return false, err
	}
	for _, h := range p.Conversations {
		l, err := o.store.Scan(ctx, molt.Query{Table: molt.TableEvents, Conversation: h.ID, Limit: 1})
		if err != nil || len(l.Events) > 0 {
			return err == nil, err
		}
	}
	return false, nil
}
