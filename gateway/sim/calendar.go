package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tidegate/tidegate/channels"
	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/skill/schedule"
	"github.com/tidegate/tidegate/molt"
)

// calendar is where the clinic's appointments are: on somebody else's machine. Its
// ledger is the judge's, and no crash touches it. It is late, loses answers,
// repeats, and works on what nobody waits for any more.
type calendar struct {
	w      *world
	stands map[string]booking   // by key
	asked  map[string]molt.Time // when a key's last change was asked for
	gone   map[string]bool      // openings that people took at the desk
	ledger []*deal
	adrift map[string]bool // keys of which a restore lost something
}

type booking struct {
	slot string
	of   molt.Address
}

// deal is one call that would change something, as the calendar saw it.
type deal struct {
	key   string
	slot  string // that is booked; "": it is given back
	of    molt.Address
	begun molt.Time // when the last commit before it was
	at    molt.Time
	made  bool // it changed something
	lost  bool // a restore took it from the record
}

// hours of a day at which an opening begins. Few, so that patients want the same.
func openHours() []int { return []int{9, 11, 14} }

const slotForm = "2006010215"

func slotID(at time.Time) string { return at.UTC().Format(slotForm) }

// Free implements schedule.Calendar.
func (c *calendar) Free(ctx context.Context, from, to time.Time, most int) (out []model.Slot, err error) {
	return out, c.exchange(ctx, func() error {
		zone := c.w.zone()
		for day := from.In(zone).Truncate(time.Hour); day.Before(to) && len(out) < most; day = day.Add(24 * time.Hour) {
			y, m, d := day.Date()
			for _, h := range openHours() {
				at := time.Date(y, m, d, h, 0, 0, 0, zone)
				if w := at.Weekday(); w == time.Saturday || w == time.Sunday || at.Before(from) || !at.Before(to) || c.taken(slotID(at)) {
					continue
				}
				out = append(out, slotAt(at))
			}
		}
		return nil
	})
}

func slotAt(at time.Time) model.Slot {
	return model.Slot{ID: slotID(at), Start: molt.TimeOf(at), Minutes: 30, With: "Dr. Reed"}
}

func (c *calendar) taken(id string) bool {
	for _, b := range c.stands {
		if b.slot == id {
			return true
		}
	}
	return c.gone[id]
}

// Reserve implements schedule.Calendar.
func (c *calendar) Reserve(ctx context.Context, b schedule.Booking) error {
	d := c.begin(b.Key, b.Slot, molt.Address(b.Phone))
	if c.w.books && !c.w.calm && c.w.chance(0.15) {
		c.gone[d.slot] = true // somebody at the desk was quicker
	}
	late := 0.1
	if c.moves(d) {
		late = 0.4 // what was given back for it may be put back meanwhile
	}
	return c.act(ctx, late, func() error {
		stands, there := c.stands[d.key]
		switch {
		case d.at < c.asked[d.key]:
			return schedule.ErrTaken // it came late, and says that it is older
		case there && stands.slot == d.slot:
			return nil
		case there || c.taken(d.slot):
			return schedule.ErrTaken
		}
		c.stands[d.key], c.asked[d.key], d.made = booking{d.slot, d.of}, d.at, true
		c.w.tell("the calendar has %s for %s (%s)", d.slot, c.w.name(d.of), d.key)
		return nil
	})
}

// Find implements schedule.Calendar.
func (c *calendar) Find(ctx context.Context, key string) (slot model.Slot, err error) {
	return slot, c.exchange(ctx, func() error {
		b, there := c.stands[key]
		if !there {
			return schedule.ErrNone
		}
		at, err := time.Parse(slotForm, b.slot)
		slot = slotAt(at)
		return err
	})
}

// Release implements schedule.Calendar.
func (c *calendar) Release(ctx context.Context, key string) error {
	d := c.begin(key, "", c.stands[key].of)
	return c.act(ctx, 0.1, func() error {
		if d.at < c.asked[key] {
			return errCalendar
		}
		if _, d.made = c.stands[key]; d.made {
			c.w.tell("the calendar takes %s back (%s)", c.stands[key].slot, key)
		}
		delete(c.stands, key)
		c.asked[key] = d.at
		return nil
	})
}

// begin notes a call that would change something, and judges what can be judged now.
func (c *calendar) begin(key, slot string, of molt.Address) *deal {
	w := c.w
	d := &deal{key: key, slot: slot, of: of, begun: w.job.last, at: w.now}
	c.ledger = append(c.ledger, d)
	if w.now >= w.job.work.Item.Lease.Until {
		w.fault("act %s is made by a worker whose lease ended", key)
	}
	p := w.patientAt(of)
	if p == nil {
		return d
	}
	if w.alarmed(p, d.at) {
		w.fault("after %s wrote a red flag an act begins: %s", p.name, key)
	}
	w.intrudes(p)
	return d
}

