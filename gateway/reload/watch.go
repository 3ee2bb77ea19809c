package reload

import (
	"context"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	settle    = 200 * time.Millisecond // an editor's or a copy's writes are over by then
	settleMax = 2 * time.Second        // though something in the folder never rests
	// lookEvery finds what no event told of, as on a file system of the network,
	// and tries anew what has faults: a file beside it may be mended.
	lookEvery = time.Minute
)

// Run watches until ctx ends. KeepFirst comes before it.
func (k *Keeper) Run(ctx context.Context) error {
	events, errs := make(<-chan fsnotify.Event), make(<-chan error)
	w, err := fsnotify.NewWatcher()
	if err != nil {
		k.o.Log.Warn().Err(err).Msg("the configuration file is looked at once a minute only")
	} else {
		defer w.Close()
		events, errs = w.Events, w.Errors
		k.watch(w)
	}
	every := time.NewTicker(lookEvery)
	defer every.Stop()
	k.look(ctx, false) // it may have changed since it was loaded
	var quiet <-chan time.Time
	var first time.Time
	for {
		again := false
		select {
		case <-ctx.Done():
			return nil
		case e := <-events:
			if e.Op == fsnotify.Chmod {
				continue
			}
			if quiet == nil {
				first = time.Now()
			}
			quiet = time.After(min(settle, max(0, settleMax-time.Since(first))))
			continue
		case err := <-errs: // events were lost, so it looks
			k.o.Log.Debug().Err(err).Msg("watching the configuration file")
		case <-k.o.Again:
			again = true
		case <-every.C:
		case <-quiet:
		}
		quiet = nil
		k.look(ctx, again)
		if w != nil {
			k.watch(w)
		}
	}
}

// watch has the folders on the way to the files watched, and no others.
func (k *Keeper) watch(w *fsnotify.Watcher) {
	k.mu.Lock()
	files := append([]string{k.o.Path}, k.beside...)
	k.mu.Unlock()
	var want []string
	for _, f := range files {
		if abs, err := filepath.Abs(f); err == nil {
			want = append(want, dirsOf(abs)...)
		}
	}
	for _, dir := range w.WatchList() {
		if !slices.Contains(want, dir) {
			_ = w.Remove(dir)
		}
	}
	for _, dir := range want {
		_ = w.Add(dir) // one that is not there yet is found by the look of each minute
	}
}
