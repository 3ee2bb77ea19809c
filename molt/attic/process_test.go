package attic_test

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/attic"
	"github.com/tidegate/tidegate/molt/boltstore"
	"github.com/tidegate/tidegate/molt/seal"
)

const childFolder = "TIDEGATE_TEST_ATTIC"

// content is the n-th file that the child keeps.
func content(n int) []byte { return bytes.Repeat([]byte(fmt.Sprint(n, " ")), 20_000) }

// data is a data folder with one conversation that has its key on the disk.
func data(t *testing.T, dir string) (*boltstore.Store, *attic.Attic) {
	t.Helper()
	ring, err := seal.LoadOrCreate(filepath.Join(dir, "tenant.key"), rand.Reader)
	must(t, err)
	store, err := boltstore.Open(boltstore.Options{Path: filepath.Join(dir, "tidegate.db")})
	must(t, err)
	l, err := store.Load(t.Context(), one, 0)
	must(t, err)
	if len(l.Keys) == 0 {
		box, err := seal.NewBox(ring, one, nil, rand.Reader)
		must(t, err)
		_, _, err = box.Seal(november, "inbound", nil)
		must(t, err)
		_, err = store.Commit(t.Context(), molt.Batch{Conversation: one, Expect: molt.Expect{AnySeq: true}, Keys: box.Fresh()})
		must(t, err)
	}
	a, err := attic.Open(attic.Options{Folder: filepath.Join(dir, "media"), Store: store, Ring: ring, Random: rand.Reader})
	must(t, err)
	return store, a
}

// TestChild is not a test: it is the process that TestKilled kills.
func TestChild(t *testing.T) {
	dir := os.Getenv(childFolder)
	if dir == "" {
		t.Skip("it runs as the child of TestKilled only")
	}
	_, a := data(t, dir)
	for worker := range 4 {
		go func() { // ends when the process is killed
			for n := worker; ; n += 4 {
				r, err := a.Keep(t.Context(), one, november, content(n))
				if err != nil {
					fmt.Fprintf(os.Stdout, "error %v\n", err)
					return
				}
				fmt.Fprintf(os.Stdout, "kept %d %s %s\n", n, r.Name, r.Key)
			}
		}()
	}
	select {}
}

// TestKilled kills a process that keeps files, between any two of its steps, and
// wants every file that it told of to be there and whole, and no half to stay.
func TestKilled(t *testing.T) {
	for round := range 4 {
		dir := t.TempDir()
		kept := killed(t, dir, 5*(round+1))
		store, a := data(t, dir)
		for n, r := range kept {
			if got, err := a.Read(t.Context(), one, r); err != nil || !bytes.Equal(got, content(n)) {
				t.Errorf("round %d: file %d was kept and reads as %d bytes, %v", round, n, len(got), err)
			}
		}
		entries, err := os.ReadDir(filepath.Join(dir, "media"))
		must(t, err)
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), "f_") {
				t.Errorf("round %d: %s stays behind", round, e.Name())
			} else if _, err := a.Read(t.Context(), one, attic.Ref{Name: e.Name(), Key: keyOf(t, store)}); err != nil {
				t.Errorf("round %d: a file has its name and is not whole: %v", round, err)
			}
		}
		must(t, store.Close())
	}
}

// keyOf is the one data key of the child's conversation.
func keyOf(t *testing.T, store *boltstore.Store) molt.KeyID {
	t.Helper()
	l, err := store.Load(t.Context(), one, 0)
	must(t, err)
	return l.Keys[0].ID
}

// killed runs the child until it has told of n files, and kills it.
func killed(t *testing.T, dir string, n int) map[int]attic.Ref {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^TestChild$", "-test.v")
	child.Env = append(os.Environ(), childFolder+"="+dir)
	pipe, err := child.StdoutPipe()
	must(t, err)
	must(t, child.Start())
	kept := map[int]attic.Ref{}
	for lines := bufio.NewScanner(pipe); lines.Scan(); {
		var i int
		var r attic.Ref
		if got, _ := fmt.Sscanf(lines.Text(), "kept %d %s %s", &i, &r.Name, &r.Key); got == 3 {
			kept[i] = r
		} else if strings.HasPrefix(lines.Text(), "error") {
			t.Errorf("child: %s", lines.Text())
		}
		if len(kept) == n {
			_ = child.Process.Kill()
		}
	}
	_ = child.Wait()
	if len(kept) < n {
		t.Fatalf("the child told of %d files only", len(kept))
	}
	return kept
}
