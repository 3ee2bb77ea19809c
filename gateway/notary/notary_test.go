package notary

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/memstore"
	"github.com/tidegate/tidegate/molt/seal"
)

func newRing(t *testing.T) *seal.Keyring {
	t.Helper()
	ring, err := seal.LoadOrCreate(filepath.Join(t.TempDir(), "key"), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func head(id string, seq uint64, sign byte) molt.ConversationHead {
	return molt.ConversationHead{ID: molt.ConversationID(id), Head: molt.Head{Seq: seq, Hash: molt.Hash{sign}}}
}

// signed writes three checkpoints and returns their lines.
func threeLines(t *testing.T, ring *seal.Keyring, path string) []string {
	t.Helper()
	c := NewCheckpoints(path, ring)
	for i, heads := range [][]molt.ConversationHead{
		{head("a", 1, 1), head("b", 4, 2), head("empty", 0, 0)},
		{head("a", 1, 1), head("b", 4, 2)}, // nothing moved: no line
		{head("a", 3, 3), head("b", 4, 2)},
		{head("a", 3, 3), head("b", 6, 4)},
	} {
		if err := c.Sign(molt.Time(1000*(i+1)), heads); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(b), "\n")
	if len(lines) != 4 || lines[3] != "" {
		t.Fatalf("%d lines, want 3", len(lines)-1)
	}
	return lines[:3]
}

func TestTrail(t *testing.T) {
	ring := newRing(t)
	path := filepath.Join(t.TempDir(), "checkpoints")
	l := threeLines(t, ring, path)
	other := threeLines(t, newRing(t), filepath.Join(t.TempDir(), "other"))
	changed := strings.Replace(l[1], `"seq":3`, `"seq":2`, 1)
	for name, c := range map[string]struct {
		text   string
		points int
		fault  string
	}{
		"as written":                       {l[0] + l[1] + l[2], 4, ""},
		"empty":                            {"", 0, ""},
		"torn at the end":                  {l[0] + l[1] + l[2][:40], 3, ""},
		"torn, and gone on with":           {l[0] + l[1][:40] + "\n" + relined(t, ring, l[0]), 3, ""},
		"its end taken away":               {l[0] + l[1], 3, ""}, // which the file alone cannot tell
		"a line taken out":                 {l[0] + l[2], 3, "line 2: it does not follow"},
		"the first line taken out":         {l[1] + l[2], 2, "line 1: it does not follow"},
		"a line doubled":                   {l[0] + l[1] + l[1] + l[2], 5, "line 3: it does not follow"},
		"a line changed":                   {l[0] + changed + l[2], 3, "line 2: it was changed"},
		"the last line changed":            {l[0] + changed, 2, "line 2: it does not verify"},
		"another record's line in between": {l[0] + other[1] + l[2], 3, "line 2: it was changed"},
		"another record's file":            {other[0] + other[1], 0, "line 2: it does not verify"},
	} {
		trail, err := ReadTrail(strings.NewReader(c.text), ring)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(trail.Points) != c.points || (c.fault == "") != (len(trail.Faults) == 0) || !strings.Contains(strings.Join(trail.Faults, "\n"), c.fault) {
			t.Errorf("%s: %d points, faults %q; want %d, %q", name, len(trail.Points), trail.Faults, c.points, c.fault)
		}
	}
	if _, err := ReadTrail(bytes.NewReader(make([]byte, maxLine+1)), ring); err == nil {
		t.Error("a line without end was read")
	}
}

// relined is what a daemon writes that finds a first line and a torn second.
func relined(t *testing.T, ring *seal.Keyring, first string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "torn")
	if err := os.WriteFile(path, []byte(first+"{\"statement\""), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := NewCheckpoints(path, ring).Sign(9000, []molt.ConversationHead{head("a", 3, 3), head("b", 4, 2)}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(b), "\n")
	if len(lines) != 4 || strings.Contains(lines[2], `"b"`) {
		t.Fatalf("after a torn line it wrote %q; want a line of its own with what moved alone", lines)
	}
	return lines[2]
}

// TestManyHeads: the heads of more journals than fit make more lines.
func TestManyHeads(t *testing.T) {
	ring, path := newRing(t), filepath.Join(t.TempDir(), "checkpoints")
	var heads []molt.ConversationHead
	for n := range maxHeads + 1 {
		heads = append(heads, head("c_"+strings.Repeat("x", 200)+string(rune('a'+n%26))+string(rune(0x100+n)), 1, 1))
	}
	if err := NewCheckpoints(path, ring).Sign(1, heads); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	trail, err := ReadTrail(f, ring)
	if err != nil || len(trail.Points) != len(heads) || trail.number != 2 || len(trail.Faults) > 0 {
		t.Errorf("%d points in %d lines, faults %q, %v", len(trail.Points), trail.number, trail.Faults, err)
	}
}

// TestSecondPlaceComesBack: what could not be written is signed once it can be.
func TestSecondPlaceComesBack(t *testing.T) {
	ring, dir := newRing(t), filepath.Join(t.TempDir(), "away")
	c := NewCheckpoints(filepath.Join(dir, "checkpoints"), ring)
	heads := []molt.ConversationHead{head("a", 1, 1)}
	if err := c.Sign(1, heads); err == nil {
		t.Fatal("it was written to nowhere")
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := c.Sign(2, heads); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "checkpoints"))
	if err != nil || bytes.Count(b, []byte("\n")) != 1 {
		t.Errorf("%q, %v", b, err)
	}
}

func TestRestores(t *testing.T) {
	ctx, store, ring := context.Background(), memstore.New(), newRing(t)
	if r, err := Serve(ctx, store, ring, 5); r != nil || err != nil {
		t.Fatalf("a record that was never restored: %+v, %v", r, err)
	}
	for _, r := range []Restore{{At: 10, AsOf: 7, By: "os:root"}, {At: 30, AsOf: 25, By: "os:root"}} {
		if err := Record(ctx, store, ring, r); err != nil {
			t.Fatal(err)
		}
	}
	for _, now := range []molt.Time{40, 50} { // the second start changes nothing
		if r, err := Serve(ctx, store, ring, now); err != nil || r.At != 30 || r.Served != 40 {
			t.Errorf("at %d: %+v, %v", now, r, err)
		}
	}
	if _, err := Serve(ctx, store, newRing(t), 60); !errors.Is(err, ErrForged) {
		t.Errorf("under another key: %v, want forged", err)
	}
	all, err := Restores(ctx, store, ring)
	if err != nil || len(all) != 2 || all[0].By != "os:root" || all[0].Served != 0 {
		t.Errorf("restores: %+v, %v", all, err)
	}
}

// TestADamagedMarkOfARestore keeps no daemon from starting: what was restored counts
// as served from this start on, and that is written down.
func TestADamagedMarkOfARestore(t *testing.T) {
	ctx, store, ring := context.Background(), memstore.New(), newRing(t)
	if err := Record(ctx, store, ring, Restore{At: 10, AsOf: 7, By: "os:root"}); err != nil {
		t.Fatal(err)
	}
	if _, err := Serve(ctx, store, ring, 20); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Commit(ctx, molt.Batch{Marks: []molt.Mark{{ID: markOf(markServed, 10)}}}); err != nil {
		t.Fatal(err)
	}
	if r, err := Serve(ctx, store, ring, 30); r == nil || r.Served != 30 || !errors.Is(err, molt.ErrCorrupt) {
		t.Errorf("%+v, %v; want it served from now, and told", r, err)
	}
	if r, err := Serve(ctx, store, ring, 40); err != nil || r == nil || r.Served != 30 {
		t.Errorf("at the next start: %+v, %v", r, err)
	}
}
