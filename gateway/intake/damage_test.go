package intake

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/boltstore"
)

// disk is a world on a real file, which a test can damage.
type disk struct {
	*world
	path string
	file *boltstore.Store
}

func newDisk(t *testing.T) *disk {
	t.Helper()
	d := &disk{world: newWorld(t), path: filepath.Join(t.TempDir(), "store.db")}
	d.open()
	t.Cleanup(func() { _ = d.file.Close() })
	return d
}

func (d *disk) open() {
	d.t.Helper()
	s, err := boltstore.Open(boltstore.Options{Path: d.path})
	if err != nil {
		d.t.Fatal(err)
	}
	d.file, d.store.Store = s, s
}

// flip changes one bit of every value of a conversation in a bucket. A negative
// place counts from the end.
func (d *disk) flip(bucket string, id molt.ConversationID, at int) {
	d.t.Helper()
	if err := d.file.Close(); err != nil {
		d.t.Fatal(err)
	}
	db, err := bolt.Open(d.path, 0o600, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		c := tx.Bucket([]byte(bucket)).Cursor()
		for k, v := c.Seek([]byte(id)); strings.HasPrefix(string(k), string(id)); k, v = c.Next() {
			torn := append([]byte(nil), v...)
			torn[(at+len(torn))%len(torn)] ^= 1
			if err := tx.Bucket([]byte(bucket)).Put(append([]byte(nil), k...), torn); err != nil {
				return err
			}
		}
		return nil
	})
	if cerr := db.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		d.t.Fatal(err)
	}
	d.open()
}

func TestWhateverIsDamagedARedFlagPasses(t *testing.T) {
	for name, c := range map[string]struct {
		bucket string
		at     int
	}{
		"an event's hash": {"events", 1 + 8 + 32 + 3}, "an event's time": {"events", 5}, "an event's kind": {"events", 1 + 8 + 64 + 2},
		"an event's body": {"events", -1}, "the head": {"heads", 20}, "the snapshot's hash": {"snaps", 12}, "the snapshot's body": {"snaps", -1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newDisk(t)
			first := w.say(w.newDesk(nil), text(patient, "SM1", "hello"))
			w.flip(c.bucket, first.Conversation, c.at)
			before := len(w.store.batches())
			a := w.say(w.newDesk(nil), text(patient, "SM2", "my chest hurts"))
			if a.Reason != turn.ReasonFault {
				t.Errorf("reason %q, want %q", a.Reason, turn.ReasonFault)
			}
			if l := lanes(w.store.batches()[before]); !strings.Contains(l, "safety") || !strings.Contains(l, "page") {
				t.Errorf("items %q, want the safety text and the page in the same commit", l)
			}
		})
	}
}

// TestADamagedMarkOfWhoFollows: a frozen conversation whose successor cannot be told
// any more gets one anew, on the same day and on a later one.
func TestADamagedMarkOfWhoFollows(t *testing.T) {
	for _, later := range []time.Duration{0, 48 * time.Hour} {
		w := newDisk(t)
		first := w.say(w.newDesk(nil), text(patient, "SM1", "hello"))
		w.flip("heads", first.Conversation, 20)
		w.say(w.newDesk(nil), text(patient, "SM2", "hello again"))
		w.flip("marks", molt.ConversationID(MarkSuccessor+string(first.Conversation)), -1)
		w.clock.add(later)
		before := len(w.store.batches())
		w.say(w.newDesk(nil), text(patient, "SM3", "my chest hurts"))
		paged := false
		for _, b := range w.store.batches()[before:] {
			paged = paged || strings.Contains(lanes(b), "page")
		}
		if !paged {
			t.Errorf("after %s: a red flag is answered, and nobody is paged", later)
		}
	}
}

