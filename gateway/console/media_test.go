package console_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

const jpeg = "\xff\xd8\xff\xe0 a rash on the left arm"

// photos is a patient's text with files, of which each is had as what says: the
// type of a file that is kept, the reason for which it is not, or "" for one
// that is still to come.
func (h *house) photos(peer molt.Address, words string, what ...string) molt.ConversationID {
	h.t.Helper()
	h.texts++
	ticket, err := h.desk.Accept(h.t.Context(), channels.Inbound{
		Channel: "main", Account: "+12125550101", Peer: peer, ProviderID: fmt.Sprintf("MM%d", h.texts), Words: molt.Words(words), Via: "webhook",
		Media: make([]channels.Media, len(what)),
	})
	must(h.t, err)
	a, err := ticket.Wait(h.t.Context())
	must(h.t, err)
	for i, w := range what {
		h.had(a.Conversation, turn.FileAt{Seq: a.Text, Index: i}, w)
	}
	return a.Conversation
}

func (h *house) had(id molt.ConversationID, at turn.FileAt, what string) {
	h.t.Helper()
	fact := intake.Fact{Kind: turn.KindFetchFailed, Body: &turn.FetchFailed{Seq: at.Seq, Index: at.Index, Why: channels.FetchFault(what)}}
	switch {
	case what == "":
		return
	case strings.Contains(what, "/"):
		_, came, err := h.desk.Inbound(h.t.Context(), id, at.Seq)
		must(h.t, err)
		ref, err := h.files.Keep(h.t.Context(), id, came, []byte(jpeg))
		must(h.t, err)
		fact = intake.Fact{Kind: turn.KindFetched, Body: &turn.Fetched{Seq: at.Seq, Index: at.Index, Hash: ref.Name, Key: ref.Key, Type: what, Bytes: int64(len(jpeg))}}
	}
	_, err := h.desk.Step(h.t.Context(), id, nil, func(s *turn.State, _ func(turn.Ref) molt.Words) intake.Plan {
		switch b := fact.Body.(type) {
		case *turn.Fetched:
			b.Item = s.File(at).Item
		case *turn.FetchFailed:
			b.Item = s.File(at).Item
		}
		return intake.Plan{Facts: []intake.Fact{fact}}
	})
	must(h.t, err)
}

// TestPicturesAreShown: each file stands at its message, as what it is.
func TestPicturesAreShown(t *testing.T) {
	h := open(t)
	id := h.photos("+15550100199", "my chest hurts, look", "image/jpeg", "text/html", "too_large", "not_found", "")
	alice := h.as("alice")
	_, page, _ := alice.get("/c/" + string(id))
	for _, want := range []string{
		`<img src="/c/` + string(id) + `/media/2/0" alt="Picture from the patient, `,
		`/media/2/1">File from the patient, `, "(text/html, 1 KB)",
		"A file could not be fetched: it is too large.", "A file could not be fetched yet: the carrier does not have it. It is tried again.", "A file is being fetched.",
		"(1 picture, 1 file, 3 files that are not here)", // in the handoff
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	_, chart, _ := alice.get("/c/" + string(id) + "/chart")
	if !strings.Contains(chart, "[with 1 picture, 1 file, 3 files that are not here]") {
		t.Errorf("the chart does not tell of the files:\n%s", chart)
	}
	for _, c := range []struct{ path, kind, way string }{
		{"/media/2/0", "image/jpeg", `inline; filename="from-patient-2-0.jpeg"`},
		{"/media/2/1", "application/octet-stream", `attachment; filename="from-patient-2-1.bin"`},
	} {
		status, body, head := alice.get("/c/" + string(id) + c.path)
		if status != http.StatusOK || body != jpeg || head.Get("Content-Type") != c.kind || head.Get("Content-Disposition") != c.way {
			t.Errorf("%s: %d, %d bytes, %q, %q", c.path, status, len(body), head.Get("Content-Type"), head.Get("Content-Disposition"))
		}
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Content-Security-Policy": "default-src 'none'; sandbox", "Cross-Origin-Resource-Policy": "same-origin"} {
			if head.Get(name) != want {
				t.Errorf("%s: %s %q, want %q", c.path, name, head.Get(name), want)
			}
		}
	}
}

// TestOnlyAllowedTypesAreShown: a type that a browser could run is never given
// its name.
func TestOnlyAllowedTypesAreShown(t *testing.T) {
	h := open(t)
	alice := h.as("alice")
	for _, kind := range []string{"image/svg+xml", "text/html", "application/pdf", "image/x-icon", "image/bmp", "video/mp4", "text/xml", "image/jpeg; x=y"} {
		id := h.photos("+15550100199", "look", kind)
		f, err := h.audit.Export(t.Context(), id)
		must(t, err)
		_, _, head := alice.get(fmt.Sprintf("/c/%s/media/%d/0", id, f.Inbound[len(f.Inbound)-1].Seq))
		if head.Get("Content-Type") != "application/octet-stream" || !strings.HasPrefix(head.Get("Content-Disposition"), "attachment") {
			t.Errorf("%s is given as %q, %q", kind, head.Get("Content-Type"), head.Get("Content-Disposition"))
		}
	}
}

