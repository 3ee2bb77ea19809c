package ollama

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/molt"
)

// These tests run a real Ollama server, where its binary is: TIDEGATE_OLLAMA, the
// PATH, or Go's own bin folder.

// serverBinary finds the server, or skips.
func serverBinary(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("TIDEGATE_OLLAMA"); path != "" {
		return path
	}
	if path, err := exec.LookPath("ollama"); err == nil {
		return path
	}
	if out, err := exec.Command("go", "env", "GOBIN", "GOPATH").Output(); err == nil {
		dirs := strings.Split(strings.TrimRight(string(out), "\n"), "\n")
		for _, path := range []string{filepath.Join(dirs[0], "ollama"), filepath.Join(dirs[len(dirs)-1], "bin", "ollama")} {
			if _, err := os.Stat(path); err == nil {
				return path
			}
		}
	}
	const why = "ollama: a real server runs the tests' own models; its binary is not here (go install github.com/ollama/ollama@v0.17.4 with cgo)"
	if slices.Contains(strings.Split(os.Getenv("TIDEGATE_TEST_REQUIRE"), ","), "ollama") {
		t.Fatal("TIDEGATE_TEST_REQUIRE names " + why)
	}
	t.Skip(why)
	return ""
}

const template = `{{- range .Messages }}<|im_start|>{{ .Role }} {{ .Content }}<|im_end|>{{ end }}<|im_start|>assistant<|go|>`

// server is a running Ollama server with a folder of its own.
type server struct {
	t    *testing.T
	bin  string
	dir  string
	base string
	cmd  *exec.Cmd
	env  []string
	kill sync.Once
}

// patience bounds every wait for the server.
const patience = 60 * time.Second

func startServer(t *testing.T) *server {
	t.Helper()
	s := &server{t: t, bin: serverBinary(t), dir: t.TempDir()}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	s.base = "http://" + addr
	s.env = append(os.Environ(), "OLLAMA_HOST="+addr, "OLLAMA_MODELS="+s.dir+"/models", "HOME="+s.dir)
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	s.cmd = exec.Command(s.bin, "serve")
	s.cmd.Env, s.cmd.Stdout, s.cmd.Stderr = s.env, log, log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.end)
	m := s.model("none")
	for ctx := within(t); ; {
		if _, err := m.client.Version(ctx); err == nil {
			return s
		}
		if ctx.Err() != nil {
			said, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			t.Fatalf("the server is not up:\n%s", said)
		}
	}
}

// end kills the server by its pid; its runners end with it.
func (s *server) end() {
	s.kill.Do(func() {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
	})
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// create puts a model file under a name.
func (s *server) create(name, file string) {
	s.t.Helper()
	path := filepath.Join(s.dir, name+".modelfile")
	lines := "FROM " + file + "\nTEMPLATE \"\"\"" + template + "\"\"\"\nPARAMETER stop <|im_end|>\n"
	if err := os.WriteFile(path, []byte(lines), 0o600); err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.CommandContext(within(s.t), s.bin, "create", name, "-f", path)
	cmd.Env = s.env
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("create %s: %v\n%s", name, err, out)
	}
}

func (s *server) model(name string, more ...func(*Options)) *Model {
	s.t.Helper()
	o := Options{Name: "ollama/" + name, Model: name, BaseURL: s.base, Threads: 1, AnswerTokens: 64}
	for _, m := range more {
		m(&o)
	}
	m, err := New(o)
	if err != nil {
		s.t.Fatal(err)
	}
	return m
}

// said is a request whose newest text is that.
func said(words string) model.Request {
	r := request()
	r.Window[1].Words = molt.Words(words)
	return r
}

// wholeScript is an answer in the form that is asked for.
func wholeScript(action, text, facts, question string) []string {
	return []string{
		`{"action":"` + action + `","text":"` + text + `",`,
		`"reason":"","severity":"","facts":[` + facts + `],"question":"` + question + `","lang":"en","done":false}`,
	}
}

func (s *server) scripts(name string) string {
	path := filepath.Join(s.dir, name+".gguf")
	scriptedModel(s.t, path, []script{
		{"", wholeScript("silent", "", "", ""), false},
		{"zebra", wholeScript("reply", "When were you born?", `{"name":"name","value":"`+name+`","source":5}`, "dob"), false},
		{"giraffe", []string{`{"action":"reply","text":"`, "la ", "lo "}, true},
	})
	return path
}

