// Package ollamatest runs a real Ollama server for tests, with models that it
// writes itself: no weights of anybody else's are needed. It owns the process and
// its folder, and knows nothing of what is asked.
package ollamatest

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Binary finds the server: TIDEGATE_OLLAMA, the PATH, or Go's own bin folder. A
// test that needs one is skipped without, or fails where TIDEGATE_TEST_REQUIRE
// names ollama.
func Binary(t *testing.T) string {
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

// patience bounds every wait for the server.
const patience = 60 * time.Second

// Server is a running Ollama server with a folder of its own.
type Server struct {
	Base string // its address
	Dir  string // where models can be written

	t    *testing.T
	bin  string
	cmd  *exec.Cmd
	env  []string
	kill sync.Once
}

// Start runs a server until the test ends.
func Start(t *testing.T) *Server {
	t.Helper()
	s := &Server{t: t, bin: Binary(t), Dir: t.TempDir()}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	s.Base = "http://" + addr
	s.env = append(os.Environ(), "OLLAMA_HOST="+addr, "OLLAMA_MODELS="+s.Dir+"/models", "HOME="+s.Dir)
	log, err := os.Create(filepath.Join(s.Dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	s.cmd = exec.Command(s.bin, "serve")
	s.cmd.Env, s.cmd.Stdout, s.cmd.Stderr = s.env, log, log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // its runners are of its group
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	for ctx := within(t); !s.up(ctx); {
		if ctx.Err() != nil {
			said, _ := os.ReadFile(filepath.Join(s.Dir, "log"))
			t.Fatalf("the server is not up:\n%s", said)
		}
	}
	return s
}

func (s *Server) up(ctx context.Context) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Base+"/api/version", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// Kill ends the server and its runners, which would outlive it.
func (s *Server) Kill() {
	s.kill.Do(func() {
		_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
		_ = s.cmd.Wait()
	})
}

// Create puts a model file under a name.
func (s *Server) Create(name, file string) {
	s.t.Helper()
	path := filepath.Join(s.Dir, name+".modelfile")
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

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}
