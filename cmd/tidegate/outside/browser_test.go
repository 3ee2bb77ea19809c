package outside

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// tab is a page in a real browser.
type tab struct {
	t   *testing.T
	ctx context.Context // the tab itself, as chromedp keeps it
}

// browse starts a browser that a phone of 320 pixels could be.
func browse(t *testing.T) *tab {
	t.Helper()
	bin, err := exec.LookPath("chromium")
	if err != nil {
		needs(t, "chromium", "the browser; install chromium")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 4*patience)
	t.Cleanup(cancel)
	ctx, end := chromedp.NewContext(ctx, chromedp.WithAllocatorOptions(chromedp.ExecPath(bin), chromedp.NoSandbox, chromedp.DisableGPU))
	t.Cleanup(end)
	b := &tab{t, ctx}
	b.do(chromedp.EmulateViewport(320, 640))
	return b
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatalf("browser: %v\n%s", err, b.log())
	}
}

// log is what the chat shows, for a test that failed.
func (b *tab) log() string {
	s, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.body ? document.body.innerText : ""`))
	return s
}

// is waits until an expression is true.
func (b *tab) is(format string, args ...any) {
	b.t.Helper()
	expression := fmt.Sprintf(format, args...)
	if _, err := chromedp.Run(b.ctx, chromedp.Poll[bool](expression, chromedp.WithPollingTimeout(patience))); err != nil {
		b.t.Fatalf("never true: %s: %v\n%s", expression, err, b.log())
	}
}

func (b *tab) value(expression string) string {
	b.t.Helper()
	s, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](expression))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return s
}

// shows waits for a message of a kind with these words.
func (b *tab) shows(kind, words string) {
	b.t.Helper()
	b.is(`[...document.querySelectorAll(".tidegate-%s .tidegate-text")].some((e) => e.textContent.includes(%s))`, kind, quoted(words))
}

func quoted(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// says types a message and sends it as people do.
func (b *tab) says(words string) {
	b.t.Helper()
	b.do(chromedp.SendKeys("#tidegate-text", words+"\r"))
}

// accessible holds the page against axe-core's rules.
func (b *tab) accessible(what string) {
	b.t.Helper()
	axe := os.Getenv("TIDEGATE_AXE")
	if axe == "" {
		if required("axe") {
			b.t.Fatal("TIDEGATE_TEST_REQUIRE names axe: TIDEGATE_AXE names no axe.min.js")
		}
		b.t.Log("accessibility is not judged: TIDEGATE_AXE names no axe.min.js")
		return
	}
	source, err := os.ReadFile(axe)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](string(source)+"\n;true")); err != nil {
		b.t.Fatalf("axe: %v", err)
	}
	found, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`axe.run(document, {resultTypes: ["violations"]}).then((r) =>
		r.violations.map((v) => v.impact + " " + v.id + ": " + v.help + " " + v.nodes.map((n) => n.html + n.failureSummary).join(" ")).join("\n"))`, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("axe: %v", err)
	}
	for line := range strings.Lines(found) {
		if strings.HasPrefix(line, "serious") || strings.HasPrefix(line, "critical") {
			b.t.Errorf("%s: %s", what, line)
		} else if line != "" {
			b.t.Logf("%s: %s", what, line)
		}
	}
}

// inert wants nothing of what people wrote to have become part of the page.
func (b *tab) inert() {
	b.t.Helper()
	if n := b.value(`String(document.querySelectorAll(".tidegate-log :is(img, script, iframe, svg, a, form, style)").length) + " " + String(window.pwned)`); n != "0 undefined" {
		b.t.Errorf("what somebody wrote lives in the page: %s", n)
	}
}

// fits wants no sideways scrolling.
func (b *tab) fits() {
	b.t.Helper()
	if w := b.value(`String(document.documentElement.scrollWidth)`); w != "320" {
		b.t.Errorf("the page is %s pixels wide on a phone of 320", w)
	}
}

const evil = `<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>`

// TestChatInABrowser is a patient's whole chat in a real browser: the page of
// its own, on a small phone.
func TestChatInABrowser(t *testing.T) {
	w := newWorld(t, t.TempDir(), setting{profile: "calm", seed: 1, chat: `"https://www.clinic.example"`})
	w.start()
	b := browse(t)
	b.do(chromedp.Navigate("http://" + w.public + "/chat/web/"))
	b.is(`document.querySelector(".tidegate-status").textContent.startsWith("Connected")`)
	b.accessible("before a word")
	b.fits()
	b.do(chromedp.SendKeys("#tidegate-number", "212 555\r"))
	b.is(`document.querySelector("#tidegate-number").getAttribute("aria-invalid") === "true"`)
	b.value(`document.querySelector("#tidegate-number").value = ""`)
	b.do(chromedp.SendKeys("#tidegate-number", "(212) 555-0142\r"))
	b.is(`document.querySelector("#tidegate-number-note").textContent.includes("+12125550142")`)
	b.says("hi, I need an appointment " + evil)
	b.shows("own", evil)
	b.shows("agent", "automated assistant")
	b.inert()
	since := w.end()
	b.says("my chest hurts")
	b.shows("safety", "Call 911 now")
	b.is(`document.querySelector(".tidegate-safety").getAttribute("role") === "alert"`)
	page := w.gets(since, alice, "my chest hurts").Body
	code := codeIn(t, page)
	w.text(alice, code+" A")
	w.gets(since, alice, "call back: +12125550142")
	w.text(alice, code+" R "+evil)
	b.shows("nurse", evil)
	b.is(`document.querySelector(".tidegate-status").textContent.includes("person")`)
	b.inert()
	b.accessible("after a red flag and a nurse's words")
	b.fits()
	b.throughARestart(w, code)
}

// throughARestart has the daemon away while both sides write: the page says so,
// and afterwards nothing is missing or doubled, nor after a reload.
func (b *tab) throughARestart(w *world, code string) {
	b.t.Helper()
	w.kill()
	b.is(`document.querySelector(".tidegate-status").textContent.startsWith("Not connected")`)
	b.says("are you there?")
	b.accessible("without a connection")
	since := w.end()
	w.start()
	b.is(`document.querySelector(".tidegate-status").textContent.startsWith("Connected")`)
	w.gets(since, alice, "are you there?")
	w.text(alice, code+" R Yes. Sit down.")
	b.shows("nurse", "Yes. Sit down.")
	before := b.value(texts)
	b.do(chromedp.Navigate("http://" + w.public + "/chat/web/"))
	b.shows("nurse", "Yes. Sit down.")
	if after := b.value(texts); after != before {
		b.t.Errorf("after a reload the chat is\n%s\nand was\n%s", after, before)
	}
	if n := strings.Count(before, "are you there?"); n != 1 {
		b.t.Errorf("what was written without a connection stands there %d times", n)
	}
}

// texts are the words of all messages, in order.
const texts = `[...document.querySelectorAll(".tidegate-message .tidegate-text")].map((e) => e.textContent).join("\n")`

// TestChatOnAnotherSite is the script tag on a page of another registrable
// domain, where no cookie of ours travels: everything by keyboard.
func TestChatOnAnotherSite(t *testing.T) {
	var gate string
	site := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(rw, `<!doctype html><html lang="es"><title>Clinic</title><h1>Clinic</h1><p>Words.</p><script src="http://%s/chat/web/widget.js" defer></script></html>`, gate)
	}))
	t.Cleanup(site.Close)
	origin := strings.Replace(site.URL, "127.0.0.1", "localhost", 1)
	w := newWorld(t, t.TempDir(), setting{profile: "calm", seed: 1, chat: quoted(origin)})
	gate = w.public
	w.start()
	b := browse(t)
	b.do(chromedp.Navigate(origin))
	b.is(`document.querySelector(".tidegate-open") !== null`)
	b.accessible("closed")
	b.fits()
	b.is(`document.querySelector(".tidegate-open").textContent === "Escríbanos"`)
	b.value(`document.querySelector(".tidegate-open").focus(), ""`)
	b.do(chromedp.KeyEvent("\r"))
	b.is(`document.activeElement.id === "tidegate-number"`)
	b.is(`document.querySelector(".tidegate-status").textContent.startsWith("Conectado")`)
	b.says("hola, necesito una cita")
	b.shows("agent", "asistente")
	b.accessible("open")
	b.fits()
	if c := b.value(`document.cookie`); c != "" {
		t.Errorf("the site has cookies of ours: %q", c)
	}
	b.do(chromedp.KeyEvent("\u001b"))
	b.is(`document.querySelector(".tidegate-panel").hidden && document.activeElement === document.querySelector(".tidegate-open")`)
}

// codeIn finds a case's short code.
func codeIn(t *testing.T, page string) string {
	t.Helper()
	_, rest, ok := strings.Cut(page, "case ")
	if !ok || len(rest) < 4 {
		t.Fatalf("no code in %q", page)
	}
	return rest[:4]
}
