package outside

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/tidegate/tidegate/channels/twilio/twiliofake"
)

var basePattern = regexp.MustCompile(`curl -s (http://[0-9.:]+)/_fake/text`)

// demonstration is a running `demo` and its carrier.
type demonstration struct {
	*process
	folder, public, base string
	stderr               string
	carrier              twiliofake.Client
}

// demonstrate waits until the demonstration says what to do next.
func demonstrate(t *testing.T, cmd *exec.Cmd, dir string) *demonstration {
	t.Helper()
	err := filepath.Join(t.TempDir(), "stderr")
	d := &demonstration{process: start(t, cmd, err), stderr: err, folder: filepath.Join(dir, "tidegate-data")}
	d.public = strings.TrimPrefix(d.field("public"), "http://")
	for ctx := within(t, patience); d.base == ""; {
		said, _ := os.ReadFile(err)
		if m := basePattern.FindSubmatch(said); m != nil {
			d.base = string(m[1])
		}
		if ctx.Err() != nil {
			t.Fatalf("it never said what to do next:\n%s", said)
		}
	}
	d.carrier = control(t, d.folder, d.base)
	return d
}

// answers sends a text from a phone and wants the greeting back.
func (d *demonstration) answers(phone string) {
	d.t.Helper()
	ctx := within(d.t, patience)
	if _, err := d.carrier.Text(ctx, twiliofake.Text{From: phone, To: "+15550100101", Body: "hi, I need an appointment"}); err != nil {
		d.t.Fatal(err)
	}
	got, err := d.carrier.Phone(ctx, phone, 0)
	if err != nil || !strings.Contains(got[0].Body, "Harbor Clinic") {
		d.t.Fatalf("%s got %v, %v; want the greeting", phone, got, err)
	}
}

// gone wants neither the daemon nor the carrier to listen any more.
func (d *demonstration) gone() {
	d.t.Helper()
	refused(d.t, d.public)
	refused(d.t, strings.TrimPrefix(d.base, "http://"))
}

func inFolder(dir string, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	return cmd
}

func TestDemoIsStoppedByItsPidAndUsedAgain(t *testing.T) {
	bin, dir := program(t), t.TempDir()
	taken := occupy(t, 8080)
	d := demonstrate(t, inFolder(dir, bin, "demo"), dir)
	if d.public == taken {
		t.Errorf("public=%s is another's port", d.public)
	}
	if pid := fmt.Sprint(d.cmd.Process.Pid); d.field("pid") != pid {
		t.Errorf("ready line names pid %q, want %s: %s", d.field("pid"), pid, d.first)
	}
	d.answers("+12125550142")
	if code, _ := get(t, d.field("private")+"/readyz"); code != 200 {
		t.Errorf("/readyz answered %d", code)
	}
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := d.exits(); code != 0 {
		t.Errorf("SIGTERM: exit %d, want 0", code)
	}
	d.gone()

	again := demonstrate(t, inFolder(dir, bin, "demo"), dir)
	again.answers("+12125550143")
	if got, err := again.carrier.PhoneNow(within(t, patience), "+12125550142", 0); err != nil || len(got) != 1 {
		t.Errorf("the first patient's phone holds %d texts (%v), want the greeting of the first run alone", len(got), err)
	}
}

// occupy takes a port, unless somebody has it already.
func occupy(t *testing.T, port int) string {
	t.Helper()
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	if l, err := net.Listen("tcp", addr); err == nil {
		t.Cleanup(func() { _ = l.Close() })
	}
	return addr
}

