package seal_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/tidegate/tidegate/molt/seal"
)

// FuzzKeyFile wants any text read or refused, and a keyring that was read to be
// the same when it is written and read again.
func FuzzKeyFile(f *testing.F) {
	ring, err := seal.Draw(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	path := filepath.Join(f.TempDir(), "key")
	if err := ring.WriteFile(path); err != nil {
		f.Fatal(err)
	}
	good := readFile(f, path)
	for _, b := range [][]byte{good, bytes.Repeat(good, 2), good[:len(good)/2], []byte("# nothing\n"), nil} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		ring, err := seal.FromBytes(text)
		if err != nil {
			if !errors.Is(err, seal.ErrKey) {
				t.Errorf("refused with an error of another kind: %v", err)
			}
			return
		}
		path := filepath.Join(t.TempDir(), "key")
		if err := ring.WriteFile(path); err != nil {
			t.Fatal(err)
		}
		again, err := seal.FromBytes(readFile(t, path))
		if err != nil || again.ID() != ring.ID() {
			t.Errorf("written and read again: %v", err)
		}
	})
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
