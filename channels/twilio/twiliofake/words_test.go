package twiliofake

import (
	"slices"
	"strings"
	"testing"
)

func TestSegments(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		want       int
	}{
		{"empty", "", 1},
		{"gsm alone", strings.Repeat("a", 160), 1},
		{"gsm joined", strings.Repeat("a", 161), 2},
		{"gsm full", strings.Repeat("a", 306), 2},
		{"gsm three", strings.Repeat("a", 307), 3},
		{"an extended character counts twice", strings.Repeat("a", 159) + "€", 2},
		{"an extended character is not split", strings.Repeat("a", 152) + "€" + strings.Repeat("a", 152), 3},
		{"inside gsm", strings.Repeat("ñ", 160), 1},
		{"outside gsm", strings.Repeat("á", 71), 2},
		{"emoji", strings.Repeat("👍", 35), 1},
		{"emoji are not split", strings.Repeat("👍", 67), 3},
		{"curly quote", "’" + strings.Repeat("a", 70), 2},
	} {
		if got := segments(tt.body); got != tt.want {
			t.Errorf("%s: segments = %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestKeywords(t *testing.T) {
	for _, tt := range []struct{ body, want string }{
		{"STOP", keywordStop},
		{" stopall\n", keywordStop},
		{"Unsubscribe", keywordStop},
		{"cancel", keywordStop},
		{"end", keywordStop},
		{"quit", keywordStop},
		{"REVOKE", keywordStop},
		{"OptOut", keywordStop},
		{"start", keywordStart},
		{"Yes", keywordStart},
		{"UNSTOP", keywordStart},
		{"help", keywordHelp},
		{"INFO", keywordHelp},
		{"please stop", ""},
		{"stop.", ""},
		{"", ""},
	} {
		if got := keywordOf(patient, tt.body); got != tt.want {
			t.Errorf("keywordOf(%q) = %q, want %q", tt.body, got, tt.want)
		}
	}
	if got := keywordOf("whatsapp:"+patient, "STOP"); got != "" {
		t.Errorf("WhatsApp has no keywords: got %q", got)
	}
}

func TestAddresses(t *testing.T) {
	for _, tt := range []struct {
		address string
		want    bool
	}{
		{"+15550100001", true},
		{"whatsapp:+15550100001", true},
		{"+442071838750", true},
		{"15550100001", false},
		{"+1555010000", false},
		{"+155501000012", false},
		{"+1 555 010 0001", false},
		{"+05550100001", false},
		{"sms:+15550100001", false},
		{"", false},
	} {
		if got := validAddress(tt.address); got != tt.want {
			t.Errorf("validAddress(%q) = %v, want %v", tt.address, got, tt.want)
		}
	}
}

func TestReplies(t *testing.T) {
	for _, tt := range []struct {
		name string
		o    outcome
		code int
		want []string
	}{
		{"no content", outcome{status: 204}, 0, nil},
		{"empty with type", outcome{status: 200, kind: "text/xml"}, 0, nil},
		{"empty without type", outcome{status: 200}, codeReplyType, nil},
		{"json", outcome{status: 200, kind: "application/json", body: "{}"}, codeReplyType, nil},
		{"empty response", outcome{status: 200, kind: "text/xml; charset=utf-8", body: "<?xml version=\"1.0\"?>\n<Response/>\n<!-- x -->"}, 0, nil},
		{"messages", outcome{status: 200, kind: "application/xml", body: `<Response><Message>one</Message><Redirect>/x</Redirect><Message><Body>two</Body><Media>http://x</Media></Message></Response>`}, 0, []string{"one", "two"}},
		{"plain", outcome{status: 200, kind: "text/plain", body: "ok\n"}, 0, []string{"ok"}},
		{"broken", outcome{status: 200, kind: "text/xml", body: "<Response>"}, codeReplyUnread, nil},
		{"two roots", outcome{status: 200, kind: "text/xml", body: "<Response/><Response/>"}, codeReplyUnread, nil},
		{"text after", outcome{status: 200, kind: "text/xml", body: "<Response/>ok"}, codeReplyUnread, nil},
		{"other root", outcome{status: 200, kind: "text/xml", body: "<html/>"}, codeReplyUnread, nil},
	} {
		if code, _ := judgeReply(tt.o); code != tt.code {
			t.Errorf("%s: judgeReply = %d, want %d", tt.name, code, tt.code)
		}
		if got := replies(tt.o); !slices.Equal(got, tt.want) {
			t.Errorf("%s: replies = %q, want %q", tt.name, got, tt.want)
		}
	}
	if got := replies(outcome{status: 500, failure: "5xx", kind: "text/plain", body: "oops"}); got != nil {
		t.Errorf("a failed answer sends %q, want nothing", got)
	}
}
