package custody

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/gateway/audit"
	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/attic"
	"github.com/tidegate/tidegate/molt/seal"
)

const week = 7 * 24 * time.Hour

var errStopped = errors.New("the store stopped")

// stopping is a store that takes so many commits more and then none.
type stopping struct {
	molt.Store
	takes int
}

func (s *stopping) Commit(ctx context.Context, b molt.Batch) (molt.Committed, error) {
	if s.takes--; s.takes < 0 {
		return molt.Committed{}, errStopped
	}
	return s.Store.Commit(ctx, b)
}

// copied is a house like another, in a folder of its own.
func (h *house) copied() *house {
	h.t.Helper()
	c := &house{t: h.t, dir: h.t.TempDir(), stop: h.stop, plan: h.plan}
	if err := errors.Join(h.store.Close(), os.CopyFS(filepath.Join(c.dir, "all"), os.DirFS(h.dir))); err != nil {
		h.t.Fatal(err)
	}
	c.dir = filepath.Join(c.dir, "all")
	if err := os.Chmod(c.keyFile(), 0o600); err != nil { // CopyFS widens modes
		h.t.Fatal(err)
	}
	h.open()
	c.open()
	h.t.Cleanup(func() { _ = c.store.Close() })
	return c
}

// journal is all events of a conversation, as they lie.
func (h *house) journal(id molt.ConversationID) (all []molt.Event) {
	h.t.Helper()
	q := molt.Query{Table: molt.TableEvents, Conversation: id, Limit: molt.MaxPage}
	for {
		p, err := h.store.Scan(context.Background(), q)
		if err != nil {
			h.t.Fatal(err)
		}
		all = append(all, p.Events...)
		if q.After = p.Next; q.After == "" {
			return all
		}
	}
}

// looked adds so many looks to a conversation's journal, each with a body.
func (h *house) looked(id molt.ConversationID, at molt.Time, looks int) {
	h.t.Helper()
	ctx := context.Background()
	p, err := h.store.Scan(ctx, molt.Query{Table: molt.TableKeys, Conversation: id, Limit: molt.MaxPage})
	if err != nil {
		h.t.Fatal(err)
	}
	box, err := seal.NewBox(h.ring, id, p.Keys, rand.Reader)
	if err != nil {
		h.t.Fatal(err)
	}
	plain, err := json.Marshal(&turn.Read{Actor: "os:ops", What: "show"})
	if err != nil {
		h.t.Fatal(err)
	}
	var events []molt.Event
	for range looks {
		e := molt.Event{At: at, Kind: turn.KindRead}
		if e.Key, e.Body, err = box.Seal(at, e.Kind, plain); err != nil {
			h.t.Fatal(err)
		}
		events = append(events, e)
	}
	for part := range slices.Chunk(events, molt.MaxBatchEvents) {
		err := box.Commit(func(fresh []molt.WrappedKey) error {
			_, err := h.store.Commit(ctx, molt.Batch{Conversation: id, Expect: molt.Expect{AnySeq: true}, Events: part, Keys: fresh})
			return err
		})
		if err != nil {
			h.t.Fatal(err)
		}
		box.Kept()
	}
	h.again() // what a mailbox remembers is of before
}

// waits puts so many items of a conversation that are due later, under its newest key.
func (h *house) waits(id molt.ConversationID, items int) {
	h.t.Helper()
	keys, err := h.custody(Options{}).keys(context.Background(), id)
	if err != nil || len(keys) == 0 {
		h.t.Fatalf("%d keys, %v", len(keys), err)
	}
	box, err := seal.NewBox(h.ring, id, keys, rand.Reader)
	if err != nil {
		h.t.Fatal(err)
	}
	month, err := time.Parse("2006-01", keys[len(keys)-1].Period)
	if err != nil {
		h.t.Fatal(err)
	}
	var put []molt.Item
	for n := range items {
		it := molt.Item{ID: molt.ItemID(fmt.Sprintf("i_%d", n)), Conversation: id, Lane: molt.Lane(fmt.Sprintf("timer:%d", n)), Due: 1 << 50}
		if it.Key, it.Body, err = box.Seal(molt.TimeOf(month), seal.KindItem(it.Lane), []byte("{}")); err != nil {
			h.t.Fatal(err)
		}
		put = append(put, it)
	}
	for part := range slices.Chunk(put, molt.MaxBatchItems) {
		if _, err := h.store.Commit(context.Background(), molt.Batch{Put: part}); err != nil {
			h.t.Fatal(err)
		}
	}
}

