package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"

	"github.com/spf13/cobra"

	"github.com/tidegate/tidegate/gateway/custody"
	"github.com/tidegate/tidegate/gateway/operator"
	"github.com/tidegate/tidegate/molt/seal"
)

func rotateCmd(w *where, e env) *cobra.Command {
	var to string
	c := &cobra.Command{
		Use: "rotate", Short: "Put a new tenant key in the place of the one in force", Args: cobra.NoArgs,
		Long: `Draws a new tenant key, wraps every data key under it, beside the running daemon,
and then destroys the key before it. While that goes on both keys open. A daemon
that is killed meanwhile goes on with it at its next start.

With erase.backup and erase.escrow in the configuration a new backup and a copy of
the new key are taken and read back before the earlier key is destroyed, and those
that an earlier change left in the folders are taken away. All other copies of the
earlier key, and backups made under it, are yours to destroy.

A key that is supplied (keys.tenant) is changed in two steps:

  1. tidegate keys rotate --to NEXT writes the next key. Let keys.tenant lead to it
     and keys.previous to the one that was keys.tenant, and start the daemon anew: it
     wraps all under the new key by itself.
  2. Once tidegate keys show says that nothing needs the earlier key any more, take
     keys.previous out, start the daemon anew, and destroy the earlier key.
` + whereHelp + exitHelp,
		RunE: func(c *cobra.Command, _ []string) error {
			if to != "" {
				return nextKey(w, e, to)
			}
			return rotateKey(c.Context(), w, e)
		},
	}
	c.Flags().StringVar(&to, "to", "", "write the key that is to follow to this file, and change nothing")
	return c
}

// nextKey writes a key of this record that nothing is wrapped under yet.
func nextKey(w *where, e env, path string) error {
	text, _, err := keyKept(w, e)
	if err != nil {
		return err
	}
	ring, err := seal.FromBytes(text)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is there, and a key is never replaced", path)
	}
	next, err := ring.Next(rand.Reader)
	if err != nil {
		return err
	}
	next = next.Alone()
	if err := next.WriteFile(path); err != nil {
		return err
	}
	if w.json {
		return printJSON(e.stdout, keyCopy{Tenant: next.ID(), Kept: path}, true)
	}
	return printText(e.stdout, "key %s made: %s\nLet keys.tenant lead to it, and keys.previous to the key %s that keys.tenant leads to now; then start the daemon anew.\n", next.ID(), path, ring.ID())
}

func rotateKey(ctx context.Context, w *where, e env) error {
	s, err := connect(ctx, w, e)
	if err != nil {
		return err
	}
	defer s.stop()
	var last custody.Rotation
	err = s.stream(ctx, http.MethodPost, "/keys/rotate", nil, func(l operator.Line) error {
		if l.Rotation == nil {
			return nil
		}
		last = *l.Rotation
		if w.json {
			return printJSON(e.stdout, last, false)
		}
		fmt.Fprintf(e.stderr, "%s: %d conversations, %d data keys wrapped anew\n", last.Step, last.Conversations, last.Rewrapped)
		return nil
	})
	if err != nil || w.json {
		return err
	}
	return printText(e.stdout, "%s", rotated(last))
}

// rotated says what a change of the key came to.
func rotated(r custody.Rotation) string {
	out := fmt.Sprintf("the tenant key is %s: %d data keys were wrapped under it\n", r.Tenant, r.Rewrapped)
	if r.Copies.Backup != "" {
		out += "a backup under it: " + r.Copies.Backup + "\n"
	}
	if r.Copies.Escrow != "" {
		out += "a copy of it: " + r.Copies.Escrow + "\n"
	}
	if r.Step == custody.StepWaits {
		return out + "The earlier key is supplied: take keys.previous out, start the daemon anew, and destroy it.\n"
	}
	out += "The key before it is destroyed. Copies of that key, and backups made under it, are yours to destroy.\n"
	if r.Copies.Escrow == "" {
		out += "Keep a copy of the new key away from the data: tidegate keys escrow FILE\n"
	}
	return out
}
