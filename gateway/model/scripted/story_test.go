package scripted

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/molt"
)

var update = flag.Bool("update", false, "rewrite the stories' answers")

// token is the word by which a model keeps silent. It is put together here so
// that it stands nowhere in this package.
var token = strings.Join([]string{"NO", "REPLY"}, "_")

// TestStories plays whole conversations. In a story a line that begins with
//
//	"> "        is a text of the patient, answered at once
//	"+ "        is a text of the patient that waits for the next one
//	"file> "    is a text of the patient with a file
//	"nurse> "   is a nurse's text to the patient
//	"note> "    is a fixed text of the gateway
//	"handback> " is the note with which a nurse returns the conversation
//	"reask> "   asks for the last answer again, with the reason
//	"ask"       asks the agent to speak without a new text
//	"days> "    lets days pass
//	"set> "     changes the clinic or the persona
//
// and everything below it up to the next such line is the answer.
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	flow := mustFlow(t)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, flow, want)
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if d := cmp.Diff(string(want), string(got)); d != "" {
				t.Errorf("story differs (-want +got):\n%s", d)
			}
		})
	}
}

// world is what a core would keep for the flow.
type world struct {
	t    testing.TB
	flow *Flow
	r    model.Request
	seq  uint64
	last model.Request
}

func mustFlow(t testing.TB) *Flow {
	t.Helper()
	f, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func newWorld(t testing.TB, f *Flow) *world {
	now := molt.TimeOf(time.Date(2026, 11, 9, 15, 0, 0, 0, time.UTC))
	return &world{t: t, flow: f, r: model.Request{
		Persona: model.Persona{
			Name:      "intake",
			Collect:   []string{model.FactName, model.FactDOB, model.FactReason, model.FactInsurance, model.FactTime},
			Languages: []string{"en", "es"},
		},
		Clinic: model.Clinic{Name: "Riverside Clinic", Hours: "Mon-Fri 8am-5pm", Phone: "555-0100", Emergency: "911", OpenNow: true},
		Now:    now,
		First:  true,
	}}
}

func (w *world) write(from, words string, media int) {
	w.seq++
	w.r.Now = w.r.Now.Add(time.Minute)
	words = strings.ReplaceAll(words, "{{token}}", token)
	w.r.Window = append(w.r.Window, model.Message{From: from, Words: molt.Words(words), At: w.r.Now, Seq: w.seq, Media: media})
	w.r.Window = w.r.Window[max(0, len(w.r.Window)-20):]
	if from == model.FromPatient {
		w.r.New++
	}
}

// ask asks the flow and keeps what a core would keep of the answer.
func (w *world) ask() model.Answer {
	w.last = w.r
	a, err := w.flow.Ask(context.Background(), w.r)
	if err != nil {
		w.t.Fatalf("Ask: %v", err)
	}
	valid(w.t, w.r, a)
	w.keep(a)
	return a
}

func (w *world) keep(a model.Answer) {
	w.r.New, w.r.Reask = 0, ""
	w.r.Question = a.Question
	w.r.Ledger = append(w.r.Ledger, a.Facts...)
	if a.Lang != "" {
		w.r.Lang = a.Lang
	}
	if a.Text != "" {
		w.write(model.FromAgent, a.Text.Reveal(), 0)
		w.r.First = false
	} else if a.Kind == model.KindEscalate {
		w.write(model.FromNote, "a nurse was asked to take over", 0)
	}
}

func play(t *testing.T, f *Flow, story []byte) []byte {
	w := newWorld(t, f)
	var out bytes.Buffer
	sc := bufio.NewScanner(bytes.NewReader(story))
	for sc.Scan() {
		line := sc.Text()
		cmd, arg, _ := strings.Cut(line, "> ")
		switch {
		case strings.HasPrefix(line, "#"), line == "":
			fmt.Fprintln(&out, line)
			continue
		case strings.HasPrefix(line, "> "):
			w.write(model.FromPatient, arg, 0)
		case strings.HasPrefix(line, "+ "):
			w.write(model.FromPatient, line[2:], 0)
			fmt.Fprintln(&out, line)
			continue
		case cmd == "file":
			w.write(model.FromPatient, strings.TrimSpace(arg), 1)
		case cmd == "reask":
			w.r = w.last
			w.r.Reask = arg
		case line == "ask":
		case w.tell(cmd, arg):
			fmt.Fprintln(&out, line)
			continue
		default:
			continue // an answer of an earlier run
		}
		fmt.Fprintln(&out, line)
		show(&out, w.ask())
	}
	return out.Bytes()
}

// tell does what no answer follows.
func (w *world) tell(cmd, arg string) bool {
	switch cmd {
	case "nurse":
		w.write(model.FromNurse, arg, 0)
		w.r.New = 0
	case "handback":
		w.r.HandBack = arg
		w.write(model.FromNote, "returned to the agent", 0)
	case "note":
		w.write(model.FromNote, arg, 0)
	case "days":
		var n int
		_, _ = fmt.Sscan(arg, &n)
		w.r.Now = w.r.Now.Add(time.Duration(n) * 24 * time.Hour)
	case "set":
		key, value, _ := strings.Cut(arg, " ")
		switch key {
		case "closed":
			w.r.Clinic.OpenNow = false
		case "address":
			w.r.Clinic.Address = value
		case "collect":
			w.r.Persona.Collect = strings.Fields(value)
		case "languages":
			w.r.Persona.Languages = strings.Fields(value)
		default:
			w.t.Fatalf("unknown setting %q", key)
		}
	default:
		return false
	}
	return true
}

func show(w *bytes.Buffer, a model.Answer) {
	var out strings.Builder
	defer func() { w.WriteString(strings.ReplaceAll(out.String(), token, "{{token}}")) }()
	fmt.Fprintf(&out, "    %s", a.Kind)
	for _, f := range []struct{ k, v string }{
		{"silence", a.Silence}, {"severity", a.Severity}, {"reason", a.Reason}, {"question", a.Question}, {"lang", a.Lang},
	} {
		if f.v != "" && (f.k != "reason" || a.Kind != model.KindReply) {
			fmt.Fprintf(&out, " %s=%s", f.k, f.v)
		}
	}
	if a.Done {
		fmt.Fprint(&out, " done")
	}
	fmt.Fprintln(&out)
	for _, f := range a.Facts {
		fmt.Fprintf(&out, "    fact %s=%q from %d\n", f.Name, f.Value, f.Source)
	}
	if a.Text != "" {
		septets := len([]rune(a.Text.Reveal()))
		fmt.Fprintf(&out, "    %q (%d)\n", a.Text.Reveal(), septets)
	}
}

// valid is what must hold for every answer of the flow.
func valid(t testing.TB, r model.Request, a model.Answer) {
	t.Helper()
	text := a.Text.Reveal()
	switch a.Kind {
	case model.KindReply:
		if strings.TrimSpace(text) == "" {
			t.Errorf("reply is empty (question %q)", r.Question)
		}
	case model.KindSilent:
		if text != "" || a.Silence == "" {
			t.Errorf("silent answer has text %q, silence %q", text, a.Silence)
		}
	case model.KindEscalate:
		if a.Reason == "" || a.Severity == "" || (a.Severity != model.S4 && text != "") || (a.Severity == model.S4 && text == "") {
			t.Errorf("escalation %s (%s) has text %q", a.Severity, a.Reason, text)
		}
	default:
		t.Errorf("kind %q", a.Kind)
	}
	if n := utf8.RuneCountInString(text); n > r.Persona.ReplyLimit() {
		t.Errorf("text has %d characters, want at most %d", n, r.Persona.ReplyLimit())
	}
	if !utf8.ValidString(text) || strings.Contains(text, "{") || strings.Contains(strings.ToUpper(text), token) {
		t.Errorf("text is not fit to send: %q", text)
	}
	for _, f := range a.Facts {
		if f.Value == "" || !utf8.ValidString(f.Value) || utf8.RuneCountInString(f.Value) > maxValueRunes {
			t.Errorf("fact %s has value %q", f.Name, f.Value)
		}
		if !fromPatient(r, f.Source) {
			t.Errorf("fact %s comes from %d, which is no message of the patient", f.Name, f.Source)
		}
	}
}

func fromPatient(r model.Request, seq uint64) bool {
	for _, m := range r.Window {
		if m.Seq == seq {
			return m.From == model.FromPatient
		}
	}
	return false
}
