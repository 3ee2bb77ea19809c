// Package skill is what an agent may do beside speaking: look up the hours, find
// an opening, book it, give it back, note a fact (which the agent's own run keeps).
//
// It owns the tools' descriptions, the reading of their arguments, and how an act
// is made: under a key, within its time, and looked at afterwards, so that "done"
// is what the calendar shows and not what it answered. It must never take from
// arguments whom an act is for, and it decides nothing: what an outcome sets in
// motion is the core's.
package skill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/skill/schedule"
	"github.com/tidegate/tidegate/molt"
)

// Limits of the tools.
const (
	MaxOffered   = 5                   // openings that one look offers
	MaxArguments = 2 << 10             // bytes
	lookAhead    = 60 * 24 * time.Hour // the farthest opening
	spanLooked   = 14 * 24 * time.Hour // of one look, where no end is given
	callTime     = 5 * time.Second     // of one exchange with the calendar
	breakAfter   = 3                   // faults in a row until it is left alone
	breakFor     = 30 * time.Second    // then it is tried again
	leastNotice  = 30 * time.Minute    // before an opening begins
	mostOfADay   = 12                  // hours before which it is morning
	maxWith      = 120                 // bytes of with whom an opening is
)

// Options make a Box.
type Options struct {
	Calendar schedule.Calendar // nil: nothing is booked
	Hours    escalation.Hours  // the clinic's
	Zone     *time.Location
	Only     []string // the tools the persona may call; nil: all
	Collect  []string // the facts that may be noted; none: there is no tool for it
	Now      func() time.Time
}

// Box holds the tools of one persona. It may be used from many goroutines.
type Box struct {
	o       Options
	tools   []model.Tool
	breaker breaker
}

// Patient is whom an act is for, as the gateway knows it.
type Patient struct {
	Name, DOB, Phone, Reason string
}

// Act is a call as it was committed: what it concerns and its key.
type Act struct {
	Tool string
	Key  string
	Slot model.Slot
	For  Patient
}

