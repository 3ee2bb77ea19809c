package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/tidegate/tidegate/config"
)

// newCertificate makes a certificate for a name and 127.0.0.1, and its key.
func newCertificate(name string, ends time.Time) (cert, key []byte, leaf *x509.Certificate, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, nil, err
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: ends.Add(-365 * 24 * time.Hour), NotAfter: ends, BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, private.Public(), private)
	if err != nil {
		return nil, nil, nil, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, nil, err
	}
	leaf, err = x509.ParseCertificate(der)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), leaf, err
}

// shown writes a certificate and its key, and returns what trusts it.
func shown(t *testing.T, dir, name string, ends time.Time) *x509.CertPool {
	t.Helper()
	cert, key, leaf, err := newCertificate(name, ends)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "cert.pem"), cert)
	write(t, filepath.Join(dir, "key.pem"), key)
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return pool
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestCertificates: a listener shows what its files hold, a renewed pair without a
// restart, and the last good one while what lies there cannot be shown.
func TestCertificates(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	clock := now
	first := shown(t, dir, "first.example", now.Add(24*time.Hour))
	var log bytes.Buffer
	c, err := openCertificate(&config.Config{}, config.TLS{Certificate: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}, func() time.Time { return clock }, zerolog.New(&log))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }), ReadHeaderTimeout: patience}
	go func() {
		_ = s.Serve(tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get}))
	}() // ends with Close
	defer s.Close()
	reaches := func(pool *x509.CertPool) error {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}
		resp, err := client.Get("https://" + l.Addr().String())
		if err == nil {
			_ = resp.Body.Close()
		}
		return err
	}
	if err := reaches(first); err != nil {
		t.Fatalf("the first certificate: %v", err)
	}
	later := func(d time.Duration) { clock = clock.Add(d) }
	write(t, filepath.Join(dir, "cert.pem"), []byte("half a file"))
	later(lookEvery + time.Second)
	if err := reaches(first); err != nil {
		t.Errorf("a torn file took the certificate away: %v", err)
	}
	if !strings.Contains(log.String(), "is not taken") {
		t.Errorf("the log does not tell: %s", log.String())
	}
	second := shown(t, dir, "second.example", now.Add(24*time.Hour))
	later(lookEvery + time.Second)
	if err := reaches(second); err != nil {
		t.Errorf("the renewed certificate: %v", err)
	}
	if reaches(first) == nil {
		t.Error("the old certificate is shown still")
	}
	shown(t, dir, "ended.example", now.Add(-time.Hour))
	later(lookEvery + time.Second)
	if err := reaches(second); err != nil {
		t.Errorf("a certificate that has ended took the last one away: %v", err)
	}
	shown(t, dir, "tomorrow.example", now.Add(366*24*time.Hour))
	later(lookEvery + time.Second)
	if err := reaches(second); err != nil {
		t.Errorf("a certificate that begins tomorrow took the last one away: %v", err)
	}
}
