package twilio_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/channels/channeltest"
	"github.com/tidegate/tidegate/channels/twilio"
	"github.com/tidegate/tidegate/channels/twilio/twiliofake"
	"github.com/tidegate/tidegate/molt"
)

const patience = 30 * time.Second // a guard against hanging, not a measure

// carrier is a Rig around the stand-in carrier, which signs and reads requests
// with code of its own.
type carrier struct {
	t       *testing.T
	ctx     context.Context
	client  twiliofake.Client
	adapter *twilio.Adapter
	public  string

	mu      sync.Mutex
	clock   time.Time
	answer  channeltest.Answer
	arrived []channels.Request
	change  chan struct{} // closed and replaced when a webhook arrives
}

func newCarrier(t *testing.T, change func(*twiliofake.Behavior)) *carrier {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	c := &carrier{t: t, ctx: ctx, clock: time.Date(2027, 1, 15, 14, 2, 0, 0, time.UTC), change: make(chan struct{})}
	doors := httptest.NewServer(http.HandlerFunc(c.hook))
	c.public = doors.URL + "/clinic"
	behavior := twiliofake.Calm()
	change(&behavior)
	fake, err := twiliofake.New(twiliofake.Options{
		LedgerPath: filepath.Join(t.TempDir(), "ledger.jsonl"), AccountSID: accountSID, AuthToken: token, ControlToken: "control",
		Numbers:  map[string]twiliofake.Number{clinic.Reveal(): {SMSURL: c.public + "/hooks/sms/message", MessagingService: serviceSID}},
		Behavior: &behavior, Now: c.now, Seed: 7,
	})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- fake.Run(ctx) }() // ends with ctx, below
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("carrier: %v", err)
		}
		doors.Close()
	})
	<-fake.Ready()
	c.client = twiliofake.Client{Base: fake.Base(), Token: "control"}
	c.adapter = newAdapter(t, func(o *twilio.Options) {
		o.BaseURL, o.PublicURL, o.Now, o.HTTP = fake.Base(), c.public, c.now, c.transport()
	})
	return c
}

// transport breaks what the carrier itself does not: answers that cannot be
// read, and the connection before there is one.
func (c *carrier) transport() http.RoundTripper {
	inner := &http.Transport{}
	c.t.Cleanup(inner.CloseIdleConnections)
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		c.mu.Lock()
		answer := c.answer
		c.mu.Unlock()
		if answer == channeltest.Down {
			return (&http.Transport{DialContext: refusedDial}).RoundTrip(r)
		}
		resp, err := inner.RoundTrip(r)
		if err == nil && answer == channeltest.Garbles && r.Method == http.MethodPost {
			resp.Body = struct {
				io.Reader
				io.Closer
			}{io.LimitReader(resp.Body, 20), resp.Body}
		}
		return resp, err
	})
}

func (c *carrier) hook(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	hook := channels.HookMessage
	if strings.HasSuffix(r.URL.Path, "/status") {
		hook = channels.HookStatus
	}
	c.mu.Lock()
	c.arrived = append(c.arrived, channels.Request{Hook: hook, Query: r.URL.Query(), RawURI: r.RequestURI, Header: r.Header.Clone(), Body: body})
	close(c.change)
	c.change = make(chan struct{})
	c.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}

// await returns the first webhook that matches, now or later.
func (c *carrier) await(hook channels.Hook, match func(form url.Values) bool) channels.Request {
	c.t.Helper()
	for {
		c.mu.Lock()
		arrived, change := slices.Clone(c.arrived), c.change
		c.mu.Unlock()
		for _, r := range arrived {
			if form, _ := url.ParseQuery(string(r.Body)); r.Hook == hook && match(form) {
				return r
			}
		}
		select {
		case <-change:
		case <-c.ctx.Done():
			c.t.Fatalf("no such %s webhook arrived", hook)
		}
	}
}

func (c *carrier) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.clock
}

func (c *carrier) Adapter() channels.Adapter { return c.adapter }
func (c *carrier) Now() molt.Time            { return molt.TimeOf(c.now()) }

func (c *carrier) Tick() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clock = c.clock.Add(time.Second)
}

func (c *carrier) Answer(a channeltest.Answer) {
	c.t.Helper()
	c.mu.Lock()
	c.answer = a
	c.mu.Unlock()
	c.must(c.client.Do(c.ctx, http.MethodDelete, "fault", nil, nil))
	faults := map[channeltest.Answer]twiliofake.Fault{
		channeltest.Loses:   {Kind: twiliofake.FaultLostAnswer},
		channeltest.Breaks:  {Kind: twiliofake.FaultServerError, AfterAccept: true},
		channeltest.Hangs:   {Kind: twiliofake.FaultHang, AfterAccept: true, Delay: twiliofake.Duration(time.Hour)},
		channeltest.Limits:  {Kind: twiliofake.FaultRateLimited, RetryAfter: 7},
		channeltest.Refuses: {Kind: twiliofake.FaultError, Code: 21610},
	}
	if f, ok := faults[a]; ok {
		f.Count = -1
		c.must(c.client.Do(c.ctx, http.MethodPost, "fault", f, nil))
	}
}

