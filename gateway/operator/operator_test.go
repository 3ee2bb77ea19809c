package operator_test

import (
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/audit"
	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/gateway/operator"
	"github.com/tidegate/tidegate/gateway/policy"
	"github.com/tidegate/tidegate/gateway/screen"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/memstore"
	"github.com/tidegate/tidegate/molt/seal"
)

// deny is a store that refuses to take anything while it is closed.
type deny struct {
	molt.Store
	closed bool
}

func (s *deny) Commit(ctx context.Context, b molt.Batch) (molt.Committed, error) {
	if s.closed {
		return molt.Committed{}, molt.ErrClosed
	}
	return s.Store.Commit(ctx, b)
}

type house struct {
	t     *testing.T
	store *deny
	desk  *intake.Desk
	op    *operator.Operator
	http  *http.Client
	id    molt.ConversationID

	scarce bool // room on the disk
}

// open makes a house with one red flag in it, and its socket.
func open(t *testing.T) *house {
	t.Helper()
	dir := t.TempDir()
	ring, err := seal.LoadOrCreate(filepath.Join(dir, "key"), rand.NewChaCha8([32]byte{1}))
	must(t, err)
	scr, err := screen.New()
	must(t, err)
	texts, err := policy.NewTexts("en", map[string]string{"clinic": "Harbor", "emergency": "911", "crisis": "988", "phone": "555-010-0100"}, nil)
	must(t, err)
	rules := &turn.Rules{Digest: "test", Languages: []string{"en"}, Zone: time.UTC, Texts: texts, Plan: escalation.Plan{
		Terms: escalation.DefaultTerms(), Hours: escalation.Hours{Zone: time.UTC},
		People: map[molt.PersonID]escalation.Person{"alice": {ID: "alice", Name: "Alice", Routes: []escalation.Route{{Name: "sms", Channel: "main", Address: "+15550100111"}}}},
	}}
	h := &house{t: t, store: &deny{Store: memstore.New()}}
	h.desk, err = intake.New(intake.Options{Store: h.store, Ring: ring, Screen: scr, Rules: func() *turn.Rules { return rules }, Log: zerolog.Nop()})
	must(t, err)
	h.op, err = operator.New(operator.Options{Desk: h.desk, Audit: audit.New(h.store, ring), Rules: func() *turn.Rules { return rules }, Daemon: true, Scarce: func() bool { return h.scarce }})
	must(t, err)
	ticket, err := h.desk.Accept(t.Context(), channels.Inbound{Channel: "main", Account: "+15550100101", Peer: "+15550100199", ProviderID: "SM1", Words: "my chest hurts", Via: "webhook"})
	must(t, err)
	a, err := ticket.Wait(t.Context())
	must(t, err)
	h.id = a.Conversation
	h.listen(filepath.Join(dir, "s"))
	return h
}

func (h *house) listen(path string) {
	l, err := net.Listen("unix", path)
	must(h.t, err)
	s := &http.Server{Handler: h.op.Handler(), ConnContext: operator.ConnContext}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = s.Serve(l) }()
	h.t.Cleanup(func() { _ = s.Close(); <-ended })
	h.http = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (h *house) ask(method, path, body string) (int, string) {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), method, "http://x"+path, strings.NewReader(body))
	must(h.t, err)
	resp, err := h.http.Do(req)
	must(h.t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	must(h.t, err)
	return resp.StatusCode, string(b)
}

func TestActorIsWhoTheKernelSays(t *testing.T) {
	h := open(t)
	me, err := user.Current()
	must(t, err)
	_, body := h.ask(http.MethodGet, "/status", "")
	var s operator.Status
	must(t, json.Unmarshal([]byte(body), &s))
	if s.Actor != "os:"+me.Username {
		t.Errorf("the actor is %q, want os:%s", s.Actor, me.Username)
	}
	// Over anything but the socket nobody can be told, and nobody is let in.
	web := httptest.NewServer(h.op.Handler())
	defer web.Close()
	resp, err := http.Get(web.URL + "/cases")
	must(t, err)
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("over TCP: %s, want 403", resp.Status)
	}
}

