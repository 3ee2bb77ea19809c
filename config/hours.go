package config

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // a small container has no zone files, and a clinic without its zone is closed at the wrong hour
)

// Hours is a week of working hours. A span that passes midnight has been cut
// in two: 22:00-06:00 on Monday is [22:00, 24:00) on Monday and [00:00, 06:00)
// on Tuesday.
type Hours struct {
	// Always means every minute of every day; Week is then empty.
	Always bool
	// Week holds the spans of each day, indexed by [time.Weekday], sorted and
	// apart from each other.
	Week [7][]Span
}

// Span is a part of a day in minutes after midnight, From included and To not:
// 0 <= From < To <= 1440.
type Span struct{ From, To int }

// Date is a day as in 2026-12-25: what time.Time.Format(time.DateOnly) writes.
type Date string

// Timezone is a zone of the IANA database by name.
type Timezone struct {
	name string
	loc  *time.Location
}

const dayMinutes = 24 * 60

// timePattern is one span of a day; a two-digit 24-hour clock cannot be
// mistaken for the afternoon.
var timePattern = regexp.MustCompile(`^([01][0-9]|2[0-4]):([0-5][0-9]) *- *([01][0-9]|2[0-4]):([0-5][0-9])$`)

// weekdays are the names of the days in the order of [time.Weekday].
func weekdays() []string { return []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} }

// IsZero reports whether there is not one minute in the week.
func (h Hours) IsZero() bool {
	return !h.Always && !slices.ContainsFunc(h.Week[:], func(day []Span) bool { return len(day) > 0 })
}

// String writes a span as 08:00-17:00.
func (s Span) String() string {
	return fmt.Sprintf("%02d:%02d-%02d:%02d", s.From/60, s.From%60, s.To/60, s.To%60)
}

// MarshalText writes what String writes.
func (s Span) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalJSON writes always, or the spans of each day that has some.
func (h Hours) MarshalJSON() ([]byte, error) {
	if h.Always {
		return []byte(`"always"`), nil
	}
	days := map[string][]Span{}
	for i, name := range weekdays() {
		if len(h.Week[i]) > 0 {
			days[name] = h.Week[i]
		}
	}
	return json.Marshal(days)
}

// decodeNode reads always, or a table of days and spans.
func (h *Hours) decodeNode(d *decoder, n *node, path string) {
	*h = Hours{}
	switch {
	case n.kind == kindText && n.text == "always":
		h.Always = true
	case n.kind == kindTable:
		h.decodeDays(d, n, path)
	default:
		d.fault(n, path, "must be always, or days with their hours", n.shown(path), `write it as in mon-fri: "08:00-17:00"`)
	}
}

func (h *Hours) decodeDays(d *decoder, n *node, path string) {
	said := map[time.Weekday]string{}
	for _, e := range n.entries {
		at := join(path, e.key)
		days, err := parseDays(e.key)
		if err != nil {
			d.wrong(e.keyNode, at, err)
			continue
		}
		again := false
		for _, day := range days {
			if before, ok := said[day]; ok && !again {
				d.fault(e.keyNode, at, "must not name a day twice", weekdays()[day], "the day is already in "+before)
				again = true
			}
			said[day] = e.key
		}
		if !again {
			h.addSpans(d, e.value, at, days)
		}
	}
	h.settle(d, n, path)
}

// addSpans reads the hours of some days: one span, a list of spans, or closed.
func (h *Hours) addSpans(d *decoder, n *node, path string, days []time.Weekday) {
	d.seen(n, path)
	items := n.items
	if n.kind != kindList {
		items = []*node{n}
	}
	for i, item := range items {
		at := path
		if n.kind == kindList {
			at = index(path, i)
		}
		if n.kind == kindText && n.text == "closed" {
			continue
		}
		span, err := parseSpan(item)
		if err != nil {
			d.wrong(item, at, err)
			continue
		}
		for _, day := range days {
			h.Week[day] = append(h.Week[day], span)
		}
	}
}

// settle sorts each day and refuses hours of one day that overlap: one of them
// is a slip, and nobody can tell which. What passes midnight then goes to the
// next morning, where it may well meet hours written there.
func (h *Hours) settle(d *decoder, n *node, path string) {
	var mornings [7][]Span
	for day := range h.Week {
		spans := h.Week[day]
		slices.SortFunc(spans, func(a, b Span) int { return a.From - b.From })
		for i := range spans {
			if spans[i].To < spans[i].From {
				if spans[i].To > 0 {
					mornings[(day+1)%7] = append(mornings[(day+1)%7], Span{To: spans[i].To})
				}
				spans[i].To = dayMinutes
			}
			if i > 0 && spans[i].From < spans[i-1].To {
				d.fault(n, path, "must not overlap on "+weekdays()[day], spans[i-1].String()+" and "+spans[i].String(), "write hours that follow each other")
				return
			}
		}
	}
	for day := range h.Week {
		h.Week[day] = merge(append(mornings[day], h.Week[day]...))
	}
}

