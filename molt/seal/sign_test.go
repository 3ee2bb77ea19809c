package seal

import (
	"bytes"
	"crypto/rand"
	"path/filepath"
	"testing"
)

func TestSign(t *testing.T) {
	ring := func(name string) *Keyring {
		t.Helper()
		k, err := LoadOrCreate(filepath.Join(t.TempDir(), name), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	k, other := ring("a"), ring("b")
	by, err := k.Verifier()
	if err != nil {
		t.Fatal(err)
	}
	its, err := other.Verifier()
	if err != nil || bytes.Equal(by, its) {
		t.Fatalf("two keyrings sign with one key, %v", err)
	}
	sig, err := k.Sign("head", []byte("statement"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		got, want bool
	}{
		"as it was signed": {Signed(by, "head", []byte("statement"), sig), true},
		"another's key":    {Signed(its, "head", []byte("statement"), sig), false},
		"no key":           {Signed(nil, "head", []byte("statement"), sig), false},
		"other words":      {Signed(by, "head", []byte("Statement"), sig), false},
		"another purpose":  {Signed(by, "heads", []byte("tatement"), sig), false},
		"moved border":     {Signed(by, "hea", []byte("dstatement"), sig), false},
		"a cut signature":  {Signed(by, "head", []byte("statement"), sig[:63]), false},
	} {
		if c.got != c.want {
			t.Errorf("%s: signed %v, want %v", name, c.got, c.want)
		}
	}
}
