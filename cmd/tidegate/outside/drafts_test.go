package outside

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/gateway/model/ollama/ollamafake"
)

// cautious is a persona whose every word and act waits for a nurse.
const cautious = `---
name: cautious
tone: plain
disclosure: {en: "This is the automated assistant of {clinic}. I am a computer.", es: "Soy una maquina de {clinic}. Soy una computadora, no una persona."}
collect: [name, dob, reason]
languages: [en, es]
autonomy: draft
---
Take the intake by text message. Ask for one thing at a time.
`

var draftCode = regexp.MustCompile(`^([A-Z0-9]{4}): `)

// underReview is a world whose agent may say and do nothing alone.
func underReview(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	s := &standIn{start(t, exec.Command(program(t), "model", "--mode", string(ollamafake.ModeOK)), dir+"/model.log")}
	agent := fmt.Sprintf("{persona: cautious.md, models: [ollama/stand-in, scripted/intake], providers: {ollama: {base_url: %q}}, ask_timeout: 10s, debounce: 50ms, debounce_max: 1s}\ncalendar: {file: openings.csv}", s.field("base"))
	w := newWorld(t, dir, setting{profile: "calm", seed: 1, agent: agent})
	w.write("cautious.md", cautious)
	day := time.Now().Add(48 * time.Hour).Format("2006-01-02")
	w.write("openings.csv", "id,start,minutes,with,key,name,dob,phone,reason\na1,"+day+" 10:30,20,Dr. Lee\n")
	w.start()
	return w
}

// waits is the code under which alice is told of what waits since.
func (w *world) waits(since int64, words string) (code string) {
	w.t.Helper()
	e := w.awaits(since, "what waits, with "+words, func(e entry) bool {
		return e.Kind == kindHandset && e.To == alice && draftCode.MatchString(e.Body) && strings.Contains(e.Body, words)
	})
	return draftCode.FindStringSubmatch(e.Body)[1]
}

// TestDraftsWaitForANurse has a nurse release, change and drop what the agent would
// say, by text, in the console and at the machine, through a kill -9. The carrier's
// ledger says what reached the patient.
func TestDraftsWaitForANurse(t *testing.T) {
	t.Parallel()
	w := underReview(t)
	w.text(booker, "hi, I need a check-up")
	code := w.waits(0, "for a patient who wrote")
	w.kill()
	w.start() // it is on the disk, and waits still
	if out := w.tidegate("drafts", "show", code); !strings.Contains(out, "Patient: hi, I need a check-up") || !strings.Contains(out, "Draft:") {
		t.Errorf("drafts show:\n%s", out)
	}
	if n := w.texts(booker, ""); n != 0 {
		t.Fatalf("%d texts reached the patient before anybody released one", n)
	}
	since := w.end()
	w.text(alice, code+" Y")
	first := w.gets(since, booker, "computer")
	w.text(alice, code+" Y") // twice is once
	w.gets(since, alice, "that is over")
	if n := w.texts(booker, first.Body); n != 1 {
		t.Errorf("it left %d times", n)
	}

	since = w.end()
	w.text(booker, "Ana Ruiz")
	code = w.waits(since, "Ana Ruiz")
	w.text(alice, code+" E Take two tablets of 400 mg a day.")
	w.gets(since, alice, "not sent")
	w.releasesInTheConsole(code, "Thank you, Ana. What is your date of birth?")
	w.gets(since, booker, "Thank you, Ana. What is your date of birth?")

	since = w.end()
	w.text(booker, "April 3, 1980")
	code = w.waits(since, "April 3")
	if out := w.tidegate("drafts", "drop", code); !strings.Contains(out, "Dropped") {
		t.Errorf("drafts drop: %s", out)
	}
	w.idle(within(t, patience))
	if n := w.texts(booker, ""); n != 2 {
		t.Errorf("%d texts reached the patient, want the two that were released", n)
	}
	w.reviewed(map[string]int{"alice": 2})
}

