package webchat

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"time"

	"github.com/tidegate/tidegate/molt"
)

// TokenLife is how long a token is good for after its last use. The browser
// forgets the cookie when it is closed.
const TokenLife = 24 * time.Hour

const (
	visitorBytes = 16 // 128 random bits
	tokenVersion = 1
	tokenBody    = 1 + visitorBytes + 8 // version, visitor, seconds since the epoch
	tokenBytes   = tokenBody + sha256.Size
	peerPrefix   = "visitor:"
)

// visitor is who chats. It is no secret: the token is, and is not made of it.
type visitor [visitorBytes]byte

func newVisitor() (v visitor) {
	_, _ = rand.Read(v[:]) // never fails
	return v
}

// peer is the visitor as the record names them.
func (v visitor) peer() molt.Address { return molt.Address(peerPrefix + hex.EncodeToString(v[:])) }

var errToken = errors.New("no token of ours, or too old")

// tokens signs and reads tokens with a key that outlives a restart.
type tokens struct{ key []byte }

func (t tokens) sign(v visitor, now time.Time) string {
	b := append([]byte{tokenVersion}, v[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(now.Unix()))
	return base64.RawURLEncoding.EncodeToString(t.seal(b))
}

func (t tokens) seal(body []byte) []byte {
	mac := hmac.New(sha256.New, t.key)
	mac.Write(body)
	return mac.Sum(body)
}

// read says whose token it is. One that we did not sign is nobody's, so nobody
// can choose the id a visitor will have.
func (t tokens) read(s string, now time.Time) (v visitor, err error) {
	if len(s) != base64.RawURLEncoding.EncodedLen(tokenBytes) {
		return v, errToken
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || b[0] != tokenVersion || !hmac.Equal(b, t.seal(b[:tokenBody:tokenBody])) {
		return v, errToken
	}
	signed := time.Unix(int64(binary.BigEndian.Uint64(b[1+visitorBytes:tokenBody])), 0)
	if age := now.Sub(signed); age > TokenLife || age < -time.Hour {
		return v, errToken
	}
	copy(v[:], b[1:])
	return v, nil
}
