package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/channels/twilio"
	"github.com/tidegate/tidegate/channels/webchat"
	"github.com/tidegate/tidegate/config"
	"github.com/tidegate/tidegate/molt"
)

// What the doctor finds tight, and too little.
const (
	diskTight    = 1 << 30
	diskTooFull  = 100 << 20
	slowSync     = 25 * time.Millisecond
	syncTries    = 9
	carrierWait  = 10 * time.Second
	readyzWait   = 2 * time.Second
	modelWait    = 5 * time.Second
	clockBuiltAt = 2025 // no clock is right that is before this year
)

func doctorCmd(e env) *cobra.Command {
	var path string
	var asJSON bool
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Check this machine, the folder and the carrier",
		Long: `Checks what the configuration cannot tell: whether secrets resolve, the data
folder takes writes and how fast, its key is private, ports are free or a daemon
answers on them, which webhooks that one refused, and whether the carrier answers
a read-only call. It prints the webhook addresses to enter at the carrier. Nothing
is sent and nothing is kept.
` + exitHelp,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return doctor(c.Context(), path, asJSON, e) },
	}
	c.Flags().StringVarP(&path, "config", "c", "tidegate.yaml", "the configuration file")
	c.Flags().BoolVar(&asJSON, "json", false, "write JSON")
	return c
}

// finding is one line of the doctor's.
type finding struct {
	What  string `json:"what"`
	State string `json:"state"` // ok, warn, fail
	Say   string `json:"say"`
	Hint  string `json:"hint,omitempty"`
}

// settings are what belongs into the carrier's console for one channel.
type settings struct {
	Channel  string `json:"channel"`
	Method   string `json:"method"`
	Message  string `json:"message_url"`
	Fallback string `json:"fallback_url"`
	Call     string `json:"call_url"`
}

// examination gathers what the doctor finds.
type examination struct {
	Findings []finding  `json:"findings"`
	Settings []settings `json:"settings,omitempty"`
}

func (x *examination) ok(what, format string, args ...any) {
	x.Findings = append(x.Findings, finding{what, "ok", fmt.Sprintf(format, args...), ""})
}

func (x *examination) warn(what, hint, format string, args ...any) {
	x.Findings = append(x.Findings, finding{what, "warn", fmt.Sprintf(format, args...), hint})
}

func (x *examination) fail(what, hint, format string, args ...any) {
	x.Findings = append(x.Findings, finding{what, "fail", fmt.Sprintf(format, args...), hint})
}

func (x *examination) failed() bool {
	return slices.ContainsFunc(x.Findings, func(f finding) bool { return f.State == "fail" })
}

func doctor(ctx context.Context, path string, asJSON bool, e env) error {
	cfg, err := loadConfig(path, nil)
	if err != nil {
		return err
	}
	x := &examination{}
	x.ok("configuration", "%s loads", path)
	p := x.parts(cfg, e)
	x.folder(cfg.Path(cfg.Data))
	x.key(cfg, e)
	x.clock(cfg)
	x.certificates(cfg, time.Now())
	x.ports(ctx, cfg)
	if p != nil {
		x.carriers(ctx, p)
		x.models(ctx, p)
		x.calendar(ctx, p)
	}
	if asJSON {
		err = printJSON(e.stdout, x, true)
	} else {
		err = x.print(e.stdout)
	}
	if err == nil && x.failed() {
		err = errors.New("something is not in order")
	}
	return err
}

func (x *examination) parts(cfg *config.Config, e env) *parts {
	p, err := build(cfg, e)
	if err != nil {
		x.fail("secrets and parts", "tidegate check says where", "%v", err)
		return nil
	}
	x.ok("secrets and parts", "every secret resolves and everything can be built")
	return p
}

