package outside

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidegate/tidegate/gateway/model/ollama/ollamafake"
)

const booker = "+12125550142"

// booking is a world whose agent has a calendar.
func booking(t *testing.T, calendar string) (*world, *standIn) {
	t.Helper()
	dir := t.TempDir()
	s := &standIn{start(t, exec.Command(program(t), "model", "--mode", string(ollamafake.ModeOK)), dir+"/model.log")}
	agent := fmt.Sprintf("{models: [ollama/stand-in, scripted/intake], providers: {ollama: {base_url: %q, price_in: 0.25, price_out: 2}}, ask_timeout: 10s, debounce: 50ms, debounce_max: 1s}\ncalendar: {%s}", s.field("base"), calendar)
	w := newWorld(t, dir, setting{profile: "calm", seed: 1, agent: agent})
	return w, s
}

// texts counts the texts with these words that reached the patient's phone.
func (w *world) texts(phone, words string) (n int) {
	w.t.Helper()
	for _, e := range w.ledger() {
		if e.Kind == kindHandset && e.To == phone && strings.Contains(e.Body, words) {
			n++
		}
	}
	return n
}

// TestBookingInAFile books from a file that staff could edit, and gives back.
func TestBookingInAFile(t *testing.T) {
	t.Parallel()
	w, stand := booking(t, "file: openings.csv")
	day := time.Now().Add(48 * time.Hour).Format("2006-01-02")
	w.write("openings.csv", "id,start,minutes,with,key,name,dob,phone,reason\n"+
		"a1,"+day+" 10:30,20,Dr. Lee\na2,"+day+" 11:00,20,Dr. Lee\na3,2020-01-01 09:00,20,Dr. Lee\n")
	w.start()
	file := func() string {
		b, err := os.ReadFile(w.path("openings.csv"))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	w.text(booker, "what openings do you have?")
	if e := w.gets(0, booker, "option 1 is"); strings.Contains(e.Body, "option 3") {
		t.Errorf("an opening of the past is offered: %q", e.Body)
	}
	since := w.end()
	w.text(booker, "option 2 please")
	w.gets(since, booker, "11:00 AM")
	if got := file(); !strings.Contains(got, "11:00,20,Dr. Lee,tg") || !strings.Contains(got, booker) || strings.Count(got, ",tg") != 1 {
		t.Errorf("the file holds\n%s", got)
	}
	since = w.end()
	w.text(booker, "option 1 as well")
	w.gets(since, booker, "Which of them")
	if got := file(); strings.Count(got, ",tg") != 1 {
		t.Errorf("two bookings:\n%s", got)
	}
	since = w.end()
	w.text(booker, "please cancel my appointment")
	w.gets(since, booker, "is given back")
	if got := file(); strings.Contains(got, ",tg") || strings.Contains(got, booker) {
		t.Errorf("the file still holds the booking\n%s", got)
	}
	w.idle(within(t, patience))
	if n := w.texts(booker, "You are booked"); n != 1 {
		t.Errorf("the patient was told %d times that they are booked", n)
	}
	w.tokensAddUp(stand)
}

// tokensAddUp holds the daemon's count of tokens against the server's own.
func (w *world) tokensAddUp(s *standIn) {
	w.t.Helper()
	in, out, micros := 0, 0, 0
	for _, x := range s.asked(w.t) {
		in, out = in+x.TokensIn, out+x.TokensOut
		micros += int(math.Ceil(float64(x.TokensIn)*0.25 + float64(x.TokensOut)*2)) // the prices that the file names
	}
	if tokens, cost := w.ledgerOfModels(); tokens != in+out || cost != micros {
		w.t.Errorf("the record says %d tokens and %d millionths, the server's own counts %d and %d", tokens, cost, in+out, micros)
	}
	_, metrics := get(w.t, "http://"+w.private+"/metrics")
	for _, want := range []string{
		fmt.Sprintf(`tidegate_model_tokens_total{direction="in",model="ollama/stand-in"} %d`, in),
		fmt.Sprintf(`tidegate_model_tokens_total{direction="out",model="ollama/stand-in"} %d`, out),
	} {
		if in == 0 || !strings.Contains(metrics, want) {
			w.t.Errorf("the metrics lack %s", want)
		}
	}
}

// ledgerOfModels sums what the record says was spent.
func (w *world) ledgerOfModels() (tokens, micros int) {
	w.t.Helper()
	for d := json.NewDecoder(strings.NewReader(w.tidegate("conversations", "export", "--all", "--json"))); d.More(); {
		var f struct {
			Journal []struct {
				Kind string
				Body struct{ Tokens, Micros int }
			}
		}
		if err := d.Decode(&f); err != nil {
			w.t.Fatal(err)
		}
		for _, e := range f.Journal {
			if e.Kind == "replied" {
				tokens, micros = tokens+e.Body.Tokens, micros+e.Body.Micros
			}
		}
	}
	return tokens, micros
}

// asked holds a change against the contract: it says when it was asked for.
func asked(t *testing.T, r *http.Request) {
	if at, err := time.Parse(time.RFC3339Nano, r.Header.Get("Tidegate-Asked")); err != nil || time.Since(at) > time.Minute {
		t.Errorf("%s of a booking does not say when it was asked for: %q", r.Method, r.Header.Get("Tidegate-Asked"))
	}
}

// calendarServer is a calendar as a clinic's server would be, with its moods.
type calendarServer struct {
	*httptest.Server
	mu         sync.Mutex
	bookings   map[string]string // key → slot
	puts       int
	deletes    int
	lies       bool          // says yes and keeps nothing
	taken      string        // an opening that somebody else has by now
	hold       chan struct{} // a look at a booking waits for it
	holdFrom   int           // once so many were asked for
	undoneFrom int           // and given back
	looked     chan struct{} // has one for each look
}

func newCalendarServer(t *testing.T) *calendarServer {
	t.Helper()
	c := &calendarServer{bookings: map[string]string{}, looked: make(chan struct{}, 100)}
	slots := map[string]map[string]any{}
	for i, id := range []string{"a1", "a2"} {
		slots[id] = map[string]any{"id": id, "start": time.Now().Add(time.Duration(48+i) * time.Hour).Truncate(time.Minute), "minutes": 20, "with": "Dr. Lee"}
	}
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, code int, v any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(v)
	}
	mux.HandleFunc("GET /slots", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 200, map[string]any{"slots": []any{slots["a1"], slots["a2"]}})
	})
	mux.HandleFunc("PUT /bookings/{key}", func(w http.ResponseWriter, r *http.Request) {
		var b struct{ Slot, Phone string }
		_ = json.NewDecoder(r.Body).Decode(&b)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.puts++
		asked(t, r)
		if b.Phone != booker {
			t.Errorf("a booking for %q", b.Phone)
		}
		if b.Slot == c.taken {
			answer(w, http.StatusConflict, map[string]any{})
			return
		}
		if !c.lies {
			c.bookings[r.PathValue("key")] = b.Slot
		}
		answer(w, 200, map[string]any{})
	})
	mux.HandleFunc("GET /bookings/{key}", func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		hold := c.hold
		if c.puts < c.holdFrom || c.deletes < c.undoneFrom {
			hold = nil
		}
		id, ok := c.bookings[r.PathValue("key")]
		counts := c.puts >= c.holdFrom && c.deletes >= c.undoneFrom
		c.mu.Unlock()
		if counts {
			c.looked <- struct{}{}
		}
		if hold != nil {
			select {
			case <-hold:
			case <-r.Context().Done():
				return
			}
		}
		if !ok {
			answer(w, 404, map[string]any{})
			return
		}
		answer(w, 200, map[string]any{"slot": slots[id]})
	})
	mux.HandleFunc("DELETE /bookings/{key}", func(w http.ResponseWriter, r *http.Request) {
		asked(t, r)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.deletes++
		delete(c.bookings, r.PathValue("key"))
		w.WriteHeader(http.StatusNoContent)
	})
	c.Server = httptest.NewServer(mux)
	t.Cleanup(c.Close)
	return c
}

