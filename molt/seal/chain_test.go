package seal_test

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/seal"
)

func chain(conversation molt.ConversationID, n int) []molt.Event {
	var prev molt.Hash
	var events []molt.Event
	for i := range n {
		e := molt.Event{Seq: uint64(i + 1), At: molt.Time(1000 + i), Kind: "fact", Key: "k", Body: []byte{byte(i)}}
		e.Sum = seal.Sum(e.Body)
		e.Hash = seal.Link(prev, conversation, e)
		prev = e.Hash
		events = append(events, e)
	}
	return events
}

// A stored chain must verify under every later build, so its bytes are fixed
// here. The value was computed in another language from the format in Link's comment.
func TestLinkIsFixed(t *testing.T) {
	e := molt.Event{Seq: 7, At: 1_763_000_000_123, Kind: "inbound", Key: "k_abc", Sum: seal.Sum([]byte("hello"))}
	got := seal.Link(molt.Hash{1, 2, 3}, "c_one", e)
	const want = "456e8b9bafd86c31b6613ebf86302c5e84add0466045e641c8e77b09af0aaeb0"
	if hex.EncodeToString(got[:]) != want {
		t.Errorf("link: got %x, want %s", got, want)
	}
}

func TestVerifyChain(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(events []molt.Event) []molt.Event
		seq    uint64 // of the fault; 0 for none
		cause  string
	}{
		{"as written", func(e []molt.Event) []molt.Event { return e }, 0, ""},
		{"a body shed", func(e []molt.Event) []molt.Event { e[2].Body = nil; return e }, 0, ""},
		{"cut at the end", func(e []molt.Event) []molt.Event { return e[:3] }, 0, ""},
		{"nothing", func([]molt.Event) []molt.Event { return nil }, 0, ""},
		{"a body changed", func(e []molt.Event) []molt.Event { e[2].Body = []byte("x"); return e }, 3, "digest"},
		{"a body and its digest changed", func(e []molt.Event) []molt.Event {
			e[2].Body = []byte("x")
			e[2].Sum = seal.Sum(e[2].Body)
			return e
		}, 3, "hash"},
		{"a digest changed and the body shed", func(e []molt.Event) []molt.Event { e[1].Body, e[1].Sum = nil, molt.Hash{}; return e }, 2, "hash"},
		{"a time changed", func(e []molt.Event) []molt.Event { e[0].At--; return e }, 1, "hash"},
		{"a kind changed", func(e []molt.Event) []molt.Event { e[3].Kind = "other"; return e }, 4, "hash"},
		{"a key changed", func(e []molt.Event) []molt.Event { e[3].Key = ""; return e }, 4, "hash"},
		{"one taken out", func(e []molt.Event) []molt.Event { return append(e[:1], e[2:]...) }, 2, "sequence"},
		{"one taken out and the rest renumbered", func(e []molt.Event) []molt.Event {
			e = append(e[:1], e[2:]...)
			for i := range e {
				e[i].Seq = uint64(i + 1)
			}
			return e
		}, 2, "hash"},
		{"two exchanged", func(e []molt.Event) []molt.Event { e[1], e[2] = e[2], e[1]; return e }, 2, "sequence"},
		{"going back in time", func(e []molt.Event) []molt.Event {
			e[4].At = 5
			e[4].Hash = seal.Link(e[3].Hash, "c_one", e[4])
			return e
		}, 5, "earlier"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := seal.VerifyChain(molt.Hash{}, 1, "c_one", c.change(chain("c_one", 5)))
			var fault *seal.ChainError
			switch {
			case c.seq == 0 && err != nil:
				t.Errorf("got %v, want it verified", err)
			case c.seq == 0:
			case !errors.As(err, &fault) || !errors.Is(err, molt.ErrCorrupt):
				t.Errorf("got %v, want a ChainError that is ErrCorrupt", err)
			case fault.Seq != c.seq || fault.Conversation != "c_one" || !strings.Contains(fault.Cause, c.cause):
				t.Errorf("got %v, want event %d and %q named", err, c.seq, c.cause)
			}
		})
	}
}

func TestVerifyChainFromAMiddle(t *testing.T) {
	events := chain("c_one", 5)
	if err := seal.VerifyChain(events[1].Hash, 3, "c_one", events[2:]); err != nil {
		t.Errorf("got %v, want it verified", err)
	}
	if err := seal.VerifyChain(molt.Hash{}, 3, "c_one", events[2:]); err == nil {
		t.Errorf("from a wrong hash: got no error")
	}
	if err := seal.VerifyChain(molt.Hash{}, 1, "c_two", events); err == nil {
		t.Errorf("as another conversation's: got no error")
	}
}

// FuzzLink wants two events that differ in anything the chain binds to have
// different links: the header has one way to be read.
func FuzzLink(f *testing.F) {
	f.Add("c", uint64(1), int64(1), "kind", "key", "c", uint64(1), int64(1), "kindk", "ey")
	f.Add("c", uint64(1), int64(1), "", "", "c\x00", uint64(1), int64(1), "", "")
	f.Fuzz(func(t *testing.T, c1 string, s1 uint64, a1 int64, k1, y1, c2 string, s2 uint64, a2 int64, k2, y2 string) {
		one := seal.Link(molt.Hash{}, molt.ConversationID(c1), molt.Event{Seq: s1, At: molt.Time(a1), Kind: k1, Key: molt.KeyID(y1)})
		two := seal.Link(molt.Hash{}, molt.ConversationID(c2), molt.Event{Seq: s2, At: molt.Time(a2), Kind: k2, Key: molt.KeyID(y2)})
		same := c1 == c2 && s1 == s2 && a1 == a2 && k1 == k2 && y1 == y2
		if (one == two) != same {
			t.Errorf("links equal: %v, headers equal: %v", one == two, same)
		}
	})
}
