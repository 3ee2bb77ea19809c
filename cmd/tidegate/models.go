package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/tidegate/tidegate/config"
	"github.com/tidegate/tidegate/gateway/agent"
	"github.com/tidegate/tidegate/gateway/agent/persona"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/model/ollama"
	"github.com/tidegate/tidegate/gateway/model/openai"
	"github.com/tidegate/tidegate/gateway/model/scripted"
	"github.com/tidegate/tidegate/gateway/telemetry"
)

// builtIn is the provider that needs no server.
const builtIn = "scripted"

// languageModel is a model on a server.
type languageModel interface {
	model.Provider
	// Examine asks the server, in a call that changes nothing and tells it nothing,
	// whether it has the model. It says what the doctor prints.
	Examine(ctx context.Context) (string, error)
}

// chainOf names the models that are asked, in order: the persona's own, or those of
// the configuration.
func chainOf(cfg *config.Config, who persona.Persona) []config.Model {
	if len(who.Models) == 0 {
		return cfg.Agent.Models
	}
	out := make([]config.Model, len(who.Models))
	for i, m := range who.Models {
		out[i] = config.Model(m)
	}
	return out
}

// chain makes the models of a chain, in its order. Models on one server share its
// turns.
func chain(cfg *config.Config, names []config.Model, e env) (all []model.Provider, remote []languageModel, err error) {
	servers := map[config.ProviderID]*agent.Server{}
	for _, id := range slices.Sorted(maps.Keys(cfg.Agent.Providers)) {
		servers[id] = agent.NewServer(cfg.Agent.Providers[id].AtOnce)
	}
	for _, m := range names {
		provider, name := m.Split()
		if provider == builtIn {
			flow, err := scripted.New()
			if err != nil {
				return nil, nil, fmt.Errorf("model %s: %w", m, err)
			}
			all = append(all, flow)
			continue
		}
		id := config.ProviderID(provider)
		lm, err := modelOn(cfg.Agent.Providers[id], id, m, name, e)
		if err != nil {
			return nil, nil, config.Faults{cfg.Fault("agent.providers."+provider, "cannot be made for "+string(m), err.Error(), "")}
		}
		remote = append(remote, lm)
		all = append(all, agent.Guard(telemetry.Watch(lm, string(cfg.Agent.Providers[id].Kind(id)), name), servers[id]))
	}
	if len(all) == 0 { // the agent is off: nobody is asked
		flow, err := scripted.New()
		return []model.Provider{flow}, nil, err
	}
	return all, remote, nil
}

// modelOn makes one model on a server.
func modelOn(p config.Provider, id config.ProviderID, m config.Model, name string, e env) (languageModel, error) {
	key, err := keyOf(p, e)
	if err != nil {
		return nil, err
	}
	switch p.Kind(id) {
	case config.ProviderOllama:
		return ollama.New(ollama.Options{
			Name: string(m), Model: name, BaseURL: p.BaseURL, Key: key, Context: p.Context, AnswerTokens: p.AnswerTokens,
			KeepAlive: p.KeepAlive.Std(), Threads: p.Threads,
		})
	case config.ProviderOpenAI:
		return openai.New(openai.Options{
			Name: string(m), Model: name, BaseURL: p.BaseURL, Key: key, Context: p.Context, AnswerTokens: p.AnswerTokens,
		})
	default:
		return nil, fmt.Errorf("nothing speaks %q", p.Kind(id))
	}
}

// keyOf resolves a provider's key; "" when it has none.
func keyOf(p config.Provider, e env) (string, error) {
	return optional(p.Key, e)
}

// optional resolves a secret that may be left out.
func optional(s config.Secret, e env) (string, error) {
	if s.IsZero() {
		return "", nil
	}
	key, err := s.Resolve(e.getenv, os.ReadFile)
	if err != nil {
		return "", fmt.Errorf("key: %w", err)
	}
	return key, nil
}

// modelFaults is what the names of models and the keys of their servers say.
func modelFaults(c *config.Config, with *env) []config.Fault {
	var out []config.Fault
	for i, m := range c.Agent.Models {
		if provider, _ := m.Split(); provider == builtIn && string(m) != scripted.Name {
			out = append(out, c.Fault(fmt.Sprintf("agent.models[%d]", i), "must name a model there is", string(m), "write "+scripted.Name))
		}
	}
	if with == nil {
		return out
	}
	for _, id := range slices.Sorted(maps.Keys(c.Agent.Providers)) {
		if _, err := keyOf(c.Agent.Providers[id], *with); err != nil && !errors.Is(err, config.ErrNoSecret) {
			out = append(out, c.Fault("agent.providers."+string(id)+".key", "must lead to a secret that can be read", err.Error(), "set it where the daemon runs"))
		}
	}
	return out
}

// opinionFaults says that nobody can have an opinion where all models are built in.
func opinionFaults(c *config.Config, who persona.Persona) []config.Fault {
	onServer := func(m config.Model) bool { provider, _ := m.Split(); return provider != builtIn }
	chain := chainOf(c, who)
	if !c.Agent.Opinion.Enabled || slices.ContainsFunc(chain, onServer) {
		return nil
	}
	return []config.Fault{c.Fault("agent.opinion.enabled", "must have a model on a server to ask", strings.Join(modelNames(chain), ", "),
		"name one in agent.models, as in [ollama/qwen3:8b, scripted/intake], or take opinion out")}
}

// chainFaults is what is wrong with a persona's own chain, at its lines in the file.
func chainFaults(c *config.Config, who persona.Persona) (out []config.Fault) {
	chain := chainOf(c, who)
	for i, m := range chain {
		if len(who.Models) == 0 {
			return nil // the configuration's, which is checked there
		}
		fault := func(rule, got, hint string) {
			out = append(out, config.Fault{File: c.Path(c.Agent.Persona), Line: who.ModelsAt[i], Field: fmt.Sprintf("models[%d]", i), Rule: rule, Got: got, Hint: hint})
		}
		if rule, got, hint, ok := c.ProviderMissing(m, []string{builtIn}); !ok {
			fault(rule, got, hint)
		}
		if rule, got, hint, ok := c.PriceMissing(m); !ok {
			fault(rule, got, hint)
		}
		if provider, _ := m.Split(); provider == builtIn && string(m) != scripted.Name {
			fault("must name a model there is", strconv.Quote(string(m)), "write "+scripted.Name)
		}
	}
	if least := c.Agent.LeastWatchdog(chain); c.Agent.Watchdog < least {
		out = append(out, c.Fault("agent.watchdog", "must not be shorter than debounce_max and, for each model on a server that the persona names, ask_timeout together",
			c.Agent.Watchdog.String(), "write at least "+least.String()+", or people are called before the agent can answer"))
	}
	return out
}

// pricesOf are the prices of the models on servers, by name.
func pricesOf(cfg *config.Config, names []config.Model) map[string]agent.Price {
	out := map[string]agent.Price{}
	for _, m := range names {
		if provider, _ := m.Split(); provider != builtIn {
			price, _ := cfg.PriceOf(m)
			out[string(m)] = agent.Price{In: price.In, Out: price.Out}
		}
	}
	return out
}

// micros writes money in millionths.
func micros(money float64) int64 { return int64(money * 1e6) }
