package operator

import (
	"cmp"
	"context"
	"errors"
	"net/http"

	"github.com/tidegate/tidegate/gateway/audit"
	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

func (p *Operator) conversations(w http.ResponseWriter, r *http.Request) error {
	undecided := r.URL.Query().Get("undecided") != ""
	s := newStream(w)
	return s.end(p.o.Audit.List(r.Context(), func(row audit.Row) error {
		if undecided && row.Undecided == 0 {
			return nil
		}
		return s.line(Line{Row: &row})
	}))
}

func (p *Operator) conversation(w http.ResponseWriter, r *http.Request) error {
	id, err := p.conversationOf(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := p.recordLook(r.Context(), id, "conversation"); err != nil {
		return err
	}
	f, err := p.o.Audit.Export(r.Context(), id)
	if err != nil {
		return err
	}
	return writeJSON(w, f)
}

// trace is why a conversation went as it did.
func (p *Operator) trace(w http.ResponseWriter, r *http.Request) error {
	id, err := p.conversationOf(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := p.recordLook(r.Context(), id, "trace"); err != nil {
		return err
	}
	t, err := p.o.Audit.Trace(r.Context(), id, 0, 0)
	if err != nil {
		return err
	}
	return writeJSON(w, t)
}

func (p *Operator) export(w http.ResponseWriter, r *http.Request) error {
	if err := p.roomFor("export"); err != nil {
		return err
	}
	s := newStream(w)
	look := func(id molt.ConversationID) error { return p.recordLook(r.Context(), id, "export") }
	return s.end(p.o.Audit.ExportAll(r.Context(), look, func(f audit.File) error { return s.line(Line{File: &f}) }))
}

// recordLook commits that somebody reads a conversation, before she does. A
// frozen journal takes nothing more and must be readable all the same: then the
// log has it.
func (p *Operator) recordLook(ctx context.Context, id molt.ConversationID, what string) error {
	_, err := p.o.Desk.Step(ctx, id, nil, func(*turn.State, func(turn.Ref) molt.Words) intake.Plan {
		return intake.Plan{Facts: []intake.Fact{{Kind: turn.KindRead, Body: &turn.Read{Actor: actor(ctx), What: what + " " + string(id)}}}}
	})
	if errors.Is(err, intake.ErrFrozen) || errors.Is(err, intake.ErrDecide) {
		p.o.Log.Warn().Str("conversation", string(id)).Str("actor", string(actor(ctx))).Str("what", what).Msg("read of a frozen journal")
		return nil
	}
	if errors.Is(err, intake.ErrUnknownConversation) {
		if s, stateErr := p.o.Audit.State(ctx, id); stateErr == nil && s.Seq > 0 {
			return nil // it was erased: there is nothing of anybody's to look at
		}
	}
	return err
}

func (p *Operator) verify(w http.ResponseWriter, r *http.Request) error {
	s := newStream(w)
	c := audit.Check{Files: p.o.Files, Checkpoints: cmp.Or(r.URL.Query().Get("checkpoints"), p.o.Checkpoints), Progress: func(rep audit.Report) { _ = s.line(Line{Progress: &rep}) }}
	rep, err := p.o.Audit.Verify(r.Context(), c)
	if err == nil {
		err = s.line(Line{Report: &rep})
	}
	return s.end(err)
}

// keys tells of the keys what is no secret.
func (p *Operator) keys(w http.ResponseWriter, r *http.Request) error {
	k, err := p.o.Audit.Keys(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, k)
}
