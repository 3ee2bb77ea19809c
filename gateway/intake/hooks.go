package intake

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// AnswerWithin is how long a door waits for its commit. The carrier reads for
// 15 s; past it a 503 is the honest answer, and the back-filler fetches what it
// could not deliver.
const AnswerWithin = 12 * time.Second

// unknown stands for a channel or door that is not ours.
const unknown = "unknown"

// Hooks is the door for carriers' webhooks: POST /hooks/{channel}/{hook}. Every
// other address may lead here too, so that a webhook which was sent to a wrong
// one is counted and heard of.
type Hooks struct {
	Desk     *Desk
	Adapters func(id string) (channels.Adapter, bool)
	// Count hears of each answer; nil: nobody.
	Count func(channel string, hook channels.Hook, status int, took time.Duration)
	// Refused hears of each webhook that is not taken. The reason is a sentence
	// of ours and holds nothing of the request; nil: nobody.
	Refused func(channel, reason string, status int)
}

// ServeHTTP authenticates, reads, commits and only then answers 2xx. What it
// refuses it refuses in a sentence that repeats nothing of the request.
func (h *Hooks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	channel, hook := r.PathValue("channel"), channels.Hook(r.PathValue("hook"))
	status, why := h.serve(r, channel, hook)
	// A label must not be a stranger's to choose.
	if _, ok := h.Adapters(channel); !ok {
		channel = unknown
	}
	if hook != channels.HookMessage && hook != channels.HookStatus {
		hook = unknown
	}
	if h.Count != nil {
		h.Count(channel, hook, status, time.Since(began))
	}
	if status == http.StatusNoContent {
		w.WriteHeader(status)
		return
	}
	if h.Refused != nil {
		h.Refused(channel, why, status)
	}
	if status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", http.MethodPost)
	}
	http.Error(w, why, status)
}

func (h *Hooks) serve(r *http.Request, channel string, hook channels.Hook) (int, string) {
	a, ok := h.Adapters(channel)
	if !ok || hook != channels.HookMessage && hook != channels.HookStatus {
		return http.StatusNotFound, "no such channel or door"
	}
	if r.Method != http.MethodPost {
		return http.StatusMethodNotAllowed, "the webhook's method must be POST"
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, channels.MaxHookBytes+1))
	switch {
	case err != nil:
		return http.StatusBadRequest, "the body could not be read"
	case len(body) > channels.MaxHookBytes:
		return http.StatusRequestEntityTooLarge, "the body is over 64 KiB"
	}
	arrival, err := a.Parse(channels.Request{Hook: hook, Query: r.URL.Query(), RawURI: r.RequestURI, Header: r.Header, Body: body})
	if err != nil {
		var rej *channels.Rejected
		if errors.As(err, &rej) {
			return rej.HTTP, rej.Why
		}
		return http.StatusBadRequest, "not a webhook of this channel"
	}
	ctx, cancel := context.WithTimeout(r.Context(), AnswerWithin)
	defer cancel()
	if err := h.take(ctx, arrival); err != nil {
		return http.StatusServiceUnavailable, "not committed; try again"
	}
	return http.StatusNoContent, ""
}

func (h *Hooks) take(ctx context.Context, a channels.Arrival) error {
	if a.Inbound != nil {
		t, err := h.Desk.Accept(ctx, *a.Inbound)
		if err != nil {
			return err
		}
		_, err = t.Wait(ctx)
		return err
	}
	return h.Desk.Report(ctx, *a.Status)
}

// Report takes in what a carrier said later about a text of ours. A report that
// carries no id of ours, or of a journal that is not there or is frozen, is
// taken and changes nothing: refusing it would only make the carrier repeat it.
func (d *Desk) Report(ctx context.Context, s channels.StatusReport) error {
	if s.Conversation == "" || s.Item == "" {
		return nil
	}
	if s.Fault == channels.FaultConfiguration {
		d.o.Log.Error().Str("conversation", string(s.Conversation)).Str("item", string(s.Item)).Int("code", s.Code).Str("hint", s.Hint).Msg("undelivered")
	}
	_, err := d.Step(ctx, s.Conversation, nil, func(*turn.State, func(turn.Ref) molt.Words) Plan {
		return Plan{Facts: []Fact{{Kind: turn.KindStatus, Body: &s}}}
	})
	if errors.Is(err, ErrUnknownConversation) || errors.Is(err, ErrFrozen) || errors.Is(err, ErrDecide) {
		return nil
	}
	return err
}
