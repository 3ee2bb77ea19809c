package boltstore

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/tidegate/tidegate/molt"
)

// schema is the version of the layout in doc.go that this build reads and writes.
const schema = 4

const (
	defaultLockTimeout = 1500 * time.Millisecond
	// defaultMmapSize is address space alone, and no memory: a file that outgrew
	// it would wait for its readers, a backup among them.
	defaultMmapSize = 16 << 30
	// queueLimit bounds the requests that wait for the committer. Callers
	// beyond it wait in their own goroutines.
	queueLimit = 1024
	// holderLimit is how much of the holder's note a second opener reads.
	holderLimit = 200
	// maxClaims bounds the leases of one opening, so that the tokens of the
	// next are larger: a token is opens·maxClaims + n.
	maxClaims = 1 << 40
)

// errNotOpen is what bbolt answers after Close.
var errNotOpen = berrors.ErrDatabaseNotOpen

// Options say how to open a store.
type Options struct {
	// Path of the file, which is made with mode 0600 when it is not there. Its
	// folder must exist.
	Path string
	// Holder says in words who holds the file, for a second process to tell
	// its user. Default: "pid" and the process id.
	Holder string
	// LockTimeout is how long to wait for another process to give up the file.
	// Default 1.5 s.
	LockTimeout time.Duration
	// InitialMmapSize is how much address space is taken at once, in bytes, so
	// that the file can grow without waiting for readers. It costs no memory.
	// Default 16 GiB, or twice the file if that is more; on 32-bit machines
	// what bbolt chooses.
	InitialMmapSize int
	// Reserve is how much room on the disk is held back, in bytes, in a file
	// beside the store: a commit that finds no other room is written in it.
	// Default none.
	Reserve int64

	checkedAtOpen int64                                            // how large a file is checked before it is used; default checkedAtOpen
	openFile      func(string, int, os.FileMode) (*os.File, error) // for tests that break the disk
	readOnly      bool
}

// Open opens the store and drops all leases, since the lock on the file proves
// that nobody else acts on them. It takes milliseconds whatever the file's size.
// When another process holds the file the error wraps molt.ErrHeld and says who.
func Open(o Options) (*Store, error) {
	if o.Path == "" {
		return nil, errors.New("open store: no path")
	}
	o.Holder = cmp.Or(o.Holder, "pid "+strconv.Itoa(os.Getpid()))
	o.LockTimeout = cmp.Or(o.LockTimeout, defaultLockTimeout)
	o.checkedAtOpen = cmp.Or(o.checkedAtOpen, checkedAtOpen)
	o.InitialMmapSize = cmp.Or(o.InitialMmapSize, mmapSize(o.Path))

	s, err := openWhole(o)
	if err != nil {
		return nil, err
	}
	go s.run() // ends when Close closes the queue
	if info, err := s.file.Stat(); err == nil && info.Size() > o.checkedAtOpen {
		go s.inspect() // ends when Close begins
	} else {
		close(s.inspected)
	}
	return s, nil
}

// openWhole opens the file and reads what every use of it rests on. bbolt checks
// its first two pages alone, and panics over others that make no sense; a page
// number beyond the file's end is a fault of the map. Both mean the same to whoever
// wants to open it.
func openWhole(o Options) (s *Store, err error) {
	var file *os.File
	openAs := o.openFile
	if openAs == nil {
		openAs = os.OpenFile
	}
	o.openFile = func(name string, flag int, mode os.FileMode) (*os.File, error) {
		var err error
		file, err = openAs(name, flag, mode)
		return file, err
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			unlock(file) // what was mapped of it holds the lock beyond its closing
			_ = file.Close()
			s, err = nil, fmt.Errorf("open store %s: %w: a page of it is damaged (%w); %w", o.Path, molt.ErrCorrupt, panicError(p), errRestore)
		}
	}()
	db, err := openFile(o)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if err := checkSmall(file, o.checkedAtOpen); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("open store %s: %w; %w", o.Path, err, errRestore)
	}
	s = &Store{
		db:         db,
		file:       file,
		inspected:  make(chan struct{}),
		closing:    make(chan struct{}),
		holderPath: holderPath(o.Path),
		queue:      make(chan request, queueLimit),
		ended:      make(chan struct{}),
		broken:     make(chan struct{}),
		leases:     map[molt.ItemID]lease{},
		company:    company,
		reserve:    reserve{path: reservePath(o.Path), size: o.Reserve},
	}
	err = s.openReserve()
	if err == nil {
		err = s.begin(o)
	}
	if err != nil {
		_ = s.closeFile()
		return nil, fmt.Errorf("open store %s: %w", o.Path, err)
	}
	return s, nil
}

// checkSmall checks the pages of a file that is not too large for it.
func checkSmall(file *os.File, most int64) error {
	if info, err := file.Stat(); err != nil || info.Size() > most {
		return err
	}
	return checkPages(file)
}

