package operator

import (
	"context"
	"net/http"

	"github.com/tidegate/tidegate/gateway/custody"
)

// outlives is a context for work that goes on when its request ends, though not
// longer than whoever answers.
func (p *Operator) outlives(r *http.Request) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
	stop := context.AfterFunc(p.o.End, cancel)
	return ctx, func() { stop(); cancel() }
}

// rotate changes the tenant key. Once begun it goes on though nobody listens.
func (p *Operator) rotate(w http.ResponseWriter, r *http.Request) error {
	if p.o.Custody == nil {
		return problem(http.StatusConflict, "keys cannot be changed here")
	}
	ctx, done := p.outlives(r)
	defer done()
	p.o.Log.Warn().Str("actor", string(actor(ctx))).Msg("a change of the tenant key is asked for")
	s := newStream(w)
	return s.end(p.o.Custody.Rotate(ctx, func(rot custody.Rotation) { _ = s.line(Line{Rotation: &rot}) }))
}
