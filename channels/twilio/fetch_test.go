package twilio_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/channels/twilio"
)

const (
	mediaPath = "/2010-04-01/Accounts/" + accountSID + "/Messages/MM00000000000000000000000000000001/Media/ME1"
	storage   = "example.com" // a name on the certificate of a test's server
)

var photo = []byte("\xff\xd8\xff\xe0 a rash on the left arm")

// files is an API whose answer to a file a test gives, and the storage that its
// redirects may lead to. What each was asked is kept.
type files struct {
	t       *testing.T
	api     *httptest.Server
	storage *httptest.Server
	adapter *twilio.Adapter

	mu    sync.Mutex
	asked []string // by host: "api" or "storage", path, and user where there was one
}

func newFiles(t *testing.T, api, store http.HandlerFunc) *files {
	t.Helper()
	f := &files{t: t}
	serve := func(name string, h http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			line := name + " " + r.URL.Path
			if user, password, ok := r.BasicAuth(); ok {
				line += " " + user + ":" + password
			} else if r.Header.Get("Authorization") != "" {
				line += " " + r.Header.Get("Authorization")
			}
			f.mu.Lock()
			f.asked = append(f.asked, line)
			f.mu.Unlock()
			h(w, r)
		}
	}
	if store == nil {
		store = http.NotFound
	}
	f.api, f.storage = httptest.NewServer(serve("api", api)), httptest.NewTLSServer(serve("storage", store))
	t.Cleanup(func() { f.api.Close(); f.storage.Close() })
	f.adapter = f.adapterAt(f.api.URL)
	pool := x509.NewCertPool()
	pool.AddCert(f.storage.Certificate())
	twilio.LeadMedia(f.adapter, pool, func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, f.storage.Listener.Addr().String())
	}, storage)
	return f
}

func (f *files) adapterAt(base string) *twilio.Adapter {
	f.t.Helper()
	o := options()
	o.BaseURL = base
	a, err := twilio.New(o)
	if err != nil {
		f.t.Fatal(err)
	}
	return a
}

func (f *files) requests() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.asked, "\n")
}

// fetch asks for the file and wants a fault of that kind, or none.
func (f *files) fetch(ctx context.Context, at string, want channels.FetchFault) ([]byte, *channels.FetchError) {
	f.t.Helper()
	body, err := f.adapter.Fetch(ctx, channels.Media{URL: at, Type: "image/png"})
	if want == "" {
		if err != nil {
			f.t.Errorf("Fetch: %v", err)
		}
		return body, nil
	}
	fault, ok := err.(*channels.FetchError) //nolint:errorlint // The contract says the error is one, not that it wraps one.
	if !ok || fault.Kind != want || body != nil {
		f.t.Errorf("Fetch = %d bytes, %v; want a fault %s", len(body), err, want)
		return body, &channels.FetchError{}
	}
	for _, secret := range []string{"/Media/", accountSID, token, "127.0.0.1", storage} {
		if strings.Contains(err.Error(), secret) || strings.Contains(fault.Hint, secret) {
			f.t.Errorf("the fault tells %q: %v", secret, err)
		}
	}
	return body, fault
}

func gives(status int, body []byte, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = w.Write(body)
	}
}

func leads(to string) http.HandlerFunc {
	return gives(http.StatusTemporaryRedirect, nil, "Location", to)
}

// TestFetchOfAFile: from the API with credentials, from where it leads without.
func TestFetchOfAFile(t *testing.T) {
	basic := " " + accountSID + ":" + token
	for name, c := range map[string]struct {
		api, storage http.HandlerFunc
		asked        string
	}{
		"from the API": {gives(200, photo, "Content-Type", "text/html"), nil, "api " + mediaPath + basic},
		"elsewhere on the API's host": {func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == mediaPath {
				leads("/store/1?sig=x")(w, r)
				return
			}
			gives(200, photo)(w, r)
		}, nil, "api " + mediaPath + basic + "\napi /store/1"},
		"from the storage": {leads("https://" + storage + "/1?sig=x#f"), gives(200, photo), "api " + mediaPath + basic + "\nstorage /1"},
		"by two doors of the storage": {leads("https://" + storage + "/1"), func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/1" {
				leads("/2")(w, r)
				return
			}
			gives(200, photo)(w, r)
		}, "api " + mediaPath + basic + "\nstorage /1\nstorage /2"},
		"squeezed":           {gives(200, photo, "Content-Encoding", "gzip"), nil, "api " + mediaPath + basic},
		"as large as can be": {gives(200, append(bytes.Clone(photo), make([]byte, channels.MaxFileBytes-len(photo))...)), nil, "api " + mediaPath + basic},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFiles(t, c.api, c.storage)
			for _, at := range []string{f.api.URL + mediaPath, twilio.DefaultBaseURL + mediaPath} {
				f.asked = nil
				if body, _ := f.fetch(t.Context(), at, ""); !bytes.HasPrefix(body, photo) {
					t.Errorf("got %d bytes, want the photo", len(body))
				}
				if got := f.requests(); got != c.asked {
					t.Errorf("asked:\n%s\nwant:\n%s", got, c.asked)
				}
			}
		})
	}
}

