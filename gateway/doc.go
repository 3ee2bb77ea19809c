// Package gateway is the daemon as a value: New(Options) checks, Run(ctx) works
// until the context ends and everything it started has ended.
//
//	doors ──► intake.Desk ──► molt.Store ──► lanes ──► workers ──► channels, agent
//	                ▲                                     │
//	                └───────────── results as facts ──────┘
//
// It owns the goroutines and the two listeners and decides nothing: what now,
// gateway/turn says. It never names a concrete store, channel or model; cmd does.
package gateway
