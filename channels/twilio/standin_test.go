package twilio_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/channels/channeltest"
	"github.com/tidegate/tidegate/channels/twilio"
	"github.com/tidegate/tidegate/molt"
)

const (
	accountSID = "AC0123456789abcdef0123456789abcdef"
	serviceSID = "MGfedcba9876543210fedcba9876543210"
	token      = "0123456789primarytoken0123456789"
	oldToken   = "0123456789formertoken0123456789"
	publicURL  = "https://gw.example.org/clinic"
	clinic     = molt.Address("+15550100100")
	patient    = molt.Address("+15550100177")
)

// standin is the least of a carrier that the tests of this package need: one
// account's messages over HTTP, and one way to answer sends.
type standin struct {
	t       *testing.T
	server  *httptest.Server
	adapter *twilio.Adapter

	mu       sync.Mutex
	answer   channeltest.Answer
	down     bool
	clock    molt.Time
	messages []record // oldest first
	sends    []channeltest.Send
	requests []*http.Request // with their forms parsed
	respond  func(w http.ResponseWriter, r *http.Request) bool
}

type record struct {
	sid, from, to, body, direction string
	created                        molt.Time
	media                          int
}

func options() twilio.Options {
	return twilio.Options{
		ID: "sms", AccountSID: accountSID, AuthToken: token, SecondaryToken: oldToken,
		PublicURL: publicURL, Numbers: []molt.Address{clinic},
	}
}

func newStandin(t *testing.T, change ...func(*twilio.Options)) *standin {
	t.Helper()
	s := &standin{t: t, clock: molt.TimeOf(time.Date(2027, 1, 15, 14, 2, 0, 0, time.UTC))}
	s.server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.server.Close)
	o := options()
	o.BaseURL = s.server.URL
	o.Now = func() time.Time { return s.Now().Std() }
	dial := &net.Dialer{}
	transport := &http.Transport{DialContext: dial.DialContext}
	t.Cleanup(transport.CloseIdleConnections)
	o.HTTP = roundTripper(func(r *http.Request) (*http.Response, error) {
		s.mu.Lock()
		down := s.down
		s.mu.Unlock()
		if down {
			return (&http.Transport{DialContext: refusedDial}).RoundTrip(r)
		}
		return transport.RoundTrip(r)
	})
	for _, c := range change {
		c(&o)
	}
	a, err := twilio.New(o)
	if err != nil {
		t.Fatal(err)
	}
	s.adapter = a
	return s
}

func refusedDial(_ context.Context, network, _ string) (net.Conn, error) {
	return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func (s *standin) Adapter() channels.Adapter { return s.adapter }

func (s *standin) Answer(a channeltest.Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer, s.down = a, a == channeltest.Down
}

func (s *standin) Sends() []channeltest.Send {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sends)
}

func (s *standin) Tick() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock = s.clock.Add(time.Second)
}

func (s *standin) Now() molt.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clock
}

func (s *standin) Text(from, to molt.Address, words molt.Words) channels.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.keep("SM", "inbound", from.Reveal(), to.Reveal(), words.Reveal())
	return webhook(channels.HookMessage, "", url.Values{
		"MessageSid": {r.sid}, "SmsSid": {r.sid}, "AccountSid": {accountSID}, "From": {r.from}, "To": {r.to},
		"Body": {r.body}, "NumMedia": {"0"}, "NumSegments": {"1"}, "SmsStatus": {"received"}, "ApiVersion": {"2010-04-01"},
	})
}

func (s *standin) Report(send channeltest.Send) channels.Request {
	u, err := url.Parse(send.Callback)
	if err != nil {
		s.t.Fatal(err)
	}
	return webhook(channels.HookStatus, u.RawQuery, url.Values{
		"MessageSid": {send.ProviderID}, "SmsSid": {send.ProviderID}, "MessageStatus": {"delivered"}, "SmsStatus": {"delivered"},
		"AccountSid": {accountSID}, "From": {send.From}, "To": {send.To},
	})
}

// webhook is a form as the carrier posts it, signed with code of its own.
func webhook(hook channels.Hook, query string, form url.Values) channels.Request {
	uri := "/clinic/hooks/sms/" + string(hook)
	if query != "" {
		uri += "?" + query
	}
	q, _ := url.ParseQuery(query)
	return channels.Request{
		Hook: hook, RawURI: uri, Query: q, Body: []byte(form.Encode()),
		Header: http.Header{
			"Content-Type":       {"application/x-www-form-urlencoded; charset=UTF-8"},
			"X-Twilio-Signature": {signFor(token, "https://gw.example.org"+uri, form)},
			"X-Forwarded-Host":   {"evil.example.com"},
		},
	}
}

