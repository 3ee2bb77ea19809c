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
	// Greeting is what a caller hears; nil: no call is answered.
	Greeting func() channels.Greeting
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
	status, why, answer := h.serve(r, channel, hook)
	// A label must not be a stranger's to choose.
	if _, ok := h.Adapters(channel); !ok {
		channel = unknown
	}
	if !known(hook) {
		hook = unknown
	}
	if h.Count != nil {
		h.Count(channel, hook, status, time.Since(began))
	}
	switch status {
	case http.StatusNoContent:
		w.WriteHeader(status)
		return
	case http.StatusOK:
		w.Header().Set("Content-Type", answer.Type)
		_, _ = w.Write(answer.Body) // a carrier that went away hears nothing
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

func known(hook channels.Hook) bool {
	return hook == channels.HookMessage || hook == channels.HookStatus || hook == channels.HookVoice
}

// serve takes a webhook in. What comes of it is 204, or 200 with an answer to a
// call, or a status with its reason.
func (h *Hooks) serve(r *http.Request, channel string, hook channels.Hook) (int, string, channels.Document) {
	none := channels.Document{}
	a, ok := h.Adapters(channel)
	if !ok || !known(hook) {
		return http.StatusNotFound, "no such channel or door", none
	}
	if r.Method != http.MethodPost {
		return http.StatusMethodNotAllowed, "the webhook's method must be POST", none
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, channels.MaxHookBytes+1))
	switch {
	case err != nil:
		return http.StatusBadRequest, "the body could not be read", none
	case len(body) > channels.MaxHookBytes:
		return http.StatusRequestEntityTooLarge, "the body is over 64 KiB", none
	}
	req := channels.Request{Hook: hook, Query: r.URL.Query(), RawURI: r.RequestURI, Header: r.Header, Body: body}
	if answerer, ok := a.(channels.Answerer); ok && h.Greeting != nil {
		if d, isCall, err := answerer.Answer(req, h.Greeting()); isCall {
			if err != nil {
				status, why := rejected(err)
				return status, why, none
			}
			return http.StatusOK, "", d
		}
	}
	arrival, err := a.Parse(req)
	if err != nil {
		status, why := rejected(err)
		return status, why, none
	}
	ctx, cancel := context.WithTimeout(r.Context(), AnswerWithin)
	defer cancel()
	if err := h.take(ctx, arrival); err != nil {
		return http.StatusServiceUnavailable, "not committed; try again", none
	}
	return http.StatusNoContent, "", none
}

func rejected(err error) (int, string) {
	var rej *channels.Rejected
	if errors.As(err, &rej) {
		return rej.HTTP, rej.Why
	}
	return http.StatusBadRequest, "not a webhook of this channel"
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
