package gateway

import (
	"context"
	"io"

	"github.com/tidegate/tidegate/gateway/audit"
	"github.com/tidegate/tidegate/gateway/operator"
)

// serveAdmin answers the operator's verbs. Only the daemon's own user can open
// the socket, so its connections are not counted.
func (g *Gateway) serveAdmin(ctx context.Context) error {
	op, err := operator.New(operator.Options{
		Desk: g.desk, Audit: audit.New(g.o.Store, g.o.Ring), Rules: g.rules, Files: g.o.Files,
		Daemon: true, Store: g.copier(ctx), Checkpoints: g.o.Checkpoints, Link: g.link, Now: g.o.Now, Log: g.o.Log,
	})
	if err != nil {
		return err
	}
	s := newServer(op.Handler())
	s.ConnContext = operator.ConnContext
	return serve(ctx, g.o.Admin, s)
}

// copier is the store, where it can be copied. A copy under way ends with the
// daemon: the store does not close before it.
func (g *Gateway) copier(ctx context.Context) operator.Copier {
	if c, ok := g.o.Store.(operator.Copier); ok {
		return &copyUntil{c, ctx}
	}
	return nil
}

type copyUntil struct {
	operator.Copier
	end context.Context
}

func (c *copyUntil) Copy(ctx context.Context, w io.Writer, begun func(size int64)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.end, cancel)()
	return c.Copier.Copy(ctx, w, begun)
}
