package console

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/tidegate/tidegate/gateway/access"
	"github.com/tidegate/tidegate/molt"
)

type chartPage struct {
	Ref  string
	Text string
}

// chart is the encounter as plain text, to be copied into the patient's chart.
func (c *Console) chart(w http.ResponseWriter, r *http.Request, s access.Session) error {
	p, err := c.read(r, s, "chart")
	if err != nil {
		return err
	}
	return c.show(w, r, "chart", chartPage{Ref: p.Ref, Text: p.chart(c.zone(), s)})
}

// chart writes one line a thing, so that nothing a patient wrote can pass for
// another line, and no line begins with a sign that a spreadsheet runs.
func (p *conversationPage) chart(zone *time.Location, s access.Session) string {
	var b strings.Builder
	put := func(format string, args ...any) { b.WriteString(oneLine(fmt.Sprintf(format, args...)) + "\n") }
	at := func(t molt.Time) string { return t.Std().In(zone).Format("2006-01-02 15:04 MST") }
	put("Text message encounter, %s", p.Who)
	put("Copied %s by %s", at(p.Now), s.Name)
	if p.Row.Case != "" {
		put("Case %s: %s, %s, opened %s, %s", p.Row.Case, p.Row.Severity, inWords(p.Row.Category), at(p.Row.Opened), p.Row.State)
	}
	for _, part := range []struct {
		name  string
		lines []line
	}{{"Situation", p.Handoff.Situation}, {"Background", p.Handoff.Background}, {"Assessment", p.Handoff.Assessment}, {"Done", p.Handoff.Done}} {
		for _, l := range part.lines {
			put("%s: %s: %s", part.name, l.Label, l.Words)
		}
	}
	for _, m := range p.Messages {
		fate := ""
		if m.Fate != "" {
			fate = " [" + m.Fate + "]"
		}
		if files := attached(m.Files); files != "" {
			fate += " [with " + files + "]"
		}
		put("%s %s%s: %s", at(m.At), m.Label, fate, m.Words)
	}
	if d := p.Resolved; d != nil {
		put("Resolved %s by %s: %s. %s", at(d.At), d.By, inWords(d.Disposition), d.Note.Reveal())
	}
	return b.String()
}

// oneLine takes out what ends a line, hides text or turns it around.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\r', r == '\t', r == '\u2028', r == '\u2029', r == '\u0085':
			return ' '
		case r < ' ', r >= 0x7f && r < 0xa0, r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069', r == '\u200e', r == '\u200f':
			return -1
		}
		return r
	}, s)
}

func (c *Console) zone() *time.Location {
	if z := c.o.Rules().Zone; z != nil {
		return z
	}
	return time.UTC
}
