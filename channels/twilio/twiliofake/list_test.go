package twiliofake

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"testing"
	"time"
)

// listed asks for a list and returns its bodies.
func (w *world) listed(query url.Values) []string {
	w.t.Helper()
	a := w.request(http.MethodGet, path("/Messages.json")+"?"+query.Encode(), nil)
	if a.status != 200 {
		w.t.Fatalf("list %v: got %d %s", query, a.status, a.raw)
	}
	return bodiesOf(a)
}

func bodiesOf(a answer) []string {
	bodies := []string{}
	messages, _ := a.body["messages"].([]any)
	for _, m := range messages {
		body, _ := m.(map[string]any)["body"].(string)
		bodies = append(bodies, body)
	}
	return bodies
}

func TestListLags(t *testing.T) {
	now := newClock()
	w := begin(t, func(o *Options) {
		o.Now = now.Now
		o.Behavior.ListLag = Span{Duration(2 * time.Second), Duration(2 * time.Second)}
	})
	sid := w.accepted("out")
	w.text(Text{Body: "in"})
	if _, err := w.Idle(w.ctx); err != nil {
		t.Fatal(err)
	}
	if got := w.listed(nil); len(got) != 0 {
		t.Fatalf("at once: listed %q, want nothing", got)
	}
	if a := w.request(http.MethodGet, path("/Messages/"+sid+".json"), nil); a.status != 200 || a.text("status") != statusDelivered {
		t.Errorf("by SID: got %d %s, want it at once", a.status, a.raw)
	}
	now.move(2*time.Second - 1)
	if got := w.listed(nil); len(got) != 0 {
		t.Fatalf("just before: listed %q, want nothing", got)
	}
	now.move(1)
	if got := w.listed(nil); !slices.Equal(got, []string{"in", "out"}) {
		t.Fatalf("after: listed %q, want in, out", got)
	}
}

func TestListFilters(t *testing.T) {
	now := newClock() // 2026-03-02 14:02:00
	w := begin(t, func(o *Options) { o.Now = now.Now })
	other := "+15550199002"
	w.accepted("first")
	w.entries()
	now.move(24*time.Hour + 700*time.Millisecond) // 2026-03-03 14:02:00.7
	w.accepted("second")
	w.text(Text{From: other, Body: "third"})
	w.entries()
	for _, tt := range []struct {
		name  string
		query url.Values
		want  []string
	}{
		{"all", url.Values{}, []string{"third", "second", "first"}},
		{"to", url.Values{"To": {clinic}}, []string{"third"}},
		{"from", url.Values{"From": {clinic}}, []string{"second", "first"}},
		{"to nobody", url.Values{"To": {"+15550199003"}}, []string{}},
		{"day", url.Values{"DateSent": {"2026-03-02"}}, []string{"first"}},
		{"from day", url.Values{"DateSent>": {"2026-03-03"}}, []string{"third", "second"}},
		{"until day", url.Values{"DateSent<": {"2026-03-02"}}, []string{"first"}},
		{"comparison escaped whole", url.Values{"DateSent>=": {"2026-03-03"}}, []string{"third", "second"}},
		{"until escaped whole", url.Values{"DateSent<=": {"2026-03-03"}}, []string{"third", "second", "first"}},
		{"from moment", url.Values{"DateSent>": {"2026-03-03T14:02:00Z"}}, []string{"third", "second"}},
		{"from the next moment", url.Values{"DateSent>": {"2026-03-03T14:02:01Z"}}, []string{}},
		{"until moment", url.Values{"DateSent<": {"2026-03-03T14:01:59Z"}}, []string{"first"}},
		{"until its second", url.Values{"DateSent<": {"2026-03-03T14:02:00Z"}}, []string{"third", "second", "first"}},
		{"moment with zone", url.Values{"DateSent>": {"2026-03-03T08:02:00-06:00"}}, []string{"third", "second"}},
		{"both ends", url.Values{"DateSent>": {"2026-03-02"}, "DateSent<": {"2026-03-02"}, "From": {clinic}}, []string{"first"}},
	} {
		if got := w.listed(tt.query); !slices.Equal(got, tt.want) {
			t.Errorf("%s: listed %q, want %q", tt.name, got, tt.want)
		}
	}
	for _, bad := range []string{"DateSent=soon", "PageSize=0", "PageSize=1001", "Page=1", "Page=x", "Sort=asc", "To=a&To=b", "PageToken=PAx"} {
		if a := w.request(http.MethodGet, path("/Messages.json")+"?"+bad, nil); a.status != 400 || a.code() != codeUnknownParameter {
			t.Errorf("%s: got %d %s, want 400", bad, a.status, a.raw)
		}
	}
}