// TestFetchAsksNowhereElse: addresses that are no file's of the API cost no
// request at all.
func TestFetchAsksNowhereElse(t *testing.T) {
	f := newFiles(t, gives(200, photo), gives(200, photo))
	host, _ := strings.CutPrefix(f.api.URL, "http://")
	for _, at := range []string{
		"", ":", "ftp://" + host + mediaPath, "https://" + host + mediaPath, "file://" + mediaPath, "//" + host + mediaPath, mediaPath,
		"http://api.twilio.com" + mediaPath, "https://api.twilio.com:444" + mediaPath, "https://api.twilio.com.evil.example" + mediaPath,
		"https://evil.example" + mediaPath, "https://user:pw@api.twilio.com" + mediaPath, "http://user@" + host + mediaPath, "http://evil.example@" + host + mediaPath,
		"http://" + host + mediaPath + "#x", "https://" + storage + "/1", "http://169.254.169.254" + mediaPath, "http://127.0.0.1:1" + mediaPath, "http://localhost" + host[strings.LastIndex(host, ":"):] + mediaPath,
		"http://" + host + "/2010-04-01/Accounts/" + accountSID + "/Messages.json", "http://" + host + mediaPath + ".json", "http://" + host + mediaPath + "/../../../../Messages.json",
		"http://" + host + strings.Replace(mediaPath, "/Media", "/%2e%2e/Media", 1), "http://" + host + strings.Replace(mediaPath, "Media/", "Media%2f", 1), "http://" + host + "/x" + mediaPath,
		"mailto:x@example.com", strings.Repeat("x", 5000),
	} {
		if _, fault := f.fetch(t.Context(), at, channels.FetchAddress); !fault.Kind.Final() {
			t.Errorf("%q is tried again", at)
		}
	}
	if got := f.requests(); got != "" {
		t.Errorf("asked:\n%s", got)
	}
}

// TestFetchIsLedNowhereElse: a redirect leads to the API's own host or to
// Twilio's storage, or nowhere.
func TestFetchIsLedNowhereElse(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("another host was asked") }))
	t.Cleanup(other.Close)
	for _, to := range []string{
		"http://169.254.169.254/latest/meta-data/", "https://169.254.169.254/", "http://[::1]/", other.URL, other.URL + mediaPath, "http://" + storage + "/1", "https://" + storage + ":8443/1",
		"https://" + storage + ".evil.example/1", "https://sub." + storage + "/1", "https://user:pw@" + storage + "/1", "//evil.example/1", "", "http://%zz", "file:///etc/passwd", "gopher://" + storage,
		"https://s3-external-1.amazonaws.com/bucket/1", "http://localhost:1/", "https:opaque",
	} {
		g := newFiles(t, leads(to), gives(200, photo))
		if _, fault := g.fetch(t.Context(), g.api.URL+mediaPath, channels.FetchAddress); fault.Hint == "" {
			t.Errorf("%q: no hint for the admin", to)
		}
		if got := g.requests(); strings.Contains(got, "storage") || strings.Count(got, "\n") > 0 {
			t.Errorf("led to %q it asked:\n%s", to, got)
		}
	}
	// The storage leads back to the API: our credentials are not to be had so.
	back := newFiles(t, leads("https://"+storage+"/1"), nil)
	back.storage.Config.Handler = leads(back.api.URL + mediaPath)
	back.fetch(t.Context(), back.api.URL+mediaPath, channels.FetchAddress)
	if got := back.requests(); strings.Count(got, "api ") != 1 {
		t.Errorf("asked:\n%s", got)
	}
	round := newFiles(t, leads(mediaPath), nil)
	round.fetch(t.Context(), round.api.URL+mediaPath, channels.FetchAddress)
	if n := strings.Count(round.requests(), "api "); n != 4 {
		t.Errorf("a round of redirects was asked %d times, want 4", n)
	}
}

