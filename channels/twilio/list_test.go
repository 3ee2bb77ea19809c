package twilio_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/molt"
)

// fill puts n texts to the clinic into the list, perSecond in each second.
func (s *standin) fill(n, perSecond int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range n {
		if i%perSecond == 0 {
			s.clock = s.clock.Add(time.Second)
		}
		s.keep("SM", "inbound", patient.Reveal(), clinic.Reveal(), fmt.Sprint("text ", i))
	}
}

// listAll asks on from the last one's time until there is no more, as the
// back-filler does, and returns each text once.
func (s *standin) listAll(t *testing.T, since molt.Time, limit, maxRounds int) (words []string) {
	t.Helper()
	seen := map[string]bool{}
	for range maxRounds {
		in, more, err := s.adapter.ListInbound(t.Context(), clinic, since, limit)
		if err != nil {
			t.Fatalf("ListInbound: %v", err)
		}
		for _, i := range in {
			if !seen[i.ProviderID] {
				seen[i.ProviderID] = true
				words = append(words, i.Words.Reveal())
			}
		}
		if !more {
			return words
		}
		since = in[len(in)-1].At
	}
	t.Fatalf("no end after %d rounds, %d texts", maxRounds, len(words))
	return nil
}

func TestListReadsAllPages(t *testing.T) {
	for _, c := range []struct{ n, perSecond, limit, rounds int }{
		{0, 1, 10, 1},
		{250, 1, 1000, 1},
		{2500, 10, 5000, 1}, // three pages
		{250, 1, 100, 4},
		{250, 50, 20, 6}, // a second is never cut, so each round gets further
		{30, 30, 1, 2},
		{6000, 3, 5000, 20}, // more than one window's pages: the window is halved
	} {
		s := newStandin(t)
		since := s.Now()
		s.fill(c.n, c.perSecond)
		s.Tick()
		got := s.listAll(t, since, c.limit, c.rounds)
		if len(got) != c.n {
			t.Errorf("%+v: %d texts, want %d", c, len(got), c.n)
			continue
		}
		if c.perSecond == 1 {
			for i, w := range got {
				if w != fmt.Sprint("text ", i) {
					t.Errorf("%+v: text %d is %q; want oldest first", c, i, w)
					break
				}
			}
		}
	}
}

func TestListFindsWhatIsLateInAHalvedWindow(t *testing.T) {
	s := newStandin(t)
	since := s.Now()
	s.mu.Lock()
	s.clock = s.clock.Add(30 * 24 * time.Hour)
	s.mu.Unlock()
	s.fill(5200, 10)
	if got := s.listAll(t, since, 1000, 10); len(got) != 5200 || got[0] != "text 0" {
		t.Errorf("%d texts, want all 5,200", len(got))
	}
}

// A flood in one second ends no look: what came behind it is found.
func TestListReadsASecondToItsEnd(t *testing.T) {
	s := newStandin(t)
	since := s.Now()
	s.fill(5200, 5200)
	s.fill(3, 1)
	if got := s.listAll(t, since, 1000, 10); len(got) != 5203 {
		t.Errorf("%d texts, want all 5,203", len(got))
	}
}

func TestListGivesUpOnASecondWithoutEnd(t *testing.T) {
	s := newStandin(t)
	since := s.Now()
	s.fill(20_001, 20_001)
	if in, _, err := s.adapter.ListInbound(t.Context(), clinic, since, 10); err == nil {
		t.Errorf("ListInbound = %d texts, want an error rather than a gap", len(in))
	}
}

func TestListTakesOnlyWhatCameIn(t *testing.T) {
	s := newStandin(t)
	since := s.Now()
	s.Tick()
	s.mu.Lock()
	s.keep("SM", "outbound-api", patient.Reveal(), clinic.Reveal(), "ours")
	s.keep("XX", "inbound", patient.Reveal(), clinic.Reveal(), "no message id")
	s.keep("SM", "inbound", "Grandma", clinic.Reveal(), "no address")
	s.keep("MM", "inbound", patient.Reveal(), clinic.Reveal(), "a\x00b")
	s.messages[3].media = 2
	s.mu.Unlock()
	in, more, err := s.adapter.ListInbound(t.Context(), clinic, since, 10)
	want := []channels.Inbound{{
		Channel: "sms", Account: clinic, Peer: patient, ProviderID: fmt.Sprintf("MM%032x", 4), At: s.Now(), Words: "a\uFFFDb", Via: "backfill",
		Media: []channels.Media{{URL: s.server.URL + "/2010-04-01/Accounts/" + accountSID + "/Messages/" + fmt.Sprintf("MM%032x", 4) + "/Media/ME1", Type: "image/jpeg"}, {}},
	}}
	if diff := cmp.Diff(want, in); err != nil || more || diff != "" {
		t.Errorf("ListInbound: more %v, %v (-want +got):\n%s", more, err, diff)
	}
}

