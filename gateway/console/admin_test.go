package console_test

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/gateway/access"
	"github.com/tidegate/tidegate/gateway/console"
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

// TestAdminPagesAreForThoseWhoMay tries every admin address as every role.
func TestAdminPagesAreForThoseWhoMay(t *testing.T) {
	h := open(t)
	routes := h.console.AdminRoutes()
	if len(routes[access.Configure]) < 5 || len(routes[access.Pause]) < 2 || len(routes) != 2 {
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
				form := url.Values{"agent": {"silent"}, "route": {"0"}, "lang": {"en"}, "name": {"emergency"}}
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
