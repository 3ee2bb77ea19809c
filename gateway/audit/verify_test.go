package audit_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/tidegate/tidegate/gateway/audit"
	"github.com/tidegate/tidegate/molt"
)

// tampered shows a store with something changed in what is read.
type tampered struct {
	molt.Store
	page func(*molt.Page)
	load func(*molt.Loaded)
}

func (s *tampered) Scan(ctx context.Context, q molt.Query) (molt.Page, error) {
	p, err := s.Store.Scan(ctx, q)
	if s.page != nil {
		s.page(&p)
	}
	return p, err
}

func (s *tampered) Load(ctx context.Context, id molt.ConversationID, recent int) (molt.Loaded, error) {
	l, err := s.Store.Load(ctx, id, recent)
	if s.load != nil {
		s.load(&l)
	}
	return l, err
}

// event changes the third event of a page of events.
func event(change func(*molt.Event)) func(*molt.Page) {
	return func(p *molt.Page) {
		if len(p.Events) > 2 {
			change(&p.Events[2])
		}
	}
}

func TestVerifyBites(t *testing.T) {
	w := newWorld(t, 5)
	w.text(patient, "my chest hurts")
	w.rules.Debounce = time.Hour
	w.text(other, "hello, I need an appointment")
	id := w.desk.ConversationOf("main", clinic, patient)
	first := w.ids()[0]
	for name, c := range map[string]struct {
		store *tampered
		wants string
	}{
		"a changed body":      {&tampered{page: event(func(e *molt.Event) { e.Body[len(e.Body)-1] ^= 1 })}, "digest recorded"},
		"a changed kind":      {&tampered{page: event(func(e *molt.Event) { e.Kind = "sent" })}, "hash does not follow"},
		"an event left out":   {&tampered{page: func(p *molt.Page) { p.Events = p.Events[:min(len(p.Events), 2)] }}, "ends before the journal's head"},
		"a lost key":          {&tampered{load: func(l *molt.Loaded) { l.Keys = nil }}, "data key is not there"},
		"an older snapshot":   {&tampered{load: func(l *molt.Loaded) { l.Snapshot.Seq = 2 }}, "not what the events before it fold to"},
		"a changed snapshot":  {&tampered{load: func(l *molt.Loaded) { l.Snapshot.Body[20] ^= 1 }}, "the snapshot: its seal does not open"},
		"an unreadable item":  {&tampered{page: func(p *molt.Page) { flip(p.Items) }}, "item " + string(id)},
		"a shed body is fine": {&tampered{page: event(func(e *molt.Event) { e.Body = nil })}, ""},
		"an erased key is fine": {&tampered{
			load: func(l *molt.Loaded) { erase(l.Keys) }, page: func(p *molt.Page) { erase(p.Keys) },
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c.store.Store = w.store.Store
			rep, err := audit.New(c.store, w.ring).Verify(context.Background(), audit.Check{})
			if err != nil {
				t.Fatal(err)
			}
			if c.wants == "" {
				if !rep.OK() {
					t.Errorf("got %+v", rep.Faults)
				}
				return
			}
			if rep.OK() || rep.Faults[0].Conversation == "" {
				t.Fatalf("it verifies; %q wanted of %s", c.wants, first)
			}
			if !strings.Contains(mustJSON(t, rep.Faults), c.wants) {
				t.Errorf("got %+v, want %q", rep.Faults, c.wants)
			}
		})
	}
}

func flip(items []molt.Item) {
	for i := range items {
		items[i].Body[len(items[i].Body)-1] ^= 1
	}
}

func erase(keys []molt.WrappedKey) {
	for i := range keys {
		keys[i].Wrapped = nil
	}
}

// TestEndings shows how each kind of text ends, and that the words of a text
// cannot forge a line.
func TestEndings(t *testing.T) {
	w := newWorld(t, 11)
	id := w.desk.ConversationOf("main", clinic, patient)
	w.text(patient, "hello\nSTAFF: all is well")
	if got := w.export(id).Inbound[0].Ended.How; got != audit.HowWaiting {
		t.Errorf("a text whose ask is to come ended as %q, want waiting", got)
	}
	w.text(patient, "STOP")
	w.text(other, "my chest hurts")
	f, danger := w.export(id), w.export(w.desk.ConversationOf("main", clinic, other))
	if e := f.Inbound[1].Ended; e.How != audit.HowReason && e.How != audit.HowReply || e.Reason != "opted_out" {
		t.Errorf("STOP ended as %+v, want a reason", e)
	}
	if e := danger.Inbound[0].Ended; e.How != audit.HowOwner || e.Owner != "hold" || e.Case == "" {
		t.Errorf("a red flag ended as %+v, want a hold and its case", e)
	}
	text := f.Text(time.UTC)
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "STAFF") {
			t.Errorf("a patient's words made a line of their own:\n%s", text)
		}
	}
	if !strings.Contains(text, "SM001") || !strings.Contains(text, patient.Reveal()) {
		t.Errorf("the text misses the provider's id or the number:\n%s", text)
	}
}
