package reload

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/tidegate/tidegate/config"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/memstore"
)

// bound is how long a test waits for what must come.
const bound = 20 * time.Second

// house is a file and what it made.
type house struct {
	t     *testing.T
	path  string
	store molt.Store
	k     *Keeper
	tried chan State
	again chan os.Signal

	mu      sync.Mutex
	inForce string // what the parts were made from
	loads   int
	refuse  error // of the next swap
}

// Words that a content may hold, and what loading it then does.
const (
	deadly = "deadly"  // a part panics
	beside = "beside " // a file that is read along
)

func (h *house) load(text []byte) (Built, []string, error) {
	h.mu.Lock()
	h.loads++
	h.mu.Unlock()
	s := string(text)
	var files []string
	if _, name, ok := strings.Cut(s, beside); ok {
		files = []string{filepath.Join(filepath.Dir(h.path), strings.TrimSpace(name))}
		persona, err := read(files[0])
		if err != nil || !bytes.HasPrefix(persona, []byte("good")) {
			return Built{}, files, config.Faults{{Field: "agent.persona", Rule: "must be a persona"}}
		}
		s += string(persona)
	}
	switch {
	case strings.Contains(s, deadly):
		panic(s)
	case !strings.HasPrefix(s, "good"):
		return Built{}, files, config.Faults{{Line: 1, Rule: "must be good"}, {Rule: "must be whole"}}
	}
	return Built{Says: "fine", Swap: func(context.Context) error {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.refuse != nil {
			return h.refuse
		}
		h.inForce = s
		return nil
	}}, files, nil
}

func (h *house) now() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.inForce
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T) *house {
	t.Helper()
	h := &house{
		t: t, path: filepath.Join(t.TempDir(), "tidegate.yaml"), store: memstore.New(), tried: make(chan State, 100),
		again: make(chan os.Signal, 1), inForce: "good 1",
	}
	h.write("good 1")
	h.begin()
	return h
}

func (h *house) begin() {
	h.t.Helper()
	text, err := os.ReadFile(h.path)
	must(h.t, err)
	h.k, err = New(Options{
		Path: h.path, Start: text, Load: h.load, Store: h.store, Again: h.again, Log: zerolog.Nop(),
		Tried: func(s State) { h.tried <- s },
	})
	must(h.t, err)
}

// run watches until the test ends.
func (h *house) run() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.k.Run(ctx) }()
	h.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			h.t.Errorf("Run: %v", err)
		}
	})
}

func (h *house) write(text string) {
	h.t.Helper()
	must(h.t, os.WriteFile(h.path, []byte(text), 0o600))
}

// next waits until something was tried.
func (h *house) next() State {
	h.t.Helper()
	select {
	case s := <-h.tried:
		return s
	case <-time.After(bound):
		h.t.Fatal("nothing was tried")
	}
	return State{}
}

// until waits until a content is in force.
func (h *house) until(want string) {
	h.t.Helper()
	for h.now() != want {
		h.next()
	}
}

// TestWhatIsWrongNeverComesInForce: whatever comes in the file's place, what was
// in force stays and the state says so; the next good content is taken.
func TestWhatIsWrongNeverComesInForce(t *testing.T) {
	for name, spoil := range map[string]func(h *house){
		"empty":          func(h *house) { h.write("") },
		"half-written":   func(h *house) { h.write("goo") },
		"only comments":  func(h *house) { h.write("# good\n") },
		"deadly":         func(h *house) { h.write("good " + deadly) },
		"gone":           func(h *house) { must(h.t, os.Remove(h.path)) },
		"a folder":       func(h *house) { must(h.t, os.Remove(h.path)); must(h.t, os.Mkdir(h.path, 0o700)) },
		"a pipe":         func(h *house) { must(h.t, os.Remove(h.path)); must(h.t, syscall.Mkfifo(h.path, 0o600)) },
		"a device":       func(h *house) { must(h.t, os.Remove(h.path)); must(h.t, os.Symlink("/dev/zero", h.path)) },
		"a dead link":    func(h *house) { must(h.t, os.Remove(h.path)); must(h.t, os.Symlink("nowhere", h.path)) },
		"a link to self": func(h *house) { must(h.t, os.Remove(h.path)); must(h.t, os.Symlink(h.path, h.path)) },
		"a bad persona":  func(h *house) { h.write("good " + beside + "none.md") },
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t)
			spoil(h)
			h.run()
			s := h.next()
			if !s.Failed() || h.now() != "good 1" || s.Digest != DigestOf([]byte("good 1")) || string(h.k.InForce()) != "good 1" {
				t.Fatalf("in force: %q, %+v", h.now(), s)
			}
			must(t, os.RemoveAll(h.path))
			h.write("good 2")
			h.until("good 2")
			if s := h.k.State(); s.Failed() {
				t.Errorf("a good content was taken, and the state says %+v", s.Faults)
			}
		})
	}
}