// awaits waits until a booking is looked at.
func (c *calendarServer) awaits(t *testing.T, otherwise string) {
	t.Helper()
	select {
	case <-c.looked:
	case <-time.After(patience):
		t.Fatal(otherwise)
	}
}

// dies kills daemon and model while the calendar holds its answer, and starts the
// daemon again.
func (w *world) dies(model *standIn, c *calendarServer) {
	w.t.Helper()
	w.kill()
	model.kill()
	c.mu.Lock()
	c.hold = nil
	c.mu.Unlock()
	w.start()
}

// TestBookingAndDying kills daemon and model between the act and its outcome.
// After the restart there is one booking, looked at, and the patient reads of it
// once, though no model is there any more.
func TestBookingAndDying(t *testing.T) {
	t.Parallel()
	c := newCalendarServer(t)
	w, model := booking(t, "base_url: "+c.URL)
	w.start()
	w.text(booker, "what openings do you have?")
	w.gets(0, booker, "option 1 is")
	c.mu.Lock()
	c.hold = make(chan struct{})
	c.mu.Unlock()
	since := w.end()
	w.text(booker, "option 1")
	c.awaits(t, "it was never looked at") // it is booked, and being looked at
	w.dies(model, c)
	w.gets(since, booker, "You are booked for")
	w.idle(within(t, patience))
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.bookings) != 1 || c.puts < 2 {
		t.Errorf("%d bookings after %d requests, want one after two", len(c.bookings), c.puts)
	}
	if n := w.texts(booker, "You are booked"); n != 1 {
		t.Errorf("the patient was told %d times", n)
	}
}

