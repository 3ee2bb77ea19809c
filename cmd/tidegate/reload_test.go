package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tidegate/tidegate/channels/twilio/twiliofake"
	"github.com/tidegate/tidegate/gateway/operator"
)

// metric is what the daemon's metrics say of one.
func (s *story) metric(name string) string {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.ctx(), http.MethodGet, "http://"+s.private+"/metrics", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindSubmatch(body)
	if m == nil {
		return ""
	}
	return string(m[1])
}

// until waits until a metric has a value.
func (s *story) until(name, want string) {
	s.t.Helper()
	late := time.After(reloadBound)
	for s.metric(name) != want {
		select {
		case <-late:
			s.t.Fatalf("%s is %q, want %q; log:\n%s", name, s.metric(name), want, s.log)
		case <-time.After(50 * time.Millisecond): // a scrape costs what the reload needs
		}
	}
}

// reloadBound is how long a reload may take. A changed screen judges its golden set
// first, which takes its time under the race detector.
const reloadBound = 2 * time.Minute

const (
	reloadFailed  = "tidegate_config_reload_failed"
	reloadApplied = `tidegate_config_reloads_total{result="applied"}`
)

func (s *story) file() string {
	s.t.Helper()
	text, err := os.ReadFile(s.config())
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

func (s *story) writeFile(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// clinic is the name of the clinic that the running daemon goes by.
func (s *story) clinic() string {
	s.t.Helper()
	c, err := dial(s.ctx(), filepath.Join(s.dir, socketFile))
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.stop()
	return c.status.Clinic
}

// TestAFileWithFaultsIsNotTaken: the daemon goes on with what it has, says so,
// and takes the next good content.
func TestAFileWithFaultsIsNotTaken(t *testing.T) {
	s := newStory(t, "")
	good := s.file()
	port := strings.LastIndex(s.public, ":")
	var bomb strings.Builder
	bomb.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 20; i++ {
		fmt.Fprintf(&bomb, "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i, i-1, i-1, i-1, i-1, i-1, i-1)
	}
	for i, c := range []struct{ name, text, field string }{
		{"half-written", good[:len(good)/2], ""},
		{"empty", "", ""},
		{"only comments", regexp.MustCompile(`(?m)^`).ReplaceAllString(good, "# "), ""},
		{"another kind of file", "\x7fELF\x00\x00", ""},
		{"a bomb", bomb.String(), ""},
		{"a megabyte of brackets", strings.Repeat("[", 1<<20), ""},
		{"nobody to page", strings.Replace(good, "role: nurse, routes: [{name: sms, channel: main", "role: nurse, routes: [{name: sms, channel: none", 1), "staff[0].routes[0].channel"},
		{"no secret", strings.Replace(good, "/token", "/nowhere", 1), "channels.main.auth_token"},
		{"a persona that is not there", strings.Replace(good, "agent: {", "agent: {persona: none.md, ", 1), "agent.persona"},
		{"another port", strings.Replace(good, "public: "+s.public, "public: "+s.public[:port]+":1", 1), "listen.public"},
		{"another file of checkpoints", good + "audit: {checkpoints: points.jsonl}\n", "audit.checkpoints"},
		{"another folder", strings.Replace(good, "data: .", "data: other", 1), "data"},
	} {
		s.writeFile("tidegate.yaml", strings.Replace(c.text, "Harbor", "Sunk", 1))
		s.until(reloadFailed, "1")
		if got := s.clinic(); strings.Contains(got, "Sunk") {
			t.Fatalf("%s: the daemon goes by %q", c.name, got)
		}
		line := lastFault(t, s.log.String())
		if c.field != "" && line.Field != c.field {
			t.Errorf("%s: the log names %q, want %q", c.name, line.Field, c.field)
		}
		name := fmt.Sprintf("Harbor %d", i)
		s.writeFile("tidegate.yaml", strings.Replace(good, "Harbor", name, 1))
		s.until(reloadFailed, "0")
		if got := s.clinic(); got != name {
			t.Fatalf("after %s, the good file: the daemon goes by %q", c.name, got)
		}
	}
	s.text(someone, "my chest hurts")
	s.reads(someone, "Harbor 11: ")
	s.reads(alice, "S1 page")
}

type faultLine struct {
	Faults int    `json:"faults"`
	Field  string `json:"field"`
	Level  string `json:"level"`
}

// lastFault is the last line of the log that refuses a configuration.
func lastFault(t *testing.T, log string) (last faultLine) {
	t.Helper()
	for l := range strings.Lines(log) {
		if strings.Contains(l, "is not taken") {
			if err := json.Unmarshal([]byte(l), &last); err != nil {
				t.Fatal(err)
			}
		}
	}
	if last.Faults == 0 || last.Level != "error" {
		t.Errorf("the log's line: %+v", last)
	}
	return last
}

// TestAPersonaThatChangesIsTaken, and one with faults is not.
func TestAPersonaThatChangesIsTaken(t *testing.T) {
	s := newStory(t, "")
	persona, err := os.ReadFile("../../gateway/agent/persona/intake.md")
	if err != nil {
		t.Fatal(err)
	}
	s.writeFile("own.md", string(persona))
	s.writeFile("tidegate.yaml", strings.Replace(s.file(), "agent: {", "agent: {persona: own.md, ", 1))
	s.until(reloadApplied, "1")
	s.writeFile("own.md", "---\nname: \n")
	s.until(reloadFailed, "1")
	s.writeFile("own.md", string(persona)+"\nBe brief.\n")
	s.until(reloadFailed, "0")
	s.text(someone, "hi, I need an appointment")
	s.reads(someone, "name")
}

// textsPerReload keeps texts and reloads abreast.
const textsPerReload = 3

// TestAPhraseThatIsAddedIsScreenedFor: the next text is judged by the screen of
// the configuration in force, not by the one the daemon began with.
func TestAPhraseThatIsAddedIsScreenedFor(t *testing.T) {
	s := newStory(t, "")
	s.text(someone, "the blue lamp is on again")
	s.reads(someone, "name")
	s.writeFile("tidegate.yaml", s.file()+"screen: {phrases: [{words: blue lamp, category: cardiac, severity: S1}]}\n")
	s.until(reloadApplied, "1")
	s.text(someone, "the blue lamp is on again")
	s.reads(someone, "Call 911 now")
	s.reads(alice, "S1 page")
}

// reloads is how many there are under load; TIDEGATE_RELOADS asks for more.
const reloads = 40

// TestReloadsUnderLoadLoseNothing: patients text all the while. The carrier saw
// every text taken at its first try, the daemon has each once, and every
// decision stands on rules whose record is kept.
func TestReloadsUnderLoadLoseNothing(t *testing.T) {
	n := reloads
	if v := os.Getenv("TIDEGATE_RELOADS"); v != "" {
		var err error
		if n, err = strconv.Atoi(v); err != nil {
			t.Fatal(err)
		}
	}
	s := newStory(t, "")
	good := s.file()
	over, tick := make(chan struct{}), make(chan struct{})
	var patients sync.WaitGroup
	for i := range 3 {
		patients.Add(1)
		go func() {
			defer patients.Done()
			for k := 1; ; k++ {
				if _, err := s.carrier.Text(t.Context(), twiliofake.Text{From: fmt.Sprintf("+155501003%02d", i), To: ourNumber, Body: "hello, are you open"}); err != nil {
					t.Errorf("text: %v", err)
					return
				}
				if k%textsPerReload != 0 {
					continue
				}
				select {
				case tick <- struct{}{}:
				case <-over:
					return
				}
			}
		}()
	}
	for i := range n {
		select {
		case <-tick:
		case <-s.ctx().Done():
			t.Fatal("nobody texts any more")
		}
		s.writeFile("next.yaml", strings.Replace(good, "Harbor", fmt.Sprintf("Harbor %d", i), 1))
		if err := os.Rename(filepath.Join(s.dir, "next.yaml"), s.config()); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		for ctx := s.ctx(); s.clinic() != fmt.Sprintf("Harbor %d", i); {
			if ctx.Err() != nil {
				t.Fatalf("reload %d is not taken; log:\n%s", i, s.log)
			}
		}
	}
	close(over)
	patients.Wait()
	s.judgeReloads()
}

func (s *story) judgeReloads() {
	s.t.Helper()
	if _, err := s.carrier.Idle(s.ctx()); err != nil {
		s.t.Fatal(err)
	}
	ledger, err := s.carrier.Ledger(s.ctx(), 0)
	if err != nil {
		s.t.Fatal(err)
	}
	sent, taken := map[string]int{}, map[string]bool{}
	for _, e := range ledger {
		switch {
		case e.Kind == twiliofake.KindInbound:
			sent[e.SID] = 0
		case e.Kind == twiliofake.KindWebhook && e.Phase == twiliofake.PhaseEnded:
			if e.HTTPStatus != http.StatusNoContent || e.Error != "" {
				s.t.Errorf("a webhook was answered %d %s", e.HTTPStatus, e.Error)
			}
			taken[e.SID] = true
		}
	}
	var out, errs bytes.Buffer
	e := env{getenv: func(string) string { return "" }, stdin: strings.NewReader(""), stdout: &out, stderr: &errs}
	if code := run(s.ctx(), []string{"conversations", "export", "--all", "--json", "-c", s.config()}, e); code != exitOK {
		s.t.Fatalf("export: %d %s", code, &errs)
	}
	for d := json.NewDecoder(&out); d.More(); {
		var x struct {
			Inbound []struct {
				ProviderID string `json:"provider_id"`
			} `json:"inbound"`
		}
		if err := d.Decode(&x); err != nil {
			s.t.Fatal(err)
		}
		for _, in := range x.Inbound {
			sent[in.ProviderID]++
		}
	}
	for sid, n := range sent {
		if n != 1 || !taken[sid] {
			s.t.Errorf("text %s stands in the record %d times; its webhook was answered: %t", sid, n, taken[sid])
		}
	}
	s.t.Logf("%d texts", len(sent))
}

// TestTheEditor: an admin edits, checks, applies and goes back, in the console of
// the running daemon; a second one with an old page is refused.
func TestTheEditor(t *testing.T) {
	s := newStory(t, "")
	bob := s.signIn("bob")
	page := bob.get("/admin/config")
	good, was := s.file(), field(t, page, "was")
	if !strings.Contains(page, "account_sid") || strings.Contains(page, "0123456789abcdef0123456789abcdef") {
		t.Error("the editor lacks the file, or shows a secret")
	}
	bad := strings.Replace(good, "role: nurse", "role: nurze", 1)
	_, answer := bob.post("/admin/config/check", url.Values{"text": {bad}})
	if !strings.Contains(answer, `"line":12`) || !strings.Contains(answer, "nurze") {
		t.Errorf("check: %s", answer)
	}
	if status, page := bob.post("/admin/config", url.Values{"text": {bad}, "was": {was}, "do": {"apply"}}); status != http.StatusUnprocessableEntity || !strings.Contains(page, "nurze") || s.file() != good {
		t.Errorf("a bad one: %d, file changed: %t", status, s.file() != good)
	}
	next := strings.ReplaceAll(strings.Replace(good, "Harbor", "Harbor Two", 1), "\n", "\r\n") // as a browser sends it
	if status, page := bob.post("/admin/config", url.Values{"text": {next}, "was": {was}, "do": {"check"}}); status != http.StatusOK || !strings.Contains(page, `<span class="add">&#43;  name: Harbor Two`) {
		t.Errorf("a check shows no diff: %d\n%s", status, page)
	}
	if status, page := bob.post("/admin/config", url.Values{"text": {next}, "was": {was}, "do": {"apply"}}); status != http.StatusSeeOther {
		t.Fatalf("apply: %d\n%s", status, page)
	}
	if s.clinic() != "Harbor Two" || s.file() != strings.Replace(good, "Harbor", "Harbor Two", 1) {
		t.Errorf("after the apply the daemon goes by %q", s.clinic())
	}
	if status, page := bob.post("/admin/config", url.Values{"text": {good}, "was": {was}, "do": {"apply"}}); status != http.StatusConflict || !strings.Contains(page, "changed since") {
		t.Errorf("an old page: %d", status)
	}
	back := bob.get("/admin/config/history/1")
	if status, page := bob.post("/admin/config/back", url.Values{"n": {"1"}, "was": {field(t, back, "was")}}); status != http.StatusSeeOther || s.clinic() != "Harbor" || s.file() != good {
		t.Errorf("going back: %d, the daemon goes by %q\n%s", status, s.clinic(), page)
	}
	history := bob.get("/admin/config/history")
	if strings.Count(history, "Bob") < 3 || !strings.Contains(history, "in the console") { // the frame names him too
		t.Errorf("history:\n%s", history)
	}
	s.writeFile("tidegate.yaml", "")
	s.until(reloadFailed, "1")
	if page := bob.get("/cases"); !strings.Contains(page, "configuration file is not taken") {
		t.Error("the console does not say that the file is not taken")
	}
	if page := s.signIn("alice").get("/cases"); strings.Contains(page, "configuration file is not taken") {
		t.Error("a nurse is told of the file")
	}
}

// seat is somebody at the console.
type seat struct {
	s *story
	c *http.Client
}

func (s *story) signIn(id string) *seat {
	s.t.Helper()
	c, err := dial(s.ctx(), filepath.Join(s.dir, socketFile))
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.stop()
	var link operator.StaffLink
	if err := c.post(s.ctx(), "/staff/"+id+"/link", struct{}{}, &link); err != nil {
		s.t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	at := &seat{s, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	_, token, _ := strings.Cut(link.Link, "?t=")
	if status, page := at.post("/in", url.Values{"t": {token}}); status != http.StatusSeeOther {
		s.t.Fatalf("sign in: %d\n%s", status, page)
	}
	return at
}

func (a *seat) do(method, path string, form url.Values) (int, string) {
	a.s.t.Helper()
	req, err := http.NewRequestWithContext(a.s.ctx(), method, "http://"+a.s.private+path, strings.NewReader(form.Encode()))
	if err != nil {
		a.s.t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := a.c.Do(req)
	if err != nil {
		a.s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		a.s.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func (a *seat) post(path string, form url.Values) (int, string) {
	return a.do(http.MethodPost, path, form)
}

func (a *seat) get(path string) string {
	a.s.t.Helper()
	status, body := a.do(http.MethodGet, path, nil)
	if status != http.StatusOK {
		a.s.t.Fatalf("%s: %d\n%s", path, status, body)
	}
	return body
}

// field is a hidden field of a page.
func field(t *testing.T, page, name string) string {
	t.Helper()
	_, rest, ok := strings.Cut(page, `name="`+name+`" value="`)
	value, _, _ := strings.Cut(rest, `"`)
	if !ok || value == "" {
		t.Fatalf("no field %s in\n%s", name, page)
	}
	return value
}