// merge joins sorted spans that meet.
func merge(spans []Span) []Span {
	var out []Span
	for _, s := range spans {
		if last := len(out) - 1; last >= 0 && s.From <= out[last].To {
			out[last].To = max(out[last].To, s.To)
			continue
		}
		out = append(out, s)
	}
	return out
}

// parseDays reads mon, mon-fri or mon,wed,fri. A range may pass the weekend.
func parseDays(s string) ([]time.Weekday, error) {
	var days []time.Weekday
	for part := range strings.SplitSeq(s, ",") {
		first, last, ranged := strings.Cut(strings.Trim(part, " "), "-")
		if !ranged {
			last = first
		}
		a, b := slices.Index(weekdays(), first), slices.Index(weekdays(), last)
		if a < 0 || b < 0 {
			return nil, dayRule(s, first, last, a < 0)
		}
		for {
			if slices.Contains(days, time.Weekday(a)) {
				return nil, &ruleError{rule: "must not name a day twice", hint: "write each day once"}
			}
			days = append(days, time.Weekday(a))
			if a == b {
				break
			}
			a = (a + 1) % 7
		}
	}
	return days, nil
}

func dayRule(s, first, last string, firstWrong bool) error {
	word := last
	if firstWrong {
		word = first
	}
	hint := "write sun, mon, tue, wed, thu, fri, sat, a range such as mon-fri, or several with commas"
	if low := strings.ToLower(word); len(low) >= 3 && slices.Contains(weekdays(), low[:3]) {
		hint = "did you mean " + low[:3] + "?"
	}
	return &ruleError{rule: "must be a day or a range of days", got: shown(s), hint: hint}
}

func parseSpan(n *node) (Span, error) {
	if n.kind != kindText {
		return Span{}, &ruleError{rule: "must be hours", got: n.shown(""), hint: `write them as in "08:00-17:00"`}
	}
	m := timePattern.FindStringSubmatch(n.text)
	if m == nil {
		return Span{}, &ruleError{rule: "must be hours on a 24-hour clock", hint: `write them as in "08:00-17:00", with two digits each`}
	}
	s := Span{From: minute(m[1], m[2]), To: minute(m[3], m[4])}
	switch {
	case s.From == s.To:
		return s, &ruleError{rule: "must not begin and end at the same minute", hint: `write "00:00-24:00" for a whole day, closed for none`}
	case s.From >= dayMinutes || s.To > dayMinutes:
		return s, &ruleError{rule: "must lie within the day", hint: "24:00 is the end of a day and the latest hour there is"}
	}
	return s, nil
}

// minute reads two digits each of hours and minutes, which the pattern has
// already seen.
func minute(hours, minutes string) int {
	return (int(hours[0]-'0')*10+int(hours[1]-'0'))*60 + int(minutes[0]-'0')*10 + int(minutes[1]-'0')
}

// UnmarshalText takes a day as in 2026-12-25.
func (d *Date) UnmarshalText(b []byte) error {
	*d = Date(b)
	if _, err := time.Parse(time.DateOnly, string(b)); err != nil {
		return &ruleError{rule: "must be a day of the calendar", hint: "write year, month and day, as in 2026-12-25"}
	}
	return nil
}

// UnmarshalText takes the name of a zone that exists.
func (z *Timezone) UnmarshalText(b []byte) error {
	name := string(b)
	// A name without a slash either follows the machine (Local) or stands
	// still when the clocks change (EST), and moves the hours of the clinic.
	if name == "UTC" || strings.Contains(name, "/") {
		if loc, err := time.LoadLocation(name); err == nil {
			*z = Timezone{name: name, loc: loc}
			return nil
		}
	}
	hint := "write an IANA zone, as in America/New_York"
	for _, known := range zoneNames() {
		zone := known[len(known)-1]
		_, city, _ := strings.Cut(zone, "/")
		if slices.Contains(known, strings.ToUpper(name)) || strings.EqualFold(strings.ReplaceAll(name, " ", "_"), city) {
			hint = "did you mean " + zone + "?"
		}
	}
	return &ruleError{rule: "must be a time zone", hint: hint}
}

// zoneNames are what people call the zones of the United States, the real name
// last.
func zoneNames() [][]string {
	return [][]string{
		{"ET", "EST", "EDT", "EST5EDT", "EASTERN", "America/New_York"},
		{"CT", "CST", "CDT", "CST6CDT", "CENTRAL", "America/Chicago"},
		{"MT", "MST", "MDT", "MST7MDT", "MOUNTAIN", "America/Denver"},
		{"PT", "PST", "PDT", "PST8PDT", "PACIFIC", "America/Los_Angeles"},
	}
}

// MarshalText writes the name of the zone.
func (z Timezone) MarshalText() ([]byte, error) { return []byte(z.name), nil }

// String is the name of the zone.
func (z Timezone) String() string { return z.name }

// Location is the zone itself; UTC for a zero Timezone, which no loaded
// configuration has.
func (z Timezone) Location() *time.Location {
	if z.loc == nil {
		return time.UTC
	}
	return z.loc
}