func openFile(o Options) (*bolt.DB, error) {
	// The free list is written with every commit: a file whose free list is
	// not synced is read through from end to end when it is opened.
	db, err := bolt.Open(o.Path, 0o600, &bolt.Options{
		Timeout:         o.LockTimeout,
		InitialMmapSize: o.InitialMmapSize,
		FreelistType:    bolt.FreelistMapType,
		NoStatistics:    true,
		OpenFile:        o.openFile,
		ReadOnly:        o.readOnly,
	})
	switch {
	case err == nil:
		return db, nil
	case errors.Is(err, berrors.ErrTimeout):
		return nil, fmt.Errorf("%s: %w: %s", o.Path, molt.ErrHeld, readHolder(o.Path))
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrVersionMismatch), errors.Is(err, berrors.ErrChecksum):
		return nil, fmt.Errorf("%s: %w: it is not a store of this kind, or its first pages are damaged (%w)", o.Path, molt.ErrCorrupt, err)
	}
	return nil, err
}

// mmapSize is the default address space for the file at path.
func mmapSize(path string) int {
	if strconv.IntSize < 64 {
		return 0
	}
	var size int64
	if info, err := os.Stat(path); err == nil {
		size = info.Size()
	}
	return int(max(defaultMmapSize, 2*size))
}

// begin makes the buckets, checks the schema, brings an older layout to this one,
// counts the opening, and leaves word of who holds the file. All of it is one
// transaction: a kill leaves the older layout whole, or this one.
func (s *Store) begin(o Options) error {
	opens, err := s.countOpening(o.checkedAtOpen)
	if err != nil {
		return err
	}
	s.token = opens * maxClaims
	// The file itself is synced; its name is only safe once its folder is.
	if err := syncFolder(filepath.Dir(o.Path)); err != nil {
		return err
	}
	return writeHolder(o.Path, o.Holder)
}

func (s *Store) countOpening(most int64) (opens uint64, err error) {
	err = s.db.Update(func(tx *bolt.Tx) error {
		if err := checkSchema(tx); err != nil {
			return err
		}
		if err := checkBuckets(tx); err != nil {
			return err
		}
		for _, name := range bucketNames() {
			if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
				return fmt.Errorf("bucket %s: %w", name, err)
			}
		}
		if tx.Size() <= most {
			if err := reindex(tx); err != nil {
				return err
			}
		}
		meta := tx.Bucket([]byte(bucketMeta))
		if b := meta.Get([]byte("opens")); len(b) == 8 {
			opens = binary.BigEndian.Uint64(b)
		}
		opens++
		if err := meta.Put([]byte("schema"), []byte(strconv.Itoa(schema))); err != nil {
			return err
		}
		return meta.Put([]byte("opens"), binary.BigEndian.AppendUint64(nil, opens))
	})
	return opens, err
}

// checkBuckets wants a file to have all buckets and no other, or, a new one, none: one
// whose name was damaged would be made anew, and empty.
func checkBuckets(tx *bolt.Tx) error {
	found := 0
	err := tx.ForEach(func(name []byte, b *bolt.Bucket) error {
		if b == nil || !slices.Contains(bucketNames(), string(name)) {
			return fmt.Errorf("%w: a bucket %q is none of this layout", molt.ErrCorrupt, name)
		}
		found++
		return nil
	})
	if err == nil && found > 0 && found < len(bucketNames()) {
		err = fmt.Errorf("%w: of %d buckets %d are there", molt.ErrCorrupt, len(bucketNames()), found)
	}
	return err
}

func checkSchema(tx *bolt.Tx) error {
	meta := tx.Bucket([]byte(bucketMeta))
	if meta == nil {
		return nil // a new file
	}
	text := string(meta.Get([]byte("schema")))
	version, err := strconv.Atoi(text)
	if err != nil || version < 1 {
		return fmt.Errorf("%w: its schema version reads %q", molt.ErrCorrupt, text)
	}
	if version > schema {
		return &SchemaError{Found: version, Known: schema}
	}
	return nil
}

// SchemaError says that the file was written by a newer build.
type SchemaError struct{ Found, Known int }

func (e *SchemaError) Error() string {
	return fmt.Sprintf("it was written by a newer version of this program (schema %d, this one reads up to %d); use that version, or restore a backup made by this one", e.Found, e.Known)
}

func (s *Store) closeFile() error {
	if !s.readOnly {
		// The note goes first: after the lock is given up it may be another's.
		_ = os.Remove(s.holderPath)
	}
	if s.stuck {
		return fmt.Errorf("close store: %w: the file stays locked until the process ends", molt.ErrBroken)
	}
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}

func holderPath(path string) string { return path + ".holder" }

// writeHolder leaves the note beside the file. It is for people only, the lock
// is what counts, so it need not survive a power cut.
func writeHolder(path, holder string) error {
	next := holderPath(path) + ".new"
	if err := os.WriteFile(next, []byte(holder+"\n"), 0o600); err != nil {
		return err
	}
	return os.Rename(next, holderPath(path))
}

func readHolder(path string) string {
	note, err := os.ReadFile(holderPath(path))
	text := strings.TrimSpace(string(note[:min(len(note), holderLimit)]))
	if err != nil || text == "" {
		return "it left no word of who it is"
	}
	return "held by " + text
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	defer folder.Close()
	if err := folder.Sync(); err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	return nil
}
