package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/tidegate/tidegate/gateway/audit"
	"github.com/tidegate/tidegate/gateway/operator"
)

func verifyCmd(e env) *cobra.Command {
	w := &where{}
	var checkpoints string
	c := &cobra.Command{
		Use:   "verify",
		Short: "Verify the whole record from its first event",
		Long: `Reads every conversation from its first event: the hash chain holds, every seal
opens, each snapshot is what its events fold to, work that is due can be read,
and every file that a patient sent is there and is what was kept. It writes nothing and may run beside the daemon.

It exits 1 when anything is not as it was written. Whether the decisions come out
the same is what tidegate replay tells.

Where audit.checkpoints is set, the record is compared with what was signed about
it there: an end that was cut off, an older file put in its place and a chain that
was written anew without the key are named by conversation and event. This does
not help against who has the key file and can write to both places, or against
what happened since the last checkpoint.
` + whereHelp + exitHelp,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return verify(c.Context(), w, e, checkpoints) },
	}
	w.flags(c)
	c.Flags().StringVar(&checkpoints, "checkpoints", "", "the file of checkpoints, instead of audit.checkpoints")
	return c
}

var errNotVerified = errors.New("the record does not verify")

func verify(ctx context.Context, w *where, e env, checkpoints string) error {
	s, err := connect(ctx, w, e)
	if err != nil {
		return err
	}
	defer s.stop()
	q := url.Values{}
	if checkpoints != "" {
		if checkpoints, err = filepath.Abs(checkpoints); err != nil {
			return err
		}
		q.Set("checkpoints", checkpoints)
	}
	path := "/verify?" + q.Encode()
	var rep *audit.Report
	err = s.lines(ctx, path, func(l operator.Line) error {
		if l.Progress != nil && !w.json {
			fmt.Fprintf(e.stderr, "%d conversations, %d events, %d faults so far\n", l.Progress.Conversations, l.Progress.Events, len(l.Progress.Faults))
		}
		if l.Report != nil {
			rep = l.Report
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case rep == nil:
		return errors.New("the answer holds no report")
	case w.json:
		err = printJSON(e.stdout, rep, true)
	default:
		err = printReport(e, *rep)
	}
	if err == nil && !rep.OK() {
		return errNotVerified
	}
	return err
}

func printReport(e env, r audit.Report) error {
	for _, f := range r.Faults {
		if err := printText(e.stdout, "%s\n", f.Error()); err != nil {
			return err
		}
	}
	if r.More > 0 {
		if err := printText(e.stdout, "and %d more faults\n", r.More); err != nil {
			return err
		}
	}
	if s := r.Signed; s != nil {
		if err := printText(e.stdout, "checkpoints: %d signed heads compared, the last of %s; %d were lost by a restore\n", s.Points, s.Last, s.Restored); err != nil {
			return err
		}
	}
	for _, b := range r.Restores {
		if err := printText(e.stdout, "restored %s by %s, as of %s\n", b.At, b.By, b.AsOf); err != nil {
			return err
		}
	}
	return printText(e.stdout, "%d conversations, %d events, %d snapshots, %d items, %d files: %d faults\n",
		r.Conversations, r.Events, r.Snapshots, r.Items, r.Files, len(r.Faults)+r.More)
}
