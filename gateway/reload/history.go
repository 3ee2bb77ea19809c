package reload

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/tidegate/tidegate/config"
	"github.com/tidegate/tidegate/molt"
)

// MaxHistory is how many contents that came in force are kept.
const MaxHistory = 50

const markHistory = "config:"

// Version is a content that came in force.
type Version struct {
	N    uint64 // counts on; 0: not kept yet
	At   molt.Time
	By   molt.PersonID // "": whoever wrote the file
	Via  string
	Text []byte // nil: too long to be kept
}

// kept is a version as the store has it.
type kept struct {
	At  molt.Time     `json:"at"`
	By  molt.PersonID `json:"by,omitempty"`
	Via string        `json:"via"`
	Zip []byte        `json:"zip,omitempty"` // the text, by gzip
}

func markOf(n uint64) molt.MarkID { return molt.MarkID(fmt.Sprintf("%s%020d", markHistory, n)) }

// History lists what came in force, newest first.
func (k *Keeper) History(ctx context.Context) ([]Version, error) {
	p, err := k.o.Store.Scan(ctx, molt.Query{Table: molt.TableMarks, Prefix: markHistory, Limit: molt.MaxPage})
	if err != nil {
		return nil, fmt.Errorf("history of the configuration: %w", err)
	}
	var out []Version
	for _, m := range slices.Backward(p.Marks) {
		v, err := versionOf(m)
		if err != nil {
			return nil, fmt.Errorf("history of the configuration: mark %s: %w", m.ID, err)
		}
		out = append(out, v)
	}
	return out, nil
}

func versionOf(m molt.Mark) (Version, error) {
	n, err := strconv.ParseUint(string(m.ID[len(markHistory):]), 10, 64)
	if err != nil {
		return Version{}, err
	}
	var r kept
	if err := json.Unmarshal(m.Value, &r); err != nil {
		return Version{}, err
	}
	v := Version{N: n, At: r.At, By: r.By, Via: r.Via}
	if r.Zip == nil {
		return v, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(r.Zip))
	if err != nil {
		return v, err
	}
	v.Text, err = io.ReadAll(io.LimitReader(z, config.MaxFile+1))
	return v, err
}

// KeepFirst keeps the content in force at the start, unless it is the newest kept.
// It is done before the first decision that is made under that content.
func (k *Keeper) KeepFirst(ctx context.Context) {
	k.mu.Lock()
	defer k.mu.Unlock()
	old, err := k.History(ctx)
	if err == nil && len(old) > 0 && bytes.Equal(old[0].Text, k.inForce) {
		return
	}
	k.keep(ctx, Version{At: molt.TimeOf(k.o.Now()), Via: ViaStart, Text: k.inForce})
}

// keep writes a version down and lets go of the oldest. That it cannot be kept
// takes nothing out of force.
func (k *Keeper) keep(ctx context.Context, v Version) {
	if err := k.put(ctx, v); err != nil {
		k.o.Log.Error().Err(err).Msg("a configuration in force is not in the history")
	}
}

func (k *Keeper) put(ctx context.Context, v Version) error {
	p, err := k.o.Store.Scan(ctx, molt.Query{Table: molt.TableMarks, Prefix: markHistory, Limit: molt.MaxPage})
	if err != nil {
		return err
	}
	if n := len(p.Marks); n > 0 {
		last, err := versionOf(p.Marks[n-1])
		if err != nil {
			return err
		}
		v.N = last.N
	}
	value, err := encode(v)
	if err != nil {
		return err
	}
	marks := []molt.Mark{{ID: markOf(v.N + 1), Value: value}}
	for _, m := range p.Marks[:max(0, len(p.Marks)+1-MaxHistory)] {
		marks = append(marks, molt.Mark{ID: m.ID, Drop: true})
	}
	_, err = k.o.Store.Commit(ctx, molt.Batch{Marks: marks})
	return err
}

func encode(v Version) ([]byte, error) {
	var zip bytes.Buffer
	z := gzip.NewWriter(&zip)
	if _, err := z.Write(v.Text); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	r := kept{At: v.At, By: v.By, Via: v.Via, Zip: zip.Bytes()}
	value, err := json.Marshal(r)
	if err == nil && len(value) > molt.MaxBodyBytes {
		r.Zip = nil
		value, err = json.Marshal(r)
	}
	return value, err
}
