package main

import (
	"context"
	"fmt"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/tidegate/tidegate/channels/twilio/twiliofake"
)

// carrierCmd is the stand-in SMS carrier as a process of its own. It ends with
// its standard input, so that it never outlives who started it.
func carrierCmd(e env) *cobra.Command {
	var o twiliofake.Options
	var numbers []string
	var profile string
	var stay, feed bool
	c := &cobra.Command{
		Use:    "carrier",
		Short:  "Run a stand-in SMS carrier that speaks Twilio's API",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			// An interrupt from the keyboard reaches the whole group; this
			// process ends when its parent does, not before.
			signal.Ignore(syscall.SIGINT)
			behavior, err := twiliofake.Profile(profile)
			if err != nil {
				return usage("%w", err)
			}
			o.Behavior = &behavior
			o.AuthToken, o.ControlToken = e.getenv("CARRIER_AUTH_TOKEN"), e.getenv("CARRIER_CONTROL_TOKEN")
			o.Numbers = map[string]twiliofake.Number{}
			for _, n := range numbers {
				number, url, _ := strings.Cut(n, "=")
				o.Numbers[number] = twiliofake.Number{SMSURL: url}
			}
			if feed {
				o.Out = e.stderr
			}
			ctx := context.WithoutCancel(c.Context())
			if !stay {
				var cancel context.CancelFunc
				ctx, cancel = twiliofake.EndWithInput(ctx, e.stdin)
				defer cancel()
			}
			return runCarrier(ctx, o, e)
		},
	}
	f := c.Flags()
	f.StringVar(&o.Listen, "listen", "127.0.0.1:0", "address to listen on")
	f.StringVar(&o.LedgerPath, "ledger", "", "file of the ledger")
	f.StringVar(&o.AccountSID, "account", "", "account SID")
	f.Uint64Var(&o.Seed, "seed", 1, "of what is drawn by chance")
	f.StringArrayVar(&numbers, "number", nil, "a number and its webhook, as +15550100101=http://…")
	f.StringVar(&profile, "profile", "mean", "how it behaves: calm or mean")
	f.BoolVar(&stay, "stay", false, "do not end with standard input")
	f.BoolVar(&feed, "feed", false, "write what happens to standard error")
	return c
}

func runCarrier(ctx context.Context, o twiliofake.Options, e env) error {
	carrier, err := twiliofake.New(o)
	if err != nil {
		return fmt.Errorf("carrier: %w", err)
	}
	done := make(chan error, 1)
	go func() { done <- carrier.Run(ctx) }() // ends with ctx; received below
	select {
	case <-carrier.Ready():
		fmt.Fprintf(e.stdout, "carrier base=%s\n", carrier.Base())
		return <-done
	case err := <-done:
		return err
	}
}
