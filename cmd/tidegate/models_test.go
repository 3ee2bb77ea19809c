package main

import (
	"testing"

	"github.com/tidegate/tidegate/config"
	"github.com/tidegate/tidegate/gateway/agent"
	"github.com/tidegate/tidegate/gateway/agent/persona"
)

// TestAModelCostsItsOwnPrice: a server with several models charges each by its name,
// the others its own price; and a persona that names a chain is asked on that one.
func TestAModelCostsItsOwnPrice(t *testing.T) {
	cfg := &config.Config{Agent: config.Agent{
		Models: []config.Model{"cloud/small", "scripted/intake"},
		Providers: map[config.ProviderID]config.Provider{
			"cloud": {PriceIn: 1, PriceOut: 4, Prices: map[string]config.Price{"small": {In: 0.25, Out: 2}, "org/m:7b": {}}},
		},
	}}
	own := chainOf(cfg, persona.Persona{Models: []string{"cloud/large", "cloud/org/m:7b", "cloud/small"}})
	got := pricesOf(cfg, own)
	want := map[string]agent.Price{"cloud/large": {In: 1, Out: 4}, "cloud/org/m:7b": {}, "cloud/small": {In: 0.25, Out: 2}}
	if len(got) != len(want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	for m, p := range want {
		if got[m] != p {
			t.Errorf("%s costs %v, want %v", m, got[m], p)
		}
	}
	if got := chainOf(cfg, persona.Persona{}); len(got) != 2 || got[0] != "cloud/small" {
		t.Errorf("without a chain of its own: %v", got)
	}
	if _, known := cfg.PriceOf("cloud/org/m:7b"); !known {
		t.Error("a price of 0 that is written is not known")
	}
	if _, known := cfg.PriceOf("elsewhere/m"); known {
		t.Error("a price of no server is known")
	}
}
