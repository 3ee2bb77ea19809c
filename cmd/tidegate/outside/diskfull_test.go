package outside

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// mostTexts bounds the texts that fill a small disk.
const mostTexts = 400

// TestDiskWithoutRoom gives the store room for so much and no more: by a limit on the
// size of a file, which cuts writes short, and by a small file system. Red flags
// come until one is not answered 2xx. Given room again, each that was is paged.
func TestDiskWithoutRoom(t *testing.T) {
	t.Parallel()
	t.Run("a limit on the file", func(t *testing.T) {
		if _, err := exec.LookPath("prlimit"); err != nil {
			needs(t, "prlimit", "it limits the size of files; it is not here")
		}
		w := newWorld(t, t.TempDir(), setting{profile: "calm", seed: 1, backfill: "{enabled: false}"})
		w.start() // the file takes its first size
		w.stop()
		info, err := os.Stat(w.path("data/tidegate.db"))
		if err != nil {
			t.Fatal(err)
		}
		// Inside what the file has already a write past the limit is cut short.
		limit := fmt.Sprintf("--fsize=%d", min(info.Size(), 256<<10)+2048)
		w.fills(func() error { return w.run("prlimit", limit) }, func() {})
	})
	t.Run("a small file system", func(t *testing.T) {
		w := newWorld(t, t.TempDir(), setting{profile: "calm", seed: 1, backfill: "{enabled: false}"})
		mount(t, w.path("data"), "-t", "tmpfs", "-o", "size=384k", "tmpfs")
		w.fills(func() error { return w.run() }, func() {
			if out, err := exec.Command("mount", "-o", "remount,size=64m", w.path("data")).CombinedOutput(); err != nil {
				t.Fatalf("remount: %v %s", err, out)
			}
		})
	})
}

// fills starts the daemon without much room, sends red flags until it takes no
// more, gives it room, and holds what it took against what was paged.
func (w *world) fills(start func() error, room func()) {
	t := w.t
	if err := start(); err != nil {
		t.Fatalf("no room to start at all: %v", err)
	}
	begun, taken, refused := w.end(), []int(nil), -1
	for n := range mostTexts {
		from := fmt.Sprintf("+1%d55501%02d", 212+n/100, n%100)
		if status := w.tries(n, from); status/100 == 2 {
			taken = append(taken, n)
			continue
		} else if status != 0 && status != http.StatusServiceUnavailable && status != http.StatusInternalServerError {
			t.Errorf("text %d is answered %d", n, status)
		}
		refused = n
		break
	}
	if refused < 0 || len(taken) == 0 {
		t.Fatalf("%d texts are taken, and the disk is not full", len(taken))
	}
	w.kill()
	if log := string(w.log()); strings.Contains(log, "panic:") || strings.Contains(log, "fatal error:") || strings.Contains(log, "SIGXFSZ") {
		t.Errorf("no sentence about the disk:\n%s", tail(w.log()))
	}
	room()
	w.start()
	if status := w.tries(refused, fmt.Sprintf("+1%d55501%02d", 212+refused/100, refused%100)); status/100 != 2 {
		t.Errorf("with room again the text is answered %d\n%s", status, tail(w.log()))
	}
	for _, n := range append(taken, refused) {
		w.gets(begun, alice, marked(n))
	}
	t.Logf("%d red flags were answered 2xx on a full disk's way, and all are paged", len(taken))
	w.stop()
}

// mount mounts onto a new folder until the test ends.
func mount(t *testing.T, folder string, args ...string) {
	t.Helper()
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", append(args, folder)...).CombinedOutput(); err != nil {
		needs(t, "mount", fmt.Sprintf("nothing may be mounted here: %v %s", err, strings.TrimSpace(string(out))))
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", "-l", folder).CombinedOutput(); err != nil {
			t.Errorf("umount: %v %s", err, out)
		}
	})
}

// TestReadOnlyFolder: on a file system that takes no writes the daemon does not
// start, and says why.
func TestReadOnlyFolder(t *testing.T) {
	w := newWorld(t, t.TempDir(), setting{profile: "calm", seed: 1, backfill: "{enabled: false}"})
	w.start()
	w.stop()
	mount(t, w.path("data"), "--bind", w.path("data"))
	if out, err := exec.Command("mount", "-o", "remount,ro,bind", w.path("data")).CombinedOutput(); err != nil {
		needs(t, "mount", fmt.Sprintf("a bind mount cannot be made read-only here: %v %s", err, strings.TrimSpace(string(out))))
	}
	err := w.run()
	if err == nil {
		t.Fatal("it started on a folder that takes no writes")
	}
	if log := string(w.log()); !strings.Contains(log, "read-only") || strings.Contains(log, "panic:") {
		t.Errorf("no sentence about it:\n%s", tail(w.log()))
	}
}
