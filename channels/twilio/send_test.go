package twilio_test

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/channels/channeltest"
	"github.com/tidegate/tidegate/channels/twilio"
	"github.com/tidegate/tidegate/molt"
)

func text(change ...func(*channels.Outbound)) channels.Outbound {
	o := channels.Outbound{
		Conversation: "c_ab12", Item: "i 7&1=%", Attempt: 3, Account: clinic, Peer: patient,
		Words: "Su cita: mañana a las 9 & \"911\" 😀", Class: channels.ClassNurse,
	}
	for _, c := range change {
		c(&o)
	}
	return o
}

func TestSendForm(t *testing.T) {
	validity := func(d time.Duration) func(*channels.Outbound) {
		return func(o *channels.Outbound) { o.Validity = d }
	}
	for _, c := range []struct {
		name    string
		options func(*twilio.Options)
		o       channels.Outbound
		want    url.Values // beside To, From, Body and StatusCallback
	}{
		{"plain", nil, text(), url.Values{}},
		{"a messaging service keeps the sender", func(o *twilio.Options) { o.MessagingServiceSID = serviceSID }, text(), url.Values{"MessagingServiceSid": {serviceSID}}},
		{"validity in whole seconds", nil, text(validity(90*time.Second + 999*time.Millisecond)), url.Values{"ValidityPeriod": {"90"}}},
		{"at least one", nil, text(validity(time.Millisecond)), url.Values{"ValidityPeriod": {"1"}}},
		{"at most ten hours", nil, text(validity(48 * time.Hour)), url.Values{"ValidityPeriod": {"36000"}}},
	} {
		var change []func(*twilio.Options)
		if c.options != nil {
			change = append(change, c.options)
		}
		s := newStandin(t, change...)
		if _, err := s.adapter.Send(t.Context(), c.o); err != nil {
			t.Errorf("%s: Send: %v", c.name, err)
			continue
		}
		c.want.Set("To", c.o.Peer.Reveal())
		c.want.Set("From", c.o.Account.Reveal())
		c.want.Set("Body", c.o.Words.Reveal())
		c.want.Set("StatusCallback", "https://gw.example.org/clinic/hooks/sms/status?c=c_ab12&m=i+7%261%3D%25&n=3")
		if diff := cmp.Diff(c.want, s.requests[0].PostForm); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestSendRefusesWhatCannotLeave(t *testing.T) {
	s := newStandin(t)
	for _, c := range []struct {
		name   string
		change func(*channels.Outbound)
		kind   channels.FaultKind
	}{
		{"nobody", func(o *channels.Outbound) { o.Peer = "" }, channels.FaultRecipient},
		{"a name", func(o *channels.Outbound) { o.Peer = "Grandma" }, channels.FaultRecipient},
		{"no sender", func(o *channels.Outbound) { o.Account = "web-1" }, channels.FaultConfiguration},
		{"no words", func(o *channels.Outbound) { o.Words = "" }, channels.FaultRejected},
		{"1,601 letters", func(o *channels.Outbound) { o.Words = molt.Words(strings.Repeat("x", 1601)) }, channels.FaultTooLong},
		{"eleven segments", func(o *channels.Outbound) { o.Words = molt.Words(strings.Repeat("ж", 671)) }, channels.FaultTooLong},
	} {
		_, err := s.adapter.Send(t.Context(), text(c.change))
		if fault := faultIn(t, err); fault.Kind != c.kind || !fault.Certain || fault.Hint == "" {
			t.Errorf("%s: %+v, want a certain %s with a hint", c.name, fault, c.kind)
		}
	}
	if n := len(s.Sends()); n != 0 {
		t.Errorf("%d requests for what cannot leave", n)
	}
	whatsApp := func(o *channels.Outbound) {
		o.Peer, o.Account, o.Words = "whatsapp:"+o.Peer, "whatsapp:"+o.Account, molt.Words(strings.Repeat("ж", 671))
	}
	if _, err := s.adapter.Send(t.Context(), text(whatsApp)); err != nil {
		t.Errorf("WhatsApp knows no segments: %v", err)
	}
}

func faultIn(t *testing.T, err error) *channels.SendError {
	t.Helper()
	var fault *channels.SendError
	if !errors.As(err, &fault) {
		t.Fatalf("error %v (%T), want a *channels.SendError", err, err)
	}
	return fault
}

// answers is what Twilio, a proxy or a broken server may say to a create.
func TestSendAnswers(t *testing.T) {
	const created = `{"sid": "SM00000000000000000000000000000009", "status": "accepted", "num_segments": "2", "date_created": "Fri, 15 Jan 2027 14:02:00 +0000"}`
	for _, c := range []struct {
		name    string
		status  int
		header  http.Header
		body    string
		kind    channels.FaultKind // "" for a receipt
		certain bool
		wait    time.Duration
		code    int
	}{
		{"created", 201, nil, created, "", false, 0, 0},
		{"created without an id", 201, nil, `{}`, channels.FaultUnknown, false, 0, 0},
		{"created with an id of something else", 201, nil, `{"sid": "CA1"}`, channels.FaultUnknown, false, 0, 0},
		{"created, not JSON", 201, nil, `<html>`, channels.FaultUnknown, false, 0, 0},
		{"created, empty", 200, nil, ``, channels.FaultUnknown, false, 0, 0},
		{"a redirect", 302, http.Header{"Location": {"https://evil.example.com/"}}, created, channels.FaultUnknown, false, 0, 0},
		{"a fault of the server", 500, nil, `{"code": 20500, "message": "x"}`, channels.FaultUnknown, false, 0, 20500},
		{"a gateway's page", 502, nil, `<html>`, channels.FaultUnknown, false, 0, 0},
		{"unavailable, later", 503, http.Header{"Retry-After": {"9"}}, ``, channels.FaultUnknown, false, 9 * time.Second, 0},
		{"a request timeout", 408, nil, ``, channels.FaultUnknown, false, 0, 0},
		{"rate", 429, http.Header{"Retry-After": {"7"}}, `{"code": 20429, "status": 429}`, channels.FaultRate, true, 7 * time.Second, 20429},
		{"rate, without words", 429, nil, `slow down`, channels.FaultRate, true, 0, 0},
		{"rate, until a date", 429, http.Header{"Retry-After": {"Fri, 15 Jan 2027 14:02:30 GMT"}}, `{"code": 20429}`, channels.FaultRate, true, 30 * time.Second, 20429},
		{"rate, for days", 429, http.Header{"Retry-After": {"999999"}}, `{"code": 20429}`, channels.FaultRate, true, time.Hour, 20429},
		{"rate, nonsense", 429, http.Header{"Retry-After": {"soon"}}, `{"code": 20429}`, channels.FaultRate, true, 0, 20429},
		{"queue full", 429, nil, `{"code": 21611}`, channels.FaultRate, true, 0, 21611},
		{"opted out", 400, nil, `{"code": 21610}`, channels.FaultOptedOut, true, 0, 21610},
		{"credentials", 401, nil, `{"code": 20003}`, channels.FaultConfiguration, true, 0, 20003},
		{"credentials, a proxy's page", 401, nil, `<html>`, channels.FaultConfiguration, true, 0, 0},
		{"no such account", 404, nil, `{"code": 20404}`, channels.FaultConfiguration, true, 0, 20404},
		{"a code nobody knows", 400, nil, `{"code": 29999}`, channels.FaultRejected, true, 0, 29999},
		{"a delivery code nobody knows", 400, nil, `{"code": 39999}`, channels.FaultRecipient, true, 0, 39999},
		{"no code", 400, nil, `nope`, channels.FaultRejected, true, 0, 0},
		{"a code that is a word", 400, nil, `{"code": "21610"}`, channels.FaultRejected, true, 0, 0},
	} {
		s := newStandin(t)
		s.respond = func(w http.ResponseWriter, _ *http.Request) bool {
			for k, v := range c.header {
				w.Header()[k] = v
			}
			w.WriteHeader(c.status)
			_, _ = w.Write([]byte(c.body))
			return true
		}
		r, err := s.adapter.Send(t.Context(), text())
		if c.kind == "" {
			want := channels.Receipt{ProviderID: "SM00000000000000000000000000000009", Status: "accepted", Segments: 2, At: s.clock}
			if err != nil || r != want {
				t.Errorf("%s: Send = %+v, %v; want %+v", c.name, r, err, want)
			}
			continue
		}
		fault := faultIn(t, err)
		if fault.Kind != c.kind || fault.Certain != c.certain || fault.RetryAfter != c.wait || fault.Code != c.code || fault.HTTP != c.status {
			t.Errorf("%s: %+v; want %s, certain %v, wait %s, code %d", c.name, fault, c.kind, c.certain, c.wait, c.code)
		}
		if n := len(s.requests); n != 1 {
			t.Errorf("%s: %d requests, want one", c.name, n)
		}
	}
}

// Certain is said only when no byte of the request can have left.
func TestSendWithoutAnswer(t *testing.T) {
	// Port 1 is tcpmux, which nobody serves: a port that was free a moment ago
	// may be somebody's by now.
	const nobody = "http://127.0.0.1:1"
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	cut := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "500")
		w.WriteHeader(201)
		_, _ = w.Write([]byte(`{"sid": "SM00000000000000000000000000000009"`))
		panic(http.ErrAbortHandler)
	}))
	defer cut.Close()
	quiet := func(err error) http.RoundTripper {
		return roundTripper(func(*http.Request) (*http.Response, error) { return nil, err })
	}
	for _, c := range []struct {
		name, base string
		http       http.RoundTripper
		kind       channels.FaultKind
		certain    bool
	}{
		{"nobody listens", nobody, nil, channels.FaultTransient, true},
		{"no TLS there", strings.Replace(plain.URL, "http:", "https:", 1), nil, channels.FaultTransient, true},
		{"the answer is cut", cut.URL, nil, channels.FaultUnknown, false},
		{"a transport without traces fails somehow", "", quiet(errors.New("to +15550100177: my chest hurts")), channels.FaultUnknown, false},
		{"a transport without traces could not dial", "", quiet(&net.OpError{Op: "dial", Err: errors.New("no route")}), channels.FaultTransient, true},
		{"a transport without traces could not read", "", quiet(&net.OpError{Op: "read", Err: errors.New("reset")}), channels.FaultUnknown, false},
	} {
		a := newAdapter(t, func(o *twilio.Options) { o.BaseURL, o.HTTP = c.base, c.http })
		_, err := a.Send(t.Context(), text())
		fault := faultIn(t, err)
		if fault.Kind != c.kind || fault.Certain != c.certain {
			t.Errorf("%s: %+v; want %s, certain %v", c.name, fault, c.kind, c.certain)
		}
		if s := fmt.Sprintf("%v %+v", err, *fault); strings.Contains(s, "chest") || strings.Contains(s, "0100177") || strings.Contains(s, token) {
			t.Errorf("%s: the error %q shows what it must not", c.name, s)
		}
	}
}

