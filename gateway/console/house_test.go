package console_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/access"
	"github.com/tidegate/tidegate/gateway/audit"
	"github.com/tidegate/tidegate/gateway/casework"
	"github.com/tidegate/tidegate/gateway/console"
	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/gateway/policy"
	"github.com/tidegate/tidegate/gateway/screen"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/attic"
	"github.com/tidegate/tidegate/molt/memstore"
	"github.com/tidegate/tidegate/molt/seal"
)

// house is a console over a store in memory, with staff of every role.
type house struct {
	t       *testing.T
	desk    *intake.Desk
	audit   *audit.Auditor
	files   *attic.Attic
	folder  string      // of the files
	rules   *turn.Rules // of the test alone; to be changed before anything happens
	access  *access.Access
	console *console.Console
	gateway *standIn
	web     *httptest.Server
	texts   int
	log     strings.Builder
}

var people = map[molt.PersonID]access.Person{
	"alice": {ID: "alice", Name: "Alice N.", Role: access.RoleNurse},
	"bea":   {ID: "bea", Name: "Bea N.", Role: access.RoleNurse},
	"lee":   {ID: "lee", Name: "Lee L.", Role: access.RoleLead},
	"bob":   {ID: "bob", Name: "Bob T.", Role: access.RoleAdmin},
	"ada":   {ID: "ada", Name: "Ada A.", Role: access.RoleAuditor},
}

// phones are where staff are texted.
var phones = map[molt.PersonID]molt.Address{"alice": "+15550100111", "bea": "+15550100112", "lee": "+15550100113", "bob": "+15550100114"}

func rulesOf(t *testing.T) *turn.Rules {
	t.Helper()
	texts, err := policy.NewTexts("en", map[string]string{"clinic": "Harbor", "emergency": "911", "crisis": "988", "phone": "555-010-0100"}, nil)
	must(t, err)
	plan := escalation.Plan{Terms: escalation.DefaultTerms(), Hours: escalation.Hours{Zone: time.UTC}, People: map[molt.PersonID]escalation.Person{}}
	for id, phone := range phones {
		plan.People[id] = escalation.Person{ID: id, Name: people[id].Name, Routes: []escalation.Route{{Name: "sms", Channel: "main", Address: phone}}}
	}
	return &turn.Rules{
		Digest: "test", Clinic: "Harbor", Languages: []string{"en"}, Zone: time.UTC, Texts: texts, Plan: plan,
		Accounts: map[string]molt.Address{"main": "+12125550101"},
	}
}

