package twiliofake

import (
	"context"
	"fmt"
	"net/http"
	"os"
)

// What only tests ask of a carrier.

// Fault arms a fault.
func (c Client) Fault(ctx context.Context, f Fault) error {
	return c.Do(ctx, http.MethodPost, "fault", f, nil)
}

// ClearFaults disarms all faults.
func (c Client) ClearFaults(ctx context.Context) error {
	return c.Do(ctx, http.MethodDelete, "fault", nil, nil)
}

// Webhook points a number's inbound texts to a URL; it adds the number if the carrier does not know it.
func (c Client) Webhook(ctx context.Context, number, target string) error {
	return c.SetNumber(ctx, WebhookChange{Number: number, URL: &target})
}

// SetNumber changes what the carrier knows about a number, or adds it.
func (c Client) SetNumber(ctx context.Context, change WebhookChange) error {
	return c.Do(ctx, http.MethodPost, "webhook", change, nil)
}

// PauseDelivery stops one side of the traffic, both if side is empty, or lets it go on.
func (c Client) PauseDelivery(ctx context.Context, side Side, paused bool) error {
	return c.Do(ctx, http.MethodPost, "pause-delivery", Pause{Paused: paused, Side: side}, nil)
}

// Behavior returns how the carrier carries itself.
func (c Client) Behavior(ctx context.Context) (Behavior, error) {
	var b Behavior
	err := c.Do(ctx, http.MethodGet, "config", nil, &b)
	return b, err
}

// Configure changes the carrier's behavior. Change is a whole Behavior, or a map that names only the fields to change.
func (c Client) Configure(ctx context.Context, change any) error {
	return c.Do(ctx, http.MethodPost, "config", change, nil)
}

// ReadLedger returns the entries of a ledger file. A last line without its end is still being written, or never was, and is left out; anything else that
// does not read, or a gap in the sequence, is an error.
func ReadLedger(path string) ([]Entry, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read ledger: %w", err)
	}
	defer file.Close()
	entries, _, err := scanLedger(file)
	if err != nil {
		return nil, fmt.Errorf("read ledger %s: %w", path, err)
	}
	return entries, nil
}
