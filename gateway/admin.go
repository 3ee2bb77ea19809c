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
	if g.o.Admin == nil {
		return nil
	}
	op, err := operator.New(operator.Options{
		Desk: g.desk, Audit: audit.New(g.o.Store, g.o.Ring), Rules: g.rules, Files: g.o.Files,
		Custody: g.custody, End: ctx,
		Daemon: true, Copy: g.copier(ctx), Checkpoints: g.o.Checkpoints, Link: g.link, Scarce: g.scarce.Load, Now: g.o.Now, Log: g.o.Log,
	})
	if err != nil {
		return err
	}
	s := g.newServer("admin", op.Handler(), nil)
	s.ConnContext = operator.ConnContext
	return serve(ctx, g.o.Admin, s)
}

// copier copies the store, where it can be copied. A copy under way ends with the
// daemon: the store does not close before it.
func (g *Gateway) copier(end context.Context) operator.Copy {
	store, ok := g.o.Store.(operator.Copier)
	if !ok {
		return nil
	}
	return func(ctx context.Context, w io.Writer, begun func(size int64)) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		stop := context.AfterFunc(end, cancel)
		defer stop()
		return store.Copy(ctx, w, begun)
	}
}
