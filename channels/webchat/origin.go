package webchat

import (
	"net"
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/net/publicsuffix"
)

func serialize(u *url.URL) string {
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port == "" || u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80" {
		return u.Scheme + "://" + host
	}
	return u.Scheme + "://" + net.JoinHostPort(u.Hostname(), port)
}

// isSecure reports whether nobody on the way can read what goes there.
func isSecure(origin string) bool {
	u, err := url.Parse(origin)
	return err == nil && (u.Scheme == "https" || isLoopback(u.Hostname()))
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// sameSite reports whether a browser takes two origins for one site, so that a
// cookie with SameSite=Strict travels between them.
func sameSite(a, b string) bool {
	x, err := url.Parse(a)
	if err != nil {
		return false
	}
	y, err := url.Parse(b)
	if err != nil || x.Scheme != y.Scheme {
		return false
	}
	site := func(host string) string {
		if d, err := publicsuffix.EffectiveTLDPlusOne(host); err == nil && net.ParseIP(host) == nil {
			return d
		}
		return host
	}
	return site(x.Hostname()) == site(y.Hostname())
}