// TestFetchOfWhatIsNoFile: hostile and broken answers, over real connections.
func TestFetchOfWhatIsNoFile(t *testing.T) {
	for name, c := range map[string]struct {
		api  http.HandlerFunc
		want channels.FetchFault
	}{
		"401":       {gives(401, photo), channels.FetchDenied},
		"403":       {gives(403, photo), channels.FetchDenied},
		"404":       {gives(404, photo), channels.FetchNotFound},
		"410":       {gives(410, photo), channels.FetchGone},
		"418":       {gives(418, photo), channels.FetchRejected},
		"429":       {gives(429, nil, "Retry-After", "7"), channels.FetchRate},
		"500":       {gives(500, photo), channels.FetchTransient},
		"206":       {gives(206, photo), channels.FetchTransient},
		"304":       {gives(304, nil), channels.FetchRejected},
		"no bytes":  {gives(200, nil), channels.FetchEmpty},
		"204":       {gives(204, nil), channels.FetchTransient},
		"one over":  {gives(200, make([]byte, channels.MaxFileBytes+1)), channels.FetchTooLarge},
		"endless":   {endless, channels.FetchTooLarge},
		"claims":    {gives(200, photo, "Content-Length", fmt.Sprint(channels.MaxFileBytes+1)), channels.FetchTooLarge},
		"cut short": {gives(200, photo, "Content-Length", "1000"), channels.FetchTransient},
		"breaks":    {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, channels.FetchTransient},
		"garbage":   {raw("\x00\x01 not HTTP\r\n\r\n"), channels.FetchTransient},
		"headers":   {raw("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: " + strings.Repeat("x", 1<<20) + "\r\n\r\nhello"), channels.FetchTransient},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFiles(t, c.api, nil)
			_, fault := f.fetch(t.Context(), f.api.URL+mediaPath, c.want)
			if c.want == channels.FetchRate && fault.RetryAfter != 7*time.Second {
				t.Errorf("retry after %v, want 7s", fault.RetryAfter)
			}
			if c.want == channels.FetchDenied && fault.Hint == "" {
				t.Error("no hint for the admin")
			}
			if n := strings.Count(f.requests(), "api "); n != 1 {
				t.Errorf("asked %d times, want once", n)
			}
		})
	}
}

// endless sends chunks until nobody takes them.
func endless(w http.ResponseWriter, r *http.Request) {
	for chunk := make([]byte, 64<<10); r.Context().Err() == nil; {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

// raw answers with bytes that no server of package http would send.
func raw(answer string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		_, _ = conn.Write([]byte(answer))
		_ = conn.Close()
	}
}

// TestFetchOfADrip: a file that never ends coming, a byte at a time, ends with
// its time.
func TestFetchOfADrip(t *testing.T) {
	began := make(chan struct{})
	f := newFiles(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write(photo[:1])
		_ = http.NewResponseController(w).Flush()
		close(began)
		<-r.Context().Done()
	}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { <-began; cancel() }()
	_, fault := f.fetch(ctx, f.api.URL+mediaPath, channels.FetchTransient)
	if !errors.Is(fault, context.Canceled) {
		t.Errorf("%v, want the context's end told", fault)
	}
}

// TestFetchDialsNoOwnNetwork: a name that may be led to, and that the DNS says
// is this very machine, is not connected to.
func TestFetchDialsNoOwnNetwork(t *testing.T) {
	accepted := make(chan struct{}, 10)
	trap, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = trap.Close() })
	go func() {
		for {
			c, err := trap.Accept()
			if err != nil {
				return
			}
			accepted <- struct{}{}
			_ = c.Close()
		}
	}()
	_, port, _ := net.SplitHostPort(trap.Addr().String())
	dns := resolver(t, [4]byte{127, 0, 0, 1})
	for _, host := range []string{"storage.example:" + port, "127.0.0.1:" + port, "localhost:" + port, "[::1]:" + port, "[::ffff:127.0.0.1]:" + port} {
		f := newFiles(t, leads("https://"+host+"/1"), nil)
		f.adapter = f.adapterAt(f.api.URL)
		twilio.ResolveMedia(f.adapter, dns, host)
		if _, fault := f.fetch(t.Context(), f.api.URL+mediaPath, channels.FetchAddress); fault.Hint == "" {
			t.Errorf("%s: no hint for the admin", host)
		}
	}
	// Where the API itself is said to be far away, not even it may be here.
	a := newFiles(t, nil, nil).adapterAt("https://api.example:" + port)
	twilio.ResolveMedia(a, dns)
	if _, err := a.Fetch(t.Context(), channels.Media{URL: "https://api.example:" + port + mediaPath}); !strings.Contains(fmt.Sprint(err), "public network") {
		t.Errorf("a base URL whose name leads here: %v", err)
	}
	select {
	case <-accepted:
		t.Error("a connection was made to this machine")
	default:
	}
}

