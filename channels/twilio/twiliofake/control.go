package twiliofake

import (
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// Side is one side of the carrier's traffic.
type Side string

// The sides that can be paused.
const (
	SideHandset Side = "handset" // outbound messages stay queued; their validity runs on
	SideWebhook Side = "webhook" // inbound texts are kept from the clinic
)

// Pause stops or restarts one side of the traffic, or both when none is named.
type Pause struct {
	Paused bool `json:"paused"`
	Side   Side `json:"side,omitempty"`
}

// WebhookChange repoints a number's webhooks, or adds the number. An absent field leaves what there is.
type WebhookChange struct {
	Number           string  `json:"number"`
	URL              *string `json:"url,omitempty"`
	StatusCallback   *string `json:"status_callback,omitempty"`
	MessagingService *string `json:"messaging_service_sid,omitempty"`
}

// controlRoutes is the control plane: JSON in and out, bearer token, strict fields.
func (c *Carrier) controlRoutes(mux *http.ServeMux) {
	for pattern, handler := range map[string]http.HandlerFunc{
		"POST /_fake/text":                   command(c.doText),
		"POST /_fake/fault":                  command(c.doFault),
		"DELETE /_fake/fault":                c.clearFaults,
		"POST /_fake/hold":                   command(c.doHold),
		"POST /_fake/release":                command(c.doRelease),
		"GET /_fake/held":                    c.showHeld,
		"POST /_fake/webhook":                command(c.doWebhook),
		"POST /_fake/pause-delivery":         command(c.doPause),
		"GET /_fake/config":                  c.showConfig,
		"POST /_fake/config":                 c.doConfig,
		"GET /_fake/ledger":                  c.showLedger,
		"GET /_fake/phone/{number}/messages": c.showPhone,
		"GET /_fake/idle":                    c.showIdle,
	} {
		mux.HandleFunc(pattern, c.controlled(handler))
	}
}

// controlled lets only holders of the control token in.
func (c *Carrier) controlled(next http.HandlerFunc) http.HandlerFunc {
	want := []byte("Bearer " + c.opts.ControlToken)
	return func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), want) != 1 {
			writeJSON(w, http.StatusUnauthorized, controlError{"want the control token as a bearer token"})
			return
		}
		next(w, r)
	}
}

type controlError struct {
	Error string `json:"error"`
}

// command turns a function of a JSON value into a handler.
func command[In, Out any](do func(In) (Out, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in In
		if err := readControl(r, &in); err != nil {
			writeJSON(w, http.StatusBadRequest, controlError{err.Error()})
			return
		}
		out, err := do(in)
		if err != nil {
			writeJSON(w, controlStatus(err), controlError{err.Error()})
			return
		}
		writeJSON(w, http.StatusOK, out)
	}
}

func controlStatus(err error) int {
	switch {
	case errors.Is(err, errUnknownNumber):
		return http.StatusNotFound
	case errors.Is(err, errBusy):
		return http.StatusServiceUnavailable
	default:
		return http.StatusBadRequest
	}
}

// readControl reads one JSON value and nothing after it. An empty body leaves the value as it is.
func readControl(r *http.Request, into any) error {
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxControlBytes+1))
	if err != nil {
		return fmt.Errorf("read the request: %w", err)
	}
	if len(raw) > maxControlBytes {
		return fmt.Errorf("request longer than %d bytes", maxControlBytes)
	}
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("read the request: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("read the request: more than one JSON value")
	}
	return nil
}

type none struct{}

type textAnswer struct {
	SID string `json:"sid"`
}

func (c *Carrier) doText(t Text) (textAnswer, error) {
	sid, err := c.receive(t)
	return textAnswer{sid}, err
}

func (c *Carrier) doFault(f Fault) (none, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return none{}, c.arm(f)
}

func (c *Carrier) clearFaults(w http.ResponseWriter, _ *http.Request) {
	c.mu.Lock()
	c.faults = nil
	c.mu.Unlock()
	writeJSON(w, http.StatusOK, none{})
}

