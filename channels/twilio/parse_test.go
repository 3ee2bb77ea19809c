package twilio_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/channels/twilio"
	"github.com/tidegate/tidegate/molt"
)

func TestParseText(t *testing.T) {
	sid := textForm().Get("MessageSid")
	text := func(change func(*channels.Inbound)) channels.Inbound {
		in := channels.Inbound{Channel: "sms", Account: clinic, Peer: patient, ProviderID: sid, Words: "hello", Via: "webhook"}
		change(&in)
		return in
	}
	for _, c := range []struct {
		name string
		form url.Values
		want channels.Inbound
	}{
		{"plain", url.Values{}, text(func(*channels.Inbound) {})},
		{"no words", url.Values{"Body": nil}, text(func(in *channels.Inbound) { in.Words = "" })},
		{"an MMS id", url.Values{"MessageSid": {"MM" + sid[2:]}}, text(func(in *channels.Inbound) { in.ProviderID = "MM" + sid[2:] })},
		{"invalid bytes and NULs are replaced", url.Values{"Body": {"a\xff\x00b"}}, text(func(in *channels.Inbound) { in.Words = "a\uFFFD\uFFFDb" })},
		{"long words are cut between runes", url.Values{"Body": {strings.Repeat("x", 39_999) + "éy"}}, text(func(in *channels.Inbound) {
			in.Words, in.Cut = molt.Words(strings.Repeat("x", 39_999)), true
		})},
		{"words of just the limit", url.Values{"Body": {strings.Repeat("x", 39_998) + "é"}}, text(func(in *channels.Inbound) {
			in.Words = molt.Words(strings.Repeat("x", 39_998) + "é")
		})},
		{"WhatsApp", url.Values{"From": {"whatsapp:" + patient.Reveal()}, "To": {"whatsapp:" + clinic.Reveal()}}, text(func(in *channels.Inbound) {
			in.Peer, in.Account = "whatsapp:"+patient, "whatsapp:"+clinic
		})},
		{"a short code", url.Values{"From": {"72975"}}, text(func(in *channels.Inbound) { in.Peer = "72975" })},
		{"an account that is not ours", url.Values{"To": {"+15559999999"}, "AccountSid": {"AC" + strings.Repeat("9", 32)}, "MessagingServiceSid": {serviceSID}}, text(func(in *channels.Inbound) { in.Account = "+15559999999" })},
		{"a photo without words", url.Values{"Body": {""}, "NumMedia": {"1"}, "MediaUrl0": {"https://api.twilio.com/x"}, "MediaContentType0": {"image/jpeg"}}, text(func(in *channels.Inbound) {
			in.Words, in.Media = "", []channels.Media{{URL: "https://api.twilio.com/x", Type: "image/jpeg"}}
		})},
		{"a photo whose URL is missing is still a photo", url.Values{"NumMedia": {"2"}, "MediaUrl0": {"https://x/" + strings.Repeat("y", 3000)}}, text(func(in *channels.Inbound) {
			in.Media = []channels.Media{{}, {}}
		})},
		{"eleven attachments are ten and a mark", url.Values{"NumMedia": {"11"}}, text(func(in *channels.Inbound) {
			in.Media, in.Cut = make([]channels.Media, 10), true
		})},
		{"a number of attachments that is none", url.Values{"NumMedia": {"many"}}, text(func(*channels.Inbound) {})},
		{"the status says received", url.Values{"SmsStatus": {"received"}}, text(func(*channels.Inbound) {})},
	} {
		form := textForm()
		for k, v := range c.form {
			form[k] = v
		}
		if form["Body"] == nil {
			form.Del("Body")
		}
		for _, hook := range []channels.Hook{channels.HookMessage, channels.HookStatus} {
			if hook == channels.HookStatus && !form.Has("SmsStatus") {
				continue // what is not called received is a text at the message door only
			}
			arrival, err := newAdapter(t).Parse(webhook(hook, "", form))
			if err != nil || arrival.Inbound == nil {
				t.Errorf("%s at the %s door: Parse = %+v, %v", c.name, hook, arrival, err)
				continue
			}
			if diff := cmp.Diff(c.want, *arrival.Inbound); diff != "" {
				t.Errorf("%s at the %s door (-want +got):\n%s", c.name, hook, diff)
			}
		}
	}
}

