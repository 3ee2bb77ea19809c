package twiliofake

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// signature computes X-Twilio-Signature: base64 of the HMAC-SHA1, keyed with the auth token, of the URL followed by each form field's name and value,
// fields in order of their names. Source: Twilio, "Secure webhooks".
func signature(token, target string, form url.Values) string {
	mac := hmac.New(sha1.New, []byte(token))
	mac.Write([]byte(target))
	for _, name := range slices.Sorted(maps.Keys(form)) {
		for _, value := range form[name] {
			mac.Write([]byte(name))
			mac.Write([]byte(value))
		}
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// signedURL is the URL as it is signed: without its fragment, which never crosses the wire, and without its port where Twilio's back ends forget it.
func signedURL(raw string, portless bool) string {
	bare, _, _ := strings.Cut(raw, "#")
	if !portless {
		return bare
	}
	u, err := url.Parse(bare)
	if err != nil || u.Port() == "" {
		return bare
	}
	return strings.Replace(bare, u.Host, strings.TrimSuffix(u.Host, ":"+u.Port()), 1)
}
