package escalation

import (
	"cmp"
	"slices"
	"time"

	"github.com/tidegate/tidegate/molt"
)

// Hours are weekly hours on the wall clock of a zone. Hours without a usable
// span are always open: a missing table must not silence a case.
//
// The caller gives the zone as a value; this package loads none. On the day
// the clocks go forward a span that begins in the missing hour begins when that
// hour would have ended; on the day they go back a time that comes twice means
// the first of the two. Spans that meet on the wall clock meet in time, so two
// shifts around a change leave no gap and no overlap.
type Hours struct {
	Zone  *time.Location `json:"-"` // nil: UTC
	Spans []Span         `json:"spans"`
	// Closed are days, as "2026-12-25", on which no span begins.
	Closed []string `json:"closed,omitempty"`
}

// Span is one stretch of a week. Minutes count on the wall clock from
// midnight; a To that is not after From lies on the following day.
type Span struct {
	Day  time.Weekday `json:"day"`
	From int          `json:"from"` // 0..1439
	To   int          `json:"to"`   // 0..1440
}

const (
	dayMinutes = 24 * 60
	// weekDays is one week and a day on either side, so that a stretch that
	// crosses midnight or a change of clocks is seen whole.
	weekDays = 9
	// maxWeeks bounds the search for open time; a year of weeks without enough
	// of it falls back to the first opening after the plain time.
	maxWeeks = 53
	// maxClosedWeeks is how many weeks of closed days in a row the next opening
	// is looked for behind.
	maxClosedWeeks = 8
	// alwaysOpenAt stands for the opening of a clinic that never closes, which
	// still wants its digest once a day.
	alwaysOpenAt = 8 * 60
)

// stretch is open time, from its first moment to the first that is closed again.
type stretch struct{ from, to molt.Time }

// In reports whether the clinic is open, or the shift on, at t.
func (h Hours) In(t molt.Time) bool {
	if h.always() {
		return true
	}
	for _, s := range h.stretches(t, 2) {
		if s.from <= t && t < s.to {
			return true
		}
	}
	return false
}

// NextOpening returns the first moment after t at which closed turns to open.
// Hours that never close open every day at eight.
func (h Hours) NextOpening(t molt.Time) molt.Time {
	for week := range maxClosedWeeks {
		for _, s := range h.openings(t.Add(time.Duration(week) * 7 * 24 * time.Hour)) {
			if s > t {
				return s
			}
		}
	}
	return t.Add(24 * time.Hour)
}

// LastOpening returns the last such moment that is not after t.
func (h Hours) LastOpening(t molt.Time) molt.Time {
	last := t.Add(-24 * time.Hour)
	for _, s := range h.openings(t.Add(-(weekDays - 1) * 24 * time.Hour)) {
		if s <= t {
			last = s
		}
	}
	return last
}

// After returns the moment at which d of open time has passed since t. It is
// always a moment in open time: what would end at closing ends at the opening.
func (h Hours) After(t molt.Time, d time.Duration) molt.Time {
	if h.always() {
		return t.Add(d)
	}
	at, left := t, d
	for range maxWeeks {
		for _, s := range h.stretches(at, weekDays) {
			from := max(at, s.from)
			if s.to <= from {
				continue
			}
			if open := s.to.Sub(from); left >= open {
				left, at = left-open, s.to
				continue
			}
			return from.Add(left)
		}
	}
	return h.NextOpening(t.Add(d))
}

// faults lists what is wrong with the table, each with where in front.
func (h Hours) faults(field, where string) []Fault {
	var out []Fault
	if len(h.Spans) > 0 && h.Zone == nil {
		out = append(out, fault(field, "%sno time zone", where)...)
	}
	for i, s := range h.Spans {
		if !s.usable() {
			out = append(out, fault(field, "%sspan %d is no stretch of a week (day %d, minute %d to %d)", where, i+1, s.Day, s.From, s.To)...)
		}
	}
	return out
}

func (h Hours) zone() *time.Location {
	if h.Zone == nil {
		return time.UTC
	}
	return h.Zone
}

func (s Span) usable() bool {
	return s.Day >= time.Sunday && s.Day <= time.Saturday &&
		s.From >= 0 && s.From < dayMinutes && s.To >= 0 && s.To <= dayMinutes
}

func (h Hours) always() bool { return !slices.ContainsFunc(h.Spans, Span.usable) }

// neverCloses reports whether the table, around t, is one long stretch.
func (h Hours) neverCloses(t molt.Time) bool {
	if h.always() {
		return true
	}
	all := h.stretches(t, weekDays)
	return len(all) == 1 && all[0].to.Sub(all[0].from) >= 7*24*time.Hour
}

// openings lists the moments of opening from the day before t for more than a
// week. The first may be where the window begins and no opening: it lies before
// t by a day, and callers look on t's other side or for the last one.
func (h Hours) openings(t molt.Time) []molt.Time {
	var out []molt.Time
	if !h.neverCloses(t) {
		for _, s := range h.stretches(t, weekDays) {
			out = append(out, s.from)
		}
		return out
	}
	y, m, d := t.Std().In(h.zone()).Date()
	for i := -1; i <= weekDays; i++ {
		out = append(out, h.wall(y, m, d+i, alwaysOpenAt))
	}
	return out
}

// stretches returns the open time of the days from the one before t on, merged
// and in order.
func (h Hours) stretches(t molt.Time, days int) []stretch {
	y, m, d := t.Std().In(h.zone()).Date()
	var all []stretch
	for i := -1; i <= days; i++ {
		date := time.Date(y, m, d+i, 0, 0, 0, 0, time.UTC)
		if slices.Contains(h.Closed, date.Format(time.DateOnly)) {
			continue
		}
		day := date.Weekday()
		for _, s := range h.Spans {
			if s.Day != day || !s.usable() {
				continue
			}
			to := s.To
			if to <= s.From {
				to += dayMinutes
			}
			if st := (stretch{h.wall(y, m, d+i, s.From), h.wall(y, m, d+i, to)}); st.from < st.to {
				all = append(all, st)
			}
		}
	}
	slices.SortFunc(all, func(a, b stretch) int { return cmp.Compare(a.from, b.from) })
	merged := all[:0]
	for _, s := range all {
		if n := len(merged); n > 0 && s.from <= merged[n-1].to {
			merged[n-1].to = max(merged[n-1].to, s.to)
			continue
		}
		merged = append(merged, s)
	}
	return merged
}

// wall returns the moment at which the zone's clock shows that minute of that
// day. time.Date leaves open which moment a missing or doubled time is, and a
// recorded decision must not depend on it.
func (h Hours) wall(y int, m time.Month, d, minute int) molt.Time {
	shown := time.Date(y, m, d, 0, minute, 0, 0, time.UTC)
	offset := func(t time.Time) time.Duration {
		_, s := t.In(h.zone()).Zone()
		return time.Duration(s) * time.Second
	}
	before, after := offset(shown.Add(-24*time.Hour)), offset(shown.Add(24*time.Hour))
	first, second := shown.Add(-before), shown.Add(-after)
	switch {
	case offset(first) == before:
		return molt.TimeOf(first)
	case offset(second) == after:
		return molt.TimeOf(second)
	}
	if change, _ := first.In(h.zone()).ZoneBounds(); !change.IsZero() {
		return molt.TimeOf(change)
	}
	return molt.TimeOf(first)
}
