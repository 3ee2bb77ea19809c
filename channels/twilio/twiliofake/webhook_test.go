package twiliofake

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// validSignature checks a webhook against the signature as documented, written out apart from the carrier's own code.
func validSignature(t *testing.T, base string, d delivery) {
	t.Helper()
	if want := signature(testAuth, base+d.uri, d.form); d.header.Get("X-Twilio-Signature") != want {
		t.Errorf("signature %q does not fit %s", d.header.Get("X-Twilio-Signature"), base+d.uri)
	}
}

func TestInboundWebhook(t *testing.T) {
	office := newOffice(t, nil)
	w := begin(t, serving(office))
	sid := w.text(Text{Body: "my chest hurts ✨", MessagingService: testService})
	d := office.next(t)
	want := url.Values{
		"AccountSid": {testAccount}, "ApiVersion": {"2010-04-01"}, "Body": {"my chest hurts ✨"}, "From": {patient}, "To": {clinic},
		"MessageSid": {sid}, "SmsSid": {sid}, "SmsMessageSid": {sid}, "SmsStatus": {"received"}, "NumMedia": {"0"}, "NumSegments": {"1"},
		"MessagingServiceSid": {testService},
		"FromCity":            {"CHICAGO"}, "FromState": {"IL"}, "FromZip": {"60601"}, "FromCountry": {"US"},
		"ToCity": {"CHICAGO"}, "ToState": {"IL"}, "ToZip": {"60601"}, "ToCountry": {"US"},
	}
	if d.form.Encode() != want.Encode() {
		t.Errorf("form\n got %v\nwant %v", d.form, want)
	}
	if d.uri != "/sms?tenant=a" || !strings.HasPrefix(d.header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		t.Errorf("posted %s as %s", d.uri, d.header.Get("Content-Type"))
	}
	validSignature(t, office.URL, d)
	attempts := w.entries(KindWebhook)
	if len(attempts) != 2 || attempts[0].Phase != PhaseBegun || attempts[1].Phase != PhaseEnded || attempts[1].HTTPStatus != 204 || attempts[1].Error != "" {
		t.Errorf("ledger %+v, want begun and ended with 204", attempts)
	}
}

func TestWhatsAppWebhook(t *testing.T) {
	office := newOffice(t, nil)
	w := begin(t, func(o *Options) { o.Numbers = map[string]Number{"whatsapp:" + clinic: {SMSURL: office.URL}} })
	w.text(Text{From: "whatsapp:" + patient, To: "whatsapp:" + clinic, Body: "STOP"})
	form := office.next(t).form
	if form.Get("From") != "whatsapp:"+patient || form.Get("WaId") != patient[1:] || form.Has("FromCity") {
		t.Errorf("form %v", form)
	}
	if got := w.entries(KindOptOut); len(got) != 0 {
		t.Errorf("opted out by WhatsApp: %+v", got)
	}
}

func TestSignatureWithoutPort(t *testing.T) {
	office := newOffice(t, nil)
	w := begin(t, func(o *Options) {
		serving(office)(o)
		o.Behavior.PortlessSignature = 1
	})
	w.text(Text{Body: "hi"})
	u, err := url.Parse(office.URL)
	w.must(err)
	validSignature(t, "http://"+u.Hostname(), office.next(t))
}