// TestFilesAreGuarded: who may not read, whoever guesses, and what is not kept.
func TestFilesAreGuarded(t *testing.T) {
	h := open(t)
	id := h.photos("+15550100199", "look", "image/jpeg", "not_found", "")
	other := h.from("+15550100198", "hello")
	alice := h.as("alice")
	for _, path := range []string{
		"/c/" + string(other) + "/media/2/0", "/c/c_nobody/media/2/0", "/c/" + string(id) + "/media/2/1", "/c/" + string(id) + "/media/2/2", "/c/" + string(id) + "/media/2/3",
		"/c/" + string(id) + "/media/3/0", "/c/" + string(id) + "/media/2/-1", "/c/" + string(id) + "/media/-2/0", "/c/" + string(id) + "/media/18446744073709551616/0",
		"/c/" + string(id) + "/media/2/x", "/c/" + string(id) + "/media/2/99999999999999999999", "/c/" + string(id) + "/media/2/0/", "/c/" + string(id) + "/media/2", "/c/..%2f..%2ftenant.key/media/2/0",
	} {
		if status, body, _ := alice.get(path); status != http.StatusNotFound || strings.Contains(body, "rash") {
			t.Errorf("%s: %d, want 404", path, status)
		}
	}
	if got := h.looks(other, "alice"); len(got) != 0 {
		t.Errorf("guesses are on record as looks: %q", got)
	}
	b := h.browser()
	path := "/c/" + string(id) + "/media/2/0"
	if status, body, head := b.get(path); status != http.StatusSeeOther || !strings.HasPrefix(head.Get("Location"), "/sign-in") || strings.Contains(body, "rash") {
		t.Errorf("as nobody: %d", status)
	}
	req := b.request(http.MethodGet, path, nil)
	req.Header.Set("Sec-Fetch-Dest", "image") // as a page's picture, which keeps nobody signed in
	if status, body, _ := b.send(req); status != http.StatusUnauthorized || strings.Contains(body, "rash") {
		t.Errorf("as a page's picture, signed out: %d, want 401", status)
	}
	for who := range people {
		if status, body, _ := h.as(who).get(path); status != http.StatusOK || body != jpeg {
			t.Errorf("as %s: %d", who, status)
		}
	}
	req = alice.request(http.MethodGet, path, nil)
	req.Host = "evil.example"
	if status, _, _ := alice.send(req); status != http.StatusMisdirectedRequest {
		t.Errorf("for another host: %d", status)
	}
}

// looks are somebody's looks on record.
func (h *house) looks(id molt.ConversationID, who molt.PersonID) (out []string) {
	h.t.Helper()
	f, err := h.audit.Export(h.t.Context(), id)
	must(h.t, err)
	for _, e := range f.Journal {
		var r turn.Read
		if e.Kind == turn.KindRead && json.Unmarshal(e.Body, &r) == nil && r.Actor == who {
			out = append(out, r.What)
		}
	}
	return out
}

// TestLooksAtPicturesAreOnRecord: once a session for each, however often a page
// loads it.
func TestLooksAtPicturesAreOnRecord(t *testing.T) {
	h := open(t)
	id := h.photos("+15550100199", "look", "image/jpeg", "image/png")
	ada := h.as("ada")
	for range 3 {
		ada.get("/c/" + string(id) + "/media/2/0")
	}
	ada.get("/c/" + string(id) + "/media/2/1")
	h.as("lee").get("/c/" + string(id) + "/media/2/1")
	for who, want := range map[molt.PersonID]string{"ada": "media 2.0, media 2.1", "lee": "media 2.1"} {
		if got := strings.Join(h.looks(id, who), ", "); got != want {
			t.Errorf("on record of %s: %q, want %q", who, got, want)
		}
	}
}

// TestAFileThatIsNotThere is said so, and the page goes on.
func TestAFileThatIsNotThere(t *testing.T) {
	for name, harm := range map[string]func(path string) error{
		"gone":    os.Remove,
		"damaged": func(path string) error { return os.Truncate(path, 10) },
	} {
		h := open(t)
		id := h.photos("+15550100199", "look", "image/jpeg")
		entries, err := os.ReadDir(h.folder)
		must(t, err)
		must(t, harm(filepath.Join(h.folder, entries[0].Name())))
		alice := h.as("alice")
		if status, body, _ := alice.get("/c/" + string(id) + "/media/2/0"); status != http.StatusGone || !strings.Contains(body, "tidegate verify") {
			t.Errorf("%s: %d %s", name, status, body)
		}
		if status, _, _ := alice.get("/c/" + string(id)); status != http.StatusOK {
			t.Errorf("%s: the page: %d", name, status)
		}
		if log := h.log.String(); !strings.Contains(log, `"error"`) || strings.Contains(log, "rash") || strings.Contains(log, "0199") {
			t.Errorf("%s: log: %s", name, log)
		}
	}
}
