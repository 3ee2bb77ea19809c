package outside

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// looks are the screens and schemes a page is looked at in. axe-core judges it in
// those that have judged set, which is each scheme once.
var looks = []struct {
	width, height int64
	scheme        string
	judged        bool
}{{1280, 800, "light", true}, {360, 740, "dark", true}, {1280, 800, "dark", false}, {360, 740, "light", false}, {320, 640, "light", false}}

// looked holds a page against axe-core's rules and takes its picture, on large
// screens and small ones, light and dark.
func (b *tab) looked(name string) {
	b.t.Helper()
	for _, l := range looks {
		b.size(l.width, l.height)
		b.scheme(l.scheme)
		what := fmt.Sprintf("%s-%d-%s", name, l.width, l.scheme)
		b.fits(what)
		if l.judged {
			b.accessible(what)
		}
		b.picture(what)
	}
}

// scheme chooses dark or light.
func (b *tab) scheme(name string) {
	b.t.Helper()
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}}})
}

// kept are the pictures that the README shows: what a screen has room for.
var kept = []string{"cases-1280-light", "conversation-1280-light", "conversation-360-dark", "chat-360-light"}

// picture keeps what the page looks like, where TIDEGATE_PICTURES names a folder.
func (b *tab) picture(name string) {
	b.t.Helper()
	folder := os.Getenv("TIDEGATE_PICTURES")
	if folder == "" {
		return
	}
	take := chromedp.FullScreenshot(100)
	if slices.Contains(kept, name) {
		take = chromedp.CaptureScreenshot()
	}
	png, err := chromedp.Run(b.ctx, take)
	if err != nil {
		b.t.Fatalf("picture: %v", err)
	}
	if err := os.WriteFile(filepath.Join(folder, name+".png"), png, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// TestPagesAreAccessible looks at every page there is, with people in it.
func TestPagesAreAccessible(t *testing.T) {
	t.Parallel()
	if os.Getenv("TIDEGATE_AXE") == "" {
		needs(t, "axe", "TIDEGATE_AXE names no axe.min.js (npm install axe-core)")
	}
	w := newWorld(t, t.TempDir(), setting{profile: "calm", seed: 1, chat: `"https://www.clinic.example"`})
	w.start()
	b := browse(t)
	w.chatPages(b.window(320, 640))
	code := w.waitingRoom(t)
	w.signInPages(b.window(1280, 800))
	w.nursePages(b.window(1280, 800), code)
	w.adminPages(b.window(1280, 800))
}

// waitingRoom has patients of all kinds text, and returns the code of the gravest.
func (w *world) waitingRoom(t *testing.T) (code string) {
	t.Helper()
	for i, story := range [][]string{
		{"Hi, I would like an appointment for a check-up", "Maria Lopez", "I also want to talk to a person please"},
		{"hi, I need an appointment", "Ben Carter", "I have a fever of 102 for three days"},
		{"hola, necesito una cita", "Luis Vega", "me duele mucho el pecho"},
	} {
		phone, since := fmt.Sprintf("+1212555014%d", i), w.end()
		for _, words := range story {
			w.text(phone, words)
			since = w.gets(since, phone, "").Seq
		}
	}
	return codeIn(t, w.gets(0, alice, "S1").Body)
}

func (w *world) signInPages(b *tab) {
	b.visit("http://" + w.private + "/sign-in")
	b.looked("sign-in")
	b.types("#id", "nobody")
	b.click("main button")
	b.is(`document.querySelector("main [role=status]").textContent.includes("on its way")`)
	b.looked("sign-in-asked")
	b.visit("http://" + w.private + "/in?t=none")
	b.looked("sign-in-refused")
	b.visit(w.link(b.t, "alice"))
	b.looked("sign-in-link")
}

func (w *world) nursePages(b *tab, code string) {
	at := func(path string) { b.visit("http://" + w.private + path) }
	b.visit(w.link(b.t, "alice"))
	b.click("main button")
	b.is(`document.querySelectorAll("#list .case").length >= 3`)
	b.looked("cases")
	at("/c/" + code)
	b.looked("conversation-open")
	b.click("button[value=take]")
	b.is(`document.querySelector(".readback")`)
	b.looked("conversation-first")
	b.click(".readback button")
	b.is(`!document.querySelector(".readback") && document.querySelector("#reply")`)
	b.types("#reply", "Soy enfermera de Harbor. ¿Hay alguien con usted?")
	b.click(".talk form button.main")
	b.is(`document.querySelectorAll("#messages .person").length === 1 && document.querySelector(".said")`)
	b.is(`[...document.querySelectorAll("#messages .person .fate")].every((e) => e.textContent === "delivered")`)
	at("/c/" + code)
	b.looked("conversation")
	b.value(`for (const d of document.querySelectorAll("details")) d.open = true; ""`)
	b.looked("conversation-unfolded")
	at("/c/" + code + "/chart")
	b.looked("chart")
	at("/c/" + code + "/trace")
	b.value(`for (const d of document.querySelectorAll("details")) d.open = true; ""`)
	b.looked("trace-unfolded")
	at("/c/NONE")
	b.looked("fault")
	at("/search")
	b.looked("search")
	at("/search?q=" + url.QueryEscape("ruiz"))
	b.looked("search-found")
	at("/start")
	b.looked("start")
}

// adminPages goes wherever the admin's pages lead.
func (w *world) adminPages(b *tab) {
	b.visit(w.link(b.t, "bob"))
	b.click("main button")
	b.is(`document.querySelector("#list")`)
	seen := map[string]bool{}
	for next := []string{"/admin", "/admin/pause"}; len(next) > 0; next = next[1:] {
		if seen[next[0]] {
			continue
		}
		seen[next[0]] = true
		b.visit("http://" + w.private + next[0])
		b.looked(strings.ReplaceAll(strings.Trim(next[0], "/"), "/", "-"))
		links := b.value(`[...document.querySelectorAll("main a[href^='/admin']")].map((a) => a.getAttribute("href")).join(" ")`)
		next = append(next, strings.Fields(links)...)
	}
	if len(seen) < 4 {
		b.t.Errorf("only %d admin pages were found: %v", len(seen), seen)
	}
}

func (w *world) chatPages(b *tab) {
	b.visit("http://" + w.public + "/chat/web/")
	b.stands("Connected")
	b.looked("chat-new")
	b.types("#tidegate-number", "(212) 555-0142\r")
	b.is(`document.querySelector("#tidegate-number-note").textContent.includes("+12125550142")`)
	b.says("hi, I need an appointment")
	b.shows("agent", "first and last name")
	b.says("Ana Ruiz")
	b.shows("agent", "date of birth")
	b.says("my chest hurts")
	b.shows("safety", "Call 911 now")
	b.looked("chat")
	const inSight = `(() => {
		const log = document.querySelector(".tidegate-log").getBoundingClientRect(), text = document.querySelector(".tidegate-safety .tidegate-text").getBoundingClientRect();
		return text.bottom <= log.bottom + 1 && text.bottom > log.top;
	})()`
	b.is(inSight)
	b.size(320, 420) // a keyboard comes up
	b.is(inSight)
}
