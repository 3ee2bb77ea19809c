package twiliofake

import (
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestFaultsOfTheAnswer(t *testing.T) {
	const ms = Duration(time.Millisecond)
	for _, tt := range []struct {
		name     string
		fault    Fault
		status   int // 0 means the connection broke
		code     int
		retry    string
		carried  bool
		lostKind FaultKind
	}{
		{"server error", Fault{Kind: FaultServerError, Status: 503}, 503, codeInternal, "", false, ""},
		{"server error after accept", Fault{Kind: FaultServerError, AfterAccept: true}, 500, codeInternal, "", true, FaultServerError},
		{"rate limited", Fault{Kind: FaultRateLimited, RetryAfter: 7}, 429, codeTooMany, "7", false, ""},
		{"rate limited after accept", Fault{Kind: FaultRateLimited, AfterAccept: true}, 429, codeTooMany, "1", true, FaultRateLimited},
		{"code", Fault{Kind: FaultError, Code: codeOptedOut}, 400, codeOptedOut, "", false, ""},
		{"credentials", Fault{Kind: FaultError, Code: codeAuthenticate}, 401, codeAuthenticate, "", false, ""},
		{"reset", Fault{Kind: FaultReset}, 0, 0, "", false, ""},
		{"lost answer", Fault{Kind: FaultLostAnswer}, 0, 0, "", true, FaultLostAnswer},
		{"hang", Fault{Kind: FaultHang, Delay: ms}, 201, 0, "", true, ""},
		{"hang after accept", Fault{Kind: FaultHang, Delay: ms, AfterAccept: true}, 201, 0, "", true, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := begin(t, nil)
			tt.fault.To = patient
			w.must(w.Fault(w.ctx, tt.fault))
			w.accepted("to another", "To", "+15550199002")
			a := w.send("struck")
			if (a.err != nil) != (tt.status == 0) || a.status != tt.status || a.code() != tt.code || a.header.Get("Retry-After") != tt.retry {
				t.Errorf("got %d, code %d, error %v, want %d, code %d", a.status, a.code(), a.err, tt.status, tt.code)
			}
			w.accepted("after") // one strike, no more
			var got []string
			for _, e := range w.entries(KindHandset) {
				got = append(got, e.Body)
			}
			if slices.Contains(got, "struck") != tt.carried || len(got) < 2 {
				t.Errorf("handsets got %q; want struck among them: %v", got, tt.carried)
			}
			lost := w.entries(KindLostAnswer)
			if (len(lost) == 1) != (tt.lostKind != "") || (len(lost) == 1 && lost[0].Fault != tt.lostKind) {
				t.Errorf("lost answers %+v, want %q", lost, tt.lostKind)
			}
			refused := w.entries(KindRefused)
			if (len(refused) == 1) == tt.carried || (len(refused) == 1 && refused[0].Fault != tt.fault.Kind) {
				t.Errorf("refused %+v; carried: %v", refused, tt.carried)
			}
		})
	}
}

func TestFaultsOfTheFate(t *testing.T) {
	for _, tt := range []struct {
		name    string
		fault   Fault
		final   string
		arrives bool
		sent    bool
	}{
		{"unreachable", Fault{Kind: FaultError, Code: codeUnreachable}, statusUndelivered, false, true},
		{"filtered", Fault{Kind: FaultError, Code: codeFiltered}, statusUndelivered, false, true},
		{"unknown, but it arrives", Fault{Kind: FaultError, Code: codeUnknownReason, Arrives: true}, statusUndelivered, true, true},
		{"suspended", Fault{Kind: FaultError, Code: codeSuspended}, statusFailed, false, false},
		{"unregistered", Fault{Kind: FaultError, Code: codeUnregistered}, statusFailed, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			office := newOffice(t, nil)
			w := begin(t, nil)
			tt.fault.BodyContains, tt.fault.From = "reminder", clinic
			w.must(w.Fault(w.ctx, tt.fault))
			w.accepted("other")
			sid := w.accepted("a reminder", "StatusCallback", office.URL)
			all := slices.DeleteFunc(w.entries(KindStatus), func(e Entry) bool { return e.SID != sid })
			last := all[len(all)-1]
			if last.Status != tt.final || last.ErrorCode != tt.fault.Code {
				t.Errorf("ended %+v, want %s %d", last, tt.final, tt.fault.Code)
			}
			if n := len(w.entries(KindHandset)); (n == 2) != tt.arrives {
				t.Errorf("%d arrived, want the struck one: %v", n, tt.arrives)
			}
			posted := ended(w.entries(KindCallback))
			if got := slices.Contains(statuses(posted), statusSent); got != tt.sent {
				t.Errorf("callbacks %v, want sent: %v", statuses(posted), tt.sent)
			}
			for range posted {
				d := office.next(t)
				if final := d.form.Get("MessageStatus") == tt.final; final != d.form.Has("ErrorCode") {
					t.Errorf("callback %v", d.form)
				}
			}
		})
	}
}

