package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

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

// exitCode is a code and what it means to whoever reads it.
type exitCode struct {
	code    int
	meaning string
}

// exitCodes is the one list of them: the help and the README say the same.
func exitCodes() []exitCode {
	return []exitCode{
		{exitOK, "done"},
		{exitFault, "it did not work, or what was checked is not in order"},
		{exitUsage, "the command line is wrong"},
		{exitHeld, "another daemon holds the data folder"},
		{exitConfig, "the configuration is not there, or has faults"},
	}
}

// exitCodesCmd is a topic of the help and no verb.
func exitCodesCmd() *cobra.Command {
	var b strings.Builder
	b.WriteString("Every verb ends with one of these:\n")
	for _, c := range exitCodes() {
		fmt.Fprintf(&b, "\n  %d  %s", c.code, c.meaning)
	}
	return &cobra.Command{Use: "exit-codes", Short: "What the exit codes of all verbs mean", Long: b.String()}
}

const exitHelp = `
Exit codes: tidegate help exit-codes`

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

		Version:       version(),
		SilenceErrors: true, SilenceUsage: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetArgs(args)
	root.SetIn(e.stdin)
	root.SetOut(e.stdout)
	root.SetErr(e.stderr)
	root.SetVersionTemplate("tidegate {{.Version}}\n")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return usage("%w; see %s --help", err, c.CommandPath()) })
	root.AddCommand(
		serveCmd(e), checkCmd(e), casesCmd(e), draftsCmd(e), conversationsCmd(e), staffCmd(e), verifyCmd(e), replayCmd(e), backupCmd(e), restoreCmd(e), keysCmd(e), eraseCmd(e), patientCmd(e), doctorCmd(e), benchCmd(e), simCmd(e),
		demoCmd(e), carrierCmd(e), modelCmd(e), chatCmd(e), screenCmd(e), versionCmd(e), exitCodesCmd(),
	)
	root.SetHelpCommand(helpCmd(root))
	wrongUse(root)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	fmt.Fprintln(e.stderr, "tidegate:", err)
	return codeOf(err)
}

// helpCmd explains a verb or a topic, and refuses what is neither.
func helpCmd(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use: "help [VERB]", Short: "Explain a verb", Args: cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			c, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return misused(root, args)
			}
			c.InitDefaultHelpFlag()
			c.InitDefaultVersionFlag()
			return c.Help()
		},
	}
}

// wrongUse says in our words what is wrong with the arguments of a verb, as a
// fault of the command line. A verb that has words of its own keeps them.
func wrongUse(c *cobra.Command) {
	if c.HasSubCommands() && !c.Runnable() {
		c.Args = cobra.NoArgs
		c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	}
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			err := check(c, args)
			var own *exitError
			if err == nil || errors.As(err, &own) {
				return err
			}
			return misused(c, args)
		}
	}
	for _, sub := range c.Commands() {
		wrongUse(sub)
	}
}

// maxSlips is how many letters may differ from the verb that was meant.
const maxSlips = 2

// misused is the fault of a verb that was called with other arguments than it
// takes: where it has verbs below it, the first was meant as one.
func misused(c *cobra.Command, args []string) error {
	help := "see " + c.CommandPath() + " --help"
	if !c.HasParent() {
		help = "see tidegate help"
	}
	if c.HasSubCommands() && len(args) > 0 {
		c.SuggestionsMinimumDistance = maxSlips
		if like := c.SuggestionsFor(args[0]); len(like) > 0 {
			help = "did you mean " + like[0] + "? " + help
		}
		return usage("unknown command %q; %s", args[0], help)
	}
	return usage("write it as: %s; %s", strings.TrimSuffix(c.UseLine(), " [flags]"), help)
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
