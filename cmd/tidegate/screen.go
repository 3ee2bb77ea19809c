package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tidegate/tidegate/gateway/screen"
)

func screenCmd(e env) *cobra.Command {
	return &cobra.Command{
		Use:   "screen",
		Short: "Screen lines of text for red flags",
		Long: `Reads one text a line from standard input and writes one verdict a line, in the
same order. A line that is a JSON object with "text" or "turns" is read as such,
anything else is plain text. Nothing is stored and nothing is sent.

  echo "my chest hurts" | tidegate screen
` + exitHelp,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			s, err := screen.New()
			if err != nil {
				return fmt.Errorf("screen: %w", err)
			}
			erred, err := s.Run(e.stdin, e.stdout)
			if err != nil {
				return fmt.Errorf("screen: %w", err)
			}
			if erred {
				return &exitError{exitFault, fmt.Errorf("some lines could not be judged; each says why")}
			}
			return nil
		},
	}
}