func TestListHidesWhatIsNotSent(t *testing.T) {
	w := begin(t, func(o *Options) { o.Behavior.ListHidesUnsent = true })
	w.must(w.PauseDelivery(w.ctx, SideHandset, true))
	w.accepted("queued")
	today := url.Values{"DateSent>": {"2000-01-01"}}
	if got := w.listed(today); len(got) != 0 {
		t.Errorf("queued, by date: listed %q, want nothing", got)
	}
	if got := w.listed(nil); len(got) != 1 {
		t.Errorf("queued, without date: listed %q, want it", got)
	}
	w.must(w.PauseDelivery(w.ctx, SideHandset, false))
	w.entries()
	if got := w.listed(today); len(got) != 1 {
		t.Errorf("sent, by date: listed %q, want it", got)
	}
}

// TestPagesAreStable reads page after page while new messages arrive: none is seen twice, none is left out.
func TestPagesAreStable(t *testing.T) {
	w := begin(t, nil)
	var want []string
	for i := range 7 {
		w.text(Text{Body: strconv.Itoa(i)})
		want = append([]string{strconv.Itoa(i)}, want...)
	}
	var got []string
	next := path("/Messages.json") + "?PageSize=3&To=" + url.QueryEscape(clinic)
	for page := 0; next != ""; page++ {
		a := w.request(http.MethodGet, next, nil)
		if a.status != 200 || a.body["page"] != float64(page) || a.body["page_size"] != 3.0 || a.body["start"] != float64(3*page) {
			t.Fatalf("page %d: got %d %s", page, a.status, a.raw)
		}
		got = append(got, bodiesOf(a)...)
		next = a.text("next_page_uri")
		w.text(Text{Body: "new"})
	}
	if !slices.Equal(got, want) {
		t.Errorf("pages held %q, want %q", got, want)
	}
}

func TestDelete(t *testing.T) {
	w := begin(t, nil)
	w.must(w.PauseDelivery(w.ctx, SideHandset, true))
	sid := w.accepted("secret")
	if a := w.request(http.MethodDelete, path("/Messages/"+sid+".json"), nil); a.status != 409 || a.code() != codeIncomplete {
		t.Errorf("on its way: got %d %d, want 409 %d", a.status, a.code(), codeIncomplete)
	}
	w.must(w.PauseDelivery(w.ctx, SideHandset, false))
	w.entries()
	if a := w.request(http.MethodDelete, path("/Messages/"+sid+".json"), nil); a.status != 204 || a.raw != "" {
		t.Errorf("delivered: got %d %q, want 204", a.status, a.raw)
	}
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		if a := w.request(method, path("/Messages/"+sid+".json"), nil); a.status != 404 {
			t.Errorf("%s after: got %d, want 404", method, a.status)
		}
	}
	if got := w.listed(nil); len(got) != 0 {
		t.Errorf("listed %q after, want nothing", got)
	}
	if got := w.entries(KindCreate); len(got) != 1 || got[0].Body != "secret" {
		t.Errorf("the ledger forgot: %+v", got)
	}
}

