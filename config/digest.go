package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// Canonical is the effective configuration as JSON, the same bytes for the
// same configuration however the file was laid out. It holds no secret, only
// fingerprints of where secrets are, but it does hold the numbers of staff.
func (c *Config) Canonical() []byte {
	// Every type in a Config marshals without error, and maps are written in
	// the order of their keys, so the bytes depend on the values alone.
	b, err := json.Marshal(c)
	if err != nil {
		panic("config: a loaded configuration has to marshal: " + err.Error())
	}
	return b
}

// Digest names the effective configuration: the SHA-256 of Canonical, in hex.
func (c *Config) Digest() string {
	sum := sha256.Sum256(c.Canonical())
	return hex.EncodeToString(sum[:])
}
