//go:build unix

package twilio_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/channels/twilio"
)

// TestPrismTakesEveryShape holds the requests our client makes against Twilio's
// own description of its API, by a judge that neither they nor we wrote. It
// needs TIDEGATE_TWILIO_OPENAPI, the description, and Prism: TIDEGATE_PRISM or
// prism on the PATH.
func TestPrismTakesEveryShape(t *testing.T) {
	base := startPrism(t)
	shapes := clientShapes(t)
	for _, name := range slices.Sorted(maps.Keys(shapes)) {
		if status, objections := replay(t, base, shapes[name]); len(objections) > 0 {
			t.Errorf("%s: Prism answers %d: %q", name, status, objections)
		}
	}
	t.Logf("%d shapes: %s", len(shapes), strings.Join(slices.Sorted(maps.Keys(shapes)), " | "))
	judgeBites(t, base, shapes)
}

// TestPrismAnswersParse reads what Prism makes up from the description's
// examples: the answers' shapes are Twilio's, too.
func TestPrismAnswersParse(t *testing.T) {
	base := startPrism(t)
	a := newAdapter(t, func(o *twilio.Options) { o.BaseURL, o.HTTP = base, nil })
	r, err := a.Send(t.Context(), text())
	if err != nil || r.ProviderID == "" || r.Status == "" || r.At == 0 {
		t.Errorf("Send through Prism = %+v, %v; want a receipt", r, err)
	}
}

// judgeBites plants mistakes and wants them found, so that a Prism which lets
// everything pass is noticed.
func judgeBites(t *testing.T, base string, shapes map[string]shape) {
	t.Helper()
	var send shape
	for name, s := range shapes {
		if strings.HasPrefix(name, "POST") {
			send = s
		}
	}
	for name, change := range map[string]func(url.Values){
		"without To":                      func(f url.Values) { f.Del("To") },
		"with a validity that is a word":  func(f url.Values) { f.Set("ValidityPeriod", "soon") },
		"with a service that is no id":    func(f url.Values) { f.Set("MessagingServiceSid", "MG1") },
		"with a callback that is no URL":  func(f url.Values) { f.Set("StatusCallback", "not a url") },
		"with an enum that has no member": func(f url.Values) { f.Set("ContentRetention", "forever") },
	} {
		form, _ := url.ParseQuery(send.body)
		change(form)
		broken := send
		broken.body = form.Encode()
		if status, _ := replay(t, base, broken); status != http.StatusUnprocessableEntity {
			t.Errorf("a send %s: Prism answers %d, want 422", name, status)
		}
	}
}

// shape is one request as our client made it.
type shape struct{ method, uri, body, contentType string }

// clientShapes lets the adapter do all it can do against the stand-in and keeps
// one request of each shape: method, path without ids, names of the fields.
func clientShapes(t *testing.T) map[string]shape {
	t.Helper()
	shapes := map[string]shape{}
	for _, service := range []string{"", serviceSID} {
		s := newStandin(t, func(o *twilio.Options) { o.MessagingServiceSID = service })
		for _, validity := range []time.Duration{0, 10 * time.Minute} {
			o := text(func(o *channels.Outbound) { o.Validity = validity })
			if _, err := s.adapter.Send(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			if _, _, err := s.adapter.FindOutbound(t.Context(), o, s.Now()); err != nil {
				t.Fatal(err)
			}
		}
		since := s.Now()
		s.fill(2100, 10)
		s.messages[10].media = 1
		s.listAll(t, since)
		s.listAll(t, 0)
		for _, r := range s.requests {
			q, _ := url.ParseQuery(r.URL.RawQuery)
			path := strings.ReplaceAll(r.URL.Path, accountSID, "{AccountSid}")
			if strings.HasSuffix(path, "/Media.json") {
				path = "/2010-04-01/Accounts/{AccountSid}/Messages/{MessageSid}/Media.json"
			}
			name := fmt.Sprint(r.Method, " ", path, " ", slices.Sorted(maps.Keys(q)), slices.Sorted(maps.Keys(r.PostForm)))
			shapes[name] = shape{r.Method, r.URL.RequestURI(), r.PostForm.Encode(), r.Header.Get("Content-Type")}
		}
	}
	return shapes
}

// replay sends the shape to Prism and returns its status and what it objects to
// in the request. That Prism finds the description's own examples at fault, their
// page links being relative, is nothing of ours.
func replay(t *testing.T, base string, s shape) (status int, objections []string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), s.method, base+s.uri, strings.NewReader(s.body))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(accountSID, token)
	req.Header.Set("Content-Type", s.contentType)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var problem struct {
		Title      string
		Validation []struct {
			Location []string
			Message  string
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&problem); err != nil {
		t.Fatalf("Prism's answer: %v", err)
	}
	for _, v := range problem.Validation {
		if len(v.Location) == 0 || v.Location[0] != "response" {
			objections = append(objections, v.Message)
		}
	}
	if resp.StatusCode >= 300 && len(problem.Validation) == 0 {
		objections = append(objections, problem.Title)
	}
	return resp.StatusCode, objections
}

// startPrism runs Prism for the test's length and returns its URL.
func startPrism(t *testing.T) string {
	t.Helper()
	file, command := os.Getenv("TIDEGATE_TWILIO_OPENAPI"), os.Getenv("TIDEGATE_PRISM")
	if file == "" {
		skipOrFail(t, "TIDEGATE_TWILIO_OPENAPI names no description of Twilio's API")
	}
	if command == "" {
		command = "prism"
	}
	path, err := exec.LookPath(command)
	if err != nil {
		skipOrFail(t, "Prism is not installed: set TIDEGATE_PRISM, or put prism on the PATH (npm install @stoplight/prism-cli)")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	_ = l.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
	cmd := exec.CommandContext(ctx, path, "mock", "--errors", "-h", "127.0.0.1", "-p", port, file)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // npx starts children
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	drained := make(chan struct{})
	t.Cleanup(func() { cancel(); <-drained; _ = cmd.Wait() })
	listening := false
	var said []string
	for !listening && lines.Scan() {
		said = append(said, lines.Text())
		listening = strings.Contains(lines.Text(), "is listening on")
	}
	go func() { // ends when Prism does
		defer close(drained)
		_, _ = io.Copy(io.Discard, out)
	}()
	if !listening {
		t.Fatalf("Prism did not start:\n%s", strings.Join(said, "\n"))
	}
	return "http://127.0.0.1:" + port
}

// skipOrFail skips with a reason, or fails where the suite was told that Prism
// must be there.
func skipOrFail(t *testing.T, why string) {
	t.Helper()
	if slices.Contains(strings.Split(os.Getenv("TIDEGATE_TEST_REQUIRE"), ","), "prism") {
		t.Fatal("prism is required: " + why)
	}
	t.Skip(why)
}
