package console_test

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/tidegate/tidegate/config"
	"github.com/tidegate/tidegate/gateway/access"
	"github.com/tidegate/tidegate/gateway/console"
	"github.com/tidegate/tidegate/gateway/reload"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// standIn is a gateway that only remembers.
type standIn struct {
	pause turn.Pause
	turns []console.PauseTurn
}

func (g *standIn) Channels() ([]console.Channel, molt.Time) {
	return []console.Channel{{ID: "main", Accounts: []molt.Address{"+12125550101"}, Traffic: console.Traffic{
		Faults: []console.FaultCount{{Kind: "rate", N: 3}},
	}}, {ID: "web", Live: true}}, 1
}

func (g *standIn) Paused() (turn.Pause, []console.PauseTurn) { return g.pause, g.turns }

func (g *standIn) Pause(_ context.Context, by molt.PersonID, channel string, silent bool) error {
	g.turns = append([]console.PauseTurn{{At: 1, By: by, Channel: channel, Silent: silent}}, g.turns...)
	if channel == "" {
		g.pause.All = silent
	} else if silent {
		g.pause.Channels = append(g.pause.Channels, channel)
	}
	return nil
}

// fileOf is a configuration file in which nothing is wrong but the word "wrong".
func fileOf(t *testing.T, store molt.Store) *reload.Keeper {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tidegate.yaml")
	must(t, os.WriteFile(path, []byte("clinic: <Harbor>\n"), 0o600))
	k, err := reload.New(reload.Options{Path: path, Start: []byte("clinic: <Harbor>\n"), Store: store, Log: zerolog.Nop(), Load: func(text []byte) (reload.Built, []string, error) {
		if strings.Contains(string(text), "wrong") {
			return reload.Built{}, nil, config.Faults{{Line: 2, Field: "clinic", Rule: "must not be wrong"}}
		}
		return reload.Built{Says: "all is well", Swap: func(context.Context) error { return nil }}, nil, nil
	}})
	must(t, err)
	return k
}

func TestTheEditorKeepsWhatWasWritten(t *testing.T) {
	h := open(t)
	bob := h.as("bob")
	_, page, _ := bob.get("/admin/config")
	_, rest, _ := strings.Cut(page, `name="was" value="`)
	was, _, _ := strings.Cut(rest, `"`)
	if !strings.Contains(page, "clinic: &lt;Harbor&gt;") {
		t.Errorf("the editor lacks the file:\n%s", page)
	}
	status, page, _ := bob.post("/admin/config", url.Values{"text": {"x\nwrong </textarea>"}, "was": {was}, "do": {"apply"}})
	for _, want := range []string{"wrong &lt;/textarea&gt;", `data-line="2"`, "must not be wrong", "What changes"} {
		if status != http.StatusUnprocessableEntity || !strings.Contains(page, want) {
			t.Errorf("%d, the page lacks %q:\n%s", status, want, page)
		}
	}
	status, page, _ = bob.post("/admin/config", url.Values{"text": {"fine"}, "was": {"other"}, "do": {"apply"}})
	if status != http.StatusConflict || !strings.Contains(page, "fine</textarea>") {
		t.Errorf("an old page: %d\n%s", status, page)
	}
	if status, _, _ := bob.post("/admin/config/check", url.Values{"text": {strings.Repeat("x", 4<<20)}}); status != http.StatusRequestEntityTooLarge {
		t.Errorf("four megabytes: %d", status)
	}
	if status, page, _ := bob.get("/admin/config/history/7"); status != http.StatusNotFound || !strings.Contains(page, "not kept") {
		t.Errorf("what is not kept: %d\n%s", status, page)
	}
}

// TestAdminPagesAreForThoseWhoMay tries every admin address as every role.
func TestAdminPagesAreForThoseWhoMay(t *testing.T) {
	h := open(t)
	routes := h.console.AdminRoutes()
	if len(routes[access.Configure]) < 11 || len(routes[access.Pause]) < 2 || len(routes) != 2 {
		t.Fatalf("the admin's addresses: %v", routes)
	}
	for _, id := range []molt.PersonID{"alice", "lee", "ada", ""} {
		b := h.browser()
		if id != "" {
			b = h.as(id)
		}
		for right, patterns := range routes {
			if people[id].Role.May(right) {
				continue
			}
			for _, pattern := range patterns {
				method, path, _ := strings.Cut(pattern, " ")
				path = strings.ReplaceAll(path, "{id}", "1")
				form := url.Values{"agent": {"silent"}, "route": {"0"}, "lang": {"en"}, "name": {"emergency"}, "text": {"fine"}, "do": {"apply"}, "n": {"1"}}
				if method == http.MethodGet {
					form = nil
				}
				status, body, header := b.send(b.request(method, path, form))
				want := http.StatusForbidden
				switch {
				case id == "" && method == http.MethodGet:
					want = http.StatusSeeOther // to sign in
				case id == "":
					want = http.StatusUnauthorized
				}
				if status != want {
					t.Errorf("%s as %q: %d to %q, want %d:\n%s", pattern, id, status, header.Get("Location"), want, body)
				}
			}
		}
	}
	if len(h.gateway.turns) > 0 {
		t.Errorf("the switch was turned: %+v", h.gateway.turns)
	}
	for id, want := range map[molt.PersonID]int{"lee": http.StatusOK, "bob": http.StatusOK} {
		if status, body, _ := h.as(id).get("/admin/pause"); status != want {
			t.Errorf("the switch as %s: %d\n%s", id, status, body)
		}
	}
}

