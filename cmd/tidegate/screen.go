package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tidegate/tidegate/config"
	"github.com/tidegate/tidegate/gateway/screen"
)

// ownGolden is the word that names the screen's own golden set where a file is asked for.
const ownGolden = "golden"

func screenCmd(e env) *cobra.Command {
	var report, file string
	var explain bool
	c := &cobra.Command{
		Use:   "screen",
		Short: "Screen lines of text for red flags",
		Long: `Reads one text a line from standard input and writes one verdict a line, in the
same order. A line that is a JSON object with "text" or "turns" is read as such,
anything else is plain text. Nothing is stored and nothing is sent.

  echo "my chest hurts" | tidegate screen

--report FILE judges labeled lines instead ({"id", "text" or "turns", "lang",
"label", "escalate": [levels that are accepted]}) and says how many were judged
as a fair reader would, with intervals, and which were not, by id. The word
golden instead of a file is the set the screen was built against.

--explain says of each line of text why its verdict is what it is.
` + exitHelp,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			s, err := screenOf(file)
			if err != nil {
				return err
			}
			switch {
			case report != "" && explain:
				return &exitError{exitUsage, fmt.Errorf("--report and --explain are two things; write one")}
			case report != "":
				return screenReport(s, report, e)
			case explain:
				return s.ExplainLines(e.stdin, e.stdout)
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
	c.Flags().StringVar(&report, "report", "", "judge the labeled lines of a `file`, or golden, and print what was caught and missed")
	c.AddCommand(screenCandidatesCmd(e))
	c.Flags().BoolVar(&explain, "explain", false, "say why each verdict is what it is, and what a rule lacked")
	c.Flags().StringVarP(&file, "config", "c", "", "the configuration `file` whose phrases are screened for too")
	return c
}

func screenCandidatesCmd(e env) *cobra.Command {
	return &cobra.Command{
		Use:   "candidates",
		Short: "Turn what nurses said of verdicts into lines for your golden file",
		Long: `Reads lines {"id", "text", "said"} from standard input, where said is false_alarm
or missed, and writes a labeled line for each, in the form that screen --report
reads. A word the screen does not know, a name above all, becomes …; read each
line all the same before you keep it.
` + exitHelp,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			s, err := screenOf("")
			if err != nil {
				return err
			}
			if err := s.Candidates(e.stdin, e.stdout); err != nil {
				return &exitError{exitFault, fmt.Errorf("screen candidates: %w", err)}
			}
			return nil
		},
	}
}

// screenOf is the built-in screen, or with a file what the clinic made of it.
func screenOf(path string) (*screen.Screen, error) {
	if path == "" {
		s, err := screen.New()
		if err != nil {
			return nil, fmt.Errorf("screen: %w", err)
		}
		return s, nil
	}
	cfg, err := loadConfig(path, nil)
	if err != nil {
		return nil, err
	}
	return extendedScreen(cfg)
}

// extendedScreen is the screen with what the configuration adds.
func extendedScreen(cfg *config.Config) (*screen.Screen, error) {
	s, err := screen.New()
	if err != nil {
		return nil, fmt.Errorf("screen: %w", err)
	}
	if s, err = s.Extend(extensionOf(cfg)); err != nil {
		return nil, fmt.Errorf("screen: %w", err)
	}
	return s, nil
}

func extensionOf(cfg *config.Config) screen.Extension {
	x := screen.Extension{Ignore: cfg.Screen.Ignore, Severities: map[string]screen.Severity{}}
	for _, p := range cfg.Screen.Phrases {
		x.Phrases = append(x.Phrases, screen.Phrase{Words: p.Words, Category: p.Category, Severity: screen.Severity(p.Severity)})
	}
	for category, severity := range cfg.Screen.Severities {
		x.Severities[category] = screen.Severity(severity)
	}
	return x
}

// maxLosses is how many lost emergencies are named.
const maxLosses = 5

// screenFaults refuses what the screen cannot take, and what loses an emergency.
func screenFaults(c *config.Config) []config.Fault {
	x := extensionOf(c)
	if x.Empty() {
		return nil
	}
	s, err := screen.New()
	if err != nil {
		return []config.Fault{c.Fault("screen", err.Error(), "", "")}
	}
	var out []config.Fault
	for _, m := range s.Misfits(x) {
		out = append(out, c.Fault("screen."+m.Where, m.Rule, m.Got, m.Hint))
	}
	if len(out) > 0 {
		return out
	}
	if s, err = s.Extend(x); err != nil {
		return []config.Fault{c.Fault("screen", err.Error(), "", "")}
	}
	losses, err := s.Losses()
	if err != nil {
		return []config.Fault{c.Fault("screen", err.Error(), "", "")}
	}
	for i, l := range losses {
		if i == maxLosses {
			out = append(out, c.Fault("screen", fmt.Sprintf("must not lose %d more emergencies", len(losses)-i), "", ""))
			break
		}
		out = append(out, c.Fault("screen", fmt.Sprintf("must not lose an emergency: %q must reach %s", l.Text, l.Want), l.Got, "take back what quiets it, under ignore or severities"))
	}
	return out
}

func screenReport(s *screen.Screen, path string, e env) error {
	in, err := labeledLines(path)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := s.Report(in, e.stdout); err != nil {
		return &exitError{exitFault, fmt.Errorf("screen --report %s: %w", path, err)}
	}
	return nil
}

// labeledLines opens a file of labeled lines, or the golden set.
func labeledLines(path string) (io.ReadCloser, error) {
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
