package twilio

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/tidegate/tidegate/channels"
)

// Limits of fetching.
const (
	maxRedirects       = 3
	maxMediaHeader     = 64 << 10
	maxMediaAnswerTime = 30 * time.Second // until its first byte
)

// mediaForm is a file's path in the API. Our credentials go to no other: on the
// same host they would open everybody's messages.
var mediaForm = regexp.MustCompile(`^/2010-04-01/Accounts/AC[0-9a-fA-F]{32}/Messages/(SM|MM)[0-9A-Za-z]{1,126}/Media/[0-9A-Za-z]{1,128}$`)

var (
	errNoAddress  = errors.New("no address of the API that a file could have")
	errRedirect   = errors.New("it redirects where no file is fetched from")
	errRedirects  = errors.New("it redirects too often")
	errOwnNetwork = errors.New("its address is none of the public network")
)

const (
	hintMediaToken    = "Twilio refused the credentials for a file: check account_sid and auth_token."
	hintMediaRedirect = "Turn on HTTP Basic authentication for media in the Twilio console (Messaging settings): without it files lie on storage that anybody uses, and are not fetched from there."
	hintMediaNetwork  = "A name of Twilio's leads into a private network: check this machine's DNS."
)

var _ channels.Fetcher = (*Adapter)(nil)

// media is how files are fetched: over connections of its own, to the public
// network alone, and never through a proxy, which would look up names where we
// cannot see the answer.
type media struct {
	hosts     []string // where redirects may lead, beside the API itself
	public    *net.Dialer
	transport *http.Transport
}

// mediaHosts are where the API's redirects lead with HTTP Basic on
// (https://support.twilio.com/hc/en-us/articles/223183748): addresses that are
// signed, and valid for hours.
func mediaHosts() []string { return []string{"mms.twiliocdn.com", "media.twiliocdn.com"} }

func newMedia(base *url.URL) media {
	own := ""
	if isLoopback(base.Hostname()) { // a stand-in for the carrier
		own = net.JoinHostPort(base.Hostname(), cmp.Or(base.Port(), map[string]string{"http": "80", "https": "443"}[base.Scheme]))
	}
	public := &net.Dialer{Timeout: dialTimeout, ControlContext: publicOnly}
	return media{hosts: mediaHosts(), public: public, transport: &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if addr == own {
				return (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, network, addr)
			}
			return public.DialContext(ctx, network, addr)
		},
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, TLSHandshakeTimeout: dialTimeout, ForceAttemptHTTP2: true,
		ResponseHeaderTimeout: maxMediaAnswerTime, MaxResponseHeaderBytes: maxMediaHeader,
		DisableCompression:  true, // or a few bytes could unfold to any number
		MaxIdleConnsPerHost: idleConnections, IdleConnTimeout: idleTimeout,
	}}
}

// publicOnly refuses a connection by the address it is about to be made to: a
// name that was looked at before may lead elsewhere by now.
func publicOnly(_ context.Context, _, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !isPublic(at.Addr()) {
		return errOwnNetwork
	}
	return nil
}

// isPublic reports whether an address is of the public network, by the
// registries of special addresses (RFC 6890).
func isPublic(ip netip.Addr) bool {
	ip = ip.Unmap()
	special := []string{
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
		"192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
	}
	if ip.Is6() {
		if b := ip.As16(); netip.MustParsePrefix("64:ff9b::/96").Contains(ip) { // NAT64 (RFC 6052): who is behind it counts
			return isPublic(netip.AddrFrom4([4]byte(b[12:])))
		}
		if !netip.MustParsePrefix("2000::/3").Contains(ip) {
			return false
		}
		special = []string{"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"}
	}
	return ip.IsValid() && !slices.ContainsFunc(special, func(p string) bool { return netip.MustParsePrefix(p).Contains(ip) })
}

// Fetch gets one file of a text. It asks the API alone with our credentials,
// follows redirects to Twilio's storage without them, and never tries again.
func (a *Adapter) Fetch(ctx context.Context, m channels.Media) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, channels.FetchTimeout)
	defer cancel()
	at := a.mediaURL(m.URL)
	if at == nil {
		return nil, &channels.FetchError{Kind: channels.FetchAddress, Err: errNoAddress}
	}
	for range maxRedirects + 1 {
		body, next, err := a.fetchOnce(ctx, at)
		if err != nil || next == nil {
			return body, asError(err)
		}
		at = next
	}
	return nil, &channels.FetchError{Kind: channels.FetchAddress, Err: errRedirects}
}

// asError keeps a nil fault from becoming an error that is not nil.
func asError(fault *channels.FetchError) error {
	if fault == nil {
		return nil
	}
	return fault
}

