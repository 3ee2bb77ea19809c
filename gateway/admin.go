package gateway

import (
	"context"
	"net/http"
)

func (g *Gateway) serveAdmin(ctx context.Context) error {
	return serve(ctx, g.o.Admin, g.adminHandler(), maxPrivate)
}

func (g *Gateway) adminHandler() http.Handler { return http.NewServeMux() }
