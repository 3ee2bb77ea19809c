package outside

import (
	"bufio"
	"bytes"
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// defect is an edit that breaks a promise, and the harness that must see it.
type defect struct {
	name, what, pkg, test string
	environ               []string
	red                   *regexp.Regexp
	diff                  string // its path
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
				d.pkg, d.test, d.environ = f[0], f[1], f[2:]
			case "Red":
				d.red = regexp.MustCompile(value)
			}
		}
		if d.what == "" || d.test == "" || d.red == nil {
			t.Fatalf("%s: want What, Harness and Red", path)
		}
		all = append(all, d)
	}
	return all
}

// TestDefects breaks a copy of the tree in one place at a time and wants the
// named harness to turn red. It takes minutes: TIDEGATE_DEFECTS=1 asks for it.
func TestDefects(t *testing.T) {
	if os.Getenv("TIDEGATE_DEFECTS") == "" {
		t.Skip("TIDEGATE_DEFECTS is not set: planting defects takes minutes")
	}
	if why := straceFault(); why != "" {
		needs(t, "strace", why)
	}
	for _, d := range defects(t) {
		t.Run(d.name, func(t *testing.T) {
			tree := copyTree(t)
			patch := exec.Command("git", "apply", "--recount", d.diff)
			patch.Dir = tree
			if out, err := patch.CombinedOutput(); err != nil {
				t.Fatalf("git apply: %v\n%s", err, out)
			}
			ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, "go", "test", "-count=1", "-timeout", "14m", "-run", "^"+d.test+"$", d.pkg)
			cmd.Dir = tree
			cmd.Env = append(append(os.Environ(), "TIDEGATE_DEFECTS="), d.environ...)
			out, err := cmd.CombinedOutput()
			if err == nil {
				t.Fatalf("%s\n%s stays green:\n%s", d.what, d.test, tail(out))
			}
			for _, line := range strings.Split(string(out), "\n") {
				if d.red.MatchString(line) {
					t.Logf("%s\n%s is red: %s", d.what, d.test, strings.TrimSpace(line))
					return
				}
			}
			t.Fatalf("%s\n%s is red, but no line of it matches %q:\n%s", d.what, d.test, d.red, tail(out))
		})
	}
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