func TestPauseButton(t *testing.T) {
	h := open(t)
	lee := h.as("lee")
	_, page, _ := lee.get("/admin/pause")
	for _, want := range []string{"Pause the agent everywhere", "What goes on", "screened", "Pause on web"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, wrong := range []url.Values{{}, {"agent": {"off"}}, {"agent": {"silent"}, "channel": {"nobody's"}}} {
		if status, _, _ := lee.post("/admin/pause", wrong); status != http.StatusBadRequest {
			t.Errorf("%v: %d", wrong, status)
		}
	}
	if status, _, _ := lee.post("/admin/pause", url.Values{"agent": {"silent"}}); status != http.StatusSeeOther || !h.gateway.pause.All {
		t.Errorf("pause all: %d, %+v", status, h.gateway.pause)
	}
	_, page, _ = lee.get("/admin/pause")
	for _, want := range []string{"paused on all channels. People answer", "Let the agent speak again", "Lee L.: paused, all channels"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
	lee.post("/admin/pause", url.Values{"agent": {"silent"}, "channel": {"web"}})
	lee.post("/admin/pause", url.Values{"agent": {"speaks"}})
	if h.gateway.pause.All || !slices.Equal(h.gateway.pause.Channels, []string{"web"}) || h.gateway.turns[0].By != "lee" {
		t.Errorf("the switch: %+v, %+v", h.gateway.pause, h.gateway.turns)
	}
}

func TestOverview(t *testing.T) {
	h := open(t)
	_, page, _ := h.as("bob").get("/admin")
	for _, want := range []string{"12125550101", "3 rate", "none yet", "Nobody is on call", "Send me a test page"} {
		if !strings.Contains(page, want) {
			t.Errorf("the overview lacks %q:\n%s", want, page)
		}
	}
	if _, page, _ := h.as("bob").get("/admin/oncall"); !strings.Contains(page, "Alice N.") || strings.Contains(page, "+15550100111") {
		t.Errorf("on call lacks a name, or shows a number in full:\n%s", page)
	}
}

// TestTestTextsGoToOneself: what a patient would read, on a route of her own.
func TestTestTextsGoToOneself(t *testing.T) {
	h := open(t)
	bob := h.as("bob")
	_, page, _ := bob.get("/admin/texts")
	for _, want := range []string{"English", "call 911", "Segments", "Text me this"} {
		if !strings.Contains(page, want) {
			t.Errorf("the texts lack %q", want)
		}
	}
	for _, wrong := range []url.Values{
		{"lang": {"en"}, "name": {"emergency"}, "route": {"1"}},
		{"lang": {"en"}, "name": {"emergency"}, "route": {"-1"}},
		{"lang": {"fr"}, "name": {"emergency"}, "route": {"0"}},
		{"lang": {"en"}, "name": {"nothing"}, "route": {"0"}},
	} {
		if status, _, _ := bob.post("/admin/test/text", wrong); status != http.StatusBadRequest {
			t.Errorf("%v: %d", wrong, status)
		}
	}
	if status, body, _ := bob.post("/admin/test/text", url.Values{"lang": {"en"}, "name": {"emergency"}, "route": {"0"}}); status != http.StatusSeeOther {
		t.Fatalf("test text: %d %s", status, body)
	}
	if status, body, _ := bob.post("/admin/test/page", url.Values{"route": {"0"}}); status != http.StatusSeeOther {
		t.Fatalf("test page: %d %s", status, body)
	}
	stream, _ := h.desk.StreamOf("bob", "main", phones["bob"])
	var told []string
	file, err := h.audit.Export(t.Context(), stream)
	must(t, err)
	for _, o := range file.Outbound {
		if o.Words != "" {
			told = append(told, o.Words.Reveal())
		}
	}
	want := rulesOf(t).Texts.Say("en", "emergency", "")
	if len(told) != 2 || told[0] != want || !strings.Contains(told[1], "No patient waits") {
		t.Errorf("bob was told %q", told)
	}
	for range 10 {
		bob.post("/admin/test/page", url.Values{"route": {"0"}})
	}
	if status, _, _ := bob.post("/admin/test/page", url.Values{"route": {"0"}}); status != http.StatusTooManyRequests {
		t.Errorf("one test too many: %d", status)
	}
}
