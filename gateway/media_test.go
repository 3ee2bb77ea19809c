package gateway

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/gateway/agent"
	"github.com/tidegate/tidegate/gateway/audit"
	"github.com/tidegate/tidegate/gateway/intake"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/screen"
	"github.com/tidegate/tidegate/gateway/turn"
	"github.com/tidegate/tidegate/molt"
	"github.com/tidegate/tidegate/molt/attic"
	"github.com/tidegate/tidegate/molt/memstore"
	"github.com/tidegate/tidegate/molt/seal"
)

// gallery is a gateway that does not run by itself, on a channel that fetches
// what the test gives it. The clock stands unless it is moved.
type gallery struct {
	t       *testing.T
	wire    *fetchWire
	gateway *Gateway
	steps   *Steps
	store   *memstore.Store
	ring    *seal.Keyring
	folder  string
	now     time.Time
	log     bytes.Buffer
	texts   int
	// together: what is claimed at once goes on side by side; else one after the other.
	together bool
}

// fetchWire is a wire that can fetch.
type fetchWire struct {
	wire
	asked []string
	fetch func(url string) ([]byte, error)
}

func (w *fetchWire) Fetch(_ context.Context, m channels.Media) ([]byte, error) {
	w.asked = append(w.asked, m.URL)
	return w.fetch(m.URL)
}

// jpeg begins as a picture does; the rest is what nobody may find in a log.
var jpeg = []byte("\xff\xd8\xff\xe0\x00\x10JFIF a rash on the left arm")

func newGallery(t *testing.T, adapter func(*fetchWire) channels.Adapter) *gallery {
	t.Helper()
	g := &gallery{t: t, store: memstore.New(), folder: filepath.Join(t.TempDir(), "media"), now: time.Date(2026, 3, 2, 15, 0, 0, 0, time.UTC)}
	g.wire = &fetchWire{wire: wire{sent: make(chan channels.Outbound, 1000)}, fetch: func(string) ([]byte, error) { return jpeg, nil }}
	var err error
	g.ring, err = seal.LoadOrCreate(t.TempDir()+"/tenant.key", rand.Reader)
	must(t, err)
	scr, err := screen.New()
	must(t, err)
	session, err := agent.New(agent.Options{Providers: []model.Provider{&thinker{asked: make(chan model.Request, 1000), do: says("hello")}}, Timeout: bound})
	must(t, err)
	files, err := attic.Open(attic.Options{Folder: g.folder, Store: g.store, Ring: g.ring, Random: rand.Reader})
	must(t, err)
	var addr string
	g.gateway, err = New(Options{
		Store: g.store, Ring: g.ring, Screen: scr, Files: files,
		Parts:  Parts{Rules: rules(t), Adapters: map[string]channels.Adapter{"main": adapter(g.wire)}, Session: session, SegmentsPerSecond: 1000},
		Public: listen(t, &addr), Private: listen(t, &addr), Now: func() time.Time { return g.now },
		Spawn: func(f func()) { f() }, Log: zerolog.New(&g.log),
	})
	must(t, err)
	t.Cleanup(func() { _ = g.gateway.o.Public.Close(); _ = g.gateway.o.Private.Close() })
	g.steps, err = g.gateway.Steps(t.Context())
	must(t, err)
	return g
}

func fetching(w *fetchWire) channels.Adapter { return w }

// sends is a patient's text with files, and the conversation it is in.
func (g *gallery) sends(words string, urls ...string) molt.ConversationID {
	g.t.Helper()
	g.texts++
	in := channels.Inbound{Channel: "main", Account: clinic, Peer: patient, ProviderID: fmt.Sprint("MM", g.texts), Words: molt.Words(words), Via: "webhook"}
	for _, u := range urls {
		in.Media = append(in.Media, channels.Media{URL: u, Type: "image/png"})
	}
	ticket, err := g.gateway.desk.Accept(g.t.Context(), in)
	must(g.t, err)
	a, err := ticket.Wait(g.t.Context())
	must(g.t, err)
	return a.Conversation
}