func TestDamageHoldsNobodyElsesBackfill(t *testing.T) {
	w := newDisk(t)
	d := w.newDesk(nil)
	start := molt.TimeOf(w.clock.Now())
	if err := d.MarkStart(t.Context(), "main", clinic, start); err != nil {
		t.Fatal(err)
	}
	first := w.say(d, text(patient, "SM1", "hello"))
	w.flip("heads", first.Conversation, 20)
	l := &lister{}
	add := func(from molt.Address, id string, at time.Duration, words string) {
		in := text(from, id, words)
		in.At = start.Add(at)
		l.texts = append(l.texts, in)
	}
	add(patient, "SM2", time.Minute, "hello again")
	for i := range 2 * atOnce {
		add(molt.Address(fmt.Sprintf("+1555020%04d", i)), fmt.Sprintf("SMa%d", i), 2*time.Minute+time.Duration(i)*time.Second, "hello")
	}
	other := molt.Address("+15550107777")
	add(other, "SMred", 30*time.Minute, "my chest hurts")
	w.clock.add(time.Hour)
	d = w.newDesk(nil)
	if _, err := lookThrough(t.Context(), d, l, &Search{}, time.Hour); err != nil {
		t.Fatal(err)
	}
	got, err := w.store.Load(t.Context(), d.ConversationOf("main", clinic, other), 0)
	if err != nil || got.Head.Seq == 0 {
		t.Errorf("another patient's red flag, listed behind a damaged journal, was not fetched (%v)", err)
	}
}

// TestADamagedWatermark: where it cannot be read up to when a carrier's list was looked
// through, the list is looked through from long enough ago, and a red flag that no
// webhook brought is found.
func TestADamagedWatermark(t *testing.T) {
	w := newDisk(t)
	d := w.newDesk(nil)
	start := molt.TimeOf(w.clock.Now())
	if err := d.MarkStart(t.Context(), "main", clinic, start); err != nil {
		t.Fatal(err)
	}
	w.flip("marks", molt.ConversationID(d.watermarkID("main", clinic)), -1)
	in := text(patient, "SMred", "my chest hurts")
	in.At = start.Add(30 * time.Hour)
	old := text(patient, "SMold", "hello")
	old.At = start.Add(-100 * time.Hour)
	w.clock.add(60 * time.Hour)
	d = w.newDesk(nil)
	l := &lister{texts: []channels.Inbound{old, in}}
	for n, want := range []int{1, 0} {
		look, err := lookThrough(t.Context(), d, l, &Search{}, time.Hour)
		if err != nil || look.New != want {
			t.Fatalf("look %d: %+v, %v; want %d new", n, look, err, want)
		}
	}
	if from, err := d.watermark(t.Context(), "main", clinic); err != nil || from.At != molt.TimeOf(w.clock.Now()) {
		t.Errorf("the watermark is %+v, %v; want it made anew", from, err)
	}
}

func TestAnOpenS1StaysOneWhenItsJournalFreezes(t *testing.T) {
	w := newWorld(t)
	first := w.say(w.desk, text(patient, "SM1", "my chest hurts"))
	code := codes(t, w)[0]
	w.store.loading = torn(first.Conversation)
	// The same random bytes again: the code they make is taken.
	a := w.say(w.newDesk(nil), text(patient, "SM2", "hello? is anybody there"))
	rows, err := w.desk.WorkList(t.Context())
	if err != nil || len(rows) != 1 {
		t.Fatalf("work list %+v, %v; want the successor's case alone", rows, err)
	}
	if r := rows[0]; r.Conversation != a.Conversation || r.Severity != "S1" || r.Code == code {
		t.Errorf("the S1 goes on as %+v", r)
	}
	value, ok, err := w.desk.Mark(t.Context(), molt.MarkID(MarkCode+code))
	if err != nil || !ok || !strings.Contains(string(value), string(rows[0].Case)) {
		t.Errorf("the code on the nurse's page stands for %s, %v; want the successor's case", value, err)
	}
}

// torn damages a conversation's snapshot whenever it is loaded.
func torn(which molt.ConversationID) func(molt.ConversationID, *molt.Loaded) {
	return func(id molt.ConversationID, l *molt.Loaded) {
		if id == which {
			l.Snapshot.Body = []byte("torn")
		}
	}
}

