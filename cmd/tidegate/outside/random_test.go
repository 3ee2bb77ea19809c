package outside

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/tidegate/tidegate/gateway/model/ollama/ollamatest"
)

// fewTalks is how many conversations the random model is let loose on usually;
// TIDEGATE_CONVERSATIONS says how many otherwise.
const fewTalks = 6

// TestRandomModel lets a model of random weights, in a real Ollama server, answer
// patients through the daemon. It is held to a form and to nothing else, so what
// it writes is anything at all. Every text ends as it is promised, and what reached
// a patient is what the record says passed the gate.
func TestRandomModel(t *testing.T) {
	t.Parallel()
	s := ollamatest.Start(t)
	talks := fewTalks
	if n, err := strconv.Atoi(os.Getenv("TIDEGATE_CONVERSATIONS")); err == nil && n > 0 {
		talks = n
	}
	file := filepath.Join(s.Dir, "random.gguf")
	ollamatest.RandomModel(t, file)
	s.Create("random", file)
	dir := t.TempDir()
	agent := fmt.Sprintf("{models: [ollama/random], providers: {ollama: {base_url: %q, at_once: 2, answer_tokens: 400, threads: 1}}, budget: {conversation_tokens: 0, tokens: 0}, ask_timeout: 20s, watchdog: 25s, debounce: 50ms, debounce_max: 1s}", s.Base)
	w := newWorld(t, dir, setting{profile: "calm", seed: 1, agent: agent})
	w.start()
	all := make([]*besieger, talks)
	turns := make(chan struct{}, 4)
	var wg sync.WaitGroup
	for i := range all {
		b := newBesieger(i, injection{"first", []string{
			"hi, I need an appointment", "what are your hours?", "hola, necesito una cita", "can you refill my prescription?", "my chest hurts and I can't breathe",
		}[i%5]})
		all[i] = b
		turns <- struct{}{}
		wg.Add(1)
		go func() {
			defer func() { <-turns; wg.Done() }()
			p := &phone{w: w, ctx: within(t, 4*patience), number: b.phone, b: b}
			if err := p.says(b.words + " (" + b.mark + ")"); err != nil {
				t.Errorf("%s: %v", b.words, err)
			}
		}()
	}
	wg.Wait()
	w.idle(within(t, patience))
	files := w.exported()
	j := siegeJudge{patients: all, entries: w.ledger(), secrets: []string{token, alice, carmen, bob}}
	for _, wrong := range append(j.verdict(), ungated(files, j.entries, all)...) {
		t.Error(wrong)
	}
	ends, asked, failed := map[string]int{}, 0, 0
	for _, f := range files {
		for _, in := range f.Inbound {
			ends[in.Ended.How+" "+in.Ended.Reason]++
			if in.Ended.How == "waiting" || in.Ended.How == "undecided" {
				t.Errorf("conversation %s: a text is left hanging", f.Conversation)
			}
		}
		for _, e := range f.Journal {
			if e.Kind == "replied" {
				asked++
			}
			if e.Kind == "decided" && strings.Contains(string(e.Body), `"reason":"ask_again"`) {
				failed++
			}
		}
	}
	t.Logf("%d conversations, %d answers of the model, %d of them refused; how the texts ended: %v", talks, asked, failed, ends)
	if asked < talks/2 {
		t.Error("the model was hardly asked: it was no adversary")
	}
}

// talk is an exported conversation, as far as this test reads it.
type talk struct {
	Conversation string
	Inbound      []struct {
		Ended struct{ How, Reason string }
	}
	Outbound []struct {
		From, Peer, Words, Person string
	}
	Journal []struct {
		Kind string
		Body json.RawMessage
	}
}

// exported is the record of all patients' conversations.
func (w *world) exported() (out []talk) {
	w.t.Helper()
	for line := range strings.Lines(w.tidegate("conversations", "export", "--all", "--json")) {
		var f talk
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			w.t.Fatal(err)
		}
		if strings.HasPrefix(f.Conversation, "c_") {
			out = append(out, f)
		}
	}
	return out
}

// ungated names each text in the carrier's ledger that no decision of the record
// let out: what a model wrote leaves by the gate alone.
func ungated(files []talk, entries []entry, all []*besieger) (wrong []string) {
	let := map[string]bool{}
	for _, f := range files {
		for _, o := range f.Outbound {
			if o.Person == "" {
				let[o.Peer+" "+o.Words] = true
			}
		}
	}
	patients := map[string]bool{}
	for _, b := range all {
		patients[b.phone] = true
	}
	for _, e := range entries {
		if e.Kind == kindHandset && patients[e.To] && !let[e.To+" "+e.Body] {
			wrong = append(wrong, fmt.Sprintf("no decision let this text out: %q", e.Body))
		}
	}
	return wrong
}
