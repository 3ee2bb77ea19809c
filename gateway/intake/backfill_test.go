package intake

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/molt"
)

// lister is a carrier's list, which it gives out in small parts.
type lister struct {
	channels.Lister
	texts  []channels.Inbound
	part   int             // texts in a part; 0: 20
	since  []molt.Time     // of each call
	err    error           // of every call, beside nothing
	breaks int             // this call, from 1, breaks off after its texts
	bad    channels.Cursor // a place where nothing can be read, ever
}

var errDown = errors.New("down")

func (l *lister) ListInbound(_ context.Context, _ molt.Address, since molt.Time, from channels.Cursor, known func(string) bool) (out []channels.Inbound, next channels.Cursor, err error) {
	l.since = append(l.since, since)
	if l.err != nil {
		return nil, from, l.err
	}
	if from != "" && from == l.bad {
		return nil, from, errDown
	}
	byTime := func(a, b channels.Inbound) int { return cmp.Compare(a.At, b.At) }
	slices.SortStableFunc(l.texts, byTime)
	at := len(l.texts)
	if from != "" {
		at, _ = strconv.Atoi(string(from))
	}
	for n := 0; n < cmp.Or(l.part, 20) && at > 0; n++ {
		at--
		if in := l.texts[at]; in.At >= since && !known(in.ProviderID) {
			out = append(out, in)
		}
	}
	slices.SortStableFunc(out, byTime)
	if at > 0 && l.texts[at-1].At >= since {
		next = channels.Cursor(strconv.Itoa(at))
	}
	if len(l.since) == l.breaks {
		return out, next, errDown
	}
	return out, next, nil
}

// lookThrough begins a look and reads all that can be read before the next.
func lookThrough(ctx context.Context, d *Desk, l *lister, s *Search, overlap time.Duration) (all Look, first error) {
	if err := d.BeginLook(ctx, "main", clinic, overlap, s); err != nil {
		return all, err
	}
	for {
		look, err := d.ReadOn(ctx, l, "main", clinic, s)
		all.Listed, all.New = all.Listed+look.Listed, all.New+look.New
		if first = cmp.Or(first, err); !look.More {
			return all, first
		}
	}
}

// looked is a world whose clock stands some hours after the first start.
func looked(t *testing.T, after time.Duration) (w *world, start molt.Time) {
	w = newWorld(t)
	start = molt.TimeOf(w.clock.Now())
	if err := w.desk.MarkStart(t.Context(), "main", clinic, start); err != nil {
		t.Fatal(err)
	}
	w.clock.add(after)
	return w, start
}

// through is up to where the record says that the list was looked through.
func (w *world) through() molt.Time {
	w.t.Helper()
	m, err := w.desk.watermark(w.t.Context(), "main", clinic)
	if err != nil {
		w.t.Fatal(err)
	}
	return m.At
}

func (w *world) knows(id string) bool {
	w.t.Helper()
	known, err := w.desk.Known(w.t.Context(), channels.Inbound{Channel: "main", Account: clinic, ProviderID: id})
	if err != nil {
		w.t.Fatal(err)
	}
	return known
}

func listed(id string, at molt.Time, words string) channels.Inbound {
	in := text(patient, id, words)
	in.At = at
	return in
}

func TestBackfillTakesWhatNoWebhookBrought(t *testing.T) {
	w, start := looked(t, 10*time.Minute)
	w.say(w.desk, text(patient, "SM1", "hello"))
	l := &lister{}
	for i, at := range []time.Duration{-time.Hour, time.Minute, 2 * time.Minute} {
		l.texts = append(l.texts, listed(fmt.Sprintf("SM%d", i), start.Add(at), "hello"))
	}
	var s Search
	look, err := lookThrough(t.Context(), w.desk, l, &s, 24*time.Hour)
	if err != nil || look.Listed != 2 || look.New != 1 {
		t.Fatalf("look %+v, %v; want 2 listed, 1 new, none from before the start", look, err)
	}
	if got := w.through(); got != molt.TimeOf(w.clock.Now()) {
		t.Errorf("looked through up to %v, want up to now", got)
	}
	// What is known is not decided in vain: a busy day is looked through each time.
	w.store.before = func(b *molt.Batch) error {
		if b.Conversation != "" {
			t.Errorf("a known text is decided once more: %s", kinds(*b))
		}
		return nil
	}
	if look, err := lookThrough(t.Context(), w.desk, l, &s, 24*time.Hour); err != nil || look.Listed != 2 || look.New != 0 {
		t.Errorf("second look %+v, %v; want 2 listed, none new", look, err)
	}
	w.store.before = nil
	// A second start moves nothing.
	was := w.through()
	if err := w.desk.MarkStart(t.Context(), "main", clinic, start.Add(time.Hour)); err != nil || w.through() != was {
		t.Errorf("a second start: %v, looked through up to %v, want %v", err, w.through(), was)
	}
}