// TestRetries is the heart of the carrier's meanness: one more try after a failed connection, and none after anything else.
func TestRetries(t *testing.T) {
	answer := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
	}
	for _, tt := range []struct {
		name, fragment string
		respond        http.HandlerFunc
		down           bool
		attempts       int
		code           int
	}{
		{name: "taken", respond: answer(204), attempts: 1},
		{name: "no connection", down: true, attempts: 2, code: codeWebhookConnect},
		{name: "refused", respond: answer(403), attempts: 1, code: codeWebhookFailed},
		{name: "server error", respond: answer(503), attempts: 1, code: codeWebhookFailed},
		{name: "redirect", respond: answer(302), attempts: 1, code: codeWebhookFailed},
		{name: "broken off", respond: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, attempts: 1, code: codeWebhookBroken},
		{name: "too long", respond: func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, maxReplyBytes+1)) }, attempts: 1, code: codeReplyTooLarge},
		{name: "overrides: count", fragment: "#rc=5", down: true, attempts: 6, code: codeWebhookConnect},
		{name: "overrides: none", fragment: "#rc=0", down: true, attempts: 1, code: codeWebhookConnect},
		{name: "overrides: all", fragment: "#rc=3&rp=all", respond: answer(404), attempts: 4, code: codeWebhookFailed},
		{name: "overrides: 5xx hits", fragment: "#rc=2&rp=5xx", respond: answer(500), attempts: 3, code: codeWebhookFailed},
		{name: "overrides: 5xx misses", fragment: "#rc=2&rp=5xx", respond: answer(400), attempts: 1, code: codeWebhookFailed},
		{name: "overrides: out of range", fragment: "#rc=6&ct=1", down: true, attempts: 2, code: codeWebhookConnect},
	} {
		t.Run(tt.name, func(t *testing.T) {
			office := newOffice(t, tt.respond)
			if tt.down {
				office.Close()
			}
			w := begin(t, func(o *Options) { o.Numbers = map[string]Number{clinic: {SMSURL: office.URL + "/sms" + tt.fragment}} })
			w.text(Text{Body: "hi"})
			attempts := ended(w.entries(KindWebhook))
			if len(attempts) != tt.attempts {
				t.Fatalf("%d attempts, want %d: %+v", len(attempts), tt.attempts, attempts)
			}
			if last := attempts[len(attempts)-1]; last.ErrorCode != tt.code || last.Attempt != tt.attempts || (last.Error == "") != (tt.code == 0) {
				t.Errorf("last attempt %+v, want code %d", last, tt.code)
			}
			if !tt.down {
				validSignature(t, office.URL, office.next(t))
			}
		})
	}
}

// TestSilence has a webhook that is taken and never answered.
func TestSilence(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() { // ends when the listener closes
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { conn.Close() })
		}
	}()
	w := begin(t, func(o *Options) {
		o.Numbers = map[string]Number{clinic: {SMSURL: "http://" + listener.Addr().String()}}
		o.Behavior.WebhookReadTime = Duration(20 * time.Millisecond)
	})
	w.text(Text{Body: "hi"})
	got := ended(w.entries(KindWebhook))
	if len(got) != 1 || got[0].ErrorCode != codeWebhookFailed || got[0].Error != errReadTime.Error() {
		t.Errorf("attempts %+v, want one without an answer in time", got)
	}
}

func TestWebhookReplies(t *testing.T) {
	for _, tt := range []struct {
		name, kind, body string
		want             []string
	}{
		{"twiml", "text/xml", "<Response><Message>See you at 9</Message></Response>", []string{"See you at 9"}},
		{"a careless ok", "text/plain", "ok", []string{"ok"}},
		{"nothing", "text/xml", "<Response/>", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			office := newOffice(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", tt.kind)
				_, _ = io.WriteString(w, tt.body)
			})
			w := begin(t, serving(office))
			w.text(Text{Body: "hi"})
			var got []string
			for _, e := range w.entries(KindHandset) {
				if e.Origin != OriginReply || e.To != patient || e.From != clinic {
					t.Errorf("handset got %+v", e)
				}
				got = append(got, e.Body)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("handset got %q, want %q", got, tt.want)
			}
			if e := ended(w.entries(KindWebhook))[0]; e.Reply != tt.body {
				t.Errorf("ledger has the reply %q, want %q", e.Reply, tt.body)
			}
		})
	}
}

func TestCopies(t *testing.T) {
	office := newOffice(t, nil)
	w := begin(t, serving(office))
	for _, together := range []bool{false, true} {
		sid := w.text(Text{Body: "hi", Copies: 3, Together: together})
		tokens := map[string]bool{}
		for range 3 {
			d := office.next(t)
			if d.form.Get("MessageSid") != sid {
				t.Errorf("copy of %s, want %s", d.form.Get("MessageSid"), sid)
			}
			tokens[d.header.Get("I-Twilio-Idempotency-Token")] = true
		}
		if len(tokens) != 3 {
			t.Errorf("tokens %v, want three", tokens)
		}
	}
	if got := w.entries(KindInbound); len(got) != 2 {
		t.Errorf("%d inbound, want 2", len(got))
	}
}