// resolver asks a DNS server of this test, which knows one address for all names.
func resolver(t *testing.T, ip [4]byte) *net.Resolver {
	t.Helper()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	go func() {
		for buf := make([]byte, 512); ; {
			n, from, err := server.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			q := m.Questions[0]
			m.Header, m.Additionals = dnsmessage.Header{ID: m.ID, Response: true, RecursionAvailable: true}, nil
			if q.Type == dnsmessage.TypeA {
				m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class}, Body: &dnsmessage.AResource{A: ip}}}
			}
			if answer, err := m.Pack(); err == nil {
				_, _ = server.WriteTo(answer, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", server.LocalAddr().String())
	}}
}

func TestIsPublic(t *testing.T) {
	for ip, want := range map[string]bool{
		"54.172.60.1": true, "8.8.8.8": true, "2600:1f18::1": true, "::ffff:8.8.8.8": true, "64:ff9b::8.8.8.8": true, "172.15.0.1": true, "172.32.0.1": true, "100.63.0.1": true, "100.128.0.1": true,
		"0.0.0.0": false, "0.1.2.3": false, "10.0.0.1": false, "127.0.0.1": false, "127.9.9.9": false, "169.254.169.254": false, "172.16.0.1": false, "172.31.255.255": false, "192.168.1.1": false,
		"100.64.0.1": false, "192.0.0.8": false, "192.0.2.1": false, "198.18.0.1": false, "198.51.100.1": false, "203.0.113.9": false, "224.0.0.1": false, "255.255.255.255": false, "240.0.0.1": false,
		"::": false, "::1": false, "fe80::1": false, "fc00::1": false, "fd12::1": false, "ff02::1": false, "2001:db8::1": false, "2001::1": false, "2002:7f00:1::": false, "::ffff:127.0.0.1": false,
		"64:ff9b::10.0.0.1": false, "64:ff9b:1::1": false, "fec0::1": false, "::127.0.0.1": false,
	} {
		if got := twilio.IsPublic(netip.MustParseAddr(ip)); got != want {
			t.Errorf("%s: public %v, want %v", ip, got, want)
		}
	}
	if twilio.IsPublic(netip.Addr{}) {
		t.Error("no address is public")
	}
}

// FuzzFetch: whatever address a text names, nothing but the API's files is asked
// for, and nobody else gets our credentials.
func FuzzFetch(f *testing.F) {
	for _, s := range []string{mediaPath, "//evil.example" + mediaPath, "https://api.twilio.com" + mediaPath, "https://api.twilio.com\\@evil.example" + mediaPath, "https://api.twilio.com" + mediaPath + "?x=%00"} {
		f.Add(s)
	}
	var mu sync.Mutex
	bad := ""
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, err := url.Parse(r.RequestURI); err != nil || !strings.Contains(u.Path, "/Media/") || strings.Contains(r.RequestURI, "..") && !strings.Contains(u.RawQuery, "..") {
			mu.Lock()
			bad = r.RequestURI
			mu.Unlock()
		}
		_, _ = w.Write(photo)
	}))
	f.Cleanup(api.Close)
	o := options()
	o.BaseURL = api.URL
	a, err := twilio.New(o)
	if err != nil {
		f.Fatal(err)
	}
	twilio.LeadMedia(a, nil, func(context.Context, string, string) (net.Conn, error) {
		mu.Lock()
		bad = "another host"
		mu.Unlock()
		return nil, errors.New("refused")
	})
	f.Fuzz(func(t *testing.T, at string) {
		_, _ = a.Fetch(t.Context(), channels.Media{URL: at})
		mu.Lock()
		defer mu.Unlock()
		if bad != "" {
			t.Errorf("%q asked for %s", at, bad)
		}
	})
}
