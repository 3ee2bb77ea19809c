package seal

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/tidegate/tidegate/molt"
)

// The key file is text: comment lines, and one line of keyPrefix and the base32
// of both secrets followed by the first bytes of their digest, which catches a
// mistyped copy.
const (
	keyPrefix    = "tidegate-key-1-"
	secretBytes  = 32
	checkBytes   = 4
	keyFileLimit = 64 << 10
	markInfo     = "tidegate marks 1"
)

const keyHeader = `# The tenant key of this data folder. Whoever has it and the data can read
# every message; without it nobody can. Keep a copy away from the data.
`

// ErrKey says that a key file or key text is not one.
var ErrKey = errors.New("not a tenant key")

// KeyFileError says what is wrong with a key file and how to mend it.
type KeyFileError struct {
	Path string
	Why  string
	Hint string
}

func (e *KeyFileError) Error() string {
	return fmt.Sprintf("key file %s: %s; %s", e.Path, e.Why, e.Hint)
}

// Unwrap makes errors.Is(err, ErrKey) hold.
func (e *KeyFileError) Unwrap() error { return ErrKey }

// Keyring holds the tenant key, which wraps data keys, and the mark key, behind
// ids that tell nobody who is meant. It does not change and may be used by many
// goroutines. Printed, it shows nothing.
type Keyring struct {
	tenant [secretBytes]byte
	mark   [secretBytes]byte
}

// String shows no key.
func (*Keyring) String() string { return "[keyring]" }

// Format shows no key whatever the verb.
func (k *Keyring) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// LoadOrCreate reads the key file at path, or makes it with mode 0600 from
// random bytes when there is none. A file that others may read is refused. Of
// two processes that make it at the same time one wins and both read its key.
func LoadOrCreate(path string, random io.Reader) (*Keyring, error) {
	text, err := readKeyFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := createKeyFile(path, random); err != nil {
			return nil, fmt.Errorf("create key file %s: %w", path, err)
		}
		text, err = readKeyFile(path)
	}
	if err != nil {
		return nil, err
	}
	ring, err := FromBytes(text)
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	return ring, nil
}

// Draw makes a keyring of random bytes. It is written nowhere: what it seals
// ends with whoever holds it.
func Draw(random io.Reader) (*Keyring, error) {
	var secrets [2 * secretBytes]byte
	if _, err := io.ReadFull(random, secrets[:]); err != nil {
		return nil, fmt.Errorf("draw a key: %w", err)
	}
	return FromBytes([]byte(keyText(secrets[:])))
}

func readKeyFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, &KeyFileError{Path: path, Why: "it is not a regular file", Hint: "give the path of a file"}
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, &KeyFileError{Path: path, Why: fmt.Sprintf("its mode %04o lets others in", mode), Hint: "chmod 600 " + path}
	}
	return io.ReadAll(io.LimitReader(f, keyFileLimit))
}

// createKeyFile writes the whole file under another name, syncs it, gives it
// its name and syncs the folder, so that after a power cut there is either no
// key file or a whole one. The name is given by a link, which unlike a rename
// never replaces a key that another process just made and may be using.
func createKeyFile(path string, random io.Reader) error {
	var secrets [2 * secretBytes]byte
	if _, err := io.ReadFull(random, secrets[:]); err != nil {
		return err
	}
	folder := filepath.Dir(path)
	f, err := os.CreateTemp(folder, ".key-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = io.WriteString(f, keyHeader+keyText(secrets[:])+"\n")
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := os.Remove(f.Name()); err != nil {
		return err
	}
	return syncFolder(folder)
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

func keyText(secrets []byte) string {
	sum := sha256.Sum256(secrets)
	return keyPrefix + encode(append(append([]byte{}, secrets...), sum[:checkBytes]...))
}

// FromBytes reads a keyring from the text of a key file, as it comes from a
// secret store or an environment variable. Comments may be missing.
func FromBytes(text []byte) (*Keyring, error) {
	var line string
	for l := range strings.Lines(string(text)) {
		if l = strings.TrimSpace(l); l == "" || strings.HasPrefix(l, "#") {
			continue
		}
		if line != "" {
			return nil, fmt.Errorf("%w: it holds more than one key", ErrKey)
		}
		line = l
	}
	body, ok := strings.CutPrefix(line, keyPrefix)
	if !ok {
		return nil, fmt.Errorf("%w: no line begins with %s", ErrKey, keyPrefix)
	}
	raw, err := base32ids().DecodeString(body)
	if err != nil || len(raw) != 2*secretBytes+checkBytes {
		return nil, fmt.Errorf("%w: the text after %s is cut or mistyped", ErrKey, keyPrefix)
	}
	secrets := raw[:2*secretBytes]
	if keyText(secrets) != line {
		return nil, fmt.Errorf("%w: its check does not fit, it is mistyped", ErrKey)
	}
	mark, err := hkdf.Key(sha256.New, secrets[secretBytes:], nil, markInfo, secretBytes)
	if err != nil {
		return nil, fmt.Errorf("derive the mark key: %w", err)
	}
	return &Keyring{tenant: [secretBytes]byte(secrets[:secretBytes]), mark: [secretBytes]byte(mark)}, nil
}

// Mark returns "class:" and the keyed hash of the parts. Different parts, and
// the same parts of another class, make different marks.
func (k *Keyring) Mark(class string, parts ...string) molt.MarkID {
	return molt.MarkID(class + ":" + k.id(32, "mark", append([]string{class}, parts...)))
}

// Conversation returns the id of a patient's conversation: "c_" and 20
// characters that nobody can compute or turn back without the mark key.
func (k *Keyring) Conversation(parts ...string) molt.ConversationID {
	return molt.ConversationID("c_" + k.id(20, "conversation", parts))
}

// Stream returns the id of a staff member's stream: "s_" and 20 characters.
func (k *Keyring) Stream(parts ...string) molt.ConversationID {
	return molt.ConversationID("s_" + k.id(20, "stream", parts))
}

// Item returns the id of an item: "i_" and 26 characters.
func (k *Keyring) Item(parts ...string) molt.ItemID {
	return molt.ItemID("i_" + k.id(26, "item", parts))
}

// File returns the name of a file: "f_" and 32 characters that nobody can tell
// apart from others without the mark key, though they have the file.
func (k *Keyring) File(parts ...string) string { return "f_" + k.id(32, "file", parts) }

// id is the keyed hash of use and parts, each with its length before it, cut to
// so many characters of five bits each.
func (k *Keyring) id(characters int, use string, parts []string) string {
	mac := hmac.New(sha256.New, k.mark[:])
	buf := appendText(nil, use)
	for _, p := range parts {
		buf = appendText(buf, p)
	}
	mac.Write(buf)
	return encode(mac.Sum(nil))[:characters]
}

func encode(b []byte) string { return base32ids().EncodeToString(b) }

// base32ids is RFC 4648 base32 in lower case without padding: it survives
// case-blind file systems, URLs and reading aloud.
func base32ids() *base32.Encoding {
	return base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)
}
