package twiliofake

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestCreateRefusals(t *testing.T) {
	w := begin(t, func(o *Options) {
		o.Numbers["whatsapp:+15550100002"] = Number{}
		o.Numbers["+15550100003"] = Number{MessagingService: testService}
	})
	many := func(n int) string { return strings.Repeat("a", n) }
	for _, tt := range []struct {
		name   string
		change func(url.Values)
		code   int
	}{
		{"no To", func(f url.Values) { f.Del("To") }, codeNoTo},
		{"no From", func(f url.Values) { f.Del("From") }, codeNoFrom},
		{"no Body", func(f url.Values) { f.Del("Body") }, codeNoBody},
		{"blank Body", func(f url.Values) { f.Set("Body", " \n") }, codeNoBody},
		{"invalid To", func(f url.Values) { f.Set("To", "5550199001") }, codeInvalidTo},
		{"invalid From", func(f url.Values) { f.Set("From", "clinic") }, codeInvalidFrom},
		{"From not ours", func(f url.Values) { f.Set("From", "+15550100009") }, codeNotOurs},
		{"same number", func(f url.Values) { f.Set("To", clinic) }, codeSameNumber},
		{"channels differ", func(f url.Values) { f.Set("To", "whatsapp:"+patient) }, codeChannelPair},
		{"too long", func(f url.Values) { f.Set("Body", many(1601)) }, codeTooLong},
		{"too long in UTF-16", func(f url.Values) { f.Set("Body", strings.Repeat("👍", 801)) }, codeTooLong},
		{"callback without scheme", func(f url.Values) { f.Set("StatusCallback", "clinic.example/status") }, codeBadCallback},
		{"callback with underscore", func(f url.Values) { f.Set("StatusCallback", "https://my_clinic.example/status") }, codeBadCallback},
		{"validity zero", func(f url.Values) { f.Set("ValidityPeriod", "0") }, codeBadValidity},
		{"validity too long", func(f url.Values) { f.Set("ValidityPeriod", "36001") }, codeBadValidity},
		{"validity no number", func(f url.Values) { f.Set("ValidityPeriod", "1h") }, codeBadValidity},
		{"media no URL", func(f url.Values) { f.Set("MediaUrl", "cat.jpg") }, codeBadMediaURL},
		{"too many media", func(f url.Values) {
			f["MediaUrl"] = strings.Split(strings.Repeat("https://a.example/x,", 11), ",")[:11]
		}, codeTooManyMedia},
		{"unknown parameter", func(f url.Values) { f.Set("Text", "hi") }, codeUnknownParameter},
		{"wrong case", func(f url.Values) { f.Set("to", patient) }, codeUnknownParameter},
		{"repeated parameter", func(f url.Values) { f.Add("To", patient) }, codeUnknownParameter},
		{"not carried out", func(f url.Values) { f.Set("SendAt", "2026-01-01T00:00:00Z") }, codeUnknownParameter},
		{"not UTF-8", func(f url.Values) { f.Set("Body", "\xff") }, codeUnknownParameter},
		{"wrong enum", func(f url.Values) { f.Set("RiskCheck", "maybe") }, codeUnknownParameter},
		{"unknown service", func(f url.Values) { f.Del("From"); f.Set("MessagingServiceSid", "MG"+many(32)) }, codeNoService},
		{"malformed service", func(f url.Values) { f.Set("MessagingServiceSid", "MG1") }, codeNoService},
		{"service without the number", func(f url.Values) { f.Set("MessagingServiceSid", testService) }, codeNotOurs},
		{"service without the channel", func(f url.Values) {
			f.Del("From")
			f.Set("MessagingServiceSid", testService)
			f.Set("To", "whatsapp:"+patient)
		}, codeNoSenders},
		{"magic invalid", func(f url.Values) { f.Set("To", "+15005550001") }, codeInvalidTo},
		{"magic cannot route", func(f url.Values) { f.Set("To", "+15005550002") }, codeCannotRoute},
		{"magic region off", func(f url.Values) { f.Set("To", "+15005550003") }, codeRegionOff},
		{"magic opted out", func(f url.Values) { f.Set("To", "+15005550004") }, codeOptedOut},
		{"magic landline", func(f url.Values) { f.Set("To", "+15005550009") }, codeNotMobile},
	} {
		t.Run(tt.name, func(t *testing.T) {
			form := url.Values{"To": {patient}, "From": {clinic}, "Body": {"hello"}}
			tt.change(form)
			a := w.request(http.MethodPost, path("/Messages.json"), form)
			if a.status != http.StatusBadRequest || a.code() != tt.code {
				t.Fatalf("got %d, code %d (%v), want 400, code %d", a.status, a.code(), a.body, tt.code)
			}
			if a.text("message") == "" || !strings.HasPrefix(a.text("more_info"), "https://www.twilio.com/docs/errors/") || a.body["status"] != 400.0 {
				t.Errorf("not shaped like Twilio's errors: %s", a.raw)
			}
		})
	}
	refused := w.entries(KindRefused)
	if len(refused) == 0 || len(w.entries(KindCreate)) != 0 {
		t.Errorf("ledger: %d refused, %d created, want many and none", len(refused), len(w.entries(KindCreate)))
	}
}

