package outside

import (
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/channels/twilio/twiliofake"
)

// TestCanaries lives a day in which words and numbers that are nowhere else go
// through every door: texts, a chat, a model's server, the console, a forged webhook,
// a carrier that fails. None of it is in the log, the metrics, the checkpoints, what
// verbs print of nobody in particular, an answer to a stranger, or a text to somebody
// whose route is not marked phi.
func TestCanaries(t *testing.T) {
	t.Parallel()
	const phone, callBack = "+12125550196", "+12125550195"
	canaries := []canary{phone, callBack, "zebrafinch-7", "quokkawalk", "numbatnote", "kookaburra-9", "bilbyforged"}
	dir := t.TempDir()
	model := &standIn{start(t, exec.Command(program(t), "model", "--mode", "ok"), dir+"/model.log")}
	agent := fmt.Sprintf("{models: [ollama/stand-in, scripted/intake], providers: {ollama: {base_url: %q}}, ask_timeout: 10s, debounce: 50ms, debounce_max: 1s}", model.field("base"))
	w := newWorld(t, dir, setting{profile: "calm", seed: 5, agent: agent, chat: "https://www.clinic.example"})
	if err := os.Mkdir(w.path("proof"), 0o700); err != nil {
		t.Fatal(err)
	}
	quiet := strings.Replace(readFile(t, w.path("tidegate.yaml")), `address: "+15550100112", phi: true`, `address: "+15550100112"`, 1)
	w.write("tidegate.yaml", quiet+"\naudit: {checkpoints: "+w.path("proof/heads")+"}\nlog: {level: debug}\n")
	w.start()

	w.text(phone, "hi, I need an appointment, my dog is called zebrafinch-7")
	w.awaits(0, "the patient was not answered", func(e twiliofake.Entry) bool { return e.Kind == twiliofake.KindHandset && e.To == phone })
	w.fails(twiliofake.Fault{Kind: twiliofake.FaultServerError, To: alice})
	w.fails(twiliofake.Fault{Kind: twiliofake.FaultError, To: phone, Code: 21610})
	since := w.end()
	w.text(phone, "quokkawalk and my chest hurts")
	code := codeIn(t, w.gets(since, alice, "S1 page").Body)
	w.text(alice, code+" P")
	w.gets(since, carmen, code) // whose route is not marked
	w.text(carmen, code+" A")
	w.text(phone, "quokkawalk again")
	w.text(carmen, code+" N numbatnote for colleagues")
	w.console(t, phone)
	w.chats(t, callBack, "kookaburra-9 cannot breathe")
	strange := w.forges(phone)
	w.text(carmen, code+" D numbatnote")
	w.settles()

	_, metrics := get(t, "http://"+w.private+"/metrics")
	found := carve("/metrics", []byte(metrics), canaries)
	for _, args := range [][]string{{"cases", "--all"}, {"conversations", "list"}, {"verify"}, {"keys", "show"}, {"erase"}, {"doctor"}} {
		out, _ := exec.CommandContext(within(t, patience), w.bin, append(args, "--config", w.path("tidegate.yaml"))...).CombinedOutput()
		found = append(found, carve("tidegate "+strings.Join(args, " "), out, canaries)...)
	}
	unmarked := 0
	for _, e := range w.ledger() {
		if (e.To == carmen || e.To == bob) && e.Kind == twiliofake.KindCreate {
			unmarked++
			found = append(found, carve("a text to a route that is not marked", []byte(e.Body), canaries)...)
		}
	}
	w.stop()
	proof, files := carveFolder(t, w.path("proof"), canaries)
	found = append(append(found, proof...), carve("the log", w.log(), canaries)...)
	found = append(found, carve("the answer to a stranger", []byte(strange), canaries)...)
	if open, _ := carveFolder(t, w.path("data"), canaries); len(open) > 0 {
		found = append(found, open...)
	}
	for _, f := range found {
		t.Error(f)
	}
	if unmarked < 2 || files == 0 || len(carve("the record", []byte(w.tidegate("conversations", "export", "--all", "--json")), canaries)) < len(canaries)-1 {
		t.Errorf("%d texts to unmarked routes, %d files of proof: the story does not hold what it should", unmarked, files)
	}
}

func (w *world) fails(f twiliofake.Fault) {
	w.t.Helper()
	if err := w.carrier.Do(within(w.t, patience), http.MethodPost, "fault", f, nil); err != nil {
		w.t.Fatal(err)
	}
}

// console signs a nurse in and reads what there is to read of a patient.
func (w *world) console(t *testing.T, phone string) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	nurse := &http.Client{Jar: jar, Timeout: patience}
	link, err := url.Parse(w.link(t, "alice"))
	if err != nil {
		t.Fatal(err)
	}
	if status, _, _ := w.fetches(nurse, http.MethodPost, "/in", "t="+url.QueryEscape(link.Query().Get("t"))); status != http.StatusOK {
		t.Fatalf("sign in: %d", status)
	}
	for _, at := range []string{"/cases", "/c/" + w.record(phone).Conversation} {
		if status, page, _ := w.fetches(nurse, http.MethodGet, at, ""); status != http.StatusOK || !strings.Contains(page, "quokkawalk") {
			t.Errorf("%s: %d, without the patient's words", at, status)
		}
	}
}

// chats is a visitor of the web chat with a red flag.
func (w *world) chats(t *testing.T, callBack, words string) {
	t.Helper()
	cmd := exec.CommandContext(within(t, patience), w.bin, "chat", "--url", "http://"+w.public+"/chat/web/", "--call-back", callBack)
	cmd.Stdin = strings.NewReader(words + "\n")
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "911") {
		t.Errorf("the chat shows %s, %v; want the safety text", out, err)
	}
}

// forges posts what nobody signed, and returns all that it was answered.
func (w *world) forges(phone string) (answers string) {
	w.t.Helper()
	form := inbound(7, phone, "bilbyforged")
	for _, headers := range []map[string]string{{"X-Twilio-Signature": "AAAA"}, {"Content-Type": "text/plain"}} {
		status, body := w.post("/hooks/main/message", form, headers)
		answers += fmt.Sprintf("%d %s\n", status, body)
	}
	return answers
}
