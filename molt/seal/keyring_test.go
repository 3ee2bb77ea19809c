package seal_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tidegate/tidegate/molt/seal"
)

// chance is a source that gives the same bytes for the same seed.
func chance(seed byte) *mathrand.ChaCha8 { return mathrand.NewChaCha8([32]byte{seed}) }

// same tells two keyrings of one record and one tenant key.
func same(a, b *seal.Keyring) bool { return a.ID() == b.ID() && a.Mark("x") == b.Mark("x") }

func ring(t *testing.T, seed byte) *seal.Keyring {
	t.Helper()
	r, err := seal.LoadOrCreate(filepath.Join(t.TempDir(), "key"), chance(seed))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestKeyFileIsMadeOnceAndForItsOwnerOnly(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "tenant.key")
	first, err := seal.LoadOrCreate(path, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	again, err := seal.LoadOrCreate(path, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if !same(first, again) {
		t.Errorf("the second load gives another key")
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode: got %v, %v, want 0600", info.Mode(), err)
	}
	if names, _ := os.ReadDir(folder); len(names) != 1 {
		t.Errorf("files left: got %v, want the key alone", names)
	}
}

func TestKeyFileOthersMayReadIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tenant.key")
	if _, err := seal.LoadOrCreate(path, rand.Reader); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o660, 0o644, 0o601} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := seal.LoadOrCreate(path, rand.Reader)
		var fault *seal.KeyFileError
		if !errors.As(err, &fault) || !strings.Contains(fault.Hint, "chmod 600") {
			t.Errorf("mode %o: got %v, want it refused with a hint", mode, err)
		}
	}
	if _, err := seal.LoadOrCreate(t.TempDir(), rand.Reader); !errors.Is(err, seal.ErrKey) {
		t.Errorf("a folder: got %v, want it refused", err)
	}
	if _, err := seal.LoadOrCreate(filepath.Join(t.TempDir(), "no", "key"), rand.Reader); err == nil {
		t.Errorf("no folder: got no error")
	}
}

func TestManyFirstStartsAgreeOnOneKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tenant.key")
	var wg sync.WaitGroup
	rings := make([]*seal.Keyring, 16)
	for i := range rings {
		wg.Go(func() {
			var err error
			if rings[i], err = seal.LoadOrCreate(path, rand.Reader); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, r := range rings {
		if r == nil || !same(r, rings[0]) {
			t.Fatalf("two starts hold different keys")
		}
	}
}

func TestFromBytes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tenant.key")
	want, err := seal.LoadOrCreate(path, chance(1))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := bytes.Cut(text, []byte("tidegate-key-1-"))
	line := append([]byte("tidegate-key-1-"), rest...)
	for _, good := range [][]byte{text, line, bytes.TrimSpace(line), append([]byte("\r\n  "), line...)} {
		if got, err := seal.FromBytes(good); err != nil || !same(got, want) {
			t.Errorf("text of %d bytes: got %v, want the same key", len(good), err)
		}
	}
	mistyped := bytes.Clone(line)
	mistyped[40] ^= 1
	for name, bad := range map[string][]byte{
		"nothing": nil, "comments": []byte("# x\n"), "words": []byte("secret"), "cut": line[:60],
		"mistyped": mistyped, "two": append(append([]byte{}, line...), line...),
	} {
		_, err := seal.FromBytes(bad)
		if !errors.Is(err, seal.ErrKey) {
			t.Errorf("%s: got %v, want ErrKey", name, err)
		} else if len(bad) > 20 && strings.Contains(err.Error(), string(bad[20:30])) {
			t.Errorf("%s: the error shows the key: %v", name, err)
		}
	}
}

func TestKeyringPrintsNothing(t *testing.T) {
	r := ring(t, 1)
	for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%s", "%q"} {
		if got := fmt.Sprintf(verb, r); got != "[keyring]" {
			t.Errorf("%s: got %s", verb, got)
		}
	}
}

func TestIDs(t *testing.T) {
	r := ring(t, 1)
	for got, want := range map[string]string{
		string(r.Conversation("t", "twilio", "+1", "+2")): `^c_[a-z2-7]{20}$`,
		string(r.Stream("t", "slack", "U1")):              `^s_[a-z2-7]{20}$`,
		string(r.Item("c_x", "4", "0")):                   `^i_[a-z2-7]{26}$`,
		string(r.Mark("seen", "SM123")):                   `^seen:[a-z2-7]{32}$`,
	} {
		if !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("id: got %s, want %s", got, want)
		}
	}
	ids := map[string]string{}
	for name, id := range map[string]string{
		"ab,c":   string(r.Mark("x", "ab", "c")),
		"a,bc":   string(r.Mark("x", "a", "bc")),
		"abc":    string(r.Mark("x", "abc")),
		"abc,":   string(r.Mark("x", "abc", "")),
		"class":  string(r.Mark("xa", "bc"))[1:],
		"none":   string(r.Mark("x")),
		"conv":   string(r.Conversation("ab", "c")),
		"stream": string(r.Stream("ab", "c")),
		"item":   string(r.Item("ab", "c")),
		"other":  string(ring(t, 2).Mark("x", "abc")),
	} {
		_, rest, _ := strings.Cut(strings.ReplaceAll(id, "_", ":"), ":")
		if before, there := ids[rest[:20]]; there {
			t.Errorf("%s and %s make one id", name, before)
		}
		ids[rest[:20]] = name
	}
	if r.Mark("x", "a") != ring(t, 1).Mark("x", "a") {
		t.Errorf("the same key and parts make different marks")
	}
}

