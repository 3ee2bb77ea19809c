package escalation

import (
	"slices"
	"testing"
	"time"

	"github.com/tidegate/tidegate/molt"
)

// changes are days on which clocks change, the odd ones too: by half an hour,
// and at midnight.
var changes = []struct{ zone, day string }{
	{"America/New_York", "2026-03-08"},
	{"America/New_York", "2026-11-01"},
	{"Europe/Berlin", "2026-03-29"},
	{"Europe/Berlin", "2026-10-25"},
	{"Europe/London", "2026-03-29"},
	{"Australia/Lord_Howe", "2026-04-05"},
	{"Asia/Beirut", "2026-03-29"},
	{"America/New_York", "2026-06-10"},
}

func everyDay(z *time.Location, from, to int) Hours {
	h := Hours{Zone: z}
	for d := time.Sunday; d <= time.Saturday; d++ {
		h.Spans = append(h.Spans, Span{Day: d, From: from, To: to})
	}
	return h
}

func at(t *testing.T, z *time.Location, s string) molt.Time {
	t.Helper()
	v, err := time.ParseInLocation("2006-01-02 15:04", s, z)
	if err != nil {
		t.Fatal(err)
	}
	return molt.TimeOf(v)
}

// TestShiftsMeet wants of two shifts that meet on the wall clock exactly one on
// at any minute, on every kind of day, wherever they meet.
func TestShiftsMeet(t *testing.T) {
	for _, c := range changes {
		z := zone(t, c.zone)
		noon := at(t, z, c.day+" 12:00").Add(-24 * time.Hour)
		for _, meet := range []int{0, 30, 60, 90, 120, 150, 180, 8 * 60} {
			night, day := everyDay(z, 20*60, meet), everyDay(z, meet, 20*60)
			for m := range 48 * 60 {
				now := noon.Add(time.Duration(m) * time.Minute)
				if night.In(now) == day.In(now) {
					t.Fatalf("%s %s, meeting at minute %d: at %v both shifts are on, or none", c.zone, c.day, meet, now.Std().In(z))
				}
			}
		}
	}
}

// TestHoursFollowTheWall compares with what the clock on the wall shows; only
// in an hour that comes twice may they differ.
func TestHoursFollowTheWall(t *testing.T) {
	for _, c := range changes {
		z := zone(t, c.zone)
		h := everyDay(z, 90, 18*60+15)
		start := at(t, z, c.day+" 12:00").Add(-36 * time.Hour)
		for m := range 72 * 60 {
			now := start.Add(time.Duration(m) * time.Minute)
			local := now.Std().In(z)
			wall := local.Hour()*60 + local.Minute()
			if got, want := h.In(now), wall >= 90 && wall < 18*60+15; got != want && wall >= 150 {
				t.Fatalf("%s: In(%v) is %v", c.zone, local, got)
			}
		}
	}
}

// TestOpeningsAndOpenTime checks NextOpening, LastOpening and After against a
// count of minutes.
func TestOpeningsAndOpenTime(t *testing.T) {
	for _, c := range changes {
		z := zone(t, c.zone)
		weekly := Hours{Zone: z, Spans: []Span{
			{Day: time.Friday, From: 8 * 60, To: 12 * 60},
			{Day: time.Friday, From: 12 * 60, To: 18 * 60},
			{Day: time.Saturday, From: 22 * 60, To: 150},
			{Day: time.Sunday, From: 150, To: 4 * 60},
			{Day: time.Monday, From: 0, To: 24 * 60},
			{Day: time.Tuesday, From: 9 * 60, To: 17 * 60},
		}}
		start := at(t, z, c.day+" 00:00").Add(-72 * time.Hour)
		const week = 9 * 24 * 60
		minute := func(i int) molt.Time { return start.Add(time.Duration(i) * time.Minute) }
		open := make([]bool, week)
		for i := range week {
			open[i] = weekly.In(minute(i))
		}
		for i := 1; i < 48*60; i += 17 {
			next, last := 0, 0
			for j := 1; j < week; j++ {
				if open[j] && !open[j-1] && j > i && next == 0 {
					next = j
				}
				if open[j] && !open[j-1] && j <= i {
					last = j
				}
			}
			if got := weekly.NextOpening(minute(i)); got != minute(next) {
				t.Fatalf("%s: after %v it opens at %v, not %v", c.zone, minute(i).Std().In(z), minute(next).Std().In(z), got.Std().In(z))
			}
			if got := weekly.LastOpening(minute(i)); last != 0 && got != minute(last) {
				t.Fatalf("%s: before %v it opened at %v, not %v", c.zone, minute(i).Std().In(z), minute(last).Std().In(z), got.Std().In(z))
			}
			left, j := 5*60, i
			for ; left > 0 || !open[j]; j++ {
				if open[j] {
					left--
				}
			}
			if got := weekly.After(minute(i), 5*time.Hour); got != minute(j) {
				t.Fatalf("%s: five open hours after %v are over at %v, not %v", c.zone, minute(i).Std().In(z), minute(j).Std().In(z), got.Std().In(z))
			}
		}
	}
}

