package twilio_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"testing"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/channels/twilio/twiliofake"
)

// TestErase has the carrier's process delete a text with its picture, once and once
// more, and one of ours that is not at its end yet.
func TestErase(t *testing.T) {
	c := newCarrier(t, func(*twiliofake.Behavior) {})
	ctx := context.Background()
	sid, err := c.client.Text(ctx, twiliofake.Text{From: patient.Reveal(), To: clinic.Reveal(), Body: "look", Media: []twiliofake.Media{{ContentType: "image/jpeg", Bytes: photo}}})
	if err != nil {
		t.Fatal(err)
	}
	arrival, err := c.adapter.Parse(c.await(channels.HookMessage, func(form url.Values) bool { return form.Get("MessageSid") == sid }))
	if err != nil || arrival.Inbound == nil || len(arrival.Inbound.Media) != 1 {
		t.Fatalf("%+v, %v", arrival, err)
	}
	media := []string{arrival.Inbound.Media[0].URL}
	for range 2 {
		if err := c.adapter.Erase(ctx, sid, media); err != nil {
			t.Errorf("erase: %v", err)
		}
	}
	entries, err := c.client.Ledger(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[twiliofake.Kind]int{}
	for _, e := range entries {
		kinds[e.Kind]++
	}
	if kinds[twiliofake.KindDelete] != 1 || kinds[twiliofake.KindDeleteFile] != 1 {
		t.Errorf("the carrier deleted %d texts and %d files, want one each", kinds[twiliofake.KindDelete], kinds[twiliofake.KindDeleteFile])
	}
}

// TestEraseRefused: what the carrier says decides whether it is asked again.
func TestEraseRefused(t *testing.T) {
	const sid = "SM00000000000000000000000000000001"
	for name, c := range map[string]struct {
		sid    string
		status int
		want   channels.FaultKind // "": no fault
	}{
		"deleted":            {sid, 204, ""},
		"not there any more": {sid, 404, ""},
		"not at its end yet": {sid, 409, channels.FaultRejected},
		"too many requests":  {sid, 429, channels.FaultRate},
		"other credentials":  {sid, 401, channels.FaultConfiguration},
		"a server's fault":   {sid, 503, channels.FaultUnknown},
		"a redirect":         {sid, 302, channels.FaultUnknown},
		"no id":              {"../Calls/CA1", 204, channels.FaultRejected},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStandin(t)
			s.respond = func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodDelete || r.URL.Path != "/2010-04-01/Accounts/"+accountSID+"/Messages/"+sid+".json" {
					t.Errorf("asked %s %s", r.Method, r.URL.Path)
				}
				w.WriteHeader(c.status)
				return true
			}
			err := s.adapter.Erase(context.Background(), c.sid, []string{"https://elsewhere.example/Media/ME1"})
			var fault *channels.SendError
			switch {
			case c.want == "" && err == nil:
			case c.want == "" || !errors.As(err, &fault) || fault.Kind != c.want:
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
