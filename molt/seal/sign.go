package seal

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
)

const signInfo = "tidegate signatures 1"

// Sign signs a statement of a purpose with the key that comes with the mark key:
// rotating the tenant key leaves it as it is, and whoever has the key file can
// sign. A signature for one purpose is none for another.
func (k *Keyring) Sign(purpose string, statement []byte) ([]byte, error) {
	key, err := k.signer()
	if err != nil {
		return nil, err
	}
	return ed25519.Sign(key, signedText(purpose, statement)), nil
}

// Verifier is the public half, by which anybody can tell our signatures.
func (k *Keyring) Verifier() (ed25519.PublicKey, error) {
	key, err := k.signer()
	if err != nil {
		return nil, err
	}
	return key.Public().(ed25519.PublicKey), nil
}

// Signed reports whether a signature is of that key, purpose and statement.
func Signed(by ed25519.PublicKey, purpose string, statement, signature []byte) bool {
	return len(by) == ed25519.PublicKeySize && ed25519.Verify(by, signedText(purpose, statement), signature)
}

func (k *Keyring) signer() (ed25519.PrivateKey, error) {
	seed, err := hkdf.Key(sha256.New, k.mark[:], nil, signInfo, ed25519.SeedSize)
	if err != nil {
		return nil, fmt.Errorf("derive the signing key: %w", err)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

func signedText(purpose string, statement []byte) []byte {
	return append(appendText([]byte("tidegate\x00"), purpose), statement...)
}
