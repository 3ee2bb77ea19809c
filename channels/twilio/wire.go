package twilio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/twilio/twilio-go/client"
	openapi "github.com/twilio/twilio-go/rest/api/v2010"

	"github.com/tidegate/tidegate/channels"
)

// Limits of the REST wire.
const (
	maxAnswerBytes  = 16 << 20 // a page of a thousand messages stays below
	maxRetryAfter   = time.Hour
	dialTimeout     = 5 * time.Second
	idleConnections = 100 // about as many as texts are sent at a time: a new one costs a handshake
	idleTimeout     = 30 * time.Second
)

var (
	errEnded     = errors.New("the caller stopped waiting")
	errConnect   = errors.New("could not connect")
	errLost      = errors.New("the connection broke before an answer")
	errUnclear   = errors.New("the answer does not parse")
	errAnswer    = errors.New("refused")
	errServer    = errors.New("the provider's server answered with a fault")
	errTooLarge  = errors.New("answer over the limit")
	errNoRequest = errors.New("the request could not be made")
)

func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSHandshakeTimeout:   dialTimeout,
		ForceAttemptHTTP2:     true,
		MaxIdleConnsPerHost:   idleConnections,
		IdleConnTimeout:       idleTimeout,
		ResponseHeaderTimeout: channels.SendTimeout,
	}
}

// call is one use of the REST API. twilio-go takes no context, builds its own
// https URL and loses status and headers of what it cannot decode; a call is
// the RoundTripper under it that brings the context, the base URL and the
// memory of what happened on the wire.
type call struct {
	ctx       context.Context //nolint:containedctx // a call lives for one exchange, as its context does.
	adapter   *Adapter
	asked     bool          // a request reached the RoundTripper
	traced    atomic.Bool   // the transport honors httptrace
	connected atomic.Bool   // a connection was had, so bytes may have left
	status    int           // of the last answer; 0 without one
	wait      time.Duration // its Retry-After
}

func (a *Adapter) newCall(ctx context.Context) *call { return &call{ctx: ctx, adapter: a} }

// api is twilio-go on top of this call. The handler is built by hand, because
// its constructor reads the environment.
func (c *call) api() *openapi.ApiService {
	rest := &client.Client{
		Credentials: client.NewCredentials(c.adapter.accountSID, c.adapter.token),
		HTTPClient: &http.Client{
			Transport:     c,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	rest.SetAccountSid(c.adapter.accountSID)
	return openapi.NewApiService(&client.RequestHandler{Client: rest})
}

// RoundTrip sends the request to the base URL, whatever host it names, so that
// credentials never follow a link the provider's answer holds.
func (c *call) RoundTrip(r *http.Request) (*http.Response, error) {
	c.asked = true
	ctx := httptrace.WithClientTrace(c.ctx, &httptrace.ClientTrace{
		GetConn: func(string) { c.traced.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { c.connected.Store(true) },
	})
	r = r.Clone(ctx)
	base := c.adapter.base
	r.URL.Scheme, r.URL.Host, r.Host = base.Scheme, base.Host, base.Host
	if base.Path != "" {
		r.URL.Path, r.URL.RawPath = base.Path+r.URL.Path, ""
	}
	resp, err := c.adapter.transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	c.status = resp.StatusCode
	c.wait = retryAfter(resp.Header.Get("Retry-After"), c.adapter.now)
	return whole(resp)
}

// whole reads the answer to its end, within the limit, so that a cut answer is
// a fault of the wire and the connection is given back in every case.
func whole(resp *http.Response) (*http.Response, error) {
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxAnswerBytes {
		return nil, errTooLarge
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// retryAfter reads seconds or an HTTP date (RFC 9110, 10.2.3).
func retryAfter(s string, now func() time.Time) time.Duration {
	var d time.Duration
	if n, err := strconv.Atoi(strings.TrimSpace(s)); err == nil {
		d = time.Duration(min(max(n, 0), int(maxRetryAfter/time.Second))) * time.Second
	} else if at, err := http.ParseTime(s); err == nil {
		d = at.Sub(now())
	}
	return min(max(d, 0), maxRetryAfter)
}

// fault turns what twilio-go returned into the one error a Sender has. Nothing
// of err's text is kept: it quotes URLs and numbers.
func (c *call) fault(err error) *channels.SendError {
	switch {
	case c.status == 0:
		return c.noAnswer(err)
	case c.status >= 500 || c.status == http.StatusRequestTimeout:
		return &channels.SendError{
			Kind: channels.FaultUnknown, Code: codeOf(err), HTTP: c.status, RetryAfter: c.wait, Hint: hintUnknown, Err: errServer,
		}
	case c.status >= 400:
		m := meaningOfAnswer(c.status, codeOf(err))
		return &channels.SendError{
			Kind: m.kind, Code: m.code, HTTP: c.status, Certain: true, RetryAfter: c.wait, Hint: m.hint, Err: errAnswer,
		}
	}
	return &channels.SendError{Kind: channels.FaultUnknown, HTTP: c.status, RetryAfter: c.wait, Hint: hintUnknown, Err: errUnclear}
}

func (c *call) noAnswer(err error) *channels.SendError {
	switch {
	case !c.asked:
		return &channels.SendError{Kind: channels.FaultConfiguration, Certain: true, Hint: hintRefused, Err: errNoRequest}
	case c.neverLeft(err):
		return &channels.SendError{Kind: channels.FaultTransient, Certain: true, Hint: hintConnect, Err: cause(errConnect, err)}
	}
	return &channels.SendError{Kind: channels.FaultUnknown, Hint: hintUnknown, Err: cause(errLost, err)}
}

// neverLeft reports whether no byte of the request can have left: a dial that
// did not succeed, or a transport that says it had no connection. In doubt it
// is false.
func (c *call) neverLeft(err error) bool {
	if c.connected.Load() {
		return false
	}
	var op *net.OpError
	return c.traced.Load() || (errors.As(err, &op) && op.Op == "dial")
}

// cause adds to what happened the little of err that cannot hold words or
// numbers.
func cause(what, err error) error {
	var errno syscall.Errno
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: %w", what, context.DeadlineExceeded)
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%w: %w", what, context.Canceled)
	case errors.As(err, &errno):
		return fmt.Errorf("%w: %w", what, errno)
	}
	return what
}

// codeOf is Twilio's error code in an answer, 0 when it gave none.
func codeOf(err error) int {
	var e *client.TwilioRestError
	if errors.As(err, &e) {
		return e.Code
	}
	return 0
}
