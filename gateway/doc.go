// Package gateway is the daemon as a value: New(Options) checks, Run(ctx) works
// until the context ends and everything it started has ended.
//
//	doors ──► intake.Desk ──► molt.Store ──► lanes ──► workers ──► channels, agent
//	                ▲                                     │
//	                └───────────── results as facts ──────┘
//
// What a configuration makes of it is one value, Parts. Swap puts another in force
// behind one pointer, with the switches that people turned laid over it.
//
// It owns the goroutines and the two listeners and decides nothing: what now,
// gateway/turn says. It never names a concrete store, channel or model; cmd does.
package gateway
