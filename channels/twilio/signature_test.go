package twilio_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/twilio/twilio-go/client"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/channels/twilio"
)

func newAdapter(t testing.TB, change ...func(*twilio.Options)) *twilio.Adapter {
	t.Helper()
	o := options()
	for _, c := range change {
		c(&o)
	}
	a, err := twilio.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func textForm() url.Values {
	return url.Values{
		"MessageSid": {"SM00000000000000000000000000000001"}, "From": {patient.Reveal()}, "To": {clinic.Reveal()}, "Body": {"hello"},
	}
}

func rejectedWith(err error) int {
	if r, ok := errors.AsType[*channels.Rejected](err); ok {
		return r.HTTP
	}
	return 0
}

const knownSignature = "qcNH301TvXZw/sHUhW+fIWMEq7A="

// A known answer, computed with openssl from the documented recipe: the URL and
// the sorted form, HMAC-SHA1, base64. It keeps signer and validator from being
// wrong together.
func TestSignatureKnownAnswer(t *testing.T) {
	a := newAdapter(t, func(o *twilio.Options) { o.AuthToken, o.PublicURL = "12345", "https://example.com/myapp" })
	form := textForm()
	req := webhook(channels.HookMessage, "foo=1&bar=2", form)
	req.Header.Set("X-Twilio-Signature", knownSignature)
	if _, err := a.Parse(req); err != nil {
		t.Errorf("Parse of a webhook with a known signature: %v", err)
	}
}

func TestSignaturePortsAndTokens(t *testing.T) {
	const uri = "/clinic/hooks/sms/message"
	for _, c := range []struct {
		name, public, key, target string
		want                      int
	}{
		{"as configured", publicURL, token, "https://gw.example.org" + uri, 0},
		{"signed with the port", publicURL, token, "https://gw.example.org:443" + uri, 0},
		{"signed with the former token", publicURL, oldToken, "https://gw.example.org" + uri, 0},
		{"former token, with the port", publicURL, oldToken, "https://gw.example.org:443" + uri, 0},
		{"configured with a port, signed without", "https://gw.example.org:8443/clinic", token, "https://gw.example.org" + uri, 0},
		{"configured with a port, signed with it", "https://gw.example.org:8443/clinic", token, "https://gw.example.org:8443" + uri, 0},
		{"a port that is not ours", publicURL, token, "https://gw.example.org:8443" + uri, 403},
		{"http and https are two", publicURL, token, "http://gw.example.org" + uri, 403},
		{"plain http has port 80", "http://gw.example.org/clinic", token, "http://gw.example.org:80" + uri, 0},
		{"a forwarded host", publicURL, token, "https://evil.example.com" + uri, 403},
		{"another door", publicURL, token, "https://gw.example.org/clinic/hooks/sms/status", 403},
		{"another token", publicURL, "somebodyelse", "https://gw.example.org" + uri, 403},
		{"a slash at the end of the configuration", publicURL + "/", token, "https://gw.example.org" + uri, 0},
	} {
		a := newAdapter(t, func(o *twilio.Options) { o.PublicURL = c.public })
		req := webhook(channels.HookMessage, "", textForm())
		req.Header.Set("X-Twilio-Signature", signFor(c.key, c.target, textForm()))
		if _, err := a.Parse(req); rejectedWith(err) != c.want {
			t.Errorf("%s: Parse = %v, want %d", c.name, err, c.want)
		}
	}
}

func TestForgedSignatureIsRefused(t *testing.T) {
	a := newAdapter(t)
	good := webhook(channels.HookMessage, "", textForm())
	sig := good.Header.Get("X-Twilio-Signature")
	for name, values := range map[string][]string{
		"none":           nil,
		"empty":          {""},
		"two":            {sig, sig},
		"forged":         {base64.StdEncoding.EncodeToString(make([]byte, 20))},
		"cut":            {sig[:len(sig)-1]},
		"longer":         {sig + "="},
		"case changed":   {strings.ToLower(sig)},
		"not base64":     {"\x00\xff"},
		"a space beside": {" " + sig},
	} {
		req := good
		req.Header = http.Header{"Content-Type": good.Header["Content-Type"]}
		if values != nil {
			req.Header["X-Twilio-Signature"] = values
		}
		if arrival, err := a.Parse(req); rejectedWith(err) != 403 {
			t.Errorf("signature %s: Parse = %+v, %v; want 403", name, arrival, err)
		}
	}
}

// FuzzSignatureAgreesWithTwilioGo holds our validator against Twilio's own on
// the same requests, genuine and tampered with: either both take them or both
// refuse. What only we refuse, repeated keys and JSON, is left out.
func FuzzSignatureAgreesWithTwilioGo(f *testing.F) {
	f.Add("Zeta", "ä\x00 &=+%", "c=1&m=%20x", uint8(0), uint16(0))
	f.Add("AB", "C", "", uint8(1), uint16(3))
	f.Add("", "", "a", uint8(2), uint16(40))
	f.Add("Body2", "'\"", "x=%27y", uint8(3), uint16(9))
	a := newAdapter(f)
	validators := []client.RequestValidator{client.NewRequestValidator(token), client.NewRequestValidator(oldToken)}
	f.Fuzz(func(t *testing.T, name, value, query string, how uint8, at uint16) {
		form := textForm()
		if parsed, err := url.ParseQuery(query); form.Has(name) || strings.ContainsFunc(query, neverInRequestLine) || err != nil || parsed.Has("bodySHA256") || repeats(parsed) {
			t.Skip("only we refuse this, or no server passes it on")
		}
		form.Set(name, value)
		req := webhook(channels.HookMessage, query, form)
		host := []string{"https://gw.example.org", "https://gw.example.org:443", "https://gw.example.org:444"}[int(how)%3]
		key := []string{token, oldToken, "strange"}[int(how/3)%3]
		sig := []byte(signFor(key, host+req.RawURI, form))
		if how&0x80 != 0 {
			sig[int(at)%len(sig)] ^= 1 << (at % 7)
		}
		if how&0x40 != 0 {
			form.Set(name, value+"x")
			req.Body = []byte(form.Encode())
		}
		req.Header.Set("X-Twilio-Signature", string(sig))

		theirs := false
		for _, v := range validators {
			theirs = v.ValidateBody("https://gw.example.org"+req.RawURI, req.Body, string(sig)) || theirs
		}
		_, err := a.Parse(req)
		if err != nil && rejectedWith(err) != 403 {
			t.Fatalf("Parse(%q?%q): %v", req.Body, query, err)
		}
		if ours := err == nil; ours != theirs {
			t.Errorf("body %q, uri %q, signature %q: we say %v, twilio-go says %v", req.Body, req.RawURI, sig, ours, theirs)
		}
	})
}

// neverInRequestLine are bytes that no HTTP server lets into a request's URI.
func neverInRequestLine(r rune) bool { return r <= ' ' || r == 0x7F || r == '#' }

func repeats(v url.Values) bool {
	for _, values := range v {
		if len(values) > 1 {
			return true
		}
	}
	return false
}
