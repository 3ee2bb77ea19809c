package gateway

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/gateway/casework"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// waiting are the items of the conversation.
func (f *frozen) waiting() []molt.Item {
	f.t.Helper()
	p, err := f.store.Scan(f.t.Context(), molt.Query{Table: molt.TableItems, Conversation: f.id, Limit: molt.MaxPage})
	must(f.t, err)
	return p.Items
}

// tear flips a bit of an item's body wherever it lies in the file, as a disk does.
func (f *frozen) tear(path string, it molt.Item) {
	f.t.Helper()
	raw, err := os.ReadFile(path)
	must(f.t, err)
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	must(f.t, err)
	n := 0
	for at := bytes.Index(raw, it.Body); at >= 0; at = bytes.Index(raw, it.Body) {
		raw[at] ^= 1
		_, err := file.WriteAt(raw[at:at+1], int64(at))
		must(f.t, err)
		n++
	}
	must(f.t, file.Close())
	if n == 0 {
		f.t.Fatal("the item is not in the file")
	}
}

// goesOn works for a while, and counts what left by its class, but for what told of damage.
func (f *frozen) goesOn(d time.Duration) map[channels.Class]int {
	f.t.Helper()
	left := map[channels.Class]int{}
	for end := f.now.Add(d); f.now.Before(end); f.now = f.now.Add(15 * time.Second) {
		for range 4 {
			for _, w := range f.gateway.workers {
				if w.class == molt.LaneAsk {
					continue
				}
				now := molt.TimeOf(f.now)
				c, err := f.store.Claim(f.t.Context(), molt.Claim{Classes: []molt.Lane{w.class}, Now: now, Until: now.Add(w.LeaseFor), Limit: 8})
				must(f.t, err)
				for _, it := range c.Items {
					through(w.begin)(f.t.Context(), it)
				}
			}
			for len(f.wire.sent) > 0 {
				if o := <-f.wire.sent; !strings.Contains(o.Words.Reveal(), "was damaged") {
					left[o.Class]++
				}
			}
		}
	}
	return left
}

// TestATornItemLosesNoCase: whichever item of a red flag is torn on the disk, somebody is
// paged after the daemon has started again, and so for the next red flag; the admins are
// told once.
func TestATornItemLosesNoCase(t *testing.T) {
	for i := 0; ; i++ {
		f, path, ring := openFrozen(t)
		f.answers("")
		f.id = f.texts("SM1", "my chest hurts")
		items := f.waiting()
		if i == len(items) {
			if i < 3 {
				t.Errorf("%d items are due for a red flag, want page, safety text and timer", i)
			}
			must(t, f.store.Close())
			return
		}
		must(t, f.store.Close())
		f.tear(path, items[i])
		f.open(path, ring)
		if left := f.goesOn(10 * time.Minute); left[channels.ClassPage] < 2 {
			t.Errorf("%s torn: %v left in ten minutes, want pages that go on", items[i].Lane, left)
		}
		if notices := f.told(t); len(notices) != 1 || !strings.Contains(notices[0], string(f.id)) {
			t.Errorf("%s torn: the admins were told %q, want once, of the conversation", items[i].Lane, notices)
		}
		f.id = f.texts("SM2", "I can't breathe, my chest hurts")
		if left := f.goesOn(10 * time.Minute); left[channels.ClassPage] == 0 {
			t.Errorf("%s torn: %v left after the next red flag, want a page", items[i].Lane, left)
		}
		must(t, f.store.Close())
	}
}

// TestATornItemHoldsNobodyBack: an item that is torn while the daemon runs keeps neither a
// red flag from its page nor a nurse from the case.
func TestATornItemHoldsNobodyBack(t *testing.T) {
	for _, said := range []string{"I need an appointment", "my chest hurts"} {
		for i := 0; ; i++ {
			f, path, _ := openFrozen(t)
			f.answers("")
			f.id = f.texts("SM1", said)
			items := f.waiting()
			if i == len(items) {
				must(t, f.store.Close())
				break
			}
			f.tear(path, items[i])
			if strings.Contains(said, "chest") {
				work, err := casework.New(casework.Options{Desk: f.gateway.desk, Rules: f.gateway.rules})
				must(t, err)
				out, err := work.Act(t.Context(), f.id, nil, turn.Acted{ID: "x", Actor: "alice", Via: "console", Verb: turn.VerbTake, Case: molt.CaseID(string(f.id) + "#1")})
				if err != nil || !out.Done {
					t.Errorf("%s torn: a nurse takes the case: %+v, %v", items[i].Lane, out, err)
				}
			} else {
				f.id = f.texts("SM2", "my chest hurts and I cannot breathe")
				if left := f.goesOn(time.Minute); left[channels.ClassPage] == 0 || left[channels.ClassSafety] == 0 {
					t.Errorf("%s torn: %v left for a red flag, want a page and the safety text", items[i].Lane, left)
				}
			}
			must(t, f.store.Close())
		}
	}
}
