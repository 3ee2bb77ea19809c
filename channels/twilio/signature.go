package twilio

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // Twilio signs with HMAC-SHA1; there is no other scheme for form bodies.
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
)

// signatureHeader carries base64(HMAC-SHA1(token, URL + sorted name and value
// of the form)); https://www.twilio.com/docs/usage/webhooks/webhooks-security.
const signatureHeader = "X-Twilio-Signature"

// signed reports whether one of our tokens made sig for this form, posted to
// path and query at the configured public URL. What the request itself says
// about its host is not looked at: a proxy may have rewritten it and a stranger
// may have chosen it. Every candidate is computed and compared in constant
// time, so that the answer's delay does not tell which one came close.
func (a *Adapter) signed(sig, pathAndQuery string, form url.Values) bool {
	tail := pathAndQuery + formText(form)
	ok := false
	for _, key := range a.keys {
		for _, front := range []string{a.public.withPort(), a.public.withoutPort()} {
			ok = hmac.Equal([]byte(sign(key, front+tail)), []byte(sig)) || ok
		}
	}
	return ok
}

// formText is each name and its value, sorted by name. Names are not repeated.
func formText(form url.Values) string {
	names := make([]string, 0, len(form))
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	for _, name := range names {
		b.WriteString(name)
		b.WriteString(form.Get(name))
	}
	return b.String()
}

func sign(key []byte, text string) string {
	mac := hmac.New(sha1.New, key)
	mac.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
