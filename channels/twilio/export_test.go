package twilio

import (
	"context"
	"crypto/x509"
	"net"
	"net/netip"

	"github.com/tidegate/tidegate/channels"
)

// FaultOf is the kind of fault an error code stands for.
func FaultOf(code int) channels.FaultKind { return meaningOf(code).kind }

// HintOf is the sentence an admin reads about an error code.
func HintOf(code int) string { return meaningOf(code).hint }

// LeadMedia lets redirects lead to hosts that have a certificate of pool, and
// connections to anywhere but the base URL be made by dial.
func LeadMedia(a *Adapter, pool *x509.CertPool, dial func(context.Context, string, string) (net.Conn, error), hosts ...string) {
	a.media.hosts = hosts
	a.media.transport.TLSClientConfig.RootCAs = pool
	own := a.media.transport.DialContext
	a.media.transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if addr == a.base.Host {
			return own(ctx, network, addr)
		}
		return dial(ctx, network, addr)
	}
}

// ResolveMedia lets redirects lead to hosts whose names r looks up.
func ResolveMedia(a *Adapter, r *net.Resolver, hosts ...string) {
	a.media.hosts, a.media.public.Resolver = hosts, r
}

// IsPublic reports whether files are fetched from an address.
func IsPublic(ip netip.Addr) bool { return isPublic(ip) }
