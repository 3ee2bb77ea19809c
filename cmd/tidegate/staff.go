package main

import (
	"context"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/tidegate/tidegate/config"
	"github.com/tidegate/tidegate/gateway/access"
	"github.com/tidegate/tidegate/gateway/operator"
	"github.com/tidegate/tidegate/molt"
)

func staffCmd(e env) *cobra.Command {
	w := &where{}
	c := &cobra.Command{
		Use: "staff", Short: "Let staff in to the console",
		Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	w.flags(c)
	c.AddCommand(&cobra.Command{
		Use:   "link ID",
		Short: "Make a one-time link with which a member of staff signs in",
		Long: `Makes a link to the console for the member of staff with that id. It is good
once, for ten minutes, for whoever opens it: hand it over in person.
The daemon has to be running.
` + exitHelp,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return staffLink(c.Context(), w, e, args[0]) },
	})
	return c
}

func staffLink(ctx context.Context, w *where, e env, id string) error {
	s, err := connect(ctx, w, e)
	if err != nil {
		return err
	}
	defer s.stop()
	var link operator.StaffLink
	if err := s.post(ctx, "/staff/"+url.PathEscape(id)+"/link", struct{}{}, &link); err != nil {
		return err
	}
	if w.json {
		return printJSON(e.stdout, link, true)
	}
	return printText(e.stdout, "%s\n", link.Link)
}

// staffOf is who may sign in to the console.
func staffOf(cfg *config.Config) map[molt.PersonID]access.Person {
	staff := map[molt.PersonID]access.Person{}
	for _, p := range cfg.Staff {
		id := molt.PersonID(p.ID)
		staff[id] = access.Person{ID: id, Name: p.Name, Role: access.Role(p.Role)}
	}
	return staff
}
