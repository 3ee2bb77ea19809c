package twiliofake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// hook is one delivery of a webhook: an inbound text, or a status callback.
type hook struct {
	kind     Kind
	sid      string
	target   string // as configured, with its fragment
	form     url.Values
	delivery int
	status   string
	portless bool // signed for the URL without its port
}

// entry completes an entry of the ledger about this delivery.
func (h hook) entry(e Entry) Entry {
	e.Kind, e.SID, e.URL, e.Delivery, e.Status = h.kind, h.sid, h.target, h.delivery, h.status
	e.From, e.To = h.form.Get("From"), h.form.Get("To")
	return e
}

// outcome is how an attempt ended.
type outcome struct {
	failure string // what a retry policy calls it: "", ct, rt, 4xx, 5xx, or other
	status  int
	code    int
	err     string
	body    string
	kind    string // content type of the answer
}

// ok reports whether the other side took the webhook.
func (o outcome) ok() bool { return o.failure == "" }

// call posts a webhook as Twilio does: once, and once more only if the connection failed, unless the URL's fragment asks for other than that.
func (c *Carrier) call(ctx context.Context, h hook) outcome {
	policy := c.retryPolicy(h.target)
	total, cancel := context.WithTimeout(ctx, policy.total)
	defer cancel()
	for attempt := 1; ; attempt++ {
		result, recorded := c.attempt(total, h, policy, attempt)
		if !recorded || result.ok() || attempt > policy.retries || !policy.repeats(result.failure) || total.Err() != nil {
			return result
		}
	}
}

// attempt makes one attempt between two entries of the ledger. It reports false when the ledger could not be written.
func (c *Carrier) attempt(ctx context.Context, h hook, p retryPolicy, n int) (outcome, bool) {
	select {
	case c.posts <- struct{}{}:
		defer func() { <-c.posts }()
	case <-ctx.Done():
		return outcome{failure: "other"}, false
	}
	if !c.note(h.entry(Entry{Phase: PhaseBegun, Attempt: n})) {
		return outcome{failure: "other"}, false
	}
	start := time.Now()
	result := c.exchange(ctx, h, p)
	took := time.Since(start).Milliseconds()
	if result.ok() && h.kind == KindWebhook {
		result.code, result.err = judgeReply(result)
	}
	recorded := c.note(h.entry(Entry{
		Phase: PhaseEnded, Attempt: n, HTTPStatus: result.status, ErrorCode: result.code, Error: result.err, Reply: result.body, TookMS: took,
	}))
	return result, recorded
}

// note writes an entry down and reports whether that worked.
func (c *Carrier) note(e Entry) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.record(e) == nil
}

// errReadTime ends an attempt whose answer takes too long.
var errReadTime = errors.New("no answer in time")

// exchange posts the form over a connection of its own. A kept-alive connection would blur what a failure means, and net/http repeats some requests
// on those by itself.
func (c *Carrier) exchange(ctx context.Context, h hook, p retryPolicy) outcome {
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	var connected atomic.Bool
	reading := time.AfterFunc(p.connect+p.read, func() { giveUp(errReadTime) })
	defer reading.Stop()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) {
		connected.Store(true)
		reading.Reset(p.read)
	}})

	request, err := http.NewRequestWithContext(ctx, http.MethodPost, signedURL(h.target, false), strings.NewReader(h.form.Encode()))
	if err != nil {
		return outcome{failure: "other", code: codeWebhookConnect, err: err.Error()}
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
	request.Header.Set("Accept", "*/*")
	request.Header.Set("User-Agent", "TwilioProxy/1.1")
	request.Header.Set("X-Twilio-Signature", signature(c.opts.AuthToken, signedURL(h.target, h.portless), h.form))
	request.Header.Set("I-Twilio-Idempotency-Token", fmt.Sprintf("%s-%d-%s", h.sid, h.delivery, h.status))

	transport := &http.Transport{
		DisableKeepAlives:   true,
		DialContext:         (&net.Dialer{Timeout: p.connect}).DialContext,
		TLSHandshakeTimeout: p.connect,
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return lost(ctx, connected.Load(), err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxReplyBytes+1))
	if err != nil {
		return lost(ctx, true, err)
	}
	return answered(response, body)
}

// lost names what happened to an attempt without an answer.
func lost(ctx context.Context, connected bool, err error) outcome {
	text := strings.ToValidUTF8(err.Error(), "?")
	switch {
	case !connected:
		return outcome{failure: "ct", code: codeWebhookConnect, err: "no connection: " + text}
	case ctx.Err() != nil:
		return outcome{failure: "rt", code: codeWebhookFailed, err: errReadTime.Error()}
	default:
		return outcome{failure: "other", code: codeWebhookBroken, err: "connection broken: " + text}
	}
}

// answered names what an answer means. A redirect counts as a failure: the carrier does not follow it.
func answered(response *http.Response, body []byte) outcome {
	o := outcome{status: response.StatusCode, kind: response.Header.Get("Content-Type"), body: strings.ToValidUTF8(string(body), "?")}
	switch {
	case len(body) > maxReplyBytes:
		o.body = o.body[:0]
		o.failure, o.code, o.err = "other", codeReplyTooLarge, fmt.Sprintf("answer longer than %d bytes", maxReplyBytes)
	case o.status >= 200 && o.status <= 299:
	case o.status >= 500:
		o.failure = "5xx"
	case o.status >= 400:
		o.failure = "4xx"
	default:
		o.failure = "other"
	}
	if o.failure != "" && o.code == 0 {
		o.code, o.err = codeWebhookFailed, "answered "+strconv.Itoa(o.status)
	}
	return o
}

// retryPolicy is how often and for what a webhook is tried again.
type retryPolicy struct {
	connect, read, total time.Duration
	retries              int
	on                   map[string]bool
}

func (p retryPolicy) repeats(failure string) bool { return p.on[failure] || p.on["all"] }

// retryPolicy reads the connection overrides of a URL's fragment (ct, rt, tt, rc, rp) over the defaults. Source: Twilio, "Webhooks: connection
// overrides". What is out of range there is passed over.
func (c *Carrier) retryPolicy(target string) retryPolicy {
	c.mu.Lock()
	b := c.behavior
	c.mu.Unlock()
	p := retryPolicy{
		connect: time.Duration(b.WebhookConnectTime), read: time.Duration(b.WebhookReadTime), total: time.Duration(b.WebhookTotalTime),
		retries: 1, on: map[string]bool{"ct": true},
	}
	_, fragment, found := strings.Cut(target, "#")
	if !found {
		return p
	}
	overrides, err := url.ParseQuery(fragment)
	if err != nil {
		return p
	}
	override(&p.connect, overrides.Get("ct"), 10*time.Second)
	override(&p.read, overrides.Get("rt"), 15*time.Second)
	override(&p.total, overrides.Get("tt"), 15*time.Second)
	if n, err := strconv.Atoi(overrides.Get("rc")); err == nil && n >= 0 && n <= 5 {
		p.retries = n
	}
	if causes := overrides.Get("rp"); causes != "" {
		p.on = map[string]bool{}
		for _, cause := range strings.Split(causes, ",") {
			p.on[cause] = true
		}
	}
	return p
}

func override(d *time.Duration, millis string, limit time.Duration) {
	n, err := strconv.Atoi(millis)
	if t := time.Duration(n) * time.Millisecond; err == nil && t >= 100*time.Millisecond && t <= limit {
		*d = t
	}
}
