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

// listAll reads on until there is no more, as the back-filler does.
func (s *standin) listAll(t *testing.T, since molt.Time) (words [][]string) {
	t.Helper()
	from := channels.Cursor("")
	for range 10 {
		in, next, err := s.adapter.ListInbound(t.Context(), clinic, since, from, noneKnown)
		if err != nil {
			t.Fatalf("ListInbound: %v", err)
		}
		words = append(words, wordsOf(in))
		if from = next; next == "" {
			return words
		}
	}
	t.Fatalf("no end after %d parts", len(words))
	return nil
}

func wordsOf(in []channels.Inbound) (words []string) {
	for _, i := range in {
		words = append(words, i.Words.Reveal())
	}
	return words
}

func noneKnown(string) bool { return false }

// numbered are the words that fill gives texts.
func numbered(from, to int) (words []string) {
	for i := from; i < to; i++ {
		words = append(words, fmt.Sprint("text ", i))
	}
	return words
}

func TestListReadsAllPages(t *testing.T) {
	for _, c := range []struct{ n, perSecond, requests int }{
		{0, 1, 1},
		{250, 1, 1},
		{1000, 1000, 1},
		{2500, 10, 3},
		{9999, 9999, 10}, // one second of a flood
	} {
		s := newStandin(t)
		since := s.Now()
		s.fill(c.n, c.perSecond)
		s.Tick()
		got := s.listAll(t, since)
		if diff := cmp.Diff([][]string{numbered(0, c.n)}, got); diff != "" || len(s.requests) != c.requests {
			t.Errorf("%+v: %d requests; want oldest first and in one part (-want +got):\n%s", c, len(s.requests), diff)
		}
	}
}

// A list that is longer than a call reads comes in parts, the newest first: what came
// last waits for nothing, and what comes meanwhile moves nothing, a flood's second too.
func TestListGoesOnWhereItStopped(t *testing.T) {
	for _, perSecond := range []int{1, 40, 25_000} {
		s := newStandin(t)
		since := s.Now()
		s.fill(21_000, perSecond)
		in, next, err := s.adapter.ListInbound(t.Context(), clinic, since, "", noneKnown)
		if err != nil || next == "" || len(in) != 10_000 || in[9999].Words != "text 20999" {
			t.Fatalf("%d a second: %d texts, next %q, %v; want the newest 10,000, and more", perSecond, len(in), next, err)
		}
		got := [][]string{wordsOf(in)}
		for next != "" {
			s.fill(3, 1)
			if in, next, err = s.adapter.ListInbound(t.Context(), clinic, since, next, noneKnown); err != nil {
				t.Fatal(err)
			}
			got = append(got, wordsOf(in))
		}
		if diff := cmp.Diff([][]string{numbered(11_000, 21_000), numbered(1000, 11_000), numbered(0, 1000)}, got); diff != "" {
			t.Errorf("%d a second (-want +got):\n%s", perSecond, diff)
		}
	}
}

