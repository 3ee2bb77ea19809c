package outside

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
)

// side is a patient at the chat and two nurses at their consoles: Alice has a
// mouse, Carmen the keyboard alone.
type side struct {
	*world
	patient, alice, carmen *tab
}

// TestNursesSideBySide tells the whole story in a real browser, in three windows
// side by side. The pages alone judge it.
func TestNursesSideBySide(t *testing.T) {
	t.Parallel()
	s := newSide(t)
	s.intakeThenRedFlag(t)
	s.oneTakesIt(t)
	s.throughACutNetwork(t)
	s.throughAKill(t)
	s.throughALostAnswer(t)
	s.callNoteResolve(t)
	s.agentGoesOn(t)
	s.sameEverywhere(t)
}

func newSide(t *testing.T) *side {
	t.Helper()
	w := newWorld(t, t.TempDir(), setting{profile: "calm", seed: 1, chat: `"https://www.clinic.example"`})
	w.start()
	b := browse(t)
	s := &side{w, b.window(360, 640), b.window(1280, 800), b.window(1280, 800)}
	s.alice.visit(w.link(t, "alice"))
	s.alice.click("main button")
	s.carmen.visit(w.link(t, "carmen"))
	s.carmen.tabTo("main button")
	s.carmen.keys("\r")
	s.patient.visit("http://" + w.public + "/chat/web/")
	s.patient.stands("Connected")
	s.nurses(func(n *tab) {
		n.is(`document.querySelector("h1").textContent === "Cases" && document.querySelector("#live-state").hidden`)
		n.is(`document.querySelector("#list .none")`)
	})
	return s
}

// link is the one-time link with which somebody signs in.
func (w *world) link(t *testing.T, id string) string {
	t.Helper()
	out, err := exec.CommandContext(within(t, patience), w.bin, "staff", "link", id, "--config", w.path("tidegate.yaml")).Output()
	if err != nil {
		t.Fatalf("staff link %s: %v", id, err)
	}
	return strings.TrimSpace(string(out))
}

func (s *side) nurses(f func(n *tab)) {
	for _, n := range []*tab{s.alice, s.carmen} {
		f(n)
	}
}

// mark lets a page tell later that it was never loaded again.
func (b *tab) mark() {
	b.t.Helper()
	b.value(`window.marked = "yes"`)
}

func (b *tab) marked(what string) {
	b.t.Helper()
	if b.value(`String(window.marked)`) != "yes" {
		b.t.Errorf("%s: the page was loaded again", what)
	}
}

// noted has a page note when a selector first finds something in it.
func (b *tab) noted(selector string) {
	b.t.Helper()
	b.value(`(() => {
		const look = () => { if (!window.notedAt && document.querySelector(` + quoted(selector) + `)) window.notedAt = Date.now(); };
		new MutationObserver(look).observe(document.body, {subtree: true, childList: true, attributes: true});
		return "";
	})()`)
}

// intakeThenRedFlag has the patient begin an intake and write a red flag in the
// middle of it: she reads the safety text, and both lists show the case by
// themselves.
func (s *side) intakeThenRedFlag(t *testing.T) {
	t.Helper()
	s.patient.types("#tidegate-number", "(212) 555-0142\r")
	s.patient.is(`document.querySelector("#tidegate-number-note").textContent.includes("+12125550142")`)
	s.patient.says("hi, I need an appointment")
	s.patient.shows("agent", "first and last name")
	s.patient.says("Ana Ruiz")
	s.patient.shows("agent", "date of birth")
	s.nurses(func(n *tab) {
		n.mark()
		n.noted("#list .S1")
	})
	s.patient.noted(".tidegate-safety")
	s.patient.says("my chest hurts")
	s.patient.shows("safety", "Call 911 now")
	s.patient.is(`document.querySelector(".tidegate-status").textContent.includes("staff")`)
	s.nurses(func(n *tab) {
		n.is(`document.querySelector("#list .S1 .said-row").textContent.includes("my chest hurts")`)
		n.is(`document.querySelector("#list .S1 .who").textContent.includes("Ana Ruiz")`)
		n.is(`document.querySelector("#alarm").textContent === "New emergency. Nobody has it yet."`)
		n.is(`document.title === "⚠ 1 EMERGENCY"`)
		n.is(`document.title === "(1) Cases – Tidegate"`)
		n.marked("the list at a red flag")
	})
	const at = `String(window.notedAt)`
	t.Logf("the safety text stood in the chat at %s ms, the case in the lists at %s and %s", s.patient.value(at), s.alice.value(at), s.carmen.value(at))
}

