package gateway

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/gateway/agent"
	"github.com/tidegate/tidegate/gateway/turn"
)

// metrics count what happens. No label holds a number, a name or a word.
type metrics struct {
	registry  *prometheus.Registry
	hooks     *prometheus.CounterVec
	hidden    *prometheus.CounterVec
	seconds   *prometheus.HistogramVec
	decisions *prometheus.CounterVec
	cases     *prometheus.CounterVec
	sends     *prometheus.CounterVec
	asks      *prometheus.CounterVec
	calls     *prometheus.CounterVec
	tokens    *prometheus.CounterVec
	money     *prometheus.CounterVec
	faults    *prometheus.CounterVec
	turned    *prometheus.CounterVec
	backfill  *prometheus.CounterVec
	files     *prometheus.CounterVec
	listed    *prometheus.GaugeVec
	unclaimed *prometheus.GaugeVec
	anomalies *prometheus.CounterVec
	holes     prometheus.Gauge
	silent    prometheus.Gauge
	stale     prometheus.Gauge
	reserve   prometheus.Gauge
	damaged   prometheus.Gauge
	scrubbed  prometheus.Counter
	reloads   *prometheus.CounterVec
}

func newMetrics(more ...prometheus.Collector) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		hooks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tidegate_webhooks_total", Help: "Webhooks by channel, door and HTTP status.",
		}, []string{"channel", "hook", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tidegate_webhook_seconds", Help: "From a webhook's first byte to its answer, commit included.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 15},
		}, []string{"hook"}),
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tidegate_decisions_total", Help: "Decisions by reason.",
		}, []string{"reason"}),
		cases: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tidegate_case_changes_total", Help: "Decisions that changed a case, by its severity and state since.",
		}, []string{"severity", "state"}),
		sends: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tidegate_sends_total", Help: "Attempts to send by class and outcome.",
		}, []string{"class", "outcome"}),
		asks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tidegate_asks_total", Help: "Questions to models by model and outcome.",
		}, []string{"model", "outcome"}),
		calls: callMetric(), tokens: tokenMetric(), money: moneyMetric(),
		turned: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tidegate_connections_turned_away_total", Help: "Connections that were turned away, or cut while they waited, because there were too many.",
		}, []string{"door"}),
		faults: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tidegate_faults_total", Help: "Faults of the gateway itself, by place.",
		}, []string{"place"}),
		backfill: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tidegate_backfill_total", Help: "Texts listed by the back-filler, by what they turned out to be.",
		}, []string{"channel", "outcome"}),
		files: newFileCounter(),
		listed: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "tidegate_cases_open", Help: "Cases that are not settled, by severity, at the last scrape.",
		}, []string{"severity"}),
		holes: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "tidegate_oncall_holes", Help: "Stretches of the coming week in which nobody is on call, at the last scrape.",
		}),
	}
	m.watch()
	m.register()
	m.start()
	m.registry.MustRegister(more...)
	return m
}

// places are where the gateway itself can fault.
func places() []string {
	return []string{"anomaly", "checkpoint", "custody", "disk", "file", "item", "lane", "sender_budget", "step", "work_list"}
}

// watch makes what stands for how things are now.
func (m *metrics) watch() {
	m.silent = silentMetric()
	m.stale = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "tidegate_config_reload_failed", Help: "1 while the configuration file has faults and what was in force before stays.",
	})
	m.hidden = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tidegate_chat_source_hidden_total", Help: "Chats begun of which the proxy in front hides where they come from, by why.",
	}, []string{"channel", "reason"})
	m.reserve = reserveMetric()
	m.damaged, m.scrubbed = newScrubMetrics()
	m.reloads = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tidegate_config_reloads_total", Help: "Contents of the configuration file that were tried, by result.",
	}, []string{"result"})
	m.unclaimed = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "tidegate_case_unclaimed_seconds", Help: "Age of the oldest case that nobody has taken, by severity, at the last scrape.",
	}, []string{"severity"})
	m.anomalies = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tidegate_anomalies_total", Help: "What is odd about the agent, by kind; see the runbook.",
	}, []string{"kind"})
}

// start gives what alerts look at a value of 0: an alert on what rises sees the
// first one too.
func (m *metrics) start() {
	for _, a := range anomalies() {
		m.anomalies.WithLabelValues(string(a)) // 0 is a value too
	}
	for _, d := range []string{"public", "private"} {
		m.turned.WithLabelValues(d)
	}
	for _, place := range places() {
		m.faults.WithLabelValues(place)
	}
	m.decisions.WithLabelValues(string(turn.ReasonFault))
	for _, c := range []channels.Class{channels.ClassSafety, channels.ClassPage, channels.ClassNurse, channels.ClassAgent} {
		for _, outcome := range []channels.FaultKind{"sent", channels.FaultUnknown, channels.FaultTransient, channels.FaultUnreachable, channels.FaultConfiguration} {
			m.sends.WithLabelValues(string(c), string(outcome))
		}
	}
}

func (m *metrics) register() {
	m.registry.MustRegister(m.unclaimed, m.anomalies, m.damaged, m.scrubbed, m.hidden, m.reserve, m.silent, m.stale, m.reloads, m.holes, m.hooks, m.seconds, m.decisions, m.cases, m.sends, m.asks, m.calls, m.tokens, m.money, m.faults, m.turned, m.backfill, m.files, m.listed,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
}

func silentMetric() prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "tidegate_agent_silent_channels", Help: "Channels on which the agent may not speak, at the last scrape.",
	})
}

func newScrubMetrics() (damaged prometheus.Gauge, scrubbed prometheus.Counter) {
	return prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "tidegate_conversations_damaged", Help: "Conversations that the scrub found damaged, and that are frozen.",
		}), prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tidegate_scrubbed_total", Help: "Conversations that the scrub has read from their first event.",
		})
}

func newFileCounter() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tidegate_files_total", Help: "Attempts to fetch a file that came with a text, by what came of it.",
	}, []string{"channel", "outcome"})
}

func callMetric() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tidegate_tool_calls_total", Help: "Calls of the agent's tools by tool and outcome.",
	}, []string{"tool", "outcome"})
}

func tokenMetric() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tidegate_model_tokens_total", Help: "Tokens that models on servers read and wrote, as the servers count them.",
	}, []string{"model", "direction"})
}

func moneyMetric() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tidegate_model_cost_total", Help: "What models cost by the configured prices, in their currency.",
	}, []string{"model"})
}

// asked counts one attempt of a model's.
func (m *metrics) asked(a agent.Attempt, outcome string) {
	m.asks.WithLabelValues(a.Model, outcome).Inc()
	if a.TokensIn+a.TokensOut > 0 {
		m.tokens.WithLabelValues(a.Model, "in").Add(float64(a.TokensIn))
		m.tokens.WithLabelValues(a.Model, "out").Add(float64(a.TokensOut))
		m.money.WithLabelValues(a.Model).Add(float64(a.Micros) / 1e6)
	}
}

func (m *metrics) decision(d turn.Decided) {
	m.decisions.WithLabelValues(string(d.Reason)).Inc()
	if d.Case != nil {
		m.cases.WithLabelValues(string(d.Case.Severity), string(d.Case.State)).Inc()
	}
}

// reloaded counts a content of the configuration file that was tried.
func (m *metrics) reloaded(failed bool) {
	if failed {
		m.stale.Set(1)
		m.reloads.WithLabelValues("refused").Inc()
		return
	}
	m.stale.Set(0)
	m.reloads.WithLabelValues("applied").Inc()
}