func TestDemoHeldFolder(t *testing.T) {
	t.Parallel()
	bin, dir := program(t), t.TempDir()
	d := demonstrate(t, inFolder(dir, bin, "demo"), dir)
	config, err := os.ReadFile(filepath.Join(d.folder, "demo.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"demo"}, {"demo", "--play"}, {"serve", "--config", filepath.Join(d.folder, "demo.yaml")}} {
		t.Run(strings.Join(args[:1], " "), func(t *testing.T) {
			cmd := exec.CommandContext(within(t, patience), bin, args...)
			cmd.Dir = dir
			out, _ := cmd.CombinedOutput()
			if code := cmd.ProcessState.ExitCode(); code != 3 {
				t.Errorf("exit %d, want 3", code)
			}
			if want := "held by pid " + d.field("pid"); !strings.Contains(string(out), want) {
				t.Errorf("said %q, want %q in it", out, want)
			}
		})
	}
	if now, err := os.ReadFile(filepath.Join(d.folder, "demo.yaml")); err != nil || !bytes.Equal(now, config) {
		t.Errorf("the running demonstration's configuration was changed (%v)", err)
	}
	d.answers("+12125550144")
}

func TestDemoThroughGoRun(t *testing.T) {
	program(t) // so that what go run links is in the cache
	dir := t.TempDir()
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	version, err := exec.Command("go", "env", "GOVERSION").Output()
	if err != nil {
		t.Fatal(err)
	}
	work := fmt.Sprintf("go %s\n\nuse %s\n", strings.TrimPrefix(strings.TrimSpace(string(version)), "go"), root)
	if err := os.WriteFile(filepath.Join(dir, "go.work"), []byte(work), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := goRunDemo(dir)
	d := demonstrate(t, cmd, dir)
	d.answers("+12125550145")
	// Ctrl-C reaches the whole group of the terminal. The go command makes its
	// own exit code of it; what the program's was, it says when that is not 0.
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	d.exits()
	if said, err := os.ReadFile(d.stderr); err != nil || strings.Contains(string(said), "exit status") {
		t.Errorf("Ctrl-C through go run: want exit 0 of the program (%v)\n%s", err, tail(said))
	}
	d.gone()

	cmd = goRunDemo(dir)
	d = demonstrate(t, cmd, dir)
	pid, err := strconv.Atoi(d.field("pid"))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := d.exits(); code != 0 {
		t.Errorf("SIGTERM to the printed pid: go run exits %d, want 0", code)
	}
	d.gone()
}

// goRunDemo runs the demonstration from source, in a group of its own.
func goRunDemo(dir string) *exec.Cmd {
	cmd := inFolder(dir, "go", "run", "-trimpath", "github.com/tidegate/tidegate/cmd/tidegate", "demo")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK="+filepath.Join(dir, "go.work"), "GOFLAGS=")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// play runs the story and returns what it printed.
func play(ctx context.Context, bin, dir string, more ...string) (out string, code int) {
	cmd := exec.CommandContext(ctx, bin, append([]string{"demo", "--play"}, more...)...)
	cmd.Dir = dir
	b, _ := cmd.CombinedOutput()
	return string(b), cmd.ProcessState.ExitCode()
}

func TestPlayTwiceInOneFolder(t *testing.T) {
	t.Parallel()
	bin, dir := program(t), t.TempDir()
	for range 2 {
		out, code := play(within(t, 2*patience), bin, dir)
		if code != 0 || !strings.Contains(out, "Every step happened") {
			t.Fatalf("exit %d\n%s", code, out)
		}
		if strings.Contains(out, `{"level"`) {
			t.Errorf("the daemon's log is on the terminal:\n%s", out)
		}
	}
}

// TestPlayWithAModel tells the story with each kind of stand-in model, in less
// than a minute each. The play itself judges by the carrier's ledger: the
// emergency, and that nobody is left hanging.
func TestPlayWithAModel(t *testing.T) {
	bin := program(t)
	for _, mode := range []string{"ok", "hang", "garbage", "silent", "obedient", "none"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			out, code := play(within(t, 2*patience), bin, t.TempDir(), "--model="+mode)
			if code != 0 || !strings.Contains(out, "Every step happened") {
				t.Fatalf("exit %d\n%s", code, out)
			}
		})
	}
}

func TestPlayWithNoSuchModel(t *testing.T) {
	out, code := play(within(t, patience), program(t), t.TempDir(), "--model=wise")
	if code != 2 || !strings.Contains(out, "obedient") {
		t.Errorf("exit %d, want 2 and what there is\n%s", code, out)
	}
}

// A play that is cut down leaves nothing behind that holds the folder.
func TestPlayCutDown(t *testing.T) {
	bin, dir := program(t), t.TempDir()
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGKILL} {
		p := start(t, inFolder(dir, bin, "demo", "--play"), filepath.Join(dir, "stderr"))
		if err := p.cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		if code := p.exits(); code == 0 {
			t.Errorf("%s: exit 0 though the story was cut down", sig)
		}
		d := demonstrate(t, inFolder(dir, bin, "demo"), dir)
		if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if code := d.exits(); code != 0 {
			said, _ := os.ReadFile(d.stderr)
			t.Errorf("a demonstration after %s: exit %d, want 0\n%s", sig, code, said)
		}
	}
}

// The step that cannot happen is named, and so are those after it.
func TestPlayNamesWhatDidNotHappen(t *testing.T) {
	bin, dir := program(t), t.TempDir()
	p := start(t, inFolder(dir, bin, "demo", "--play"), filepath.Join(dir, "stderr"))
	daemon := daemonOf(t, p)
	if err := syscall.Kill(daemon, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if code := p.exits(); code != 1 {
		t.Errorf("exit %d, want 1", code)
	}
	said, err := os.ReadFile(filepath.Join(dir, "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []string{"kill -9", "claim", "hand-back", "the record"} {
		if !strings.Contains(string(said), fmt.Sprintf("%q", step)) {
			t.Errorf("%q is not named:\n%s", step, said)
		}
	}
}

// daemonOf finds the daemon that a play started, by its parent.
func daemonOf(t *testing.T, p *process) int {
	t.Helper()
	mine := fmt.Sprint(p.cmd.Process.Pid)
	for ctx := within(t, patience); ctx.Err() == nil; {
		found, err := filepath.Glob("/proc/[0-9]*/stat")
		if err != nil || len(found) == 0 {
			needs(t, "proc", "a child is found by /proc, which is not here")
		}
		for _, path := range found {
			stat, _ := os.ReadFile(path)
			line, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
			fields := strings.Fields(string(stat))
			if len(fields) > 3 && fields[3] == mine && strings.Contains(string(line), "\x00serve\x00") {
				var pid int
				if _, err := fmt.Sscan(fields[0], &pid); err == nil {
					return pid
				}
			}
		}
	}
	t.Fatal("the play started no daemon")
	return 0
}
