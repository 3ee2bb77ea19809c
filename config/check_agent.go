package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

func (c *checker) agent() {
	a := c.cfg.Agent
	if a.Enabled && len(a.Models) == 0 {
		c.report("agent.models", "must name a model while the agent is on", "none", "write [scripted/intake], or enabled: false to leave every text to people")
	}
	for i, m := range a.Models {
		c.model(index("agent.models", i), m)
		if rule, got, hint, ok := c.cfg.PriceMissing(m); !ok {
			c.report(index("agent.models", i), rule, got, hint)
		}
	}
	if least := a.LeastWatchdog(a.Models); a.Watchdog < least && c.sound("agent.debounce_max", "agent.ask_timeout", "agent.models") {
		c.report("agent.watchdog", "must not be shorter than debounce_max and, for each model on a server, ask_timeout together", a.Watchdog.String(), "write at least "+least.String()+", or people are called before the agent can answer")
	}
	if o := a.Opinion; o.Conversation > o.Asks && c.sound("agent.opinion.conversation_asks", "agent.opinion.asks") {
		c.report("agent.opinion.asks", "must not be less than conversation_asks", fmt.Sprint(o.Asks), fmt.Sprintf("write at least %d", o.Conversation))
	}
	c.providers()
	c.calendar()
	c.telemetry()
	if a.DebounceMax < a.Debounce && c.sound("agent.debounce") {
		c.report("agent.debounce_max", "must not be shorter than agent.debounce", a.DebounceMax.String(), "write at least "+a.Debounce.String())
	}
	c.persona(a.Persona)
}

// model checks that the provider of a model exists: built in, or under
// agent.providers.
func (c *checker) model(path string, m Model) {
	if c.opts.Providers == nil {
		return
	}
	if rule, got, hint, ok := c.cfg.ProviderMissing(m, c.opts.Providers); !ok {
		c.report(path, rule, got, hint)
	}
}

// ProviderMissing says of a model that nothing is named as what stands before its
// slash: neither what is built in nor a server; ok reports that something is.
func (c *Config) ProviderMissing(m Model, builtIn []string) (rule, got, hint string, ok bool) {
	provider, _ := m.Split()
	known := slices.Clone(builtIn)
	for id := range c.Agent.Providers {
		known = append(known, string(id))
	}
	slices.Sort(known)
	if slices.Contains(known, provider) {
		return "", "", "", true
	}
	hint = suggest(provider, known)
	if slices.Contains(ProviderType("").Words(), provider) {
		hint = "say where it is: providers: {" + provider + ": {base_url: …}}"
	}
	return "must begin with a provider there is", shown(string(m)), hint, false
}

// LeastWatchdog is the shortest watchdog under which each model of a chain can have
// its time.
func (a Agent) LeastWatchdog(chain []Model) Duration {
	return a.DebounceMax + a.AskTimeout*Duration(max(1, remote(chain)))
}

// remote counts the models of a chain that run on a server.
func remote(chain []Model) int {
	n := 0
	for _, m := range chain {
		if p, _ := m.Split(); p != builtInProvider {
			n++
		}
	}
	return n
}

// builtInProvider needs no server.
const builtInProvider = "scripted"

func (c *checker) providers() {
	for _, id := range slices.Sorted(maps.Keys(c.cfg.Agent.Providers)) {
		p, at := c.cfg.Agent.Providers[id], "agent.providers."+string(id)
		if id == builtInProvider {
			c.report(at, "must not be named as what is built in", string(id), "take it out, or give it another name")
			continue
		}
		kind := p.Kind(id)
		if !slices.Contains(ProviderType("").Words(), string(kind)) {
			c.report(join(at, "type"), "must be there, since the name says nothing", "", "write type: ollama or type: openai")
		}
		c.baseURL(join(at, "base_url"), p, kind)
		if p.AnswerTokens > p.Context/2 && c.sound(join(at, "context"), join(at, "answer_tokens")) {
			c.report(join(at, "answer_tokens"), "must not be more than half of context", fmt.Sprint(p.AnswerTokens), "leave room for what the model is told")
		}
	}
}

func (c *checker) calendar() {
	cal := c.cfg.Calendar
	if cal.File != "" && cal.BaseURL != "" {
		c.report("calendar", "must be a file or a server", "both", "take out file or base_url")
	}
	if cal.BaseURL != "" {
		c.url("calendar.base_url", cal.BaseURL, func(host string) bool { return cal.Plain || isLoopback(host) }, "except on this machine, or with plain: true on a network of your own")
	}
}

// telemetry wants an address with whatever goes with it.
func (c *checker) telemetry() {
	t := c.cfg.Telemetry
	switch {
	case t.Traces != "":
		c.url("telemetry.traces", t.Traces, func(host string) bool { return t.Plain || isLoopback(host) }, "except on this machine, or with plain: true on a network of your own")
	case t != (Telemetry{}):
		c.report("telemetry.traces", "must be there", "", "write the collector's address, as in http://127.0.0.1:4318, or take the section out")
	}
}

// baseURL wants an address to which patients' words may go: on this machine, or
// over TLS.
func (c *checker) baseURL(path string, p Provider, kind ProviderType) {
	if p.BaseURL == "" {
		if kind == ProviderOpenAI && c.sound(path) {
			c.report(path, "must be there", "", "write the address of the server, as in https://api.openai.com/v1")
		}
		return
	}
	c.url(path, p.BaseURL, func(host string) bool { return p.Plain || isLoopback(host) }, "except on this machine, or with plain: true on a network of your own")
}

// Kind is what a provider of that name speaks.
func (p Provider) Kind(id ProviderID) ProviderType {
	if p.Type != "" {
		return p.Type
	}
	return ProviderType(id)
}

func (c *checker) persona(p string) {
	name, builtin := strings.CutPrefix(p, "builtin:")
	switch {
	case builtin && c.opts.Personas != nil && !slices.Contains(c.opts.Personas, name):
		c.report("agent.persona", "must be a built-in persona there is", shown(p), suggest(name, c.opts.Personas))
	case !builtin && !strings.HasSuffix(p, ".md"):
		c.report("agent.persona", "must be builtin:… or a Markdown file", shown(p), "write builtin:intake, or a path that ends in .md")
	}
}