func open(t *testing.T) *house {
	t.Helper()
	ring, err := seal.LoadOrCreate(filepath.Join(t.TempDir(), "key"), rand.NewChaCha8([32]byte{1}))
	must(t, err)
	scr, err := screen.New()
	must(t, err)
	rules := rulesOf(t)
	now := func() *turn.Rules { return rules }
	h := &house{t: t, rules: rules}
	store := memstore.New()
	h.desk, err = intake.New(intake.Options{Store: store, Ring: ring, Screen: scr, Rules: now, Log: zerolog.Nop(), Watch: func(id molt.ConversationID, s turn.State, d turn.Decided) {
		h.console.Changed(id, &s, d)
	}})
	must(t, err)
	h.audit = audit.New(store, ring)
	h.folder = filepath.Join(t.TempDir(), "media")
	h.files, err = attic.Open(attic.Options{Folder: h.folder, Store: store, Ring: ring, Random: rand.NewChaCha8([32]byte{2})})
	must(t, err)
	h.access, err = access.Open(t.Context(), access.Options{Store: store, People: func() map[molt.PersonID]access.Person { return people }})
	must(t, err)
	work, err := casework.New(casework.Options{Desk: h.desk, Rules: now})
	must(t, err)
	h.gateway = &standIn{}
	h.console, err = console.New(console.Options{
		Gateway: h.gateway, Config: fileOf(t, store),
		Casework: work, Intake: h.desk, Audit: h.audit, Access: h.access, Files: h.files, Rules: now,
		URL: "https://console.example", Log: zerolog.New(&h.log),
	})
	must(t, err)
	h.web = httptest.NewTLSServer(h.console.Handler())
	t.Cleanup(func() { h.console.Close(); h.web.Close() })
	return h
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// patient texts the clinic and returns her conversation.
func (h *house) patient(words string) molt.ConversationID {
	h.t.Helper()
	return h.from("+15550100199", words)
}

func (h *house) from(peer molt.Address, words string) molt.ConversationID {
	h.t.Helper()
	h.texts++
	ticket, err := h.desk.Accept(h.t.Context(), channels.Inbound{
		Channel: "main", Account: "+12125550101", Peer: peer, ProviderID: fmt.Sprintf("SM%d", h.texts), Words: molt.Words(words), Via: "webhook",
	})
	must(h.t, err)
	a, err := ticket.Wait(h.t.Context())
	must(h.t, err)
	return a.Conversation
}

// chat is a visitor's text on the web chat, all of them from one network.
func (h *house) chat(visitor, words string) {
	h.t.Helper()
	h.chatFrom(visitor, "somewhere", words)
}

func (h *house) chatFrom(visitor, source, words string) {
	h.t.Helper()
	h.texts++
	ticket, err := h.desk.Accept(h.t.Context(), channels.Inbound{
		Channel: "web", Account: "web", Peer: molt.Address(visitor), ProviderID: fmt.Sprintf("W%d", h.texts), Words: molt.Words(words),
		Via: channels.ViaLive, Source: source,
	})
	must(h.t, err)
	_, err = ticket.Wait(h.t.Context())
	must(h.t, err)
}

// browser is somebody at a browser of her own.
type browser struct {
	h *house
	c *http.Client
}

func (h *house) browser() *browser {
	jar, err := cookiejar.New(nil)
	must(h.t, err)
	return &browser{h, &http.Client{
		Transport: h.web.Client().Transport, Jar: jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (h *house) mint(id molt.PersonID) string {
	h.t.Helper()
	token, err := h.access.Mint(h.t.Context(), id)
	must(h.t, err)
	return token
}

// as is somebody who has signed in.
func (h *house) as(id molt.PersonID) *browser {
	h.t.Helper()
	b := h.browser()
	if status, body, _ := b.post("/in", url.Values{"t": {h.mint(id)}}); status != http.StatusSeeOther {
		h.t.Fatalf("sign in as %s: %d %s", id, status, body)
	}
	return b
}

func (b *browser) send(req *http.Request) (int, string, http.Header) {
	b.h.t.Helper()
	resp, err := b.c.Do(req)
	must(b.h.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	must(b.h.t, err)
	return resp.StatusCode, string(body), resp.Header
}

func (b *browser) request(method, path string, form url.Values) *http.Request {
	b.h.t.Helper()
	req, err := http.NewRequestWithContext(context.WithoutCancel(b.h.t.Context()), method, b.h.web.URL+path, strings.NewReader(form.Encode()))
	must(b.h.t, err)
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return req
}

func (b *browser) get(path string) (int, string, http.Header) {
	b.h.t.Helper()
	return b.send(b.request(http.MethodGet, path, nil))
}

func (b *browser) post(path string, form url.Values) (int, string, http.Header) {
	b.h.t.Helper()
	return b.send(b.request(http.MethodPost, path, form))
}

// ids are the hidden fields that every form of a case has, and more.
func ids(page string, more ...string) url.Values {
	v := url.Values{}
	for _, name := range []string{"nonce", "case", "version"} {
		_, rest, _ := strings.Cut(page, `name="`+name+`" value="`)
		value, _, _ := strings.Cut(rest, `"`)
		v.Set(name, value)
	}
	for i := 0; i+1 < len(more); i += 2 {
		v.Set(more[i], more[i+1])
	}
	return v
}