func TestRealServer(t *testing.T) {
	s := startServer(t)
	s.create("scripted", s.scripts("Ana"))
	t.Run("a reply in the form that was asked for", func(t *testing.T) {
		a, err := s.model("scripted").Ask(within(t), said("it is zebra"))
		if err != nil {
			t.Fatal(err)
		}
		if a.Kind != model.KindReply || a.Text != "When were you born?" || a.Question != "dob" || len(a.Facts) != 1 || a.Facts[0].Value != "Ana" {
			t.Errorf("got %+v, text %q", a, a.Text.Reveal())
		}
		if len(a.Digest) != 64 || a.TokensIn < 1000 || a.TokensOut == 0 {
			t.Errorf("digest %q, %d tokens in, %d out", a.Digest, a.TokensIn, a.TokensOut)
		}
	})
	t.Run("silence", func(t *testing.T) {
		if a, err := s.model("scripted").Ask(within(t), said("ok")); err != nil || a.Kind != model.KindSilent {
			t.Errorf("got %q, %v", a.Kind, err)
		}
	})
	t.Run("an answer that does not end", func(t *testing.T) {
		r := said("giraffe")
		r.Persona.ReplyChars = 1600
		_, err := s.model("scripted").Ask(within(t), r)
		if !errors.Is(err, model.ErrBadAnswer) || !strings.Contains(err.Error(), "cut at 64") {
			t.Errorf("got %v, want that it was cut", err)
		}
	})
	t.Run("a prompt that does not fit is refused", func(t *testing.T) {
		r := said(strings.Repeat("zebra and more ", 300))
		_, err := s.model("scripted", func(o *Options) { o.Context = 2048 }).Ask(within(t), r)
		if !errors.Is(err, model.ErrBadAnswer) || !strings.Contains(err.Error(), "longer than the model's context") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("no such model", func(t *testing.T) {
		_, err := s.model("missing").Ask(within(t), said("zebra"))
		if !errors.Is(err, model.ErrSetup) || !strings.Contains(err.Error(), "ollama pull missing") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("another model under the tag", func(t *testing.T) {
		m := s.model("scripted")
		before, err := m.Ask(within(t), said("zebra"))
		if err != nil {
			t.Fatal(err)
		}
		s.create("scripted", s.scripts("Ben"))
		after, err := m.Ask(within(t), said("zebra"))
		if err != nil {
			t.Fatal(err)
		}
		if before.Digest == after.Digest || after.Facts[0].Value != "Ben" {
			t.Errorf("digest %s then %s, fact %q: the record does not tell them apart", before.Digest, after.Digest, after.Facts[0].Value)
		}
	})
	t.Run("what the doctor asks", func(t *testing.T) {
		if say, err := s.model("scripted").Examine(within(t)); err != nil || !strings.Contains(say, "has it") {
			t.Errorf("got %q, %v", say, err)
		}
	})
}

// A model of random weights, held to the form, is an adversary of its own: each
// of its answers is one, or none, and never something else.
func TestRealServerRandomModel(t *testing.T) {
	s := startServer(t)
	path := filepath.Join(s.dir, "random.gguf")
	randomModel(t, path)
	s.create("random", path)
	m := s.model("random", func(o *Options) { o.AnswerTokens = 400 })
	kinds := map[string]int{}
	for i := range 10 {
		r := said(fmt.Sprintf("hello %d, I need an appointment", i))
		a, err := m.Ask(within(t), r)
		switch {
		case err == nil && slices.Contains([]model.Kind{model.KindReply, model.KindSilent, model.KindEscalate}, a.Kind):
			kinds[string(a.Kind)]++
		case errors.Is(err, model.ErrBadAnswer):
			kinds["none"]++
		default:
			t.Errorf("got %q, %v", a.Kind, err)
		}
	}
	t.Logf("its answers: %v", kinds)
}

// snapping kills the server as soon as the first of an answer is there.
type snapping struct{ s *server }

func (x snapping) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err == nil && strings.HasSuffix(r.URL.Path, "/api/chat") {
		resp.Body = &snapped{ReadCloser: resp.Body, s: x.s}
	}
	return resp, err
}

type snapped struct {
	io.ReadCloser
	s *server
}

func (b *snapped) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.s.end()
	return n, err
}

func TestRealServerKilledInTheMiddle(t *testing.T) {
	s := startServer(t)
	s.create("scripted", s.scripts("Ana"))
	r := said("giraffe")
	r.Persona.ReplyChars = 1600
	m := s.model("scripted", func(o *Options) { o.AnswerTokens, o.Transport = 4000, snapping{s} })
	if _, err := m.Ask(within(t), r); !errors.Is(err, model.ErrUnavailable) {
		t.Errorf("got %v, want that it is unavailable", err)
	}
}
