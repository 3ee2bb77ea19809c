package notary

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/seal"
)

const (
	purposeCheckpoint = "checkpoint"
	// maxHeads bounds the journals of one line; more make more lines.
	maxHeads = 1000
	// maxLine bounds a line that is read: maxHeads of the longest ids.
	maxLine = 1 << 20
)

// Head is how far a journal had come.
type Head struct {
	Conversation molt.ConversationID `json:"c"`
	Seq          uint64              `json:"seq"`
	Hash         string              `json:"hash"` // the chain's value there
}

// checkpoint is the statement of one line: the journals that moved since the line
// before it, whose digest it holds.
type checkpoint struct {
	Number uint64    `json:"n"`
	At     molt.Time `json:"at"`
	Prev   string    `json:"prev,omitempty"`
	Heads  []Head    `json:"heads"`
}

// Point is a signed head.
type Point struct {
	Head
	At molt.Time
}

// Trail is what a file of checkpoints holds.
type Trail struct {
	Points []Point // by conversation and sequence number
	Last   molt.Time
	Faults []string // what is wrong with the file itself

	number  uint64
	prev    string
	partial bool // its last line has no end
}

// ReadTrail reads checkpoints and checks their signatures and their order. A
// line that was cut off by a crash is no fault: the next follows the one before.
func ReadTrail(r io.Reader, ring *seal.Keyring) (Trail, error) {
	var t Trail
	torn, line := 0, 0
	in := bufio.NewReaderSize(r, maxLine)
	for {
		text, err := in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			return t, fmt.Errorf("checkpoints, line %d: it is over %d bytes", line+1, maxLine)
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return t, fmt.Errorf("checkpoints: %w", err)
		}
		if t.partial = len(text) > 0 && err != nil; len(text) > 0 {
			line++
			torn = t.take(ring, line, bytes.TrimSuffix(text, []byte("\n")), torn)
		}
		if err != nil {
			break
		}
	}
	if torn > 0 && !t.partial {
		t.Faults = append(t.Faults, fmt.Sprintf("checkpoints, line %d: it does not verify, or is of another record", torn))
	}
	slices.SortStableFunc(t.Points, func(a, b Point) int {
		return cmp.Or(cmp.Compare(a.Conversation, b.Conversation), cmp.Compare(a.Seq, b.Seq))
	})
	return t, nil
}

// take reads one line. It returns the number of a line that does not verify and
// may have been cut off; 0: none waits to be explained.
func (t *Trail) take(ring *seal.Keyring, line int, text []byte, torn int) int {
	var c checkpoint
	if len(text) == 0 {
		return torn
	}
	if open(ring, purposeCheckpoint, text, &c) != nil {
		return line
	}
	switch {
	case c.Prev == t.prev && c.Number == t.number+1:
	case torn > 0:
		t.Faults = append(t.Faults, fmt.Sprintf("checkpoints, line %d: it was changed, or is of another record", torn))
	default:
		t.Faults = append(t.Faults, fmt.Sprintf("checkpoints, line %d: it does not follow the line before it: lines were taken out, doubled or moved", line))
	}
	for _, h := range c.Heads {
		t.Points = append(t.Points, Point{Head: h, At: c.At})
	}
	t.number, t.prev, t.Last = c.Number, digest(text), max(t.Last, c.At)
	return 0
}

func digest(line []byte) string {
	sum := sha256.Sum256(line)
	return hex.EncodeToString(sum[:])
}

// Checkpoints appends to a file of checkpoints. It is used by one goroutine.
type Checkpoints struct {
	path  string
	ring  *seal.Keyring
	known map[molt.ConversationID]string // the hash last signed
	trail Trail
	read  bool
}

// NewCheckpoints opens nothing yet: the second place may come back later.
func NewCheckpoints(path string, ring *seal.Keyring) *Checkpoints {
	return &Checkpoints{path: path, ring: ring}
}

// Sign appends the heads that moved since they were last signed, to the disk.
// After an error the file is read anew before the next.
func (c *Checkpoints) Sign(now molt.Time, heads []molt.ConversationHead) (err error) {
	defer func() {
		if c.read = err == nil; err != nil {
			err = fmt.Errorf("checkpoint: %w", err)
		}
	}()
	if !c.read {
		if err := c.reopen(); err != nil {
			return err
		}
	}
	var moved []Head
	for _, h := range heads {
		if hash := hex.EncodeToString(h.Head.Hash[:]); h.Head.Seq > 0 && c.known[h.ID] != hash {
			moved = append(moved, Head{h.ID, h.Head.Seq, hash})
		}
	}
	if len(moved) == 0 {
		return nil
	}
	var out []byte
	if c.trail.partial {
		out = append(out, '\n')
	}
	for part := range slices.Chunk(moved, maxHeads) {
		c.trail.number++
		line, err := sign(c.ring, purposeCheckpoint, checkpoint{c.trail.number, now, c.trail.prev, part})
		if err != nil {
			return err
		}
		c.trail.prev = digest(line)
		out = append(append(out, line...), '\n')
	}
	if err := appendTo(c.path, out); err != nil {
		return err
	}
	c.trail.partial = false
	for _, h := range moved {
		c.known[h.Conversation] = h.Hash
	}
	return nil
}

// reopen finds out where the file ends.
func (c *Checkpoints) reopen() (err error) {
	c.known, c.trail = map[molt.ConversationID]string{}, Trail{}
	f, err := os.Open(c.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if c.trail, err = ReadTrail(f, c.ring); err != nil {
		return err
	}
	at := map[molt.ConversationID]molt.Time{}
	for _, p := range c.trail.Points {
		if p.At >= at[p.Conversation] {
			at[p.Conversation], c.known[p.Conversation] = p.At, p.Hash
		}
	}
	c.trail.Points = nil
	return nil
}

// appendTo adds to a file and syncs it, and its folder when the file is new.
func appendTo(path string, b []byte) error {
	_, err := os.Lstat(path)
	fresh := errors.Is(err, fs.ErrNotExist)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil || !fresh {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
