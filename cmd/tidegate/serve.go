package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/tidegate/tidegate/channels/twilio/twiliofake"
	"github.com/tidegate/tidegate/config"
	"github.com/tidegate/tidegate/gateway"
	"github.com/tidegate/tidegate/molt/attic"
	"github.com/tidegate/tidegate/molt/boltstore"
	"github.com/tidegate/tidegate/molt/seal"
)

// The files of a data folder.
const (
	storeFile  = "tidegate.db"
	keyFile    = "tenant.key"
	socketFile = "admin.sock"
	fileFolder = "media" // what patients sent, sealed
)

func serveCmd(e env) *cobra.Command {
	var path string
	var lifeline bool
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the daemon",
		Long:  "Runs the daemon from a configuration file until SIGINT or SIGTERM. It prints one line\n`ready public=… private=… pid=…` on standard output; its log is JSON on standard error.",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx := c.Context()
			if lifeline {
				var cancel context.CancelFunc
				ctx, cancel = twiliofake.EndWithInput(ctx, e.stdin)
				defer cancel()
			}
			return serve(ctx, path, e, nil)
		},
	}
	c.Flags().StringVarP(&path, "config", "c", "tidegate.yaml", "the configuration file")
	c.Flags().BoolVar(&lifeline, "end-with-stdin", false, "stop when standard input is closed, as when the parent process ends")
	return c
}

// serve runs the daemon until ctx ends. ready hears of the addresses once the
// doors are open.
func serve(ctx context.Context, path string, e env, ready func(public, private string)) error {
	return serveOn(ctx, path, e, listen, ready)
}

// Limits of the collector, where GOGC and GOMEMLIMIT do not say otherwise. The daemon
// keeps little and asks for much: at the usual growth its few megabytes would be walked
// through many times a second, at the cost of the texts that come meanwhile.
const (
	heapGrowth = 400     // percent of what is kept
	heapBound  = 1 << 30 // bytes; beyond them they are walked through as often as it takes
)

// collect sets the limits, and says how to set them back.
func collect(e env) (back func()) {
	bound := debug.SetMemoryLimit(-1)
	growth := debug.SetGCPercent(heapGrowth)
	if e.getenv("GOGC") != "" {
		debug.SetGCPercent(growth)
	}
	debug.SetMemoryLimit(min(heapBound, bound))
	return func() {
		debug.SetGCPercent(growth)
		debug.SetMemoryLimit(bound)
	}
}

// doors opens the public and the private listener of a configuration.
type doors func(cfg *config.Config) (public, private net.Listener, err error)

func serveOn(ctx context.Context, path string, e env, open doors, ready func(public, private string)) error {
	cfg, err := loadConfig(path, &e)
	if err != nil {
		return err
	}
	p, err := build(cfg, e)
	if err != nil {
		return err
	}
	setBack := collect(e)
	defer setBack()
	h, err := openHouse(cfg, e)
	if err != nil {
		return err
	}
	defer h.close()
	log := logger(cfg, e.stderr)
	public, private, err := open(cfg)
	if err != nil {
		return err
	}
	public, private, shown, err := secured(cfg, public, private, log)
	if err != nil {
		return err
	}
	pub, priv := originOf(cfg.Listen.PublicTLS, public.Addr().String()), originOf(cfg.Listen.PrivateTLS, private.Addr().String())
	tracer, err := tracerOf(ctx, cfg, p.build, e, log)
	if err != nil {
		return err
	}
	defer func() {
		if err := tracer.Close(); err != nil {
			log.Warn().Err(err).Msg("telemetry")
		}
	}()
	m := managerOf(e.getenv)
	tell := func(state string) {
		if err := m.tell(state); err != nil {
			log.Error().Err(err).Str("state", state).Msg("service manager")
		}
	}
	context.AfterFunc(ctx, func() { tell(stateStopping) })
	g, err := gateway.New(gateway.Options{
		Store: h.store, Ring: h.ring, Screen: p.screen, Parts: p.gateway(), Files: h.files,
		Public: public, Private: private, Admin: h.socket, ConsoleURL: cmp.Or(cfg.Console.URL, priv), AsksAtOnce: cfg.Limits.AsksAtOnce,
		Connections: cfg.Limits.Connections, ConnectionsPerPeer: cfg.Limits.PerPeer,
		Alive: func() { tell(stateAlive) }, AliveEvery: m.every, Gauges: gauges(h.dir, shown), Tracer: tracer,
		Checkpoints: checkpointsOf(cfg), Custody: h.custody(cfg),
		File: newLoader(path, cfg, p, e).file(ctx),
		Log:  log, Broken: h.store.Broken(),
		Ready: func() {
			tell(stateReady)
			fmt.Fprintf(e.stdout, "ready public=%s private=%s pid=%d\n", pub, priv, os.Getpid())
			if ready != nil {
				ready(pub, priv)
			}
		},
	})
	if err != nil {
		return err
	}
	return h.why(g.Run(ctx))
}