// TestALargeErasureIsKilledAnywhere: one of more bodies and more items than one commit
// sheds is ended by the next start, though no run is due for a week: nothing of the
// erased is left whole, nothing of it is due, and what a new text brings stays.
func TestALargeErasureIsKilledAnywhere(t *testing.T) {
	like := newHouse(t)
	gone := like.texts(patient, "SM1", "STOP").Conversation
	like.looked(gone, molt.TimeOf(time.Now()), 2*molt.MaxBatchEvents+100)
	like.waits(gone, 600)
	for at := 1; ; at++ {
		h, ctx := like.copied(), context.Background()
		erases := func(string) bool { return true }
		if err := h.custody(Options{}).Ask(ctx, []molt.ConversationID{gone}, "os:ops"); err != nil {
			t.Fatal(err)
		}
		err := h.custody(Options{Store: &stopping{h.store, at}, Erases: erases}).Run(ctx, func(Erasing) {}, func(Rotation) {})
		if err != nil && !errors.Is(err, errStopped) {
			t.Fatal(err)
		}
		ended := err == nil
		when := fmt.Sprintf("stopped after %d commits", at)
		h.again()
		next := h.custody(Options{Erases: erases})
		if err := errors.Join(next.Resume(ctx), next.Due(ctx, week)); err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		h.isGone(when, gone)
		if ended {
			if at < 4 {
				t.Errorf("it took %d commits, want more", at)
			}
			return
		}
	}
}

// isGone wants nothing left of an erased conversation but its tombstone, and that its
// carrier is told.
func (h *house) isGone(when string, gone molt.ConversationID) {
	h.t.Helper()
	ctx, c := context.Background(), h.custody(Options{})
	asked, tombs, _, err := c.List(ctx)
	if err != nil || len(asked) > 0 || len(tombs) != 1 || tombs[0].Effective == 0 {
		h.t.Errorf("%s: asked %v, tombstones %+v, %v", when, asked, tombs, err)
		return
	}
	whole := 0
	for _, e := range h.journal(gone) {
		if e.Body != nil && e.Seq <= tombs[0].Events {
			whole++
		}
	}
	due := 0
	q := molt.Query{Table: molt.TableItems, Conversation: gone, Limit: molt.MaxPage}
	p, err := h.store.Scan(ctx, q)
	for _, it := range p.Items {
		if it.Lane.Class() != molt.LaneErase {
			due++
		}
	}
	if err != nil || whole > 0 || due > 0 {
		h.t.Errorf("%s: %d bodies and %d items of the erased are left, %v", when, whole, due, err)
	}
	if rep, err := c.audit.Verify(ctx, audit.Check{}); err != nil || len(rep.Faults) > 0 {
		h.t.Errorf("%s: verify: %v, %v", when, rep.Faults, err)
	}
}

// sends takes a text in with a file that is kept already.
func (h *house) sends(files *attic.Attic, provider string, file []byte) attic.Ref {
	h.t.Helper()
	ctx := context.Background()
	id := h.desk.ConversationOf("main", clinic, patient)
	ref, keys, err := files.KeepFirst(ctx, id, molt.TimeOf(h.now()), file)
	if err != nil {
		h.t.Fatal(err)
	}
	ticket, err := h.desk.AcceptFile(ctx, channels.Inbound{
		Channel: "main", Account: clinic, Peer: patient, ProviderID: provider, Words: "STOP", Via: channels.ViaWebhook,
		Media: []channels.Media{{Type: "image/jpeg", Kept: &channels.Kept{Hash: ref.Name, Key: ref.Key, Bytes: int64(len(file))}}},
	}, intake.Sealed{Conversation: id, Keys: keys})
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := ticket.Wait(ctx); err != nil {
		h.t.Fatal(err)
	}
	return ref
}

