package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"

	"github.com/tidegate/tidegate/config"
	"github.com/tidegate/tidegate/gateway"
	"github.com/tidegate/tidegate/gateway/audit"
	"github.com/tidegate/tidegate/gateway/custody"
	door "github.com/tidegate/tidegate/gateway/intake" // "intake" is a scene of the demonstration
	"github.com/tidegate/tidegate/gateway/operator"
	"github.com/tidegate/tidegate/gateway/screen"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/seal"
)

// standIn answers on the folder's socket for a daemon that does not run: the
// same lock, the same handler, the same door, but no workers.
func standIn(dir string, cfg *config.Config, e env) (stop func(), err error) {
	if _, err := os.Stat(filepath.Join(dir, storeFile)); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no record in %s: no daemon has run there yet", dir)
	}
	h, err := openHouseAt(dir, 0, func(dir string) (*seal.Keyring, error) { return ringThere(dir, cfg, e) })
	if errors.Is(err, molt.ErrHeld) {
		return nil, &exitError{exitHeld, fmt.Errorf("%w; its socket does not answer: it is starting, stopping or hung", err)}
	}
	if err != nil {
		return nil, err
	}
	op, err := standInOperator(h, cfg, e)
	if err != nil {
		h.close()
		return nil, err
	}
	s := &http.Server{Handler: op.Handler(), ConnContext: operator.ConnContext, ReadHeaderTimeout: patience}
	ended := make(chan struct{})
	go func() { // ends with Close below
		defer close(ended)
		_ = s.Serve(h.socket)
	}()
	return func() {
		_ = s.Close()
		<-ended
		h.close()
	}, nil
}

// ringThere opens the key that is there. It makes none: a new key beside an old
// record could read nothing of it.
func ringThere(dir string, cfg *config.Config, e env) (*seal.Keyring, error) {
	if cfg != nil && !cfg.Keys.Tenant.IsZero() {
		return openRing(cfg, dir, e)
	}
	path := filepath.Join(dir, keyFile)
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("the key file %s is not there; if the key is kept elsewhere, name the configuration with -c: %w", path, err)
	}
	return seal.LoadOrCreate(path, nil)
}

func standInOperator(h *house, cfg *config.Config, e env) (*operator.Operator, error) {
	scr, err := screen.New()
	if err != nil {
		return nil, fmt.Errorf("screen: %w", err)
	}
	rules, why := rulesThere(cfg, e)
	pause, err := gateway.PauseIn(context.Background(), h.store)
	if err != nil {
		return nil, err
	}
	rules, _ = rules.Under(pause) // its record is in the store since the switch was turned under the daemon
	desk, err := door.New(door.Options{
		Store: h.store, Ring: h.ring, Screen: scr, Rules: func() *turn.Rules { return rules }, Log: zerolog.Nop(),
	})
	if err != nil {
		return nil, err
	}
	o := h.custody(cfg)
	keys, err := custody.New(custody.Options{Store: h.store, Ring: h.ring, Desk: desk, Files: h.files, KeyFile: o.KeyFile, Copy: o.Copy, Erases: erasesBy(cfg), Log: zerolog.Nop()})
	if err != nil {
		return nil, err
	}
	return operator.New(operator.Options{
		Custody: keys,
		Desk:    desk, Audit: audit.New(h.store, h.ring), Files: h.files, Rules: func() *turn.Rules { return rules }, NoActs: why, Copy: h.store.Copy, Checkpoints: checkpointsOf(cfg), Log: zerolog.Nop(),
	})
}

// rulesThere are the rules of the configuration, or none and why: reading needs
// none, and must not fail for a secret that this user does not have.
func rulesThere(cfg *config.Config, e env) (rules *turn.Rules, why string) {
	none := &turn.Rules{Digest: "none", Zone: time.UTC}
	if cfg == nil {
		return none, "acts follow the configuration: name it with -c FILE instead of --data"
	}
	none.Zone, none.Clinic = cfg.Clinic.Timezone.Location(), cfg.Clinic.Name
	p, err := build(cfg, e)
	if err != nil {
		return none, "acts follow the configuration, and it cannot be built: " + err.Error()
	}
	return p.rules, ""
}