// TestNoWordsWithoutRecord: when the look cannot be recorded, nothing is shown.
func TestNoWordsWithoutRecord(t *testing.T) {
	h := open(t)
	for _, path := range []string{"/cases/" + string(h.id), "/conversations/" + string(h.id), "/export"} {
		h.store.closed = true
		if _, body := h.ask(http.MethodGet, path, ""); strings.Contains(body, "chest") {
			t.Errorf("%s showed words without a record of it: %s", path, body)
		}
		h.store.closed = false
		if _, body := h.ask(http.MethodGet, path, ""); !strings.Contains(body, "chest") {
			t.Errorf("%s: %s", path, body)
		}
	}
	_, body := h.ask(http.MethodGet, "/conversations/"+string(h.id), "")
	if n := strings.Count(body, `"kind":"read"`); n != 4 {
		t.Errorf("%d looks are on record, want 4", n)
	}
}

func TestActsAreChecked(t *testing.T) {
	h := open(t)
	acts := "/cases/" + string(h.id) + "/acts"
	for _, c := range []struct {
		path, body string
		status     int
		says       string
	}{
		{acts, `{"verb":"take"}`, 400, "nonce"},
		{acts, `{"verb":"dance","nonce":"n"}`, 400, "no such verb"},
		{acts, `{"verb":"relay","nonce":"n","words":" "}`, 400, "no words"},
		{acts, `{"verb":"lower","nonce":"n","severity":"S7"}`, 400, "S1, S2, S3 or S4"},
		{acts, `{"verb":"take","nonce":"n","actor":"alice"}`, 400, "does not read"},
		{acts, `{"verb":"note","nonce":"n","words":"` + strings.Repeat("x", 70<<10) + `"}`, 413, "64 KiB"},
		{"/cases/ZZZZ/acts", `{"verb":"take","nonce":"n"}`, 404, "no case has that code"},
		{"/cases/c_nobody/acts", `{"verb":"take","nonce":"n"}`, 404, "no such conversation"},
		{"/cases/alice/acts", `{"verb":"take","nonce":"n"}`, 404, "neither"},
		{acts, `{"verb":"take","nonce":"n1"}`, 200, "for 5 minutes pages on-call again"},
		{acts, `{"verb":"called","nonce":"n2","reached":true}`, 200, `"done":true`},
		{acts, `{"verb":"called","nonce":"n2","reached":true}`, 200, "Done before"},
	} {
		status, body := h.ask(http.MethodPost, c.path, c.body)
		if status != c.status || !strings.Contains(body, c.says) {
			t.Errorf("%s %.60s: %d %s; want %d and %q", c.path, c.body, status, body, c.status, c.says)
		}
	}
}

func TestFaultsHoldNothing(t *testing.T) {
	h := open(t)
	h.store.closed = true
	status, body := h.ask(http.MethodPost, "/cases/"+string(h.id)+"/acts", `{"verb":"note","nonce":"n","words":"private words"}`)
	if status != http.StatusServiceUnavailable || strings.Contains(body, "private") || strings.Contains(body, "5550100199") {
		t.Errorf("got %d %s", status, body)
	}
}

// TestExportsWaitForRoom: the record of one patient as well as that of all.
func TestExportsWaitForRoom(t *testing.T) {
	h := open(t)
	for _, path := range []string{"/export", "/patients/" + string(h.id), "/patients/+15550100199"} {
		h.scarce = true
		if status, body := h.ask(http.MethodGet, path, ""); status != http.StatusServiceUnavailable || !strings.Contains(body, "nearly full") || strings.Contains(body, "chest") {
			t.Errorf("%s on a full disk: %d %s, want 503 and why", path, status, body)
		}
		h.scarce = false
		if status, body := h.ask(http.MethodGet, path, ""); status != http.StatusOK || !strings.Contains(body, "chest") {
			t.Errorf("%s with room: %d %s", path, status, body)
		}
	}
}