// A red flag that came while nobody listened does not wait behind the thousands that
// are known, and what lies behind those, of their very second too, is not missed.
func TestTheNewestIsReadFirst(t *testing.T) {
	w, start := looked(t, 20*time.Hour)
	was := w.through()
	l := &lister{}
	for i := range 500 {
		id := fmt.Sprint("SMa", i)
		l.texts = append(l.texts, listed(id, start.Add(time.Hour+time.Duration(i/100)*time.Second), "hello"))
		if i%7 > 0 {
			in := l.texts[i]
			in.Peer = molt.Address(fmt.Sprintf("+1555020%04d", i))
			w.say(w.desk, in)
		}
	}
	l.texts = append(l.texts, listed("SMred", start.Add(19*time.Hour), "my chest hurts"))
	var s Search
	if err := w.desk.BeginLook(t.Context(), "main", clinic, 24*time.Hour, &s); err != nil {
		t.Fatal(err)
	}
	look, err := w.desk.ReadOn(t.Context(), l, "main", clinic, &s)
	if err != nil || !w.knows("SMred") || !look.More {
		t.Fatalf("the first part: %+v, %v, red flag taken %v; want it taken, and more to read", look, err, w.knows("SMred"))
	}
	if w.through() != was {
		t.Error("the watermark moved before all was looked through")
	}
	// Killed in the middle: all is looked through again, to its end.
	s = Search{}
	if _, err := lookThrough(t.Context(), w.desk, l, &s, 24*time.Hour); err != nil {
		t.Fatal(err)
	}
	for _, in := range l.texts {
		if !w.knows(in.ProviderID) {
			t.Errorf("%s was missed", in.ProviderID)
		}
	}
	if w.through() != molt.TimeOf(w.clock.Now()) {
		t.Error("the watermark did not move when all was looked through")
	}
}

// A list that breaks off halfway has what it gave taken in. The next look begins at the
// top, and goes on in the earlier one where that stopped.
func TestALookGoesOnWhereItStopped(t *testing.T) {
	w, start := looked(t, 10*time.Hour)
	was := w.through()
	l := &lister{breaks: 3}
	for i := range 100 {
		l.texts = append(l.texts, listed(fmt.Sprint("SM", i), start.Add(time.Duration(i)*time.Minute), "hello"))
	}
	var s Search
	if look, err := lookThrough(t.Context(), w.desk, l, &s, 24*time.Hour); !errors.Is(err, errDown) || look.New != 60 || w.through() != was {
		t.Fatalf("%+v, %v, looked through up to %v; want 60 new, the fault, and the watermark where it was", look, err, w.through())
	}
	w.clock.add(5 * time.Minute)
	l.texts = append(l.texts, listed("SMred", molt.TimeOf(w.clock.Now()), "my chest hurts"))
	if err := w.desk.BeginLook(t.Context(), "main", clinic, time.Hour, &s); err != nil {
		t.Fatal(err)
	}
	if look, err := w.desk.ReadOn(t.Context(), l, "main", clinic, &s); err != nil || look.New != 1 || !look.More || !w.knows("SMred") {
		t.Fatalf("%+v, %v; want what came last, and more to read", look, err)
	}
	calls := len(l.since)
	look, err := w.desk.ReadOn(t.Context(), l, "main", clinic, &s)
	if err != nil || look.New != 20 || look.Listed != 20 {
		t.Fatalf("%+v, %v; want the 20 texts behind those that were read", look, err)
	}
	for look.More {
		if look, err = w.desk.ReadOn(t.Context(), l, "main", clinic, &s); err != nil {
			t.Fatal(err)
		}
	}
	if len(l.since) != calls+2 || !w.knows("SM0") || w.through() != molt.TimeOf(w.clock.Now()) {
		t.Errorf("%d calls, oldest taken %v, looked through up to %v; want two, true, now", len(l.since)-calls, w.knows("SM0"), w.through())
	}
}