// oneTakesIt has both open the case. Carmen's page hears nothing any more when
// Alice takes it, so that Carmen presses a button that is too late.
func (s *side) oneTakesIt(t *testing.T) {
	t.Helper()
	release := s.alice.press("#list .S1 a")
	s.patient.says("it goes to my arm") // the list changes under her mouse
	s.carmen.is(`document.querySelector("#list .S1 .said-row").textContent.includes("arm")`)
	release()
	s.carmen.tabTo("#list .S1 a")
	s.carmen.keys("\r")
	s.nurses(func(n *tab) {
		n.is(`document.querySelector("#head .sev").textContent.includes("S1") && document.querySelector("button[value=take]")`)
		n.handoff("my chest hurts")
	})
	s.carmen.tabTo("button[value=take]")
	s.carmen.cut("ws://" + s.private + "/live*")
	s.alice.click("button[value=take]")
	s.alice.told("is yours")
	s.alice.is(`["Ana Ruiz", "+12125550142", "Cardiac"].every((w) => document.querySelector(".readback").textContent.includes(w))`)
	s.alice.click(".readback button")
	s.alice.is(`!document.querySelector(".readback") && document.querySelector("#reply")`)
	s.carmen.is(`document.activeElement.textContent === "Take this case"`)
	s.carmen.keys("\r")
	s.carmen.told("is not yours. Alice has it.")
	s.carmen.is(`document.querySelector("#head .state").textContent.includes("taken by Alice")`)
	s.carmen.is(`!document.querySelector("#reply")`)
	s.carmen.mend()
	s.carmen.is(`document.querySelector("#live-state").hidden`)
	s.replies("Is somebody with you?")
	s.patient.shows("nurse", "Is somebody with you?")
	s.patient.is(`document.querySelector(".tidegate-status").textContent.includes("person")`)
	s.eachSeesTheOtherType()
}

// eachSeesTheOtherType: what is being written shows as that, and is nowhere after.
func (s *side) eachSeesTheOtherType() {
	s.alice.t.Helper()
	s.typesUntil(s.patient, "#tidegate-text", s.alice, `document.querySelector("#typing").textContent === "The patient is writing…"`)
	s.typesUntil(s.alice, "#reply", s.patient, `document.querySelector(".tidegate-typing").textContent === "An answer is being written…"`)
	s.alice.value(`document.querySelector("#reply").value = ""`)
	s.patient.value(`document.querySelector("#tidegate-text").value = ""`)
}

// typesUntil types on until the other page shows it: while a page connects nobody
// tells it.
func (s *side) typesUntil(from *tab, field string, to *tab, shown string) {
	s.alice.t.Helper()
	for ctx := within(s.alice.t, patience); to.value("String("+shown+")") != "true"; s.quiet(200 * time.Millisecond) {
		if ctx.Err() != nil {
			s.alice.t.Fatalf("never true: %s", shown)
		}
		from.types(field, "e")
	}
}

// replies has Alice write to the patient.
func (s *side) replies(words string) {
	s.alice.t.Helper()
	s.alice.types("#reply", words)
	s.alice.click(".talk form button.main")
	s.alice.is(`document.querySelector(".said").textContent.includes("your words go to the patient") && !document.querySelector("#reply").value`)
	s.nurses(func(n *tab) { n.talk("person", words) })
}

// talk waits until a console shows a message of somebody's.
func (b *tab) talk(from, words string) {
	b.t.Helper()
	b.is(`[...document.querySelectorAll("#messages .%s .words")].some((e) => e.textContent.includes(%s))`, from, quoted(words))
}