// mediaURL is where a file is asked for: the API's own path of it, at the base
// URL. nil: the address is none of the API's.
func (a *Adapter) mediaURL(s string) *url.URL {
	u, err := url.Parse(s)
	if err != nil || u.User != nil || u.Fragment != "" || u.Opaque != "" {
		return nil
	}
	path := u.EscapedPath()
	switch {
	case sameOrigin(u, a.base):
		path = strings.TrimPrefix(path, a.base.Path)
	case u.Scheme+"://"+u.Host != DefaultBaseURL:
		return nil
	}
	if !mediaForm.MatchString(path) {
		return nil
	}
	return &url.URL{Scheme: a.base.Scheme, Host: a.base.Host, Path: a.base.Path + path, RawQuery: u.RawQuery}
}

func sameOrigin(x, y *url.URL) bool { return x.Scheme == y.Scheme && x.Host == y.Host }

// fetchOnce asks once: it returns the file, or where it is.
func (a *Adapter) fetchOnce(ctx context.Context, at *url.URL) ([]byte, *url.URL, *channels.FetchError) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, nil, &channels.FetchError{Kind: channels.FetchAddress, Err: errNoAddress}
	}
	if sameOrigin(at, a.base) && mediaForm.MatchString(strings.TrimPrefix(at.Path, a.base.Path)) {
		r.SetBasicAuth(a.accountSID, a.token)
	}
	resp, err := a.media.transport.RoundTrip(r) // not http.Client, which follows where it is told
	if err != nil {
		return nil, nil, lostFetch(err)
	}
	defer func() { _ = resp.Body.Close() }()
	switch resp.StatusCode {
	case http.StatusOK:
		body, fault := fileIn(resp)
		return body, nil, fault
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		next := a.redirect(at, resp.Header.Get("Location"))
		if next == nil {
			return nil, nil, &channels.FetchError{Kind: channels.FetchAddress, HTTP: resp.StatusCode, Hint: hintMediaRedirect, Err: errRedirect}
		}
		return nil, next, nil
	}
	return nil, nil, a.refusedFetch(resp)
}

// redirect is where an answer leads: on the same host, or to Twilio's storage;
// nil when that is anywhere else.
func (a *Adapter) redirect(from *url.URL, location string) *url.URL {
	to, err := from.Parse(location)
	if err != nil || location == "" || to.User != nil || to.Opaque != "" {
		return nil
	}
	to.Fragment = ""
	if sameOrigin(to, from) || to.Scheme == "https" && slices.Contains(a.media.hosts, to.Host) {
		return to
	}
	return nil
}

// fileIn reads a file to its end, within the limit.
func fileIn(resp *http.Response) ([]byte, *channels.FetchError) {
	tooLarge := &channels.FetchError{Kind: channels.FetchTooLarge, HTTP: resp.StatusCode, Err: fmt.Errorf("over %d bytes", channels.MaxFileBytes)}
	if resp.ContentLength > channels.MaxFileBytes {
		return nil, tooLarge
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, channels.MaxFileBytes+1))
	switch {
	case len(body) > channels.MaxFileBytes:
		return nil, tooLarge
	case err != nil:
		return nil, lostFetch(err)
	case len(body) == 0:
		return nil, &channels.FetchError{Kind: channels.FetchEmpty, HTTP: resp.StatusCode}
	}
	return body, nil
}

// lostFetch is a fetch without a whole answer. Of err's text nothing is kept: it
// quotes addresses.
func lostFetch(err error) *channels.FetchError {
	if errors.Is(err, errOwnNetwork) {
		return &channels.FetchError{Kind: channels.FetchAddress, Hint: hintMediaNetwork, Err: errOwnNetwork}
	}
	return &channels.FetchError{Kind: channels.FetchTransient, Err: cause(errLost, err)}
}

// refusedFetch is an answer that is no file.
func (a *Adapter) refusedFetch(resp *http.Response) *channels.FetchError {
	f := &channels.FetchError{Kind: channels.FetchRejected, HTTP: resp.StatusCode, RetryAfter: retryAfter(resp.Header.Get("Retry-After"), a.now), Err: errAnswer}
	switch code := resp.StatusCode; {
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		f.Kind, f.Hint = channels.FetchDenied, hintMediaToken
	case code == http.StatusNotFound:
		f.Kind = channels.FetchNotFound
	case code == http.StatusGone:
		f.Kind = channels.FetchGone
	case code == http.StatusTooManyRequests:
		f.Kind = channels.FetchRate
	case code >= 500, code == http.StatusRequestTimeout, code < 300:
		f.Kind, f.Err = channels.FetchTransient, errServer
	}
	return f
}
