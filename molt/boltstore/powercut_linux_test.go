package boltstore

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/molt"
)

// call is one line of a recorded trace: a write to the store, a sync of it that
// succeeded, or an answer that a caller was given.
type call struct {
	off      int64
	data     []byte // of a write
	size     int64  // of a truncation, else -1
	synced   bool
	answered string
}

var (
	tracedWrite    = regexp.MustCompile(`pwrite64\(\d+<[^>]*\\x2e\\x64\\x62>, "((?:\\x[0-9a-f]{2})*)", (\d+), (\d+)(?:\)| <unfinished)`)
	tracedTruncate = regexp.MustCompile(`ftruncate\(\d+<[^>]*\\x2e\\x64\\x62>, (\d+)`)
	tracedSync     = regexp.MustCompile(`(?:fdatasync\(\d+<[^>]*\\x2e\\x64\\x62>\)|<\.\.\. fdatasync resumed>\)) += 0$`)
	tracedAnswer   = regexp.MustCompile(`write\(1<[^>]*>, "((?:\\x[0-9a-f]{2})*)"`)
)

// TestPowerCut records every write and sync of a process that commits, with what
// it answered, cuts the power at random moments of the recording, and lets the
// disk have kept any of the writes since the last sync, whole or torn between two
// sectors. What had been answered has to be there, whole and chained.
// TIDEGATE_CUTS says how many images are looked at.
func TestPowerCut(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil {
		if slices.Contains(strings.Split(os.Getenv("TIDEGATE_TEST_REQUIRE"), ","), "strace") {
			t.Fatal("TIDEGATE_TEST_REQUIRE names strace, and it is not here")
		}
		t.Skip("strace records what the store writes; it is not here")
	}
	cuts := 200
	if n, err := strconv.Atoi(os.Getenv("TIDEGATE_CUTS")); err == nil {
		cuts = n
	}
	calls := record(t)
	rnd := rand.New(rand.NewPCG(1, uint64(cuts)))
	answers, kept, lost := 0, 0, 0
	for range cuts {
		image, answered, k, l := cut(calls, rnd)
		answers, kept, lost = answers+len(answered), kept+k, lost+l
		path := filepath.Join(t.TempDir(), "image.db")
		if err := os.WriteFile(path, image, 0o600); err != nil {
			t.Fatal(err)
		}
		if len(image) == 0 {
			continue // the power went before anything was written
		}
		s, err := Open(Options{Path: path, InitialMmapSize: 1 << 22})
		if err != nil {
			t.Fatalf("after %d answers: %v", len(answered), err)
		}
		there := marks(t, s)
		for _, id := range answered {
			if !there[id] {
				t.Fatalf("mark %s was answered, and is not there after a power cut", id)
			}
		}
		for i := range cutWriters {
			wholeJournal(t, s, molt.ConversationID(fmt.Sprint("c", i)), there)
		}
		if err := s.db.View(headsAreDue); err != nil {
			t.Error(err)
		}
		commit(t, s, mark("it goes on"))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if t.Failed() {
			return
		}
	}
	t.Logf("%d images of a recording of %d calls; %d unsynced writes kept, %d dropped or torn; %d answers looked for", cuts, len(calls), kept, lost, answers)
}

// record runs the child of TestKilled under strace until it gave some answers.
func record(t *testing.T) []call {
	t.Helper()
	dir := t.TempDir()
	trace := filepath.Join(dir, "trace")
	cmd := exec.Command("strace", "-f", "-qq", "-y", "-xx", "-s", "200000", "-o", trace, "-e", "trace=pwrite64,fdatasync,ftruncate,write",
		os.Args[0], "-test.run=^TestChild$")
	cmd.Env = append(os.Environ(), childPath+"="+filepath.Join(dir, "tidegate.db"), fmt.Sprintf("%s=%d", childAnswers, cutAnswers))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("the child: %v\n%s", err, out)
	}
	raw, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	var calls []call
	answers := 0
	for line := range bytes.Lines(raw) {
		if bytes.Contains(line, []byte("<detached ...>")) {
			break // the child ended inside this call: nothing was answered after it
		}
		c, ok := readCall(t, strings.TrimRight(string(line), "\n"))
		if !ok {
			continue
		}
		calls = append(calls, c)
		if c.answered != "" {
			answers++
		}
	}
	if answers < cutAnswers/2 {
		t.Fatalf("the trace holds %d answers only", answers)
	}
	return calls
}

func readCall(t *testing.T, line string) (c call, ok bool) {
	c.size = -1
	if m := tracedSync.FindStringSubmatch(line); m != nil {
		c.synced = true
		return c, true
	}
	if m := tracedTruncate.FindStringSubmatch(line); m != nil {
		c.size, _ = strconv.ParseInt(m[1], 10, 64)
		return c, true
	}
	if m := tracedAnswer.FindStringSubmatch(line); m != nil {
		f := strings.Fields(string(unescape(t, m[1])))
		if len(f) == 4 && f[0] == "answered" {
			c.answered = f[1]
		}
		return c, c.answered != ""
	}
	m := tracedWrite.FindStringSubmatch(line)
	if m == nil {
		if strings.Contains(line, "pwrite64(") {
			t.Fatalf("a write that cannot be read: … %s", line[max(0, len(line)-120):])
		}
		return c, false
	}
	c.data = unescape(t, m[1])
	c.off, _ = strconv.ParseInt(m[3], 10, 64)
	if n, _ := strconv.Atoi(m[2]); n != len(c.data) {
		t.Fatalf("a write of %d bytes is recorded with %d", n, len(c.data))
	}
	return c, true
}

func unescape(t *testing.T, s string) []byte {
	t.Helper()
	out := make([]byte, 0, len(s)/4)
	for ; len(s) >= 4; s = s[4:] {
		b, err := strconv.ParseUint(s[2:4], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, byte(b))
	}
	return out
}

const sector = 512

// cut is what may be on the disk when the power goes at a random call: all up to
// the last sync, and of what came after it anything.
func cut(calls []call, rnd *rand.Rand) (image []byte, answered []string, kept, lost int) {
	at := 1 + rnd.IntN(len(calls))
	last := 0
	for i, c := range calls[:at] {
		if c.synced {
			last = i
		}
		if c.answered != "" {
			answered = append(answered, c.answered)
		}
	}
	share := rnd.Float64() // of the writes since then that got there
	for i, c := range calls[:at] {
		if c.size >= 0 {
			image = append(image[:min(len(image), int(c.size))], make([]byte, max(0, int(c.size)-len(image)))...)
		}
		data := c.data
		if data == nil {
			continue
		}
		if i > last {
			switch x := rnd.Float64(); {
			case x >= share:
				lost++
				continue
			case rnd.IntN(4) == 0:
				lost++
				data = data[:sector*rnd.IntN(len(data)/sector+1)]
			default:
				kept++
			}
		}
		if more := int(c.off) + len(data) - len(image); more > 0 {
			image = append(image, make([]byte, more)...)
		}
		copy(image[c.off:], data)
	}
	return image, answered, kept, lost
}
