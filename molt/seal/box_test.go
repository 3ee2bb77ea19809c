package seal_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/seal"
)

var (
	november = molt.TimeOf(time.Date(2026, 11, 30, 23, 59, 59, 0, time.UTC))
	december = november.Add(time.Second)
)

func box(t testing.TB, r *seal.Keyring, c molt.ConversationID, wrapped []molt.WrappedKey, random io.Reader) *seal.Box {
	t.Helper()
	b, err := seal.NewBox(r, c, wrapped, random)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func sealed(t testing.TB, b *seal.Box, at molt.Time, kind, plain string) (molt.KeyID, []byte) {
	t.Helper()
	id, bytes, err := b.Seal(at, kind, []byte(plain))
	if err != nil {
		t.Fatal(err)
	}
	return id, bytes
}

func TestWhatIsSealedOpensAfterReloading(t *testing.T) {
	r := ring(t, 1)
	b := box(t, r, "c_one", nil, chance(9))
	id, secret := sealed(t, b, november, "inbound", "chest pain")
	if bytes.Contains(secret, []byte("chest")) {
		t.Errorf("the sealed bytes show the plain ones")
	}
	later := box(t, r, "c_one", b.Fresh(), chance(10))
	for _, b := range []*seal.Box{b, later} {
		if got, err := b.Open("inbound", id, secret); err != nil || string(got) != "chest pain" {
			t.Errorf("open: got %q, %v", got, err)
		}
	}
	if again, _ := sealed(t, later, november, "inbound", "x"); again != id {
		t.Errorf("a second key for one month: got %s, want %s", again, id)
	}
	if next, _ := sealed(t, later, december, "inbound", "x"); next == id {
		t.Errorf("the next month has the same key")
	}
}

func TestSealedBytesAreBoundToTheirPlace(t *testing.T) {
	r := ring(t, 1)
	b := box(t, r, "c_one", nil, chance(9))
	id, secret := sealed(t, b, november, "inbound", "words")
	december, _ := sealed(t, b, december, "inbound", "words")
	for name, open := range map[string]func() ([]byte, error){
		"another kind": func() ([]byte, error) { return b.Open("asked", id, secret) },
		"another key":  func() ([]byte, error) { return b.Open("inbound", december, secret) },
		"cut":          func() ([]byte, error) { return b.Open("inbound", id, secret[:len(secret)-1]) },
		"nothing":      func() ([]byte, error) { return b.Open("inbound", id, nil) },
		"one bit": func() ([]byte, error) {
			changed := bytes.Clone(secret)
			changed[20] ^= 1
			return b.Open("inbound", id, changed)
		},
		"another conversation": func() ([]byte, error) {
			moved := b.Fresh()
			for i := range moved {
				moved[i].Conversation = "c_two"
			}
			return box(t, r, "c_two", moved, chance(1)).Open("inbound", id, secret)
		},
		"another period": func() ([]byte, error) {
			moved := b.Fresh()
			moved[0].Period = "2020-01"
			return box(t, r, "c_one", moved, chance(1)).Open("inbound", id, secret)
		},
	} {
		if got, err := open(); !errors.Is(err, molt.ErrCorrupt) || got != nil {
			t.Errorf("%s: got %q, %v, want ErrCorrupt", name, got, err)
		}
	}
}

func TestKeysThatAreNotThere(t *testing.T) {
	r := ring(t, 1)
	b := box(t, r, "c_one", nil, chance(9))
	id, secret := sealed(t, b, november, "inbound", "words")
	erased := b.Fresh()
	erased[0].Wrapped = nil
	after := box(t, r, "c_one", erased, chance(3))
	for name, c := range map[string]struct {
		box  *seal.Box
		key  molt.KeyID
		want error
	}{
		"unknown":            {b, "k_nothing", seal.ErrNoKey},
		"no key at all":      {b, "", seal.ErrNoKey},
		"erased":             {after, id, seal.ErrErased},
		"another tenant key": {box(t, ring(t, 2), "c_one", b.Fresh(), chance(3)), id, seal.ErrOtherTenantKey},
	} {
		if _, err := c.box.Open("inbound", c.key, secret); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	if again, _ := sealed(t, after, november, "inbound", "new words"); again == id {
		t.Errorf("an erased key seals again")
	}
	if _, err := seal.NewBox(r, "c_two", b.Fresh(), chance(3)); err == nil {
		t.Errorf("a box with keys of another conversation: got no error")
	}
}

func TestAFreshKeyIsOfferedUntilItIsKept(t *testing.T) {
	b := box(t, ring(t, 1), "c_one", nil, chance(9))
	november, _ := sealed(t, b, november, "x", "x")
	for range 2 { // the first batch was refused
		if got := b.Fresh(); len(got) != 1 || got[0].ID != november || got[0].Conversation != "c_one" || got[0].Period != "2026-11" {
			t.Fatalf("fresh: got %+v, want the key of November", got)
		}
	}
	december, _ := sealed(t, b, december, "x", "x") // after the batch was made
	b.Kept()
	if got := b.Fresh(); len(got) != 1 || got[0].ID != december {
		t.Errorf("fresh: got %+v, want the key of December, which no batch carried", got)
	}
	b.Kept()
	if got := b.Fresh(); len(got) != 0 {
		t.Errorf("fresh after all are kept: got %+v", got)
	}
}

func TestTheSameChanceSealsTheSame(t *testing.T) {
	one := box(t, ring(t, 1), "c_one", nil, chance(9))
	two := box(t, ring(t, 1), "c_one", nil, chance(9))
	id1, sealed1 := sealed(t, one, november, "x", "words")
	id2, sealed2 := sealed(t, two, november, "x", "words")
	if id1 != id2 || !bytes.Equal(sealed1, sealed2) {
		t.Errorf("a simulation would not replay: %s %x, %s %x", id1, sealed1, id2, sealed2)
	}
	if _, again := sealed(t, one, november, "x", "words"); bytes.Equal(again, sealed1) {
		t.Errorf("the same words are sealed alike twice")
	}
	dry := box(t, ring(t, 1), "c_one", nil, strings.NewReader(""))
	if _, _, err := dry.Seal(november, "x", nil); err == nil {
		t.Errorf("without random bytes: got no error")
	}
}

// fuzzKey is the text of a key whose secrets are the bytes 0 to 63.
const fuzzKey = "tidegate-key-1-aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dypsaijcemsckjrhfausukzmfuxc6mbrgiztinjwg44dsor3hq6t4p755k42y"

// FuzzOpen wants no bytes but those that were sealed to open, and none to panic.
func FuzzOpen(f *testing.F) {
	r, err := seal.FromBytes([]byte(fuzzKey))
	if err != nil {
		f.Fatal(err)
	}
	b := box(f, r, "c_one", nil, chance(9))
	id, genuine := sealed(f, b, november, "inbound", "words")
	f.Add("inbound", genuine, b.Fresh()[0].Wrapped)
	f.Add("inbound", []byte{}, []byte{1})
	f.Add("other", genuine[:13], b.Fresh()[0].Wrapped[:22])
	f.Fuzz(func(t *testing.T, kind string, data, wrapped []byte) {
		k := b.Fresh()[0]
		isKey := bytes.Equal(k.Wrapped, wrapped)
		k.Wrapped = wrapped
		plain, err := box(t, r, "c_one", []molt.WrappedKey{k}, chance(1)).Open(kind, id, data)
		isGenuine := isKey && kind == "inbound" && bytes.Equal(data, genuine)
		if (err == nil) != isGenuine || (isGenuine && string(plain) != "words") {
			t.Errorf("open: got %q, %v; genuine: %v", plain, err, isGenuine)
		}
	})
}
