package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/tidegate/tidegate/channels/twilio/twiliofake"
)

// These tests tell the stories of a text through the real doors: signed
// webhooks in, the carrier's REST API out, a configuration file and the store
// on disk. The judge is the carrier.

const (
	ourNumber = "+15550100101"
	alice     = "+15550100111"
	carmen    = "+15550100112"
	bob       = "+15550100113"
	someone   = "+15550100199"
)

// storyTime bounds every wait of a story on a process that works as it should.
const storyTime = 20 * time.Second

type story struct {
	t       *testing.T
	dir     string
	base    string
	carrier twiliofake.Client
	public  string
	private string
	log     *syncBuffer
	stop    func()
	since   map[string]int64 // what was read of each phone
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

const storyConfig = `clinic:
  name: Harbor
  timezone: America/New_York
  hours: {mon-sun: "00:00-24:00"}
  phone: "+15550100100"
  languages: [en, es]
listen: {public: %[1]s, private: %[2]s, public_url: "http://%[1]s"}
data: .
channels:
  main: {type: twilio, account_sid: %[3]s, auth_token: file:%[4]s/token, base_url: "%[5]s", numbers: ["+15550100101"]}
staff:
  - {id: alice, name: Alice, role: nurse, routes: [{name: sms, channel: main, address: "+15550100111", phi: true}]}
  - {id: carmen, name: Carmen, role: lead, routes: [{name: sms, channel: main, address: "+15550100112"}]}
  - {id: bob, name: Bob, role: admin, routes: [{name: sms, channel: main, address: "+15550100113"}]}
escalation:
  steps:
    - {name: first, on_call: [{person: alice%[6]s}]}
  all_hands: [alice, carmen, bob]
  admins: [bob]
agent: {debounce: 0s, debounce_max: 1s}
sender: {segments_per_second: 100}
log: {level: debug}
`

// newStory starts a carrier and the daemon.
func newStory(t *testing.T, aliceHours string) *story {
	t.Helper()
	s := &story{t: t, dir: t.TempDir(), log: &syncBuffer{}, since: map[string]int64{}}
	if err := os.WriteFile(filepath.Join(s.dir, "token"), []byte("0123456789abcdef0123456789abcdef"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.public, s.private = mustPort(t, 21000), mustPort(t, 22000)
	calm := twiliofake.Calm()
	c, err := twiliofake.New(twiliofake.Options{
		LedgerPath: filepath.Join(s.dir, "ledger.jsonl"), AccountSID: demoAccount, AuthToken: "0123456789abcdef0123456789abcdef",
		ControlToken: "control", Behavior: &calm, Seed: 7,
		Numbers: map[string]twiliofake.Number{ourNumber: {SMSURL: "http://" + s.public + "/hooks/main/message"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	select {
	case <-c.Ready():
	case err := <-ended:
		t.Fatal(err)
	}
	s.base, s.carrier = c.Base(), twiliofake.Client{Base: c.Base(), Token: "control"}
	text := fmt.Sprintf(storyConfig, s.public, s.private, demoAccount, s.dir, s.base, aliceHours)
	if err := os.WriteFile(s.config(), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.start()
	return s
}

func mustPort(t *testing.T, from int) string {
	t.Helper()
	l, err := openPort(from)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (s *story) config() string { return filepath.Join(s.dir, "tidegate.yaml") }

func (s *story) start() {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended, ready := make(chan error, 1), make(chan struct{})
	e := env{getenv: func(string) string { return "" }, stdin: strings.NewReader(""), stdout: &bytes.Buffer{}, stderr: s.log}
	go func() { ended <- serve(ctx, s.config(), e, func(string, string) { close(ready) }) }()
	select {
	case <-ready:
	case err := <-ended:
		cancel()
		s.t.Fatalf("serve: %v", err)
	}
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			s.t.Errorf("serve ended with %v", err)
		}
	})
	s.t.Cleanup(func() { s.stop() })
}

func (s *story) ctx() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), storyTime)
	s.t.Cleanup(cancel)
	return ctx
}

// text is a handset writing to the clinic.
func (s *story) text(from, words string) {
	s.t.Helper()
	if _, err := s.carrier.Text(s.ctx(), twiliofake.Text{From: from, To: ourNumber, Body: words}); err != nil {
		s.t.Fatalf("text: %v", err)
	}
}

// reads waits until a handset got a text that matches, and returns it.
func (s *story) reads(phone, pattern string) string {
	s.t.Helper()
	re := regexp.MustCompile(pattern)
	var all []string
	for ctx := s.ctx(); ; {
		got, err := s.carrier.Phone(ctx, phone, s.since[phone])
		if err != nil {
			s.t.Fatalf("%s never got a text like %q; it got %q\nlog:\n%s", phone, pattern, all, s.log)
		}
		for _, m := range got {
			s.since[phone] = m.Seq
			all = append(all, m.Body)
			if re.MatchString(m.Body) {
				return m.Body
			}
		}
	}
}

// never checks, once nothing is on its way any more, that no text to the
// handset matches.
func (s *story) never(phone, pattern string) {
	s.t.Helper()
	if _, err := s.carrier.Idle(s.ctx()); err != nil {
		s.t.Fatal(err)
	}
	got, err := s.carrier.PhoneNow(s.ctx(), phone, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	re := regexp.MustCompile(pattern)
	for _, m := range got {
		if re.MatchString(m.Body) {
			s.t.Errorf("%s got %q", phone, m.Body)
		}
	}
}

var casePattern = regexp.MustCompile(`case ([B-Z2-9]{4})\b`)

func (s *story) code(page string) string {
	s.t.Helper()
	m := casePattern.FindStringSubmatch(page)
	if m == nil {
		s.t.Fatalf("no code in %q", page)
	}
	return m[1]
}

func TestStoryChestPainInTheMiddleOfIntake(t *testing.T) {
	s := newStory(t, "")
	s.text(someone, "hi, I need an appointment")
	s.reads(someone, `assistant.*911.*name`)
	s.text(someone, "Ana Ruiz")
	s.reads(someone, `date of birth`)
	s.text(someone, "my chest hurts")
	s.reads(someone, `Call 911 now.*nurse has been alerted`)
	page := s.reads(alice, `S1 page`)
	code := s.code(page)
	s.text(alice, strings.ToLower(code)+" a")
	s.reads(alice, `is yours[\s\S]*my chest hurts`)
	s.text(someone, "it is getting worse")
	s.reads(alice, `patient: it is getting worse`)
	s.text(alice, code+" R An ambulance is on its way. Sit down.")
	s.reads(someone, `^An ambulance is on its way. Sit down.$`)
	s.text(alice, code+" D seen by the ambulance crew")
	s.reads(alice, `resolved`)
	s.reads(someone, `date of birth`) // it goes on where it was, and is not mute
	s.text(someone, "3/4/1980")
	s.reads(someone, `insurance|reason|help`)
	s.text(someone, "ok thanks")
	s.never(alice, `(?i)all hands`)
	s.never(carmen, `.`)
	s.never(someone, `(?i)restart|error|NO_`)
}

func TestStoryNobodyOnCall(t *testing.T) {
	s := newStory(t, `, hours: {mon: "03:00-03:01"}`) // not now, but for one minute a week
	s.text(someone, "me duele el pecho")
	s.reads(someone, `Llame al 911 ahora`)
	s.reads(carmen, `ALL HANDS|S1`)
	s.reads(bob, `nobody is on call|ALL HANDS`)
	s.never(carmen, `pecho|\+1555|Ana`) // her route is not marked phi
}

func TestStorySafetyTextUndelivered(t *testing.T) {
	s := newStory(t, "")
	if err := s.carrier.Do(s.ctx(), http.MethodPost, "fault", twiliofake.Fault{Kind: "error", To: someone, Code: 30003, Count: -1}, nil); err != nil {
		t.Fatal(err)
	}
	s.text(someone, "my chest hurts")
	code := s.code(s.reads(alice, `S1 page`))
	// The carrier's report may come before or after she takes it: either way she learns it.
	s.awaitLog(`"reason":"undelivered"`)
	s.text(alice, code+" A")
	s.reads(alice, `cannot be texted`)
	s.text(alice, code+" R are you there")
	s.reads(alice, `do not reach this patient.*call`)
}

func (s *story) awaitLog(part string) {
	s.t.Helper()
	for ctx := s.ctx(); !strings.Contains(s.log.String(), part); {
		if ctx.Err() != nil {
			s.t.Fatalf("the log never says %s:\n%s", part, s.log)
		}
		if _, err := s.carrier.Idle(ctx); err != nil {
			s.t.Fatal(err)
		}
	}
}

func TestStoryOptedOutBefore(t *testing.T) {
	s := newStory(t, "")
	s.text(someone, "STOP")
	s.reads(someone, `.`) // the carrier's own confirmation
	s.text(someone, "I can't breathe")
	page := s.reads(alice, `S1 page`)
	if !strings.Contains(page, "call") {
		t.Errorf("the page does not say that the patient has to be called: %q", page)
	}
	s.never(someone, `Harbor: This may be`)
}

func TestStorySenderRateLimited(t *testing.T) {
	s := newStory(t, "")
	if err := s.carrier.Do(s.ctx(), http.MethodPost, "fault", twiliofake.Fault{Kind: "rate_limited", Count: 3, RetryAfter: 1}, nil); err != nil {
		t.Fatal(err)
	}
	s.text(someone, "my chest hurts")
	s.reads(someone, `Call 911 now`)
	s.reads(alice, `S1 page`)
}

func TestStoryNurseHerself(t *testing.T) {
	s := newStory(t, "")
	s.text(alice, "my chest hurts")
	s.reads(alice, `Call 911 now`)
	s.reads(carmen, `S1`)
	s.never(alice, `S1 page|ALL HANDS`)
	s.text(bob, "hello?")
	s.reads(bob, `Your text went to nobody\. S1 [A-Z2-9]{4} waits for you\. Begin with the code`)
}

func TestStoryFrozenJournal(t *testing.T) {
	s := newStory(t, "")
	s.text(someone, "hi, I need an appointment")
	s.reads(someone, `name`)
	if _, err := s.carrier.Idle(s.ctx()); err != nil {
		t.Fatal(err)
	}
	s.stop()
	damage(t, filepath.Join(s.dir, storeFile))
	s.start()
	s.text(someone, "my chest hurts")
	s.reads(someone, `Call 911 now`)
	s.reads(alice, `S1 page`)
	s.reads(bob, `journal is frozen`)
	s.text(someone, "hello?")
	s.never(someone, `date of birth`)
}

// damage flips a byte in every snapshot of the store.
func damage(t *testing.T, path string) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		b := tx.Bucket([]byte("snaps"))
		if b == nil {
			return errors.New("no snapshots in the store")
		}
		return b.ForEach(func(k, v []byte) error {
			torn := append([]byte(nil), v...)
			torn[len(torn)-1] ^= 1
			return b.Put(append([]byte(nil), k...), torn)
		})
	})
	if cerr := db.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		t.Fatal(err)
	}
}
