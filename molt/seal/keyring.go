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
// mistyped copy. While one tenant key takes the place of another a second such
// line holds the earlier one, with the same second secret.
const (
	keyPrefix    = "tidegate-key-1-"
	secretBytes  = 32
	checkBytes   = 4
	keyFileLimit = 64 << 10
	markInfo     = "tidegate marks 1"

	besidePrefix = ".tenant-key-of-"
	newKeyName   = "-new-" // of a file that has not got its name yet
	oldKeyName   = "-old-" // of one that lost it
)

// besideKey is how the names of the files begin that a change of the key file at
// path leaves beside it. Its own name is in them: the key file of another record
// may lie in the same folder, and a second name of that one must not be wiped.
func besideKey(path, kind string) string { return besidePrefix + filepath.Base(path) + kind }

// besideWhich is the name of the key file that a change left a file beside; "": it is
// no such file.
func besideWhich(left string) string {
	name, ok := strings.CutPrefix(left, besidePrefix)
	if at := max(strings.LastIndex(name, newKeyName), strings.LastIndex(name, oldKeyName)); ok && at > 0 {
		return name[:at]
	}
	return ""
}

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
// ids that tell nobody who is meant. While the tenant key changes it holds two;
// see Adopt. It may be used by many goroutines. Printed, it shows nothing.
type Keyring struct {
	drawn [secretBytes]byte // from which the mark key derives; it is in every key file of a record
	mark  [secretBytes]byte
	live  *tenants
	view  []tenantKey // of Now's: what it held then; nil on the keyring itself
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

// WriteFile puts the keyring in the place of the key file at path: written whole
// under another name, synced, renamed. After a kill there is the old file or the
// new one. What the old one held is then written over, as far as the file system
// lets anybody do that.
func (k *Keyring) WriteFile(path string) error {
	if err := SweepKeyFiles(path); err != nil { // a killed change left them
		return fmt.Errorf("key file %s: %w", path, err)
	}
	folder := filepath.Dir(path)
	f, err := os.CreateTemp(folder, besideKey(path, newKeyName)+"*") // mode 0600
	if err != nil {
		return fmt.Errorf("key file %s: %w", path, err)
	}
	defer os.Remove(f.Name()) // nothing is there once it has its name
	_, err = io.WriteString(f, k.text())
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("key file %s: %w", path, err)
	}
	old := filepath.Join(folder, besideKey(path, oldKeyName)+strings.TrimPrefix(filepath.Base(f.Name()), besideKey(path, newKeyName)))
	if err := os.Link(path, old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("key file %s: %w", path, err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("key file %s: %w", path, err)
	}
	if err := errors.Join(syncFolder(folder), SweepKeyFiles(path)); err != nil {
		return fmt.Errorf("key file %s: %w", path, err)
	}
	return nil
}

// SweepKeyFiles wipes, for who alone may change the key file at path, the key files
// beside it that nobody reads any more: a new one that never got its name, and an
// old one that lost it. A second name of the file at path itself is taken away and
// nothing else.
func SweepKeyFiles(path string) error {
	return sweep(filepath.Dir(path), func(name string) bool { return name == filepath.Base(path) })
}

// SweepKeyFilesOf does it for all key files of a folder whose names begin so: those of
// one record that gets a new name with each change.
func SweepKeyFilesOf(folder, prefix string) error {
	return sweep(folder, func(name string) bool { return strings.HasPrefix(name, prefix) })
}

func sweep(folder string, ours func(name string) bool) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := besideWhich(e.Name())
		if name == "" || !ours(name) {
			continue
		}
		inForce, err := os.Stat(filepath.Join(folder, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		at := filepath.Join(folder, e.Name())
		info, err := os.Lstat(at)
		switch {
		case err != nil:
		case info.IsDir(): // no file of ours
		case !info.Mode().IsRegular(), inForce != nil && os.SameFile(info, inForce):
			err = os.Remove(at) // the name alone; what a link leads to may be anybody's
		default:
			err = Wipe(at)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return syncFolder(folder)
}

// Wipe takes a key file away, its bytes written over first as far as the file
// system lets anybody do that.
func Wipe(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, min(info.Size(), keyFileLimit)))
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Remove(path)
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
	var k *Keyring
	for l := range strings.Lines(string(text)) {
		if l = strings.TrimSpace(l); l == "" || strings.HasPrefix(l, "#") {
			continue
		}
		next, err := fromLine(l)
		switch {
		case err != nil:
			return nil, err
		case k == nil:
			k = next
			continue
		case next.ID() == k.ID():
			return nil, fmt.Errorf("%w: it holds one key twice", ErrKey)
		}
		if k, err = k.With(next); err != nil {
			return nil, err
		}
	}
	if k == nil {
		return nil, fmt.Errorf("%w: no line begins with %s", ErrKey, keyPrefix)
	}
	return k, nil
}

func fromLine(line string) (*Keyring, error) {
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
	return newKeyring([secretBytes]byte(secrets[secretBytes:]), [secretBytes]byte(mark), []tenantKey{newTenantKey([secretBytes]byte(secrets[:secretBytes]))}), nil
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
