package seal

import (
	"cmp"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/tidegate/tidegate/molt"
)

var (
	// ErrNoKey says that the data key is not among the conversation's keys.
	ErrNoKey = errors.New("no such data key")
	// ErrErased says that the data key was dropped: what it sealed is gone for good.
	ErrErased = errors.New("erased: its data key was destroyed")
	// ErrOtherTenantKey says that a data key was wrapped under a tenant key
	// that is not in the keyring.
	ErrOtherTenantKey = errors.New("the data key is wrapped under another tenant key")
)

// KindSnapshot is the kind under which a snapshot is sealed. An event's body is
// sealed under the event's own kind.
const KindSnapshot = "snapshot"

// KindItem is the kind under which the body of an item in a lane is sealed.
func KindItem(lane molt.Lane) string { return "item:" + string(lane) }

const (
	sealVersion = 1  // first byte of everything sealed, and of every wrapped key
	nonceBytes  = 12 // AES-GCM
	ringIDBytes = 8  // says which tenant key wrapped a data key
	keyIDBytes  = 10
)

// Box seals and opens the bodies of one conversation. A Box is used by one
// mailbox at a time: it takes no lock.
type Box struct {
	ring         *Keyring
	tenants      []tenantKey // those the keyring held when the box was made
	conversation molt.ConversationID
	random       io.Reader
	wrapped      []molt.WrappedKey // ascending by id
	open         map[molt.KeyID]cipher.AEAD
	fresh        []molt.WrappedKey
	offered      int // of fresh, how many Fresh has returned
}

// NewBox returns the box of a conversation with the wrapped keys as Load gives
// them. Keys are unwrapped when they are first needed.
func NewBox(ring *Keyring, conversation molt.ConversationID, wrapped []molt.WrappedKey, random io.Reader) (*Box, error) {
	for _, k := range wrapped {
		if k.Conversation != conversation {
			return nil, fmt.Errorf("box of conversation %s: key %s is of another conversation", conversation, k.ID)
		}
	}
	wrapped = slices.Clone(wrapped)
	slices.SortFunc(wrapped, func(a, b molt.WrappedKey) int { return cmp.Compare(a.ID, b.ID) })
	return &Box{ring: ring, tenants: ring.tenants(), conversation: conversation, random: random, wrapped: wrapped, open: map[molt.KeyID]cipher.AEAD{}}, nil
}

// Seal encrypts a body under the data key of the month of `at`, which it makes
// when there is none, and binds it to the conversation and the kind.
func (b *Box) Seal(at molt.Time, kind string, plain []byte) (molt.KeyID, []byte, error) {
	id, key, err := b.keyOf(at.Std().Format("2006-01"))
	if err != nil {
		return "", nil, fmt.Errorf("seal: %w", err)
	}
	sealed, err := encrypt(key, []byte{sealVersion}, plain, b.bodyContext(id, kind), b.random)
	if err != nil {
		return "", nil, fmt.Errorf("seal: %w", err)
	}
	return id, sealed, nil
}

// KeyAt is the data key under which Seal seals for that time. Unlike Seal it
// makes none: it is for what is sealed beside a batch, whose keys nobody would
// keep.
func (b *Box) KeyAt(at molt.Time) (molt.KeyID, error) {
	period, err := at.Std().Format("2006-01"), ErrNoKey
	for _, k := range b.wrapped {
		switch {
		case k.Period != period:
		case len(k.Wrapped) > 0:
			return k.ID, nil
		default:
			err = ErrErased
		}
	}
	return "", fmt.Errorf("key of %s: %w", period, err)
}

// MakeKeyAt is KeyAt, and makes the key where there is none. It is for what is
// sealed before the batch that refers to it, which has to carry Fresh.
func (b *Box) MakeKeyAt(at molt.Time) (molt.KeyID, error) {
	id, _, err := b.keyOf(at.Std().Format("2006-01"))
	return id, err
}

// Open decrypts what Seal sealed with the same key and kind. The error wraps
// molt.ErrCorrupt when the bytes, the kind or the conversation are not those.
func (b *Box) Open(kind string, id molt.KeyID, sealed []byte) ([]byte, error) {
	key, err := b.key(id)
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	plain, err := decrypt(key, 1, sealed, b.bodyContext(id, kind))
	if err != nil {
		return nil, fmt.Errorf("open %s with key %s: %w", kind, id, err)
	}
	return plain, nil
}

// Adopt takes over keys of this conversation that another box made and nobody
// keeps yet: they are Fresh here.
func (b *Box) Adopt(keys []molt.WrappedKey) {
	for _, k := range keys {
		if !slices.ContainsFunc(b.wrapped, func(o molt.WrappedKey) bool { return o.ID == k.ID }) {
			b.wrapped, b.fresh = append(b.wrapped, k), append(b.fresh, k)
		}
	}
}

// Fresh returns the keys made since the last Kept. They belong into the batch
// that carries what was sealed under them; when it is refused, Fresh offers
// them again for the next.
func (b *Box) Fresh() []molt.WrappedKey {
	b.offered = len(b.fresh)
	return slices.Clone(b.fresh)
}

