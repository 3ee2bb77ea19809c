package skill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/gateway/skill/schedule"
	"github.com/tidegate/tidegate/molt"
)

var errDown = errors.New("down")

// calendar does what a test says; what it does not say it does as it should.
type calendar struct {
	booked              map[string]model.Slot
	slots               []model.Slot
	free, find, reserve error
	release             error
	lies                bool
	calls               int
	hang                bool
}

func (c *calendar) wait(ctx context.Context) error {
	c.calls++
	if c.hang {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

func (c *calendar) Free(ctx context.Context, from, to time.Time, most int) (out []model.Slot, err error) {
	if err := errors.Join(c.wait(ctx), c.free); err != nil {
		return nil, err
	}
	for _, s := range c.slots {
		if at := s.Start.Std(); !at.Before(from) && at.Before(to) && len(out) < most {
			out = append(out, s)
		}
	}
	return out, nil
}

func (c *calendar) Reserve(ctx context.Context, b schedule.Booking) error {
	if err := errors.Join(c.wait(ctx), c.reserve); err != nil {
		return err
	}
	for _, s := range c.slots {
		if s.ID == b.Slot && !c.lies {
			c.booked[b.Key] = s
		}
	}
	return nil
}

func (c *calendar) Find(ctx context.Context, key string) (model.Slot, error) {
	if err := errors.Join(c.wait(ctx), c.find); err != nil {
		return model.Slot{}, err
	}
	if s, ok := c.booked[key]; ok {
		return s, nil
	}
	return model.Slot{}, schedule.ErrNone
}

func (c *calendar) Release(ctx context.Context, key string) error {
	if err := errors.Join(c.wait(ctx), c.release); err != nil {
		return err
	}
	delete(c.booked, key)
	return nil
}

var monday = time.Date(2026, 5, 4, 8, 0, 0, 0, time.UTC)

func slot(id string, hours int) model.Slot {
	return model.Slot{ID: id, Start: molt.TimeOf(monday.Add(time.Duration(hours) * time.Hour)), Minutes: 20}
}

func box(c *calendar) *Box {
	if c.booked == nil {
		c.booked = map[string]model.Slot{}
	}
	hours := escalation.Hours{Zone: time.UTC, Spans: []escalation.Span{{Day: time.Monday, From: 8 * 60, To: 12 * 60}, {Day: time.Monday, From: 13 * 60, To: 17 * 60}}}
	return New(Options{Calendar: c, Hours: hours, Zone: time.UTC, Now: func() time.Time { return monday }})
}

func TestWhatAnActCameTo(t *testing.T) {
	other := slot("b", 3)
	for name, c := range map[string]struct {
		cal   calendar
		tool  string
		state string
		why   string
		stays bool // something is booked under the key afterwards
	}{
		"booked":                          {calendar{}, model.ToolBook, model.CallDone, "", true},
		"taken":                           {calendar{reserve: schedule.ErrTaken}, model.ToolBook, model.CallRefused, "taken", false},
		"a lost answer, and it is there":  {calendar{reserve: errDown, booked: map[string]model.Slot{"k": slot("a", 2)}}, model.ToolBook, model.CallDone, "", true},
		"no, and it is not there":         {calendar{reserve: errDown}, model.ToolBook, model.CallFailed, "calendar", false},
		"no answer, and not there so far": {calendar{reserve: schedule.ErrUnanswered}, model.ToolBook, model.CallUnknown, "no_answer", false},
		"no answer in time":               {calendar{reserve: context.DeadlineExceeded}, model.ToolBook, model.CallUnknown, "no_answer", false},
		"yes, and it is not there":        {calendar{lies: true}, model.ToolBook, model.CallFailed, "not_shown", false},
		"yes, and another one is there":   {calendar{lies: true, booked: map[string]model.Slot{"k": other}}, model.ToolBook, model.CallFailed, "not_shown", false},
		"yes, not there, and not undone":  {calendar{lies: true, release: errDown}, model.ToolBook, model.CallUnknown, "not_undone", false},
		"yes, and nobody can look":        {calendar{find: errDown}, model.ToolBook, model.CallUnknown, "not_seen", true},
		"given back":                      {calendar{booked: map[string]model.Slot{"k": slot("a", 2)}}, model.ToolCancel, model.CallDone, "", false},
		"given back twice":                {calendar{}, model.ToolCancel, model.CallDone, "", false},
		"not given back":                  {calendar{release: errDown, booked: map[string]model.Slot{"k": slot("a", 2)}}, model.ToolCancel, model.CallFailed, "still_shown", true},
		"given back, and nobody can look": {calendar{find: errDown}, model.ToolCancel, model.CallUnknown, "not_seen", false},
		"a tool that does not act":        {calendar{}, model.ToolHours, model.CallRefused, "no_such_tool", false},
	} {
		t.Run(name, func(t *testing.T) {
			c.cal.slots = []model.Slot{slot("a", 2), other}
			b := box(&c.cal)
			got := b.Do(t.Context(), Act{Tool: c.tool, Key: "k", Slot: slot("a", 2), For: Patient{Name: "Ana"}})
			_, stays := c.cal.booked["k"]
			if got.State != c.state || got.Why != c.why || stays != c.stays {
				t.Errorf("got %s %q, booked %v; want %s %q, %v", got.State, got.Why, stays, c.state, c.why, c.stays)
			}
		})
	}
}

func TestLook(t *testing.T) {
	c := &calendar{slots: []model.Slot{slot("soon", 0), slot("am", 2), slot("pm", 6), slot("next", 24*7), slot("far", 24*30)}}
	b := box(c)
	for _, x := range []struct{ tool, args, want string }{
		{model.ToolHours, `{"day":"2026-05-04"}`, `done  {"day":"Mon 2026-05-04","open":["08:00-12:00","13:00-17:00"]} []`},
		{model.ToolHours, `{"day":"2026-05-05"}`, `done  {"day":"Tue 2026-05-05","open":[]} []`},
		{model.ToolHours, `{"day":"soon"}`, `refused arguments  []`},
		{model.ToolFind, `{"from":"2026-05-04","part":"any"}`, `done   [am pm next]`},
		{model.ToolFind, `{"from":"2026-05-04","part":"morning"}`, `done   [am next]`},
		{model.ToolFind, `{"from":"2026-05-04","part":"afternoon"}`, `done   [pm]`},
		{model.ToolFind, `{"from":"2020-01-01","part":"any"}`, `done   [am pm next]`},
		{model.ToolFind, `{"from":"2029-01-01","part":"any"}`, `refused arguments  []`},
		{model.ToolFind, `[]`, `refused arguments  []`},
		{model.ToolFind, `{"from":"` + strings.Repeat("2", MaxArguments) + `"}`, `refused arguments  []`},
		{model.ToolBook, `{"slot":"am"}`, `refused no_such_tool  []`},
		{"send_sms", `{}`, `refused no_such_tool  []`},
	} {
		out := b.Look(t.Context(), model.Call{Tool: x.tool, Arguments: json.RawMessage(x.args)})
		ids := []string{}
		for _, s := range out.Slots {
			ids = append(ids, s.ID)
		}
		if got := fmt.Sprintf("%s %s %s %v", out.State, out.Why, out.Data, ids); got != x.want {
			t.Errorf("%s %.40s: got %q, want %q", x.tool, x.args, got, x.want)
		}
	}
}

func TestACalendarThatHangsIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &calendar{hang: true}
		b := box(c)
		find := model.Call{Tool: model.ToolFind, Arguments: json.RawMessage(`{"from":"2026-05-04","part":"any"}`)}
		begun, monday := time.Now(), b.o.Now()
		b.o.Now = func() time.Time { return monday.Add(time.Since(begun)) }
		for range breakAfter {
			if out := b.Look(context.Background(), find); out.State != model.CallFailed {
				t.Errorf("got %+v", out)
			}
		}
		if took := time.Since(begun); took != breakAfter*callTime {
			t.Errorf("%d looks took %s", breakAfter, took)
		}
		if out := b.Look(context.Background(), find); out.State != model.CallFailed || c.calls != breakAfter {
			t.Errorf("got %+v after %d calls", out, c.calls)
		}
		time.Sleep(breakFor) // the bubble's clock
		c.hang = false
		if out := b.Look(context.Background(), find); out.State != model.CallDone {
			t.Errorf("later: %+v", out)
		}
	})
}

