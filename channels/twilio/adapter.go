package twilio

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/molt"
)

// DefaultBaseURL is Twilio's public API.
const DefaultBaseURL = "https://api.twilio.com"

// Options configure one Twilio channel.
type Options struct {
	ID                  string         // the channel's name in the configuration; part of its webhook URLs
	AccountSID          string         // AC and 32 hexadecimal digits
	AuthToken           string         // signs webhooks, authenticates REST calls
	SecondaryToken      string         // accepted on webhooks too while tokens rotate; may be empty
	PublicURL           string         // the gateway as the carrier reaches it: scheme, host, optional path prefix
	Numbers             []molt.Address // our own numbers, E.164, short codes or whatsapp:+…
	MessagingServiceSID string         // MG and 32 hexadecimal digits; may be empty
	CallTo              molt.Address   // the clinic's line, which a call is put through to; "": none
	BaseURL             string         // default DefaultBaseURL; plain http only on a loopback host

	// HTTP carries the REST calls, and never files; nil is a transport of the adapter's own.
	// One that is not an *http.Transport should honor net/http/httptrace: a
	// fault before the request left is certain only when it can be told.
	HTTP http.RoundTripper
	Now  func() time.Time // default time.Now; reads Retry-After dates
}

// Adapter is one configured Twilio channel. It holds no state that changes.
type Adapter struct {
	id, accountSID, serviceSID string
	token                      string
	keys                       [][]byte // webhook signing keys, primary first
	public                     publicURL
	base                       *url.URL
	callTo                     molt.Address
	numbers                    []molt.Address
	transport                  http.RoundTripper
	media                      media
	now                        func() time.Time
}

var (
	_ channels.Adapter  = (*Adapter)(nil)
	_ channels.Answerer = (*Adapter)(nil)
)

var (
	idForm      = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)
	accountForm = regexp.MustCompile(`^AC[0-9a-fA-F]{32}$`)
	lineForm    = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)
	serviceForm = regexp.MustCompile(`^MG[0-9a-fA-F]{32}$`)
	tokenForm   = regexp.MustCompile(`^[A-Za-z0-9]{1,128}$`)
	prefixForm  = regexp.MustCompile(`^(/[A-Za-z0-9._~-]+)*$`)
	hostForm    = regexp.MustCompile(`^[A-Za-z0-9.-]+(:[0-9]{1,5})?$`)
)

// New checks the options, all faults at once, and starts nothing. Its error is
// [channels.Faults].
func New(o Options) (*Adapter, error) {
	if faults := o.check(); len(faults) > 0 {
		return nil, faults
	}
	public, _ := parsePublicURL(o.PublicURL)
	base, _ := parseBaseURL(o.BaseURL)
	a := &Adapter{
		id: o.ID, accountSID: o.AccountSID, serviceSID: o.MessagingServiceSID,
		token: o.AuthToken, keys: [][]byte{[]byte(o.AuthToken)},
		public: public, base: base, callTo: o.CallTo, numbers: slices.Clone(o.Numbers),
		transport: o.HTTP, media: newMedia(base), now: o.Now,
	}
	if o.SecondaryToken != "" {
		a.keys = append(a.keys, []byte(o.SecondaryToken))
	}
	if a.transport == nil {
		a.transport = newTransport()
	}
	if a.now == nil {
		a.now = time.Now
	}
	return a, nil
}

// ID is the channel's name in the configuration.
func (a *Adapter) ID() string { return a.id }

// Accounts are our own numbers.
func (a *Adapter) Accounts() []molt.Address { return slices.Clone(a.numbers) }

// String names the channel. It exists so that printing an adapter by mistake
// shows no token.
func (a *Adapter) String() string { return "twilio channel " + a.id }

// Format prints the channel's name whatever the verb.
func (a *Adapter) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, a.String()) }

// String hides the secrets of options that are printed by mistake.
func (o Options) String() string { return "twilio options " + o.ID }

// Format prints the channel's name whatever the verb.
func (o Options) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, o.String()) }

// publicURL is the configured public URL, split so that the signature can be
// tried with and without its port.
type publicURL struct{ scheme, host, port, prefix string }

func parsePublicURL(s string) (publicURL, *channels.Fault) {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || !hostForm.MatchString(u.Host) ||
		u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(s, "?#") {
		return publicURL{}, &channels.Fault{Field: "public_url", Rule: "must be a scheme and a host, optionally a path", Hint: "write it as in https://gw.example.org, without user, query or fragment"}
	}
	prefix := strings.TrimRight(u.Path, "/")
	if !prefixForm.MatchString(prefix) {
		return publicURL{}, &channels.Fault{Field: "public_url", Rule: "must have a path of letters, digits, '.', '_', '~', '-' and single slashes"}
	}
	return publicURL{scheme: u.Scheme, host: u.Hostname(), port: u.Port(), prefix: prefix}, nil
}

// String is the URL as configured.
func (p publicURL) String() string {
	if p.port == "" {
		return p.withoutPort()
	}
	return p.withPort()
}

func (p publicURL) withoutPort() string { return p.scheme + "://" + p.host + p.prefix }

// withPort names the port even where it is the scheme's own, as Twilio's
// signer sometimes does.
func (p publicURL) withPort() string {
	port := p.port
	switch {
	case port != "":
	case p.scheme == "https":
		port = "443"
	default:
		port = "80"
	}
	return p.scheme + "://" + p.host + ":" + port + p.prefix
}

func parseBaseURL(s string) (*url.URL, *channels.Fault) {
	if s == "" {
		s = DefaultBaseURL
	}
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" ||
		u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, &channels.Fault{Field: "base_url", Rule: "must be a scheme and a host", Hint: "leave it out for " + DefaultBaseURL}
	}
	if u.Scheme == "http" && !isLoopback(u.Hostname()) {
		return nil, &channels.Fault{Field: "base_url", Rule: "must be https except on this machine", Hint: "the token travels with each call"}
	}
	u.Path = strings.TrimRight(u.Path, "/")
	return u, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}