// TestBookingThatIsNotThere has a calendar that says yes and keeps nothing: it is
// noticed, undone, and given to a person.
func TestBookingThatIsNotThere(t *testing.T) {
	t.Parallel()
	c := newCalendarServer(t)
	c.lies = true
	w, _ := booking(t, "base_url: "+c.URL)
	w.start()
	w.text(booker, "what openings do you have?")
	w.gets(0, booker, "option 1 is")
	since := w.end()
	w.text(booker, "option 1")
	w.gets(since, booker, "A nurse")
	out, err := exec.CommandContext(within(t, patience), w.bin, "cases", "list", "-c", w.path("tidegate.yaml")).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "S3") {
		t.Errorf("the work list: %v\n%s", err, out)
	}
	w.idle(within(t, patience))
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.deletes == 0 {
		t.Error("nothing was undone")
	}
	if n := w.texts(booker, "You are booked"); n != 0 {
		t.Errorf("the patient was told %d times of an appointment that is none", n)
	}
}

// TestAMoveThatFailsAndDying moves an appointment to an opening that somebody else has
// by now: what was given back for it is put back. Daemon and model are killed between
// that and its look. After the restart the old appointment stands, once, and the
// patient reads so once.
func TestAMoveThatFailsAndDying(t *testing.T) {
	t.Parallel()
	c := newCalendarServer(t)
	c.taken = "a2"
	w, model := booking(t, "base_url: "+c.URL)
	w.start()
	w.text(booker, "what openings do you have?")
	w.gets(0, booker, "option 2 is")
	since := w.end()
	w.text(booker, "option 1")
	first := w.gets(since, booker, "You are booked for")
	since = w.end()
	w.text(booker, "what openings do you have?")
	w.gets(since, booker, "option 2 is")
	c.mu.Lock()
	c.hold, c.holdFrom = make(chan struct{}), 3 // the first booking, the one that is taken, and the one put back
	for len(c.looked) > 0 {
		<-c.looked
	}
	c.mu.Unlock()
	since = w.end()
	w.text(booker, "move me to option 2")
	w.gets(since, booker, "is given back")
	c.awaits(t, "nothing was put back") // it is put back, and being looked at
	w.dies(model, c)
	if again := w.gets(since, booker, "You are booked for"); again.Body != first.Body {
		t.Errorf("put back is %q, booked was %q", again.Body, first.Body)
	}
	w.idle(within(t, patience))
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.bookings) != 1 || c.puts < 4 {
		t.Errorf("%d bookings after %d requests, want one after four", len(c.bookings), c.puts)
	}
	for _, slot := range c.bookings {
		if slot != "a1" {
			t.Errorf("booked is %s", slot)
		}
	}
	if n := w.texts(booker, "You are booked"); n != 2 {
		t.Errorf("the patient was told %d times, want once for each booking", n)
	}
}

// TestUndoneAndDying kills daemon and model while what the calendar does not show is
// undone, between the giving back and its look. After the restart nothing is booked, a
// person has it, and the patient is told of no appointment.
func TestUndoneAndDying(t *testing.T) {
	t.Parallel()
	c := newCalendarServer(t)
	c.lies, c.hold, c.undoneFrom = true, make(chan struct{}), 1
	w, model := booking(t, "base_url: "+c.URL)
	w.start()
	w.text(booker, "what openings do you have?")
	w.gets(0, booker, "option 1 is")
	since := w.end()
	w.text(booker, "option 1")
	c.awaits(t, "nothing was undone") // it is given back, and being looked at
	w.dies(model, c)
	w.gets(since, booker, "A nurse")
	w.idle(within(t, patience))
	out, err := exec.CommandContext(within(t, patience), w.bin, "cases", "list", "-c", w.path("tidegate.yaml")).CombinedOutput()
	if err != nil || strings.Count(string(out), "S3") != 1 {
		t.Errorf("the work list: %v\n%s", err, out)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.bookings) != 0 || c.deletes < 2 {
		t.Errorf("%d bookings after %d were given back", len(c.bookings), c.deletes)
	}
	if n := w.texts(booker, "You are booked"); n != 0 {
		t.Errorf("the patient was told %d times of an appointment that is none", n)
	}
}
