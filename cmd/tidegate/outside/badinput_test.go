package outside

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/channels/twilio/twiliofake"
)

// sign makes the signature of a webhook as Twilio documents it: HMAC-SHA1 of
// the URL and of each name with its values, sorted by name.
func sign(target string, form url.Values) string {
	names := make([]string, 0, len(form))
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	mac := hmac.New(sha1.New, []byte(token))
	mac.Write([]byte(target))
	for _, name := range names {
		for _, value := range form[name] {
			mac.Write([]byte(name + value))
		}
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// badInput is a request that nobody should make, and what comes of it.
type badInput struct {
	name    string
	words   string                              // the body of the text
	change  func(form url.Values)               // of the form, before it is signed
	headers map[string]string                   // over the right ones
	send    func(w *world, form url.Values) int // nil: post it
	status  int                                 // of the answer; 0: the connection was closed
	patient string                              // in what the patient's phone then gets; "": it gets nothing
	late    string                              // the same, but only once the watchdog has waited in vain for an answer
	nurse   string                              // the same for the nurse's
	admin   string                              // and for the admin's
}

const (
	safetyText = "Harbor: This may be an emergency. Call 911 now."
	greeting   = "I am a computer, not a person."
)

func badInputs() []badInput {
	return []badInput{
		{name: "emoji alone", words: "😀👍🏽👨‍👩‍👧‍👦", status: 204, late: "Harbor: Thank you. A nurse reads this"},
		{name: "forged signature", words: "my chest hurts, zebra", headers: map[string]string{"X-Twilio-Signature": "Zm9yZ2VkIGZvcmdlZCBmb3JnZWQ="}, status: 403},
		{name: "no signature", words: "my chest hurts, walrus", headers: map[string]string{"X-Twilio-Signature": ""}, status: 403},
		{name: "a repeated key", words: "hello, otter", change: func(f url.Values) { f.Add("Body", "my chest hurts, badger") }, status: 400},
		{name: "a repeated sender", words: "my chest hurts, ferret", change: func(f url.Values) { f.Add("From", alice) }, status: 400},
		{name: "a body over 64 KiB", words: "my chest hurts, condor" + strings.Repeat(".", 64<<10), status: 413},
		{name: "JSON", words: "my chest hurts, gecko", headers: map[string]string{"Content-Type": "application/json"}, status: 415},
		{name: "a text without a sender", words: "my chest hurts, lemur", change: func(f url.Values) { f.Set("From", "nobody") }, status: 400},
		{name: "a text without an id", words: "my chest hurts, tapir", change: func(f url.Values) { f.Set("MessageSid", "") }, status: 400},
		{name: "an unknown door", words: "my chest hurts, okapi", send: postTo("/hooks/main/nothing"), status: 404},
		{name: "an unknown channel", words: "my chest hurts, heron", send: postTo("/hooks/other/message"), status: 404},
		{name: "slow headers", words: "my chest hurts, sloth", send: slowHeaders, status: 0},
		{name: "a slow body", words: "my chest hurts, snail", send: slowBody, status: 400},

		{name: "invalid UTF-8 around danger", words: "\xff\xfe my chest hurts \xc3\x28 ibis", status: 204, patient: safetyText, nurse: "my chest hurts"},
		{name: "NULs around danger", words: "\x00my chest hurts\x00 kiwi\x00", status: 204, patient: safetyText, nurse: "my chest hurts"},
		{name: "10,000 characters and danger last", words: strings.Repeat("quokka ", 1426) + "my chest hurts", status: 204, patient: safetyText, nurse: "quokka"},
		{name: "10,000 characters of nothing", words: strings.Repeat("numbat ", 1428), status: 204, patient: greeting},
		{name: "emoji around danger", words: "😱my chest hurts😱 puffin", status: 204, patient: safetyText, nurse: "puffin"},
		{name: "right-to-left marks around danger", words: "\u202emy chest\u200f hurts\u202c narwhal", status: 204, patient: safetyText, nurse: "narwhal"},
		{name: "invalid UTF-8 alone", words: "\xff\xfe\xfd", status: 204, patient: greeting},
		{name: "NULs alone", words: "\x00\x00", status: 204, patient: greeting},
		{
			name: "danger to a number that is not ours", words: "my chest hurts, axolotl", status: 204,
			change: func(f url.Values) { f.Set("To", "+15550100777") }, nurse: "axolotl", admin: "a number that no channel lists",
		},
		{name: "a status of an unknown text", send: postTo("/hooks/main/status"), status: 204, change: statusOf("SM" + strings.Repeat("7", 32))},
		{
			name: "a status of an unknown item", send: postTo("/hooks/main/status?c=c_nobody&m=c_nobody/1.0&n=1"), status: 204,
			change: statusOf("SM" + strings.Repeat("8", 32)),
		},
		{name: "a status without a word", send: postTo("/hooks/main/status"), status: 400, change: func(f url.Values) {
			f.Del("SmsStatus")
		}},
	}
}

func statusOf(sid string) func(url.Values) {
	return func(f url.Values) {
		f.Del("Body")
		f.Set("MessageSid", sid)
		f.Set("MessageStatus", "delivered")
		f.Set("SmsStatus", "delivered")
	}
}

// numberOf is the phone of a row.
func numberOf(n int) string { return fmt.Sprintf("+13125550%03d", 100+n) }

// TestBadInput brings each of these to the real door, and says what is answered
// and what patient and nurse then see. None of their words or numbers are in
// the daemon's log or metrics.
func TestBadInput(t *testing.T) {
	t.Parallel()
	w := newWorld(t, t.TempDir(), setting{profile: "calm", seed: 1, agent: "{debounce: 100ms, debounce_max: 1s, ask_timeout: 10s, watchdog: 30s}"})
	w.start()
	rows := badInputs()
	for n, b := range rows {
		t.Run(b.name, func(t *testing.T) {
			from := *w
			from.t = t
			b.judge(&from, n)
		})
	}
	t.Run("a status before its send", func(t *testing.T) {
		from := *w
		from.t = t
		statusBeforeItsSend(&from, numberOf(len(rows)))
	})
	silent := map[string]string{} // the phones that are to get nothing
	for n, b := range rows {
		switch {
		case b.late != "":
			w.gets(0, numberOf(n), b.late)
		case b.patient == "":
			silent[numberOf(n)] = b.name
		}
	}
	w.idle(within(t, patience))
	for _, e := range w.ledger() {
		if name := silent[e.To]; name != "" {
			t.Errorf("%s: the patient was sent %q, want nothing", name, e.Body)
		}
	}
	_, metrics := get(t, "http://"+w.private+"/metrics")
	for n, b := range rows {
		for what, text := range map[string]string{"log": string(w.log()), "metrics": metrics} {
			if found := shown(text, b.words, numberOf(n)); found != "" {
				t.Errorf("%s: the daemon's %s shows %q", b.name, what, found)
			}
		}
	}
	w.stop()
}

// shown finds a patient's word of some length, or a number, in a text.
func shown(text, words, number string) string {
	for _, part := range append(strings.Fields(words), strings.TrimPrefix(number, "+")) {
		part = strings.Trim(part, ".,\x00")
		if len(part) > 4 && strings.Contains(text, part) {
			return part
		}
	}
	return ""
}

// judge sends one row and waits for what patient, nurse and admin then see.
func (b badInput) judge(w *world, n int) {
	since := w.end()
	form := inbound(1000+n, numberOf(n), b.words)
	if b.change != nil {
		b.change(form)
	}
	send := b.send
	if send == nil {
		send = func(w *world, form url.Values) int {
			status, _ := w.post("/hooks/main/message", form, b.headers)
			return status
		}
	}
	if status := send(w, form); status != b.status {
		w.t.Errorf("answered %d, want %d", status, b.status)
	}
	for phone, words := range map[string]string{numberOf(n): b.patient, alice: b.nurse, bob: b.admin} {
		if words != "" {
			w.gets(since, phone, words)
		}
	}
	if b.nurse != "" {
		return
	}
	w.quiet(300 * time.Millisecond)
	for _, e := range w.ledger() {
		if e.Seq > since && e.Kind == twiliofake.KindHandset && (e.To == alice || e.To == carmen) {
			w.t.Errorf("staff got %q, want nothing", e.Body)
		}
	}
}

func postTo(path string) func(*world, url.Values) int {
	return func(w *world, form url.Values) int {
		status, _ := w.post(path, form, nil)
		return status
	}
}

// slowHeaders sends half of the headers and waits: the connection is closed,
// and meanwhile others are served.
func slowHeaders(w *world, form url.Values) int {
	return slow(w, "POST /hooks/main/message HTTP/1.1\r\nHost: gateway\r\nX-Words: "+form.Get("Body"))
}

// slowBody sends all headers and half of the body.
func slowBody(w *world, form url.Values) int {
	return slow(w, "POST /hooks/main/message HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/x-www-form-urlencoded\r\n"+
		"Content-Length: 5000\r\n\r\n"+form.Encode())
}

func slow(w *world, head string) int {
	w.t.Helper()
	c, err := net.Dial("tcp", w.public)
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		w.t.Fatal(err)
	}
	if _, err := io.WriteString(c, head); err != nil {
		w.t.Fatal(err)
	}
	if code, _ := get(w.t, "http://"+w.private+"/readyz"); code != http.StatusOK {
		w.t.Errorf("meanwhile /readyz answers %d", code)
	}
	answer, err := io.ReadAll(c)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && len(answer) == 0 && os.IsTimeout(err) {
		w.t.Fatalf("the connection is still open after %s", patience)
	}
	status := 0
	_, _ = fmt.Sscanf(string(answer), "HTTP/1.1 %d", &status)
	return status
}

// statusBeforeItsSend holds the answer to a request to create a text until the
// text was delivered and said to be: the reports come before the send is known
// to have worked. The text is not sent again.
func statusBeforeItsSend(w *world, phone string) {
	w.t.Helper()
	since := w.end()
	if err := w.carrier.Hold(within(w.t, patience), twiliofake.Hold{Match: twiliofake.Match{To: phone}, Where: twiliofake.AfterAccept, Count: 1}); err != nil {
		w.t.Fatal(err)
	}
	w.text(phone, "hi, I need an appointment for a yearly check-up")
	w.awaits(since, "the report of the delivery", func(e twiliofake.Entry) bool {
		return e.Kind == twiliofake.KindCallback && e.To == phone && e.Status == "delivered" && e.Phase == twiliofake.PhaseEnded && e.HTTPStatus == 204
	})
	if _, err := w.carrier.Release(within(w.t, patience), twiliofake.Release{}); err != nil {
		w.t.Fatal(err)
	}
	w.text(phone, "Ana Ruiz")
	w.gets(since, phone, "date of birth")
	greetings := 0
	for _, e := range w.ledger() {
		if e.Kind == twiliofake.KindCreate && e.To == phone && strings.Contains(e.Body, greeting) {
			greetings++
		}
	}
	if greetings != 1 {
		w.t.Errorf("the greeting was sent %d times, want once", greetings)
	}
}

// TestBadConfiguration starts the daemon with what is no configuration: it
// says so and opens nothing. The patient who texts meanwhile is answered once
// it is mended.
func TestBadConfiguration(t *testing.T) {
	t.Parallel()
	w := newWorld(t, t.TempDir(), setting{profile: "calm", seed: 1})
	raw, err := os.ReadFile(w.path("tidegate.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	w.start() // a first start sets the point from which the list is looked through
	w.stop()
	good := string(raw)
	for n, c := range []struct{ name, text, want string }{
		{"half-written", good[:len(good)/2], "tidegate.yaml:"},
		{"empty", "", "tidegate.yaml"},
		{"not YAML", "{{{", "tidegate.yaml:1"},
		{"deadly: nobody can be paged", strings.Replace(good, "on_call: [{person: alice}]", "on_call: []", 1), "on_call"},
		{"deadly: the screen is off", good + "screen: {enabled: false}\n", "screen.enabled"},
		{"deadly: a step names a stranger", strings.Replace(good, "{person: carmen}", "{person: nobody}", 1), "nobody"},
	} {
		t.Run(c.name, func(t *testing.T) {
			from := *w
			from.t = t
			since, phone := w.end(), numberOf(500+n)
			w.write("tidegate.yaml", c.text)
			cmd := exec.CommandContext(within(t, patience), w.bin, "serve", "--config", w.path("tidegate.yaml"))
			out, _ := cmd.CombinedOutput()
			if code := cmd.ProcessState.ExitCode(); code != 4 || !strings.Contains(string(out), c.want) {
				t.Errorf("exit %d, said %q; want 4 and %q", code, out, c.want)
			}
			from.text(phone, "my chest hurts")
			hook := from.awaits(since, "the webhook", func(e twiliofake.Entry) bool {
				return e.Kind == twiliofake.KindWebhook && e.From == phone && e.Phase == twiliofake.PhaseEnded
			})
			if hook.HTTPStatus != 0 {
				t.Errorf("somebody answered %d", hook.HTTPStatus)
			}
			w.write("tidegate.yaml", good)
			from.start()
			from.gets(since, phone, safetyText)
			from.gets(since, alice, "my chest hurts")
			from.stop()
		})
	}
}
