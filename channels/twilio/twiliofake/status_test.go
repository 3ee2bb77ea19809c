package twiliofake

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestStatesAndCallbacks(t *testing.T) {
	office := newOffice(t, nil)
	w := begin(t, nil)
	a := w.send("hello", "StatusCallback", office.URL+"/status?id=m%201&x=")
	if a.status != 201 || a.text("status") != statusQueued || a.text("direction") != "outbound-api" || a.body["date_sent"] != nil {
		t.Fatalf("create: got %d %s", a.status, a.raw)
	}
	var got []string
	for range 3 {
		d := office.next(t)
		validSignature(t, office.URL, d)
		if d.uri != "/status?id=m%201&x=" || d.form.Get("MessageSid") != a.text("sid") || d.form.Get("SmsStatus") != d.form.Get("MessageStatus") ||
			d.form.Get("To") != patient || d.form.Get("From") != clinic || d.form.Get("AccountSid") != testAccount || d.form.Has("ErrorCode") {
			t.Errorf("callback %s %v", d.uri, d.form)
		}
		got = append(got, d.form.Get("MessageStatus"))
	}
	if want := []string{statusSending, statusSent, statusDelivered}; !slices.Equal(got, want) {
		t.Errorf("callbacks %v, want %v", got, want)
	}
	if got := statuses(w.entries(KindStatus)); strings.Join(got, " ") != "sending sent delivered" {
		t.Errorf("states %v", got)
	}
	var story []Kind
	for _, e := range w.entries() {
		if e.SID == a.text("sid") && (e.Kind != KindCallback) {
			story = append(story, e.Kind)
		}
	}
	if want := []Kind{KindCreate, KindStatus, KindStatus, KindHandset, KindStatus}; !slices.Equal(story, want) {
		t.Errorf("story %v, want %v", story, want)
	}
	if extra := len(office.got); extra != 0 {
		t.Errorf("%d callbacks too many", extra)
	}
}

func TestTroubleWithReceipts(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Behavior)
		want   map[string]int
	}{
		{"sending skipped", func(b *Behavior) { b.SkipSending = 1 }, map[string]int{statusSent: 1, statusDelivered: 1}},
		{"twice", func(b *Behavior) { b.DuplicateCallback = 1 }, map[string]int{statusSending: 2, statusSent: 2, statusDelivered: 2}},
		{"shuffled", func(b *Behavior) { b.ShuffleCallbacks = 1 }, map[string]int{statusSending: 1, statusSent: 1, statusDelivered: 1}},
		{"late", func(b *Behavior) { b.LateCallback, b.LateBy = 1, Span{1, Duration(time.Millisecond)} }, map[string]int{statusSending: 1, statusSent: 1, statusDelivered: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			office := newOffice(t, nil)
			w := begin(t, func(o *Options) { tt.change(o.Behavior) })
			w.accepted("hello", "StatusCallback", office.URL)
			got := map[string]int{}
			for _, e := range ended(w.entries(KindCallback)) {
				if e.HTTPStatus != 204 {
					t.Errorf("callback %+v, want 204", e)
				}
				got[e.Status]++
			}
			if len(got) != len(tt.want) {
				t.Errorf("callbacks %v, want %v", got, tt.want)
			}
			for status, n := range tt.want {
				if got[status] != n {
					t.Errorf("callbacks %v, want %v", got, tt.want)
				}
			}
		})
	}
}

// TestShuffledReceiptsComeInAnyOrder draws until an order other than that of the states is seen.
func TestShuffledReceiptsComeInAnyOrder(t *testing.T) {
	office := newOffice(t, nil)
	w := begin(t, func(o *Options) { o.Behavior.ShuffleCallbacks = 1 })
	for range 50 {
		sid := w.accepted("hello", "StatusCallback", office.URL)
		var begun []string
		for _, e := range w.entries(KindCallback) {
			if e.SID == sid && e.Phase == PhaseBegun {
				begun = append(begun, e.Status)
			}
		}
		if !slices.Equal(begun, []string{statusSending, statusSent, statusDelivered}) {
			return
		}
	}
	t.Error("fifty times in order")
}

func TestNumbersDefaultCallback(t *testing.T) {
	office := newOffice(t, nil)
	w := begin(t, func(o *Options) { o.Numbers = map[string]Number{clinic: {StatusCallback: office.URL + "/default"}} })
	w.accepted("hello")
	if d := office.next(t); d.uri != "/default" {
		t.Errorf("posted to %s", d.uri)
	}
	w.entries()
	w.accepted("hello", "StatusCallback", office.URL+"/own")
	w.entries()
	for range 2 {
		office.next(t)
	}
	if d := office.next(t); d.uri != "/own" {
		t.Errorf("posted to %s", d.uri)
	}
}

