package screen

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// out is one output line, read without assuming which kind it is.
type out map[string]json.RawMessage

func (o out) str(k string) string {
	var s string
	if json.Unmarshal(o[k], &s) != nil {
		return string(o[k])
	}
	return s
}

func run(t *testing.T, in string) (lines []out, erred bool) {
	t.Helper()
	var b bytes.Buffer
	erred, err := mustNew(t).Run(strings.NewReader(in), &b)
	if err != nil {
		t.Fatalf("run: %v", err)
	}
	for l := range strings.Lines(b.String()) {
		var o out
		if err := json.Unmarshal([]byte(l), &o); err != nil {
			t.Fatalf("output line %q: %v", l, err)
		}
		lines = append(lines, o)
	}
	return lines, erred
}

func one(t *testing.T, in string) out {
	t.Helper()
	lines, _ := run(t, in+"\n")
	if len(lines) != 1 {
		t.Fatalf("got %d lines for %q, want 1", len(lines), in)
	}
	return lines[0]
}

func TestRunReadsLines(t *testing.T) {
	for _, c := range []struct{ name, in, id, escalate string }{
		{"plain", "my chest hurts", "1", "now"},
		{"blank", "", "1", "no"},
		{"spaces", "   ", "1", "no"},
		{"invalid UTF-8", "\xff\xfe chest pain", "1", "now"},
		{"invalid UTF-8 in braces", "{\"text\":\"chest pain \xff\"}", "1", "now"},
		{"template", "{{x}}", "1", "no"},
		{"template with words", "{{chest pain}}", "1", "now"},
		{"JSON", `{"id":"a7","text":"my chest hurts"}`, "a7", "now"},
		{"JSON without id", `{"text":"my chest hurts"}`, "1", "now"},
		{"JSON with a null id", `{"id":null,"text":"hello"}`, "1", "no"},
		{"JSON with a number as id", `{"id":12,"text":"hello"}`, "12", "no"},
		{"JSON of something else", `{"body":"my chest hurts"}`, "1", "now"},
		{"JSON array", `["my chest hurts"]`, "1", "now"},
		{"broken JSON", `{"text":"my chest hurts"`, "1", "now"},
		{"another case of the key", `{"Text":"hello"}`, "1", "no"},
		{"empty text", `{"text":""}`, "1", "no"},
		{"null text", `{"text":null}`, "1", "no"},
		{"link alone", "https://example.org/a", "1", "no"},
		{"language is a hint", `{"text":"me duele el pecho","lang":"en"}`, "1", "now"},
		{"a hint of another kind", `{"text":"hello","lang":3}`, "1", "no"},
		{"carriage return", "my chest hurts\r", "1", "now"},
		{"escaped line end", `{"text":"hello\nmy chest hurts"}`, "1", "now"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := one(t, c.in)
			if o.str("id") != c.id || o.str("escalate") != c.escalate {
				t.Errorf("got id %s escalate %s, want %s %s: %q", o["id"], o["escalate"], c.id, c.escalate, c.in)
			}
			for _, k := range []string{"id", "escalate", "severity", "category", "rules", "quotes"} {
				if len(o[k]) == 0 || string(o[k]) == "null" {
					t.Errorf("got no %s in %v, want every key: %q", k, o, c.in)
				}
			}
		})
	}
}

func TestRunKeepsOrderAndCountsLines(t *testing.T) {
	lines, erred := run(t, "hello\n\n{\"id\":\"x\",\"text\":\"thanks\"}\nlast without an end")
	if erred || len(lines) != 4 {
		t.Fatalf("got %d lines, erred %v; want 4, false", len(lines), erred)
	}
	for i, want := range []string{"1", "2", "x", "4"} {
		if got := lines[i].str("id"); got != want {
			t.Errorf("line %d: got id %s, want %s", i+1, got, want)
		}
	}
	if lines, _ := run(t, ""); len(lines) != 0 {
		t.Errorf("got %d lines of no input, want 0", len(lines))
	}
}

