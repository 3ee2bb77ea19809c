package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
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
	p := modelPlan{}
	var stay bool
	c := &cobra.Command{
		Use:   "model",
		Short: "Run a stand-in language model that speaks Ollama's API",
		Long: `Runs a stand-in language model that speaks Ollama's API and ends with its standard
input. --mode says how it behaves.

  tidegate model --record tape.jsonl --of http://127.0.0.1:11434

passes everything on to a real server and writes its answers down, and

  tidegate model --play tape.jsonl

gives the same answers to the same questions without it, for a test, an evaluation
or another build; what was not asked then is answered 404. The time of day is left
out of what makes two questions the same. A tape holds what was written to the
agent, in plain text: make it with invented patients.
` + exitHelp,
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
			return runModel(ctx, p, e)
		},
	}
	f := c.Flags()
	f.StringVar(&p.mode, "mode", string(ollamafake.ModeOK), "how it behaves: "+strings.Join(modelModes(), ", "))
	f.StringVar(&p.record, "record", "", "a tape to write: pass everything on to --of, and keep its answers")
	f.StringVar(&p.of, "of", "http://127.0.0.1:11434", "the server that --record asks")
	f.StringVar(&p.play, "play", "", "a tape to answer from")
	f.StringVar(&p.listen, "listen", "127.0.0.1:0", "address to listen on")
	f.BoolVar(&stay, "stay", false, "do not end with standard input")
	return c
}

// modelPlan says what the stand-in is.
type modelPlan struct{ mode, record, of, play, listen string }

// handler opens what answers; end closes it.
func (p modelPlan) handler() (h http.Handler, end func() error, err error) {
	end = func() error { return nil }
	switch {
	case p.record != "" && p.play != "":
		return nil, nil, usage("write one of --record and --play")
	case p.record != "":
		f, err := os.OpenFile(p.record, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, nil, fmt.Errorf("model: a tape is written anew: %w", err)
		}
		r, err := ollamafake.NewRecorder(p.of, f)
		if err != nil {
			return nil, nil, usage("--of: %w", errors.Join(err, f.Close(), os.Remove(p.record)))
		}
		return r, f.Close, nil
	case p.play != "":
		f, err := os.Open(p.play)
		if err != nil {
			return nil, nil, fmt.Errorf("model: %w", err)
		}
		defer f.Close()
		h, err := ollamafake.NewPlayer(f)
		if err != nil {
			return nil, nil, fmt.Errorf("model: %s: %w", p.play, err)
		}
		return h, end, nil
	}
	h, err = ollamafake.New(ollamafake.Mode(p.mode))
	if err != nil {
		return nil, nil, usage("%w", err)
	}
	return h, end, nil
}

func runModel(ctx context.Context, p modelPlan, e env) (err error) {
	stand, end, err := p.handler()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	l, err := net.Listen("tcp", p.listen)
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
