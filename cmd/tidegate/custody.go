package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tidegate/tidegate/config"
	"github.com/tidegate/tidegate/gateway"
	"github.com/tidegate/tidegate/gateway/audit"
	"github.com/tidegate/tidegate/gateway/custody"
	"github.com/tidegate/tidegate/molt/boltstore"
	"github.com/tidegate/tidegate/molt/seal"
)

// The copies that a change of the key leaves, by name: whose they are, then since
// when. Those of before are known by it and go; another store's may lie beside them.
const (
	copyPrefix   = "tidegate-"
	backupSuffix = ".backup"
	escrowSuffix = ".key"
	copyStamp    = "20060102T150405Z"
)

// custody is how the keys of a data folder are changed. cfg is nil where only the
// folder is known.
func (h *house) custody(cfg *config.Config) gateway.CustodyOptions {
	var o gateway.CustodyOptions
	if !keptElsewhere(cfg) {
		o.KeyFile = filepath.Join(h.dir, keyFile)
	}
	if cfg != nil {
		o.EraseEvery, o.Keep = cmp.Or(cfg.Erase.Every, config.DefaultEraseEvery).Std(), cfg.Retention.Bodies.Std()
	}
	if cfg == nil || cfg.Erase.Backup == "" && cfg.Erase.Escrow == "" {
		return o
	}
	folder := func(p string) string {
		if p == "" {
			return ""
		}
		return cfg.Path(p)
	}
	c := copies{store: h.store, backup: folder(cfg.Erase.Backup), escrow: folder(cfg.Erase.Escrow)}
	o.Copy = c.take
	return o
}

// erasesBy says which channels' carriers delete texts, where no daemon runs: its
// workers ask them once it does.
func erasesBy(cfg *config.Config) func(channel string) bool {
	return func(channel string) bool {
		return cfg == nil || cfg.Channels[config.ChannelID(channel)].Type != typeWebchat
	}
}

// copies are what survives a change of the key: a backup, and the key elsewhere.
type copies struct {
	store          *boltstore.Store
	backup, escrow string // folders; "": none is taken
}

// take writes both and reads them back, and then does away with those of before, whole
// or half written by who was killed: what was erased could still be read with them.
func (c copies) take(ctx context.Context, of custody.Copying) (done custody.Copies, err error) {
	key, stamp := of.Key, copyPrefix+of.Store+"-"+of.At.Std().Format(copyStamp)
	if c.escrow != "" {
		done.Escrow = filepath.Join(c.escrow, stamp+"-"+key.ID()+escrowSuffix)
		if err := key.WriteFile(done.Escrow); err != nil {
			return done, err
		}
		back, err := seal.LoadOrCreate(done.Escrow, nil)
		if err != nil || back.ID() != key.ID() {
			return done, fmt.Errorf("%s does not read back as the key: %w", done.Escrow, errors.Join(err, seal.ErrKey))
		}
	}
	if c.backup != "" {
		done.Backup = filepath.Join(c.backup, stamp+backupSuffix)
		if err := c.writeBackup(ctx, done.Backup, key); err != nil {
			return done, err
		}
	}
	o := owner{store: c.store, ring: key, id: of.Store}
	return done, errors.Join(o.drop(ctx, c.escrow, escrowSuffix, done.Escrow), o.drop(ctx, c.backup, backupSuffix, done.Backup))
}

// writeBackup copies the store and wants every chain whole and every data key to
// open under the key alone.
func (c copies) writeBackup(ctx context.Context, path string, key *seal.Keyring) error {
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	defer os.Remove(temp.Name())
	err = c.store.Copy(ctx, temp, func(int64) {})
	if err == nil {
		err = temp.Sync()
	}
	if err := errors.Join(err, temp.Close()); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	if err := opensUnder(ctx, temp.Name(), key); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	return settle(temp.Name(), path, true)
}

func opensUnder(ctx context.Context, path string, key *seal.Keyring) error {
	rep, err := intact(ctx, path)
	if err != nil {
		return err
	}
	if len(rep.Faults) > 0 {
		return fmt.Errorf("%w: %w", errFaulty, &rep.Faults[0])
	}
	store, err := boltstore.OpenToRead(path)
	if err != nil {
		return err
	}
	defer store.Close()
	k, err := audit.New(store, key).Keys(ctx)
	if err == nil && k.Other > 0 {
		err = fmt.Errorf("%d of its data keys do not open under the new tenant key", k.Other)
	}
	return err
}
