// Package wire is how a model's server is spoken to over HTTP, whatever it
// speaks.
//
// It owns what no server is trusted with: how much is read of an answer, where a
// redirect leads, and the words of a failed connection, which must name no URL
// and repeat nothing that was sent. It must never retry by itself.
package wire

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// Limits of an exchange.
const (
	maxBodyBytes = 8 << 20 // of one response, its wrapping included
	firstWait    = 200 * time.Millisecond
	longestWait  = 2 * time.Second
)

// Client is an HTTP client for one server. A key is sent as a bearer token; a
// nil transport is one of its own.
func Client(key string, transport http.RoundTripper) *http.Client {
	if transport == nil {
		transport = &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute}
	}
	return &http.Client{
		Transport: &line{transport, key},
		// An answer comes from where it was asked, or not at all.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// line adds the key and bounds what is read.
type line struct {
	next http.RoundTripper
	key  string
}

// RoundTrip does both.
func (l *line) RoundTrip(r *http.Request) (*http.Response, error) {
	if l.key != "" {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+l.key)
	}
	resp, err := l.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = bounded{io.LimitReader(resp.Body, maxBodyBytes), resp.Body}
	return resp, nil
}

type bounded struct {
	io.Reader
	io.Closer
}

// Broken reports whether a call failed before or beside an answer, and in which
// words: the operating system's, which name an address and no more.
func Broken(err error) (words string, ok bool) {
	var op *net.OpError
	var other net.Error
	switch {
	case errors.As(err, &op):
		return op.Error(), true
	case errors.As(err, &other), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return "the connection broke", true
	}
	return "", false
}

// Patiently calls again while the server is busy, with growing pauses, until ctx
// ends. The last error is returned.
func Patiently(ctx context.Context, busy error, call func() error) error {
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		err := call()
		if !errors.Is(err, busy) {
			return err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return err
		}
	}
}