func codes(t *testing.T, w *world) (out []string) {
	t.Helper()
	p, err := w.store.Scan(t.Context(), molt.Query{Table: molt.TableMarks, Prefix: MarkCode, Limit: 10})
	if err != nil || len(p.Marks) == 0 {
		t.Fatalf("codes: %v, %v", p.Marks, err)
	}
	for _, m := range p.Marks {
		out = append(out, strings.TrimPrefix(string(m.ID), MarkCode))
	}
	return out
}

func TestAnOrphanedCaseIsTakenOver(t *testing.T) {
	w := newWorld(t)
	first := w.say(w.desk, text(patient, "SM1", "my chest hurts"))
	w.store.loading = torn(first.Conversation)
	d := w.newDesk(nil)
	if err := d.Orphan(t.Context(), first.Conversation); err != nil {
		t.Fatal(err)
	}
	rows, err := d.WorkList(t.Context())
	if err != nil || len(rows) != 1 || rows[0].Conversation == first.Conversation || rows[0].Severity != "S1" {
		t.Errorf("work list %+v, %v; want an S1 in the successor", rows, err)
	}
}

func TestAClockThatRanAheadDelaysNobody(t *testing.T) {
	w := newWorld(t)
	w.clock.add(6 * time.Hour) // a wrong clock
	w.say(w.desk, text(patient, "SM1", "hello"))
	w.clock.add(-6 * time.Hour) // set right
	w.say(w.desk, text(patient, "SM2", "my chest hurts"))
	now := molt.TimeOf(w.clock.Now())
	c, err := w.store.Claim(t.Context(), molt.Claim{Classes: []molt.Lane{molt.LaneSafety, molt.LanePage}, Now: now, Until: now.Add(time.Minute), Limit: 8})
	if err != nil || len(c.Items) != 2 {
		t.Fatalf("%d items due, %v; want the safety text and the page", len(c.Items), err)
	}
	for _, it := range c.Items {
		_, err := w.desk.Step(t.Context(), it.Conversation, nil, func(*turn.State, func(turn.Ref) molt.Words) Plan {
			return Plan{Leases: []molt.Lease{it.Lease}, Facts: []Fact{{Kind: turn.KindAttempted, Body: &turn.Attempted{Item: it.ID, Attempt: 1}}}}
		})
		if err != nil {
			t.Errorf("its attempt is refused: %v", err)
		}
	}
}

func TestTheLastResortWakesTheWorkers(t *testing.T) {
	w := newWorld(t)
	var mu sync.Mutex
	calls, kicks := 0, map[molt.Lane]int{}
	d := w.newDesk(func(o *Options) {
		o.Kick = func(l molt.Lane) { mu.Lock(); kicks[l]++; mu.Unlock() }
		o.Rules = func() *turn.Rules {
			mu.Lock()
			defer mu.Unlock()
			if calls++; calls == 3 || calls == 5 { // the decision, and the successor's
				return nil
			}
			return w.rules
		}
	})
	w.say(d, text(patient, "SM1", "my chest hurts"))
	mu.Lock()
	defer mu.Unlock()
	if kicks[molt.LanePage] == 0 || kicks[molt.LaneTimer] == 0 {
		t.Errorf("kicks %v: the page is put and nobody is woken", kicks)
	}
}

func TestALetterIsAnsweredOnce(t *testing.T) {
	w := newWorld(t)
	first := w.say(w.desk, text(patient, "SM1", "hello"))
	w.store.loading = torn(first.Conversation)
	d := w.newDesk(func(o *Options) { o.Spawn = func(func()) {} })
	letters := []*letter{letterOf(d, text(patient, "SM1", "hello")), letterOf(d, text(patient, "SM2", "more"))}
	commits := 0
	w.store.before = func(*molt.Batch) error {
		if commits++; commits == 2 { // the first finds a known text, the second fails
			return molt.ErrClosed
		}
		return nil
	}
	d.handle(&mailbox{id: first.Conversation}, letters)
	if letters[0].err != nil || !letters[0].answer.Duplicate || letters[1].err == nil {
		t.Errorf("answers: %v %v, %v", letters[0].answer, letters[0].err, letters[1].err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for range MaxWaiting { // every slot is free again
		select {
		case d.waiting <- struct{}{}:
		case <-ctx.Done():
			t.Fatal("a slot is lost")
		}
	}
}
