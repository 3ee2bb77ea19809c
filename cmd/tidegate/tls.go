package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/tidegate/tidegate/config"
)

// lookEvery is how often at most the files of a certificate are looked at: by the
// first handshake after it.
const lookEvery = 10 * time.Second

// certificate is what a listener shows, read from its files. A renewed one is taken
// with the next handshake; one that cannot be read leaves the last in force.
type certificate struct {
	cert, key string
	now       func() time.Time
	log       zerolog.Logger

	mu      sync.Mutex
	inForce *tls.Certificate
	files   [2]stamp // as they were when it was read, or tried
	looked  time.Time
}

// stamp tells one content of a file from the next.
type stamp struct {
	at   time.Time
	size int64
}

// openCertificate reads a certificate that has to be there.
func openCertificate(cfg *config.Config, t config.TLS, now func() time.Time, log zerolog.Logger) (*certificate, error) {
	c := &certificate{cert: cfg.Path(t.Certificate), key: cfg.Path(t.Key), now: now, log: log}
	files := c.stamps() // before they are read: what is renewed meanwhile is read again
	pair, err := readCertificate(c.cert, c.key, now())
	if err != nil {
		return nil, err
	}
	c.inForce, c.files, c.looked = pair, files, now()
	return c, nil
}

// readCertificate reads a pair that can be shown now.
func readCertificate(cert, key string, now time.Time) (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(cert, key)
	switch {
	case err != nil:
		return nil, err
	case pair.Leaf == nil:
		return nil, errors.New("no certificate is in it")
	case now.After(pair.Leaf.NotAfter):
		return nil, fmt.Errorf("it ended on %s", pair.Leaf.NotAfter.Format(time.DateOnly))
	case now.Before(pair.Leaf.NotBefore):
		return nil, fmt.Errorf("it begins on %s", pair.Leaf.NotBefore.UTC().Format(time.RFC3339))
	}
	return &pair, nil
}

func (c *certificate) stamps() (out [2]stamp) {
	for i, path := range []string{c.cert, c.key} {
		if info, err := os.Stat(path); err == nil {
			out[i] = stamp{info.ModTime(), info.Size()}
		}
	}
	return out
}

// get is the certificate in force, read anew where its files have changed.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if now.Sub(c.looked) < lookEvery {
		return c.inForce, nil
	}
	c.looked = now
	files := c.stamps()
	if files == c.files {
		return c.inForce, nil
	}
	c.files = files
	pair, err := readCertificate(c.cert, c.key, now)
	if err != nil {
		c.log.Error().Err(err).Str("file", c.cert).Msg("the renewed certificate is not taken; the last one stays")
		c.files = [2]stamp{} // its other half may be on its way
		return c.inForce, nil
	}
	c.inForce = pair
	c.log.Info().Time("ends", pair.Leaf.NotAfter).Str("file", c.cert).Msg("certificate read anew")
	return pair, nil
}

// ends is when the certificate in force ends.
func (c *certificate) ends() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.inForce.Leaf.NotAfter
}

// originOf is how a listener is addressed.
func originOf(t config.TLS, addr string) string {
	if t != (config.TLS{}) {
		return "https://" + addr
	}
	return "http://" + addr
}

// secured puts each listener behind its certificate, where it has one, and says
// which are shown.
func secured(cfg *config.Config, public, private net.Listener, log zerolog.Logger) (net.Listener, net.Listener, map[string]*certificate, error) {
	shown := map[string]*certificate{}
	one := func(name string, t config.TLS, l net.Listener) (net.Listener, error) {
		if t == (config.TLS{}) {
			return l, nil
		}
		c, err := openCertificate(cfg, t, time.Now, log)
		if err != nil {
			return nil, fmt.Errorf("listen.%s_tls: %w", name, err)
		}
		shown[name] = c
		return tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get, NextProtos: []string{"http/1.1"}}), nil
	}
	pub, err := one("public", cfg.Listen.PublicTLS, public)
	if err == nil {
		var priv net.Listener
		if priv, err = one("private", cfg.Listen.PrivateTLS, private); err == nil {
			return pub, priv, shown, nil
		}
	}
	return nil, nil, nil, errors.Join(err, public.Close(), private.Close())
}

// tlsFaults is what the files of certificates say.
func tlsFaults(c *config.Config) []config.Fault {
	var out []config.Fault
	for field, t := range map[string]config.TLS{"listen.public_tls": c.Listen.PublicTLS, "listen.private_tls": c.Listen.PrivateTLS} {
		if t.Certificate == "" || t.Key == "" {
			continue // none, or the configuration's own check says which is missing
		}
		if _, err := readCertificate(c.Path(t.Certificate), c.Path(t.Key), time.Now()); err != nil {
			out = append(out, c.Fault(field, "must name a certificate that can be shown, and its key", err.Error(), "with it no browser and no carrier would connect; renew it, or take the lines out"))
		}
	}
	return out
}

// endsSoon is when a certificate is about to end, so that somebody must look.
const endsSoon = 14 * 24 * time.Hour

// certificates tells when those of the listeners end.
func (x *examination) certificates(cfg *config.Config, now time.Time) {
	for _, l := range []struct {
		what string
		t    config.TLS
	}{{"listen.public_tls", cfg.Listen.PublicTLS}, {"listen.private_tls", cfg.Listen.PrivateTLS}} {
		if l.t == (config.TLS{}) {
			continue
		}
		pair, err := readCertificate(cfg.Path(l.t.Certificate), cfg.Path(l.t.Key), now)
		switch {
		case err != nil:
			x.fail(l.what, "renew it: nobody can connect without", "%v", err)
		case pair.Leaf.NotAfter.Sub(now) < endsSoon:
			x.warn(l.what, "renew it; the daemon reads the new files by itself", "it ends on %s", pair.Leaf.NotAfter.Format(time.DateOnly))
		default:
			x.ok(l.what, "for %s until %s", namesOf(pair.Leaf), pair.Leaf.NotAfter.Format(time.DateOnly))
		}
	}
}

func namesOf(leaf *x509.Certificate) string {
	if len(leaf.DNSNames) > 0 {
		return leaf.DNSNames[0]
	}
	return leaf.Subject.CommonName
}