// A place in a list that cannot be read holds the watermark, and nothing that lies in
// another look's part.
func TestAPlaceThatCannotBeRead(t *testing.T) {
	w, start := looked(t, 10*time.Hour)
	was := w.through()
	l := &lister{bad: "60"}
	for i := range 100 {
		l.texts = append(l.texts, listed(fmt.Sprint("SM", i), start.Add(time.Duration(i)*time.Minute), "hello"))
	}
	var s Search
	if look, err := lookThrough(t.Context(), w.desk, l, &s, 24*time.Hour); !errors.Is(err, errDown) || look.New != 40 {
		t.Fatalf("%+v, %v; want the 40 texts above the place", look, err)
	}
	const looks, down = 10, 7 // the list of the first ones is down altogether
	for n := range looks {
		w.clock.add(5 * time.Minute)
		l.texts = append(l.texts, listed(fmt.Sprint("SMred", n), molt.TimeOf(w.clock.Now()).Add(-3*time.Minute), "my chest hurts"))
		if l.err = nil; n < down {
			l.err = errDown
		}
		if _, err := lookThrough(t.Context(), w.desk, l, &s, time.Minute); !errors.Is(err, errDown) {
			t.Fatalf("look %d: %v", n, err)
		}
	}
	for n := range looks {
		if !w.knows(fmt.Sprint("SMred", n)) {
			t.Errorf("red flag %d was not fetched", n)
		}
	}
	if w.knows("SM59") || w.through() != was {
		t.Errorf("looked through up to %v, want %v", w.through(), was)
	}
	if _, err := lookThrough(t.Context(), w.desk, &lister{texts: l.texts}, &s, time.Minute); err != nil || !w.knows("SM0") || w.through() == was {
		t.Errorf("it can be read again: %v, oldest taken %v, looked through up to %v", err, w.knows("SM0"), w.through())
	}
}

// A carrier that is down for hours is asked for no more than before, and for all of it
// once it is up.
func TestALongOutageOfTheListIsMadeUpFor(t *testing.T) {
	w, start := looked(t, time.Minute)
	l := &lister{err: errDown, texts: []channels.Inbound{listed("SM", start.Add(30*time.Second), "my chest hurts")}}
	var s Search
	for n := range 50 {
		calls := len(l.since)
		if _, err := lookThrough(t.Context(), w.desk, l, &s, time.Minute); !errors.Is(err, errDown) {
			t.Fatalf("got %v, want the list's fault", err)
		}
		if len(s.owed) > maxOwed || len(l.since) != calls+1 {
			t.Fatalf("%d stretches owed, %d calls of one look; want at most %d, and one", len(s.owed), len(l.since)-calls, maxOwed)
		}
		w.clock.add(5 * time.Minute)
		l.texts = append(l.texts, listed(fmt.Sprint("SM", n), molt.TimeOf(w.clock.Now()).Add(-2*time.Minute), "my chest hurts"))
	}
	l.err = nil
	if look, err := lookThrough(t.Context(), w.desk, l, &s, time.Minute); err != nil || look.New != 51 || w.through() != molt.TimeOf(w.clock.Now()) {
		t.Errorf("%+v, %v, looked through up to %v; want the 51 red flags of before and of the outage", look, err, w.through())
	}
}

