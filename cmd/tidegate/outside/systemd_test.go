package outside

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestServiceManager listens where a service manager does: the daemon says that it
// is ready once its doors are open, that it lives as long as it commits, and that
// it stops.
func TestServiceManager(t *testing.T) {
	w := newWorld(t, t.TempDir(), setting{profile: "calm", seed: 1, backfill: "{enabled: false}"})
	at := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: at, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	t.Setenv("NOTIFY_SOCKET", at)
	t.Setenv("WATCHDOG_USEC", strconv.Itoa(400_000))
	w.start()
	hears := func() string {
		t.Helper()
		b := make([]byte, 100)
		if err := l.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		n, err := l.Read(b)
		if err != nil {
			t.Fatalf("the daemon says nothing: %v", err)
		}
		return string(b[:n])
	}
	ready := false
	for lives := 0; lives < 3; {
		switch said := hears(); said {
		case "READY=1":
			ready = true
			if status, _ := get(t, "http://"+w.private+"/readyz"); status != 200 {
				t.Errorf("it said that it is ready, and /readyz says %d", status)
			}
		case "WATCHDOG=1":
			lives++
		default:
			t.Errorf("it said %q", said)
		}
	}
	if !ready {
		t.Error("it never said that it is ready")
	}
	if err := syscall.Kill(w.pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for hears() != "STOPPING=1" {
	}
	if code := w.daemon.exits(); code != 0 {
		t.Errorf("it ended with %d", code)
	}
}

// TestUnit has systemd itself read the unit that is shipped, and say how much of
// the machine the service could reach.
func TestUnit(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		needs(t, "systemd", "systemd-analyze reads the unit; it is not here")
	}
	unit, err := os.ReadFile("../../../config/tidegate.service")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "tidegate.service")
	if err := os.WriteFile(path, bytes.ReplaceAll(unit, []byte("/usr/local/bin/tidegate "), []byte(program(t)+" ")), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(within(t, patience), "systemd-analyze", "verify", path).CombinedOutput(); err != nil || len(bytes.TrimSpace(out)) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	out, err := exec.CommandContext(within(t, patience), "systemd-analyze", "security", "--offline=true", path).CombinedOutput()
	m := regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+)`).FindSubmatch(out)
	if err != nil || m == nil {
		t.Fatalf("systemd-analyze security: %v\n%s", err, out)
	}
	if level, _ := strconv.ParseFloat(string(m[1]), 64); level > 2 {
		t.Errorf("exposure level %s, want 2 or less", m[1])
	}
	// The command of the unit is one that the program takes.
	exec1 := regexp.MustCompile(`(?m)^ExecStart=(.*)$`).FindStringSubmatch(string(unit))
	args := slices.Concat(strings.Fields(exec1[1])[1:], []string{"--help"})
	if out, err := exec.CommandContext(within(t, patience), program(t), args...).CombinedOutput(); err != nil || !strings.Contains(string(out), "Runs the daemon") {
		t.Errorf("%v: %v\n%s", args, err, out)
	}
}