// works does all that is due now.
func (g *gallery) works() {
	g.t.Helper()
	for range 100 {
		work, err := g.steps.Claim(g.t.Context())
		must(g.t, err)
		if len(work) == 0 {
			return
		}
		for len(work) > 0 {
			again := work[:0]
			for _, w := range work {
				for more := true; more; {
					if more = w.Step(g.t.Context()); more && g.together {
						again = append(again, w)
						break
					}
				}
			}
			work = again
		}
	}
	g.t.Fatal("the work does not end")
}

func (g *gallery) state(id molt.ConversationID) (s turn.State) {
	g.t.Helper()
	_, err := g.gateway.desk.Step(g.t.Context(), id, nil, func(now *turn.State, _ func(turn.Ref) molt.Words) intake.Plan {
		s = *now
		return intake.Plan{}
	})
	must(g.t, err)
	return s
}

// TestAPictureIsKept: fetched, told by its bytes, sealed, on record, and nowhere
// else.
func TestAPictureIsKept(t *testing.T) {
	g := newGallery(t, fetching)
	id := g.sends("look", "https://carrier.example/secret-1", "https://carrier.example/secret-2")
	g.wire.fetch = func(url string) ([]byte, error) {
		if strings.HasSuffix(url, "2") {
			return []byte("<html><script>alert(1)</script>"), nil
		}
		return jpeg, nil
	}
	g.works()
	s := g.state(id)
	if len(s.Files) != 2 || s.Files[0].State != turn.FileKept || s.Files[0].Type != "image/jpeg" || s.Files[1].Type != "text/html" || s.Files[0].Bytes != int64(len(jpeg)) {
		t.Fatalf("files: %+v", s.Files)
	}
	body, err := g.gateway.o.Files.Read(t.Context(), id, attic.Ref{Name: s.Files[0].Hash, Key: s.Files[0].Key})
	if err != nil || !bytes.Equal(body, jpeg) {
		t.Errorf("what is kept: %d bytes, %v", len(body), err)
	}
	g.works()
	if len(g.wire.asked) != 2 {
		t.Errorf("fetched %d times, want each once", len(g.wire.asked))
	}
	metrics, err := g.gateway.metrics.registry.Gather()
	must(t, err)
	told := fmt.Sprint(metrics) + g.log.String()
	if !strings.Contains(told, `value:"kept"`) {
		t.Error("the metrics do not count the file")
	}
	for _, secret := range []string{"carrier.example", "secret-1", "rash", "5550100199"} {
		if strings.Contains(told, secret) {
			t.Errorf("%q stands in metrics or log", secret)
		}
	}
	again := audit.Again{Known: func(string) *turn.Rules { return g.gateway.rules() }}
	rep, err := audit.New(g.store, g.ring).Replay(t.Context(), again, func(audit.Redecision) error { return nil })
	if err != nil || !rep.OK() {
		t.Errorf("replay: %+v, %v", rep, err)
	}
}

// TestAFetchThatFails is tried again for a day, and once more finds the file.
func TestAFetchThatFails(t *testing.T) {
	g := newGallery(t, fetching)
	g.wire.fetch = func(string) ([]byte, error) {
		return nil, &channels.FetchError{Kind: channels.FetchDenied, HTTP: 401, Hint: "check the token", Err: errors.New("refused")}
	}
	id := g.sends("look", "https://carrier.example/secret-1")
	for range 2 * 24 * 6 {
		g.works()
		g.now = g.now.Add(10 * time.Minute)
	}
	if n := len(g.wire.asked); n != 7 {
		t.Errorf("tried %d times in two days, want 7", n)
	}
	if f := g.state(id).Files[0]; f.State != turn.FileLost || f.Why != channels.FetchDenied {
		t.Errorf("file: %+v, want it lost, denied", f)
	}
	if log := g.log.String(); !strings.Contains(log, "check the token") || strings.Contains(log, "secret-1") {
		t.Errorf("log: %s", log)
	}
	g.wire.asked = nil
	tries := 0
	g.wire.fetch = func(string) ([]byte, error) {
		if tries++; tries < 3 {
			return nil, &channels.FetchError{Kind: channels.FetchTransient}
		}
		return jpeg, nil
	}
	g.sends("again", "https://carrier.example/secret-2")
	for range 3 {
		g.works()
		g.now = g.now.Add(2 * time.Minute)
	}
	if s := g.state(id); s.Files[len(s.Files)-1].State != turn.FileKept {
		t.Errorf("files: %+v, want the last kept", s.Files)
	}
}