func TestFaultsOfReceipts(t *testing.T) {
	office := newOffice(t, nil)
	w := begin(t, nil)
	w.must(w.Fault(w.ctx, Fault{Kind: FaultDropReceipts}))
	w.accepted("silent", "StatusCallback", office.URL)
	if got := w.entries(KindCallback); len(got) != 0 {
		t.Errorf("callbacks %+v, want none", got)
	}
	w.must(w.Fault(w.ctx, Fault{Kind: FaultDelayReceipts, Delay: Duration(time.Millisecond)}))
	w.accepted("slow", "StatusCallback", office.URL)
	all := w.entries()
	delivered := slices.IndexFunc(all, func(e Entry) bool { return e.Kind == KindStatus && e.Status == statusDelivered })
	if got := len(ended(w.entries(KindCallback))); got != 3 || delivered < 0 {
		t.Errorf("%d callbacks, want 3", got)
	}
}

func TestFaultsCountAndClear(t *testing.T) {
	w := begin(t, nil)
	w.must(w.Fault(w.ctx, Fault{Kind: FaultServerError, Count: 2}))
	for i, want := range []int{500, 500, 201} {
		if a := w.send("x"); a.status != want {
			t.Errorf("send %d: got %d, want %d", i, a.status, want)
		}
	}
	w.must(w.Fault(w.ctx, Fault{Kind: FaultServerError, Count: -1}))
	for range 3 {
		if a := w.send("x"); a.status != 500 {
			t.Errorf("until cleared: got %d, want 500", a.status)
		}
	}
	w.must(w.ClearFaults(w.ctx))
	w.accepted("x")
	for _, bad := range []Fault{{}, {Kind: "flood"}, {Kind: FaultHang}, {Kind: FaultError}, {Kind: FaultServerError, Status: 400}, {Kind: FaultReset, Count: -2}} {
		if err := w.Fault(w.ctx, bad); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}

// sending makes a create request beside the test, as a daemon would that is about to be killed.
func (w *world) sending(body string) <-chan answer {
	done := make(chan answer, 1)
	go func() { done <- w.send(body) }()
	return done
}

func TestHoldBeforeAccept(t *testing.T) {
	w := begin(t, nil)
	w.must(w.Hold(w.ctx, Hold{Match: Match{To: patient, BodyContains: "911"}}))
	w.accepted("hello")
	done := w.sending("call 911")
	held, err := w.Held(w.ctx)
	w.must(err)
	if len(held) != 1 || held[0].Where != BeforeAccept || held[0].Body != "call 911" || held[0].To != patient || held[0].SID != "" {
		t.Fatalf("held %+v", held)
	}
	all, err := w.Ledger(w.ctx, 0)
	w.must(err)
	if slices.ContainsFunc(all, func(e Entry) bool { return e.Kind == KindCreate && e.Body == "call 911" }) {
		t.Error("it was accepted while held before that")
	}
	n, err := w.Release(w.ctx, Release{})
	w.must(err)
	if a := <-done; n != 1 || a.status != 201 {
		t.Errorf("released %d, got %d %v, want 1 and 201", n, a.status, a.err)
	}
	w.accepted("911 again") // the rule is gone
}

func TestHoldAfterAccept(t *testing.T) {
	w := begin(t, nil)
	w.must(w.Hold(w.ctx, Hold{Where: AfterAccept}))
	done := w.sending("one")
	held, err := w.Held(w.ctx)
	w.must(err)
	if len(held) != 1 || held[0].SID == "" {
		t.Fatalf("held %+v, want one with its SID", held)
	}
	if got, err := w.Phone(w.ctx, patient, 0); err != nil || len(got) != 1 || got[0].Body != "one" {
		t.Fatalf("phone got %+v %v, want it although the answer is held", got, err)
	}
	_, err = w.Release(w.ctx, Release{ID: held[0].ID, Drop: true})
	w.must(err)
	if a := <-done; a.err == nil {
		t.Errorf("dropped: got %d, want a broken connection", a.status)
	}
	if lost := w.entries(KindLostAnswer); len(lost) != 1 || lost[0].SID != held[0].SID {
		t.Errorf("lost answers %+v, want one", lost)
	}
	done = w.sending("two") // releasing by ID leaves the rule
	if _, err := w.Held(w.ctx); err != nil {
		t.Fatal(err)
	}
	_, err = w.Release(w.ctx, Release{})
	w.must(err)
	if a := <-done; a.status != 201 {
		t.Errorf("got %d, want 201", a.status)
	}
}

func TestDropBeforeAcceptNeverWas(t *testing.T) {
	w := begin(t, nil)
	w.must(w.Hold(w.ctx, Hold{Count: 1}))
	done := w.sending("one")
	_, err := w.Held(w.ctx)
	w.must(err)
	w.accepted("two") // the rule held its one
	_, err = w.Release(w.ctx, Release{Drop: true})
	w.must(err)
	if a := <-done; a.err == nil {
		t.Errorf("got %d, want a broken connection", a.status)
	}
	if got := w.entries(KindCreate); len(got) != 1 || got[0].Body != "two" {
		t.Errorf("created %+v, want only two", got)
	}
}

// TestSenderDiesWhileHeld is the kill loop in small: the sender is gone, and the request goes on all the same.
func TestSenderDiesWhileHeld(t *testing.T) {
	w := begin(t, nil)
	w.must(w.Hold(w.ctx, Hold{}))
	dying := begunRequest(t, w)
	_, err := w.Held(w.ctx)
	w.must(err)
	dying()
	_, err = w.Release(w.ctx, Release{})
	w.must(err)
	got, err := w.Phone(w.ctx, patient, 0)
	w.must(err)
	if len(got) != 1 || got[0].Body != "last words" {
		t.Errorf("phone got %+v, want the last words", got)
	}
}

// begunRequest makes a create request over a connection that the returned function closes.
func begunRequest(t *testing.T, w *world) func() {
	t.Helper()
	conn, err := net.Dial("tcp", w.carrier.Addr())
	w.must(err)
	form := url.Values{"To": {patient}, "From": {clinic}, "Body": {"last words"}}
	r, err := http.NewRequestWithContext(w.ctx, http.MethodPost, w.Base+path("/Messages.json"), strings.NewReader(form.Encode()))
	w.must(err)
	r.SetBasicAuth(testAccount, testAuth)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w.must(r.Write(conn))
	return func() { w.must(conn.Close()) }
}

func TestControlNeedsItsToken(t *testing.T) {
	w := begin(t, nil)
	stranger := w.Client
	stranger.Token = testAuth
	if _, err := stranger.Text(w.ctx, Text{From: patient, To: clinic, Body: "hi"}); err == nil {
		t.Error("a stranger texted")
	}
	if _, err := stranger.Ledger(w.ctx, 0); err == nil {
		t.Error("a stranger read the ledger")
	}
	if err := w.Configure(w.ctx, map[string]any{"list_lagg": "1s"}); err == nil {
		t.Error("an unknown field was taken")
	}
	if err := w.Configure(w.ctx, map[string]any{"skip_sending": 2}); err == nil {
		t.Error("a share above 1 was taken")
	}
}

func TestConfigure(t *testing.T) {
	w := begin(t, nil)
	w.must(w.Configure(w.ctx, map[string]any{"list_lag": map[string]string{"min": "1h", "max": "1h"}, "skip_sending": 1}))
	b, err := w.Behavior(w.ctx)
	w.must(err)
	want := Calm()
	want.ListLag, want.SkipSending = Span{Duration(time.Hour), Duration(time.Hour)}, 1
	if b != want {
		t.Errorf("behavior %+v, want %+v", b, want)
	}
	w.text(Text{Body: "hi"})
	if got := w.listed(nil); len(got) != 0 {
		t.Errorf("listed %q, want nothing yet", got)
	}
	w.must(w.Configure(w.ctx, Calm()))
	if got := w.listed(nil); len(got) != 1 {
		t.Errorf("listed %q, want it", got)
	}
}
