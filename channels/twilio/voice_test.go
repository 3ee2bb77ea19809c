package twilio_test

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/channels/twilio"
	"github.com/tidegate/tidegate/molt"
)

const line = molt.Address("+15550100102")

func callForm(more ...string) url.Values {
	f := url.Values{"CallSid": {"CA00000000000000000000000000000001"}, "From": {patient.Reveal()}, "To": {clinic.Reveal()}, "CallStatus": {"ringing"}}
	for i := 0; i < len(more); i += 2 {
		f.Set(more[i], more[i+1])
	}
	return f
}

func greeting() channels.Greeting {
	return channels.Greeting{
		Languages: []string{"en", "es"}, Phone: line,
		Say: func(lang, text string) string { return lang + " " + text + " Ribs & <Co> 911 555-010-0100" },
	}
}

// answered is TwiML as the carrier reads it.
type answered struct {
	Say []struct {
		Language string `xml:"language,attr"`
		Words    string `xml:",chardata"`
	}
	Dial *struct {
		Action string `xml:"action,attr"`
		Number string
	}
	Hangup *struct{}
}

// TestCall: what a caller hears, in each language and with numbers that are read
// digit by digit, and where the call goes then.
func TestCall(t *testing.T) {
	withLine := func(o *twilio.Options) { o.CallTo = line }
	for _, c := range []struct {
		name, query string
		form        url.Values
		change      func(*twilio.Options)
		phone       molt.Address
		says        string // the texts in each language
		dials, ends bool
	}{
		{"a line to ring", "", callForm(), withLine, line, "call call_line", true, false},
		{"no line, and another number", "", callForm(), nil, line, "call call_text call_phone", false, false},
		{"no line, and this is the clinic's number", "", callForm(), nil, clinic, "call call_text", false, false},
		{"the line was not answered", "dialed=1", callForm("DialCallStatus", "no-answer"), withLine, line, "call_nobody", false, false},
		{"the line is busy", "dialed=1", callForm("DialCallStatus", "busy"), withLine, line, "call_nobody", false, false},
		{"they have spoken", "dialed=1", callForm("DialCallStatus", "completed"), withLine, line, "", false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var a *twilio.Adapter
			if c.change != nil {
				a = newAdapter(t, c.change)
			} else {
				a = newAdapter(t)
			}
			g := greeting()
			g.Phone = c.phone
			d, isCall, err := a.Answer(webhook(channels.HookVoice, c.query, c.form), g)
			if err != nil || !isCall || d.Type != "text/xml; charset=utf-8" {
				t.Fatalf("got %q, %v, %v", d.Type, isCall, err)
			}
			var got answered
			if err := xml.Unmarshal(d.Body, &got); err != nil {
				t.Fatalf("%v:\n%s", err, d.Body)
			}
			if c.says == "" != (len(got.Say) == 0) || c.says != "" && len(got.Say) != 2 {
				t.Fatalf("got %s", d.Body)
			}
			for i, s := range got.Say {
				lang := []string{"en", "es"}[i]
				for _, text := range strings.Fields(c.says) {
					if want := lang + " " + text + " Ribs & <Co> 9 1 1 5 5 5, 0 1 0, 0 1 0 0"; !strings.Contains(s.Words, want) {
						t.Errorf("in %s got %q, want %q in it", s.Language, s.Words, want)
					}
				}
				if n := strings.Count(s.Words, "Ribs"); n != len(strings.Fields(c.says)) {
					t.Errorf("%d texts are said: %q", n, s.Words)
				}
				if want := []string{"en-US", "es-MX"}[i]; s.Language != want {
					t.Errorf("voice %q, want %q", s.Language, want)
				}
			}
			if (got.Dial != nil) != c.dials || (got.Hangup != nil) != c.ends {
				t.Errorf("got %s", d.Body)
			}
			if c.dials && (got.Dial.Number != line.Reveal() || got.Dial.Action != "https://gw.example.org/clinic/hooks/sms/voice?dialed=1") {
				t.Errorf("got %+v", *got.Dial)
			}
		})
	}
}

// TestCallIsSigned: a stranger hears nothing and rings nobody's line, and what is
// about no call is left to the other doors.
func TestCallIsSigned(t *testing.T) {
	a := newAdapter(t, func(o *twilio.Options) { o.CallTo = line })
	r := webhook(channels.HookVoice, "", callForm())
	r.Header.Set("X-Twilio-Signature", "AAAA")
	if d, isCall, err := a.Answer(r, greeting()); rejectedWith(err) != http.StatusForbidden || !isCall || d.Body != nil {
		t.Errorf("a forged call: %v, %v, %s", isCall, err, d.Body)
	}
	r = webhook(channels.HookVoice, "", callForm())
	r.RawURI += "?dialed=1"
	if _, _, err := a.Answer(r, greeting()); rejectedWith(err) != http.StatusForbidden {
		t.Errorf("a signature for another query: %v", err)
	}
	if _, _, err := a.Answer(webhook(channels.HookVoice, "", callForm("CallSid", "x")), greeting()); rejectedWith(err) != http.StatusBadRequest {
		t.Errorf("a call without an id: %v", err)
	}
	if _, isCall, err := a.Answer(webhook(channels.HookMessage, "", callForm()), greeting()); err != nil || !isCall {
		t.Errorf("a call at the door of texts: %v, %v", isCall, err)
	}
	text := webhook(channels.HookVoice, "", textForm())
	if _, isCall, err := a.Answer(text, greeting()); isCall || err != nil {
		t.Errorf("a text at the door of calls is taken for a call: %v, %v", isCall, err)
	}
	if got, err := a.Parse(text); err != nil || got.Inbound == nil {
		t.Errorf("a text at the door of calls is lost: %+v, %v", got, err)
	}
}

// TestCallTo refuses a line on which calls would turn in a circle.
func TestCallTo(t *testing.T) {
	for to, rule := range map[string]string{
		clinic.Reveal(): "must not be a number of this channel", "911": "must be a number that can be called", "whatsapp:+15550100102": "must be a number that can be called",
		line.Reveal(): "", "": "",
	} {
		s := twilio.Section{AccountSID: accountSID, Numbers: []string{clinic.Reveal()}, CallTo: to}
		faults := s.Check()
		switch {
		case rule == "" && len(faults) > 0:
			t.Errorf("%q: %v", to, faults)
		case rule != "" && (len(faults) == 0 || faults[0].Field != "call_to" || faults[0].Rule != rule):
			t.Errorf("%q: %v, want %q", to, faults, rule)
		}
	}
}