func TestCreateAtTheLimits(t *testing.T) {
	w := begin(t, nil)
	w.accepted(strings.Repeat("a", 1600), "ValidityPeriod", "36000")
	w.accepted("hello", "ValidityPeriod", "1", "SendAsMms", "true", "ShortenUrls", "false", "Attempt", "2")
	if created := w.entries(KindCreate); len(created) != 2 || created[0].Segments != 11 || !strings.HasPrefix(created[1].SID, "MM") {
		t.Errorf("created %+v, want 11 segments and an MM", created)
	}
}

func TestCreateNeedsAForm(t *testing.T) {
	w := begin(t, nil)
	r, err := http.NewRequestWithContext(w.ctx, http.MethodPost, w.Base+path("/Messages.json"), strings.NewReader(`{"To":"+1"}`))
	w.must(err)
	r.SetBasicAuth(testAccount, testAuth)
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	w.must(err)
	defer response.Body.Close()
	if response.StatusCode != http.StatusBadRequest {
		t.Errorf("JSON: got %d, want 400", response.StatusCode)
	}
	if a := w.send(strings.Repeat("a", maxFormBytes)); a.code() != codeUnknownParameter {
		t.Errorf("a huge form: got %d %s", a.status, a.raw)
	}
}

func TestAuthentication(t *testing.T) {
	w := begin(t, nil)
	for _, tt := range []struct {
		name, user, password, path string
		status, code               int
	}{
		{"wrong token", testAccount, "x", path("/Messages.json"), 401, codeAuthenticate},
		{"wrong account", "AC1", testAuth, path("/Messages.json"), 401, codeAuthenticate},
		{"another account's path", testAccount, testAuth, "/2010-04-01/Accounts/AC1/Messages.json", 404, codeNotFound},
		{"no such path", testAccount, testAuth, "/2010-04-01/nothing", 404, codeNotFound},
		{"fine", testAccount, testAuth, path("/Messages.json"), 200, 0},
	} {
		if a := w.requestAs(tt.user, tt.password, http.MethodGet, tt.path, nil); a.status != tt.status || a.code() != tt.code {
			t.Errorf("%s: got %d %d, want %d %d", tt.name, a.status, a.code(), tt.status, tt.code)
		}
	}
	if a := w.request(http.MethodPut, path("/Messages.json"), url.Values{}); a.status != 405 || a.code() != codeMethod {
		t.Errorf("PUT: got %d %d, want 405 %d", a.status, a.code(), codeMethod)
	}
}

func TestMessageFromAService(t *testing.T) {
	w := begin(t, func(o *Options) {
		o.Numbers = map[string]Number{
			"+15550100004": {MessagingService: testService}, "+15550100003": {MessagingService: testService}, clinic: {},
		}
	})
	a := w.request(http.MethodPost, path("/Messages.json"), url.Values{"To": {patient}, "MessagingServiceSid": {testService}, "Body": {"hi"}})
	if a.status != 201 || a.text("status") != statusAccepted || a.body["from"] != nil || a.text("messaging_service_sid") != testService {
		t.Fatalf("got %d %s, want accepted, from null", a.status, a.raw)
	}
	if got := w.entries(KindHandset); len(got) != 1 || got[0].From != "+15550100003" {
		t.Errorf("handset got %+v, want one from the first number of the service", got)
	}
	if got := statuses(w.entries(KindStatus)); strings.Join(got, " ") != "queued sending sent delivered" {
		t.Errorf("states %v", got)
	}
}

func TestRateOfRequests(t *testing.T) {
	now := newClock()
	w := begin(t, func(o *Options) { o.Now, o.Behavior.CreatesPerSecond = now.Now, 2 })
	w.accepted("one")
	w.accepted("two")
	a := w.send("three")
	if a.status != 429 || a.code() != codeTooMany || a.header.Get("Retry-After") != "1" {
		t.Fatalf("got %d %d, Retry-After %q, want 429 %d 1", a.status, a.code(), a.header.Get("Retry-After"), codeTooMany)
	}
	now.move(1e9)
	w.accepted("three")
}

func TestQueueOfANumber(t *testing.T) {
	now := newClock()
	w := begin(t, func(o *Options) { o.Now, o.Behavior.SegmentsPerSecond, o.Behavior.QueueSegments = now.Now, 1, 3 })
	w.must(w.PauseDelivery(w.ctx, SideHandset, true))
	for range 3 {
		w.accepted("x")
	}
	if a := w.send("x"); a.status != 429 || a.code() != codeQueueFull {
		t.Fatalf("got %d %d, want 429 %d", a.status, a.code(), codeQueueFull)
	}
	now.move(2e9)
	w.accepted("x")
}
