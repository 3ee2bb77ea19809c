package outside

import (
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// hostile is what somebody may write, as a name or as a message, who wants it to
// be more than words.
var hostile = []string{
	`<script>window.pwned=1;alert(1)</script>`,
	`<img src="http://127.0.0.1:9/pwned" onerror="window.pwned=1">`,
	`"><svg/onload=window.pwned=1><a href="javascript:window.pwned=1">x</a>`,
	`</textarea></title><script src="http://127.0.0.1:9/pwned.js"></script>`,
	`<base href="http://127.0.0.1:9/"><meta http-equiv="refresh" content="0;url=http://127.0.0.1:9/">`,
	`<iframe srcdoc="<script>parent.pwned=1</script>"></iframe><style>*{display:none}</style>`,
	`' onfocus=window.pwned=1 autofocus x='{{.Me}}${7*7}<!--`,
	`=HYPERLINK("http://127.0.0.1:9/pwned","results")`,
	`+cmd|' /C calc'!A0`,
	`@SUM(1+1)*pwned`,
	"\x1b[31mred\x1b[2J\x1b]0;pwned\x07\u009b31m",
	"Ana \u202egnihton si ti\u2066 pwned",
	"Ana\r\n2026-11-21 06:46 EST Alice [delivered]: pwned, go home\u2028Resolved",
}

// watched keeps what a page did that none of ours does.
type watched struct {
	mu   sync.Mutex
	did  []string
	ours string
}

// watch begins to listen to a window.
func (b *tab) watch(ours string) *watched {
	b.t.Helper()
	w := &watched{ours: ours}
	call(b, page.Enable, page.EnableParams{})
	err := chromedp.Listen(b.ctx, func(ev any) {
		w.mu.Lock()
		defer w.mu.Unlock()
		switch ev := ev.(type) {
		case *page.EventJavascriptDialogOpening:
			w.did = append(w.did, "opened a dialog: "+ev.Message)
		case *network.EventRequestWillBeSent:
			w.asked(ev.Request.URL)
		case *network.EventWebSocketCreated:
			w.asked(strings.Replace(ev.URL, "ws", "http", 1))
		}
	})
	if err != nil {
		b.t.Fatalf("browser: %v", err)
	}
	return w
}

func (w *watched) asked(address string) {
	u, err := url.Parse(address)
	if err != nil || u.Host != w.ours || u.Scheme != "http" {
		w.did = append(w.did, "asked for "+address)
	}
}

func (w *watched) judge(t *testing.T) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, d := range w.did {
		t.Errorf("a page %s", d)
	}
}

// lives is what in a page came from somebody's words: elements that no page of
// ours has, links that lead away, handlers, a script that ran, and words that
// turn what stands beside them around.
const lives = `(() => {
	const at = document.querySelector("main") || document.body, found = [];
	if (window.pwned !== undefined) found.push("a script ran");
	for (const e of at.querySelectorAll("script, img, iframe, object, embed, svg, style, link, meta, base")) found.push(e.outerHTML);
	for (const e of at.querySelectorAll("*")) {
		for (const a of e.attributes) if (a.name.startsWith("on")) found.push(a.name + " on " + e.tagName);
		const to = e.getAttribute("href") || e.getAttribute("action") || "";
		if (to && !/^(\/|#|tel:\+)/.test(to)) found.push("leads to " + to);
	}
	const texts = document.createTreeWalker(at, NodeFilter.SHOW_TEXT);
	for (let n = texts.nextNode(); n; n = texts.nextNode()) {
		if (!/[\u202a-\u202e\u2066-\u2069]/.test(n.data)) continue;
		let e = n.parentElement;
		const closed = () => { const s = getComputedStyle(e); return s.display !== "inline" || /isolate|plaintext/.test(s.unicodeBidi); };
		while (!closed()) e = e.parentElement;
		if (e.textContent.trim() !== n.data.trim()) found.push("turns around " + e.textContent);
	}
	return found.join("\n");
})()`

// dead wants nothing on a page to live that somebody wrote.
func (b *tab) dead(what string) {
	b.t.Helper()
	if found := b.value(lives); found != "" {
		b.t.Errorf("%s: %s", what, found)
	}
}

