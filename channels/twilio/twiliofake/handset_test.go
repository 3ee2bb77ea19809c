package twiliofake

import (
	"slices"
	"testing"
)

func TestOptOutAndIn(t *testing.T) {
	office := newOffice(t, nil)
	w := begin(t, func(o *Options) {
		serving(office)(o)
		o.Numbers["+15550100002"] = Number{}
	})
	var wantPhone []string
	for _, tt := range []struct {
		text    string
		canned  string
		blocked bool
	}{
		{"YES", "", false}, // an answer, not a wish
		{"please stop", "", false},
		{" Cancel ", cannedStop, true},
		{"STOP", "", true}, // confirmed once
		{"HELP", cannedHelp, true},
		{"unstop", cannedStart, false},
		{"START", "", false},
		{"info", cannedHelp, false},
	} {
		w.text(Text{Body: tt.text})
		if got := office.next(t).form.Get("Body"); got != tt.text {
			t.Errorf("webhook got %q, want %q", got, tt.text)
		}
		if tt.canned != "" {
			wantPhone = append(wantPhone, tt.canned)
		}
		a := w.send("how are you")
		if tt.blocked != (a.code() == codeOptedOut && a.status == 400) {
			t.Errorf("after %q: create got %d %d, want blocked: %v", tt.text, a.status, a.code(), tt.blocked)
		}
		if !tt.blocked {
			wantPhone = append(wantPhone, "how are you")
		}
		w.entries()
	}
	w.accepted("from another number", "From", "+15550100002")
	wantPhone = append(wantPhone, "from another number")
	w.entries()
	messages, err := w.PhoneNow(w.ctx, patient, 0)
	w.must(err)
	var got []string
	for _, m := range messages {
		got = append(got, m.Body)
	}
	slices.Sort(got) // a canned text and an answer travel side by side
	slices.Sort(wantPhone)
	if !slices.Equal(got, wantPhone) {
		t.Errorf("phone got %q, want %q", got, wantPhone)
	}
	if out, in := len(w.entries(KindOptOut)), len(w.entries(KindOptIn)); out != 1 || in != 1 {
		t.Errorf("%d opt-outs and %d opt-ins, want one of each", out, in)
	}
}

func TestOptOutBlocksOneNumberOnly(t *testing.T) {
	w := begin(t, func(o *Options) { o.Numbers["+15550100002"] = Number{} })
	w.text(Text{Body: "STOP"})
	if a := w.send("x"); a.code() != codeOptedOut {
		t.Errorf("got %d %d, want %d", a.status, a.code(), codeOptedOut)
	}
	w.accepted("x", "From", "+15550100002")
	w.accepted("x", "To", "+15550199002")
}

func TestOptOutBlocksTheWholeService(t *testing.T) {
	office := newOffice(t, nil)
	w := begin(t, func(o *Options) {
		o.Numbers = map[string]Number{clinic: {MessagingService: testService, SMSURL: office.URL}, "+15550100002": {MessagingService: testService}}
		o.Behavior.ServiceShare = 1
	})
	w.text(Text{Body: "STOP"})
	if form := office.next(t).form; form.Get("OptOutType") != "STOP" || form.Get("MessagingServiceSid") != testService {
		t.Errorf("webhook %v, want the service and the kind of keyword", form)
	}
	if a := w.send("x", "From", "+15550100002"); a.code() != codeOptedOut {
		t.Errorf("got %d %d, want %d", a.status, a.code(), codeOptedOut)
	}
}

func TestCannedTextsAreListed(t *testing.T) {
	w := begin(t, nil)
	w.text(Text{Body: "HELP"})
	w.entries()
	if got := w.listed(nil); !slices.Equal(got, []string{cannedHelp, "HELP"}) {
		t.Errorf("listed %q, want the canned text and what drew it", got)
	}
}

func TestPhoneSince(t *testing.T) {
	w := begin(t, nil)
	w.accepted("one")
	first, err := w.Phone(w.ctx, patient, 0)
	w.must(err)
	w.accepted("two")
	second, err := w.Phone(w.ctx, patient, first[0].Seq)
	w.must(err)
	if len(second) != 1 || second[0].Body != "two" || second[0].From != clinic || second[0].Origin != OriginAPI {
		t.Errorf("phone got %+v, want two", second)
	}
	if none, err := w.PhoneNow(w.ctx, "+15550199009", 0); err != nil || len(none) != 0 {
		t.Errorf("another phone got %+v %v", none, err)
	}
}
