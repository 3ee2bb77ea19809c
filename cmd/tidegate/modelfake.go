package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/tidegate/tidegate/channels/twilio/twiliofake"
	"github.com/tidegate/tidegate/gateway/model/ollama/ollamafake"
)

// modelNone is the demonstration's model that is not there.
const modelNone = "none"

// modelModes lists what the demonstration's model can be.
func modelModes() []string {
	var all []string
	for _, m := range ollamafake.Modes() {
		all = append(all, string(m))
	}
	return append(all, modelNone)
}

// knownMode refuses a mode that there is not; "" is the built-in agent alone.
func knownMode(mode string) error {
	if mode == "" || slices.Contains(modelModes(), mode) {
		return nil
	}
	return usage("--model has to be one of %s, not %q", strings.Join(modelModes(), ", "), mode)
}

// modelCmd is the stand-in model as a process of its own. It ends with its
// standard input, so that it never outlives who started it.
func modelCmd(e env) *cobra.Command {
	var mode, listen string
	var stay bool
	c := &cobra.Command{
		Use:    "model",
		Short:  "Run a stand-in language model that speaks Ollama's API",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			// An interrupt from the keyboard reaches the whole group; this
			// process ends when its parent does, not before.
			signal.Ignore(syscall.SIGINT)
			ctx := context.WithoutCancel(c.Context())
			if !stay {
				var cancel context.CancelFunc
				ctx, cancel = twiliofake.EndWithInput(ctx, e.stdin)
				defer cancel()
			}
			return runModel(ctx, ollamafake.Mode(mode), listen, e)
		},
	}
	c.Flags().StringVar(&mode, "mode", string(ollamafake.ModeOK), "how it behaves: "+strings.Join(modelModes(), ", "))
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:0", "address to listen on")
	c.Flags().BoolVar(&stay, "stay", false, "do not end with standard input")
	return c
}

func runModel(ctx context.Context, mode ollamafake.Mode, listen string, e env) error {
	stand, err := ollamafake.New(mode)
	if err != nil {
		return usage("%w", err)
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("model: %w", err)
	}
	s := &http.Server{Handler: stand, ReadHeaderTimeout: patience}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }() // ends with Close below; received there
	fmt.Fprintf(e.stdout, "model base=http://%s\n", l.Addr())
	select {
	case <-ctx.Done():
		_ = s.Close()
		err = <-done
	case err = <-done:
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// nowhere is an address of this machine at which nobody listens.
const nowhere = "http://127.0.0.1:9"

// startModel starts the stand-in model's process, or names an address where none
// is. Without a mode there is no model.
func (d *demoHouse) startModel(mode string, e env) (stop func(), err error) {
	switch mode {
	case "":
		return func() {}, nil
	case modelNone:
		d.modelBase = nowhere
		return func() {}, nil
	}
	c, line, err := startChild([]string{"model", "--mode", mode}, nil, e.stderr, d.lock)
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	base, ok := strings.CutPrefix(line, "model base=")
	if !ok {
		c.stop()
		return nil, fmt.Errorf("model: it did not start: %q", line)
	}
	d.modelBase = base
	return c.stop, nil
}
