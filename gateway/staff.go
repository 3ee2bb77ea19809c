package gateway

import (
	"context"

	"github.com/tidegate/tidegate/gateway/access"
	"github.com/tidegate/tidegate/gateway/audit"
	"github.com/tidegate/tidegate/gateway/casework"
	"github.com/tidegate/tidegate/gateway/console"
	"github.com/tidegate/tidegate/molt"
)

// makeConsole builds the staff's pages. Who is signed in is read from the store,
// so that a restart throws nobody out.
func (g *Gateway) makeConsole() error {
	url := g.o.ConsoleURL
	if url == "" {
		url = "http://" + g.o.Private.Addr().String()
	}
	now := g.force.Load()
	var err error
	g.access, err = access.Open(context.Background(), access.Options{
		Store: g.o.Store, People: func() map[molt.PersonID]access.Person { return g.force.Load().Staff },
		Idle: now.Idle, Life: now.Life, Now: g.o.Now, Random: g.o.Random, Log: g.o.Log,
	})
	if err != nil {
		return err
	}
	work, err := casework.New(casework.Options{Desk: g.desk, Rules: g.rules})
	if err != nil {
		return err
	}
	g.console, err = console.New(console.Options{
		Casework: work, Intake: g.desk, Audit: audit.New(g.o.Store, g.o.Ring), Files: g.o.Files, Access: g.access, Rules: g.rules,
		URL: url, Gateway: g, Config: g.keeper, Kick: g.kick, Typing: g.staffTypes, Now: g.o.Now, Log: g.o.Log,
	})
	return err
}

// link makes a one-time link for a member of staff.
func (g *Gateway) link(ctx context.Context, id molt.PersonID) (string, error) {
	token, err := g.access.Mint(ctx, id)
	if err != nil {
		return "", err
	}
	return g.console.Link(token), nil
}
