package scripted

import (
	"testing"

	"github.com/tidegate/tidegate/gateway/model"
	"github.com/tidegate/tidegate/molt"
)

func TestDates(t *testing.T) {
	b := mustBook(t)
	now := date{2026, 11, 9}
	for _, c := range []struct{ lang, in, want string }{
		{"en", "3/4/1980", "1980-03-04"},
		{"es", "3/4/1980", "1980-04-03"},
		{"en", "27/4/1980", "1980-04-27"},
		{"es", "4/27/1980", "1980-04-27"},
		{"en", "03-04-1980", "1980-03-04"},
		{"en", "3.4.80", "1980-03-04"},
		{"en", "3/4/15", "2015-03-04"},
		{"en", "3/4/26", "2026-03-04"},
		{"en", "3/4/27", "1927-03-04"},
		{"en", "1980-03-04", "1980-03-04"},
		{"en", "1980/3/4", "1980-03-04"},
		{"en", "03041980", "1980-03-04"},
		{"en", "19800304", "1980-03-04"},
		{"es", "27041980", "1980-04-27"},
		{"en", "3 4 1980", "1980-03-04"},
		{"en", "March 4, 1980", "1980-03-04"},
		{"en", "march 4th 1980", "1980-03-04"},
		{"en", "4 March 1980", "1980-03-04"},
		{"en", "the 4th of march, 1980", "1980-03-04"},
		{"en", "Mar 4 80", "1980-03-04"},
		{"en", "4-mar-1980", "1980-03-04"},
		{"en", "1980 march 4", "1980-03-04"},
		{"es", "4 de marzo de 1980", "1980-03-04"},
		{"es", "4 de marzo del 80", "1980-03-04"},
		{"es", "1º de enero de 1980", "1980-01-01"},
		{"es", "marzo 4 1980", "1980-03-04"},
		{"en", "4 de septiembre de 1980", "1980-09-04"},
		{"en", "2/29/1980", "1980-02-29"},
		{"en", "2/29/1981", "1981-02-29"},
		{"en", "13/45/1980", "1980-13-45"},
		{"en", "0/0/1980", "1980-00-00"},
		{"en", "3/4", ""},
		{"en", "march 4", ""},
		{"en", "march march 1980", ""},
		{"en", "12345", ""},
		{"en", "555-0100", ""},
		{"en", "555-010-0100", ""},
		{"en", "99999999999999999999", ""},
		{"en", "1/2/3/4", ""},
	} {
		ds := b.dates(readText(model.Message{Words: molt.Words(c.in)}), c.lang, now, false)
		got := ""
		if len(ds) > 0 {
			got = ds[0].iso()
		}
		if got != c.want {
			t.Errorf("%s %q: got %q, want %q", c.lang, c.in, got, c.want)
		}
	}
}

func TestBirth(t *testing.T) {
	now := date{2026, 11, 9}
	for _, c := range []struct {
		d    date
		want bool
	}{
		{date{2026, 11, 9}, true},
		{date{2026, 11, 10}, false},
		{date{1906, 1, 1}, true},
		{date{1905, 12, 31}, false},
		{date{1981, 2, 29}, false},
		{date{1980, 13, 45}, false},
		{date{0, 1, 1}, false},
	} {
		if got := c.d.birth(now); got != c.want {
			t.Errorf("birth(%s): got %v, want %v", c.d.iso(), got, c.want)
		}
	}
}