// why says what broke the store, where that ended the daemon.
func (h *house) why(err error) error {
	if errors.Is(err, gateway.ErrStoreBroken) {
		err = fmt.Errorf("%w (%w)", err, h.store.Fault())
	}
	return err
}

func logger(cfg *config.Config, w io.Writer) zerolog.Logger {
	level, err := zerolog.ParseLevel(string(cfg.Log.Level))
	if err != nil {
		level = zerolog.InfoLevel
	}
	return zerolog.New(w).Level(level).With().Timestamp().Logger()
}

// listen opens both listeners, or none.
func listen(cfg *config.Config) (public, private net.Listener, err error) {
	if public, err = net.Listen("tcp", cfg.Listen.Public); err != nil {
		return nil, nil, fmt.Errorf("listen.public: %w", err)
	}
	if private, err = net.Listen("tcp", cfg.Listen.Private); err != nil {
		_ = public.Close()
		return nil, nil, fmt.Errorf("listen.private: %w", err)
	}
	return public, private, nil
}

// house is an opened data folder.
type house struct {
	dir    string
	store  *boltstore.Store
	ring   *seal.Keyring
	files  *attic.Attic
	socket net.Listener
}

// checkpointsOf is the file of signed heads; "": there is none.
func checkpointsOf(cfg *config.Config) string {
	if cfg == nil || cfg.Audit.Checkpoints == "" {
		return ""
	}
	return cfg.Path(cfg.Audit.Checkpoints)
}

// openHouse takes the data folder of a configuration.
func openHouse(cfg *config.Config, e env) (*house, error) {
	reserve := int64(cfg.Limits.DiskReserveMiB) << 20
	return openHouseAt(cfg.Path(cfg.Data), reserve, func(dir string) (*seal.Keyring, error) { return openRing(cfg, dir, e) })
}

// openHouseAt takes a data folder: the store's lock first, and only under it
// the socket, so that a stale one is removed by its heir alone.
func openHouseAt(dir string, reserve int64, ring func(dir string) (*seal.Keyring, error)) (*house, error) {
	h := &house{dir: dir}
	if err := os.MkdirAll(h.dir, 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	var err error
	if h.store, err = boltstore.Open(boltstore.Options{Path: filepath.Join(h.dir, storeFile), Reserve: reserve}); err != nil {
		return nil, err
	}
	// A change of the key that was killed may have left the one before it.
	if err := seal.SweepKeyFiles(filepath.Join(h.dir, keyFile)); err != nil {
		h.close()
		return nil, fmt.Errorf("key file: %w", err)
	}
	if h.ring, err = ring(h.dir); err != nil {
		h.close()
		return nil, err
	}
	h.files, err = attic.Open(attic.Options{Folder: filepath.Join(h.dir, fileFolder), Store: h.store, Ring: h.ring, Random: rand.Reader})
	if err != nil {
		h.close()
		return nil, err
	}
	path := filepath.Join(h.dir, socketFile)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		h.close()
		return nil, fmt.Errorf("stale socket: %w", err)
	}
	if h.socket, err = listenSocket(path); err != nil {
		h.close()
		return nil, err
	}
	return h, nil
}

func openRing(cfg *config.Config, dir string, e env) (*seal.Keyring, error) {
	if cfg.Keys.Tenant.IsZero() {
		return seal.LoadOrCreate(filepath.Join(dir, keyFile), rand.Reader)
	}
	ring, err := supplied("keys.tenant", cfg.Keys.Tenant, e)
	if err != nil || cfg.Keys.Previous.IsZero() {
		return ring, err
	}
	earlier, err := supplied("keys.previous", cfg.Keys.Previous, e)
	if err != nil {
		return nil, err
	}
	if ring, err = ring.With(earlier); err != nil {
		return nil, fmt.Errorf("keys.previous: %w", err)
	}
	return ring, nil
}

// supplied reads a tenant key from where the configuration says it is.
func supplied(field string, from config.Secret, e env) (*seal.Keyring, error) {
	text, err := from.Resolve(e.getenv, os.ReadFile)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", field, err)
	}
	ring, err := seal.FromBytes([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", field, err)
	}
	return ring, nil
}

func (h *house) close() {
	if h.socket != nil {
		_ = h.socket.Close()
	}
	if h.store != nil {
		_ = h.store.Close()
	}
}

// patience is how long a verb waits for a process of its own to begin or end.
const patience = 10 * time.Second
