package gateway

import (
	"context"
	"os"

	"github.com/tidegate/tidegate/gateway/reload"
)

// File is the configuration file that the parts were made from. Another content
// is put in force while the daemon runs, if all of it can be built.
type File struct {
	Path  string
	Start []byte // what it held when the parts were made
	// Load checks a content and builds all it makes, for one content at a time.
	// With an error of config.Faults the files beside it are still named.
	Load  func(text []byte) (Loaded, error)
	Again <-chan os.Signal // each asks for the file to be read anew; nil: none
}

// Loaded is a content that was built.
type Loaded struct {
	Parts   Parts
	Beside  []string // files it was read with
	Says    string   // what there is to say of it, as `tidegate check` does
	InForce func()   // called once the parts are
}

// makeKeeper gives the file its keeper, where there is a file.
func (g *Gateway) makeKeeper() error {
	f := g.o.File
	if f == nil {
		return nil
	}
	var err error
	g.keeper, err = reload.New(reload.Options{
		Path: f.Path, Start: f.Start, Store: g.o.Store, Again: f.Again, Now: g.o.Now, Log: g.o.Log,
		Tried: func(s reload.State) { g.metrics.reloaded(s.Failed()) },
		Load: func(text []byte) (reload.Built, []string, error) {
			l, err := f.Load(text)
			swap := func(ctx context.Context) error {
				if err := g.Swap(ctx, l.Parts); err != nil {
					return err
				}
				l.InForce()
				return nil
			}
			return reload.Built{Swap: swap, Says: l.Says}, l.Beside, err
		},
	})
	return err
}
