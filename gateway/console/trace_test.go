package console_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// TestTracePage: each decision with its reason and what it saw, without script, the
// newest first, and bounded, with a way to the earlier ones.
func TestTracePage(t *testing.T) {
	h := open(t)
	id := h.patient("my chest hurts")
	alice := h.as("alice")
	status, page, _ := alice.get("/c/" + string(id) + "/trace")
	for _, want := range []string{
		"<summary>", "Red flag", "The screen found a red flag", "my chest hurts", "screen: S1", "by the words", "say emergency", "owner is hold",
	} {
		if status != http.StatusOK || !strings.Contains(page, want) {
			t.Fatalf("the page (%d) lacks %q:\n%s", status, want, page)
		}
	}
	if strings.Contains(page, "on-") || strings.Count(page, "<script") != strings.Count(page, "<script src=\"/static/") {
		t.Error("the page needs a script of its own")
	}
	for range 120 {
		h.patient("are you there?")
	}
	_, page, _ = alice.get("/c/" + string(id) + "/trace")
	if n := strings.Count(page, "<summary>"); n != 100 {
		t.Errorf("the page shows %d decisions, want 100", n)
	}
	next := regexp.MustCompile(`/trace\?before=[0-9]+`).FindString(page)
	_, page, _ = alice.get("/c/" + string(id) + next)
	if next == "" || !strings.Contains(page, "The screen found a red flag") {
		t.Errorf("%q does not lead to the first decision", next)
	}
}

// TestNobodyReadsAnothersLink: a link that signs an admin in stands in the journal of
// her texts, which whoever may read the record can open.
func TestNobodyReadsAnothersLink(t *testing.T) {
	h := open(t)
	if status, _, _ := h.browser().post("/sign-in", url.Values{"id": {"bob"}}); status != http.StatusOK {
		t.Fatalf("a link was asked for: %d", status)
	}
	stream, _ := h.desk.StreamOf("bob", "main", phones["bob"])
	ada := h.as("ada")
	for _, page := range []string{"", "/chart", "/trace"} {
		status, body, _ := ada.get("/c/" + string(stream) + page)
		if status != http.StatusOK || strings.Contains(body, "/in?t=") {
			t.Errorf("%q (%d) shows the auditor a link that signs in an admin:\n%s", page, status, body)
		}
	}
}
