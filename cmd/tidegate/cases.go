package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/operator"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

func casesCmd(e env) *cobra.Command {
	w := &where{}
	var all bool
	c := &cobra.Command{
		Use:   "cases",
		Short: "List the open cases, show one, act on one",
		Long: `Lists the open cases, gravest first; with --all also those resolved a short while
ago. Below it are the acts: what a nurse does by text, an operator does here, and
it goes on record as os:USER.

A case is named by its short code, as pages show it, or by its id. Showing one
shows the patient's words, and that it was read goes on record.
` + whereHelp + exitHelp,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return listCases(c.Context(), w, e, all) },
	}
	w.flags(c)
	list := &cobra.Command{
		Use: "list", Short: "List the open cases", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return listCases(c.Context(), w, e, all) },
	}
	for _, l := range []*cobra.Command{c, list} {
		l.Flags().BoolVar(&all, "all", false, "also list those resolved a short while ago")
	}
	c.AddCommand(
		list,
		&cobra.Command{
			Use: "show CODE", Short: "Show a case with the patient's words; the look is recorded", Args: cobra.ExactArgs(1),
			RunE: func(c *cobra.Command, args []string) error { return showCase(c.Context(), w, e, args[0]) },
		},
	)
	for _, act := range actCmds(w, e) {
		c.AddCommand(act)
	}
	return c
}

// actCmds are the verbs that act on a case.
func actCmds(w *where, e env) []*cobra.Command {
	var noAnswer, falseAlarm, human bool
	one := func(use, short string, args cobra.PositionalArgs, act func([]string) operator.Act) *cobra.Command {
		var version int
		c := &cobra.Command{Use: use, Short: short, Args: args, RunE: func(c *cobra.Command, args []string) error {
			a := act(args[1:])
			a.Version = version
			return actOn(c.Context(), w, e, "/cases/"+url.PathEscape(args[0])+"/acts", a)
		}}
		c.Flags().IntVar(&version, "version", 0, "the version of the case as you saw it; refused when it moved on since")
		return c
	}
	words := func(args []string) molt.Words { return molt.Words(strings.Join(args, " ")) }
	called := one("called CODE [reached|no-answer]", "Record that you called the patient", calledArgs, func(args []string) operator.Act {
		return operator.Act{Verb: turn.VerbCalled, Reached: !noAnswer && (len(args) == 0 || answers()[args[0]])}
	})
	called.Flags().BoolVar(&noAnswer, "no-answer", false, "nobody answered")
	done := one("done CODE [NOTE…]", "Resolve a case; the note goes with the conversation", cobra.MinimumNArgs(1), func(args []string) operator.Act {
		a := operator.Act{Verb: turn.VerbResolve, Words: words(args), FalseAlarm: falseAlarm, NextOwner: escalation.OwnerAgent}
		if human {
			a.NextOwner = escalation.OwnerHuman
		}
		return a
	})
	done.Flags().BoolVar(&falseAlarm, "false-alarm", false, "there was no danger")
	done.Flags().BoolVar(&human, "human", false, "people go on with this patient, not the agent")
	return []*cobra.Command{
		one("take CODE", "Take a case", cobra.ExactArgs(1), func([]string) operator.Act { return operator.Act{Verb: turn.VerbTake} }),
		one("pass CODE", "Give a case back; others are asked", cobra.ExactArgs(1), func([]string) operator.Act { return operator.Act{Verb: turn.VerbPass} }),
		one("reply CODE WORDS…", "Text the patient", cobra.MinimumNArgs(2), func(args []string) operator.Act {
			return operator.Act{Verb: turn.VerbRelay, Words: words(args)}
		}),
		called, done,
		one("note CODE WORDS…", "Leave a note for colleagues", cobra.MinimumNArgs(2), func(args []string) operator.Act {
			return operator.Act{Verb: turn.VerbNote, Words: words(args)}
		}),
		one("raise CODE SEVERITY", "Make a case graver: S1, S2, S3", cobra.ExactArgs(2), func(args []string) operator.Act {
			return operator.Act{Verb: turn.VerbRaise, Severity: severity(args[0])}
		}),
		one("lower CODE SEVERITY", "Make a case milder: S2, S3, S4", cobra.ExactArgs(2), func(args []string) operator.Act {
			return operator.Act{Verb: turn.VerbLower, Severity: severity(args[0])}
		}),
		one("transfer CODE PERSON", "Hand a case to a colleague, who is paged", cobra.ExactArgs(2), func(args []string) operator.Act {
			return operator.Act{Verb: turn.VerbTransfer, To: molt.PersonID(args[0])}
		}),
	}
}

// calledArgs takes a code and what came of the call.
func calledArgs(c *cobra.Command, args []string) error {
	if err := cobra.RangeArgs(1, 2)(c, args); err != nil {
		return err
	}
	if len(args) == 2 {
		if _, ok := answers()[args[1]]; !ok {
			return usage("after the code stands reached or no-answer; or nothing: reached")
		}
	}
	return nil
}

// answers are the words for what came of a call, and whether the patient was
// reached.
func answers() map[string]bool {
	return map[string]bool{"reached": true, "yes": true, "no-answer": false, "no": false}
}

