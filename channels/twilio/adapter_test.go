package twilio_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/channels/twilio"
	"github.com/tidegate/tidegate/molt"
)

func TestNewNamesEveryFault(t *testing.T) {
	_, err := twilio.New(twilio.Options{AuthToken: "not a token!", PublicURL: "gw.example.org", BaseURL: "http://api.example.org"})
	if err == nil {
		t.Fatal("New took options without anything in them")
	}
	for _, field := range []string{"id:", "account_sid:", "auth_token:", "numbers:", "public_url:", "base_url:"} {
		if !strings.Contains(err.Error(), field) {
			t.Errorf("error %q does not name %s", err, field)
		}
	}
	if strings.Contains(err.Error(), "not a token!") {
		t.Errorf("error %q shows a secret", err)
	}
}

func TestNewRules(t *testing.T) {
	for name, change := range map[string]func(*twilio.Options){
		"a number given twice":      func(o *twilio.Options) { o.Numbers = []molt.Address{clinic, clinic} },
		"a number without plus":     func(o *twilio.Options) { o.Numbers = []molt.Address{"(555) 010-0100"} },
		"an id with a slash":        func(o *twilio.Options) { o.ID = "a/b" },
		"a public URL with a query": func(o *twilio.Options) { o.PublicURL = publicURL + "?x=1" },
		"with a fragment":           func(o *twilio.Options) { o.PublicURL = publicURL + "#rc=5" },
		"with a user":               func(o *twilio.Options) { o.PublicURL = "https://u:p@gw.example.org" },
		"of another scheme":         func(o *twilio.Options) { o.PublicURL = "ftp://gw.example.org" },
		"with two slashes":          func(o *twilio.Options) { o.PublicURL = "https://gw.example.org/a//b" },
		"a service of another kind": func(o *twilio.Options) { o.MessagingServiceSID = accountSID },
		"a secondary token broken":  func(o *twilio.Options) { o.SecondaryToken = "a b" },
		"plain http to the world":   func(o *twilio.Options) { o.BaseURL = "http://10.0.0.1" },
	} {
		o := options()
		change(&o)
		if _, err := twilio.New(o); err == nil {
			t.Errorf("New took %s", name)
		}
	}
	for _, base := range []string{"", "https://api.twilio.com/", "http://127.0.0.1:4010", "http://localhost:1", "http://[::1]:1"} {
		o := options()
		o.BaseURL = base
		if _, err := twilio.New(o); err != nil {
			t.Errorf("New with base URL %q: %v", base, err)
		}
	}
}

func TestSettings(t *testing.T) {
	want := twilio.Settings{
		Method:      "POST",
		MessageURL:  "https://gw.example.org/clinic/hooks/sms/message#rc=5&rp=all",
		FallbackURL: "https://gw.example.org/clinic/hooks/sms/message#rc=5&rp=all",
		CallURL:     "https://gw.example.org/clinic/hooks/sms/voice#rc=5&rp=all",
	}
	if diff := cmp.Diff(want, newAdapter(t).Settings()); diff != "" {
		t.Errorf("Settings (-want +got):\n%s", diff)
	}
}

func TestSectionBecomesOptions(t *testing.T) {
	s := twilio.Section{AccountSID: accountSID, AuthToken: "env:A", SecondaryToken: "file:/b", Numbers: []string{clinic.Reveal()}, MessagingService: serviceSID, BaseURL: "http://127.0.0.1:1"}
	secrets := map[string]string{"env:A": token, "file:/b": oldToken}
	o, faults := s.Options("sms", publicURL, func(ref string) (string, error) { return secrets[ref], nil })
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	if o.AuthToken != token || o.SecondaryToken != oldToken || o.Numbers[0] != clinic || o.MessagingServiceSID != serviceSID || o.PublicURL != publicURL || o.ID != "sms" {
		t.Errorf("options %q are not what the section says", o.ID)
	}
	if _, err := twilio.New(o); err != nil {
		t.Errorf("New: %v", err)
	}
	_, faults = s.Options("sms", publicURL, func(string) (string, error) { return "", errors.New("not set") })
	if got := faults.Error(); len(faults) != 2 || !strings.Contains(got, "auth_token: must lead to a secret that can be read (got not set)") || !strings.Contains(got, "secondary_token: ") {
		t.Errorf("absent secrets gave %q, want both fields named", got)
	}
	_, faults = s.Options("sms", publicURL, func(string) (string, error) { return "tok en", nil })
	if got := faults.Error(); len(faults) != 2 || strings.Contains(got, "tok en") || !strings.Contains(got, "auth_token: must be letters and digits") {
		t.Errorf("tokens with a space gave %q", got)
	}
}

// TestSectionCheckNamesEveryFault wants all faults at once, each at its field,
// and nothing of what was written: a token may have been pasted there.
func TestSectionCheckNamesEveryFault(t *testing.T) {
	got := twilio.Section{
		AccountSID: "SK0123456789abcdef0123456789abcdef", MessagingService: "0123456789abcdef0123456789abcdef",
		Numbers: []string{"(212) 555-0142", "+12125550143", "+12125550143"}, BaseURL: "http://10.0.0.1",
	}.Check().Error()
	want := strings.Join([]string{
		"account_sid: must be AC and 32 hexadecimal digits (got SK and 32 more characters); that is the SID of an API key; copy the Account SID from the carrier's console",
		"messaging_service: must be MG and 32 hexadecimal digits (got 32 characters); copy the service's SID from the carrier's console, or take the line out",
		"numbers[0]: must be a number as the carrier writes it (got 14 characters); write it as in +15550100101, a short code of 3 to 8 digits, or whatsapp: and the number",
		"numbers[2]: must not be said twice; take it out",
		"base_url: must be https except on this machine; the token travels with each call",
	}, "\n")
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if faults := (twilio.Section{AccountSID: accountSID, Numbers: []string{clinic.Reveal()}}).Check(); len(faults) > 0 {
		t.Errorf("a sound section has faults: %v", faults)
	}
}
