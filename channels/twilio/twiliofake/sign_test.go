package twiliofake

import (
	"net/url"
	"testing"
)

// The first two are worked examples of Twilio's: of the documentation as it is and as it was, and of the tests of its clients.
func TestSignature(t *testing.T) {
	example := func(caller string) url.Values {
		return url.Values{"CallSid": {"CA1234567890ABCDE"}, "Caller": {caller}, "Digits": {"1234"}, "From": {caller}, "To": {"+18005551212"}}
	}
	for _, tt := range []struct {
		name, target string
		form         url.Values
		want         string
	}{
		{"documentation", "https://mycompany.com/myapp.php?foo=1&bar=2", example("+12349013030"), "0/KCTR6DLpKmkAf8muzZqo1nDgQ="},
		{"older documentation", "https://mycompany.com/myapp.php?foo=1&bar=2", example("+14158675309"), "RSOYDt4T1cUTdK1PDd93/VVr8B8="},
	} {
		if got := signature("12345", tt.target, tt.form); got != tt.want {
			t.Errorf("%s: signature = %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestSignedURL(t *testing.T) {
	for _, tt := range []struct {
		raw      string
		portless bool
		want     string
	}{
		{"http://a.example:8080/sms?x=1#rc=5&rp=all", false, "http://a.example:8080/sms?x=1"},
		{"http://a.example:8080/sms?x=a.example:8080", true, "http://a.example/sms?x=a.example:8080"},
		{"https://a.example/sms", true, "https://a.example/sms"},
		{"http://[::1]:8080/sms", true, "http://[::1]/sms"},
	} {
		if got := signedURL(tt.raw, tt.portless); got != tt.want {
			t.Errorf("signedURL(%q, %v) = %q, want %q", tt.raw, tt.portless, got, tt.want)
		}
	}
}