// TestAnEditorTruncatesAndWrites: what is half there is never in force.
func TestAnEditorTruncatesAndWrites(t *testing.T) {
	h := open(t)
	h.run()
	f, err := os.OpenFile(h.path, os.O_WRONLY|os.O_TRUNC, 0)
	must(t, err)
	for _, part := range []string{"go", "od", " 2"} {
		_, err := f.WriteString(part)
		must(t, err)
	}
	must(t, f.Close())
	h.until("good 2")
}

// TestLinksAreFollowed: as a cluster mounts its configuration, and as releases
// are switched.
func TestLinksAreFollowed(t *testing.T) {
	for name, lay := range map[string]func(t *testing.T, dir string) (path string, next func()){
		"the data folder is swapped": func(t *testing.T, dir string) (string, func()) {
			put(t, dir, "..1/tidegate.yaml", "good 1")
			put(t, dir, "..2/tidegate.yaml", "good 2")
			must(t, os.Symlink("..1", filepath.Join(dir, "..data")))
			must(t, os.Symlink("..data/tidegate.yaml", filepath.Join(dir, "tidegate.yaml")))
			return filepath.Join(dir, "tidegate.yaml"), func() { swapLink(t, "..2", filepath.Join(dir, "..data")) }
		},
		"the link is swapped": func(t *testing.T, dir string) (string, func()) {
			put(t, dir, "a/1.yaml", "good 1")
			put(t, dir, "b/2.yaml", "good 2")
			must(t, os.Symlink("a/1.yaml", filepath.Join(dir, "tidegate.yaml")))
			return filepath.Join(dir, "tidegate.yaml"), func() { swapLink(t, "b/2.yaml", filepath.Join(dir, "tidegate.yaml")) }
		},
		"a folder above is swapped": func(t *testing.T, dir string) (string, func()) {
			put(t, dir, "r1/etc/tidegate.yaml", "good 1")
			put(t, dir, "r2/etc/tidegate.yaml", "good 2")
			must(t, os.Symlink("r1", filepath.Join(dir, "current")))
			return filepath.Join(dir, "current", "etc", "tidegate.yaml"), func() { swapLink(t, "r2", filepath.Join(dir, "current")) }
		},
		"the file behind the link is written": func(t *testing.T, dir string) (string, func()) {
			put(t, dir, "far/real.yaml", "good 1")
			must(t, os.Symlink("far/real.yaml", filepath.Join(dir, "tidegate.yaml")))
			return filepath.Join(dir, "tidegate.yaml"), func() { put(t, dir, "far/real.yaml", "good 2") }
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t)
			path, next := lay(t, t.TempDir())
			h.path = path
			h.begin()
			h.run()
			h.settled()
			next()
			h.until("good 2")
		})
	}
}

// settled waits until the folders are watched: the keeper takes a signal.
func (h *house) settled() {
	h.t.Helper()
	h.again <- syscall.SIGHUP
	h.next()
}

func put(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	must(t, os.MkdirAll(filepath.Dir(path), 0o700))
	must(t, os.WriteFile(path, []byte(text), 0o600))
}

func swapLink(t *testing.T, to, path string) {
	t.Helper()
	must(t, os.Symlink(to, path+".new"))
	must(t, os.Rename(path+".new", path))
}

func TestAFileBesideIsWatched(t *testing.T) {
	h := open(t)
	dir := filepath.Dir(h.path)
	put(t, dir, "personas/p.md", "good persona")
	h.write("good 1 " + beside + "personas/p.md")
	h.begin()
	h.run()
	h.settled()
	put(t, dir, "personas/p.md", "bad persona")
	for !h.next().Failed() {
	}
	put(t, dir, "personas/p.md", "good other")
	h.until("good 1 " + beside + "personas/p.mdgood other")
}

// TestTheSameFaultsAreToldOnce, though each look tries what has faults anew.
func TestTheSameFaultsAreToldOnce(t *testing.T) {
	h := open(t)
	h.write("bad")
	for range 3 {
		h.k.look(t.Context(), false)
	}
	if len(h.tried) != 1 {
		t.Errorf("told %d times", len(h.tried))
	}
}

func TestAgainTriesWhatIsUnchanged(t *testing.T) {
	h := open(t)
	h.run()
	h.again <- syscall.SIGHUP
	if s := h.next(); s.Failed() {
		t.Errorf("%+v", s)
	}
}

