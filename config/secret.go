package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strings"
)

// Secret says where a secret is, and is never the secret itself: env:NAME or
// file:/path. It prints masked, since a secret pasted in the wrong place would
// otherwise end in a log.
type Secret struct {
	kind string // env or file; empty when nothing was written
	name string
}

// ErrNoSecret is returned by [Secret.Resolve] when no reference was written.
var ErrNoSecret = errors.New("no secret is configured")

// Names are upper case as in every shell. That also turns away most pasted
// tokens, which are lower-case hex or mixed.
var envPattern = regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,63}$`)

// ParseSecret reads a reference, env:NAME or file:/path. The error does not
// repeat what it refuses.
func ParseSecret(reference string) (Secret, error) {
	var s Secret
	err := s.UnmarshalText([]byte(reference))
	return s, err
}

// IsZero reports whether no reference was written.
func (s Secret) IsZero() bool { return s.kind == "" }

// String names the kind of the reference and nothing else.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return s.kind + ":****"
}

// Format prints what String prints, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalJSON writes the kind and a fingerprint of the reference, so that a
// digest notices when a secret moves, and a reader learns nothing.
func (s Secret) MarshalJSON() ([]byte, error) {
	if s.IsZero() {
		return []byte(`""`), nil
	}
	return json.Marshal(s.kind + ":#" + fingerprint(s.name))
}

func fingerprint(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:6])
}

// UnmarshalText takes env:NAME or file:/path. What it refuses it does not
// repeat.
func (s *Secret) UnmarshalText(b []byte) error {
	kind, name, _ := strings.Cut(string(b), ":")
	switch {
	case kind == "env" && envPattern.MatchString(name):
	case kind == "env":
		return &ruleError{rule: "must name an environment variable in capitals", got: "env:****", hint: "write it as in env:TWILIO_AUTH_TOKEN"}
	case kind == "file" && filepath.IsAbs(name) && !strings.ContainsAny(name, "\x00\n"):
	case kind == "file":
		return &ruleError{rule: "must name a file by its whole path", got: "file:****", hint: "write it as in file:/etc/tidegate/twilio-token"}
	default:
		return &ruleError{rule: "must say where the secret is, not what it is", got: "****", hint: "write env:NAME or file:/path; if a real secret stood here, change it at its issuer"}
	}
	*s = Secret{kind: kind, name: name}
	return nil
}

// Resolve fetches the secret through the two functions given. White space
// around it is dropped, since files end in a newline. Errors name the
// reference and never the content.
func (s Secret) Resolve(getenv func(string) string, readFile func(string) ([]byte, error)) (string, error) {
	var value string
	switch s.kind {
	case "env":
		value = getenv(s.name)
	case "file":
		b, err := readFile(s.name)
		if err != nil {
			return "", fmt.Errorf("read the secret: %w", err)
		}
		value = string(b)
	default:
		return "", ErrNoSecret
	}
	if len(value) > MaxSecret {
		return "", fmt.Errorf("the secret in %s:%s is longer than %d bytes", s.kind, s.name, MaxSecret)
	}
	if value = strings.TrimSpace(value); value == "" {
		return "", fmt.Errorf("the secret in %s:%s is empty", s.kind, s.name)
	}
	return value, nil
}

// looksSecret reports whether a field of this name may hold a secret. It is
// used where a section is not ours to know: better to mask too much.
func looksSecret(field string) bool {
	field = strings.ToLower(field)
	if i := strings.LastIndexByte(field, '.'); i >= 0 {
		field = field[i+1:]
	}
	for _, word := range []string{"secret", "token", "password", "passphrase", "key", "credential", "auth", "webhook"} {
		if strings.Contains(field, word) {
			return true
		}
	}
	return false
}
