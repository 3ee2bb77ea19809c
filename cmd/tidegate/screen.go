package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tidegate/tidegate/gateway/screen"
)

// ownGolden is the word that names the screen's own golden set where a file is asked for.
const ownGolden = "golden"

func screenCmd(e env) *cobra.Command {
	var report string
	c := &cobra.Command{
		Use:   "screen",
		Short: "Screen lines of text for red flags",
		Long: `Reads one text a line from standard input and writes one verdict a line, in the
same order. A line that is a JSON object with "text" or "turns" is read as such,
anything else is plain text. Nothing is stored and nothing is sent.

  echo "my chest hurts" | tidegate screen

--report FILE judges labelled lines instead ({"id", "text" or "turns", "lang",
"label", "escalate": [levels that are accepted]}) and says how many were judged
as a fair reader would, with intervals, and which were not, by id. The word
golden instead of a file is the set the screen was built against.
` + exitHelp,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			s, err := screen.New()
			if err != nil {
				return fmt.Errorf("screen: %w", err)
			}
			if report != "" {
				return screenReport(s, report, e)
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
	c.Flags().StringVar(&report, "report", "", "judge the labelled lines of a `file`, or golden, and print what was caught and missed")
	return c
}

func screenReport(s *screen.Screen, path string, e env) error {
	in, err := labelledLines(path)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := s.Report(in, e.stdout); err != nil {
		return &exitError{exitFault, fmt.Errorf("screen --report %s: %w", path, err)}
	}
	return nil
}

// labelledLines opens a file of labelled lines, or the golden set.
func labelledLines(path string) (io.ReadCloser, error) {
	if path == ownGolden {
		lines, err := screen.Golden()
		return io.NopCloser(strings.NewReader(lines)), err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, &exitError{exitUsage, fmt.Errorf("--report: %w", err)}
	}
	return f, nil
}
