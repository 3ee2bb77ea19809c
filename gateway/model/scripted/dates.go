package scripted

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// maxAge is the oldest a patient can plausibly be, in years.
const maxAge = 120

// date is a calendar day. Parts that were not said are 0.
type date struct{ year, month, day int }

func (d date) iso() string { return fmt.Sprintf("%04d-%02d-%02d", d.year, d.month, d.day) }

func parseISO(s string) (date, bool) {
	t, err := time.Parse("2006-01-02", s)
	if err != nil {
		return date{}, false
	}
	return date{t.Year(), int(t.Month()), t.Day()}, true
}

// real reports whether the calendar has such a day.
func (d date) real() bool {
	if d.month < 1 || d.month > 12 || d.day < 1 || d.year < 1 {
		return false
	}
	t := time.Date(d.year, time.Month(d.month), d.day, 0, 0, 0, 0, time.UTC)
	return t.Day() == d.day && int(t.Month()) == d.month
}

func (d date) after(o date) bool { return d.iso() > o.iso() }

// birth reports whether somebody alive today can be born on that day.
func (d date) birth(now date) bool {
	return d.real() && !d.after(now) && now.year-d.year <= maxAge
}

// found is a date in a text.
type found struct {
	date
	at span
}

// dates returns what is written like a date: three parts, or, with partial, a
// month and a day alone. It need not be in the calendar.
func (b *book) dates(t *text, lang string, now date, partial bool) []found {
	var out []found
	for i := 0; i < len(t.words); i++ {
		if t.used[i] {
			continue
		}
		if f, ok := b.dateAt(t, i, lang, now, partial); ok {
			out = append(out, f)
			i = f.at.j - 1
		}
	}
	return out
}

// part is one component of a date: a month's name or a number.
type part struct {
	n, digits int
	month     bool
}

// dateAt reads a date that begins at word i. It takes words as long as they
// are parts, and links between them ("4 de marzo de 1980").
func (b *book) dateAt(t *text, i int, lang string, now date, partial bool) (found, bool) {
	var parts []part
	best := found{}
	ok := false
	for j := i; j < len(t.words) && len(parts) < 3 && !t.used[j]; j++ {
		got, is := b.parts(t.words[j].fold)
		if !is {
			if len(parts) == 0 || !link(t.words[j].fold) || ends(t.words[j]) {
				break
			}
			continue
		}
		parts = append(parts, got...)
		if d, fits := assemble(parts, lang, now, partial); fits {
			best, ok = found{d, span{i, j + 1}}, true
		}
		if ends(t.words[j]) {
			break
		}
	}
	return best, ok
}

func link(w string) bool {
	switch w {
	case "de", "del", "of", "the", "el":
		return true
	}
	return false
}

// parts splits one word into date parts: "3/4/1980", "4-mar-80", "4th", "marzo".
func (b *book) parts(w string) ([]part, bool) {
	fields := strings.FieldsFunc(w, func(c rune) bool { return c == '/' || c == '-' || c == '.' })
	if len(fields) == 0 || len(fields) > 3 {
		return nil, false
	}
	if len(fields) == 1 && len(w) == 8 {
		if _, err := strconv.Atoi(w); err == nil {
			return eightDigits(w), true
		}
	}
	var out []part
	for _, f := range fields {
		p, ok := b.part(f)
		if !ok {
			return nil, false
		}
		out = append(out, p)
	}
	return out, true
}

// eightDigits splits 03041980 or 19800304.
func eightDigits(w string) []part {
	cut := []int{2, 4}
	if y, _ := strconv.Atoi(w[:4]); y >= 1900 && y < 2100 {
		cut = []int{4, 6}
	}
	var out []part
	for _, f := range []string{w[:cut[0]], w[cut[0]:cut[1]], w[cut[1]:]} {
		n, _ := strconv.Atoi(f)
		out = append(out, part{n: n, digits: len(f)})
	}
	return out
}

func (b *book) part(w string) (part, bool) {
	for i, names := range b.MonthWords {
		if _, ok := names[w]; ok {
			return part{n: i + 1, month: true}, true
		}
	}
	digits := strings.TrimRight(w, "stndrhoº°")
	if len(digits) == 0 || len(digits) > 4 {
		return part{}, false
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n < 0 {
		return part{}, false
	}
	return part{n: n, digits: len(digits)}, true
}

// assemble makes a date of parts. Numbers alone are read in the order the
// language's question asks for, or in the other when only that is a date.
func assemble(ps []part, lang string, now date, partial bool) (date, bool) {
	for i, p := range ps {
		if p.month {
			return withMonth(ps, i, now, partial)
		}
	}
	switch {
	case len(ps) == 3 && ps[0].digits == 4:
		return date{ps[0].n, ps[1].n, ps[2].n}, true
	case len(ps) == 3 && ps[2].digits >= 2 && ps[0].digits <= 2 && ps[1].digits <= 2 && ps[2].digits != 3:
		return order(ps[0].n, ps[1].n, fullYear(ps[2], now), lang), true
	case len(ps) == 2 && partial && ps[0].digits <= 2 && ps[1].digits <= 2:
		d := order(ps[0].n, ps[1].n, 2000, lang)
		d.year = 0
		return d, true
	}
	return date{}, false
}

func order(a, b, year int, lang string) date {
	mdy, dmy := date{year, a, b}, date{year, b, a}
	first, second := mdy, dmy
	if lang == "es" {
		first, second = dmy, mdy
	}
	if !first.real() && second.real() {
		return second
	}
	return first
}

func withMonth(ps []part, month int, now date, partial bool) (date, bool) {
	var nums []part
	for i, p := range ps {
		if i != month {
			if p.month {
				return date{}, false
			}
			nums = append(nums, p)
		}
	}
	m := ps[month].n
	switch {
	case len(nums) == 2 && nums[0].digits == 4:
		return date{nums[0].n, m, nums[1].n}, true
	case len(nums) == 2 && nums[0].digits <= 2 && (nums[1].digits == 2 || nums[1].digits == 4):
		return date{fullYear(nums[1], now), m, nums[0].n}, true
	case len(nums) == 1 && partial && nums[0].digits <= 2:
		return date{0, m, nums[0].n}, true
	}
	return date{}, false
}

// fullYear reads a year of two digits as the last one that has passed.
func fullYear(p part, now date) int {
	if p.digits > 2 {
		return p.n
	}
	century := now.year - now.year%100
	if p.n > now.year%100 {
		century -= 100
	}
	return century + p.n
}

// shown writes a date so that day and month cannot be mistaken.
func (b *book) shown(d date, lang string) string {
	if lang == "es" {
		return fmt.Sprintf("%d de %s de %d", d.day, b.Months["es"][d.month-1], d.year)
	}
	return fmt.Sprintf("%s %d, %d", b.Months["en"][d.month-1], d.day, d.year)
}
