// Package storytest tells stories: files of commands in blocks, each block
// followed by a line of dashes and what its commands do. They are the tests of
// the pure cores, read by people and rewritten with -update.
package storytest

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Update says that stories are to be rewritten; read the diff.
var Update = flag.Bool("update", false, "rewrite the stories in testdata")

// Tell tells the files of testdata. begin makes a fresh world and returns what
// runs one line in it.
func Tell(t *testing.T, begin func(*testing.T) func(line string) string) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			Compare(t, f, want, tell(string(want), begin(t)))
		})
	}
}

// Compare holds what a file says against what is so now.
func Compare(t *testing.T, file string, want, got []byte) {
	t.Helper()
	if bytes.Equal(got, want) {
		return
	}
	if *Update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("%s is told otherwise now:\n%s", file, firstDifference(string(want), string(got)))
}

// tell runs a story and returns it as it went.
func tell(text string, run func(line string) string) []byte {
	var out bytes.Buffer
	for block := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n\n") {
		if out.Len() > 0 {
			out.WriteByte('\n')
		}
		answer, commands := "", false
		for line := range strings.SplitSeq(block, "\n") {
			if line == "----" {
				break
			}
			fmt.Fprintln(&out, line)
			if line != "" && !strings.HasPrefix(line, "#") {
				commands = true
				answer += run(line)
			}
		}
		if commands {
			fmt.Fprintf(&out, "----\n%s", answer)
		}
	}
	return out.Bytes()
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		var a, b string
		if i < len(w) {
			a = w[i]
		}
		if i < len(g) {
			b = g[i]
		}
		if a != b {
			return fmt.Sprintf("line %d\n want %q\n  got %q", i+1, a, b)
		}
	}
	return ""
}