// TestFilesHaveTheirLimit: of one message no more than the limit is kept, also
// when its files come side by side; what is over is not written at all, unless
// it was written side by side with what took its room.
func TestFilesHaveTheirLimit(t *testing.T) {
	for _, together := range []bool{false, true} {
		g := newGallery(t, fetching)
		g.together = together
		fileLimit(t, g)
		entries, err := os.ReadDir(g.folder)
		must(t, err)
		if len(entries) != 3 && !together {
			t.Errorf("%d files lie there, want the 3 that are kept", len(entries))
		}
	}
}

func fileLimit(t *testing.T, g *gallery) {
	half := append(bytes.Clone(jpeg), make([]byte, channels.MaxMessageBytes/2-len(jpeg))...)
	g.wire.fetch = func(url string) ([]byte, error) {
		body := bytes.Clone(half)
		copy(body[100:], url)
		return body, nil
	}
	id := g.sends("look", "1", "2", "3")
	other := g.sends("and", "4")
	g.works()
	var kept, large int
	for _, f := range g.state(id).Files {
		switch {
		case f.State == turn.FileKept:
			kept++
		case f.State == turn.FileLost && f.Why == channels.FetchTooLarge:
			large++
		}
	}
	if id != other || kept != 3 || large != 1 { // two of the first, one of the second
		t.Errorf("%d kept, %d too large; want 3 and 1: %+v", kept, large, g.state(id).Files)
	}
}

// TestWhatCannotBeFetched ends at once, whoever cannot.
func TestWhatCannotBeFetched(t *testing.T) {
	for name, c := range map[string]struct {
		adapter func(*fetchWire) channels.Adapter
		prepare func(g *gallery)
		want    channels.FetchFault
	}{
		"a channel that fetches nothing": {func(w *fetchWire) channels.Adapter { return &w.wire }, func(*gallery) {}, turn.WhyChannel},
		"nowhere to keep it":             {fetching, func(g *gallery) { g.gateway.o.Files = nil }, turn.WhyChannel},
		"an adapter's odd error":         {fetching, func(g *gallery) { g.wire.fetch = func(string) ([]byte, error) { return nil, errors.New("odd") } }, channels.FetchRejected},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGallery(t, c.adapter)
			c.prepare(g)
			id := g.sends("", "https://carrier.example/1")
			g.works()
			s := g.state(id)
			if len(s.Files) != 1 || s.Files[0].State != turn.FileLost || s.Files[0].Why != c.want {
				t.Errorf("files: %+v, want it lost, %s", s.Files, c.want)
			}
			if s.Case == nil || s.Case.Kind != "media" { // a photo without words goes to a person all the same
				t.Errorf("case: %+v, want one for a person", s.Case)
			}
		})
	}
}

// TestAFullDiskIsTriedAgain: what could not be kept is fetched again later.
func TestAFullDiskIsTriedAgain(t *testing.T) {
	g := newGallery(t, fetching)
	must(t, os.RemoveAll(g.folder))
	id := g.sends("look", "https://carrier.example/1")
	g.works()
	if f := g.state(id).Files[0]; f.State != turn.FileDue || f.Why != turn.WhyDisk {
		t.Fatalf("file: %+v, want it due, disk", f)
	}
	must(t, os.Mkdir(g.folder, 0o700))
	g.now = g.now.Add(time.Minute)
	g.works()
	if f := g.state(id).Files[0]; f.State != turn.FileKept {
		t.Errorf("file: %+v, want it kept", f)
	}
}