func TestWhichToolsThereAre(t *testing.T) {
	names := func(b *Box) (out []string) {
		for _, tool := range b.Tools() {
			out = append(out, tool.Name)
			if !json.Valid(tool.Arguments) || strings.Contains(string(tool.Arguments), "patient") {
				t.Errorf("%s: arguments %s", tool.Name, tool.Arguments)
			}
		}
		return out
	}
	if got := names(New(Options{Zone: time.UTC})); fmt.Sprint(got) != "[check_hours]" {
		t.Errorf("without a calendar: %v", got)
	}
	if got := names(New(Options{Calendar: &calendar{}, Zone: time.UTC})); len(got) != 4 {
		t.Errorf("with one: %v", got)
	}
	if got := names(New(Options{Calendar: &calendar{}, Zone: time.UTC, Only: []string{model.ToolFind, "other"}})); fmt.Sprint(got) != "[find_slot]" {
		t.Errorf("a persona with one tool: %v", got)
	}
}

// TestCheckMakesNothing: what became of an act is looked up, and whatever the answer
// nothing is reserved or given back.
func TestCheckMakesNothing(t *testing.T) {
	slot := model.Slot{ID: "a1", Start: molt.TimeOf(time.Date(2026, 5, 4, 14, 0, 0, 0, time.UTC)), Minutes: 20}
	other := slot
	other.Start = other.Start.Add(time.Hour)
	for _, c := range []struct {
		name, tool  string
		shown       *model.Slot
		fault       error
		state, want string
	}{
		{"booked", model.ToolBook, &slot, nil, model.CallDone, ""},
		{"not booked", model.ToolBook, nil, nil, model.CallRefused, model.WhyLapsed},
		{"booked otherwise", model.ToolBook, &other, nil, model.CallUnknown, "not_seen"},
		{"given back", model.ToolCancel, nil, nil, model.CallDone, ""},
		{"not given back", model.ToolCancel, &slot, nil, model.CallRefused, model.WhyLapsed},
		{"not to be seen", model.ToolBook, nil, errDown, model.CallUnknown, "not_seen"},
	} {
		cal := &calendar{booked: map[string]model.Slot{}, slots: []model.Slot{slot}, find: c.fault}
		if c.shown != nil {
			cal.booked["tg1"] = *c.shown
		}
		before := len(cal.booked)
		out := New(Options{Calendar: cal, Zone: time.UTC}).Check(t.Context(), Act{Tool: c.tool, Key: "tg1", Slot: slot})
		if out.State != c.state || out.Why != c.want || len(cal.booked) != before || cal.calls != 1 {
			t.Errorf("%s: got %s %q after %d calls, want %s %q", c.name, out.State, out.Why, cal.calls, c.state, c.want)
		}
	}
	if out := New(Options{Zone: time.UTC}).Check(t.Context(), Act{Tool: model.ToolBook, Key: "tg1", Slot: slot}); out.State != model.CallUnknown {
		t.Errorf("without a calendar: %s", out.State)
	}
}
