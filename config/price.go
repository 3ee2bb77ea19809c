package config

import "strconv"

// PriceOf is what a model on a server costs: its own price, or the server's. known
// says that either was written; 0 is a price too.
func (c *Config) PriceOf(m Model) (price Price, known bool) {
	provider, name := m.Split()
	p, ok := c.Agent.Providers[ProviderID(provider)]
	if own, has := p.Prices[name]; has {
		return own, true
	}
	at := "agent.providers." + provider
	_, in := c.lines[at+".price_in"]
	_, out := c.lines[at+".price_out"]
	price = Price{In: p.PriceIn, Out: p.PriceOut}
	return price, ok && (in || out || price != Price{})
}

// PriceMissing says of a model whose price nobody wrote that a budget in money needs
// it; ok reports that there is nothing to say.
func (c *Config) PriceMissing(m Model) (rule, got, hint string, ok bool) {
	provider, name := m.Split()
	_, known := c.PriceOf(m)
	_, there := c.Agent.Providers[ProviderID(provider)]
	b := c.Agent.Budget
	if known || !there || b.Money == 0 && b.ConversationMoney == 0 {
		return "", "", "", true
	}
	return "must have a price while a budget is in money", shown(string(m)),
		"write prices: {" + strconv.Quote(name) + ": {in: …, out: …}} under agent.providers." + provider + ", or price_in and price_out for all its models; 0 where it costs nothing", false
}
