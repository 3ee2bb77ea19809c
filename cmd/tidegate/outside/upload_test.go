package outside

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// noise is a picture that nothing makes smaller without loss.
func noise(t *testing.T, width, height int) string {
	t.Helper()
	chance := rand.New(rand.NewPCG(1, 2))
	p := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			p.Set(x, y, color.NRGBA{uint8(chance.Uint32()), uint8(chance.Uint32()), uint8(chance.Uint32()), 255})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, p); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// chooses gives the chat a file, as who has picked it does.
func (b *tab) chooses(path string) {
	b.t.Helper()
	b.do(chromedp.SetUploadFiles(chromedp.CSS(".tidegate-chat input[type=file]"), []string{path}))
}

// last waits until the newest own message has these words in it.
func (b *tab) last(words string) {
	b.t.Helper()
	b.is(`[...document.querySelectorAll(".tidegate-own")].at(-1).textContent.includes(%s)`, quoted(words))
}

// sees waits until a console shows so many pictures of the patient's, loaded.
func (b *tab) sees(pictures int) {
	b.t.Helper()
	b.is(`(() => { const p = [...document.querySelectorAll("#messages .files img")]; p.forEach((i) => i.loading = "eager"); return p.length === %d && p.every((i) => i.complete && i.naturalWidth > 0); })()`, pictures)
}

// TestChatSendsFiles: a patient sends pictures from the chat on a small phone,
// through a kill; a nurse sees each once, and what is no picture she never gets.
func TestChatSendsFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t, t.TempDir(), setting{profile: "calm", seed: 1, chat: `"https://www.clinic.example"`})
	w.write("rash.png", noise(t, 40, 30))
	w.write("large.png", noise(t, 1600, 1200))
	w.write("two.png", noise(t, 30, 40))
	w.write("drawing.jpg", `<svg xmlns="http://www.w3.org/2000/svg"><script>window.pwned=1</script></svg>`)
	w.write("scan.pdf", "%PDF-1.7\n"+strings.Repeat("x", 6<<20))
	w.start()
	b := browse(t)
	chat, desk := b.window(320, 640), b.window(1280, 800)
	chat.visit("http://" + w.public + "/chat/web/")
	chat.stands("Connected")
	chat.value(`document.querySelector(".tidegate-chat input[type=file]").addEventListener("click", (e) => { window.chooses = true; e.preventDefault(); }), ""`)
	chat.types("#tidegate-number", "(212) 555-0142\r")
	chat.tabTo(".tidegate-form:last-of-type button[type=button]")
	chat.keys("\r")
	chat.is(`window.chooses === true && document.activeElement.textContent === "Send a photo or PDF"`)
	chat.accessible("with a button for files")
	chat.fits("the chat")
	chat.chooses(w.path("rash.png"))
	chat.last("Photo: rash.png")
	chat.is(`!document.querySelector(".tidegate-log").textContent.includes("not sent yet")`)
	desk.visit(w.link(t, "alice"))
	desk.click("main button")
	desk.is(`document.querySelector("#list .said-row").textContent.includes("picture or file")`)
	desk.click("#list .case a")
	desk.sees(1)
	desk.is(`document.querySelector("#handoff").textContent.includes("+12125550142")`)

	w.kill()
	chat.stands("Not connected")
	chat.chooses(w.path("two.png"))
	chat.last("not sent yet")
	chat.accessible("with a file that waits")
	w.start()
	chat.stands("Connected")
	chat.is(`!document.querySelector(".tidegate-log").textContent.includes("not sent yet")`)
	desk.sees(2)

	chat.chooses(w.path("large.png"))
	chat.last("Photo: large.png")
	desk.sees(3)
	chat.chooses(w.path("drawing.jpg"))
	chat.last("Not sent: only photos and PDF files can be sent here.")
	chat.chooses(w.path("scan.pdf"))
	chat.last("Not sent: the file is larger than 5 MB.")
	chat.accessible("with files that were refused")
	chat.fits("the chat")
	chat.do(chromedp.SetValue(chromedp.CSS("#tidegate-lang"), "es"))
	chat.value(`document.querySelector("#tidegate-lang").dispatchEvent(new Event("change")), ""`)
	chat.is(`document.querySelector(".tidegate-form:last-of-type button[type=button]").textContent === "Enviar una foto o un PDF"`)
	chat.chooses(w.path("drawing.jpg"))
	chat.last("No se envió: aquí solo se pueden enviar fotos")
	chat.fits("the chat in Spanish")
	chat.says("¿lo recibieron?")
	desk.talk("patient", "lo recibieron")
	desk.sees(3)
	chat.inert()

	chat.visit("http://" + w.public + "/chat/web/")
	chat.is(`[...document.querySelectorAll(".tidegate-own .tidegate-text")].map((e) => e.textContent).join(" ") === "Photo Photo Photo ¿lo recibieron?"`)
	w.sealedFiles(3)
	w.filesAre(desk.value(`document.body.dataset.live`), "kept image/png")
	w.tidegate("verify")
	w.foreignUpload(t)
}

// foreignUpload posts from a page that is not listed, with no ticket.
func (w *world) foreignUpload(t *testing.T) {
	t.Helper()
	for origin, want := range map[string]int{"https://evil.example": http.StatusForbidden, "http://" + w.public: http.StatusUnauthorized} {
		r, err := http.NewRequestWithContext(within(t, patience), http.MethodPost, "http://"+w.public+"/chat/web/file", strings.NewReader("\xff\xd8\xff"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Origin", origin)
		r.Header.Set("Content-Type", "application/octet-stream")
		a, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = a.Body.Close()
		if a.StatusCode != want {
			t.Errorf("a file from %s without a ticket got %d, want %d", origin, a.StatusCode, want)
		}
	}
}