func TestParseStatus(t *testing.T) {
	const sid = "SM00000000000000000000000000000001"
	ids := "c=c_ab12&m=i_7.1&n=3"
	for _, c := range []struct {
		name, query string
		hook        channels.Hook
		form        url.Values
		want        channels.StatusReport
	}{
		{"delivered", ids, channels.HookStatus, url.Values{"MessageStatus": {"delivered"}}, channels.StatusReport{Conversation: "c_ab12", Item: "i_7.1", Attempt: 3, Status: channels.StatusDelivered}},
		{"undelivered with a code", ids, channels.HookStatus, url.Values{"MessageStatus": {"undelivered"}, "ErrorCode": {"30003"}}, channels.StatusReport{Conversation: "c_ab12", Item: "i_7.1", Attempt: 3, Status: channels.StatusUndelivered, Code: 30003, Fault: channels.FaultUnreachable, Hint: twilio.HintOf(30003)}},
		{"not registered", ids, channels.HookStatus, url.Values{"MessageStatus": {"undelivered"}, "ErrorCode": {"30034"}}, channels.StatusReport{Conversation: "c_ab12", Item: "i_7.1", Attempt: 3, Status: channels.StatusUndelivered, Code: 30034, Fault: channels.FaultConfiguration, Hint: twilio.HintOf(30034)}},
		{"opted out", ids, channels.HookStatus, url.Values{"MessageStatus": {"failed"}, "ErrorCode": {"21610"}}, channels.StatusReport{Conversation: "c_ab12", Item: "i_7.1", Attempt: 3, Status: channels.StatusFailed, Code: 21610, Fault: channels.FaultOptedOut, Hint: twilio.HintOf(21610)}},
		{"a code beside a text that went on", ids, channels.HookStatus, url.Values{"MessageStatus": {"sent"}, "ErrorCode": {"30034"}}, channels.StatusReport{Conversation: "c_ab12", Item: "i_7.1", Attempt: 3, Status: channels.StatusSent, Code: 30034}},
		{"a status nobody knows", ids, channels.HookStatus, url.Values{"MessageStatus": {"pondering"}}, channels.StatusReport{Conversation: "c_ab12", Item: "i_7.1", Attempt: 3, Status: "pondering"}},
		{"without our ids", "", channels.HookStatus, url.Values{"MessageStatus": {"sent"}}, channels.StatusReport{Status: channels.StatusSent}},
		{"with half of them", "m=i_7.1", channels.HookStatus, url.Values{"MessageStatus": {"sent"}}, channels.StatusReport{Status: channels.StatusSent}},
		{"with an id too long", "c=x&m=" + strings.Repeat("y", 300), channels.HookStatus, url.Values{"MessageStatus": {"sent"}}, channels.StatusReport{Status: channels.StatusSent}},
		{"an attempt that is no number", "c=x&m=y&n=-4", channels.HookStatus, url.Values{"MessageStatus": {"sent"}}, channels.StatusReport{Conversation: "x", Item: "y", Status: channels.StatusSent}},
		{"ids in the form count for nothing", "", channels.HookStatus, url.Values{"MessageStatus": {"sent"}, "c": {"x"}, "m": {"y"}}, channels.StatusReport{Status: channels.StatusSent}},
		{"only the older name", ids, channels.HookStatus, url.Values{"SmsStatus": {"sent"}}, channels.StatusReport{Conversation: "c_ab12", Item: "i_7.1", Attempt: 3, Status: channels.StatusSent}},
		{"at the wrong door", "", channels.HookMessage, url.Values{"MessageStatus": {"sent"}}, channels.StatusReport{Status: channels.StatusSent}},
		{"a code that is no number", ids, channels.HookStatus, url.Values{"MessageStatus": {"failed"}, "ErrorCode": {"oops"}}, channels.StatusReport{Conversation: "c_ab12", Item: "i_7.1", Attempt: 3, Status: channels.StatusFailed}},
	} {
		c.form.Set("MessageSid", sid)
		c.want.Channel, c.want.ProviderID = "sms", sid
		arrival, err := newAdapter(t).Parse(webhook(c.hook, c.query, c.form))
		if err != nil || arrival.Status == nil {
			t.Errorf("%s: Parse = %+v, %v", c.name, arrival, err)
			continue
		}
		if diff := cmp.Diff(c.want, *arrival.Status); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestParseRejects(t *testing.T) {
	set := func(k, v string) url.Values {
		form := textForm()
		form.Set(k, v)
		return form
	}
	for _, c := range []struct {
		name   string
		hook   channels.Hook
		form   url.Values
		change func(*channels.Request)
		want   int
	}{
		{"no message id", channels.HookMessage, set("MessageSid", ""), nil, 400},
		{"an id of something else", channels.HookMessage, set("MessageSid", "CA00000000000000000000000000000001"), nil, 400},
		{"an id too long", channels.HookMessage, set("MessageSid", "SM"+strings.Repeat("0", 200)), nil, 400},
		{"From is a name", channels.HookMessage, set("From", "Grandma"), nil, 400},
		{"From lost its plus", channels.HookMessage, set("From", " 15550100177"), nil, 400},
		{"no To", channels.HookMessage, set("To", ""), nil, 400},
		{"a status without a status", channels.HookStatus, textForm(), nil, 400},
		{"a status too long", channels.HookStatus, set("MessageStatus", strings.Repeat("x", 33)), nil, 400},
		{"a form key twice", channels.HookMessage, nil, body("MessageSid=SM1&MessageSid=SM2"), 400},
		{"a form key twice, once empty", channels.HookMessage, nil, body("Body=a&Body="), 400},
		{"a query key twice", channels.HookStatus, textForm(), uri("/hooks/sms/status?m=a&m=b"), 400},
		{"a broken form", channels.HookMessage, nil, body("Body=%zz"), 400},
		{"a broken query", channels.HookMessage, textForm(), uri("/hooks/sms/message?a=%zz"), 400},
		{"a semicolon", channels.HookMessage, nil, body("a=1;b=2"), 400},
		{"JSON", channels.HookMessage, textForm(), header("Content-Type", "application/json"), 415},
		{"a body hash", channels.HookMessage, textForm(), uri("/hooks/sms/message?bodySHA256=00"), 415},
		{"no content type, as a GET", channels.HookMessage, textForm(), header("Content-Type", ""), 415},
		{"multipart", channels.HookMessage, textForm(), header("Content-Type", "multipart/form-data; boundary=x"), 415},
		{"too large", channels.HookMessage, textForm(), func(r *channels.Request) { r.Body = make([]byte, channels.MaxHookBytes+1) }, 413},
		{"no such door", "fax", textForm(), nil, 404},
	} {
		req := webhook(c.hook, "", c.form)
		if c.change != nil {
			c.change(&req)
		}
		arrival, err := newAdapter(t).Parse(req)
		if rejectedWith(err) != c.want || arrival != (channels.Arrival{}) {
			t.Errorf("%s: Parse = %+v, %v; want %d", c.name, arrival, err, c.want)
		}
	}
}

func body(b string) func(*channels.Request) {
	return func(r *channels.Request) { r.Body = []byte(b) }
}
func uri(u string) func(*channels.Request) { return func(r *channels.Request) { r.RawURI = u } }
func header(k, v string) func(*channels.Request) {
	return func(r *channels.Request) { r.Header.Set(k, v) }
}

// A second value under a signed name must not slip in: the helper of twilio-go
// reads the first one only, so a signature over the first value would cover it.
func TestRepeatedKeyIsRefusedThoughTwilioGoSignsItOff(t *testing.T) {
	form := textForm()
	req := webhook(channels.HookMessage, "", form)
	req.Body = append(req.Body, "&Body=take+ten+of+them"...)
	if arrival, err := newAdapter(t).Parse(req); rejectedWith(err) != 400 {
		t.Errorf("Parse = %+v, %v; want 400", arrival, err)
	}
}

// FuzzParse signs whatever comes, so that the parser behind the signature is
// what is fuzzed.
func FuzzParse(f *testing.F) {
	f.Add(true, "", []byte(textForm().Encode()))
	f.Add(false, "c=1&m=2&n=3", []byte("MessageSid=SM1&MessageStatus=delivered&ErrorCode=30008"))
	f.Add(true, "x", []byte("MessageSid=MM1&From=%2B15550100177&To=1&NumMedia=99&MediaUrl0=%ff&Body=%00%ff"))
	a := newAdapter(f)
	f.Fuzz(func(t *testing.T, message bool, query string, body []byte) {
		hook := channels.HookStatus
		if message {
			hook = channels.HookMessage
		}
		form, err := url.ParseQuery(string(body))
		if err != nil {
			form = url.Values{}
		}
		req := webhook(hook, query, form)
		req.Body = body
		arrival, err := a.Parse(req)
		if err != nil {
			if rejectedWith(err) == 0 || arrival != (channels.Arrival{}) {
				t.Fatalf("Parse = %+v, %T", arrival, err)
			}
			return
		}
		if (arrival.Inbound == nil) == (arrival.Status == nil) {
			t.Fatalf("arrival %+v has not exactly one field", arrival)
		}
		if in := arrival.Inbound; in != nil {
			checkText(t, *in)
		}
		if s := arrival.Status; s != nil && (s.ProviderID == "" || s.Status == "" || len(s.Item) > molt.MaxIDBytes || s.Attempt < 0 || s.Code < 0) {
			t.Fatalf("report %+v", *s)
		}
	})
}

func checkText(t *testing.T, in channels.Inbound) {
	t.Helper()
	w := in.Words.Reveal()
	if !utf8.ValidString(w) || strings.Contains(w, "\x00") || len(w) > channels.MaxWordsBytes ||
		len(in.Media) > channels.MaxMedia || in.ProviderID == "" || len(in.ProviderID) > channels.MaxProviderID || in.Peer == "" || in.Account == "" {
		t.Fatalf("text %+v is over a limit", in)
	}
	for _, m := range in.Media {
		if len(m.URL) > channels.MaxMediaURL {
			t.Fatalf("media URL of %d bytes", len(m.URL))
		}
	}
	if s := fmt.Sprintf("%v %+v", in, in); len(w) > 8 && strings.Contains(s, w) {
		t.Fatalf("printing the text shows its words")
	}
}
