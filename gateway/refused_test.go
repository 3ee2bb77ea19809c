package gateway

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// TestRefusedIsSaidOnceAMinute floods the log with refusals of one kind and
// wants one line a minute, which says how many were left out.
func TestRefusedIsSaidOnceAMinute(t *testing.T) {
	var log bytes.Buffer
	now := time.Date(2026, 3, 3, 9, 0, 0, 0, time.UTC)
	r := newRefusals(zerolog.New(&log), func() time.Time { return now })
	for range 1000 {
		r.refused("main", "signature", 403)
	}
	r.refused("unknown", "no such channel or door", 404) // another kind
	now = now.Add(refusedEvery - time.Second)
	r.refused("main", "signature", 403)
	now = now.Add(time.Second)
	r.refused("main", "signature", 403)
	want := `{"level":"warn","channel":"main","reason":"signature","status":403,"suppressed":0,"message":"webhook refused"}
{"level":"warn","channel":"unknown","reason":"no such channel or door","status":404,"suppressed":0,"message":"webhook refused"}
{"level":"warn","channel":"main","reason":"signature","status":403,"suppressed":1000,"message":"webhook refused"}
`
	if log.String() != want {
		t.Errorf("got\n%swant\n%s", log.String(), want)
	}
}

// TestHiddenIsSaidOnceAMinute: a thousand chats behind a proxy that hides them leave
// one line.
func TestHiddenIsSaidOnceAMinute(t *testing.T) {
	var log bytes.Buffer
	now := time.Date(2026, 3, 3, 9, 0, 0, 0, time.UTC)
	r := newRefusals(zerolog.New(&log), func() time.Time { return now })
	for range 1000 {
		r.hidden("web", "no header")
	}
	now = now.Add(refusedEvery)
	r.hidden("web", "no header")
	want := `{"level":"warn","channel":"web","reason":"no header","suppressed":0,"message":"chats seem to come from one address"}
{"level":"warn","channel":"web","reason":"no header","suppressed":999,"message":"chats seem to come from one address"}
`
	if log.String() != want {
		t.Errorf("got\n%swant\n%s", log.String(), want)
	}
}

func TestMaxRefused(t *testing.T) {
	var log bytes.Buffer
	r := newRefusals(zerolog.New(&log), time.Now)
	for i := range maxRefused + 5 {
		r.refused("main", fmt.Sprint("kind ", i), 400)
	}
	if got := strings.Count(log.String(), "\n"); got != maxRefused {
		t.Errorf("%d kinds left %d lines, want %d", maxRefused+5, got, maxRefused)
	}
}

// TestRefusedWebhookLeavesALine sends what is refused, and wants to read why,
// and nothing that the sender chose.
func TestRefusedWebhookLeavesALine(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{http.MethodPost, "/hooks/main/message", 400},
		{http.MethodPut, "/hooks/main/message", 405},
		{http.MethodPost, "/hooks/mallory/message", 404},
		{http.MethodPost, "/mallory", 404},
	} {
		req, err := http.NewRequest(c.method, r.public+c.path, strings.NewReader("mallory"))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != c.status {
			t.Errorf("%s %s: %d, want %d", c.method, c.path, resp.StatusCode, c.status)
		}
	}
	log := r.log.String()
	for _, want := range []string{
		`"channel":"main","reason":"not a text","status":400`,
		`"channel":"main","reason":"the webhook's method must be POST","status":405`,
		`"channel":"unknown","reason":"no such channel or door","status":404`,
	} {
		if strings.Count(log, want) != 1 {
			t.Errorf("want one line with %s in\n%s", want, log)
		}
	}
	if strings.Contains(log, "mallory") {
		t.Errorf("the log holds what a stranger chose:\n%s", log)
	}
}