// throughACutNetwork has both sides write while the patient has no network.
func (s *side) throughACutNetwork(t *testing.T) {
	t.Helper()
	s.patient.mark()
	s.patient.cut("")
	s.patient.stands("Not connected")
	s.replies("Open your front door.")
	s.patient.says("my son is here")
	s.patient.is(`document.querySelector(".tidegate-own:last-child").textContent.includes("not sent yet")`)
	s.patient.mend()
	s.patient.stands("Connected")
	s.patient.shows("nurse", "Open your front door.")
	s.patient.is(`!document.querySelector(".tidegate-log").textContent.includes("not sent yet")`)
	s.nurses(func(n *tab) { n.talk("patient", "my son is here") })
	s.patient.marked("the chat after a cut")
}

// throughAKill ends the daemon at once and starts it again. Everybody is told,
// nobody has to do anything, and nobody is signed out.
func (s *side) throughAKill(t *testing.T) {
	t.Helper()
	s.nurses((*tab).mark)
	s.patient.mark()
	s.kill()
	s.patient.stands("Not connected")
	s.nurses(func(n *tab) {
		n.is(`document.querySelector("#live-state").checkVisibility() && document.querySelector("#live-state").textContent.startsWith("No connection")`)
	})
	s.alice.types("#reply", "Help is near. ")
	s.alice.click(".talk form button.main")
	s.alice.told("No answer from the gateway. What you wrote is still here.")
	s.alice.is(`document.querySelector("#reply").value === "Help is near. "`)
	s.patient.says("he went to the door")
	s.start()
	s.patient.stands("Connected")
	s.nurses(func(n *tab) {
		n.is(`document.querySelector("#live-state").hidden`)
		n.talk("patient", "he went to the door")
		n.marked("a console after a kill")
	})
	s.replies("They are outside.")
	s.patient.shows("nurse", "Help is near. They are outside.")
	s.patient.marked("the chat after a kill")
}

// throughALostAnswer has the gateway take Alice's words and its answer lost on the
// way: she still has them, sends them again, and the patient reads them once.
func (s *side) throughALostAnswer(t *testing.T) {
	t.Helper()
	s.alice.value(`(() => {
		const real = fetch;
		window.fetch = async (...a) => {
			const answer = await real(...a);
			if (!window.lost && String(a[0]).endsWith("/act")) { window.lost = true; throw new TypeError("lost"); }
			return answer;
		};
		return "";
	})()`)
	s.alice.types("#reply", "Stay with him.")
	s.alice.click(".talk form button.main")
	s.alice.told("No answer from the gateway.")
	s.nurses(func(n *tab) { n.talk("person", "Stay with him.") })
	s.alice.is(`document.querySelector("#reply").value === "Stay with him."`)
	s.alice.click(".talk form button.main")
	s.alice.told("Done before")
	s.alice.is(`!document.querySelector("#reply").value`)
}

// callNoteResolve has Alice call, leave a note and hand the case to Carmen, who
// ends it.
func (s *side) callNoteResolve(t *testing.T) {
	t.Helper()
	s.alice.is(`[...document.querySelectorAll("#messages .fate")].every((e) => e.textContent === "delivered")`)
	s.alice.click(`button[name=reached][value=yes]`)
	s.alice.told("the call is on record")
	s.nurses(func(n *tab) {
		n.is(`document.querySelector("#head .state").textContent.includes("Alice is with the patient")`)
	})
	s.alice.types("#reply", "Can you")
	s.alice.mark()
	s.alice.click("#note summary")
	s.alice.types("#note-words", "Her son rides along.")
	s.alice.click("#note button")
	s.alice.told("noted")
	s.nurses(func(n *tab) { n.handoff("Her son rides along.") })
	s.alice.click("#transfer summary")
	s.alice.types("#to", "Carmen")
	s.alice.click("#transfer button")
	s.alice.told("is now with Carmen")
	s.carmen.is(`document.querySelector("#reply")`)
	s.alice.is(`!document.querySelector("#reply") && document.querySelector("#kept-words").value === "Can you"`)
	s.alice.marked("a page in which something is written")
	s.alice.accessible("with words that went nowhere")
	s.carmen.tabTo(`button[name=reached][value=yes]`)
	s.carmen.keys("\r")
	s.carmen.told("the call is on record")
	s.carmen.tabTo("#resolve summary")
	s.carmen.keys("\r")
	s.carmen.tabTo("#disposition")
	s.carmen.keys("911")
	s.carmen.tabTo("#handback")
	s.carmen.keys("Seen by paramedics. Go on with the appointment.")
	s.carmen.tabTo("#resolve button.main")
	s.carmen.keys("\r")
	s.nurses(func(n *tab) {
		n.is(`document.querySelector("#head .state").textContent.includes("by Carmen: 911 called")`)
		n.is(`document.querySelector("#head .state").textContent.includes("the agent answers")`)
	})
}

