package intake

import (
	"errors"
	"testing"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/attic"
	"github.com/tidegate/tidegate/molt/seal"
)

const rash = "\xff\xd8\xff a rash"

// attic is a folder of files beside the world's store.
func (w *world) attic() *attic.Attic {
	w.t.Helper()
	a, err := attic.Open(attic.Options{Folder: w.t.TempDir(), Store: w.store, Ring: w.ring, Random: newChance(9)})
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// sends brings a visitor's file in, sealed for the journal that goes on.
func (w *world) sends(a *attic.Attic, d *Desk, id string) (Answer, attic.Ref, error) {
	w.t.Helper()
	at, err := d.Latest(w.t.Context(), d.ConversationOf("main", clinic, visitorOne))
	if err != nil {
		w.t.Fatal(err)
	}
	ref, keys, err := a.KeepFirst(w.t.Context(), at, molt.TimeOf(w.clock.Now()), []byte(rash))
	if err != nil {
		w.t.Fatal(err)
	}
	in := channels.Inbound{
		Channel: "main", Account: clinic, Peer: visitorOne, ProviderID: id, Via: channels.ViaLive,
		Media: []channels.Media{{Type: "image/jpeg", Kept: &channels.Kept{Hash: ref.Name, Key: ref.Key, Bytes: int64(len(rash))}}},
	}
	t, err := d.AcceptFile(w.t.Context(), in, Sealed{Conversation: at, Keys: keys})
	if err != nil {
		w.t.Fatal(err)
	}
	answer, err := t.Wait(w.t.Context())
	return answer, ref, err
}

// TestAFileMayBeTheFirstOfAConversation: its key and the text that names it are
// one commit, and what opens it is there after a restart.
func TestAFileMayBeTheFirstOfAConversation(t *testing.T) {
	w := newWorld(t)
	files := w.attic()
	a, ref, err := w.sends(files, w.desk, "m1")
	if err != nil {
		t.Fatal(err)
	}
	if n := len(w.store.batches()); n != 1 {
		t.Errorf("%d commits, want one that holds the text and the key", n)
	}
	if body, err := files.Read(t.Context(), a.Conversation, ref); err != nil || string(body) != rash {
		t.Errorf("the file reads %q, %v", body, err)
	}
	// What comes next is sealed under the mailbox's own key, and read beside it.
	w.chat(1, "m2", "home", "do you see it?")
	var kept *turn.File
	_, err = w.newDesk(nil).Step(t.Context(), a.Conversation, nil, func(s *turn.State, _ func(turn.Ref) molt.Words) Plan {
		kept = s.File(turn.FileAt{Seq: a.Text})
		return Plan{}
	})
	if err != nil || kept == nil || kept.State != turn.FileKept || kept.Hash != ref.Name || kept.Bytes != int64(len(rash)) {
		t.Errorf("after a restart the file is %+v, %v", kept, err)
	}
	if again, _, err := w.sends(files, w.desk, "m1"); err != nil || !again.Duplicate {
		t.Errorf("the same file again: %+v, %v", again, err)
	}
}

// TestAFileOfAFrozenJournalGoesToItsSuccessor: sealed for the one it is turned
// away, and a person has the patient; sealed for the other it is taken.
func TestAFileOfAFrozenJournalGoesToItsSuccessor(t *testing.T) {
	w := newWorld(t)
	files := w.attic()
	first, _, err := w.sends(files, w.desk, "m1")
	if err != nil {
		t.Fatal(err)
	}
	w.store.loading = torn(first.Conversation)
	d := w.newDesk(nil)
	if _, _, err := w.sends(files, d, "m2"); !errors.Is(err, ErrMoved) {
		t.Fatalf("for the frozen journal: %v, want ErrMoved", err)
	}
	if rows, err := d.WorkList(t.Context()); err != nil || len(rows) != 1 || rows[0].Conversation == first.Conversation {
		t.Errorf("the work list is %+v, %v; want the successor's case", rows, err)
	}
	a, ref, err := w.sends(files, d, "m2")
	if err != nil || a.Duplicate || a.Conversation == first.Conversation {
		t.Fatalf("for its successor: %+v, %v", a, err)
	}
	if body, err := files.Read(t.Context(), a.Conversation, ref); err != nil || string(body) != rash {
		t.Errorf("the file reads %q, %v", body, err)
	}
	if _, err := files.Read(t.Context(), first.Conversation, ref); !errors.Is(err, seal.ErrNoKey) {
		t.Errorf("for the frozen journal it reads: %v", err)
	}
}
