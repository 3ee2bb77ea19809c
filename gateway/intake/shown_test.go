package intake

import (
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

const visitorOne = molt.Address("visitor:1")

// looks reads all that a visitor may see after a position.
func (w *world) looks(after channels.Position) (out []channels.Shown) {
	w.t.Helper()
	id := w.desk.ConversationOf("main", clinic, visitorOne)
	for range 100 {
		v, err := w.desk.Shown(w.t.Context(), id, after)
		if err != nil {
			w.t.Fatal(err)
		}
		out = append(out, v.Shown...)
		if after = v.Next; !v.More {
			return out
		}
	}
	w.t.Fatal("the record never ends")
	return nil
}

// publish commits the attempt of the first text to the patient that has none.
func (w *world) publish(id molt.ConversationID) molt.ItemID {
	w.t.Helper()
	var item molt.ItemID
	_, err := w.desk.Step(w.t.Context(), id, nil, func(s *turn.State, _ func(turn.Ref) molt.Words) Plan {
		for _, d := range s.Sends {
			if d.Person == "" && d.State == turn.SendDue {
				item = d.Item
				return Plan{Facts: []Fact{{Kind: turn.KindAttempted, Body: &turn.Attempted{Item: d.Item, Attempt: 1, Class: d.Class}}}}
			}
		}
		return Plan{}
	})
	if err != nil || item == "" {
		w.t.Fatalf("nothing to publish: %v", err)
	}
	return item
}

func speakers(shown []channels.Shown) (out []channels.ShownKind) {
	for _, s := range shown {
		out = append(out, s.Kind)
	}
	return out
}

func TestAVisitorSeesTheirOwnAndWhatIsPublished(t *testing.T) {
	w := newWorld(t)
	a := w.chat(1, "m1", "home", "my chest hurts")
	if got := speakers(w.looks(0)); !slices.Equal(got, []channels.ShownKind{channels.ShownOwn}) {
		t.Errorf("before its attempt is committed the safety text shows: %v", got)
	}
	w.publish(a.Conversation)
	shown := w.looks(0)
	if got := speakers(shown); !slices.Equal(got, []channels.ShownKind{channels.ShownOwn, channels.ShownSafety}) {
		t.Fatalf("it shows %v", got)
	}
	if shown[0].ProviderID != "m1" || shown[0].Words != "my chest hurts" || shown[1].Words == "" || shown[1].At <= shown[0].At {
		t.Errorf("it shows %+v", shown)
	}
	if at, err := w.desk.TextAt(t.Context(), a.Conversation, a); err != nil || at != shown[0].At {
		t.Errorf("the text was answered with position %d, %v, and stands at %d", at, err, shown[0].At)
	}
	// From any position on exactly what follows it, though its decision came before.
	for i, s := range shown {
		if got := w.looks(s.At); !reflect.DeepEqual(append([]channels.Shown{}, got...), append([]channels.Shown{}, shown[i+1:]...)) {
			t.Errorf("after position %d it shows %v", s.At, speakers(got))
		}
	}
	// A second attempt only repeats the record.
	if _, err := w.desk.Step(t.Context(), a.Conversation, nil, func(s *turn.State, _ func(turn.Ref) molt.Words) Plan {
		return Plan{Facts: []Fact{{Kind: turn.KindAttempted, Body: &turn.Attempted{Item: s.Sends[0].Item, Attempt: 2}}}}
	}); err != nil {
		t.Fatal(err)
	}
	if n := len(w.looks(0)); n != 2 {
		t.Errorf("after a second attempt it shows %d messages", n)
	}
}

func TestSeenIsDeliveredOnce(t *testing.T) {
	w := newWorld(t)
	a := w.chat(1, "m1", "home", "my chest hurts")
	item := w.publish(a.Conversation)
	shown := w.looks(0)
	state := func() (st channels.Status, seq uint64) {
		_, err := w.desk.Step(t.Context(), a.Conversation, nil, func(s *turn.State, _ func(turn.Ref) molt.Words) Plan {
			for _, d := range s.Sends {
				if d.Item == item {
					st = d.Status
				}
			}
			seq = s.Seq
			return Plan{}
		})
		if err != nil {
			t.Fatal(err)
		}
		return st, seq
	}
	see := func(at channels.Position) {
		t.Helper()
		if err := w.desk.Seen(t.Context(), a.Conversation, at); err != nil {
			t.Fatal(err)
		}
	}
	see(shown[0].At)
	if st, _ := state(); st == channels.StatusDelivered {
		t.Error("what was not shown yet counts as delivered")
	}
	see(shown[1].At)
	st, seq := state()
	if st != channels.StatusDelivered {
		t.Errorf("what was shown counts as %q", st)
	}
	see(shown[1].At)
	see(1 << 52)
	if _, again := state(); again != seq {
		t.Error("the same seen again was recorded again")
	}
	if err := w.desk.Seen(t.Context(), "c_nobody", 5); err != nil {
		t.Errorf("seen of nobody: %v", err)
	}
}

// TestAVisitorReadsOnIntoTheSuccessor damages a journal in the middle of a chat.
func TestAVisitorReadsOnIntoTheSuccessor(t *testing.T) {
	w := newWorld(t)
	a := w.chat(1, "m1", "home", "hello")
	before := w.looks(0)
	w.desk = w.newDesk(nil)
	w.store.loading = func(id molt.ConversationID, l *molt.Loaded) {
		if id == a.Conversation && len(l.Snapshot.Body) > 0 {
			l.Snapshot.Body = append([]byte(nil), l.Snapshot.Body...)
			l.Snapshot.Body[len(l.Snapshot.Body)-1] ^= 1
		}
	}
	b := w.chat(1, "m2", "home", "my chest hurts")
	if b.Conversation == a.Conversation {
		t.Fatal("the journal is not frozen")
	}
	w.publish(b.Conversation)
	after := w.looks(before[len(before)-1].At)
	if got := speakers(after); !slices.Equal(got, []channels.ShownKind{channels.ShownOwn, channels.ShownSafety}) || after[0].Words != "my chest hurts" {
		t.Errorf("it goes on with %v", got)
	}
	if at, err := w.desk.TextAt(t.Context(), a.Conversation, b); err != nil || at != after[0].At {
		t.Errorf("the text was answered with %d, %v, and stands at %d", at, err, after[0].At)
	}
	if talk, err := w.desk.Talk(t.Context(), a.Conversation); err != nil || talk.Who != channels.SpeakerWaiting {
		t.Errorf("the talk stands as %+v, %v", talk, err)
	}
	if err := w.desk.Seen(t.Context(), a.Conversation, after[1].At); err != nil {
		t.Errorf("seen: %v", err)
	}
	if all := w.looks(0); len(all) != len(before)+len(after) {
		t.Errorf("from the beginning it shows %v", speakers(all))
	}
}

func TestAVisitorWithoutARecord(t *testing.T) {
	w := newWorld(t)
	if got := w.looks(0); len(got) != 0 {
		t.Errorf("it shows %v", speakers(got))
	}
	talk, err := w.desk.Talk(t.Context(), "c_nobody")
	if err != nil || talk.Who != channels.SpeakerAgent || errors.Is(err, ErrUnknownConversation) {
		t.Errorf("the talk stands as %+v, %v", talk, err)
	}
}