func TestCredentialsGoToTheBaseURLOnly(t *testing.T) {
	var hosts []string
	a := newAdapter(t, func(o *twilio.Options) {
		o.BaseURL = "https://carrier.example.org/twilio"
		o.HTTP = roundTripper(func(r *http.Request) (*http.Response, error) {
			user, password, _ := r.BasicAuth()
			hosts = append(hosts, r.URL.Scheme+"://"+r.URL.Host+r.URL.Path)
			if r.Host != "carrier.example.org" || user != accountSID || password != token {
				t.Errorf("host %q, user %q", r.Host, user)
			}
			return nil, &net.OpError{Op: "dial", Err: errors.New("down")}
		})
	})
	t.Setenv("TWILIO_EDGE", "sydney")
	t.Setenv("TWILIO_REGION", "au1")
	_, _ = a.Send(t.Context(), text())
	if want := []string{"https://carrier.example.org/twilio/2010-04-01/Accounts/" + accountSID + "/Messages.json"}; !cmp.Equal(hosts, want) {
		t.Errorf("asked %q, want %q", hosts, want)
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	a, o := newAdapter(t), options()
	for _, v := range []any{a, o, &o} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			if s := fmt.Sprintf(verb, v); strings.Contains(s, token) || strings.Contains(s, oldToken) {
				t.Errorf("%s of %T shows a token", verb, v)
			}
		}
	}
}

