package outside

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// defect is an edit that breaks a promise, and the harnesses that must see it.
type defect struct {
	name, what string
	diff       string // its path
	harnesses  []harness
}

// harness is a test that turns red, and a line of it that says why.
type harness struct {
	pkg, test string
	environ   []string
	red       *regexp.Regexp
}

// defects reads testdata/defects.
func defects(t *testing.T) []defect {
	t.Helper()
	paths, err := filepath.Glob("testdata/defects/*.diff")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no defects: %v", err)
	}
	var all []defect
	for _, path := range paths {
		d := defect{name: strings.TrimSuffix(filepath.Base(path), ".diff")}
		if d.diff, err = filepath.Abs(path); err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for lines := bufio.NewScanner(bytes.NewReader(raw)); lines.Scan(); {
			key, value, _ := strings.Cut(lines.Text(), ": ")
			switch key {
			case "What":
				d.what = value
			case "Harness":
				f := strings.Fields(value)
				d.harnesses = append(d.harnesses, harness{pkg: f[0], test: f[1], environ: f[2:]})
			case "Red":
				d.harnesses[len(d.harnesses)-1].red = regexp.MustCompile(value)
			}
		}
		if d.what == "" || len(d.harnesses) == 0 || slices.ContainsFunc(d.harnesses, func(h harness) bool { return h.red == nil }) {
			t.Fatalf("%s: want What, and Red after each Harness", path)
		}
		all = append(all, d)
	}
	return all
}

// TestDefects breaks a copy of the tree in one place at a time and wants each
// named harness to turn red. It takes minutes: TIDEGATE_DEFECTS=1 asks for all of
// it; a package instead, as ./gateway/sim, for the harnesses there; and
// commit:HASH for the three that fall to a commit, over worlds that do too.
func TestDefects(t *testing.T) {
	asked := os.Getenv("TIDEGATE_DEFECTS")
	if asked == "" {
		t.Skip("TIDEGATE_DEFECTS is not set: planting defects takes minutes")
	}
	if why := straceFault(); why != "" && asked == "1" { // those of a commit need none
		needs(t, "strace", why)
	}
	all := defects(t)
	if hash, ok := strings.CutPrefix(asked, "commit:"); ok {
		all, asked = drawn(all, hash), "1"
	}
	for _, d := range all {
		t.Run(d.name, func(t *testing.T) {
			h := slices.DeleteFunc(slices.Clone(d.harnesses), func(h harness) bool { return asked != "1" && h.pkg != asked })
			if len(h) == 0 {
				t.Skip("no harness of it lies in", asked)
			}
			tree := copyTree(t)
			patch := exec.Command("git", "apply", "--recount", d.diff)
			patch.Dir = tree
			if out, err := patch.CombinedOutput(); err != nil {
				t.Fatalf("git apply: %v\n%s", err, out)
			}
			for _, h := range h {
				h.turnsRed(t, tree, d.what)
			}
		})
	}
}

// Limits of what falls to a commit.
const (
	defectsDrawn = 3
	mostWorlds   = 500  // that a defect may need by its own word to be drawn
	drawnWorlds  = 2000 // that it is given instead, all of them unseen
)

// drawn chooses by a commit's hash. Only those are in the draw that a test inside
// the tree sees soon; a simulator begins at a seed that is the commit's too.
func drawn(all []defect, hash string) []defect {
	number := func(s string) uint64 {
		sum := sha256.Sum256([]byte(hash + " " + s))
		return binary.BigEndian.Uint64(sum[:]) >> 1
	}
	var soon []defect
	for _, d := range all {
		i := slices.IndexFunc(d.harnesses, func(h harness) bool { return h.pkg != "./cmd/tidegate/outside" && h.worlds() <= mostWorlds })
		if i < 0 {
			continue
		}
		h := d.harnesses[i]
		if h.worlds() > 0 {
			h.environ = []string{fmt.Sprintf("TIDEGATE_SEEDS=%d", drawnWorlds), fmt.Sprintf("TIDEGATE_FROM=%d", number("worlds"))}
		}
		d.harnesses = []harness{h}
		soon = append(soon, d)
	}
	slices.SortFunc(soon, func(a, b defect) int { return cmp.Compare(number(a.name), number(b.name)) })
	return soon[:defectsDrawn]
}

// worlds is how many a simulator is asked for; 0: it is none.
func (h harness) worlds() (n int) {
	for _, v := range h.environ {
		if s, ok := strings.CutPrefix(v, "TIDEGATE_SEEDS="); ok {
			n, _ = strconv.Atoi(s)
		}
	}
	return n
}

// TestDrawIsWide: over some commits every defect that can be drawn is.
func TestDrawIsWide(t *testing.T) {
	all, seen := defects(t), map[string]bool{}
	for n := range 200 {
		three := drawn(all, fmt.Sprint(n))
		for _, d := range three {
			seen[d.name] = true
		}
		if again := drawn(all, fmt.Sprint(n)); again[0].name != three[0].name || three[0].name == three[1].name {
			t.Errorf("commit %d draws %s, then %s", n, three[0].name, again[0].name)
		}
	}
	if len(seen) < 15 {
		t.Errorf("200 commits draw only %d defects", len(seen))
	}
}

// turnsRed runs a harness in a broken tree.
func (h harness) turnsRed(t *testing.T, tree, what string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "test", "-count=1", "-timeout", "14m", "-run", "^"+h.test+"$", h.pkg)
	cmd.Dir = tree
	cmd.Env = append(append(os.Environ(), "TIDEGATE_DEFECTS="), h.environ...)
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Errorf("%s\n%s stays green:\n%s", what, h.test, tail(out))
		return
	}
	for _, line := range strings.Split(string(out), "\n") {
		if h.red.MatchString(line) {
			t.Logf("%s\n%s is red: %s", what, h.test, strings.TrimSpace(line))
			return
		}
	}
	t.Errorf("%s\n%s is red, but no line of it matches %q:\n%s", what, h.test, h.red, tail(out))
}

// TestDefectsApply wants each defect to fit the tree as it is.
func TestDefectsApply(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		needs(t, "git", "git applies the defects; it is not here")
	}
	tree := copyTree(t)
	for _, d := range defects(t) {
		cmd := exec.Command("git", "apply", "--check", "--recount", d.diff)
		cmd.Dir = tree
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", d.name, err, out)
		}
	}
}

// copyTree copies the module without what is hidden in it.
func copyTree(t *testing.T) string {
	t.Helper()
	to := t.TempDir()
	from, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		rel, relErr := filepath.Rel(from, path)
		switch {
		case err != nil:
			return err
		case relErr != nil:
			return relErr
		case d.IsDir() && rel != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "tidegate-data"):
			return fs.SkipDir
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		case !d.Type().IsRegular():
			return nil
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), raw, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}