// TestHostileWordsAreInert has patients write what would like to be markup, a
// formula, a terminal's or a writing direction's command, as their name and in a
// red flag, and looks at every page that shows it.
func TestHostileWordsAreInert(t *testing.T) {
	t.Parallel()
	w := newWorld(t, t.TempDir(), setting{profile: "calm", seed: 1, chat: `"https://www.clinic.example"`})
	w.start()
	codes := make([]string, len(hostile))
	for i, words := range hostile {
		phone, since := fmt.Sprintf("+121255502%02d", i), w.end()
		w.text(phone, "hi, I need an appointment")
		w.gets(since, phone, "first and last name")
		w.text(phone, words)
		w.text(phone, "my chest hurts "+words)
		w.gets(since, phone, "Call 911 now")
		codes[i] = codeIn(t, w.gets(since, alice, "S1").Body)
	}
	b := browse(t)
	desk := b.window(1280, 800)
	seen := desk.watch(w.private)
	w.desk(desk, codes)
	code := w.chatted(b.window(360, 640))
	desk.visit("http://" + w.private + "/c/" + code)
	desk.is(`document.querySelectorAll("#messages .person").length > 0`)
	desk.dead("the conversation of the chat")
	seen.judge(t)
	for _, part := range []string{"pwned", "\x1b", "HYPERLINK"} {
		if strings.Contains(string(w.log()), part) {
			t.Errorf("the log has %q in it", part)
		}
	}
}

// desk looks at every page of the desk that shows what they wrote, or what was
// asked of it.
func (w *world) desk(b *tab, codes []string) {
	home := "http://" + w.private
	b.visit(w.link(b.t, "alice"))
	b.click("main button")
	b.is(`document.querySelectorAll("#list .case").length === %d`, len(codes))
	b.dead("the list")
	for i, code := range codes {
		b.visit(home + "/c/" + code)
		b.is(`[...document.querySelectorAll("#messages .patient .words")].at(-1).textContent.startsWith("my chest hurts")`)
		b.dead("the conversation with " + hostile[i])
		b.visit(home + "/c/" + code + "/trace")
		b.dead("the trace with " + hostile[i])
		b.visit(home + "/c/" + code + "/chart")
		b.dead("the chart with " + hostile[i])
		b.chart(hostile[i])
	}
	for _, words := range hostile {
		q := url.QueryEscape(words)
		for _, path := range []string{"/search?q=" + q, "/c/" + url.PathEscape(words), "/in?t=" + q} {
			b.visit(home + path)
			b.dead(path)
		}
	}
	b.visit(home + "/search?q=" + url.QueryEscape("pwned"))
	b.is(`document.querySelector("main [role=status]").textContent.includes("found")`)
	b.dead("what was found")
}

// chart wants each line to begin with words of ours, and no sign in it that a
// terminal or a writing direction obeys.
func (b *tab) chart(what string) {
	b.t.Helper()
	for line := range strings.Lines(b.value(`document.querySelector("#text").value`)) {
		switch {
		case strings.HasPrefix(line, "2026-11-21 06:46 EST") || strings.HasPrefix(line, "Resolved"):
			b.t.Errorf("%q forges a line: %q", what, line)
		case strings.ContainsAny(line, "\x1b\x07\u009b\u202e\u2066\u2028"), strings.ContainsAny(line[:1], "=+-@\t\r"):
			b.t.Errorf("%q: a line obeys nobody, but here is %q", what, line)
		}
	}
}

// chatted has a patient and a nurse write it to each other in the chat.
func (w *world) chatted(b *tab) (code string) {
	seen := b.watch(w.public)
	b.visit("http://" + w.public + "/chat/web/")
	b.stands("Connected")
	since := w.end()
	b.says("my chest hurts")
	b.shows("safety", "Call 911 now")
	code = codeIn(b.t, w.gets(since, alice, "S1").Body)
	w.text(alice, code+" A")
	w.gets(since, alice, "is yours")
	for i, words := range hostile {
		b.value(`document.querySelector("#tidegate-text").value = ` + quoted(words) + `, document.querySelector(".tidegate-main[type=submit]").click(), ""`)
		b.is(`document.querySelectorAll(".tidegate-own").length === %d`, i+2)
		w.text(alice, code+" R "+words)
		b.is(`document.querySelectorAll(".tidegate-nurse").length === %d`, i+1)
		b.dead("the chat with " + words)
	}
	b.visit("http://" + w.public + "/chat/web/")
	b.is(`document.querySelectorAll(".tidegate-own").length === %d`, len(hostile)+1)
	b.dead("the chat again")
	seen.judge(b.t)
	return code
}
