package outside

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// release names the release of which this run writes the record. It is done once,
// by the build that is released, and never again:
//
//	go test ./cmd/tidegate/outside -run TestReleases -args -release 1.0
var release = flag.String("release", "", "write testdata/releases of this name with the program as it is")

// conversation is as much of an export as every release has to read alike.
type conversation struct {
	Conversation string           `json:"conversation"`
	Owner        string           `json:"owner"`
	Inbound      []map[string]any `json:"inbound"`
	Outbound     []map[string]any `json:"outbound"`
	Journal      []map[string]any `json:"journal"`
}

// TestReleases opens the record that each release wrote: it is brought to the layout
// of now, every chain and every seal holds, each snapshot is what its events fold to
// under this build, and what is read is what that release itself read. Then it is
// gone on with, and a build that knows the older layout alone refuses it.
func TestReleases(t *testing.T) {
	t.Parallel()
	bin := program(t)
	if *release != "" {
		writeRelease(t, bin, filepath.Join("testdata", "releases", *release))
	}
	all, err := filepath.Glob("testdata/releases/*")
	if err != nil || len(all) == 0 {
		t.Fatalf("no releases: %v", err)
	}
	for _, from := range all {
		t.Run(filepath.Base(from), func(t *testing.T) {
			data := filepath.Join(t.TempDir(), "data")
			if err := os.Mkdir(data, 0o700); err != nil {
				t.Fatal(err)
			}
			put(t, filepath.Join(data, "tidegate.db"), gunzip(t, filepath.Join(from, "tidegate.db.gz")))
			key, err := os.ReadFile(filepath.Join(from, "tenant.key.txt"))
			if err != nil {
				t.Fatal(err)
			}
			put(t, filepath.Join(data, "tenant.key"), key)
			want := conversations(t, gunzip(t, filepath.Join(from, "export.jsonl.gz")))
			if out := verb(t, bin, "verify", "--data", data); !strings.Contains(out, " 0 faults") {
				t.Errorf("verify says %s", out)
			}
			got := conversations(t, []byte(verb(t, bin, "conversations", "export", "--all", "--json", "--data", data)))
			alike(t, got, want)
			if schema := schemaOf(t, filepath.Join(data, "tidegate.db")); schema != "4" {
				t.Errorf("the layout of the file is %s, want 4, which a build of an earlier one refuses", schema)
			}
			verb(t, bin, "keys", "rotate", "--data", data)
			if out := verb(t, bin, "verify", "--data", data); !strings.Contains(out, " 0 faults") {
				t.Errorf("verify, once it was gone on with, says %s", out)
			}
		})
	}
}

// alike wants what an earlier build read to be read now. What it does not know it
// leaves out, and a look since then is an event more.
func alike(t *testing.T, got, want map[string]conversation) {
	t.Helper()
	for id, w := range want {
		g, ok := got[id]
		if !ok || len(g.Journal) < len(w.Journal) {
			t.Errorf("%s: %d events, want %d", id, len(g.Journal), len(w.Journal))
			continue
		}
		for i, e := range w.Journal {
			if !reflect.DeepEqual(g.Journal[i], e) {
				t.Errorf("%s, event %d: got %v, want %v", id, i+1, g.Journal[i], e)
			}
		}
		for name, lists := range map[string][2][]map[string]any{"inbound": {g.Inbound, w.Inbound}, "outbound": {g.Outbound, w.Outbound}} {
			if len(lists[0]) != len(lists[1]) {
				t.Errorf("%s: %d %s, want %d", id, len(lists[0]), name, len(lists[1]))
				continue
			}
			for i, text := range lists[1] {
				for field, value := range text {
					if now := lists[0][i][field]; !reflect.DeepEqual(now, value) {
						t.Errorf("%s, %s %d, %s: got %v, want %v", id, name, i, field, now, value)
					}
				}
			}
		}
		if g.Owner != w.Owner {
			t.Errorf("%s: the owner is %s, want %s", id, g.Owner, w.Owner)
		}
	}
}

func conversations(t *testing.T, lines []byte) map[string]conversation {
	t.Helper()
	out := map[string]conversation{}
	for d := json.NewDecoder(bytes.NewReader(lines)); ; {
		var c conversation
		switch err := d.Decode(&c); err {
		case nil:
			out[c.Conversation] = c
		case io.EOF:
			return out
		default:
			t.Fatal(err)
		}
	}
}

// writeRelease plays the demonstration with the program and keeps its record.
func writeRelease(t *testing.T, bin, to string) {
	t.Helper()
	dir := t.TempDir()
	if out, code := play(within(t, 4*patience), bin, dir); code != 0 {
		t.Fatalf("exit %d\n%s", code, out)
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "tidegate-data")
	for name, b := range map[string][]byte{
		"export.jsonl.gz": gzipped(t, []byte(verb(t, bin, "conversations", "export", "--all", "--json", "--data", data))),
		"tidegate.db.gz":  gzipped(t, []byte(readFile(t, filepath.Join(data, "tidegate.db")))),
		"tenant.key.txt":  []byte(readFile(t, filepath.Join(data, "tenant.key"))),
	} {
		if err := os.WriteFile(filepath.Join(to, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// verb runs the program and wants it to succeed.
func verb(t *testing.T, bin string, args ...string) string {
	t.Helper()
	var said bytes.Buffer
	cmd := exec.CommandContext(within(t, patience), bin, args...)
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tidegate %s: %v\n%s%s", strings.Join(args, " "), err, out, said.Bytes())
	}
	return string(out)
}

func schemaOf(t *testing.T, path string) (version string) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.View(func(tx *bolt.Tx) error {
		version = string(tx.Bucket([]byte("meta")).Get([]byte("schema")))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return version
}

func put(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func gzipped(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func gunzip(t *testing.T, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