func TestCallbackIsNotRepeated(t *testing.T) {
	office := newOffice(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	w := begin(t, func(o *Options) { o.Behavior.SkipSending = 1 })
	w.accepted("hello", "StatusCallback", office.URL)
	if got := ended(w.entries(KindCallback)); len(got) != 2 || got[0].Attempt != 1 || got[0].ErrorCode != codeWebhookFailed {
		t.Errorf("attempts %+v, want two states once each", got)
	}
}

func TestValidityRunsOutInTheQueue(t *testing.T) {
	now := newClock()
	office := newOffice(t, nil)
	w := begin(t, func(o *Options) { o.Now = now.Now })
	w.must(w.PauseDelivery(w.ctx, SideHandset, true))
	sid := w.accepted("stale advice", "ValidityPeriod", "60", "StatusCallback", office.URL)
	w.accepted("fresh advice", "ValidityPeriod", "61")
	now.move(time.Minute)
	w.must(w.PauseDelivery(w.ctx, SideHandset, false))
	d := office.next(t)
	if d.form.Get("MessageStatus") != statusFailed || d.form.Get("ErrorCode") != "30036" {
		t.Errorf("callback %v, want failed 30036", d.form)
	}
	got := w.entries(KindHandset)
	if len(got) != 1 || got[0].Body != "fresh advice" {
		t.Errorf("handset got %+v, want only the fresh one", got)
	}
	a := w.request(http.MethodGet, path("/Messages/"+sid+".json"), nil)
	if a.text("status") != statusFailed || a.body["error_code"] != 30036.0 || a.text("error_message") != "Validity Period Expired" {
		t.Errorf("fetched %s", a.raw)
	}
}

// TestValidityRunsOutWhilePaused needs nobody to end the pause.
func TestValidityRunsOutWhilePaused(t *testing.T) {
	w := begin(t, nil)
	w.must(w.PauseDelivery(w.ctx, SideHandset, true))
	w.accepted("stale advice", "ValidityPeriod", "1")
	if e := w.await(KindStatus, nil); e.Status != statusFailed || e.ErrorCode != codeExpired {
		t.Errorf("got %+v, want failed 30036", e)
	}
}

func TestOptOutOvertakesAQueuedMessage(t *testing.T) {
	w := begin(t, nil)
	w.must(w.PauseDelivery(w.ctx, SideHandset, true))
	sid := w.accepted("reminder")
	w.text(Text{Body: "stop"})
	w.must(w.PauseDelivery(w.ctx, SideHandset, false))
	w.entries()
	if e := w.await(KindStatus, func(e Entry) bool { return e.SID == sid }); e.Status != statusFailed || e.ErrorCode != codeOptedOut {
		t.Errorf("got %+v, want failed 21610", e)
	}
	if got := w.entries(KindHandset); len(got) != 1 || got[0].Body != cannedStop {
		t.Errorf("handset got %+v, want the confirmation only", got)
	}
}

func TestWhatsAppWindow(t *testing.T) {
	now := newClock()
	w := begin(t, func(o *Options) {
		o.Now = now.Now
		o.Numbers = map[string]Number{"whatsapp:" + clinic: {}}
		o.Behavior.ReadReceipts = true
	})
	send := func(body string) string {
		return w.accepted(body, "To", "whatsapp:"+patient, "From", "whatsapp:"+clinic)
	}
	last := func(sid string) Entry {
		all := w.entries(KindStatus)
		all = slices.DeleteFunc(all, func(e Entry) bool { return e.SID != sid })
		return all[len(all)-1]
	}
	if e := last(send("never heard of you")); e.Status != statusFailed || e.ErrorCode != codeWindowClosed {
		t.Errorf("unasked: %+v, want failed 63016", e)
	}
	w.text(Text{From: "whatsapp:" + patient, To: "whatsapp:" + clinic, Body: "hi"})
	now.move(24 * time.Hour)
	if e := last(send("in time")); e.Status != statusRead {
		t.Errorf("in the window: %+v, want read", e)
	}
	now.move(1)
	if e := last(send("too late")); e.Status != statusFailed || e.ErrorCode != codeWindowClosed {
		t.Errorf("after it: %+v, want failed 63016", e)
	}
}

func TestRateOfANumber(t *testing.T) {
	w := begin(t, func(o *Options) { o.Behavior.SegmentsPerSecond, o.Behavior.QueueSegments = 1000, 100 })
	for range 5 {
		w.accepted(strings.Repeat("a", 161))
	}
	if got := w.entries(KindHandset); len(got) != 5 {
		t.Errorf("handset got %d, want 5", len(got))
	}
}