func TestListDoesNotWaitForAPhoto(t *testing.T) {
	s := newStandin(t)
	since := s.Now()
	s.fill(1, 1)
	s.messages[0].media = 1
	s.respond = func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/Media.json") {
			return false
		}
		refuse(w, 500, 20500, "x")
		return true
	}
	in, _, err := s.adapter.ListInbound(t.Context(), clinic, since, 10)
	if err != nil || len(in) != 1 || len(in[0].Media) != 1 || in[0].Media[0].URL != "" {
		t.Errorf("ListInbound = %+v, %v; want the text with a place for its photo", in, err)
	}
}

func TestListFollowsNoStrangeLink(t *testing.T) {
	for _, next := range []string{"https://evil.example.com/2010-04-01/Accounts/x", "//evil.example.com", "/other", "/2010-04-01/Accounts/" + strings.Repeat("x", 5000)} {
		s := newStandin(t)
		s.respond = func(w http.ResponseWriter, _ *http.Request) bool {
			writeJSON(w, 200, map[string]any{"messages": []any{}, "next_page_uri": next})
			return true
		}
		if _, _, err := s.adapter.ListInbound(t.Context(), clinic, s.Now(), 10); err == nil || len(s.requests) != 1 {
			t.Errorf("next page %.50q: error %v after %d requests; want an error after one", next, err, len(s.requests))
		}
	}
}

func TestListFaultsKeepTheirKind(t *testing.T) {
	s := newStandin(t)
	s.respond = func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Retry-After", "5")
		refuse(w, 429, 20429, "slow down")
		return true
	}
	_, _, err := s.adapter.ListInbound(t.Context(), clinic, s.Now(), 10)
	if fault := faultIn(t, err); fault.Kind != channels.FaultRate || fault.RetryAfter != 5*time.Second {
		t.Errorf("ListInbound: %+v, want a rate fault and its wait", fault)
	}
}

func TestFindTakesTheClosest(t *testing.T) {
	s := newStandin(t)
	o := text()
	keep := func() record {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.keep("SM", "outbound-api", clinic.Reveal(), patient.Reveal(), o.Words.Reveal())
	}
	keep()
	for range 20 {
		s.Tick()
	}
	attempted, want := s.Now().Add(300*time.Millisecond), keep()
	for range 20 {
		s.Tick()
	}
	keep()
	r, found, err := s.adapter.FindOutbound(t.Context(), o, attempted)
	if err != nil || !found || r.ProviderID != want.sid || r.Status != channels.StatusQueued || r.At != want.created {
		t.Errorf("FindOutbound = %+v, %v, %v; want %s", r, found, err, want.sid)
	}
}

// TestRecall asks for what left within a time: with words for those, without for
// any, and never for what is outside it, from somebody else, or coming in.
func TestRecall(t *testing.T) {
	s := newStandin(t)
	o := text()
	keep := func(direction string, to molt.Address, body string) record {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.keep("SM", direction, clinic.Reveal(), to.Reveal(), body)
	}
	keep("outbound-api", patient, o.Words.Reveal())
	s.Tick()
	from := s.Now()
	keep("inbound", patient, o.Words.Reveal())
	keep("outbound-api", "+15550100155", o.Words.Reveal())
	ask := func(words molt.Words) (string, bool) {
		t.Helper()
		o := o
		o.Words = words
		r, found, err := s.adapter.Recall(t.Context(), o, from, s.Now())
		if err != nil {
			t.Fatal(err)
		}
		return r.ProviderID, found
	}
	if sid, found := ask(""); found {
		t.Errorf("nothing left to the patient in that time, yet %s was found", sid)
	}
	want := keep("outbound-api", patient, "other words")
	if sid, found := ask(""); found {
		t.Errorf("%s left in the last second, which is not in that time", sid)
	}
	s.Tick()
	if sid, found := ask(""); !found || sid != want.sid {
		t.Errorf("any words: %s %v, want %s", sid, found, want.sid)
	}
	if sid, found := ask(o.Words); found {
		t.Errorf("these words left before that time, yet %s was found", sid)
	}
	s.respond = func(w http.ResponseWriter, _ *http.Request) bool { refuse(w, 500, 20500, "no"); return true }
	if _, found, err := s.adapter.Recall(t.Context(), o, from, s.Now()); err == nil || found {
		t.Error("a list that does not answer: no error")
	}
}