// Of more stretches than are kept, the last two become one from the top that reaches as
// far back as both.
func TestStretchesBecomeOne(t *testing.T) {
	w, start := looked(t, 10*time.Hour)
	now := molt.TimeOf(w.clock.Now())
	for _, last := range [][]molt.Time{{start.Add(time.Hour), start.Add(2 * time.Hour)}, {start.Add(2 * time.Hour), start.Add(time.Hour)}} {
		s := Search{start: start, began: now, owed: []stretch{
			{since: start.Add(4 * time.Hour), from: "a"}, {since: start.Add(3 * time.Hour), from: "b"}, {since: last[0], from: "c"}, {since: last[1], from: "d"},
		}}
		if err := w.desk.BeginLook(t.Context(), "main", clinic, time.Minute, &s); err != nil {
			t.Fatal(err)
		}
		want := []stretch{{since: now.Add(-time.Minute)}, {since: start.Add(4 * time.Hour), from: "a"}, {since: start.Add(3 * time.Hour), from: "b"}, {since: start.Add(time.Hour)}}
		if !slices.Equal(s.owed, want) {
			t.Errorf("owed %+v, want %+v", s.owed, want)
		}
	}
}

// A text that cannot be taken keeps neither the others, nor what lies behind it, from
// being taken, and is fetched again.
func TestATextThatIsNotTakenIsFetchedAgain(t *testing.T) {
	w, start := looked(t, 10*time.Hour)
	was := w.through()
	l := &lister{}
	for i := range 100 {
		l.texts = append(l.texts, listed(fmt.Sprint("SM", i), start.Add(time.Duration(i)*time.Minute), "hello"))
		l.texts[i].Peer = molt.Address(fmt.Sprintf("+1555020%04d", i))
	}
	poor := w.desk.ConversationOf("main", clinic, l.texts[90].Peer)
	w.store.before = func(b *molt.Batch) error {
		if b.Conversation == poor {
			return errDown
		}
		return nil
	}
	var s Search
	for n, fresh := range []int{99, 0} {
		if look, err := lookThrough(t.Context(), w.desk, l, &s, time.Hour); err == nil || look.New != fresh || w.through() != was {
			t.Fatalf("look %d: %+v, %v, looked through up to %v; want %d new, a fault, the watermark where it was", n, look, err, w.through(), fresh)
		}
		w.clock.add(24 * time.Hour)
	}
	w.store.before = nil
	if look, err := lookThrough(t.Context(), w.desk, l, &s, time.Hour); err != nil || look.New != 1 || w.through() != molt.TimeOf(w.clock.Now()) {
		t.Errorf("%+v, %v, looked through up to %v; want the one text, and the watermark at now", look, err, w.through())
	}
}

// A clock that ran ahead when the watermark was written, and was set right, hides nothing
// of the overlap.
func TestAWatermarkOfTheFuture(t *testing.T) {
	w, start := looked(t, 48*time.Hour)
	var s Search
	if _, err := lookThrough(t.Context(), w.desk, &lister{}, &s, time.Hour); err != nil {
		t.Fatal(err)
	}
	w.clock.add(-24 * time.Hour)
	for name, s := range map[string]*Search{"anew": {}, "under way": &s} {
		l := &lister{texts: []channels.Inbound{listed("SM"+name, start.Add(24*time.Hour-time.Minute), "my chest hurts")}}
		if look, err := lookThrough(t.Context(), w.desk, l, s, time.Hour); err != nil || look.New != 1 {
			t.Errorf("%s: %+v, %v; want the text of a minute ago", name, look, err)
		}
	}
}

// endless links each part to itself.
type endless struct{ lister }

func (l *endless) ListInbound(_ context.Context, _ molt.Address, since molt.Time, _ channels.Cursor, _ func(string) bool) ([]channels.Inbound, channels.Cursor, error) {
	l.since = append(l.since, since)
	return nil, "on", nil
}

func TestAListWithoutEnd(t *testing.T) {
	w, _ := looked(t, time.Hour)
	was := w.through()
	var s Search
	l := &endless{}
	if err := w.desk.BeginLook(t.Context(), "main", clinic, time.Hour, &s); err != nil {
		t.Fatal(err)
	}
	for n := 1; ; n++ {
		look, err := w.desk.ReadOn(t.Context(), l, "main", clinic, &s)
		if (n < maxReads) != look.More || errors.Is(err, errEndless) == look.More {
			t.Fatalf("part %d: %+v, %v; want more until the last, and a fault then", n, look, err)
		}
		if !look.More {
			break
		}
	}
	if len(l.since) != maxReads || w.through() != was {
		t.Errorf("it was read %d times, and looked through up to %v; want %d, and %v", len(l.since), w.through(), maxReads, was)
	}
}