// TestAnItemThatCannotBeRead still tells which file it was about.
func TestAnItemThatCannotBeRead(t *testing.T) {
	g := newGallery(t, fetching)
	id := g.sends("look", "https://carrier.example/1")
	p, err := g.store.Scan(t.Context(), molt.Query{Table: molt.TableItems, Conversation: id, Limit: 10})
	must(t, err)
	for _, it := range p.Items {
		if it.Lane.Class() == molt.LaneMedia {
			it.Body[len(it.Body)-1] ^= 1
			_, err := g.store.Commit(t.Context(), molt.Batch{Cancel: []molt.ItemID{it.ID}})
			must(t, err)
			_, err = g.store.Commit(t.Context(), molt.Batch{Put: []molt.Item{it}})
			must(t, err)
		}
	}
	g.works()
	if f := g.state(id).Files[0]; f.State != turn.FileLost || f.Why != turn.WhyUnreadable {
		t.Errorf("file: %+v, want it lost, unreadable", f)
	}
}

// TestTheRecordOfFiles: an export lists them, and verify opens each; one that is
// gone or damaged is named, and the journal holds all the same.
func TestTheRecordOfFiles(t *testing.T) {
	g := newGallery(t, fetching)
	g.wire.fetch = func(url string) ([]byte, error) {
		if url == "none" {
			return nil, &channels.FetchError{Kind: channels.FetchGone}
		}
		return append(bytes.Clone(jpeg), url...), nil
	}
	id := g.sends("look", "1", "2", "none")
	g.works()
	au := audit.New(g.store, g.ring)
	f, err := au.Export(t.Context(), id)
	must(t, err)
	files := f.Inbound[0].Files
	if len(files) != 3 || files[0].Type != "image/jpeg" || !strings.HasPrefix(files[0].Hash, "f_") || files[2].Hash != "" || files[2].Why != channels.FetchGone {
		t.Fatalf("the export lists %+v", files)
	}
	text := f.Text(time.UTC)
	for _, want := range []string{"file 0: " + files[0].Hash + ", image/jpeg, 34 bytes", "file 2: not had: gone (1 tries)", "file 2.1 " + files[1].Hash, "file 2.2 not had: gone"} {
		if !strings.Contains(text, want) {
			t.Errorf("the text lacks %q:\n%s", want, text)
		}
	}
	verify := func() audit.Report {
		rep, err := au.Verify(t.Context(), audit.Check{Files: g.gateway.o.Files})
		must(t, err)
		return rep
	}
	if rep := verify(); !rep.OK() || rep.Files != 2 {
		t.Errorf("whole: %+v", rep)
	}
	must(t, os.Remove(filepath.Join(g.folder, files[0].Hash)))
	must(t, os.Truncate(filepath.Join(g.folder, files[1].Hash), 20))
	rep := verify()
	if len(rep.Faults) != 2 || rep.Snapshots != 1 || rep.OK() {
		t.Fatalf("harmed: %+v", rep)
	}
	for i, want := range []string{files[0].Hash + ": it is not there", files[1].Hash + ": its seal does not open"} {
		if got := rep.Faults[i].Error(); !strings.Contains(got, want) || rep.Faults[i].Seq == 0 {
			t.Errorf("fault %q, want %q", got, want)
		}
	}
}

// TestAnOldJournalGoesOn: pictures from before there was anywhere to keep them
// stay what they were: a number.
func TestAnOldJournalGoesOn(t *testing.T) {
	in := channels.Inbound{Channel: "main", Account: clinic, Peer: patient, ProviderID: "MM1", Media: []channels.Media{{URL: "x"}}}
	var s turn.State
	for i, e := range []turn.Event{
		{Kind: turn.KindBegan, Body: &turn.Began{Channel: "main", Account: clinic, Peer: patient}},
		{Kind: turn.KindInbound, Body: &in},
		{Kind: turn.KindDecided, Body: &turn.Decided{Reason: turn.ReasonAsk}},
	} {
		e.Seq, e.At = uint64(i+1), 1000
		s = turn.Apply(s, e)
	}
	b, err := json.Marshal(s)
	must(t, err)
	if strings.Contains(string(b), "files") || s.Turns[0].Media != 1 {
		t.Errorf("an old journal folds to %s", b)
	}
	d := turn.Decide(s, nil, turn.Env{Now: 2000, Rules: rules(t), Recall: func(turn.Ref) molt.Words { return "" }})
	if len(d.Files) > 0 {
		t.Errorf("and has files fetched: %+v", d.Files)
	}
}
