package twiliofake

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestLedgerOnDiskIsTheLedger(t *testing.T) {
	office := newOffice(t, nil)
	w := begin(t, serving(office))
	w.accepted("line\nbreak \"quoted\" <b>&amp; 👍 \u2028 \x00")
	w.text(Text{Body: "hi", Media: []Media{{ContentType: "image/png", Bytes: []byte{0, 1, 2}}}})
	told := w.entries()
	onDisk, err := ReadLedger(w.options.LedgerPath)
	w.must(err)
	if len(onDisk) != len(told) {
		t.Fatalf("%d entries on disk, %d told", len(onDisk), len(told))
	}
	for i, e := range onDisk {
		if e.Seq != int64(i)+1 || !reflect.DeepEqual(e.withoutBytes(), told[i]) {
			t.Errorf("entry %d: on disk %+v, told %+v", i, e, told[i])
		}
	}
	body := onDisk[slices.IndexFunc(onDisk, func(e Entry) bool { return e.Kind == KindHandset })].Body
	if want := "line\nbreak \"quoted\" <b>&amp; 👍 \u2028 \x00"; body != want {
		t.Errorf("body %q, want %q", body, want)
	}
}

func TestReadLedger(t *testing.T) {
	const line1, line2 = `{"seq":1,"at":"2026-03-02T14:02:00Z","kind":"start"}` + "\n", `{"seq":2,"at":"2026-03-02T14:02:00Z","kind":"create"}` + "\n"
	for _, tt := range []struct {
		name, content string
		entries       int
		bad           bool
	}{
		{"empty", "", 0, false},
		{"whole", line1 + line2, 2, false},
		{"torn", line1 + line2[:20], 1, false},
		{"torn just before the newline", line1 + strings.TrimSpace(line2), 1, false},
		{"gap", line1 + strings.Replace(line2, "2", "3", 1), 0, true},
		{"garbage inside", line1 + "{\n" + line2, 0, true},
	} {
		file := filepath.Join(t.TempDir(), "ledger")
		if err := os.WriteFile(file, []byte(tt.content), 0o600); err != nil {
			t.Fatal(err)
		}
		entries, err := ReadLedger(file)
		if len(entries) != tt.entries || (err != nil) != tt.bad {
			t.Errorf("%s: %d entries, error %v, want %d", tt.name, len(entries), err, tt.entries)
		}
	}
	if _, err := ReadLedger(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

func TestResume(t *testing.T) {
	office := newOffice(t, nil)
	w := begin(t, nil)
	w.must(w.Webhook(w.ctx, clinic, office.URL+"/kept"))
	w.text(Text{Body: "STOP", From: "+15550199002"})
	sid := w.accepted("before")
	w.entries()
	w.must(w.PauseDelivery(w.ctx, "", true))
	queued := w.accepted("queued", "StatusCallback", office.URL+"/status")
	waiting := w.text(Text{Body: "waiting"})
	for len(office.got) > 0 {
		<-office.got
	}

	w = w.again(nil)
	seen := map[string]bool{}
	for _, e := range w.entries() {
		if e.Kind == KindCreate || e.Kind == KindInbound {
			if seen[e.SID] {
				t.Errorf("SID %s twice", e.SID)
			}
			seen[e.SID] = true
		}
	}
	if a := w.request("GET", path("/Messages/"+sid+".json"), nil); a.text("status") != statusDelivered || a.text("body") != "before" {
		t.Errorf("before: %s", a.raw)
	}
	if a := w.request("GET", path("/Messages/"+queued+".json"), nil); a.text("status") != statusDelivered {
		t.Errorf("queued: %s, want it delivered now", a.raw)
	}
	if a := w.send("x", "To", "+15550199002"); a.code() != codeOptedOut {
		t.Errorf("opted out before: got %d %s", a.status, a.raw)
	}
	uris := map[string]int{}
	for len(office.got) > 0 {
		d := <-office.got
		uris[d.uri]++
		if d.uri == "/kept" && d.form.Get("MessageSid") != waiting {
			t.Errorf("posted %v, want only what waited", d.form)
		}
	}
	if uris["/kept"] != 1 || uris["/status"] != 3 {
		t.Errorf("posted %v, want the waiting text once and three states", uris)
	}
	if got, err := w.PhoneNow(w.ctx, patient, 0); err != nil || len(got) != 2 {
		t.Errorf("phone got %+v %v, want two", got, err)
	}
	if fresh := w.accepted("after"); seen[fresh] {
		t.Errorf("SID %s again", fresh)
	}
}

// TestResumeDoesNotPostAgain restarts after an attempt that began and never ended.
func TestResumeDoesNotPostAgain(t *testing.T) {
	office := newOffice(t, nil)
	o := Options{
		LedgerPath: filepath.Join(t.TempDir(), "ledger"), AccountSID: testAccount, AuthToken: testAuth, ControlToken: testControl,
		Numbers: map[string]Number{clinic: {SMSURL: office.URL}},
	}
	sid := newSID("SM", testAccount, 0, 2, 0)
	book, err := openLedger(o.LedgerPath)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []Entry{
		{Kind: KindStart, Account: testAccount},
		{Kind: KindInbound, SID: sid, From: patient, To: clinic, Body: "hi", Status: statusReceived, Segments: 1},
		{Kind: KindWebhook, SID: sid, Phase: PhaseBegun, Attempt: 1, Delivery: 1},
	} {
		if _, err := book.append(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := book.file.Close(); err != nil {
		t.Fatal(err)
	}
	w := start(t, o)
	if got := w.entries(KindWebhook); len(got) != 1 || len(office.got) != 0 {
		t.Errorf("webhooks %+v, %d posted, want none more", got, len(office.got))
	}
}

func TestTornLineIsCutOff(t *testing.T) {
	w := begin(t, nil)
	w.accepted("one")
	w.entries()
	w.must(w.stop())
	file, err := os.OpenFile(w.options.LedgerPath, os.O_APPEND|os.O_WRONLY, 0)
	w.must(err)
	_, err = io.WriteString(file, `{"seq":99,"kin`)
	w.must(err)
	w.must(file.Close())
	w = w.again(nil)
	w.accepted("two")
	w.entries()
	if _, err := ReadLedger(w.options.LedgerPath); err != nil {
		t.Error(err)
	}
}

func TestLedgerOfAnotherAccount(t *testing.T) {
	w := begin(t, nil)
	w.must(w.stop())
	o := w.options
	o.AccountSID = strings.Replace(testAccount, "0", "1", 1)
	carrier, err := New(o)
	w.must(err)
	if err := carrier.Run(w.ctx); !errors.Is(err, ErrOptions) {
		t.Errorf("Run = %v, want ErrOptions", err)
	}
}

// TestCarrierEndsWhenItCannotTestify closes the file under the carrier's feet.
func TestCarrierEndsWhenItCannotTestify(t *testing.T) {
	o := Options{
		LedgerPath: filepath.Join(t.TempDir(), "ledger"), AccountSID: testAccount, AuthToken: testAuth, ControlToken: testControl,
		Numbers: map[string]Number{clinic: {}},
	}
	carrier, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	go func() { ended <- carrier.Run(ctx) }()
	<-carrier.Ready()
	carrier.mu.Lock()
	err = carrier.ledger.file.Close()
	carrier.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, ctx: ctx, carrier: carrier, Client: Client{Base: carrier.Base(), Token: testControl}}
	if a := w.send("hello"); a.status == 201 {
		t.Errorf("accepted what it could not write down: %s", a.raw)
	}
	if err := <-ended; !errors.Is(err, os.ErrClosed) {
		t.Errorf("Run = %v, want the ledger's error", err)
	}
}

func TestRunOnce(t *testing.T) {
	w := begin(t, nil)
	if err := w.carrier.Run(w.ctx); !errors.Is(err, ErrRunTwice) {
		t.Errorf("Run = %v, want ErrRunTwice", err)
	}
}

// TestNothingSurvivesRun ends a carrier in the middle of everything it can be in the middle of.
func TestNothingSurvivesRun(t *testing.T) {
	w := begin(t, func(o *Options) {
		o.Numbers[clinic] = Number{SMSURL: "http://192.0.2.1/never"} // an address that answers nobody
		o.Out = io.Discard
	})
	w.must(w.PauseDelivery(w.ctx, SideHandset, true))
	w.accepted("paused")
	w.text(Text{Body: "unanswered"})
	w.must(w.Hold(w.ctx, Hold{Count: 1}))
	held := w.sending("held")
	_, err := w.Held(w.ctx)
	w.must(err)
	w.must(w.Fault(w.ctx, Fault{Kind: FaultHang, Delay: Duration(time.Hour)}))
	hung := w.sending("hung")
	polled := make(chan error, 1)
	go func() {
		_, err := w.Phone(w.ctx, "+15550199005", 0)
		polled <- err
	}()
	w.must(w.stop())
	for _, done := range []<-chan answer{held, hung} {
		if a := <-done; a.status == 201 {
			t.Errorf("got %d", a.status)
		}
	}
	<-polled
	for stacks(t) > 0 {
		runtime.Gosched() // a goroutine counts as ended a moment before it is gone
	}
}

// stacks counts goroutines in the carrier's code other than tests.
func stacks(t *testing.T) int {
	t.Helper()
	if t.Context().Err() != nil {
		t.Fatal("goroutines were left")
	}
	buf := make([]byte, 1<<20)
	return strings.Count(string(buf[:runtime.Stack(buf, true)]), "twiliofake.(*Carrier)")
}

func TestOptions(t *testing.T) {
	good := Options{LedgerPath: "x", AccountSID: testAccount, AuthToken: "a", ControlToken: "b", Numbers: map[string]Number{clinic: {}}}
	if _, err := New(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Options){
		"listen":   func(o *Options) { o.Listen = "nowhere" },
		"ledger":   func(o *Options) { o.LedgerPath = "" },
		"account":  func(o *Options) { o.AccountSID = "AC1" },
		"token":    func(o *Options) { o.AuthToken = "" },
		"control":  func(o *Options) { o.ControlToken = "" },
		"number":   func(o *Options) { o.Numbers = map[string]Number{"5551234": {}} },
		"webhook":  func(o *Options) { o.Numbers = map[string]Number{clinic: {SMSURL: "/sms"}} },
		"service":  func(o *Options) { o.Numbers = map[string]Number{clinic: {MessagingService: "MG"}} },
		"share":    func(o *Options) { o.Behavior = &Behavior{SkipSending: 2} },
		"negative": func(o *Options) { b := Calm(); b.SegmentsPerSecond = -1; o.Behavior = &b },
		"span":     func(o *Options) { b := Calm(); b.LateBy = Span{2, 1}; o.Behavior = &b },
	} {
		o := good
		change(&o)
		if _, err := New(o); !errors.Is(err, ErrOptions) {
			t.Errorf("%s: New = %v, want ErrOptions", name, err)
		}
	}
	for _, name := range []string{"calm", "mean", ""} {
		b, err := Profile(name)
		if err != nil || b.validate() != nil {
			t.Errorf("profile %q: %v %v", name, err, b.validate())
		}
	}
	if _, err := Profile("kind"); !errors.Is(err, ErrOptions) {
		t.Errorf("profile kind: %v", err)
	}
}

func TestEndWithInput(t *testing.T) {
	r, w := io.Pipe()
	ctx, cancel := EndWithInput(t.Context(), r)
	defer cancel()
	if _, err := io.WriteString(w, "noise"); err != nil || ctx.Err() != nil {
		t.Fatalf("ended by input: %v %v", err, ctx.Err())
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	<-ctx.Done()
}

func TestFeed(t *testing.T) {
	r, out := io.Pipe()
	read := make(chan string, 1)
	go func() {
		all, _ := io.ReadAll(r)
		read <- string(all)
	}()
	w := begin(t, func(o *Options) { o.Out = out })
	w.text(Text{Body: "say \"hi\"\x1b[2J\n09:00:00 +1 texts +2: forged\u202e 👨\u200d👩"})
	w.accepted("welcome")
	w.entries()
	w.must(w.stop())
	w.must(out.Close())
	got := <-read
	for _, want := range []string{
		patient + " texts " + clinic + `: say "hi"\u001b[2J` + indent + `09:00:00 +1 texts +2: forged\u202e ` + "👨\u200d👩\n",
		patient + " gets from " + clinic + ": welcome\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("feed %q lacks %q", got, want)
		}
	}
	if strings.ContainsAny(got, "\x1b\u202e") || strings.Contains(got, "\n09:00:00 +1") {
		t.Errorf("feed %q does what a text asks of a terminal", got)
	}
}

// TestMeanDay runs everything at once and checks what the ledger promises: each accepted body reached its phone once, each text was posted at least once.
func TestMeanDay(t *testing.T) {
	office := newOffice(t, nil)
	mean := Mean()
	for _, s := range []*Span{&mean.LateBy, &mean.DuplicateDelay, &mean.StatusInterval, &mean.WebhookLatency} {
		s.Min, s.Max = 0, Duration(10*time.Millisecond)
	}
	w := begin(t, func(o *Options) {
		o.Behavior = &mean
		o.Numbers = map[string]Number{clinic: {SMSURL: office.URL, StatusCallback: office.URL}}
	})
	for range 40 {
		w.accepted("out")
		w.text(Text{Body: "in"})
	}
	posted, arrived := map[string]int{}, map[string]int{}
	for _, e := range w.entries() {
		switch {
		case e.Kind == KindHandset:
			arrived[e.SID]++
		case e.Kind == KindWebhook && e.Phase == PhaseEnded:
			posted[e.SID]++
		}
	}
	if len(arrived) != 40 || len(posted) != 40 {
		t.Errorf("%d arrived and %d posted, want 40 and 40", len(arrived), len(posted))
	}
	for sid, n := range arrived {
		if n != 1 {
			t.Errorf("%s arrived %d times", sid, n)
		}
	}
	many := 0
	for _, n := range posted {
		if n > 1 {
			many++
		}
	}
	if many == 0 || many == 40 {
		t.Errorf("%d of 40 texts were posted more than once", many)
	}
}