// intrudesOn intrudes on whom a model was asked for.
func (w *world) intrudesOn(tag string) {
	if i := slices.IndexFunc(w.patients, func(p *patient) bool { return p.tag == tag }); i >= 0 {
		w.intrudes(w.patients[i])
	}
}

// intrudes has somebody else speak while an act is about to be made, or is being made:
// a nurse, or the patient herself, of danger.
func (w *world) intrudes(p *patient) {
	if w.calm || !w.books || !w.chance(0.15) {
		return
	}
	in := w.within(0, w.took+400*time.Millisecond)
	if w.chance(0.3) {
		w.after(in, 0, p.name+" texts", func() { p.text(danger1) })
		return
	}
	n := pick(w.r, w.nurses...)
	w.after(in, 0, string(n.id)+" takes over", func() { n.takesOver(p, escalation.S3) })
	w.after(in+w.within(10*time.Second, 3*time.Minute), 0, string(n.id)+" gives back", func() { n.givesBack(p) })
}

// moves reports whether the one who books has just given another appointment back.
func (c *calendar) moves(d *deal) bool {
	return slices.ContainsFunc(c.ledger, func(b *deal) bool { return b.of == d.of && b.slot == "" && b.made && d.at.Sub(b.at) < time.Minute })
}

// act draws what becomes of a call that would change something. Where most is about
// appointments the daemon often dies of it, before or with the answer on its way, and
// the calendar is late as often as is said.
func (c *calendar) act(ctx context.Context, late float64, do func() error) error {
	w := c.w
	if !w.books || w.calm || ctx.Err() != nil {
		return c.exchange(ctx, do)
	}
	switch x := w.r.Float64(); {
	case x < 0.05 && w.lives <= maxCrash:
		panic(crashed{})
	case x < 0.15 && w.lives <= maxCrash:
		_ = do()
		panic(crashed{})
	case x >= 1-late:
		return c.late(do)
	}
	return c.exchange(ctx, do)
}

// late does it when nobody waits for it any more.
func (c *calendar) late(do func() error) error {
	w := c.w
	w.took += calendarTime
	w.carriers[0].later(w.within(calendarTime, 20*time.Second), "the calendar is late", func() { _ = do() })
	return context.DeadlineExceeded
}

var errCalendar = errors.New("calendar: the server answered 503")

// exchange draws what becomes of a call.
func (c *calendar) exchange(ctx context.Context, do func() error) error {
	w := c.w
	if err := ctx.Err(); err != nil {
		return err
	}
	w.took += w.within(20*time.Millisecond, 400*time.Millisecond)
	x := w.r.Float64() / max(w.weather.calendar, 1e-9)
	if w.calm {
		x = 1e9
	}
	waited := func() error {
		w.took += calendarTime
		return context.DeadlineExceeded
	}
	switch {
	case x < 0.03:
		return errCalendar
	case x < 0.05:
		return waited() // it never got there
	case x < 0.09:
		_ = do() // the answer is lost
		return waited()
	case x < 0.11:
		return c.late(do)
	case x < 0.14: // what stands in between repeats it
		_ = do()
	case x < 0.16 && w.lives <= maxCrash:
		_ = do()
		panic(crashed{})
	}
	return do()
}

// calendarTime is how long the daemon waits for the calendar.
const calendarTime = 5 * time.Second

// walkIn takes an opening at the desk.
func (c *calendar) walkIn() {
	id := pick(c.w.r, c.openings()...).ID
	c.gone[id] = true
	c.w.tell("somebody takes %s at the desk", id)
}

// openings are the next few.
func (c *calendar) openings() (out []model.Slot) {
	for at := c.w.now.Std().In(c.w.zone()).Truncate(time.Hour); len(out) < 4; at = at.Add(time.Hour) {
		if d := at.Weekday(); d != time.Saturday && d != time.Sunday && slices.Contains(openHours(), at.Hour()) && !c.taken(slotID(at)) {
			out = append(out, slotAt(at))
		}
	}
	return out
}

var _ schedule.Calendar = (*calendar)(nil)

// wishes reads in a patient's text what it wants of the calendar.
func wishes(words string) (find, choose, giveBack bool) {
	words = strings.ToLower(words)
	has := func(of ...string) bool {
		return slices.ContainsFunc(of, func(s string) bool { return strings.Contains(words, s) })
	}
	return has("appointment", "cita", "visit"), has("first one", "primera"), has("move", "cambiar", "cancel")
}

