package intake

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/tidegate/tidegate/molt"
)

// TestAFloodDelaysNobodyElse holds every commit of one patient while more texts
// come from her than wait for commits of all patients together. Another's text is
// taken meanwhile.
func TestAFloodDelaysNobodyElse(t *testing.T) {
	w := newWorld(t)
	flooded := w.desk.conversation(w.desk.beganOf(text(patient, "", "")))
	held := make(chan struct{})
	w.store.before = func(b *molt.Batch) error {
		if b.Conversation == flooded {
			<-held
		}
		return nil
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	const flood = MaxWaiting + 100
	errs := make(chan error, flood)
	begun := make(chan struct{}, flood)
	for n := range flood {
		go func() { // ends with the flood's last answer, or with ctx
			begun <- struct{}{}
			ticket, err := w.desk.Accept(ctx, text(patient, fmt.Sprintf("SM%d", n), "hello"))
			if err == nil {
				_, err = ticket.Wait(ctx)
			}
			errs <- err
		}()
	}
	for range flood {
		<-begun
	}
	for len(w.desk.box(flooded).slots) < MaxQueue && len(w.desk.waiting) < MaxWaiting {
		if ctx.Err() != nil {
			t.Fatal("the flood does not come in")
		}
	}
	ticket, err := w.desk.Accept(ctx, text(second, "SM-other", "my chest hurts"))
	if err == nil {
		_, err = ticket.Wait(ctx)
	}
	if err != nil {
		t.Errorf("another patient's text waits behind the flood: %v", err)
	}
	cancel() // who did not get in gives up, and the others are decided
	close(held)
	for range flood {
		<-errs
	}
	for deadline := time.Now().Add(time.Minute); len(w.desk.waiting)+len(w.desk.box(flooded).slots) > 0; {
		if time.Now().After(deadline) {
			t.Fatal("slots are not given back")
		}
	}
}

// TestAFloodIsGathered: more texts of one number than a person writes in a second are
// decided together, and not one by one; another's text and what comes in the next
// second do not wait.
func TestAFloodIsGathered(t *testing.T) {
	w := newWorld(t)
	var later []func()
	d := w.newDesk(func(o *Options) {
		o.Spawn = func(f func()) { f() }
		o.After = func(in time.Duration, f func()) {
			if in != Gathers {
				t.Errorf("gathers for %v, want %v", in, Gathers)
			}
			later = append(later, f)
		}
	})
	commits := 0
	w.store.before = func(*molt.Batch) error { commits++; return nil }
	says := func(from molt.Address, id, words string) Ticket {
		t.Helper()
		ticket, err := d.Accept(t.Context(), text(from, id, words))
		if err != nil {
			t.Fatal(err)
		}
		return ticket
	}
	decided := func(ticket Ticket) bool {
		select {
		case <-ticket.Done():
			return true
		default:
			return false
		}
	}
	for n := range Brisk {
		if !decided(says(patient, fmt.Sprint("SM", n), "hello")) {
			t.Fatalf("text %d waits", n+1)
		}
	}
	if commits != Brisk {
		t.Errorf("got %d commits of as many texts one after the other, want %d", commits, Brisk)
	}
	var waiting []Ticket
	for n := range 40 {
		waiting = append(waiting, says(patient, fmt.Sprint("SM-more-", n), "hello"))
	}
	if decided(waiting[0]) || len(later) != 1 {
		t.Fatalf("a flood of one number is not gathered: %d turns to come", len(later))
	}
	if !decided(says(second, "SM-other", "my chest hurts")) {
		t.Error("another patient waits for the flood")
	}
	commits = 0
	later[0]()
	for n, ticket := range waiting {
		if _, err := ticket.Wait(t.Context()); err != nil || n == 0 && commits != 1 {
			t.Errorf("text %d: %v, after %d commits; want all in one", n, err, commits)
		}
	}
	w.clock.add(time.Second)
	if !decided(says(patient, "SM-next", "sorry about that")) {
		t.Error("a text waits when the flood is over")
	}
	for n := range Brisk {
		says(patient, fmt.Sprint("SM-again-", n), "hello")
	}
	if len(later) != 2 {
		t.Fatalf("got %d turns to come, want the second flood's", len(later))
	}
	later[1]()
}

// TestAFloodIsGatheredOnce: whatever stands in a mailbox when the texts at its head
// have waited has waited too: texts between a nurse's acts, or more of them than are
// decided together, do not wait again, one after the other, and hold the acts up.
func TestAFloodIsGatheredOnce(t *testing.T) {
	w := newWorld(t)
	var later []func()
	d := w.newDesk(func(o *Options) {
		o.Spawn = func(f func()) { f() }
		o.After = func(_ time.Duration, f func()) { later = append(later, f) }
	})
	id := d.conversation(d.beganOf(text(patient, "", "")))
	var tickets []Ticket
	says := func(name string) {
		t.Helper()
		ticket, err := d.Accept(t.Context(), text(patient, name, "hello"))
		if err != nil {
			t.Fatal(err)
		}
		tickets = append(tickets, ticket)
	}
	var order []int
	act := func(n int) {
		t.Helper()
		ticket, err := d.Alone(t.Context(), id, func(context.Context) error { order = append(order, n); return nil })
		if err != nil {
			t.Fatal(err)
		}
		tickets = append(tickets, ticket)
	}
	for n := range Brisk {
		says(fmt.Sprint("SM", n))
	}
	for n := range 10 {
		says(fmt.Sprint("SM-between-", n))
		act(n)
	}
	for n := range MaxInbound + 1 {
		says(fmt.Sprint("SM-after-", n))
	}
	if len(later) != 1 {
		t.Fatalf("got %d turns to come, want one", len(later))
	}
	later[0]()
	if len(later) != 1 {
		t.Errorf("what has waited waits again: %d of 10 acts are done", len(order))
	}
	for n := 1; n < len(later); n++ {
		later[n]()
	}
	for _, ticket := range tickets {
		if _, err := ticket.Wait(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if !slices.IsSorted(order) || len(order) != 10 {
		t.Errorf("the acts were done in the order %v", order)
	}
}

// TestListedTextsAreNotGathered: what a carrier's list brings after an outage waits for
// nothing, however much of it is one number's; a red flag may be among it.
func TestListedTextsAreNotGathered(t *testing.T) {
	w := newWorld(t)
	start := molt.TimeOf(w.clock.Now())
	d := w.newDesk(func(o *Options) {
		o.Spawn = func(f func()) { f() }
		o.After = func(_ time.Duration, f func()) {
			t.Error("listed texts wait for company")
			go f() // ends with the mailbox's last letter
		}
	})
	if err := d.MarkStart(t.Context(), "main", clinic, start); err != nil {
		t.Fatal(err)
	}
	l := &lister{}
	for n := range 3 * Brisk {
		in := text(patient, fmt.Sprint("SM", n), "hello")
		in.At = start.Add(time.Duration(n) * time.Second)
		l.texts = append(l.texts, in)
	}
	w.clock.add(time.Hour)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if look, err := lookThrough(ctx, d, l, &Search{}, time.Hour); err != nil || look.New != 3*Brisk {
		t.Errorf("look %+v, %v; want %d new", look, err, 3*Brisk)
	}
}

// TestAFloodIsSpread: what one number writes to many of the clinic's is decided one
// conversation after the other, and none of them waits for longer than it may.
func TestAFloodIsSpread(t *testing.T) {
	w := newWorld(t)
	var waits []time.Duration
	var later []func()
	d := w.newDesk(func(o *Options) {
		o.Spawn = func(f func()) { f() }
		o.After = func(in time.Duration, f func()) { waits, later = append(waits, in), append(later, f) }
	})
	says := func(account, n int) {
		t.Helper()
		in := text(patient, fmt.Sprintf("SM%d-%d", account, n), "hello")
		in.Account = molt.Address(fmt.Sprintf("+1555010%04d", 200+account))
		if _, err := d.Accept(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	for n := range Brisk {
		says(0, n)
	}
	const conversations = 40
	for account := range conversations {
		says(account, Brisk)
	}
	if len(waits) != conversations {
		t.Fatalf("got %d turns to come, want %d", len(waits), conversations)
	}
	last := waits[0] - Apart
	for n, wait := range waits {
		if wait < Gathers || wait > MaxGathers {
			t.Errorf("conversation %d waits for %v, want %v to %v", n, wait, Gathers, MaxGathers)
		}
		if want := last + Apart; want <= MaxGathers && wait != want || want > MaxGathers && wait != Gathers {
			t.Errorf("conversation %d waits for %v, and the one before it for %v; want them %v apart", n, wait, last, Apart)
		}
		last = wait
	}
	for _, f := range later {
		f()
	}
}