// What is not known is given as soon as a page holds nothing more of it: a red flag that
// came during an outage does not wait for nine pages of what is known.
func TestListGivesWhatIsNewBeforeWhatIsKnown(t *testing.T) {
	s := newStandin(t)
	since := s.Now()
	s.fill(6000, 3)
	sids := map[string]bool{}
	for _, m := range s.messages[:4500] {
		sids[m.sid] = true
	}
	in, next, err := s.adapter.ListInbound(t.Context(), clinic, since, "", func(sid string) bool { return sids[sid] })
	if err != nil || next == "" || len(s.requests) != 3 {
		t.Fatalf("%d texts after %d requests, next %q, %v; want three requests", len(in), len(s.requests), next, err)
	}
	if diff := cmp.Diff(numbered(4500, 6000), wordsOf(in)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if in, next, err := s.adapter.ListInbound(t.Context(), clinic, since, next, func(sid string) bool { return sids[sid] }); err != nil || len(in) != 0 || next != "" || len(s.requests) != 6 {
		t.Errorf("then %d texts, next %q, %v after %d requests; want nothing more after the six pages", len(in), next, err, len(s.requests))
	}
}

// Photos are asked for one by one; a part that holds many ends early.
func TestListEndsAPartWithManyPhotos(t *testing.T) {
	s := newStandin(t)
	since := s.Now()
	s.fill(2500, 1)
	for i := range 120 {
		s.messages[2499-i].media = 1
	}
	got := s.listAll(t, since)
	if diff := cmp.Diff([][]string{numbered(1500, 2500), numbered(0, 1500)}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	before := len(s.requests)
	if _, _, err := s.adapter.ListInbound(t.Context(), clinic, since, "", func(string) bool { return true }); err != nil || len(s.requests) != before+3 {
		t.Errorf("%d requests, %v; want three: no photo of a known text is asked for", len(s.requests)-before, err)
	}
}

// A list that breaks off gives what it had, and where to try again: there, unless it is
// the place itself that the carrier refuses.
func TestListThatBreaksOff(t *testing.T) {
	for _, c := range []struct {
		status, code int
		there        bool
	}{{503, 20500, true}, {429, 20429, true}, {400, 20001, false}, {404, 20404, false}, {401, 20003, false}} {
		s := newStandin(t)
		since := s.Now()
		s.fill(2500, 1)
		s.respond = func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Query().Get("Page") != "2" {
				return false
			}
			refuse(w, c.status, c.code, "x")
			return true
		}
		in, next, err := s.adapter.ListInbound(t.Context(), clinic, since, "", noneKnown)
		faultIn(t, err)
		if diff := cmp.Diff(numbered(500, 2500), wordsOf(in)); diff != "" || c.there != (next != "") {
			t.Fatalf("%d: next %q, want one %v; texts (-want +got):\n%s", c.status, next, c.there, diff)
		}
		s.respond = nil
		want := numbered(0, 500)
		if !c.there {
			want = numbered(0, 2500)
		}
		if in, next, err = s.adapter.ListInbound(t.Context(), clinic, since, next, noneKnown); err != nil || next != "" || cmp.Diff(want, wordsOf(in)) != "" {
			t.Errorf("%d: then %d texts, next %q, %v; want the %d that are left", c.status, len(in), next, err, len(want))
		}
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
	in, next, err := s.adapter.ListInbound(t.Context(), clinic, since, "", noneKnown)
	want := []channels.Inbound{{
		Channel: "sms", Account: clinic, Peer: patient, ProviderID: fmt.Sprintf("MM%032x", 4), At: s.Now(), Words: "a\uFFFDb", Via: "backfill",
		Media: []channels.Media{{URL: s.server.URL + "/2010-04-01/Accounts/" + accountSID + "/Messages/" + fmt.Sprintf("MM%032x", 4) + "/Media/ME1", Type: "image/jpeg"}, {}},
	}}
	if diff := cmp.Diff(want, in); err != nil || next != "" || diff != "" {
		t.Errorf("ListInbound: next %q, %v (-want +got):\n%s", next, err, diff)
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
	in, _, err := s.adapter.ListInbound(t.Context(), clinic, since, "", noneKnown)
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
		if _, _, err := s.adapter.ListInbound(t.Context(), clinic, s.Now(), "", noneKnown); err == nil || len(s.requests) != 1 {
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
	_, _, err := s.adapter.ListInbound(t.Context(), clinic, s.Now(), "", noneKnown)
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

// A search that breaks off on its second page is a fault, and nothing worse.
func TestFindThatBreaksOff(t *testing.T) {
	s := newStandin(t)
	o := text()
	for range 150 {
		s.keep("SM", "outbound-api", clinic.Reveal(), patient.Reveal(), "other words")
	}
	s.respond = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Get("Page") != "1" {
			return false
		}
		refuse(w, 503, 20500, "x")
		return true
	}
	_, found, err := s.adapter.FindOutbound(t.Context(), o, s.Now())
	if fault := faultIn(t, err); found || fault.HTTP != 503 {
		t.Errorf("FindOutbound: found %v, %v; want the fault of the second page", found, err)
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