func (c *carrier) Sends() (sends []channeltest.Send) {
	c.t.Helper()
	entries, err := c.client.Ledger(c.ctx, 0)
	c.must(err)
	for _, e := range entries {
		if e.Kind == twiliofake.KindRefused || (e.Kind == twiliofake.KindCreate && e.Origin == twiliofake.OriginAPI) {
			sends = append(sends, channeltest.Send{From: e.From, To: e.To, Words: e.Body, ProviderID: e.SID, Callback: e.StatusCallback})
		}
	}
	return sends
}

func (c *carrier) Text(from, to molt.Address, words molt.Words) channels.Request {
	c.t.Helper()
	c.must(c.client.Do(c.ctx, http.MethodPost, "webhook", map[string]string{"number": to.Reveal(), "url": c.public + "/hooks/sms/message"}, nil))
	sid, err := c.client.Text(c.ctx, twiliofake.Text{From: from.Reveal(), To: to.Reveal(), Body: words.Reveal()})
	c.must(err)
	return c.await(channels.HookMessage, func(f url.Values) bool { return f.Get("MessageSid") == sid })
}

func (c *carrier) Report(s channeltest.Send) channels.Request {
	return c.await(channels.HookStatus, func(f url.Values) bool { return f.Get("MessageSid") == s.ProviderID })
}

func (c *carrier) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func TestConformanceAgainstTheCarrier(t *testing.T) {
	for name, change := range map[string]func(*twiliofake.Behavior){
		"Calm": func(*twiliofake.Behavior) {},
		"Odd": func(b *twiliofake.Behavior) {
			b.PortlessSignature, b.ServiceShare, b.SkipSending = 0.5, 1, 0.5
			b.DuplicateWebhook, b.DuplicateCallback, b.ShuffleCallbacks = 1, 1, 1
			b.ListHidesUnsent = true
		},
	} {
		t.Run(name, func(t *testing.T) {
			channeltest.Run(t, func(t *testing.T) channeltest.Rig { return newCarrier(t, change) })
		})
	}
}

func TestBackfillFindsWhatTheWebhookLost(t *testing.T) {
	c := newCarrier(t, func(*twiliofake.Behavior) {})
	since := c.Now()
	c.Tick()
	sid, err := c.client.Text(c.ctx, twiliofake.Text{
		From: patient.Reveal(), To: clinic.Reveal(), Body: "my chest hurts", Lost: true,
		Media: []twiliofake.Media{{ContentType: "image/png", Bytes: []byte("\x89PNG")}},
	})
	c.must(err)
	in, next, err := c.adapter.ListInbound(t.Context(), clinic, since, "", noneKnown)
	if err != nil || next != "" || len(in) != 1 || in[0].ProviderID != sid || in[0].Words != "my chest hurts" {
		t.Fatalf("ListInbound = %+v, next %q, %v; want the lost text", in, next, err)
	}
	if m := in[0].Media; len(m) != 1 || m[0].Type != "image/png" || !strings.HasPrefix(m[0].URL, c.client.Base) {
		t.Errorf("media %+v, want the photo and where it is", m)
	}
}

func TestDeliveryFaultsComeBackAsCodes(t *testing.T) {
	c := newCarrier(t, func(*twiliofake.Behavior) {})
	for code, want := range map[int]channels.FaultKind{30003: channels.FaultUnreachable, 30007: channels.FaultFiltered, 30034: channels.FaultConfiguration} {
		c.must(c.client.Do(c.ctx, http.MethodPost, "fault", twiliofake.Fault{Kind: twiliofake.FaultError, Code: code}, nil))
		r, err := c.adapter.Send(t.Context(), text())
		if err != nil {
			t.Fatal(err)
		}
		arrival, err := c.adapter.Parse(c.await(channels.HookStatus, func(f url.Values) bool {
			return f.Get("MessageSid") == r.ProviderID && f.Get("ErrorCode") != ""
		}))
		if err != nil || arrival.Status == nil || arrival.Status.Code != code || twilio.FaultOf(arrival.Status.Code) != want || arrival.Status.Item != text().Item {
			t.Errorf("code %d came back as %+v, %v; want %s", code, arrival.Status, err, want)
		}
	}
}
