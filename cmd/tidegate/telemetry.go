package main

import (
	"context"
	"os"
	"time"

	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel"

	"github.com/tidegate/tidegate/config"
	"github.com/tidegate/tidegate/gateway/telemetry"
)

// tellEvery is how often at most the log tells of a collector that does not take
// what it is told.
const tellEvery = time.Minute

// tracerOf makes what the configuration says of a collector; nil: nobody is told.
func tracerOf(ctx context.Context, cfg *config.Config, build string, e env, log zerolog.Logger) (*telemetry.Tracer, error) {
	t := cfg.Telemetry
	if t.Traces == "" {
		return nil, nil
	}
	key, err := optional(t.Key, e)
	if err != nil {
		return nil, err
	}
	// The library has one place for what goes wrong in the background, and would
	// write lines of its own into the log.
	quiet := log.Sample(&zerolog.BurstSampler{Burst: 1, Period: tellEvery})
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { quiet.Warn().Err(err).Msg("telemetry") }))
	sample := t.Sample
	if sample == 0 {
		sample = 1
	}
	return telemetry.New(ctx, telemetry.Options{URL: t.Traces, Bearer: key, Sample: sample, Version: build})
}

// telemetryFaults is what the token of a collector says.
func telemetryFaults(c *config.Config, with env) []config.Fault {
	if c.Telemetry.Key.IsZero() {
		return nil
	}
	if _, err := c.Telemetry.Key.Resolve(with.getenv, os.ReadFile); err != nil {
		return []config.Fault{c.Fault("telemetry.key", "must lead to a secret that can be read", err.Error(), "set it where the daemon runs")}
	}
	return nil
}
