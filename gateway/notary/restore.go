package notary

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/seal"
)

// The marks of restores. The first holds the signed statement, the second when
// the record was first served after it.
const (
	markRestore = "restore:"
	markServed  = "restore-served:"
)

// ErrForged says that a signature is not of this record's key.
var ErrForged = errors.New("its signature is not of this record's key")

const purposeRestore = "restore"

// Restore is the statement that the record was brought back from a backup. What
// was committed between AsOf and At elsewhere is not in it.
type Restore struct {
	At            molt.Time     `json:"at"`
	AsOf          molt.Time     `json:"as_of"` // of the newest event in the backup
	By            molt.PersonID `json:"by"`
	Conversations int           `json:"conversations"`
	Events        uint64        `json:"events"`
	Backup        string        `json:"backup"` // the file's SHA-256
	// Served is when the record was served again; 0: not yet. It is not signed.
	Served molt.Time `json:"-"`
}

// signed is a statement with its signature, as it is kept.
type signed struct {
	Statement json.RawMessage `json:"statement"`
	Signature []byte          `json:"signature"`
}

// Record commits a restore.
func Record(ctx context.Context, store molt.Store, ring *seal.Keyring, r Restore) error {
	value, err := sign(ring, purposeRestore, r)
	if err != nil {
		return err
	}
	_, err = store.Commit(ctx, molt.Batch{Marks: []molt.Mark{{ID: markOf(markRestore, r.At), Value: value}}})
	if err != nil {
		return fmt.Errorf("record the restore: %w", err)
	}
	return nil
}

func markOf(prefix string, at molt.Time) molt.MarkID {
	return molt.MarkID(fmt.Sprintf("%s%015d", prefix, at))
}

func sign(ring *seal.Keyring, purpose string, statement any) ([]byte, error) {
	body, err := json.Marshal(statement)
	if err != nil {
		return nil, fmt.Errorf("statement: %w", err)
	}
	sig, err := ring.Sign(purpose, body)
	if err != nil {
		return nil, err
	}
	return json.Marshal(signed{body, sig})
}

// open reads a signed statement, or wraps ErrForged.
func open(ring *seal.Keyring, purpose string, value []byte, into any) error {
	var s signed
	if err := json.Unmarshal(value, &s); err != nil {
		return fmt.Errorf("%w: it does not read", ErrForged)
	}
	by, err := ring.Verifier()
	if err != nil {
		return err
	}
	if !seal.Signed(by, purpose, s.Statement, s.Signature) {
		return ErrForged
	}
	return json.Unmarshal(s.Statement, into)
}

// Restores lists the restores of a record, oldest first. The error wraps
// ErrForged when one is not of this record's key; the others are listed.
func Restores(ctx context.Context, store molt.Store, ring *seal.Keyring) ([]Restore, error) {
	p, err := store.Scan(ctx, molt.Query{Table: molt.TableMarks, Prefix: markRestore, Limit: molt.MaxPage})
	if err != nil {
		return nil, fmt.Errorf("restores: %w", err)
	}
	served, err := store.Scan(ctx, molt.Query{Table: molt.TableMarks, Prefix: markServed, Limit: molt.MaxPage})
	if err != nil {
		return nil, fmt.Errorf("restores: %w", err)
	}
	var all []Restore
	var forged error
	for _, m := range p.Marks {
		var r Restore
		if err := open(ring, purposeRestore, m.Value, &r); err != nil || m.ID != markOf(markRestore, r.At) {
			forged = fmt.Errorf("the restore %s: %w", m.ID, cmp.Or(err, ErrForged))
			continue
		}
		i := slices.IndexFunc(served.Marks, func(m molt.Mark) bool { return m.ID == markOf(markServed, r.At) })
		if i >= 0 {
			if err := json.Unmarshal(served.Marks[i].Value, &r.Served); err != nil {
				r.Served, forged = 0, fmt.Errorf("the mark %s: %w", served.Marks[i].ID, molt.ErrCorrupt)
			}
		}
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b Restore) int { return cmp.Compare(a.At, b.At) })
	return all, forged
}

// Serve notes when the last restore is first served, and returns it; nil: there
// was none. One of which that does not read is served from now on: more is asked of
// the carrier then, and nothing is sent twice. What of the record is damaged is in the
// error beside it, and keeps nobody from starting.
func Serve(ctx context.Context, store molt.Store, ring *seal.Keyring, now molt.Time) (*Restore, error) {
	all, err := Restores(ctx, store, ring)
	if len(all) == 0 {
		return nil, err
	}
	last := &all[len(all)-1]
	if last.Served > 0 {
		return last, err
	}
	last.Served = max(now, last.At)
	value, jsonErr := json.Marshal(last.Served)
	if jsonErr != nil {
		return nil, jsonErr
	}
	if _, err := store.Commit(ctx, molt.Batch{Marks: []molt.Mark{{ID: markOf(markServed, last.At), Value: value}}}); err != nil {
		return nil, fmt.Errorf("note the restore as served: %w", err)
	}
	return last, err
}
