package gateway

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/net/netutil"

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
	maxPublic     = 4000 // connections at a time; a live channel has a lower limit of its own
	readyWithin   = 2 * time.Second
	maxPrivate    = 1000 // well above the console's live pages, so that probes get through
)

func (g *Gateway) servePublic(ctx context.Context) error {
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
	return serve(ctx, netutil.LimitListener(g.o.Public, maxPublic), newServer(g.liveDoors(mux)))
}

// greeting is what a caller hears, in the words of the configuration in force.
func (g *Gateway) greeting() channels.Greeting {
	r := g.rules()
	return channels.Greeting{
		Languages: r.Languages, Phone: r.Phone,
		Say: func(lang, text string) string { return r.Texts.Say(lang, text, "") },
	}
}

func (g *Gateway) servePrivate(ctx context.Context) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", g.readyz)
	metrics := promhttp.HandlerFor(g.metrics.registry, promhttp.HandlerOpts{})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		g.countCases(r.Context())
		metrics.ServeHTTP(w, r)
	})
	mux.Handle("/", g.console.Handler())
	return serve(ctx, netutil.LimitListener(g.o.Private, maxPrivate), newServer(mux))
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

func newServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
	}
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
