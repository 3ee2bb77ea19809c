package intake

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
)

// standing counts the cases for which people are asked and those that wait.
func (w *world) standing() (asked, wait int) {
	w.t.Helper()
	rows, err := w.desk.WorkList(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, r := range rows {
		switch {
		case r.Crowd != "":
			wait++
		case r.Asks() && r.Claimant == "":
			asked++
		}
	}
	return asked, wait
}

// pages counts the pages that were put, and safety those texts that patients get.
func (w *world) pages() (pages, safety int) {
	for _, b := range w.store.batches() {
		for _, it := range b.Put {
			switch it.Lane.Class() {
			case molt.LanePage:
				pages++
			case molt.LaneSafety:
				safety++
			}
		}
	}
	return pages, safety
}

// fires brings a conversation's case timer in.
func (w *world) fires(id molt.ConversationID) {
	w.t.Helper()
	_, err := w.desk.Step(w.t.Context(), id, nil, func(s *turn.State, _ func(turn.Ref) molt.Words) Plan {
		for _, tm := range s.Timers {
			if tm.Name == "case" {
				return Plan{Facts: []Fact{{Kind: turn.KindTimed, Body: &turn.Timed{Name: tm.Name, Item: tm.Item}}}}
			}
		}
		return Plan{}
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// TestManyNetworksRingNoMoreThanMay is a botnet with an address for each chat, all
// at once: so many cases have people asked, every patient gets the safety text, the
// others wait on the list, and none is forgotten.
func TestManyNetworksRingNoMoreThanMay(t *testing.T) {
	w := newWorld(t)
	const may, chats = 3, 30
	w.rules.ChatsRinging = may
	var wg sync.WaitGroup
	for i := range chats {
		wg.Go(func() { w.chat(i, fmt.Sprintf("m%d", i), fmt.Sprintf("net%d", i), "my chest hurts") })
	}
	wg.Wait()
	if asked, wait := w.standing(); asked != may || wait != chats-may {
		t.Fatalf("%d cases have people asked and %d wait, want %d and %d", asked, wait, may, chats-may)
	}
	if pages, safety := w.pages(); pages != may || safety != chats {
		t.Errorf("%d pages and %d safety texts, want %d and %d", pages, safety, may, chats)
	}
	// A chat of a network that has one already asks nobody either.
	w.chat(chats, "again", "net0", "my chest hurts")
	// Somebody who texts is no stranger: it rings.
	w.say(w.desk, text(patient, "SM1", "my chest hurts"))
	if asked, wait := w.standing(); asked != may+1 || wait != chats-may+1 {
		t.Errorf("with a text %d ring and %d wait", asked, wait)
	}
	w.taken(t, may)
}

// taken has one case taken: the next that looks rings in its place, and says how
// many wait; the one after that waits on.
func (w *world) taken(t *testing.T, may int) {
	t.Helper()
	rows, err := w.desk.WorkList(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var waiting []molt.ConversationID
	for _, r := range rows {
		if r.Crowd != "" {
			waiting = append(waiting, r.Conversation)
		}
	}
	for _, r := range rows {
		if r.Live && r.Asks() {
			_, err := w.desk.Step(t.Context(), r.Conversation, nil, func(*turn.State, func(turn.Ref) molt.Words) Plan {
				return Plan{Facts: []Fact{{Kind: turn.KindActed, Body: &turn.Acted{ID: "take", Actor: "alice", Via: "console", Verb: turn.VerbTake, Case: r.Case, Version: r.Version}}}}
			})
			if err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	w.clock.add(escalation.DefaultTerms()[escalation.S1].Ack)
	before := len(w.store.batches())
	w.fires(waiting[0])
	w.fires(waiting[1])
	if asked, wait := w.standing(); asked != may+1 || wait != len(waiting)-1 {
		t.Errorf("after one was taken %d ring and %d wait, want %d and %d", asked, wait, may+1, len(waiting)-1)
	}
	var page int
	for _, b := range w.store.batches()[before:] {
		for _, it := range b.Put {
			if it.Lane.Class() == molt.LanePage {
				if out, err := w.desk.OpenWork(t.Context(), it); err == nil && out.Out != nil && strings.Contains(out.Out.Words.Reveal(), fmt.Sprintf("%d more web chats wait", len(waiting)-1)) {
					page++
				}
			}
		}
	}
	if page != 1 {
		t.Errorf("%d pages say how many wait, want 1", page)
	}
}

// TestAGraverChatDoesNotWait: what is graver than all that ring rings too.
func TestAGraverChatDoesNotWait(t *testing.T) {
	w := newWorld(t)
	w.rules.ChatsRinging = 2
	for i := range 4 {
		w.chat(i, fmt.Sprintf("m%d", i), fmt.Sprintf("net%d", i), "my leg is swollen and red and hot")
	}
	asked, wait := w.standing()
	if asked == 0 || wait == 0 {
		t.Fatalf("%d ring and %d wait: the text is no S2", asked, wait)
	}
	w.chat(9, "m9", "net9", "my chest hurts")
	if now, _ := w.standing(); now != asked+1 {
		t.Errorf("an emergency among lesser ones: %d ring, want %d", now, asked+1)
	}
	// One of those that wait becomes one: it need wait no longer than the emergencies do.
	w.clock.add(time.Minute)
	w.chat(3, "m10", "net3", "my chest hurts")
	if now, _ := w.standing(); now != asked+2 {
		t.Errorf("one that waited became an emergency: %d ring, want %d", now, asked+2)
	}
}

// TestTheLastPlaceIsTakenOnce has chats look at the list all before any of them is on
// it: each sees room, and no more ring than may.
func TestTheLastPlaceIsTakenOnce(t *testing.T) {
	w := newWorld(t)
	const may, chats = 1, 4
	w.rules.ChatsRinging = may
	var all, looked sync.WaitGroup
	looked.Add(chats)
	var looks atomic.Int64
	w.store.scanned = func(q molt.Query) {
		if q.Prefix != MarkWork {
			return
		}
		if looks.Add(1) <= chats {
			looked.Done()
			looked.Wait()
		}
	}
	for i := range chats {
		all.Go(func() { w.chat(i, fmt.Sprintf("m%d", i), fmt.Sprintf("net%d", i), "my chest hurts") })
	}
	all.Wait()
	w.store.scanned = nil
	if asked, wait := w.standing(); asked != may || wait != chats-may {
		t.Errorf("%d ring and %d wait, want %d and %d", asked, wait, may, chats-may)
	}
}

// TestOneSourceLeavesRoomForOthers has chats of one network ask for all the places
// there are: a red flag from another network rings all the same.
func TestOneSourceLeavesRoomForOthers(t *testing.T) {
	w := newWorld(t)
	const may, chats = 10, 30
	w.rules.ChatsRinging = may
	for i := range chats {
		w.chat(i, fmt.Sprintf("m%d", i), "home", "my chest hurts")
	}
	if asked, wait := w.standing(); asked != may/2 || wait != chats-may/2 {
		t.Errorf("of one network %d have people asked and %d wait, want %d and %d", asked, wait, may/2, chats-may/2)
	}
	before, _ := w.pages()
	w.chat(chats, "other", "elsewhere", "my chest hurts")
	if now, _ := w.pages(); now == before {
		t.Error("a red flag from another network pages nobody while one network floods")
	}
	for i := range 2 * may {
		w.chat(100+i, fmt.Sprintf("n%d", i), fmt.Sprintf("net%d", i), "my chest hurts")
	}
	if asked, _ := w.standing(); asked != may {
		t.Errorf("of all networks %d have people asked, want %d", asked, may)
	}
}

// TestWhoStandsBesideNeverRingsForACrowd: a case beside its source's goes on in its
// circle whatever all others do, and begins no chain of its own.
func TestWhoStandsBesideNeverRingsForACrowd(t *testing.T) {
	w := newWorld(t)
	w.rules.ChatsRinging = 4
	w.chat(1, "a", "home", "my leg is swollen and red and hot")
	second := w.chat(2, "b", "home", "my leg is swollen and red and hot")
	if _, beside := w.leads(); beside != 1 {
		t.Fatalf("%d stand beside, want 1", beside)
	}
	for i := range 6 {
		w.chat(10+i, fmt.Sprintf("m%d", i), fmt.Sprintf("net%d", i), "my chest hurts")
	}
	w.clock.add(escalation.BesideEvery)
	w.fires(second.Conversation)
	rows, err := w.desk.WorkList(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if r.Conversation == second.Conversation && r.Beside == "" {
			t.Errorf("it rings by itself while as many ring as may: %+v", r)
		}
	}
}