func TestOpeningAcrossTheChange(t *testing.T) {
	ny, berlin := zone(t, "America/New_York"), zone(t, "Europe/Berlin")
	office := func(z *time.Location) Hours {
		h := Hours{Zone: z}
		for d := time.Monday; d <= time.Friday; d++ {
			h.Spans = append(h.Spans, Span{Day: d, From: 8 * 60, To: 18 * 60})
		}
		return h
	}
	for _, c := range []struct{ name, got, want string }{
		{"spring forward", office(ny).NextOpening(at(t, ny, "2026-03-06 18:00")).String(), "2026-03-09T12:00:00.000Z"},
		{"fall back", office(ny).NextOpening(at(t, ny, "2026-10-30 18:00")).String(), "2026-11-02T13:00:00.000Z"},
		{"Berlin", office(berlin).NextOpening(at(t, berlin, "2026-03-27 18:00")).String(), "2026-03-30T06:00:00.000Z"},
		{"open now: the one after", office(ny).NextOpening(at(t, ny, "2026-03-02 08:00")).String(), "2026-03-03T13:00:00.000Z"},
		{"half an hour at closing", office(ny).After(at(t, ny, "2026-03-06 17:30"), 30*time.Minute).String(), "2026-03-09T12:00:00.000Z"},
		{"two hours over the weekend", office(ny).After(at(t, ny, "2026-03-06 17:30"), 2*time.Hour).String(), "2026-03-09T13:30:00.000Z"},
		{"from the night", office(ny).After(at(t, ny, "2026-03-08 02:30"), 0).String(), "2026-03-09T12:00:00.000Z"},
		{"missing hour", everyDay(ny, 150, 240).NextOpening(at(t, ny, "2026-03-08 00:00")).String(), "2026-03-08T07:00:00.000Z"},
		{"doubled hour: the first", everyDay(ny, 90, 240).NextOpening(at(t, ny, "2026-11-01 00:00")).String(), "2026-11-01T05:30:00.000Z"},
		{"never closes", everyDay(ny, 0, 24*60).NextOpening(at(t, ny, "2026-03-08 00:00")).String(), "2026-03-08T12:00:00.000Z"},
		{"no table", Hours{Zone: ny}.NextOpening(at(t, ny, "2026-03-08 09:00")).String(), "2026-03-09T12:00:00.000Z"},
		{"once a week", Hours{Zone: ny, Spans: []Span{{Day: time.Wednesday, From: 600, To: 660}}}.NextOpening(at(t, ny, "2026-03-04 10:00")).String(), "2026-03-11T14:00:00.000Z"},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, c.got, c.want)
		}
	}
}

// TestUnusableHoursAreOpen: a table that says nothing must not silence a case.
func TestUnusableHoursAreOpen(t *testing.T) {
	for _, h := range []Hours{{}, {Spans: []Span{{Day: 9, From: 0, To: 60}}}, {Spans: []Span{{From: -1, To: 60}, {From: 0, To: 2000}}}} {
		if !h.In(1) || h.After(1, time.Hour) != molt.Time(1).Add(time.Hour) || h.NextOpening(1) <= 1 {
			t.Errorf("%+v is not always open", h)
		}
	}
	if f := (Hours{Spans: []Span{{Day: 9}}}).faults("hours", ""); len(f) != 2 {
		t.Errorf("the zone and the day are wrong, got %v", f)
	}
	if !slices.Equal((Hours{}).faults("hours", ""), nil) {
		t.Error("no table is no fault")
	}
}

// FuzzHours: a moment that hours name is a moment in them.
func FuzzHours(f *testing.F) {
	f.Add(int64(1772700000000), 3, 480, 1080, 90)
	f.Add(int64(-1), 0, 0, 0, 0)
	f.Add(int64(1), 2, 90, 92, 115) // two minutes a week: the hours of a year do not suffice
	z := zone(f, "America/New_York")
	f.Fuzz(func(t *testing.T, now int64, day, from, to, minutes int) {
		h := Hours{Zone: z, Spans: []Span{{Day: time.Weekday(day), From: from, To: to}}}
		m := sane(molt.Time(now))
		next := h.NextOpening(m)
		if next <= m || m < 253370764800000 && !h.In(next) {
			t.Fatalf("%+v opens at %v after %v and is not open", h, next, m)
		}
		after := h.After(m, time.Duration(max(0, minutes%(60*24*30)))*time.Minute)
		if after < m || m < 253370764800000 && !h.In(after) {
			t.Fatalf("%+v: %d open minutes after %v end at %v", h, minutes, m, after)
		}
	})
}

func TestClosedDaysHaveNoOpening(t *testing.T) {
	at := func(s string) molt.Time {
		v, err := time.Parse(time.DateTime, s)
		if err != nil {
			t.Fatal(err)
		}
		return molt.TimeOf(v)
	}
	h := Hours{Zone: time.UTC, Closed: []string{"2026-12-25"}}
	for d := time.Monday; d <= time.Friday; d++ {
		h.Spans = append(h.Spans, Span{Day: d, From: 8 * 60, To: 17 * 60})
	}
	if h.In(at("2026-12-25 10:00:00")) || !h.In(at("2026-12-24 10:00:00")) {
		t.Error("open on a closed day, or closed on the day before")
	}
	if got, want := h.NextOpening(at("2026-12-24 18:00:00")), at("2026-12-28 08:00:00"); got != want {
		t.Errorf("next opening %v, want %v", got, want)
	}
	for d := at("2026-12-21 00:00:00").Std(); d.Before(at("2027-01-10 00:00:00").Std()); d = d.AddDate(0, 0, 1) {
		h.Closed = append(h.Closed, d.Format(time.DateOnly))
	}
	if got, want := h.NextOpening(at("2026-12-20 18:00:00")), at("2027-01-11 08:00:00"); got != want {
		t.Errorf("next opening after three closed weeks %v, want %v", got, want)
	}
}