// TestFilesGoWithTheirBodies: where retention that takes several commits stops after
// any of them, a body that is there has its file, and one that is shed has none once
// what is due was done.
func TestFilesGoWithTheirBodies(t *testing.T) {
	like := newHouse(t)
	like.stop = time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC)
	attics := func(h *house) *attic.Attic {
		files, err := attic.Open(attic.Options{Folder: filepath.Join(h.dir, "files"), Store: h.store, Ring: h.ring, Random: rand.Reader})
		if err != nil {
			t.Fatal(err)
		}
		return files
	}
	var refs []attic.Ref
	id := like.desk.ConversationOf("main", clinic, patient)
	for n := range 4 { // the first two in one slice, the first of them again in the last
		refs = append(refs, like.sends(attics(like), fmt.Sprintf("SM%d", n), fmt.Append([]byte(rash), n%3)))
		if n > 0 {
			like.looked(id, molt.TimeOf(like.stop), molt.MaxBatchEvents)
		}
		like.stop = like.stop.Add(time.Minute)
	}
	like.stop = like.stop.Add(100 * 24 * time.Hour)
	for takes := 0; ; takes++ {
		h, ctx := like.copied(), context.Background()
		files := attics(h)
		_, err := h.custody(Options{Store: &stopping{h.store, takes}, Files: files}).Retain(ctx, molt.TimeOf(h.stop.Add(-week)))
		if err != nil && !errors.Is(err, errStopped) {
			t.Fatal(err)
		}
		ended := err == nil
		when := fmt.Sprintf("stopped after %d commits", takes)
		needed := h.named(id)
		for _, ref := range refs {
			_, err := files.Read(ctx, id, ref)
			if needed[ref.Name] && err != nil {
				t.Errorf("%s: a body that is there names a file that reads: %v", when, err)
			}
		}
		wanted := h.wantedFiles(id)
		if err := files.Remove(wanted); err != nil {
			t.Fatal(err)
		}
		for _, ref := range refs {
			if _, err := files.Read(ctx, id, ref); needed[ref.Name] != (err == nil) {
				t.Errorf("%s, and what was due is done: the file of a body that is there: %v; it reads: %v", when, needed[ref.Name], err)
			}
		}
		h.again()
		if _, err := h.custody(Options{Files: attics(h)}).Retain(ctx, molt.TimeOf(h.stop.Add(-week))); err != nil {
			t.Fatal(err)
		}
		if left, err := filepath.Glob(filepath.Join(h.dir, "files", "f_*")); err != nil || len(left) > 0 || len(h.named(id)) > 0 {
			t.Errorf("%s, and gone on with: left %q, named %v, %v", when, left, h.named(id), err)
		}
		if ended {
			if takes < 3 {
				t.Errorf("it took %d commits, want more", takes)
			}
			return
		}
	}
}

// named are the files that whole bodies name.
func (h *house) named(id molt.ConversationID) map[string]bool {
	h.t.Helper()
	traces, err := h.custody(Options{}).audit.Traces(context.Background(), id, audit.Span{})
	if err != nil || traces.Fault != nil {
		h.t.Fatal(err, traces.Fault)
	}
	out := map[string]bool{}
	for _, name := range traces.Files {
		out[name] = true
	}
	return out
}

// wantedFiles are the files that items want removed.
func (h *house) wantedFiles(id molt.ConversationID) (names []string) {
	h.t.Helper()
	p, err := h.store.Scan(context.Background(), molt.Query{Table: molt.TableItems, Conversation: id, Limit: molt.MaxPage})
	if err != nil {
		h.t.Fatal(err)
	}
	for _, it := range p.Items {
		if it.Lane.Class() != molt.LaneErase {
			continue
		}
		w, err := ReadWanted(it)
		if err != nil {
			h.t.Fatal(err)
		}
		names = append(names, w.Files...)
	}
	return names
}

