package outside

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// shows waits for a message of a kind with these words.
func (b *tab) shows(kind, words string) {
	b.t.Helper()
	b.is(`[...document.querySelectorAll(".tidegate-%s .tidegate-text")].some((e) => e.textContent.includes(%s))`, kind, quoted(words))
}

// says types a message and sends it as people do.
func (b *tab) says(words string) {
	b.t.Helper()
	b.do(chromedp.SendKeys("#tidegate-text", words+"\r"))
}

// stands waits until the chat says of itself that it is connected, or not.
func (b *tab) stands(words string) {
	b.t.Helper()
	b.is(`document.querySelector(".tidegate-status").textContent.startsWith(%s)`, quoted(words))
}

// inert wants nothing of what people wrote to have become part of the page.
func (b *tab) inert() {
	b.t.Helper()
	if n := b.value(`String(document.querySelectorAll(".tidegate-log :is(img, script, iframe, svg, a, form, style)").length) + " " + String(window.pwned)`); n != "0 undefined" {
		b.t.Errorf("what somebody wrote lives in the page: %s", n)
	}
}

const evil = `<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>`

// TestChatInABrowser is a patient's whole chat in a real browser: the page of
// its own, on a small phone.
func TestChatInABrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t, t.TempDir(), setting{profile: "calm", seed: 1, chat: `"https://www.clinic.example"`})
	w.start()
	b := browse(t).window(320, 640)
	b.do(chromedp.Navigate("http://" + w.public + "/chat/web/"))
	b.stands("Connected")
	b.accessible("before a word")
	b.fits("the chat")
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
	b.fits("the chat")
	b.throughARestart(w, code)
}

// throughARestart has the daemon away while both sides write: the page says so,
// and afterwards nothing is missing or doubled, nor after a reload.
func (b *tab) throughARestart(w *world, code string) {
	b.t.Helper()
	w.kill()
	b.stands("Not connected")
	b.says("are you there?")
	b.accessible("without a connection")
	since := w.end()
	w.start()
	b.stands("Connected")
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

// TestChatOwnTextStandsOnce has the gateway's word that a text is committed come
// before the text itself, as it may: the text stands in the chat once.
func TestChatOwnTextStandsOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, t.TempDir(), setting{profile: "calm", seed: 1, chat: `"https://www.clinic.example"`})
	w.start()
	b := browse(t).window(320, 640)
	call(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: committedFirst})
	b.visit("http://" + w.public + "/chat/web/")
	b.stands("Connected")
	b.says("hi, I need an appointment")
	b.shows("agent", "automated assistant")
	b.is(`window.swapped === 1`)
	if n := strings.Count(b.value(texts), "hi, I need an appointment"); n != 1 {
		t.Errorf("it stands there %d times", n)
	}
}

// committedFirst holds what the chat's socket brings until it has brought the
// first "committed", which it hands on before all else.
const committedFirst = `(() => {
	const real = Object.getOwnPropertyDescriptor(WebSocket.prototype, "onmessage");
	Object.defineProperty(WebSocket.prototype, "onmessage", {set(f) {
		let held = [];
		real.set.call(this, (e) => {
			const frame = JSON.parse(e.data);
			if (window.swapped || frame.type === "state" && held.length === 0) return f(e);
			held.push(e);
			if (frame.type !== "committed") return;
			window.swapped = 1;
			for (const h of [e, ...held.slice(0, -1)]) f(h);
		});
	}});
})()`

// texts are the words of all messages, in order.
const texts = `[...document.querySelectorAll(".tidegate-message .tidegate-text")].map((e) => e.textContent).join("\n")`

// TestChatOnAnotherSite is the script tag on a page of another registrable
// domain, where no cookie of ours travels: everything by keyboard.
func TestChatOnAnotherSite(t *testing.T) {
	t.Parallel()
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
	b := browse(t).window(320, 640)
	b.do(chromedp.Navigate(origin))
	b.is(`document.querySelector(".tidegate-open") !== null`)
	b.accessible("closed")
	b.fits("the chat")
	b.is(`document.querySelector(".tidegate-open").textContent === "Escríbanos"`)
	b.value(`document.querySelector(".tidegate-open").focus(), ""`)
	b.do(chromedp.KeyEvent("\r"))
	b.is(`document.activeElement.id === "tidegate-number"`)
	b.stands("Conectado")
	b.says("hola, necesito una cita")
	b.shows("agent", "asistente")
	b.accessible("open")
	b.fits("the chat")
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