func TestMedia(t *testing.T) {
	for _, redirect := range []bool{false, true} {
		office := newOffice(t, nil)
		w := begin(t, func(o *Options) {
			serving(office)(o)
			o.Behavior.MediaRedirect = redirect
		})
		sid := w.text(Text{Media: []Media{{ContentType: "image/png", Bytes: []byte("picture")}, {ContentType: "text/plain", Bytes: []byte("note")}}})
		form := office.next(t).form
		if sid[:2] != "MM" || form.Get("NumMedia") != "2" || form.Get("MediaContentType1") != "text/plain" || form.Get("Body") != "" {
			t.Fatalf("webhook %v of %s", form, sid)
		}
		at := form.Get("MediaUrl0")
		if at[:len(w.Base)] != w.Base {
			t.Fatalf("media at %s, want it at %s", at, w.Base)
		}
		at = at[len(w.Base):]
		if a := w.requestAs("", "", http.MethodGet, at, nil); a.status != 401 {
			t.Errorf("without a password: got %d, want 401", a.status)
		}
		a := w.request(http.MethodGet, at, nil)
		if redirect {
			if a.status != 307 {
				t.Fatalf("got %d, want a redirect", a.status)
			}
			a = w.requestAs("", "", http.MethodGet, a.header.Get("Location"), nil)
		}
		if a.status != 200 || a.raw != "picture" || a.header.Get("Content-Type") != "image/png" {
			t.Errorf("got %d %q %q, want the picture", a.status, a.raw, a.header.Get("Content-Type"))
		}
		list := w.request(http.MethodGet, path("/Messages/"+sid+"/Media.json"), nil)
		if files, _ := list.body["media_list"].([]any); len(files) != 2 {
			t.Errorf("media list %s, want two", list.raw)
		}
		if a := w.request(http.MethodDelete, at+".json", nil); a.status != 204 {
			t.Errorf("delete: got %d %s", a.status, a.raw)
		}
		if a := w.request(http.MethodGet, at, nil); a.status != 404 {
			t.Errorf("deleted: got %d, want 404", a.status)
		}
	}
}

// TestTricks: each file misbehaves as it is told to, and asks for the password first.
func TestTricks(t *testing.T) {
	office := newOffice(t, nil)
	w := begin(t, serving(office))
	picture := []byte("picture")
	w.text(Text{Media: []Media{
		{ContentType: "image/png", URL: "http://elsewhere.example/x"},
		{ContentType: "image/png", Trick: TrickMissing},
		{ContentType: "image/png", Trick: TrickLate, Bytes: picture},
		{ContentType: "image/png", Trick: TrickBreaks},
		{ContentType: "image/png", Trick: TrickShort, Bytes: picture},
		{ContentType: "image/png", Trick: TrickHuge, Bytes: picture},
		{ContentType: "image/png", Trick: TrickEndless},
		{ContentType: "image/png", Trick: TrickDrip},
	}})
	form := office.next(t).form
	get := func(i int) (*http.Response, []byte, error) {
		r, err := http.NewRequestWithContext(w.ctx, http.MethodGet, form.Get("MediaUrl"+strconv.Itoa(i)), nil)
		w.must(err)
		r.SetBasicAuth(testAccount, testAuth)
		a, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			return nil, nil, err
		}
		defer a.Body.Close()
		body, err := io.ReadAll(io.LimitReader(a.Body, 100))
		return a, body, err
	}
	for i, want := range []int{307, 404, 404} {
		if a, _, err := get(i); err != nil || a.StatusCode != want {
			t.Errorf("file %d: %v, want %d", i, err, want)
		}
	}
	if a, body, err := get(2); err != nil || a.StatusCode != 200 || !bytes.Equal(body, picture) {
		t.Errorf("a late file, asked for again: %v %q", err, body)
	}
	if _, _, err := get(3); err == nil {
		t.Error("a file that breaks was answered")
	}
	for i, size := range map[int]int64{4: 107, 5: maxEndless, 6: -1} {
		a, body, err := get(i)
		if a == nil || a.ContentLength != size || (i < 6) == (err == nil) {
			t.Errorf("file %d: %d bytes, %v, want %d promised", i, len(body), err, size)
		}
	}
	r, err := http.NewRequestWithContext(w.ctx, http.MethodGet, form.Get("MediaUrl7"), nil)
	w.must(err)
	r.SetBasicAuth(testAccount, testAuth)
	a, err := http.DefaultTransport.RoundTrip(r)
	w.must(err)
	if n, err := a.Body.Read(make([]byte, 10)); n != 1 || err != nil {
		t.Errorf("a drip: %d bytes at once, %v", n, err)
	}
	w.must(a.Body.Close())
	if _, err := w.Text(w.ctx, Text{From: patient, To: clinic, Media: []Media{{ContentType: "x", Trick: "odd"}}}); err == nil {
		t.Error("an unknown trick was taken")
	}
}
