package webchat

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/tidegate/tidegate/channels"
)

// Section is the channel's part of the configuration file.
type Section struct {
	Origins           []string `json:"origins"                       yaml:"origins" need:"list the sites that may show the chat, as in [\"https://www.clinic.example\"]" range:"1..50"`
	Title             string   `json:"title,omitempty"               yaml:"title,omitempty" range:"0..60"`
	SessionsPerHour   int      `json:"sessions_per_hour,omitempty"   yaml:"sessions_per_hour,omitempty" range:"1..100000"`
	MessagesPerMinute int      `json:"messages_per_minute,omitempty" yaml:"messages_per_minute,omitempty" range:"1..600"`
	MessageLength     int      `json:"message_length,omitempty"      yaml:"message_length,omitempty" range:"100..4000"`
	FilesPerHour      int      `json:"files_per_hour,omitempty"      yaml:"files_per_hour,omitempty" range:"0..1000"`
	SocketsPerSource  int      `json:"sockets_per_source,omitempty"  yaml:"sockets_per_source,omitempty" range:"1..10000"`
	Sockets           int      `json:"sockets,omitempty"             yaml:"sockets,omitempty" range:"1..3000"`
	TrustedProxies    []string `json:"trusted_proxies,omitempty"     yaml:"trusted_proxies,omitempty" range:"0..100"`
}

// Default holds the limits of a section that names none. A source is one IPv4
// address or one IPv6 /64: a household, or everybody behind a hospital's own
// network, which is why it is not stricter.
func Default() Section {
	return Section{
		SessionsPerHour: 30, MessagesPerMinute: 30, MessageLength: 2000, FilesPerHour: 30, SocketsPerSource: 40, Sockets: 1500,
		TrustedProxies: []string{"127.0.0.0/8", "::1/128"}, // who can reach us from this machine could say anything anyway
	}
}

// Check says what is wrong with origins and proxies; the rest is in range by its
// tags.
func (s Section) Check() (faults channels.Faults) {
	for i, o := range s.Origins {
		field := fmt.Sprintf("origins[%d]", i)
		switch norm, ok := originOf(o); {
		case !ok:
			faults = append(faults, channels.Fault{Field: field, Rule: "must be an origin", Got: o, Hint: "write scheme and host alone, as in https://www.clinic.example"})
		case norm != o:
			faults = append(faults, channels.Fault{Field: field, Rule: "must be written as browsers send it", Got: o, Hint: "write " + norm})
		case !isSecure(o):
			faults = append(faults, channels.Fault{Field: field, Rule: "must be https except on this machine", Got: o, Hint: "write https://; patient words travel there"})
		case slices.Contains(s.Origins[:i], o):
			faults = append(faults, channels.Fault{Field: field, Rule: "must not be said twice", Got: o, Hint: "take it out"})
		}
	}
	for i, p := range s.TrustedProxies {
		if _, ok := network(p); !ok {
			faults = append(faults, channels.Fault{Field: fmt.Sprintf("trusted_proxies[%d]", i), Rule: "must be an address or a network", Got: p, Hint: "write it as in 10.0.0.5 or 10.0.0.0/24"})
		}
	}
	return faults
}

// network reads one address, or many in CIDR form.
func network(s string) (netip.Prefix, bool) {
	if ip, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(ip, ip.BitLen()), true
	}
	p, err := netip.ParsePrefix(s)
	return p, err == nil
}

// originOf reads an origin and writes it as RFC 6454, 6.1 does: lower case, no
// default port, no path.
func originOf(s string) (string, bool) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil ||
		u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return "", false
	}
	return serialize(u), true
}

// Settings are what an operator puts into the clinic's site.
type Settings struct {
	Script string // the tag
	Page   string // the chat's own page; "" where its origin is not listed
}

// Settings returns what belongs into the site.
func (a *Adapter) Settings() Settings {
	at := strings.TrimRight(a.o.PublicURL, "/") + a.Path()
	s := Settings{Script: `<script src="` + at + `widget.js" defer></script>`}
	if slices.Contains(a.o.Origins, a.origin) {
		s.Page = at
	}
	return s
}
