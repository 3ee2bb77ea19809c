package seal

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/tidegate/tidegate/molt"
)

// ErrOtherRecord says that two tenant keys are not of one record: the secret
// behind the ids differs.
var ErrOtherRecord = errors.New("it is the key of another record: the ids of this one do not follow from it")

// tenantKey is one tenant key.
type tenantKey struct {
	secret [secretBytes]byte
	id     [ringIDBytes]byte // tells tenant keys apart without telling anything about them
}

func newTenantKey(secret [secretBytes]byte) tenantKey {
	sum := sha256.Sum256(appendText([]byte("tidegate tenant key\x00"), string(secret[:])))
	return tenantKey{secret: secret, id: [ringIDBytes]byte(sum[:ringIDBytes])}
}

// tenants are the tenant keys of a keyring: the first wraps, all of them open.
type tenants struct {
	// fence is held for reading while data keys are committed that were wrapped
	// under the first, and for writing while another becomes the first.
	fence sync.RWMutex
	keys  atomic.Pointer[[]tenantKey]
}

func (t *tenants) now() []tenantKey { return *t.keys.Load() }

func newKeyring(drawn, mark [secretBytes]byte, keys []tenantKey) *Keyring {
	k := &Keyring{drawn: drawn, mark: mark, live: &tenants{}}
	k.live.keys.Store(&keys)
	return k
}

func (k *Keyring) tenants() []tenantKey {
	if k.view != nil {
		return k.view
	}
	return k.live.now()
}

// Now is the keyring with the tenant keys that it holds at this moment. Who reads
// wrapped keys and opens them afterwards asks for it before reading, so that a key
// which is destroyed in between is still at hand.
func (k *Keyring) Now() *Keyring {
	return &Keyring{drawn: k.drawn, mark: k.mark, live: k.live, view: k.tenants()}
}

// ID names the tenant key that wraps, and tells nothing about it.
func (k *Keyring) ID() string { return encode(k.tenants()[0].id[:]) }

// Earlier names the tenant keys that only open. There is one while the tenant key
// changes, and none else.
func (k *Keyring) Earlier() []string {
	var out []string
	for _, t := range k.tenants()[1:] {
		out = append(out, encode(t.id[:]))
	}
	return out
}

// With is the keyring that wraps under this one's tenant key and opens what is
// wrapped under those of earlier too.
func (k *Keyring) With(earlier *Keyring) (*Keyring, error) {
	if k.drawn != earlier.drawn {
		return nil, fmt.Errorf("%w: %w", ErrKey, ErrOtherRecord)
	}
	keys := slices.Clone(k.tenants())
	for _, t := range earlier.tenants() {
		if !slices.Contains(keys, t) {
			keys = append(keys, t)
		}
	}
	return newKeyring(k.drawn, k.mark, keys), nil
}

// Next draws the tenant key that is to follow. The result wraps under it and opens
// all that this one opens; nothing changes before Adopt.
func (k *Keyring) Next(random io.Reader) (*Keyring, error) {
	var secret [secretBytes]byte
	if _, err := io.ReadFull(random, secret[:]); err != nil {
		return nil, fmt.Errorf("draw a key: %w", err)
	}
	return newKeyring(k.drawn, k.mark, append([]tenantKey{newTenantKey(secret)}, k.tenants()...)), nil
}

// Alone is the keyring without its earlier tenant keys.
func (k *Keyring) Alone() *Keyring {
	return newKeyring(k.drawn, k.mark, slices.Clone(k.tenants()[:1]))
}

// Adopt makes the keyring hold the tenant keys of another of the same record.
// Once it returns, every data key that is committed from here on, and every one
// whose commit is under way, is wrapped under the new first.
func (k *Keyring) Adopt(other *Keyring) error {
	if k.drawn != other.drawn {
		return ErrOtherRecord
	}
	k.live.fence.Lock()
	defer k.live.fence.Unlock()
	keys := slices.Clone(other.tenants())
	k.live.keys.Store(&keys)
	return nil
}

// text is what a key file of these keys holds.
func (k *Keyring) text() string {
	var b strings.Builder
	b.WriteString(keyHeader)
	for i, t := range k.tenants() {
		if i > 0 {
			b.WriteString("# The key before it, until all is wrapped under the one above.\n")
		}
		b.WriteString(keyText(append(append([]byte{}, t.secret[:]...), k.drawn[:]...)) + "\n")
	}
	return b.String()
}

// Unwraps says whether a data key opens under this keyring: nil, or an error
// that wraps ErrErased, ErrOtherTenantKey or molt.ErrCorrupt.
func (k *Keyring) Unwraps(w molt.WrappedKey) error {
	_, err := unwrap(k.tenants(), w)
	return err
}

// Current reports whether a data key is wrapped under the tenant key in force.
func (k *Keyring) Current(w molt.WrappedKey) bool { return k.tenants()[0].wrapped(w) }

// Rewrap wraps a data key under the tenant key in force, and says whether it was
// not already.
func (k *Keyring) Rewrap(w molt.WrappedKey, random io.Reader) (molt.WrappedKey, bool, error) {
	return k.rewrap(w, k.tenants(), random)
}

func (k *Keyring) rewrap(w molt.WrappedKey, under []tenantKey, random io.Reader) (molt.WrappedKey, bool, error) {
	first := k.live.now()[0]
	if first.wrapped(w) {
		return w, false, nil
	}
	secret, err := unwrap(under, w)
	if err != nil {
		return w, false, err
	}
	w.Wrapped, err = first.wrap(w, secret, random)
	return w, true, err
}

// wrapHead is what a wrapped key begins with.
const wrapHead = 1 + ringIDBytes

// wrapped reports whether a data key was wrapped under this tenant key.
func (t tenantKey) wrapped(w molt.WrappedKey) bool {
	return len(w.Wrapped) > wrapHead && slices.Equal(w.Wrapped[1:wrapHead], t.id[:])
}

func (t tenantKey) wrap(w molt.WrappedKey, secret []byte, random io.Reader) ([]byte, error) {
	tenant, err := newAEAD(t.secret[:])
	if err != nil {
		return nil, err
	}
	return encrypt(tenant, append([]byte{sealVersion}, t.id[:]...), secret, keyContext(w), random)
}

// unwrap opens a data key under whichever of the tenant keys wrapped it.
func unwrap(under []tenantKey, w molt.WrappedKey) ([]byte, error) {
	if len(w.Wrapped) == 0 {
		return nil, ErrErased
	}
	t := under[0] // a key too short to tell whose it is
	if len(w.Wrapped) > wrapHead {
		i := slices.IndexFunc(under, func(t tenantKey) bool { return t.wrapped(w) })
		if i < 0 {
			return nil, ErrOtherTenantKey
		}
		t = under[i]
	}
	tenant, err := newAEAD(t.secret[:])
	if err != nil {
		return nil, err
	}
	return decrypt(tenant, wrapHead, w.Wrapped, keyContext(w))
}
