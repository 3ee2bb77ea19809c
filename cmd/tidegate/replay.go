package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tidegate/tidegate/gateway/audit"
	"github.com/tidegate/tidegate/gateway/operator"
)

func replayCmd(e env) *cobra.Command {
	w := &where{}
	var last int
	var words bool
	c := &cobra.Command{
		Use:   "replay [ID|NUMBER]",
		Short: "Decide recorded decisions once more",
		Long: `Makes every recorded decision once more from the facts before it, the screen's
verdicts with them, and sends nothing. What a model, a carrier or a person said is
a fact, and nobody is asked again.

A decision that was made by this build under this configuration has to come out
the same byte for byte. One that does not is a fault: it is listed and the exit
code is 1. A decision of another build or configuration is made by these, and
listed as "would differ" where they decide otherwise: so you see what a change
does before patients do. That is no fault.

The list shows nobody's words. With --words both decisions are shown whole, and
the look at each conversation goes on record.
` + whereHelp + exitHelp,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			q := url.Values{}
			if c.Flags().Changed("last") {
				q.Set("last", strconv.Itoa(last))
			}
			if words {
				q.Set("words", "1")
			}
			if len(args) > 0 {
				q.Set("conversation", args[0])
			}
			return replay(c.Context(), w, e, "/replay?"+q.Encode())
		},
	}
	w.flags(c)
	c.Flags().IntVar(&last, "last", 0, "only the newest so many decisions")
	c.Flags().BoolVar(&words, "words", false, "show what differs with everybody's words; the look is recorded")
	return c
}

var errDiffers = errors.New("decisions come out otherwise than they are on record")

func replay(ctx context.Context, w *where, e env, path string) error {
	s, err := connect(ctx, w, e)
	if err != nil {
		return err
	}
	defer s.stop()
	var sum *audit.Replayed
	err = s.lines(ctx, path, func(l operator.Line) error {
		if l.Replayed != nil {
			sum = l.Replayed
		}
		switch {
		case l.Redecision == nil:
			return nil
		case w.json:
			return printJSON(e.stdout, l.Redecision, false)
		}
		return printRedecision(e, s, *l.Redecision)
	})
	switch {
	case err != nil:
		return err
	case sum == nil:
		return errors.New("the answer holds no sum")
	case w.json:
		err = printJSON(e.stdout, sum, false)
	default:
		err = printReplayed(e, *sum)
	}
	if err == nil && !sum.OK() {
		return errDiffers
	}
	return err
}

func printRedecision(e env, s *session, d audit.Redecision) error {
	what := "would differ"
	if d.Outcome == audit.OutcomeDiffers {
		what = "DIFFERS under the rules it was made by"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s event %d, %s: %s\n", d.Conversation, d.Seq, d.At.Std().In(s.zone).Format("2006-01-02 15:04:05 MST"), what)
	for _, v := range d.Screened {
		fmt.Fprintf(&b, "  screen, event %d: %s\n", v.Seq, oneLine(v.Before))
		fmt.Fprintf(&b, "               now: %s\n", oneLine(v.After))
	}
	fmt.Fprintf(&b, "  was: %s\n  now: %s\n", oneLine(d.Before), oneLine(d.After))
	if len(d.Where) > 0 {
		fmt.Fprintf(&b, "  in:  %s\n", strings.Join(d.Where, ", "))
	}
	if d.Recorded != nil {
		fmt.Fprintf(&b, "  was whole: %s\n  now whole: %s\n", d.Recorded, d.Redecided)
	}
	return printText(e.stdout, "%s", b.String())
}

func printReplayed(e env, r audit.Replayed) error {
	for _, f := range r.Faults {
		if err := printText(e.stdout, "%s\n", f.Error()); err != nil {
			return err
		}
	}
	if err := printText(e.stdout, "made by this build and configuration: %d come out the same, %d differ\n", r.Equal, r.Differ); err != nil {
		return err
	}
	if err := printText(e.stdout, "made by others: %d would come out the same, %d would differ\n", r.Same, r.WouldDiffer); err != nil {
		return err
	}
	if r.Gone+r.NotDecided > 0 {
		return printText(e.stdout, "not decided again: %d, of which what they rest on is gone: %d\n", r.Gone+r.NotDecided, r.Gone)
	}
	return nil
}
