// Package outside holds tests that judge the built program from outside: its
// processes, its doors, its folder, and the ledger of the carrier's process,
// which it cannot write to. They know nothing of the program's inside.
//
// The kill loop at full length, and each promise broken on purpose:
//
//	TIDEGATE_KILLS=300 go test ./cmd/tidegate/outside -run KillLoop -timeout 0 -v -args -progress
//	TIDEGATE_DEFECTS=1 go test ./cmd/tidegate/outside -run TestDefects -timeout 0 -v
package outside

import (
	"bufio"
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
	"syscall"
	"testing"
	"time"

	"github.com/tidegate/tidegate/channels/twilio/twiliofake"
)

// patience bounds every wait for a process that works as it should.
const patience = 30 * time.Second

// built is the program, built once for all tests of a run.
var built struct {
	once sync.Once
	dir  string
	err  error
}

// handedOut are the addresses given to tests of this run.
var handedOut sync.Map

func TestMain(m *testing.M) {
	code := m.Run()
	if built.dir != "" {
		_ = os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// needs skips a test that cannot run here, or fails it where that is asked for.
func needs(t *testing.T, what, why string) {
	t.Helper()
	if required(what) {
		t.Fatalf("TIDEGATE_TEST_REQUIRE names %s: %s", what, why)
	}
	t.Skipf("%s: %s", what, why)
}

// required reports whether a test may not do without it.
func required(what string) bool {
	return slices.Contains(strings.Split(os.Getenv("TIDEGATE_TEST_REQUIRE"), ","), what)
}

// program builds the binary as it is shipped.
func program(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		needs(t, "go", "the go command builds the program; it is not here")
	}
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "tidegate-built-"); built.err != nil {
			return
		}
		cmd := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(built.dir, "tidegate"), "github.com/tidegate/tidegate/cmd/tidegate")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("%w\n%s", err, out)
		}
	})
	if built.err != nil {
		t.Fatalf("go build: %v", built.err)
	}
	return filepath.Join(built.dir, "tidegate")
}

// process is a started program.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	in    io.WriteCloser
	first string        // the first line it printed
	ended chan struct{} // closed once it has
}

// start starts a program whose standard error goes to a file, and waits for its
// first line. It is killed when the test ends, if it still runs.
func start(t *testing.T, cmd *exec.Cmd, stderr string) *process {
	t.Helper()
	p, err := begin(t, cmd, stderr)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func begin(t *testing.T, cmd *exec.Cmd, stderr string) (*process, error) {
	log, err := os.OpenFile(stderr, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd.Stderr = log
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{t: t, cmd: cmd, in: in, ended: make(chan struct{})}
	t.Cleanup(func() { p.kill() })
	line := make(chan string, 1)
	go func() {
		defer close(p.ended)
		r := bufio.NewReader(out)
		s, _ := r.ReadString('\n')
		line <- strings.TrimSpace(s)
		_, _ = io.Copy(io.Discard, r)
		_ = cmd.Wait()
	}()
	select {
	case p.first = <-line:
	case <-time.After(patience):
	}
	if p.first == "" {
		p.kill()
		said, _ := os.ReadFile(stderr)
		return nil, fmt.Errorf("%v printed nothing and ended with %v:\n%s", cmd.Args, cmd.ProcessState, tail(said))
	}
	return p, nil
}

// tail is the end of a log.
func tail(b []byte) string {
	const most = 4000
	if len(b) > most {
		b = b[len(b)-most:]
	}
	return string(b)
}

// kill ends the process by its pid, whatever it is doing.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
	_ = p.in.Close()
}

// exits waits for the end and returns the exit code.
func (p *process) exits() int {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.t.Fatalf("%v did not end within %s", p.cmd.Args, patience)
	}
	return p.cmd.ProcessState.ExitCode()
}

// field finds name=value in the first line.
func (p *process) field(name string) string {
	for _, f := range strings.Fields(p.first) {
		if value, ok := strings.CutPrefix(f, name+"="); ok {
			return value
		}
	}
	return ""
}

// within is a context for one wait.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// refused waits until nobody listens at an address any more.
func refused(t *testing.T, addr string) {
	t.Helper()
	for ctx := within(t, patience); ; {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
		if ctx.Err() != nil {
			t.Fatalf("somebody still listens at %s", addr)
		}
		if errors.Is(err, syscall.ECONNREFUSED) {
			return
		}
		if err == nil {
			_, _ = io.Copy(io.Discard, c) // until the other side is gone
			_ = c.Close()
		}
	}
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(within(t, patience), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return a.StatusCode, string(b)
}

// control drives the carrier of a demonstration's folder.
func control(t *testing.T, folder, base string) twiliofake.Client {
	t.Helper()
	token, err := os.ReadFile(filepath.Join(folder, "carrier.control"))
	if err != nil {
		t.Fatal(err)
	}
	return twiliofake.Client{Base: base, Token: strings.TrimSpace(string(token))}
}