// calls is what the thinker wants of the tools it has; nil: it answers.
func (t *thinker) calls(r model.Request) *model.Answer {
	w := t.w
	if len(r.Tools) == 0 {
		return nil
	}
	call := func(tool, format string, args ...any) *model.Answer {
		return &model.Answer{Kind: model.KindCall, Call: &model.Call{Tool: tool, Arguments: []byte(fmt.Sprintf(format, args...))}}
	}
	book := func(offered []model.Slot) *model.Answer {
		return call(model.ToolBook, `{"slot":%q}`, pick(w.r, offered...).ID)
	}
	look := func() *model.Answer {
		return call(model.ToolFind, `{"from":%q,"part":"any"}`, w.now.Std().In(w.zone()).Format(time.DateOnly))
	}
	find, choose, giveBack := wishes(newest(r))
	if n := len(r.Steps); n > 0 {
		last := r.Steps[n-1]
		switch {
		case last.Call.Tool == model.ToolCancel && last.Outcome.State == model.CallDone && len(r.Offered) > 0 && w.chance(0.8):
			return book(r.Offered)
		case last.Call.Tool == model.ToolFind && giveBack && r.Booked != nil && w.chance(0.3): // else it offers, for a move
			return call(model.ToolCancel, `{}`)
		case w.chance(0.05):
			return &model.Answer{Kind: model.KindCall, Call: &last.Call}
		}
		return nil
	}
	switch {
	case choose && len(r.Offered) > 0 && r.Booked != nil && w.chance(0.8): // a move
		return call(model.ToolCancel, `{}`)
	case choose && len(r.Offered) > 0 && w.chance(0.9):
		return book(r.Offered)
	case giveBack && r.Booked != nil && len(r.Offered) == 0 && w.chance(0.7):
		return look()
	case giveBack && r.Booked != nil && w.chance(0.8), w.chance(0.01):
		return call(model.ToolCancel, `{}`)
	case (find || choose) && w.chance(0.8):
		return look()
	case w.chance(0.02):
		return call(pick(w.r, model.ToolHours, model.ToolBook, model.ToolFind), `{"day":%q,"slot":"none"}`, w.now.Std().Format(time.DateOnly))
	}
	return nil
}

// newest is what the patient wrote last.
func newest(r model.Request) string {
	for _, m := range slices.Backward(r.Window) {
		if m.From == model.FromPatient {
			return m.Words.Reveal()
		}
	}
	return ""
}

// offers reports whether openings were looked up for this very answer.
func offers(r model.Request) bool {
	n := len(r.Steps)
	return n > 0 && r.Steps[n-1].Call.Tool == model.ToolFind && len(r.Steps[n-1].Outcome.Slots) > 0
}

// patientAt is whose phone that is.
func (w *world) patientAt(a molt.Address) *patient {
	for _, p := range w.patients {
		if p.phone == a {
			return p
		}
	}
	return nil
}

// chooses has a patient take up what she was offered, or answer what she was asked.
func (p *patient) chooses(k *call) {
	w := p.w
	if w.calm || w.still || k.o.Class == channels.ClassPage || p.chose >= maxChoices {
		return
	}
	words := k.o.Words.Reveal()
	switch {
	case (strings.Contains(words, offerWords) || strings.Contains(words, offerWordsEs)) && (w.books || w.chance(0.8)):
		p.answers(choice, w.within(5*time.Second, 3*time.Minute))
	case (strings.Contains(words, clarifyWords) || strings.Contains(words, clarifyWordsEs)) && w.chance(0.6):
		p.answers(routine, w.within(5*time.Second, 2*time.Minute))
	case (strings.Contains(words, "You are booked for") || strings.Contains(words, "Tiene su cita")) && (w.books && w.chance(0.8) || w.chance(0.4)):
		p.answers(regret, w.within(10*time.Second, 10*time.Minute))
	case k.o.Class == channels.ClassAgent && w.quiet && w.chance(0.6):
		p.answers(pick(w.r, routine, choice, choice, closer), w.within(5*time.Second, 4*time.Minute))
	}
}

func (p *patient) answers(k kind, after time.Duration) {
	p.chose++
	p.w.after(after, 0, p.name+" answers", func() {
		if !p.w.calm {
			p.text(k)
		}
	})
}

// maxChoices bounds what a patient writes because of what she reads.
const maxChoices = 6

// What the thinker asks with.
const (
	offerWords     = "which of these openings suits you"
	offerWordsEs   = "que hora le conviene"
	clarifyWords   = "what do you need from us"
	clarifyWordsEs = "que necesita de nosotros"
)