func TestCopiesByChance(t *testing.T) {
	office := newOffice(t, nil)
	w := begin(t, func(o *Options) {
		serving(office)(o)
		o.Behavior.DuplicateWebhook = 1
	})
	w.text(Text{Body: "hi"})
	if n := len(ended(w.entries(KindWebhook))); n != 2 && n != 3 {
		t.Errorf("%d deliveries, want 2 or 3", n)
	}
}

// TestOrder delays the first of two texts: in order, the second waits for it; otherwise it overtakes.
func TestOrder(t *testing.T) {
	for _, inOrder := range []bool{true, false} {
		office := newOffice(t, nil)
		w := begin(t, func(o *Options) {
			serving(office)(o)
			o.Behavior.InOrder = inOrder
		})
		w.text(Text{Body: "first", Delay: Duration(100 * time.Millisecond)})
		w.text(Text{Body: "second"})
		want := "first"
		if !inOrder {
			want = "second"
		}
		if got := office.next(t).form.Get("Body"); got != want {
			t.Errorf("in order %v: %q came first, want %q", inOrder, got, want)
		}
	}
}

func TestLostWebhookIsOnlyListed(t *testing.T) {
	office := newOffice(t, nil)
	w := begin(t, serving(office))
	w.text(Text{Body: "lost", Lost: true})
	attempts := w.entries(KindWebhook)
	if len(attempts) != 1 || attempts[0].Error != "lost by the carrier" || len(office.got) != 0 {
		t.Errorf("attempts %+v, %d posted, want none", attempts, len(office.got))
	}
	if got := w.listed(url.Values{"To": {clinic}}); !slices.Equal(got, []string{"lost"}) {
		t.Errorf("listed %q, want it", got)
	}
}

func TestRepointAndPauseWebhooks(t *testing.T) {
	office := newOffice(t, nil)
	w := begin(t, nil)
	w.must(w.PauseDelivery(w.ctx, SideWebhook, true))
	w.must(w.Webhook(w.ctx, clinic, "http://127.0.0.1:1/old"))
	w.text(Text{Body: "hi"})
	w.must(w.Webhook(w.ctx, clinic, office.URL+"/new"))
	w.must(w.PauseDelivery(w.ctx, SideWebhook, false))
	if d := office.next(t); d.uri != "/new" {
		t.Errorf("posted to %s, want the new place", d.uri)
	}
	w.must(w.Webhook(w.ctx, "+15550100007", office.URL+"/more"))
	w.text(Text{To: "+15550100007", Body: "hi"})
	if d := office.next(t); d.uri != "/more" {
		t.Errorf("posted to %s, want the new number's place", d.uri)
	}
	if err := w.Webhook(w.ctx, clinic, "not a url"); err == nil {
		t.Error("a bad URL was taken")
	}
}

func TestBadTexts(t *testing.T) {
	w := begin(t, nil)
	for _, tt := range []struct {
		name string
		text Text
	}{
		{"from nobody", Text{From: "me", To: clinic, Body: "hi"}},
		{"to a stranger", Text{From: patient, To: "+15550100009", Body: "hi"}},
		{"empty", Text{From: patient, To: clinic}},
		{"other channel", Text{From: "whatsapp:" + patient, To: clinic, Body: "hi"}},
		{"too long", Text{From: patient, To: clinic, Body: strings.Repeat("a", maxInboundBytes+1)}},
		{"media without type", Text{From: patient, To: clinic, Media: []Media{{Bytes: []byte("x")}}}},
		{"media too large", Text{From: patient, To: clinic, Media: []Media{{ContentType: "image/png", Bytes: make([]byte, maxMediaBytes+1)}}}},
		{"copies", Text{From: patient, To: clinic, Body: "hi", Copies: maxCopies + 1}},
	} {
		if _, err := w.Text(w.ctx, tt.text); err == nil {
			t.Errorf("%s: taken", tt.name)
		}
	}
}
