package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestDoctorTellsOfHiddenChats, and of spending that cannot be read: it reads a daemon's metrics as they are served.
func TestDoctorTellsOfHiddenChats(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`# TYPE tidegate_chat_source_hidden_total counter
tidegate_chat_source_hidden_total{channel="web",reason="the proxy passes no X-Forwarded-For"} 12
tidegate_chat_source_hidden_total{channel="site",reason="the proxy is not listed under trusted_proxies"} 1
tidegate_spending_damaged 2
tidegate_webhooks_total{channel="main",hook="message",status="204"} 7
`))
	}))
	defer s.Close()
	x := &examination{}
	x.refusedHooks(t.Context(), s.URL)
	var said []string
	for _, f := range x.Findings {
		said = append(said, f.State+" "+f.What+": "+f.Say+" → "+f.Hint)
	}
	got := strings.Join(said, "\n")
	for _, want := range []string{
		"warn agent.budget: of 2 conversations", "→ the log names them",
		"warn chat web: 12 chats began", "→ have the proxy set X-Forwarded-For",
		"warn chat site: 1 chats began", "→ list the proxy's address under channels.site.trusted_proxies", "ok webhooks: none was refused",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("it does not say %q:\n%s", want, got)
		}
	}
}
