package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tidegate/tidegate/gateway/operator"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

func draftsCmd(e env) *cobra.Command {
	w := &where{}
	c := &cobra.Command{
		Use:   "drafts",
		Short: "List what of the agent's waits for a nurse, show it, release it",
		Long: `Lists the texts and acts of the agent that wait for a nurse, as the persona's
autonomy and approve say. What nobody releases in time does not leave: the patient
gets a fixed text, and a nurse the case.

Showing one shows words, and that it was read goes on record.
` + whereHelp + exitHelp,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return listDrafts(c.Context(), w, e) },
	}
	w.flags(c)
	act := func(use, short string, args cobra.PositionalArgs, verb turn.Verb) *cobra.Command {
		return &cobra.Command{Use: use, Short: short, Args: args, RunE: func(c *cobra.Command, args []string) error {
			a := operator.Act{Verb: verb, Words: molt.Words(strings.Join(args[1:], " "))}
			return actOn(c.Context(), w, e, "/drafts/"+url.PathEscape(args[0])+"/acts", a)
		}}
	}
	c.AddCommand(
		&cobra.Command{
			Use: "list", Short: "List what waits", Args: cobra.NoArgs,
			RunE: func(c *cobra.Command, _ []string) error { return listDrafts(c.Context(), w, e) },
		},
		&cobra.Command{
			Use: "show CODE", Short: "Show it with its words; the look is recorded", Args: cobra.ExactArgs(1),
			RunE: func(c *cobra.Command, args []string) error { return showDraft(c.Context(), w, e, args[0]) },
		},
		act("release CODE", "Let it leave, or be done, as it is", cobra.ExactArgs(1), turn.VerbRelease),
		act("edit CODE WORDS…", "Send these words in its place", cobra.MinimumNArgs(2), turn.VerbEdit),
		act("drop CODE", "Keep it from leaving, and take the conversation over", cobra.ExactArgs(1), turn.VerbDrop),
	)
	return c
}

func listDrafts(ctx context.Context, w *where, e env) error {
	s, err := connect(ctx, w, e)
	if err != nil {
		return err
	}
	defer s.stop()
	var list operator.Reviews
	if err := s.get(ctx, "/drafts", &list); err != nil {
		return err
	}
	if w.json {
		return printJSON(e.stdout, list, true)
	}
	if len(list.Reviews) == 0 {
		return printText(e.stdout, "Nothing of the agent's waits for a nurse.\n")
	}
	rows := [][]string{{"CODE", "WHAT", "SINCE", "ENDS"}}
	for _, r := range list.Reviews {
		what := "text"
		if r.Tool != "" {
			what = r.Tool
		}
		rows = append(rows, []string{r.Code, what, moment(r.At, s.zone), moment(r.Due, s.zone)})
	}
	return table(e.stdout, rows)
}

func showDraft(ctx context.Context, w *where, e env, code string) error {
	s, err := connect(ctx, w, e)
	if err != nil {
		return err
	}
	defer s.stop()
	var d operator.Review
	if err := s.get(ctx, "/drafts/"+url.PathEscape(code), &d); err != nil {
		return err
	}
	if w.json {
		return printJSON(e.stdout, d, true)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s, since %s, ends %s\n", d.Code, moment(d.At, s.zone), moment(d.Due, s.zone))
	for _, asked := range d.Asked {
		fmt.Fprintf(&b, "Patient: %s\n", oneLine(asked.Reveal()))
	}
	if d.Act != nil {
		fmt.Fprintf(&b, "Act:     %s\n", oneLine(d.Says))
	} else {
		fmt.Fprintf(&b, "Draft:   %s\n", oneLine(d.Words.Reveal()))
	}
	if d.Stale {
		b.WriteString("The patient wrote again since: a newer draft is on its way.\n")
	}
	return printText(e.stdout, "%s", b.String())
}
