package boltstore

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/seal"
)

// What the child is told.
const (
	childPath    = "TIDEGATE_TEST_STORE"
	childAnswers = "TIDEGATE_TEST_ANSWERS" // after how many it ends by itself
)

// Of a recording.
const (
	cutWriters = 8
	cutAnswers = 400
)

// TestChild is not a test: it is the process that TestKilled kills.
func TestChild(t *testing.T) {
	path := os.Getenv(childPath)
	if path == "" {
		t.Skip("it runs as the child of TestKilled only")
	}
	s, err := Open(Options{Path: path, Holder: "the child"})
	if err != nil {
		t.Fatal(err)
	}
	var enough chan struct{}
	var given atomic.Int64
	most, _ := strconv.ParseInt(os.Getenv(childAnswers), 10, 64)
	if most > 0 {
		enough = make(chan struct{})
	}
	for i := range cutWriters {
		go func() { // ends with the process
			c := molt.ConversationID(fmt.Sprint("c", i))
			for j := 0; ; j++ {
				id := molt.MarkID(fmt.Sprintf("m:%d:%d", i, j))
				committed, err := s.Commit(context.Background(), molt.Batch{
					Conversation: c, Expect: molt.Expect{AnySeq: true}, Marks: []molt.Mark{{ID: id}},
					Events: []molt.Event{{At: molt.Time(j), Kind: "x", Body: make([]byte, 300)}},
					Put:    []molt.Item{{ID: molt.ItemID(id), Conversation: c, Lane: "agent"}},
				})
				if err != nil {
					fmt.Fprintf(os.Stdout, "error %v\n", err)
					return
				}
				fmt.Fprintf(os.Stdout, "answered %s %s %d\n", id, c, committed.Head.Seq)
				if given.Add(1) == most {
					close(enough)
				}
			}
		}()
	}
	<-enough
}

// TestKilled kills a process in the midst of commits, on a fresh file
// each time, and wants all that it was told to be there, whole and chained. The
// judge is the pipe: the killed process cannot take back what it said.
func TestKilled(t *testing.T) {
	for round := range 3 {
		path := filepath.Join(t.TempDir(), "tidegate.db")
		answered := killed(t, path, 300*(round+1))
		s := open(t, Options{Path: path})
		there := marks(t, s)
		for id, seq := range answered {
			if !there[id] {
				t.Errorf("round %d: mark %s was answered (%s) and is lost", round, id, seq)
			}
		}
		for i := range cutWriters {
			wholeJournal(t, s, molt.ConversationID(fmt.Sprint("c", i)), there)
		}
		if err := s.db.View(headsAreDue); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// killed runs the child until it has told of n answers, and kills it.
func killed(t *testing.T, path string, n int) map[string]string {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^TestChild$", "-test.v")
	child.Env = append(os.Environ(), childPath+"="+path)
	pipe, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	answered := map[string]string{}
	for lines := bufio.NewScanner(pipe); lines.Scan(); {
		switch words := strings.Fields(lines.Text()); {
		case len(words) == 4 && words[0] == "answered":
			answered[words[1]] = words[2] + " " + words[3]
		case len(words) > 0 && words[0] == "error":
			t.Errorf("child: %s", lines.Text())
		}
		if len(answered) == n/2 {
			if _, err := Open(Options{Path: path, LockTimeout: 60 * time.Millisecond}); !errors.Is(err, molt.ErrHeld) || !strings.Contains(err.Error(), "the child") {
				t.Errorf("open beside the child: got %v, want ErrHeld by the child", err)
			}
		}
		if len(answered) == n {
			_ = child.Process.Kill()
		}
	}
	_ = child.Wait()
	if len(answered) < n {
		t.Fatalf("the child told of %d answers only", len(answered))
	}
	return answered
}

// wholeJournal checks that the chain holds and that no batch is there in part.
func wholeJournal(t *testing.T, s *Store, c molt.ConversationID, marks map[string]bool) {
	t.Helper()
	l, err := s.Load(context.Background(), c, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := seal.VerifyChain(molt.Hash{}, 1, c, l.Tail); err != nil {
		t.Error(err)
	}
	p, err := s.Scan(context.Background(), molt.Query{Table: molt.TableItems, Conversation: c, Limit: molt.MaxPage})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for id := range marks {
		if strings.HasPrefix(id, "m:"+string(c[1:])+":") {
			n++
		}
	}
	if n != len(l.Tail) || len(p.Items) != min(n, molt.MaxPage) {
		t.Errorf("conversation %s: %d marks, %d events, %d items of batches with one each", c, n, len(l.Tail), len(p.Items))
	}
}