// Kept says that the batch with what Fresh last returned was committed.
func (b *Box) Kept() {
	b.fresh = slices.Clone(b.fresh[b.offered:])
	b.offered = 0
}

// Commit calls commit with the keys that belong into the batch, wrapped under
// the tenant key in force: none is put in force before commit has returned. Each
// batch with something sealed in it passes here, or a change of the tenant key
// could miss a data key.
func (b *Box) Commit(commit func(fresh []molt.WrappedKey) error) error {
	if len(b.fresh) == 0 {
		b.Fresh()
		return commit(nil)
	}
	b.ring.live.fence.RLock()
	defer b.ring.live.fence.RUnlock()
	for i, k := range b.fresh {
		again, changed, err := b.ring.rewrap(k, append(slices.Clone(b.tenants), b.ring.live.now()...), b.random)
		if err != nil {
			return fmt.Errorf("wrap key %s: %w", k.ID, err)
		}
		if !changed {
			continue
		}
		b.fresh[i] = again
		for j := range b.wrapped {
			if b.wrapped[j].ID == k.ID {
				b.wrapped[j] = again
			}
		}
	}
	return commit(b.Fresh())
}

// keyOf returns the data key of a month: the first by id that was not erased.
func (b *Box) keyOf(period string) (molt.KeyID, cipher.AEAD, error) {
	for _, k := range b.wrapped {
		if k.Period == period && len(k.Wrapped) > 0 {
			key, err := b.key(k.ID)
			return k.ID, key, err
		}
	}
	return b.makeKey(period)
}

func (b *Box) makeKey(period string) (molt.KeyID, cipher.AEAD, error) {
	var secret [secretBytes + keyIDBytes]byte
	if _, err := io.ReadFull(b.random, secret[:]); err != nil {
		return "", nil, fmt.Errorf("make a data key: %w", err)
	}
	k := molt.WrappedKey{ID: molt.KeyID("k_" + encode(secret[secretBytes:])), Conversation: b.conversation, Period: period}
	var err error
	if k.Wrapped, err = b.ring.live.now()[0].wrap(k, secret[:secretBytes], b.random); err != nil {
		return "", nil, err
	}
	key, err := newAEAD(secret[:secretBytes])
	if err != nil {
		return "", nil, err
	}
	b.open[k.ID] = key
	b.fresh = append(b.fresh, k)
	b.wrapped = append(b.wrapped, k)
	return k.ID, key, nil
}

// key returns a data key by its id, unwrapped.
func (b *Box) key(id molt.KeyID) (cipher.AEAD, error) {
	if key := b.open[id]; key != nil {
		return key, nil
	}
	i := slices.IndexFunc(b.wrapped, func(k molt.WrappedKey) bool { return k.ID == id })
	if i < 0 {
		return nil, fmt.Errorf("key %q: %w", id, ErrNoKey)
	}
	secret, err := unwrap(b.tenants, b.wrapped[i])
	if errors.Is(err, ErrOtherTenantKey) { // wrapped since the box was made
		secret, err = unwrap(b.ring.live.now(), b.wrapped[i])
	}
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", id, err)
	}
	key, err := newAEAD(secret)
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", id, err)
	}
	b.open[id] = key
	return key, nil
}

// bodyContext is what a sealed body is bound to, beside its bytes.
func (b *Box) bodyContext(id molt.KeyID, kind string) []byte {
	return contextOf("body", string(b.conversation), string(id), kind)
}

func keyContext(k molt.WrappedKey) []byte {
	return contextOf("data key", string(k.Conversation), string(k.ID), k.Period)
}

func contextOf(parts ...string) []byte {
	var buf []byte
	for _, p := range parts {
		buf = appendText(buf, p)
	}
	return buf
}

// encrypt returns head ‖ nonce ‖ ciphertext. A random nonce of 96 bits is safe
// for 2³² bodies a key (NIST SP 800-38D, 8.3); a month of one conversation has
// a few thousand.
func encrypt(key cipher.AEAD, head, plain, context []byte, random io.Reader) ([]byte, error) {
	out := make([]byte, len(head)+nonceBytes, len(head)+nonceBytes+len(plain)+key.Overhead())
	copy(out, head)
	nonce := out[len(head):]
	if _, err := io.ReadFull(random, nonce); err != nil {
		return nil, fmt.Errorf("nonce: %w", err)
	}
	return key.Seal(out, nonce, plain, context), nil
}

// decrypt takes apart what encrypt made with a head of so many bytes.
func decrypt(key cipher.AEAD, head int, sealed, context []byte) ([]byte, error) {
	if len(sealed) < head+nonceBytes || sealed[0] != sealVersion {
		return nil, fmt.Errorf("%w: not sealed bytes of version %d", molt.ErrCorrupt, sealVersion)
	}
	nonce, body := sealed[head:head+nonceBytes], sealed[head+nonceBytes:]
	plain, err := key.Open(nil, nonce, body, context)
	if err != nil {
		return nil, fmt.Errorf("%w: it was sealed as something else, or changed since", molt.ErrCorrupt)
	}
	return plain, nil
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