func TestRunRefusesALongLineAndReadsOn(t *testing.T) {
	long := strings.Repeat("x", maxLine)
	lines, erred := run(t, long+"\n"+long+"x\nmy chest hurts\n"+long+"yy")
	if !erred || len(lines) != 4 {
		t.Fatalf("got %d lines, erred %v; want 4, true", len(lines), erred)
	}
	if lines[0]["error"] != nil {
		t.Errorf("got %s for a line of exactly the limit, want a verdict", lines[0]["error"])
	}
	for _, i := range []int{1, 3} {
		if lines[i].str("error") == "" || len(lines[i]) != 2 {
			t.Errorf("line %d: got %v, want id and error alone", i+1, lines[i])
		}
	}
	if lines[1].str("id") != "2" || lines[2].str("escalate") != "now" {
		t.Errorf("got %v then %v, want an error for 2 and the next line judged", lines[1], lines[2])
	}
}

func TestRunRefusesBadFields(t *testing.T) {
	for _, in := range []string{
		`{"id":"a","turns":[{"from":"robot","text":"hi"}]}`,
		`{"id":"a","turns":[{"text":"hi"}]}`,
		`{"id":"a","turns":"hi"}`,
		`{"id":"a","text":5}`,
	} {
		lines, erred := run(t, in+"\nhello\n")
		if !erred || len(lines) != 2 || lines[0].str("id") != "a" || lines[0].str("error") == "" {
			t.Errorf("got %v erred %v, want an error line for a: %s", lines, erred, in)
		}
	}
}

func TestRunQuotesRawBytes(t *testing.T) {
	text := "¡Ay! Sí, 💔 me duele el  PECHO mucho"
	b, _ := json.Marshal(map[string]string{"text": text})
	o := one(t, string(b))
	var qs []Quote
	if err := json.Unmarshal(o["quotes"], &qs); err != nil || len(qs) == 0 {
		t.Fatalf("got quotes %s (%v), want at least one", o["quotes"], err)
	}
	for _, q := range qs {
		if text[q.Start:q.End] != q.Text {
			t.Errorf("got %q at [%d:%d], want %q", q.Text, q.Start, q.End, text[q.Start:q.End])
		}
	}
}

func TestRunTurns(t *testing.T) {
	for _, c := range []struct{ name, turns, escalate, at string }{
		{"no turns", `[]`, "no", "null"},
		{"routine", `[{"from":"patient","text":"hi"},{"from":"agent","text":"How can I help?"},{"from":"patient","text":"book me please"}]`, "no", "null"},
		{"first of the level", `[{"from":"patient","text":"hello"},{"from":"patient","text":"my chest hurts"},{"from":"patient","text":"my chest hurts"}]`, "now", "2"},
		{"highest level, not first flag", `[{"from":"patient","text":"vomiting for two days"},{"from":"agent","text":"ok"},{"from":"patient","text":"i want to die"}]`, "now", "3"},
		{"only patients fire", `[{"from":"nurse","text":"call 911 if your chest hurts"},{"from":"agent","text":"chest pain is an emergency"},{"from":"patient","text":"thank you"}]`, "no", "null"},
		{"answer", `[{"from":"agent","text":"Any chest pain or trouble breathing?"},{"from":"patient","text":"yes"}]`, "now", "2"},
		{"answer in Spanish", `[{"from":"agent","text":"¿Tiene dolor en el pecho?"},{"from":"patient","text":"Sí"}]`, "now", "2"},
		{"answer by number", `[{"from":"agent","text":"Do you have chest pain? Reply 1 or 2"},{"from":"patient","text":"1"}]`, "now", "2"},
		{"denial", `[{"from":"agent","text":"Any chest pain?"},{"from":"patient","text":"no"}]`, "no", "null"},
		{"unsafe", `[{"from":"nurse","text":"Do you feel safe at home?"},{"from":"patient","text":"no"}]`, "now", "2"},
		{"harmless question", `[{"from":"agent","text":"Confirm Tuesday at 3? If this is an emergency call 911."},{"from":"patient","text":"yes"}]`, "no", "null"},
		{"only the latest question binds", `[{"from":"agent","text":"Any chest pain?"},{"from":"agent","text":"Is Tuesday fine?"},{"from":"patient","text":"yes"}]`, "no", "null"},
		{"ten minutes", `[{"from":"agent","text":"Any chest pain?","t":0},{"from":"patient","text":"yes","t":600}]`, "now", "2"},
		{"after ten minutes", `[{"from":"agent","text":"Any chest pain?","t":0},{"from":"patient","text":"yes","t":601}]`, "no", "null"},
		{"fragments", `[{"from":"patient","text":"i cant"},{"from":"patient","text":"breathe"}]`, "now", "2"},
		{"fragments across a turn", `[{"from":"patient","text":"my chest"},{"from":"agent","text":"Yes?"},{"from":"patient","text":"hurts bad"}]`, "now", "3"},
		{"fragments too far apart", `[{"from":"patient","text":"my chest","t":0},{"from":"patient","text":"hurts","t":61}]`, "no", "null"},
		{"fragments in the wrong order", `[{"from":"patient","text":"breathe","t":30},{"from":"patient","text":"i cant","t":29}]`, "now", "2"},
		{"null text", `[{"from":"patient","text":null},{"from":"patient"}]`, "no", "null"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := one(t, `{"id":"d","turns":`+c.turns+`}`)
			if o.str("escalate") != c.escalate || string(o["at"]) != c.at {
				t.Errorf("got %s at %s rules %s, want %s at %s", o["escalate"], o["at"], o["rules"], c.escalate, c.at)
			}
		})
	}
}

