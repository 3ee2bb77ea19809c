package outside

import (
	"os"
	"strings"
	"testing"
)

// TestAdminInABrowser is an admin at her pages in a real browser, on the running
// daemon: she reads each, pauses the agent, edits the configuration with a fault
// found while she writes, applies it, and goes back.
func TestAdminInABrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t, t.TempDir(), setting{profile: "calm", seed: 1, chat: `"https://www.clinic.example"`})
	w.start()
	b := browse(t).window(360, 740)
	b.visit(w.link(t, "bob"))
	b.click("main button")
	b.is(`document.querySelector("h1").textContent === "Cases"`)
	for _, path := range []string{"", "/pause", "/oncall", "/texts", "/config", "/config/history"} {
		b.visit("http://" + w.private + "/admin" + path)
		b.is(`document.querySelector("h1").textContent !== ""`)
		b.accessible("/admin" + path)
		b.fits("/admin" + path)
	}
	pausedByHand(b, w)
	edited(t, b, w)
}

// pausedByHand turns the one big button; the next patient hears of a nurse.
func pausedByHand(b *tab, w *world) {
	b.t.Helper()
	b.visit("http://" + w.private + "/admin/pause")
	b.click("main .stop")
	b.is(`document.querySelector("main .said").textContent.includes("paused on all channels")`)
	b.accessible("paused")
	since := w.end()
	w.text("+15550100150", "hi, I need an appointment")
	w.gets(since, "+15550100150", "nurse reads this")
	b.click("main .huge")
	b.is(`document.querySelector("main .said").textContent.includes("is over")`)
}

// edited has a fault come and go while she writes, then applies and goes back.
func edited(t *testing.T, b *tab, w *world) {
	t.Helper()
	was := readFile(t, w.path("tidegate.yaml"))
	b.visit("http://" + w.private + "/admin/config")
	b.is(`document.querySelector("#text").value.startsWith("clinic:")`)
	b.value(`(() => { const box = document.querySelector("#text");
		box.value = box.value.replace("role: lead", "role: leed"); box.focus(); return ""; })()`)
	b.keys(" ")
	b.is(`document.querySelector("#found .fault a").dataset.line && document.querySelector("#found").textContent.includes("leed")`)
	b.accessible("a fault")
	b.click("#found .fault a")
	b.is(`(() => { const box = document.querySelector("#text"); return box.value.slice(box.selectionStart, box.selectionEnd).includes("leed"); })()`)
	b.value(`(() => { const box = document.querySelector("#text");
		box.value = box.value.replace("role: leed", "role: lead").replace("Harbor", "Harbor Two").trim(); return ""; })()`)
	b.keys(" ")
	b.is(`document.querySelector("#found .ok")`)
	b.click(`button[value="check"]`)
	b.is(`document.querySelector(".diff .add").textContent.includes("Harbor Two")`)
	b.accessible("a diff")
	b.fits("a diff")
	b.click(`button[value="apply"]`)
	b.is(`document.querySelector("main .said").textContent.includes("in force")`)
	since := w.end()
	w.text("+15550100151", "my chest hurts")
	w.gets(since, "+15550100151", "Harbor Two: ")
	b.visit("http://" + w.private + "/admin/config/history/1")
	b.accessible("an older one")
	b.fits("an older one")
	b.click("main form button")
	b.is(`document.querySelector("main .said").textContent.includes("in force")`)
	if got := readFile(t, w.path("tidegate.yaml")); got != was {
		t.Errorf("the file after going back:\n%s", got)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}
