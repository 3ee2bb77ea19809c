package main

import (
	"bytes"
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/tidegate/tidegate/config"
	"github.com/tidegate/tidegate/gateway"
)

// loader makes parts of what the configuration file says while the daemon runs.
type loader struct {
	path    string
	e       env
	start   *config.Config // with which the daemon was started
	inForce *parts
}

func newLoader(path string, cfg *config.Config, p *parts, e env) *loader {
	return &loader{path: path, e: e, start: cfg, inForce: p}
}

// file is the configuration file as the gateway keeps it. SIGHUP has it read anew.
func (l *loader) file(ctx context.Context) *gateway.File {
	again := make(chan os.Signal, 1)
	signal.Notify(again, syscall.SIGHUP)
	context.AfterFunc(ctx, func() { signal.Stop(again) })
	return &gateway.File{Path: l.path, Start: l.start.Text(), Load: l.load, Again: again}
}

// load checks a content as `tidegate check` does and builds all it makes. The
// gateway calls it for one content at a time.
func (l *loader) load(text []byte) (out gateway.Loaded, err error) {
	o := configOptions(&l.e)
	parts := o.Parts
	o.Parts = func(c *config.Config, whole func(...string) bool) []config.Fault {
		out.Beside = besideOf(c) // though the persona is what has the faults
		return append(parts(c, whole), l.needsRestart(c)...)
	}
	cfg, faults := config.Parse(l.path, text, o)
	if len(faults) > 0 {
		return out, faults
	}
	p, err := rebuild(cfg, l.e, l.inForce)
	if err != nil {
		return out, err
	}
	var says bytes.Buffer
	c := &checked{}
	c.judge(cfg, p)
	if err := c.print(&says); err != nil {
		return out, err
	}
	out.Parts, out.Says, out.InForce = p.gateway(), says.String(), func() { l.inForce = p }
	return out, nil
}

// besideOf are the files that a configuration is read with.
func besideOf(c *config.Config) []string {
	if p := c.Agent.Persona; p != "" && !strings.HasPrefix(p, "builtin:") {
		return []string{c.Path(p)}
	}
	return nil
}

// needsRestart names what cannot change under a running daemon: the doors it
// opened, the folder it holds, the key it seals with.
func (l *loader) needsRestart(c *config.Config) (faults []config.Fault) {
	was := l.start
	for _, f := range []struct {
		field string
		same  bool
	}{
		{"listen.public", was.Listen.Public == c.Listen.Public},
		{"listen.private", was.Listen.Private == c.Listen.Private},
		{"telemetry", was.Telemetry == c.Telemetry},
		{"listen.public_tls", was.Listen.PublicTLS == c.Listen.PublicTLS},
		{"listen.private_tls", was.Listen.PrivateTLS == c.Listen.PrivateTLS},
		{"data", filepath.Clean(was.Path(was.Data)) == filepath.Clean(c.Path(c.Data))},
		{"keys.tenant", was.Keys.Tenant == c.Keys.Tenant},
		{"keys.previous", was.Keys.Previous == c.Keys.Previous},
		{"erase", was.Erase == c.Erase},
		{"retention", was.Retention == c.Retention},
		{"console.url", was.Console.URL == c.Console.URL},
		{"limits.disk_reserve_mib", was.Limits.DiskReserveMiB == c.Limits.DiskReserveMiB},
		{"limits.connections", was.Limits.Connections == c.Limits.Connections},
		{"limits.connections_per_peer", was.Limits.PerPeer == c.Limits.PerPeer},
		{"limits.asks_at_once", was.Limits.AsksAtOnce == c.Limits.AsksAtOnce},
		{"audit.checkpoints", was.Audit.Checkpoints == c.Audit.Checkpoints},
		{"log.level", was.Log.Level == c.Log.Level},
	} {
		if !f.same {
			faults = append(faults, c.Fault(f.field, "must stay as it is while the daemon runs", "", "a restart is needed for it: change it in the file and start the daemon anew"))
		}
	}
	return faults
}
