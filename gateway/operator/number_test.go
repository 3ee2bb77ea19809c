package operator_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/molt"
)

// hears takes in a text of a patient.
func (h *house) hears(peer string) {
	h.t.Helper()
	ticket, err := h.desk.Accept(h.t.Context(), channels.Inbound{
		Channel: "main", Account: "+15550100101", Peer: molt.Address(peer), ProviderID: "SM" + peer[1:], Words: "my chest hurts too", Via: "webhook",
	})
	must(h.t, err)
	_, err = ticket.Wait(h.t.Context())
	must(h.t, err)
}

// TestFoundByNumber finds a conversation by its number and no other, and has
// the look on record before a word is shown.
func TestFoundByNumber(t *testing.T) {
	h := open(t)
	h.hears("+12125550142")
	for _, c := range []struct {
		ref    string
		status int
		says   string
	}{
		{"+12125550142", 200, `"peer":"+12125550142"`},
		{"+1%20(212)%20555-0142", 200, `"peer":"+12125550142"`},
		{"0142", 200, `"peer":"+12125550142"`},
		{"142", 404, "no such conversation"}, // fewer than minDigits
		{"+2125550142", 404, "no conversation is with that number"},
		{"1234567890123456", 404, "no such conversation"}, // more than maxDigits
		{"9999", 404, "no conversation is with that number"},
	} {
		status, body := h.ask(http.MethodGet, "/conversations/"+c.ref, "")
		if status != c.status || !strings.Contains(body, c.says) {
			t.Errorf("%s: %d %.200s; want %d and %q", c.ref, status, body, c.status, c.says)
		}
	}
	h.store.closed = true
	if _, body := h.ask(http.MethodGet, "/conversations/0142", ""); strings.Contains(body, "chest") || strings.Contains(body, "2125550142") {
		t.Errorf("words were shown without a record of it: %s", body)
	}
	h.store.closed = false
	_, body := h.ask(http.MethodGet, "/conversations/0142", "")
	if n := strings.Count(body, `"kind":"read"`); n != 4 {
		t.Errorf("%d looks are on record, want 4", n)
	}
}

// TestMaxCandidates has a number's end that many share answered with a bounded
// list, in which nobody can be told.
func TestMaxCandidates(t *testing.T) {
	h := open(t)
	for i := range 25 {
		h.hears(fmt.Sprintf("+1%d5550142", 200+i))
	}
	status, body := h.ask(http.MethodGet, "/conversations/0142", "")
	if n := strings.Count(body, "patient …42, main, last"); status != http.StatusConflict || n != 20 || !strings.Contains(body, "and others; write more digits") {
		t.Errorf("%d with %d candidates: %s; want 409 with 20", status, n, body)
	}
	if strings.Contains(body, "5550142") || strings.Contains(body, "chest") {
		t.Errorf("the list tells who it is: %s", body)
	}
}