func TestFaultOf(t *testing.T) {
	for code, want := range map[int]channels.FaultKind{
		21610: channels.FaultOptedOut,
		21211: channels.FaultRecipient, 21614: channels.FaultRecipient, 21408: channels.FaultRecipient,
		21617: channels.FaultTooLong,
		21611: channels.FaultRate, 30001: channels.FaultRate, 20429: channels.FaultRate,
		20003: channels.FaultConfiguration, 30002: channels.FaultConfiguration, 30034: channels.FaultConfiguration,
		30003: channels.FaultUnreachable, 30008: channels.FaultUnreachable,
		30004: channels.FaultRecipient, 30005: channels.FaultRecipient, 30006: channels.FaultRecipient,
		30007: channels.FaultFiltered,
		63016: channels.FaultWindow,
		39999: channels.FaultRecipient, 63999: channels.FaultRecipient,
		0: channels.FaultRejected, 21999: channels.FaultRejected, -1: channels.FaultRejected,
	} {
		if got := twilio.FaultOf(code); got != want {
			t.Errorf("FaultOf(%d) = %s, want %s", code, got, want)
		}
		if twilio.HintOf(code) == "" {
			t.Errorf("HintOf(%d) is empty", code)
		}
	}
}

var _ channeltest.Rig = (*standin)(nil)