func signFor(key, target string, form url.Values) string {
	mac := hmac.New(sha1.New, []byte(key))
	mac.Write([]byte(target))
	var names []string
	for n := range form {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		mac.Write([]byte(n + form.Get(n)))
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func (s *standin) keep(prefix, direction, from, to, body string) record {
	r := record{sid: fmt.Sprintf("%s%032x", prefix, len(s.messages)+1), from: from, to: to, body: body, direction: direction, created: s.clock}
	s.messages = append(s.messages, r)
	return r
}

func (s *standin) serve(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	s.mu.Lock()
	s.requests = append(s.requests, r)
	respond, answer := s.respond, s.answer
	s.mu.Unlock()
	user, password, _ := r.BasicAuth()
	switch base := "/2010-04-01/Accounts/" + accountSID + "/Messages"; {
	case respond != nil && respond(w, r):
	case user != accountSID || password != token:
		refuse(w, 401, 20003, "Authenticate")
	case r.Method == http.MethodPost && r.URL.Path == base+".json":
		s.create(w, r, answer)
	case r.Method == http.MethodGet && r.URL.Path == base+".json":
		s.list(w, r)
	case r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/Media.json"):
		writeJSON(w, 200, map[string]any{"media_list": []any{map[string]any{"sid": "ME1", "content_type": "image/jpeg"}}})
	default:
		refuse(w, 404, 20404, "not found")
	}
}

func (s *standin) create(w http.ResponseWriter, r *http.Request, answer channeltest.Answer) {
	f := r.PostForm
	send := channeltest.Send{From: f.Get("From"), To: f.Get("To"), Words: f.Get("Body"), Callback: f.Get("StatusCallback")}
	var kept record
	s.mu.Lock()
	if answer == channeltest.Takes || answer == channeltest.Loses || answer == channeltest.Garbles || answer == channeltest.Breaks {
		kept = s.keep("SM", "outbound-api", send.From, send.To, send.Words)
		send.ProviderID = kept.sid
	}
	s.sends = append(s.sends, send)
	s.mu.Unlock()
	switch answer {
	case channeltest.Loses:
		panic(http.ErrAbortHandler)
	case channeltest.Garbles:
		w.WriteHeader(201)
		_, _ = w.Write([]byte(`{"sid": "SM`))
	case channeltest.Breaks:
		refuse(w, 500, 20500, "An internal server error has occurred")
	case channeltest.Hangs:
		<-r.Context().Done()
	case channeltest.Limits:
		w.Header().Set("Retry-After", "7")
		refuse(w, 429, 20429, "Too Many Requests")
	case channeltest.Refuses:
		refuse(w, 400, 21610, "Attempt to send "+send.Words+" to unsubscribed recipient "+send.To+" from "+send.From)
	default:
		writeJSON(w, 201, resource(kept))
	}
}

func (s *standin) list(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	size, _ := strconv.Atoi(q.Get("PageSize"))
	page, _ := strconv.Atoi(q.Get("Page"))
	after, _ := time.Parse(time.RFC3339, q.Get("DateSent>"))
	before, _ := time.Parse(time.RFC3339, q.Get("DateSent<"))
	// A token stands for the last message of the page before.
	token, last, on := strings.TrimPrefix(q.Get("PageToken"), "PA"), "", false
	found := []any{}
	s.mu.Lock()
	for _, m := range slices.Backward(s.messages) {
		if token != "" {
			if m.sid == token {
				token = ""
			}
			continue
		}
		if (q.Get("To") == "" || q.Get("To") == m.to) && (q.Get("From") == "" || q.Get("From") == m.from) &&
			(after.IsZero() || !m.created.Std().Before(after)) && (before.IsZero() || !m.created.Std().After(before)) {
			if on = len(found) == size; on {
				break
			}
			found, last = append(found, resource(m)), m.sid
		}
	}
	s.mu.Unlock()
	if token != "" {
		refuse(w, 400, 20001, "the page token is none")
		return
	}
	answer := map[string]any{"page": page, "page_size": size, "messages": found}
	if on {
		q.Set("Page", strconv.Itoa(page+1))
		q.Set("PageToken", "PA"+last)
		answer["next_page_uri"] = r.URL.Path + "?" + q.Encode()
	}
	writeJSON(w, 200, answer)
}

func resource(m record) map[string]any {
	status := "queued"
	if m.direction == "inbound" {
		status = "received"
	}
	date := m.created.Std().Format("Mon, 02 Jan 2006 15:04:05 +0000")
	return map[string]any{
		"sid": m.sid, "from": m.from, "to": m.to, "body": m.body, "direction": m.direction, "status": status, "account_sid": accountSID,
		"date_created": date, "date_sent": date, "num_media": strconv.Itoa(m.media), "num_segments": "1", "error_code": nil,
	}
}

func refuse(w http.ResponseWriter, status, code int, message string) {
	writeJSON(w, status, map[string]any{"code": code, "message": message, "status": status})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	var b bytes.Buffer
	_ = json.NewEncoder(&b).Encode(v)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}