func severity(s string) escalation.Severity { return escalation.Severity(strings.ToUpper(s)) }

func listCases(ctx context.Context, w *where, e env, all bool) error {
	s, err := connect(ctx, w, e)
	if err != nil {
		return err
	}
	defer s.stop()
	var list operator.Cases
	path := "/cases"
	if all {
		path += "?all=1"
	}
	if err := s.get(ctx, path, &list); err != nil {
		return err
	}
	if w.json {
		return printJSON(e.stdout, list, true)
	}
	if len(list.Cases) == 0 {
		return printText(e.stdout, "No open case; --all lists those resolved a short while ago.\n")
	}
	rows := [][]string{{"CODE", "SEVERITY", "STATE", "WHY", "OPENED", "WAITS", "DUE", "HOLDER", "NOTE"}}
	for _, r := range list.Cases {
		var note string
		switch {
		case r.CannotText:
			note = "call: texts do not arrive"
		case r.Crowd != "":
			note = "a chat that waits: as many as may ring do, see " + r.Crowd
		case r.Beside != "":
			note = "a chat from where " + r.Beside + " came from"
		}
		rows = append(rows, []string{
			r.Code, string(r.Severity), string(r.State), why(r), moment(r.Opened, s.zone), brief(list.Now.Sub(r.Opened)),
			moment(r.Due, s.zone), string(r.Claimant), note,
		})
	}
	return table(e.stdout, rows)
}

func why(r turn.WorkRow) string {
	if r.Category == "" {
		return string(r.Kind)
	}
	return string(r.Kind) + ": " + r.Category
}

func showCase(ctx context.Context, w *where, e env, ref string) error {
	s, err := connect(ctx, w, e)
	if err != nil {
		return err
	}
	defer s.stop()
	var c operator.Case
	if err := s.get(ctx, "/cases/"+url.PathEscape(ref), &c); err != nil {
		return err
	}
	if w.json {
		return printJSON(e.stdout, c, true)
	}
	return printText(e.stdout, "%s", caseText(c, s.zone))
}

// caseText is a case as a person works on it.
func caseText(c operator.Case, zone *time.Location) string {
	var b strings.Builder
	r := c.Row
	if r.Case == "" {
		fmt.Fprintf(&b, "No case. Conversation %s, owner %s.\n", r.Conversation, c.Owner)
	} else {
		fmt.Fprintf(&b, "Case %s (%s), %s, %s, version %d\n", r.Code, r.Case, r.Severity, r.State, r.Version)
		fmt.Fprintf(&b, "Why:      %s\n", why(r))
		fmt.Fprintf(&b, "Opened:   %s, %s ago\n", moment(r.Opened, zone), brief(c.Now.Sub(r.Opened)))
		if r.Claimant != "" {
			fmt.Fprintf(&b, "Holder:   %s\n", r.Claimant)
		}
	}
	fmt.Fprintf(&b, "Phone:    %s (may be writing for someone else)\n", oneLine(cmp.Or(c.Phone.Reveal(), "no number was left")))
	if c.Stopped || r.CannotText {
		b.WriteString("Texts do not reach this patient: call.\n")
	}
	if c.Told != "" {
		fmt.Fprintf(&b, "Told:     %s\n", oneLine(c.Told))
	}
	if c.Symptoms != "" {
		fmt.Fprintf(&b, "Symptoms: %s\n", oneLine(c.Symptoms))
	}
	for i, d := range c.Done {
		if i == 0 {
			b.WriteString("Done:\n")
		}
		fmt.Fprintf(&b, "  %s  %s %s\n", d.At.Std().In(zone).Format("2006-01-02 15:04:05"), cmp.Or(string(d.Actor), "tidegate"), oneLine(d.What.Reveal()))
	}
	b.WriteString("\n")
	for _, m := range c.Messages {
		words := oneLine(m.Words.Reveal())
		if m.Media > 0 {
			words += fmt.Sprintf(" [%d attached]", m.Media)
		}
		from := m.From
		if m.Fate != "" {
			from += ", " + m.Fate
		}
		fmt.Fprintf(&b, "%s  %s: %s\n", m.At.Std().In(zone).Format("2006-01-02 15:04:05"), from, words)
	}
	return b.String()
}

// actOn sends an act and says what became of it. A refused one is a fault.
func actOn(ctx context.Context, w *where, e env, path string, a operator.Act) error {
	s, err := connect(ctx, w, e)
	if err != nil {
		return err
	}
	defer s.stop()
	var nonce [16]byte
	_, _ = rand.Read(nonce[:]) // never fails
	a.Nonce = hex.EncodeToString(nonce[:])
	var out operator.Acted
	if err := s.post(ctx, path, a, &out); err != nil {
		return err
	}
	if w.json {
		err = printJSON(e.stdout, out, true)
	} else if out.Done {
		err = printText(e.stdout, "%s\n", out.Why)
	}
	switch {
	case err != nil:
		return err
	case !out.Done:
		return errors.New(inert(out.Why))
	case !out.Daemon:
		fmt.Fprintln(e.stderr, "No daemon runs: what follows from this leaves when it is started.")
	}
	return nil
}