// told waits until a console says what became of an act.
func (b *tab) told(words string) {
	b.t.Helper()
	b.is(`document.querySelector(".said").textContent.includes(%s)`, quoted(words))
}

// handoff waits until a console's handoff has these words.
func (b *tab) handoff(words string) {
	b.t.Helper()
	b.is(`[...document.querySelectorAll("#handoff dd")].some((e) => e.textContent.includes(%s))`, quoted(words))
}

// agentGoesOn has the agent ask again what it had asked.
func (s *side) agentGoesOn(t *testing.T) {
	t.Helper()
	s.patient.is(`[...document.querySelectorAll(".tidegate-agent .tidegate-text")].at(-1).textContent.match(/This is the automated assistant again.*date of birth/s)`)
	s.patient.says("3/4/1980")
	s.patient.shows("agent", "insurance")
}

// TestDeadConnectionIsNotShownAsLive has connections stay open and bring nothing
// more, as on a bad network, where no browser tells its pages. A page's minute
// is two seconds here.
func TestDeadConnectionIsNotShownAsLive(t *testing.T) {
	w := newWorld(t, t.TempDir(), setting{profile: "calm", seed: 1, chat: `"https://www.clinic.example"`})
	w.start()
	b := browse(t)
	chat, desk := b.window(360, 640), b.window(1280, 800)
	for _, p := range []*tab{chat, desk} {
		call(p, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{
			Source: `(() => { const real = setTimeout; window.setTimeout = (f, ms) => real(f, ms === 60000 ? 2000 : ms); })()`,
		})
	}
	chat.visit("http://" + w.public + "/chat/web/")
	chat.stands("Connected")
	desk.visit(w.link(t, "alice"))
	desk.click("main button")
	desk.is(`document.querySelector("#list") && document.querySelector("#live-state").hidden`)
	chat.cut("ws://*:*/*")
	desk.cut("ws://*:*/*")
	chat.stands("Not connected")
	desk.is(`document.querySelector("#live-state").checkVisibility()`)
	chat.mend()
	desk.mend()
	chat.stands("Connected")
	desk.is(`document.querySelector("#live-state").hidden`)
}

// sameEverywhere wants each window to show the same messages, each once.
func (s *side) sameEverywhere(t *testing.T) {
	t.Helper()
	s.nurses(func(n *tab) {
		n.is(`[...document.querySelectorAll("#messages .words")].some((e) => e.textContent.includes("insurance"))`)
	})
	want := s.patient.value(texts)
	for _, words := range []string{
		"hi, I need an appointment", "Ana Ruiz", "my chest hurts", "Call 911 now", "Is somebody with you?", "Open your front door.",
		"my son is here", "he went to the door", "They are outside.", "Stay with him.", "3/4/1980",
	} {
		if n := strings.Count(want, words); n != 1 {
			t.Errorf("the chat shows %q %d times", words, n)
		}
	}
	s.nurses(func(n *tab) {
		got := n.value(`[...document.querySelectorAll("#messages .words")].map((e) => e.textContent).join("\n")`)
		if got != want {
			t.Errorf("a console shows\n%s\nand the chat\n%s", got, want)
		}
	})
}
