package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tidegate/tidegate/config"
	"github.com/tidegate/tidegate/molt"
)

// The exit codes of every verb.
const (
	exitOK     = 0
	exitFault  = 1 // it did not work, or what was checked is not in order
	exitUsage  = 2 // the command line is wrong
	exitHeld   = 3 // another daemon holds the data folder
	exitConfig = 4 // the configuration has faults
)

const exitHelp = `
Exit codes: 0 done, 1 it did not work, 2 wrong command line, 3 another daemon
holds the data folder, 4 the configuration has faults.`

// exitError gives a verb's failure its exit code.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

func usage(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

// run is the whole program as a function.
func run(ctx context.Context, args []string, e env) int {
	root := &cobra.Command{
		Use:   "tidegate",
		Short: "The chat gateway a clinic can trust with its phone number",
		Long:  "Tidegate stands between a clinic's phone number and an AI agent: it screens every\ntext before any model, pages a nurse until a person takes the case, and loses nothing." + exitHelp,
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },

		SilenceErrors: true, SilenceUsage: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetArgs(args)
	root.SetIn(e.stdin)
	root.SetOut(e.stdout)
	root.SetErr(e.stderr)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &exitError{exitUsage, err} })
	root.AddCommand(
		serveCmd(e), checkCmd(e), casesCmd(e), conversationsCmd(e), verifyCmd(e), doctorCmd(e), benchCmd(e),
		demoCmd(e), carrierCmd(e), screenCmd(e), versionCmd(e),
	)
	wrongUse(root)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	fmt.Fprintln(e.stderr, "tidegate:", err)
	return codeOf(err)
}

// wrongUse makes wrong arguments of any verb a fault of the command line.
func wrongUse(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				return &exitError{exitUsage, err}
			}
			return nil
		}
	}
	for _, sub := range c.Commands() {
		wrongUse(sub)
	}
}

func codeOf(err error) int {
	var exit *exitError
	var faults config.Faults
	switch {
	case errors.As(err, &exit):
		return exit.code
	case errors.As(err, &faults):
		return exitConfig
	case errors.Is(err, molt.ErrHeld):
		return exitHeld
	}
	return exitFault
}