// TestAChangeOfTheKeyFileKilledAnywhere builds what each moment of a change of the
// key file leaves: the file reads as the old keyring or the new, and after the
// sweep no other file holds either.
func TestAChangeOfTheKeyFileKilledAnywhere(t *testing.T) {
	const fresh, old = ".tenant-key-of-tenant.key-new-7", ".tenant-key-of-tenant.key-old-7"
	for name, c := range map[string]struct {
		leaves func(t *testing.T, path string)
		next   bool
	}{
		"half written": {func(t *testing.T, path string) { rename(t, path+".next", beside(path, fresh)) }, false},
		"the old one has two names": {func(t *testing.T, path string) {
			rename(t, path+".next", beside(path, fresh))
			link(t, path, beside(path, old))
		}, false},
		"renamed": {func(t *testing.T, path string) {
			link(t, path, beside(path, old))
			rename(t, path+".next", path)
		}, true},
		"done": {func(t *testing.T, path string) { rename(t, path+".next", path) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "tenant.key")
			first, err := seal.LoadOrCreate(path, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			next, err := first.Next(rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			if err := next.WriteFile(path + ".next"); err != nil {
				t.Fatal(err)
			}
			c.leaves(t, path)
			if err := seal.SweepKeyFiles(path); err != nil {
				t.Fatal(err)
			}
			got, err := seal.LoadOrCreate(path, nil)
			if err != nil {
				t.Fatal(err)
			}
			want, earlier := first, 0
			if c.next {
				want, earlier = next, 1
			}
			if !same(got, want) || len(got.Earlier()) != earlier {
				t.Errorf("it reads as %s with %d earlier, want %s with %d", got.ID(), len(got.Earlier()), want.ID(), earlier)
			}
			if names, _ := os.ReadDir(filepath.Dir(path)); len(names) != 1 {
				t.Errorf("files left: got %v, want the key alone", names)
			}
		})
	}
}

func beside(path, name string) string { return filepath.Join(filepath.Dir(path), name) }

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Link(from, to); err != nil {
		t.Fatal(err)
	}
}

// TestAKeyOfAnotherRecordIsNoEarlierOne: its ids would differ.
func TestAKeyOfAnotherRecordIsNoEarlierOne(t *testing.T) {
	if _, err := ring(t, 1).With(ring(t, 2)); !errors.Is(err, seal.ErrOtherRecord) {
		t.Errorf("got %v, want ErrOtherRecord", err)
	}
}

// TestTheKeyOfAnotherRecordInOneFolder: a change of it that was killed leaves it a
// second name, which is not this record's to wipe.
func TestTheKeyOfAnotherRecordInOneFolder(t *testing.T) {
	for _, name := range []string{".tenant-key-old-7", ".tenant-key-of-a.key-old-7"} {
		a := filepath.Join(t.TempDir(), "a.key")
		b := beside(a, "b.key")
		first, err := seal.LoadOrCreate(a, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		ring, err := seal.LoadOrCreate(b, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		link(t, a, beside(a, name))
		if err := errors.Join(seal.SweepKeyFiles(b), ring.WriteFile(b)); err != nil {
			t.Fatal(err)
		}
		if got, err := seal.LoadOrCreate(a, nil); err != nil || !same(got, first) {
			t.Errorf("%s: the other record's key is gone: %v", name, err)
		}
	}
}

// What a change of the key left half written goes, of one record alone: no other's, no
// link's target, no folder, and nothing of the file in force but its second name.
func TestSweepKeyFilesOf(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	put := func(name string) {
		if err := os.WriteFile(at(name), []byte("a key"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"tidegate-ours-2.key", ".tenant-key-of-tidegate-ours-1.key-new-1", ".tenant-key-of-tidegate-theirs-1.key-new-1", "elsewhere"} {
		put(name)
	}
	err := errors.Join(
		os.Link(at("tidegate-ours-2.key"), at(".tenant-key-of-tidegate-ours-2.key-old-1")),
		os.Symlink(at("elsewhere"), at(".tenant-key-of-tidegate-ours-3.key-new-1")),
		os.Symlink(at("nowhere"), at(".tenant-key-of-tidegate-ours-4.key-new-1")),
		os.Mkdir(at(".tenant-key-of-tidegate-ours-5.key-new-1"), 0o700),
		seal.SweepKeyFilesOf(dir, "tidegate-ours-"),
	)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
		if b, err := os.ReadFile(at(e.Name())); !e.IsDir() && (err != nil || string(b) != "a key") {
			t.Errorf("%s holds %q, %v", e.Name(), b, err)
		}
	}
	want := []string{".tenant-key-of-tidegate-ours-5.key-new-1", ".tenant-key-of-tidegate-theirs-1.key-new-1", "elsewhere", "tidegate-ours-2.key"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