// folder tries the data folder with a file of its own.
func (x *examination) folder(dir string) {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		x.warn("data folder", "it is made at the first start, if the folder above it allows that", "%s is not there yet", dir)
		return
	case err != nil:
		x.fail("data folder", "it has to be a folder of the daemon's user", "%v", err)
		return
	case info.Mode().Perm()&0o077 != 0:
		x.warn("data folder", "chmod 700 "+dir, "%s lets others look in (mode %04o)", dir, info.Mode().Perm())
	}
	took, err := syncTime(dir)
	switch {
	case err != nil:
		x.fail("data folder", "it has to take writes of the daemon's user", "%v", err)
		return
	case took > slowSync:
		x.warn("disk", "each text waits for one such write; a disk with a battery or a faster one helps", "a write that survives a power cut takes %v", took.Round(10*time.Microsecond))
	default:
		x.ok("disk", "a write that survives a power cut takes %v", took.Round(10*time.Microsecond))
	}
	x.ok("data folder", "%s takes writes", dir)
	x.space(dir)
}

// syncTime is the median of a few small writes with fsync.
func syncTime(dir string) (time.Duration, error) {
	f, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	var took []time.Duration
	for range syncTries {
		began := time.Now()
		if _, err := f.Write(make([]byte, 4096)); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return took[len(took)/2], nil
}

func (x *examination) space(dir string) {
	free, err := freeAt(dir)
	if err != nil {
		x.warn("space", "", "it cannot be told: %v", err)
		return
	}
	say := fmt.Sprintf("%d MiB free", free>>20)
	switch {
	case free < diskTooFull:
		x.fail("space", "free some: a full disk stops the gateway", "%s", say)
	case free < diskTight:
		x.warn("space", "free some before it runs out", "%s", say)
	default:
		x.ok("space", "%s", say)
	}
}

func (x *examination) key(cfg *config.Config, e env) {
	dir := cfg.Path(cfg.Data)
	if !cfg.Keys.Tenant.IsZero() {
		if _, err := openRing(cfg, dir, e); err != nil {
			x.fail("key", "keys.tenant has to lead to the whole line of a key file", "%v", err)
			return
		}
		x.ok("key", "keys.tenant resolves")
		return
	}
	path := filepath.Join(dir, keyFile)
	info, err := os.Stat(path)
	_, stored := os.Stat(filepath.Join(dir, storeFile))
	switch {
	case errors.Is(err, fs.ErrNotExist) && stored == nil:
		x.fail("key", "bring it back from its copy: without it nobody can read the record", "the record is there and its key file is not")
	case errors.Is(err, fs.ErrNotExist):
		x.ok("key", "it is made at the first start")
	case err != nil:
		x.fail("key", "", "%v", err)
	case info.Mode().Perm()&0o077 != 0:
		x.fail("key", "chmod 600 "+path, "the key file lets others in (mode %04o)", info.Mode().Perm())
	default:
		x.ok("key", "the key file is private; keep a copy away from this machine")
	}
}

// clock compares the clock with what cannot be later than now.
func (x *examination) clock(cfg *config.Config) {
	now := time.Now()
	info, err := os.Stat(filepath.Join(cfg.Path(cfg.Data), storeFile))
	switch local := now.In(cfg.Clinic.Timezone.Location()).Format("Mon 2006-01-02 15:04 MST"); {
	case now.Year() < clockBuiltAt:
		x.fail("clock", "set it, and let it follow a time server", "it says %s", local)
	case err == nil && info.ModTime().After(now.Add(time.Minute)):
		x.fail("clock", "set it, and let it follow a time server", "it says %s, and the record was written after that", local)
	default:
		x.ok("clock", "at the clinic it is %s", local)
	}
}

// ports tells whether a daemon answers, or its addresses are free for one.
func (x *examination) ports(ctx context.Context, cfg *config.Config) {
	wait, cancel := context.WithTimeout(ctx, readyzWait)
	defer cancel()
	private := originOf(cfg.Listen.PrivateTLS, cfg.Listen.Private)
	req, err := http.NewRequestWithContext(wait, http.MethodGet, private+"/readyz", nil)
	if err == nil {
		var resp *http.Response
		if resp, err = ourselves().Do(req); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				x.fail("daemon", "its log says why", "something answers on listen.private, and is not ready: %s", resp.Status)
				return
			}
			x.ok("daemon", "it runs and can accept and commit")
			x.refusedHooks(wait, private)
			return
		}
	}
	for _, p := range []struct{ field, addr string }{{"listen.public", cfg.Listen.Public}, {"listen.private", cfg.Listen.Private}} {
		l, err := net.Listen("tcp", p.addr)
		if err != nil {
			x.fail(p.field, "stop what uses it, or choose another port", "%s cannot be opened", p.addr)
			continue
		}
		_ = l.Close()
		x.ok(p.field, "%s is free; no daemon runs", p.addr)
	}
}

