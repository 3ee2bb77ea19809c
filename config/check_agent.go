package config

import (
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
	}
	if least := a.DebounceMax + a.AskTimeout; a.Watchdog < least && c.sound("agent.debounce_max", "agent.ask_timeout") {
		c.report("agent.watchdog", "must not be shorter than debounce_max and ask_timeout together", a.Watchdog.String(), "write at least "+least.String()+", or people are called before the agent can answer")
	}
	if a.DebounceMax < a.Debounce && c.sound("agent.debounce") {
		c.report("agent.debounce_max", "must not be shorter than agent.debounce", a.DebounceMax.String(), "write at least "+a.Debounce.String())
	}
	c.persona(a.Persona)
}

// model checks that the provider of a model exists.
func (c *checker) model(path string, m Model) {
	provider, _ := m.Split()
	if known := c.opts.Providers; known != nil && !slices.Contains(known, provider) {
		c.report(path, "must begin with a provider there is", shown(string(m)), suggest(provider, known))
	}
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