// releasesInTheConsole sends other words in place of a draft, as the page's form
// does.
func (w *world) releasesInTheConsole(code, words string) {
	w.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	nurse := &http.Client{Jar: jar, Timeout: patience}
	link, err := url.Parse(w.link(w.t, "alice"))
	if err != nil {
		w.t.Fatal(err)
	}
	w.fetches(nurse, http.MethodPost, "/in", "t="+url.QueryEscape(link.Query().Get("t")))
	if _, page, _ := w.fetches(nurse, http.MethodGet, "/cases", ""); !strings.Contains(page, "Drafts that wait for you") || !strings.Contains(page, code) {
		w.t.Errorf("the list does not show what waits:\n%s", page)
	}
	_, page, _ := w.fetches(nurse, http.MethodGet, "/c/"+code, "")
	review := regexp.MustCompile(`name="review" value="(\d+)"`).FindStringSubmatch(page)
	nonce := regexp.MustCompile(`name="nonce" value="([0-9a-f]+)"`).FindStringSubmatch(page)
	at := regexp.MustCompile(`action="(/c/c_[^"]+/act)"`).FindStringSubmatch(page)
	if review == nil || nonce == nil || at == nil {
		w.t.Fatalf("no form for the draft:\n%s", page)
	}
	form := url.Values{"verb": {"edit"}, "review": {review[1]}, "nonce": {nonce[1]}, "words": {words}}
	if status, page, _ := w.fetches(nurse, http.MethodPost, at[1], form.Encode()); status != http.StatusOK || !strings.Contains(page, "Your words go to the patient.") {
		w.t.Fatalf("release: %d\n%s", status, page)
	}
}

// reviewed holds who released the agent's texts, by the record, against what is
// wanted; none left without.
func (w *world) reviewed(want map[string]int) {
	w.t.Helper()
	got := map[string]int{}
	var f struct {
		Outbound []struct {
			Class      string
			ReviewedBy string `json:"reviewed_by"`
		}
	}
	for d := json.NewDecoder(strings.NewReader(w.tidegate("conversations", "export", "--all", "--json"))); d.More(); {
		f.Outbound = nil
		if err := d.Decode(&f); err != nil {
			w.t.Fatal(err)
		}
		for _, o := range f.Outbound {
			if o.Class == "agent" {
				got[o.ReviewedBy]++
			}
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		w.t.Errorf("texts by who released them: %v, want %v", got, want)
	}
}

// TestActsWaitForANurse books only with a nurse's yes, and a red flag takes her
// yes its effect.
func TestActsWaitForANurse(t *testing.T) {
	t.Parallel()
	w := underReview(t)
	booked := func() int {
		b, err := os.ReadFile(w.path("openings.csv"))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(b), ",tg")
	}
	for _, who := range []string{"+12125550151", booker} {
		since := w.end()
		w.text(who, "what openings do you have?")
		code := w.waits(since, "option 1 is")
		w.text(alice, code+" Y")
		w.gets(since, who, "option 1 is")
		since = w.end()
		w.text(who, "option 1")
		code = w.waits(since, "booking ")
		w.gets(since, who, "not settled yet")
		if booked() != 0 {
			t.Fatal("it is booked before anybody approved it")
		}
		if who != booker {
			w.text(who, "my chest hurts")
			w.gets(since, who, "may be an emergency")
			w.text(alice, code+" Y")
			w.gets(since, alice, "that is over")
			w.idle(within(t, patience))
			if booked() != 0 {
				t.Fatal("it is booked for somebody in danger")
			}
			continue
		}
		w.kill()
		w.start()
		w.text(alice, code+" Y")
		w.gets(since, who, "You are booked")
		w.idle(within(t, patience))
		if n := w.texts(who, "You are booked"); n != 1 || booked() != 1 {
			t.Errorf("told %d times, booked %d", n, booked())
		}
	}
}
