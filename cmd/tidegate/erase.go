package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/tidegate/tidegate/gateway/audit"
	"github.com/tidegate/tidegate/gateway/custody"
	"github.com/tidegate/tidegate/gateway/notary"
	"github.com/tidegate/tidegate/gateway/operator"
	"github.com/tidegate/tidegate/molt"
)

func eraseCmd(e env) *cobra.Command {
	w := &where{}
	var now bool
	c := &cobra.Command{
		Use:   "erase [ID|NUMBER]",
		Short: "Erase a conversation; without one, list erasures",
		Long: `Asks that a conversation be erased, with those that follow it and that it follows.
Who asked goes on record, signed. The daemon erases what was asked for in runs
(erase.every); with --now a run begins at once.

A run drops the keys under which the conversation was sealed, sheds its bodies and
what colleagues wrote about it in their own journals, removes its files, and has its
texts and files deleted at the carrier, which is tried for a month. Then it puts a
new tenant key in the place of the one in force, as tidegate keys rotate does: until
the one before it is destroyed, a copy of the record could still be read with it.
The signed tombstone that stays says when that was. Texts of the erased that a
carrier still lists are not taken in again; a new text begins anew.

A conversation with an open case, a text that waits for its answer, or a legal hold
is not erased. What a daemon that is supplied with its key (keys.tenant) erases takes
full effect when that key is changed and its copies are destroyed. Backups that you
keep elsewhere, copies of the old key, copies of the media folder and what a model's
server keeps are yours to destroy.
` + whereHelp + exitHelp,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return listErasures(c.Context(), w, e)
			}
			return erase(c.Context(), w, e, operator.Erase{Conversation: args[0], Now: now})
		},
	}
	w.flags(c)
	c.Flags().BoolVar(&now, "now", false, "begin a run at once")
	return c
}

func erase(ctx context.Context, w *where, e env, ask operator.Erase) error {
	s, err := connect(ctx, w, e)
	if err != nil {
		return err
	}
	defer s.stop()
	body, err := json.Marshal(ask)
	if err != nil {
		return err
	}
	waits := 0
	err = s.stream(ctx, http.MethodPost, "/erase", bytes.NewReader(body), func(l operator.Line) error {
		if l.Erasing != nil && l.Erasing.Waits != "" {
			waits++
		}
		if w.json {
			return printJSON(e.stdout, l, false)
		}
		return printErasing(e, l)
	})
	switch {
	case err != nil:
		return err
	case waits > 0:
		return fmt.Errorf("%d conversations wait for a later run", waits)
	case !ask.Now && !w.json:
		return printText(e.stdout, "It is erased with the next run; tidegate erase lists what waits.\n")
	}
	return nil
}

func printErasing(e env, l operator.Line) error {
	switch {
	case l.Asked != nil:
		return printText(e.stdout, "asked for by %s: conversation %s\n", l.Asked.By, l.Asked.Conversation)
	case l.Erasing != nil && l.Erasing.Waits != "":
		return printText(e.stdout, "conversation %s is not erased yet: %s\n", l.Erasing.Conversation, l.Erasing.Waits)
	case l.Erasing != nil && l.Erasing.Tombstone != nil:
		t := l.Erasing.Tombstone
		return printText(e.stdout, "conversation %s: %d events erased, %d files removed, %d texts to be deleted at the carrier\n", t.Conversation, t.Events, t.Files, t.Texts)
	case l.Rotation != nil && (l.Rotation.Step == custody.StepDone || l.Rotation.Step == custody.StepWaits):
		return printText(e.stdout, "%s", rotated(*l.Rotation))
	}
	return nil
}