func TestRunNamesTheTurnOfEvidence(t *testing.T) {
	o := one(t, `{"turns":[{"from":"patient","text":"hi"},{"from":"nurse","text":"Is there chest pain?"},{"from":"patient","text":"yes"}]}`)
	var qs []Quote
	if err := json.Unmarshal(o["quotes"], &qs); err != nil || len(qs) == 0 {
		t.Fatalf("got quotes %s (%v), want one", o["quotes"], err)
	}
	if qs[0].Turn != 2 || qs[0].Text != "chest pain" {
		t.Errorf("got %+v, want chest pain of turn 2", qs[0])
	}
}

// A program that speaks with the verb line by line must get each answer before
// it sends the next line, also when a part of the next line is already there.
func TestRunFlushesWhenInputPauses(t *testing.T) {
	s := mustNew(t)
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	done := make(chan error)
	go func() { // ends when inW is closed
		_, err := s.Run(inR, outW)
		outW.Close()
		done <- err
	}()
	answers := bufio.NewScanner(outR)
	for _, in := range []string{"my chest hurts\nhel", "lo\n", "thanks\n"} {
		if _, err := io.WriteString(inW, in); err != nil {
			t.Fatal(err)
		}
		if !answers.Scan() {
			t.Fatalf("got no answer after %q: %v", in, answers.Err())
		}
	}
	inW.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestRunSurvivesSlowAndBrokenStreams(t *testing.T) {
	s := mustNew(t)
	var b bytes.Buffer
	if erred, err := s.Run(iotest.OneByteReader(strings.NewReader("my chest hurts\nok\n")), &b); erred || err != nil {
		t.Fatalf("got erred %v, %v; want false, nil", erred, err)
	}
	if n := strings.Count(b.String(), "\n"); n != 2 {
		t.Errorf("got %d lines, want 2", n)
	}
	broken := errors.New("broken")
	if _, err := s.Run(iotest.ErrReader(broken), io.Discard); !errors.Is(err, broken) {
		t.Errorf("got %v, want the reader's error", err)
	}
}

func FuzzRun(f *testing.F) {
	f.Add([]byte("hello\n{{x}}\n{\"text\":\"a\"}\n"))
	f.Add([]byte("{\"turns\":[{\"from\":\"patient\",\"text\":\"si\",\"t\":1e300}]}"))
	f.Add([]byte("\xff\n\n\r\n{\"id\":{},\"text\":\"\\ud800\"}"))
	s := mustNew(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		var b bytes.Buffer
		if _, err := s.Run(bytes.NewReader(in), &b); err != nil {
			t.Fatal(err)
		}
		want := bytes.Count(in, []byte("\n"))
		if len(in) > 0 && in[len(in)-1] != '\n' {
			want++
		}
		if got := bytes.Count(b.Bytes(), []byte("\n")); got != want {
			t.Errorf("got %d output lines, want %d", got, want)
		}
	})
}
