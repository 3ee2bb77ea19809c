package main

import (
	"errors"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/channels/webchat"
	"github.com/tidegate/tidegate/config"
)

// The types of channels there are.
const (
	typeTwilio  = "twilio"
	typeWebchat = "webchat"
)

// checkWebchat is all that can be told of a web chat's section.
func checkWebchat(c config.Channel) []config.Fault {
	s := webchat.Default()
	return append(c.Decode(&s), placed(c, s.Check())...)
}

// webchat makes the adapter of a web chat's section.
func (p *parts) webchat(c config.Channel) (channels.Adapter, []config.Fault) {
	s := webchat.Default()
	if faults := c.Decode(&s); len(faults) > 0 {
		return nil, faults
	}
	clinic := p.cfg.Clinic
	o := webchat.Options{
		ID: string(c.ID), PublicURL: p.cfg.Listen.PublicURL, Section: s, Clinic: clinic.Name,
		Certificate: p.cfg.Listen.PublicTLS != (config.TLS{}),
		Phone:       spoken(string(clinic.Phone)), Emergency: string(clinic.Emergency), Country: string(clinic.Country),
	}
	for _, l := range clinic.Languages {
		o.Languages = append(o.Languages, string(l))
	}
	a, err := p.made(c.ID, o, func() (channels.Adapter, error) { return webchat.New(o) })
	var wrong channels.Faults
	if errors.As(err, &wrong) {
		return nil, placed(c, wrong)
	}
	return a, nil
}