// New makes the tools.
func New(o Options) *Box {
	if o.Now == nil {
		o.Now = time.Now
	}
	b := &Box{o: o}
	for _, t := range all(o.Collect) {
		needsCalendar := t.Name != model.ToolHours && t.Name != model.ToolNote
		if needsCalendar && o.Calendar == nil || t.Name == model.ToolNote && len(o.Collect) == 0 || o.Only != nil && !contains(o.Only, t.Name) {
			continue
		}
		b.tools = append(b.tools, t)
	}
	return b
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

func all(collect []string) []model.Tool {
	object := func(members string) json.RawMessage {
		return json.RawMessage(`{"type":"object","properties":{` + members + `}`)
	}
	const day = `{"type":"string","pattern":"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}`
	names, _ := json.Marshal(collect)
	return []model.Tool{
		{Name: model.ToolHours, Says: "tells when the clinic is open on a day", Arguments: object(`"day":` + day + `},"required":["day"],"additionalProperties":false`)},
		{Name: model.ToolFind, Says: "looks up openings from a day on, before you offer any; part is any, morning or afternoon", Arguments: object(`"from":` + day + `,"part":{"type":"string","enum":["any","morning","afternoon"]}},"required":["from","part"],"additionalProperties":false`)},
		{Name: model.ToolBook, Says: "books an opening that was offered, once the patient has chosen it; the gateway tells the patient", Acts: true, Arguments: object(`"slot":{"type":"string","maxLength":64}},"required":["slot"],"additionalProperties":false`)},
		{Name: model.ToolCancel, Says: "gives the patient's appointment back, when they ask for that; the gateway tells the patient", Acts: true, Arguments: object(`},"additionalProperties":false`)},
		{Name: model.ToolNote, Says: "keeps a fact that the patient told, from the message with that number, as an entry of \"facts\" does; a later value takes the place of an earlier one", Arguments: object(`"name":{"type":"string","enum":` + string(names) + `},"value":{"type":"string","maxLength":200},"source":{"type":"integer"}},"required":["name","value","source"],"additionalProperties":false`)},
	}
}

// Tools are those of this persona, as a model is told of them.
func (b *Box) Tools() []model.Tool { return b.tools }

// Tool finds one of them.
func (b *Box) Tool(name string) (model.Tool, bool) {
	for _, t := range b.tools {
		if t.Name == name {
			return t, true
		}
	}
	return model.Tool{}, false
}

// SlotOf is the opening that a call of book_slot names.
func SlotOf(c model.Call) string {
	var args struct {
		Slot string `json:"slot"`
	}
	if json.Unmarshal(c.Arguments, &args) != nil {
		return ""
	}
	return args.Slot
}

// Look answers a call that changes nothing.
func (b *Box) Look(ctx context.Context, c model.Call) model.Outcome {
	if _, ok := b.Tool(c.Tool); !ok {
		return refused("no_such_tool")
	}
	var args struct{ Day, From, Part string }
	if len(c.Arguments) > MaxArguments || json.Unmarshal(c.Arguments, &args) != nil {
		return refused("arguments")
	}
	switch c.Tool {
	case model.ToolHours:
		return b.hours(args.Day)
	case model.ToolFind:
		return b.find(ctx, args.From, args.Part)
	}
	return refused("no_such_tool")
}

func refused(why string) model.Outcome { return model.Outcome{State: model.CallRefused, Why: why} }

func (b *Box) day(s string) (time.Time, bool) {
	t, err := time.ParseInLocation(time.DateOnly, s, b.o.Zone)
	return t, err == nil
}

func (b *Box) hours(day string) model.Outcome {
	at, ok := b.day(day)
	if !ok {
		return refused("arguments")
	}
	spans := []string{}
	for minute := 0; minute < 24*60; minute++ {
		from := at.Add(time.Duration(minute) * time.Minute)
		if !b.o.Hours.In(molt.TimeOf(from)) {
			continue
		}
		to := from
		for minute < 24*60 && b.o.Hours.In(molt.TimeOf(to)) {
			minute++
			to = to.Add(time.Minute)
		}
		spans = append(spans, from.Format("15:04")+"-"+to.Format("15:04"))
	}
	data, err := json.Marshal(map[string]any{"day": at.Format("Mon 2006-01-02"), "open": spans})
	if err != nil {
		return refused("arguments")
	}
	return model.Outcome{State: model.CallDone, Data: data}
}

func (b *Box) find(ctx context.Context, from, part string) model.Outcome {
	at, ok := b.day(from)
	now := b.o.Now()
	if !ok || at.After(now.Add(lookAhead)) {
		return refused("arguments")
	}
	if least := now.Add(leastNotice); at.Before(least) {
		at = least
	}
	var found []model.Slot
	err := b.exchange(ctx, func(ctx context.Context) (err error) {
		found, err = b.o.Calendar.Free(ctx, at, at.Add(spanLooked), MaxOffered*20)
		return err
	})
	if err != nil {
		return model.Outcome{State: model.CallFailed, Why: "calendar"}
	}
	var slots []model.Slot
	for _, s := range found {
		morning := s.Start.Std().In(b.o.Zone).Hour() < mostOfADay
		if len(slots) < MaxOffered && (part != "morning" || morning) && (part != "afternoon" || !morning) {
			s.With = oneLine(s.With)
			slots = append(slots, s)
		}
	}
	return model.Outcome{State: model.CallDone, Slots: slots}
}

// oneLine keeps of a calendar's words what a model is told: somebody else writes
// there.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "")), " ")
	return strings.ToValidUTF8(s[:min(len(s), maxWith)], "")
}

// exchange is one call of the calendar: within its time, and not at all for a
// while after several faults.
func (b *Box) exchange(ctx context.Context, do func(context.Context) error) error {
	if !b.breaker.lets(b.o.Now()) {
		return fmt.Errorf("the calendar faulted %d times in a row and is tried again later", breakAfter)
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	err := do(ctx)
	if err == nil || errors.Is(err, schedule.ErrNone) || errors.Is(err, schedule.ErrTaken) {
		b.breaker.answered()
		return err
	}
	b.breaker.faulted(b.o.Now())
	return err
}

// breaker leaves a calendar alone for a while after several faults in a row. Its
// clock is its Box's, so that a simulator's counts.
type breaker struct {
	mu     sync.Mutex
	faults int       // in a row
	until  time.Time // left alone, once there were enough
}

// lets reports whether the calendar is asked. When the time is over one exchange
// tries it, and the others wait for what becomes of that.
func (b *breaker) lets(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.faults < breakAfter:
		return true
	case now.Before(b.until):
		return false
	}
	b.until = now.Add(breakFor)
	return true
}

func (b *breaker) answered() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = 0
}

func (b *breaker) faulted(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.faults++; b.faults >= breakAfter {
		b.until = now.Add(breakFor)
	}
}
