package twiliofake

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzCreateForm feeds forms to the reader of create requests. What it takes must keep the promises the rest of the carrier builds on.
func FuzzCreateForm(f *testing.F) {
	for _, seed := range []string{
		"", "To=%2B15550199001&From=%2B15550100001&Body=hi", "To=whatsapp:%2B15550199001&From=whatsapp:%2B15550100001&Body=hi",
		"To=%2B15550199001&MessagingServiceSid=MG0123456789abcdef0123456789abcdef&Body=%F0%9F%91%8D&ValidityPeriod=60",
		"To=%2B15550199001&From=%2B15550100001&MediaUrl=http://a/b&MediaUrl=http://a/c&StatusCallback=http://a/%20?x#rc=5",
		"To=a&To=b", "%zz", "a;b", "Body=%ff", "ValidityPeriod=-1&To=%2B1", "StatusCallback=http://%5B::1%5D:80",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		r, err := http.NewRequest(http.MethodPost, "http://carrier/", strings.NewReader(raw))
		if err != nil {
			t.Skip()
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req, problem := readCreate(r)
		if problem != nil {
			if problem.Status < 400 || problem.Code == 0 || problem.Message == "" {
				t.Fatalf("%q: refused without saying so: %+v", raw, problem)
			}
			return
		}
		switch {
		case !validAddress(req.To), req.From == "" && req.Service == "", req.From == req.To:
			t.Fatalf("%q: addresses %+v", raw, req)
		case utf16Units(req.Body) > maxBodyUnits, !utf8.ValidString(req.Body), req.Body == "" && len(req.MediaURLs) == 0:
			t.Fatalf("%q: content %+v", raw, req)
		case req.Validity < 1 || req.Validity > maxValidity:
			t.Fatalf("%q: validity %d", raw, req.Validity)
		}
		if req.StatusCallback != "" {
			if _, err := http.NewRequest(http.MethodPost, signedURL(req.StatusCallback, true), nil); err != nil {
				t.Fatalf("%q: a callback that cannot be called: %v", raw, err)
			}
		}
	})
}

// FuzzTwiML feeds documents to the reader of webhook answers.
func FuzzTwiML(f *testing.F) {
	for _, seed := range []string{"", "<Response/>", "<Response><Message>a<Body>b</Body></Message></Response>", "<Response>", "<a/><b/>", "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, document string) {
		texts, err := twimlMessages(document)
		if err != nil && texts != nil {
			t.Fatalf("%q: texts %q beside error %v", document, texts, err)
		}
		for _, text := range texts {
			if text == "" || utf16Units(text) > maxBodyUnits || !utf8.ValidString(text) {
				t.Fatalf("%q: sends %q", document, text)
			}
		}
	})
}

// FuzzSegments checks that a body is never counted shorter than its characters need.
func FuzzSegments(f *testing.F) {
	for _, seed := range []string{"", "a", "€", "👍", "á", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		n := segments(body)
		_, total, alone, joined := gsmWidths(body)
		if n < 1 || (n == 1 && total > alone) || (n > 1 && n*joined < total) {
			t.Fatalf("%q: %d segments for %d units", body, n, total)
		}
	})
}

// FuzzListQuery feeds queries to the list of messages.
func FuzzListQuery(f *testing.F) {
	for _, seed := range []string{"", "DateSent>=2026-01-02", "DateSent%3C=2026-01-02T00:00:00Z&PageSize=5", "Page=1&PageToken=PA", "To=%2B1&To=2"} {
		f.Add(seed)
	}
	c := &Carrier{state: newState(), opts: Options{AccountSID: testAccount}}
	f.Fuzz(func(t *testing.T, raw string) {
		query, err := url.ParseQuery(raw)
		if err != nil {
			t.Skip()
		}
		q, problem := c.readList(query)
		if problem == nil && (q.size < 1 || q.size > maxPageSize || q.page < 0 || q.before < 0) {
			t.Fatalf("%q: %+v", raw, q)
		}
	})
}