// TestKeysOfPastMonths: a data key goes once its month is over and nothing that stays
// is sealed under it, no sooner and no later.
func TestKeysOfPastMonths(t *testing.T) {
	june := time.Date(2026, 6, 30, 23, 59, 59, 999e6, time.UTC)
	july := june.Add(time.Millisecond)
	ctx := context.Background()
	for _, c := range []struct {
		name   string
		now    time.Time
		before time.Time
		does   func(h *house, id molt.ConversationID)
		keeps  []string // months
	}{
		{"its last body has gone", july.AddDate(0, 3, 10), july.AddDate(0, 0, 10), nil, []string{"2026-10"}},
		{"all of a month that is over has gone", july.AddDate(0, 3, 0), june.Add(-time.Hour), nil, []string{"2026-10"}},
		{"a body of July was sealed with it", july.AddDate(0, 3, 0), july, func(h *house, id molt.ConversationID) {
			h.stop = july
			h.texts(patient, "SM2", "STOP")
			h.looked(id, molt.TimeOf(june), 1) // which the journal dates as late as what came before
		}, []string{"2026-06", "2026-07", "2026-10"}},
		{"the last moment of a month", july.AddDate(0, 3, 0), july, func(h *house, _ molt.ConversationID) {
			h.stop = june
			h.texts(patient, "SM2", "STOP")
		}, []string{"2026-10"}},
		{"it was kept for a body at the edge", july.AddDate(0, 3, 0), june, func(h *house, _ molt.ConversationID) {
			h.stop = june
			h.texts(patient, "SM2", "STOP")
		}, []string{"2026-06", "2026-10"}},
		{"an item is due under it", july.AddDate(0, 3, 0), july, func(h *house, id molt.ConversationID) { h.waits(id, 1) }, []string{"2026-06", "2026-10"}},
		{"its month is not over", june, june, nil, []string{"2026-06"}},
		{"its month is just over", july, july, nil, []string{"2026-06", "2026-07"}},
	} {
		h := newHouse(t)
		h.stop = june.AddDate(0, 0, -10)
		id := h.texts(patient, "SM1", "STOP").Conversation
		if c.does != nil {
			c.does(h, id)
		}
		h.stop = c.now
		retain := func() []string {
			if _, err := h.custody(Options{}).Retain(ctx, molt.TimeOf(c.before)); err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			if rep, err := h.custody(Options{}).audit.Verify(ctx, audit.Check{}); err != nil || len(rep.Faults) > 0 {
				t.Errorf("%s: verify: %v, %v", c.name, rep.Faults, err)
			}
			return h.months(id)
		}
		if got := retain(); !slices.Equal(got, c.keeps) {
			t.Errorf("%s: the keys of %v are left, want %v", c.name, got, c.keeps)
		}
		if traces, err := h.custody(Options{}).audit.Traces(ctx, id, audit.Span{}); err != nil || traces.Fault != nil {
			t.Errorf("%s: %v, %v", c.name, err, traces.Fault)
		} else if body := h.wholeUnderNone(id); body > 0 {
			t.Errorf("%s: event %d is there and its key is not", c.name, body)
		}
		h.stop = h.stop.Add(48 * time.Hour)
		p, err := h.store.Scan(ctx, molt.Query{Table: molt.TableItems, Conversation: id, Limit: molt.MaxPage})
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Items) > 0 { // and once nothing is due, though nothing more is shed
			var b molt.Batch
			for _, it := range p.Items {
				b.Cancel = append(b.Cancel, it.ID)
			}
			if _, err := h.store.Commit(ctx, b); err != nil {
				t.Fatal(err)
			}
			if got := retain(); slices.Contains(got, "2026-06") {
				t.Errorf("%s: nothing is due any more, and the keys of %v are left", c.name, got)
			}
		}
	}
}

// months are those of the data keys that were not dropped.
func (h *house) months(id molt.ConversationID) (out []string) {
	h.t.Helper()
	keys, err := h.custody(Options{}).keys(context.Background(), id)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, k := range keys {
		if len(k.Wrapped) > 0 {
			out = append(out, k.Period)
		}
	}
	slices.Sort(out)
	return out
}

// wholeUnderNone is an event with a body whose data key was dropped; 0: there is none.
func (h *house) wholeUnderNone(id molt.ConversationID) uint64 {
	h.t.Helper()
	keys, err := h.custody(Options{}).keys(context.Background(), id)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, e := range h.journal(id) {
		dropped := func(k molt.WrappedKey) bool { return k.ID == e.Key && len(k.Wrapped) == 0 }
		if e.Body != nil && slices.ContainsFunc(keys, dropped) {
			return e.Seq
		}
	}
	return 0
}
