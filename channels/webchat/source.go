package webchat

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/netip"
	"strings"
)

// ipv6Network is what one customer of a provider gets at least: addresses within
// it cost nothing to change.
const ipv6Network = 64

const sourceBytes = 12

// sources names where requests come from.
type sources struct {
	key     []byte
	trusted []netip.Prefix // proxies whose X-Forwarded-For is believed
	direct  bool           // who is no such proxy comes by itself
}

// of is a keyed hash of the network a request comes from.
func (s sources) of(r *http.Request) string {
	network := "unknown"
	if ip, ok := s.client(r); ok {
		bits := 32
		if ip.Is6() {
			bits = ipv6Network
		}
		if p, err := ip.Prefix(bits); err == nil {
			network = p.String()
		}
	}
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte(network))
	return hex.EncodeToString(mac.Sum(nil)[:sourceBytes])
}

// client is the address of who sent the request: the last one of the chain that
// is no proxy of ours. What stands before it anybody may have written.
func (s sources) client(r *http.Request) (netip.Addr, bool) {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}, false
	}
	ip := at.Addr().Unmap().WithZone("")
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && s.trusts(ip); i-- {
		next, ok := hop(strings.TrimSpace(hops[i]))
		if !ok {
			break
		}
		ip = next
	}
	return ip, true
}

// Why the source of a chat cannot be seen. Under an https address a proxy stands in
// front, unless the gateway has a certificate of its own.
const (
	HiddenByProxy   = "the proxy passes no X-Forwarded-For"
	HiddenUntrusted = "the proxy is not listed under trusted_proxies"
)

// hidden says why a request that came through a proxy does not show where from; ""
// when it does.
func (s sources) hidden(r *http.Request) string {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	switch {
	case err != nil:
		return ""
	case !s.trusts(at.Addr().Unmap().WithZone("")):
		if s.direct {
			return ""
		}
		return HiddenUntrusted
	}
	if ip, ok := s.client(r); ok && ip == at.Addr().Unmap().WithZone("") {
		return HiddenByProxy
	}
	return ""
}

func (s sources) trusts(ip netip.Addr) bool {
	for _, p := range s.trusted {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

// hop reads an address as proxies write it, some of them with its port.
func hop(s string) (netip.Addr, bool) {
	if at, err := netip.ParseAddrPort(s); err == nil {
		return at.Addr().Unmap().WithZone(""), true
	}
	ip, err := netip.ParseAddr(strings.Trim(s, "[]"))
	return ip.Unmap().WithZone(""), err == nil
}