func listErasures(ctx context.Context, w *where, e env) error {
	s, err := connect(ctx, w, e)
	if err != nil {
		return err
	}
	defer s.stop()
	var all operator.Erasures
	if err := s.get(ctx, "/erase", &all); err != nil {
		return err
	}
	if w.json {
		return printJSON(e.stdout, all, true)
	}
	rows := [][]string{{"CONVERSATION", "ASKED", "BY", "ERASED", "IN FULL EFFECT", "AT THE CARRIER"}}
	for _, a := range all.Asked {
		rows = append(rows, []string{string(a.Conversation), moment(a.At, s.zone), string(a.By), "with the next run", "", ""})
	}
	for _, t := range all.Tombstones {
		rows = append(rows, []string{
			string(t.Conversation), moment(t.At, s.zone), string(t.By), moment(t.Dropped, s.zone), effective(t.Tombstone, s.zone), deleted(t),
		})
	}
	return table(e.stdout, rows)
}

func effective(t notary.Tombstone, zone *time.Location) string {
	if t.Effective == 0 {
		return "not yet: the tenant key of its time is there"
	}
	return moment(t.Effective, zone)
}

func deleted(t operator.Buried) string {
	switch {
	case t.Left > 0:
		return fmt.Sprintf("%d texts were not deleted", t.Left)
	case t.Pending > 0:
		return "being deleted"
	}
	return fmt.Sprintf("%d texts deleted", t.Texts)
}

func holdCmd(w *where, e env) *cobra.Command {
	var why string
	c := &cobra.Command{
		Use: "hold ID|NUMBER", Short: "Lay a legal hold on a conversation: nothing of it is erased or shed", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return hold(c.Context(), w, e, args[0], operator.Hold{Held: true, Why: molt.Words(why)})
		},
	}
	c.Flags().StringVar(&why, "reason", "", "why; it goes on record, sealed")
	return c
}

func releaseCmd(w *where, e env) *cobra.Command {
	return &cobra.Command{
		Use: "release ID|NUMBER", Short: "Lift the legal hold from a conversation", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return hold(c.Context(), w, e, args[0], operator.Hold{})
		},
	}
}

func hold(ctx context.Context, w *where, e env, ref string, h operator.Hold) error {
	s, err := connect(ctx, w, e)
	if err != nil {
		return err
	}
	defer s.stop()
	var ids []molt.ConversationID
	if err := s.post(ctx, "/conversations/"+url.PathEscape(ref)+"/hold", h, &ids); err != nil {
		return err
	}
	if w.json {
		return printJSON(e.stdout, ids, true)
	}
	what := "the legal hold is lifted from"
	if h.Held {
		what = "a legal hold is on"
	}
	for _, id := range ids {
		if err := printText(e.stdout, "%s conversation %s\n", what, id); err != nil {
			return err
		}
	}
	return nil
}

func patientCmd(e env) *cobra.Command {
	w := &where{}
	var access bool
	c := &cobra.Command{
		Use:   "export NUMBER|ID",
		Short: "Write out all that the record holds of one patient",
		Long: `Writes out every conversation of one patient, by number or by the id of one of them:
on all channels, chats that gave the number to call back, and those that follow one
another; then who looked at the record or acted on it, when, and on what surface. As
text, or with --json as one JSON value. The export itself goes on record as a look.

With --access it is only that: who looked and acted.
` + whereHelp + exitHelp,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return exportPatient(c.Context(), w, e, args[0], access) },
	}
	w.flags(c)
	c.Flags().BoolVar(&access, "access", false, "only who looked and acted")
	return c
}

func exportPatient(ctx context.Context, w *where, e env, ref string, access bool) error {
	s, err := connect(ctx, w, e)
	if err != nil {
		return err
	}
	defer s.stop()
	var files []audit.File
	err = s.lines(ctx, "/patients/"+url.PathEscape(ref), func(l operator.Line) error {
		if l.File != nil {
			files = append(files, *l.File)
		}
		return nil
	})
	if err != nil {
		return err
	}
	p := audit.Of(files)
	switch {
	case access && w.json:
		return printJSON(e.stdout, p.Access, true)
	case access:
		return printText(e.stdout, "%s", p.AccessText(s.zone))
	case w.json:
		return printJSON(e.stdout, p, true)
	}
	return printText(e.stdout, "%s", p.Text(s.zone))
}
