package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/tidegate/tidegate/gateway/audit"
	"github.com/tidegate/tidegate/gateway/operator"
)

func conversationsCmd(e env) *cobra.Command {
	w := &where{}
	var undecided bool
	c := &cobra.Command{
		Use:   "conversations",
		Short: "List conversations, show or export one or all, take one over",
		Long: `Lists all conversations. The list shows no patient's words or number; what shows
them, show and export, goes on record as read by os:USER.

A conversation is named by its id, by the whole number of its patient, as in
+15550100199, or by the last four digits or more where only one has them.

An export holds every fact and every decision of a conversation, and says of each
inbound text how it ended: with a reply, with people who have it (and under which
case), or with a recorded reason.
` + whereHelp + exitHelp,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return listConversations(c.Context(), w, e, undecided) },
	}
	w.flags(c)
	list := &cobra.Command{
		Use: "list", Short: "List conversations, nobody's words", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return listConversations(c.Context(), w, e, undecided) },
	}
	for _, l := range []*cobra.Command{c, list} {
		l.Flags().BoolVar(&undecided, "undecided", false, "list only those with texts that no decision has answered")
	}
	c.AddCommand(list, showCmd(w, e), exportCmd(w, e), takeOverCmd(w, e), holdCmd(w, e), releaseCmd(w, e))
	return c
}

func showCmd(w *where, e env) *cobra.Command {
	var trace bool
	c := &cobra.Command{
		Use: "show ID|NUMBER", Short: "Show one conversation whole, or why it went so; the look is recorded", Args: cobra.ExactArgs(1),
		Long: `Shows one conversation whole. With --trace it shows each decision as a tree: the
facts it saw with the screen's verdict, what the agent was asked with, what it
called and answered, what was decided and why, and what became of it.
` + exitHelp,
		RunE: func(c *cobra.Command, args []string) error {
			if trace {
				return showTrace(c.Context(), w, e, args[0])
			}
			return showConversation(c.Context(), w, e, args[0])
		},
	}
	c.Flags().BoolVar(&trace, "trace", false, "show each decision as a tree, with its reason")
	return c
}

func showTrace(ctx context.Context, w *where, e env, id string) error {
	s, err := connect(ctx, w, e)
	if err != nil {
		return err
	}
	defer s.stop()
	var t audit.Trace
	if err := s.get(ctx, "/conversations/"+url.PathEscape(id)+"/trace", &t); err != nil {
		return err
	}
	if w.json {
		return printJSON(e.stdout, t, true)
	}
	return printText(e.stdout, "%s", t.Text(s.zone))
}

func exportCmd(w *where, e env) *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use: "export [ID|NUMBER]", Short: "Write out one conversation, or all; the look is recorded", Args: cobra.MaximumNArgs(1),
		Long: `Writes out one conversation, or with --all every one: as text, or with --json as
JSON, one line a conversation with --all. The answer is whole or the exit code is 1.
` + exitHelp,
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case all == (len(args) == 1):
				return usage("export: write a conversation's id or number, or --all")
			case all:
				return exportAll(c.Context(), w, e)
			}
			return showConversation(c.Context(), w, e, args[0])
		},
	}
	c.Flags().BoolVar(&all, "all", false, "every conversation")
	return c
}

func takeOverCmd(w *where, e env) *cobra.Command {
	var sev string
	c := &cobra.Command{
		Use: "take-over ID|NUMBER", Short: "Take a conversation from the agent: opens a case that you hold", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return actOn(c.Context(), w, e, "/conversations/"+url.PathEscape(args[0])+"/take-over", operator.Act{Severity: severity(sev)})
		},
	}
	c.Flags().StringVar(&sev, "severity", "S3", "how grave it is: S1, S2, S3 or S4")
	return c
}

func listConversations(ctx context.Context, w *where, e env, undecided bool) error {
	s, err := connect(ctx, w, e)
	if err != nil {
		return err
	}
	defer s.stop()
	path := "/conversations"
	if undecided {
		path += "?undecided=1"
	}
	rows := [][]string{{"CONVERSATION", "WHO", "CHANNEL", "OWNER", "CASE", "EVENTS", "LAST", "NOTE"}}
	err = s.lines(ctx, path, func(l operator.Line) error {
		if w.json {
			return printJSON(e.stdout, l.Row, false)
		}
		rows = append(rows, rowText(*l.Row, s.zone))
		return nil
	})
	if err != nil || w.json {
		return err
	}
	return table(e.stdout, rows)
}

func rowText(r audit.Row, zone *time.Location) []string {
	who, open, note := "patient "+r.Peer, "", ""
	if r.Person != "" {
		who = "staff " + string(r.Person)
	}
	if r.Case != "" {
		open = fmt.Sprintf("%s %s %s", r.Code, r.Severity, r.State)
	}
	switch {
	case r.Fault != "":
		note = "cannot be read: " + r.Fault
	case r.Undecided > 0:
		note = fmt.Sprintf("%d undecided", r.Undecided)
	case r.Stopped:
		note = "opted out"
	}
	return []string{string(r.Conversation), who, r.Channel, string(r.Owner), open, strconv.FormatUint(r.Events, 10), moment(r.Last, zone), note}
}

func showConversation(ctx context.Context, w *where, e env, id string) error {
	s, err := connect(ctx, w, e)
	if err != nil {
		return err
	}
	defer s.stop()
	var f audit.File
	if err := s.get(ctx, "/conversations/"+url.PathEscape(id), &f); err != nil {
		return err
	}
	return printFile(e.stdout, w, s, f, true)
}

func exportAll(ctx context.Context, w *where, e env) error {
	s, err := connect(ctx, w, e)
	if err != nil {
		return err
	}
	defer s.stop()
	return s.lines(ctx, "/export", func(l operator.Line) error { return printFile(e.stdout, w, s, *l.File, false) })
}

func printFile(out io.Writer, w *where, s *session, f audit.File, indent bool) error {
	if w.json {
		return printJSON(out, f, indent)
	}
	return printText(out, "%s\n", f.Text(s.zone))
}

func oneLine(s string) string { return audit.OneLine(s) }
