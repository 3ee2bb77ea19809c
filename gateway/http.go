package gateway

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/molt"
)

// Limits of the listeners: what drags is cut, what floods waits outside.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	writeTimeout  = 20 * time.Second
	idleTimeout   = 60 * time.Second
	maxHeader     = 16 << 10
	readyWithin   = 2 * time.Second
	maxPrivate    = 1000 // connections at a time, well above the console's live pages, so that probes get through

	// DefaultConnections is how many there may be at a time at both doors, as far as the
	// process may have that many files open.
	DefaultConnections = 5000
	// DefaultPerPeer is how many of them one address may have, or one IPv6 /64.
	DefaultPerPeer = 200
)

// doors are the two listeners with their limits.
func (g *Gateway) doors() (public, private *door) {
	files := openFiles()
	pub, priv := seats(cmp.Or(g.o.Connections, DefaultConnections), files)
	if wanted := cmp.Or(g.o.Connections, DefaultConnections); pub+priv < wanted {
		g.o.Log.Warn().Int("connections", pub+priv).Int("wanted", wanted).Int("open_files", files).
			Msg("fewer connections at a time than limits.connections says: raise the limit on open files (LimitNOFILE)")
	}
	each := cmp.Or(g.o.ConnectionsPerPeer, DefaultPerPeer)
	return newDoor(g.o.Public, pub, min(each, max(1, pub/2)), g.fronts, g.metrics.turned.WithLabelValues("public")),
		newDoor(g.o.Private, priv, min(each, max(1, priv/2)), g.fronts, g.metrics.turned.WithLabelValues("private"))
}

// fronted is a channel that knows the proxies in front of it.
type fronted interface {
	Fronts(netip.Addr) bool
}

// fronts reports whether everybody may come from an address: a proxy on this machine,
// or one that a channel trusts.
func (g *Gateway) fronts(a netip.Addr) bool {
	if a.IsLoopback() {
		return true
	}
	for _, l := range g.force.Load().live {
		if f, ok := l.Live.(fronted); ok && f.Fronts(a) {
			return true
		}
	}
	return false
}

func (g *Gateway) servePublic(ctx context.Context, d *door) error {
	mux := http.NewServeMux()
	hooks := &intake.Hooks{
		Desk:     g.desk,
		Adapters: g.adapter,
		Greeting: g.greeting,
		Count: func(channel string, hook channels.Hook, status int, took time.Duration) {
			g.metrics.hooks.WithLabelValues(channel, string(hook), strconv.Itoa(status)).Inc()
			g.metrics.seconds.WithLabelValues(string(hook)).Observe(took.Seconds())
			if _, ours := g.adapter(channel); ours {
				g.traffic.hook(channel, hook, status)
			}
		},
		Refused: g.refusals.refused,
	}
	mux.Handle("/hooks/{channel}/{hook}", hooks)
	mux.Handle("/", hooks)
	return serve(ctx, d, g.newServer("public", d.sockets(g.liveDoors(mux)), d))
}

// greeting is what a caller hears, in the words of the configuration in force.
func (g *Gateway) greeting() channels.Greeting {
	r := g.rules()
	return channels.Greeting{
		Languages: r.Languages, Phone: r.Phone,
		Say: func(lang, text string) string { return r.Texts.Say(lang, text, "") },
	}
}

func (g *Gateway) servePrivate(ctx context.Context, d *door) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", g.readyz)
	metrics := promhttp.HandlerFor(g.metrics.registry, promhttp.HandlerOpts{})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		g.countCases(r.Context())
		metrics.ServeHTTP(w, r)
	})
	mux.Handle("/", g.console.Handler())
	return serve(ctx, d, g.newServer("private", d.sockets(mux), d))
}

// readyz says whether the daemon can accept and commit, by committing.
func (g *Gateway) readyz(w http.ResponseWriter, r *http.Request) {
	if g.ready.Load() && g.commits(r.Context(), readyWithin) == nil {
		_, _ = w.Write([]byte("ready\n"))
		return
	}
	http.Error(w, "not ready: cannot accept and commit", http.StatusServiceUnavailable)
}

func (g *Gateway) countCases(ctx context.Context) {
	g.metrics.holes.Set(float64(len(g.rules().Plan.Holes(molt.TimeOf(g.o.Now())))))
	silent, _ := g.rules().Silent()
	g.metrics.silent.Set(float64(len(silent)))
	rows, err := g.desk.WorkList(ctx)
	if err != nil {
		g.metrics.faults.WithLabelValues("work_list").Inc()
		return
	}
	g.metrics.listed.Reset()
	oldest := map[escalation.Severity]float64{escalation.S1: 0, escalation.S2: 0, escalation.S3: 0}
	now := molt.TimeOf(g.o.Now())
	for _, r := range rows {
		if r.State == escalation.StateResolved {
			continue // in its cool-down
		}
		g.metrics.listed.WithLabelValues(string(r.Severity)).Inc()
		if r.Claimant == "" {
			oldest[r.Severity] = max(oldest[r.Severity], now.Sub(r.Opened).Seconds())
		}
	}
	for severity, age := range oldest {
		g.metrics.unclaimed.WithLabelValues(string(severity)).Set(age)
	}
}

// newServer is a server with its limits. d hears of its connections; nil: nobody.
func (g *Gateway) newServer(name string, h http.Handler, d *door) *http.Server {
	s := &http.Server{
		Handler: h, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader, ErrorLog: errorLog(g.o.Log, name),
	}
	if d != nil {
		s.ConnState = d.state
	}
	return s
}

// serve answers on a listener until ctx ends, then lets requests under way end.
func serve(ctx context.Context, l net.Listener, s *http.Server) error {
	stopped := make(chan error, 1)
	go func() { // ends once ctx does: Run waits for it below
		<-ctx.Done()
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), StopTimeout)
		defer cancel()
		stopped <- s.Shutdown(stop)
	}()
	err := s.Serve(l)
	if !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}
