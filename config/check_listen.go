package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

func (c *checker) listen() {
	l := c.cfg.Listen
	public, ok := c.hostPort("listen.public", l.Public)
	private, ok2 := c.hostPort("listen.private", l.Private)
	if ok && ok2 && public.meets(private) {
		c.report("listen.private", "must not be the public listener", shown(l.Private), "give it a port of its own; metrics must not be reachable from the street")
	}
	if ok2 && !isLoopback(private.host) && !l.PrivateExposed {
		c.report("listen.private", "must stay on this machine", shown(l.Private), "write 127.0.0.1:8081, or private_exposed: true when something in front of it keeps strangers out")
	}
	c.url("listen.public_url", l.PublicURL, isLoopback, "except on this machine")
	c.tls("listen.public_tls", l.PublicTLS)
	c.tls("listen.private_tls", l.PrivateTLS)
	if l.PrivateTLS != (TLS{}) && strings.HasPrefix(c.cfg.Console.URL, "http://") {
		c.report("console.url", "must be https where the private listener has a certificate", shown(c.cfg.Console.URL), "write https://")
	}
	c.console()
	if before, _, ok := strings.Cut(l.PublicURL+"/", hooksPath); ok {
		c.report("listen.public_url", "must end before "+hooksPath, shown(l.PublicURL), "write "+before+"; the gateway puts "+hooksPath+"CHANNEL/message behind it by itself, and tidegate doctor prints the whole address")
	}
}

// tls wants both files, or none.
func (c *checker) tls(path string, t TLS) {
	if (t.Certificate == "") != (t.Key == "") {
		c.report(path, "must name the certificate and its key", "one of them", "write both, as in {certificate: /etc/tidegate/fullchain.pem, key: /etc/tidegate/privkey.pem}")
	}
}

// console checks the address that staff open. Their pages stand at its root.
func (c *checker) console() {
	k := c.cfg.Console
	if k.URL != "" {
		c.url("console.url", k.URL, isLoopback, "except on this machine")
		if u, err := url.Parse(k.URL); err == nil && u.Path != "" && c.sound("console.url") {
			c.report("console.url", "must be a host of its own, without a path", shown(k.URL), "write "+u.Scheme+"://"+u.Host)
		}
	}
	if k.Idle > k.Session && c.sound("console.idle", "console.session") {
		c.report("console.idle", "must not be longer than the whole session", k.Idle.String(), "make it shorter than console.session, which is "+k.Session.String())
	}
	for lang, replies := range k.Replies {
		at := "console.replies." + string(lang)
		if !slices.Contains(c.cfg.Clinic.Languages, lang) {
			c.report(at, "must be one of the clinic's languages", string(lang), mistaken(lang, c.cfg.Clinic.Languages))
		}
		if len(replies) > MaxReplies {
			c.report(at, fmt.Sprintf("must list at most %d replies", MaxReplies), fmt.Sprint(len(replies)), "a nurse in a hurry finds none among more")
		}
	}
}

// MaxReplies is how many ready replies a language may have.
const MaxReplies = 12

// hooksPath is where the carrier's webhooks come in, below the public address.
const hooksPath = "/hooks/"

type hostPort struct{ host, port string }

// meets reports whether two listeners would want the same port. Port 0 is a
// free one each time.
func (h hostPort) meets(o hostPort) bool {
	wild := func(host string) bool { return host == "" || host == "0.0.0.0" || host == "::" }
	same := h.host == o.host || wild(h.host) || wild(o.host) || isLoopback(h.host) && isLoopback(o.host)
	return h.port == o.port && h.port != "0" && same
}

func (c *checker) hostPort(path, s string) (hostPort, bool) {
	host, port, err := net.SplitHostPort(s)
	if err == nil {
		n, perr := strconv.ParseUint(port, 10, 16)
		if perr == nil && strings.Trim(host, "[]") == host && !strings.ContainsAny(host, " /@") {
			return hostPort{host: host, port: strconv.FormatUint(n, 10)}, true
		}
	}
	c.report(path, "must be a host and a port", shown(s), "write it as in 127.0.0.1:8080")
	return hostPort{}, false
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// url checks an address that patient words travel to: it has to be encrypted,
// except where plain tells that nobody listens on the way.
func (c *checker) url(path, s string, plain func(host string) bool, except string) {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https":
		got := shown(s)
		if strings.Contains(s, "@") {
			got = "****"
		}
		c.report(path, "must be a whole address", got, "write it as in https://gw.example.org")
	case u.User != nil:
		c.report(path, "must not hold a user or password", "****", "take out what stands before the @, and change that password")
	case u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(s, "?#"):
		c.report(path, "must end with its path", "", "take out ? or # and what follows it")
	case u.Scheme == "http" && !plain(u.Hostname()):
		c.report(path, "must be https "+except, shown(s), "write https:// and give the host a certificate; patient words travel there")
	}
}