func (c *Carrier) doHold(h Hold) (none, error) {
	if err := h.validate(); err != nil {
		return none{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.holds) >= maxArmed {
		return none{}, fmt.Errorf("holds: at most %d rules", maxArmed)
	}
	c.holds = append(c.holds, &h)
	return none{}, nil
}

type releaseAnswer struct {
	Released int `json:"released"`
}

func (c *Carrier) doRelease(r Release) (releaseAnswer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	freed, err := c.release(r)
	return releaseAnswer{freed}, err
}

func (c *Carrier) doWebhook(change WebhookChange) (none, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.state.numbers[change.Number]
	for _, field := range []struct {
		from *string
		to   *string
	}{{change.URL, &n.SMSURL}, {change.StatusCallback, &n.StatusCallback}, {change.MessagingService, &n.MessagingService}} {
		if field.from != nil {
			*field.to = *field.from
		}
	}
	if err := n.validate(change.Number); err != nil {
		return none{}, err
	}
	if _, known := c.state.numbers[change.Number]; !known && len(c.state.numbers) >= maxNumbers {
		return none{}, fmt.Errorf("numbers: at most %d", maxNumbers)
	}
	return none{}, c.setNumber(change.Number, n)
}

func (c *Carrier) doPause(p Pause) (none, error) {
	if p.Side != "" && p.Side != SideHandset && p.Side != SideWebhook {
		return none{}, fmt.Errorf("side: want %s or %s, got %q", SideHandset, SideWebhook, p.Side)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, side := range []Side{SideHandset, SideWebhook} {
		if p.Side == "" || p.Side == side {
			c.paused[side] = p.Paused
		}
	}
	c.wake()
	return none{}, nil
}

func (c *Carrier) showConfig(w http.ResponseWriter, _ *http.Request) {
	c.mu.Lock()
	b := c.behavior
	c.mu.Unlock()
	writeJSON(w, http.StatusOK, b)
}

// doConfig changes the fields of the behavior that the request names, and answers with all of it. It holds for what begins from now on.
func (c *Carrier) doConfig(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	b := c.behavior
	c.mu.Unlock()
	err := readControl(r, &b)
	if err == nil {
		err = b.validate()
	}
	if err != nil {
		writeJSON(w, http.StatusBadRequest, controlError{err.Error()})
		return
	}
	c.mu.Lock()
	c.behavior = b
	c.wake()
	c.mu.Unlock()
	writeJSON(w, http.StatusOK, b)
}

type heldAnswer struct {
	Held []Held `json:"held"`
}

// showHeld waits until a request is held, if asked to wait, and lists all that are.
func (c *Carrier) showHeld(w http.ResponseWriter, r *http.Request) {
	answer := heldAnswer{Held: []Held{}}
	c.longPoll(w, r, &answer, func() bool {
		for _, h := range c.held {
			answer.Held = append(answer.Held, h.Held)
		}
		return len(answer.Held) > 0
	})
}

type ledgerAnswer struct {
	Entries []Entry `json:"entries"`
}

// showLedger lists the entries after a sequence number, if asked to wait, once there are any.
func (c *Carrier) showLedger(w http.ResponseWriter, r *http.Request) {
	since, err := sinceOf(r)
	if err != nil {
		writeJSON(w, http.StatusBadRequest, controlError{err.Error()})
		return
	}
	var answer ledgerAnswer
	c.longPoll(w, r, &answer, func() bool {
		answer.Entries = c.ledger.page(since, maxLedgerPage)
		return len(answer.Entries) > 0
	})
}

type phoneAnswer struct {
	Messages []HandsetMessage `json:"messages"`
}

// showPhone lists what a handset received after a sequence number, if asked to wait, once there is anything.
func (c *Carrier) showPhone(w http.ResponseWriter, r *http.Request) {
	since, err := sinceOf(r)
	number := r.PathValue("number")
	if err == nil && !validAddress(number) {
		err = fmt.Errorf("number %q: want E.164", number)
	}
	if err != nil {
		writeJSON(w, http.StatusBadRequest, controlError{err.Error()})
		return
	}
	var answer phoneAnswer
	c.longPoll(w, r, &answer, func() bool {
		answer.Messages = []HandsetMessage{}
		for _, m := range c.state.phones[number] {
			if m.Seq > since && len(answer.Messages) < maxPhonePage {
				answer.Messages = append(answer.Messages, m)
			}
		}
		return len(answer.Messages) > 0
	})
}

type idleAnswer struct {
	Idle    bool  `json:"idle"`
	Running int   `json:"running"`
	Seq     int64 `json:"seq"` // of the last entry
}

// showIdle waits until nothing is on its way in either direction: no message, no webhook, no callback, no held request.
func (c *Carrier) showIdle(w http.ResponseWriter, r *http.Request) {
	var answer idleAnswer
	c.longPoll(w, r, &answer, func() bool {
		answer = idleAnswer{Idle: c.running == 0 && len(c.held) == 0, Running: c.running, Seq: c.ledger.next() - 1}
		return answer.Idle
	})
}

// longPoll answers once a look under the lock finds something, or with what the last look left when the wait is over. A request that names no wait gets
// one look.
func (c *Carrier) longPoll(w http.ResponseWriter, r *http.Request, answer any, look func() bool) {
	patience := time.Duration(0)
	if raw := r.URL.Query().Get("wait"); raw != "" {
		var err error
		if patience, err = time.ParseDuration(raw); err != nil || patience < 0 {
			writeJSON(w, http.StatusBadRequest, controlError{"wait: want a duration such as 30s, got " + strconv.Quote(raw)})
			return
		}
	}
	ctx, cancel := context.WithTimeout(r.Context(), min(patience, maxWait))
	defer cancel()
	stop := context.AfterFunc(c.life, cancel)
	defer stop()
	c.await(ctx, look)
	writeJSON(w, http.StatusOK, answer)
}

func sinceOf(r *http.Request) (int64, error) {
	raw := r.URL.Query().Get("since")
	if raw == "" {
		return 0, nil
	}
	since, err := strconv.ParseInt(raw, 10, 64)
	if err != nil || since < 0 {
		return 0, fmt.Errorf("since: want a sequence number, got %q", raw)
	}
	return since, nil
}
