package twiliofake

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	testAccount = "AC0123456789abcdef0123456789abcdef"
	testAuth    = "an-auth-token"
	testControl = "a-control-token"
	testService = "MG0123456789abcdef0123456789abcdef"
	clinic      = "+15550100001"
	patient     = "+15550199001"
	patience    = 30 * time.Second // a guard against hanging, not a measure
)

// clock is a clock that stands until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 2, 14, 2, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// world is a carrier that runs, and its client.
type world struct {
	Client
	t       *testing.T
	ctx     context.Context
	carrier *Carrier
	options Options
	stop    func() error
}

// begin runs a calm carrier with one number, changed as the test wants.
func begin(t *testing.T, change func(*Options)) *world {
	t.Helper()
	calm := Calm()
	o := Options{
		LedgerPath: filepath.Join(t.TempDir(), "ledger.jsonl"), AccountSID: testAccount, AuthToken: testAuth, ControlToken: testControl,
		Numbers: map[string]Number{clinic: {}}, Behavior: &calm, Seed: 1,
	}
	if change != nil {
		change(&o)
	}
	return start(t, o)
}

func start(t *testing.T, o Options) *world {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	carrier, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	life, end := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- carrier.Run(life) }()
	select {
	case <-carrier.Ready():
	case err := <-ended:
		t.Fatalf("Run ended before it was ready: %v", err)
	}
	stop := sync.OnceValue(func() error {
		end()
		return <-ended
	})
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	w := &world{t: t, ctx: ctx, carrier: carrier, options: o, stop: stop}
	w.Client = Client{Base: carrier.Base(), Token: testControl}
	return w
}

// again ends the carrier and starts another on the same ledger.
func (w *world) again(change func(*Options)) *world {
	w.t.Helper()
	w.must(w.stop())
	if change != nil {
		change(&w.options)
	}
	return start(w.t, w.options)
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// answer is what the API said.
type answer struct {
	status int
	header http.Header
	body   map[string]any
	raw    string
	err    error
}

func (a answer) text(field string) string {
	s, _ := a.body[field].(string)
	return s
}

func (a answer) code() int {
	n, _ := a.body["code"].(float64)
	return int(n)
}

// request makes one request of the API with the account's credentials, over a connection of its own.
func (w *world) request(method, path string, form url.Values) answer {
	return w.requestAs(testAccount, testAuth, method, path, form)
}

func (w *world) requestAs(user, password, method, path string, form url.Values) answer {
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(w.ctx, method, w.Base+path, body)
	if err != nil {
		return answer{err: err}
	}
	r.SetBasicAuth(user, password)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(r)
	if err != nil {
		return answer{err: err}
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	a := answer{status: response.StatusCode, header: response.Header, raw: string(raw), err: err}
	_ = json.Unmarshal(raw, &a.body)
	return a
}

func path(rest string) string { return "/2010-04-01/Accounts/" + testAccount + rest }

// send creates a message to the patient; fields are names and values that add to the form or replace what is in it.
func (w *world) send(body string, fields ...string) answer {
	form := url.Values{"To": {patient}, "From": {clinic}, "Body": {body}}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return w.request(http.MethodPost, path("/Messages.json"), form)
}

// accepted is send for messages that must be accepted; it returns the SID.
func (w *world) accepted(body string, fields ...string) string {
	w.t.Helper()
	a := w.send(body, fields...)
	if a.err != nil || a.status != http.StatusCreated {
		w.t.Fatalf("create: got %d %v %s, want 201", a.status, a.err, a.raw)
	}
	return a.text("sid")
}

func (w *world) text(t Text) string {
	w.t.Helper()
	if t.From == "" {
		t.From = patient
	}
	if t.To == "" {
		t.To = clinic
	}
	sid, err := w.Text(w.ctx, t)
	w.must(err)
	return sid
}

// entries waits until the carrier is idle and returns the entries of some kinds, all if none is named.
func (w *world) entries(kinds ...Kind) []Entry {
	w.t.Helper()
	_, err := w.Idle(w.ctx)
	w.must(err)
	all, err := w.Ledger(w.ctx, 0)
	w.must(err)
	var some []Entry
	for _, e := range all {
		for _, kind := range kinds {
			if e.Kind == kind {
				some = append(some, e)
			}
		}
	}
	if len(kinds) == 0 {
		return all
	}
	return some
}

func (w *world) await(kind Kind, match func(Entry) bool) Entry {
	w.t.Helper()
	e, err := w.Await(w.ctx, 0, func(e Entry) bool { return e.Kind == kind && (match == nil || match(e)) })
	w.must(err)
	return e
}

// ended keeps the entries with which attempts ended.
func ended(entries []Entry) []Entry {
	var some []Entry
	for _, e := range entries {
		if e.Phase == PhaseEnded {
			some = append(some, e)
		}
	}
	return some
}

func statuses(entries []Entry) []string {
	var some []string
	for _, e := range entries {
		some = append(some, e.Status)
	}
	return some
}

// delivery is one webhook as the clinic got it.
type delivery struct {
	form   url.Values
	header http.Header
	uri    string
}

// office is the clinic's side: it keeps what it gets and answers 204, unless told otherwise.
type office struct {
	*httptest.Server
	got chan delivery
}

func newOffice(t *testing.T, respond http.HandlerFunc) *office {
	t.Helper()
	o := &office{got: make(chan delivery, 1000)}
	o.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		form, _ := url.ParseQuery(string(raw))
		o.got <- delivery{form: form, header: r.Header, uri: r.RequestURI}
		if respond == nil {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		respond(w, r)
	}))
	t.Cleanup(o.Close)
	return o
}

// next returns the next webhook.
func (o *office) next(t *testing.T) delivery {
	t.Helper()
	select {
	case d := <-o.got:
		return d
	case <-time.After(patience):
		t.Fatal("no webhook came")
		return delivery{}
	}
}

func serving(o *office) func(*Options) {
	return func(opts *Options) { opts.Numbers = map[string]Number{clinic: {SMSURL: o.URL + "/sms?tenant=a"}} }
}