// ourselves asks the daemon by the address it listens on, which is no name in its
// certificate. Nothing secret is said to it.
func ourselves() *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} //nolint:gosec // see above
}

// carriers asks each carrier for the texts of the last minute, which changes nothing.
func (x *examination) carriers(ctx context.Context, p *parts) {
	for _, id := range slices.Sorted(maps.Keys(p.adapters)) {
		a := p.adapters[id]
		if c, ok := a.(*webchat.Adapter); ok {
			x.chat(id, c.Settings())
			continue
		}
		if t, ok := a.(interface{ Settings() twilio.Settings }); ok {
			s := t.Settings()
			x.Settings = append(x.Settings, settings{id, s.Method, s.MessageURL, s.FallbackURL, s.CallURL})
		}
		wait, cancel := context.WithTimeout(ctx, carrierWait)
		began := time.Now()
		_, _, err := a.ListInbound(wait, a.Accounts()[0], molt.TimeOf(began.Add(-time.Minute)), "", func(string) bool { return true })
		cancel()
		var fault *channels.SendError
		switch {
		case err == nil:
			x.ok("carrier "+id, "it answered a read-only call in %v", time.Since(began).Round(time.Millisecond))
		case errors.As(err, &fault):
			x.fail("carrier "+id, fault.Hint, "%v", err)
		default:
			x.fail("carrier "+id, "is the network up, and base_url right?", "it did not answer: %v", err)
		}
	}
}

// chat says where a web chat is; there is no carrier to ask.
func (x *examination) chat(id string, s webchat.Settings) {
	x.ok("chat "+id, "put this into the pages of your site: %s", s.Script)
	if s.Page != "" {
		x.ok("chat "+id, "its own page is %s", s.Page)
	}
}

// models asks each server whether it has its model. A chain that ends in the
// built-in flow goes on without any.
func (x *examination) models(ctx context.Context, p *parts) {
	for _, m := range p.models {
		wait, cancel := context.WithTimeout(ctx, modelWait)
		say, err := m.Examine(wait)
		cancel()
		if err != nil {
			x.warn("model "+m.Name(), "until it answers the next model of agent.models is asked, or a person", "%v", err)
			continue
		}
		x.ok("model "+m.Name(), "%s", say)
	}
}

func (x *examination) print(w io.Writer) error {
	var rows [][]string
	for _, f := range x.Findings {
		rows = append(rows, []string{f.State, f.What, strings.ReplaceAll(f.Say, "\n", "; ")})
		if f.Hint != "" {
			rows = append(rows, []string{" ", " ", "→ " + f.Hint})
		}
	}
	if err := table(w, rows); err != nil {
		return err
	}
	for _, s := range x.Settings {
		err := printText(w, "\nEnter at the carrier for each number of channel %s, all %s:\n  a message comes in    %s\n  primary handler fails %s\n  a call comes in       %s\nReceipts need no field: each text names its own callback.\n",
			s.Channel, s.Method, s.Message, s.Fallback, s.Call)
		if err != nil {
			return err
		}
	}
	return nil
}
