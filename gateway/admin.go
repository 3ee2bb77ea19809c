package gateway

import (
	"context"

	"github.com/tidegate/tidegate/gateway/audit"
	"github.com/tidegate/tidegate/gateway/operator"
)

// serveAdmin answers the operator's verbs. Only the daemon's own user can open
// the socket, so its connections are not counted.
func (g *Gateway) serveAdmin(ctx context.Context) error {
	op, err := operator.New(operator.Options{
		Desk: g.desk, Audit: audit.New(g.o.Store, g.o.Ring), Rules: g.rules,
		Daemon: true, Link: g.link, Now: g.o.Now, Log: g.o.Log,
	})
	if err != nil {
		return err
	}
	s := newServer(op.Handler())
	s.ConnContext = operator.ConnContext
	return serve(ctx, g.o.Admin, s)
}