func TestASwapThatIsRefusedIsAFault(t *testing.T) {
	h := open(t)
	h.refuse = errors.New("the store is broken")
	h.write("good 2")
	h.k.look(t.Context(), false)
	if s := h.k.State(); !s.Failed() || h.now() != "good 1" || string(h.k.InForce()) != "good 1" {
		t.Errorf("%+v, in force %q", s, h.now())
	}
}

func TestApply(t *testing.T) {
	h := open(t)
	must(t, os.Chmod(h.path, 0o640))
	f, err := h.k.File()
	must(t, err)
	must(t, h.k.Apply(t.Context(), "bob", []byte("good 2"), f.Digest))
	if err := h.k.Apply(t.Context(), "eve", []byte("good 3"), f.Digest); !errors.Is(err, ErrChanged) {
		t.Errorf("the second of two who edit: %v", err)
	}
	info, err := os.Stat(h.path)
	must(t, err)
	text, err := os.ReadFile(h.path)
	must(t, err)
	if string(text) != "good 2" || h.now() != "good 2" || info.Mode().Perm() != 0o640 {
		t.Errorf("the file: %q, %s; in force %q", text, info.Mode(), h.now())
	}
	f, err = h.k.File()
	must(t, err)
	for _, wrong := range []string{"", "bad", "good " + deadly} {
		if err := h.k.Apply(t.Context(), "bob", []byte(wrong), f.Digest); !errors.As(err, &config.Faults{}) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	h.refuse = errors.New("the store is broken")
	if err := h.k.Apply(t.Context(), "bob", []byte("good 4"), f.Digest); !errors.Is(err, h.refuse) {
		t.Errorf("a swap that is refused: %v", err)
	}
	text, err = os.ReadFile(h.path)
	must(t, err)
	entries, err := os.ReadDir(filepath.Dir(h.path))
	must(t, err)
	if string(text) != "good 2" || h.now() != "good 2" || len(entries) != 1 {
		t.Errorf("after applies that were refused: %q, in force %q, %d files", text, h.now(), len(entries))
	}
	v, err := h.k.History(t.Context())
	must(t, err)
	if len(v) != 1 || v[0].By != "bob" || v[0].Via != ViaConsole || string(v[0].Text) != "good 2" {
		t.Errorf("history: %+v", v)
	}
	h.k.look(t.Context(), false) // the watcher sees what the console wrote
	if v, _ := h.k.History(t.Context()); len(v) != 1 {
		t.Errorf("the same content is in the history twice: %+v", v)
	}
}

func TestApplyKeepsALink(t *testing.T) {
	h := open(t)
	dir := filepath.Dir(h.path)
	must(t, os.Rename(h.path, filepath.Join(dir, "real.yaml")))
	must(t, os.Symlink("real.yaml", h.path))
	f, err := h.k.File()
	must(t, err)
	must(t, h.k.Apply(t.Context(), "bob", []byte("good 2"), f.Digest))
	if to, err := os.Readlink(h.path); err != nil || to != "real.yaml" {
		t.Errorf("the link: %q, %v", to, err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "real.yaml"))
	if err != nil || string(text) != "good 2" {
		t.Errorf("behind the link: %q, %v", text, err)
	}
}

func TestHistoryIsBoundedAndOutlivesRestarts(t *testing.T) {
	h := open(t)
	h.k.KeepFirst(t.Context())
	for i := range MaxHistory + 5 {
		h.write("good " + strings.Repeat("x", i+1))
		h.k.look(t.Context(), false)
	}
	h.begin()
	h.k.KeepFirst(t.Context()) // what was in force before the restart is in force after it
	v, err := h.k.History(t.Context())
	must(t, err)
	if len(v) != MaxHistory || v[0].N != MaxHistory+6 || string(v[0].Text) != "good "+strings.Repeat("x", MaxHistory+5) || v[0].Via != ViaFile {
		t.Errorf("%d kept; newest %d %s %q", len(v), v[0].N, v[0].Via, v[0].Text)
	}
}

// TestWhatCannotBeKeptIsInForceAllTheSame: noise of a megabyte.
func TestWhatCannotBeKeptIsInForceAllTheSame(t *testing.T) {
	h := open(t)
	noise := make([]byte, config.MaxFile-10)
	for i, x := 0, uint32(1); i < len(noise); i++ {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		noise[i] = byte(x)
	}
	h.write("good " + string(noise))
	h.k.look(t.Context(), false)
	v, err := h.k.History(t.Context())
	must(t, err)
	if h.now() == "good 1" || len(v) != 1 || v[0].Text != nil {
		t.Errorf("%d kept", len(v))
	}
}
