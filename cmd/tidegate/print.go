package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/tidegate/tidegate/molt"
)

// unsafe reports whether a rune can do something to a terminal, or to the order
// in which a line is read, beside being seen. The joiner inside emoji cannot.
func unsafe(r rune) bool {
	const joiner = '\u200d'
	return r != joiner && (unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029')
}

// inert writes text so that a terminal only shows it: what a patient sent can
// color nothing, move nothing and forge nothing. Lines and tabs of ours stay.
func inert(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r != '\n' && r != '\t' && unsafe(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// inertJSON is JSON with the same runes escaped, which changes no value.
func inertJSON(b []byte) []byte {
	var out bytes.Buffer
	for _, r := range string(b) {
		switch {
		case r == '\n' || !unsafe(r):
			out.WriteRune(r)
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(&out, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			fmt.Fprintf(&out, `\u%04x`, r)
		}
	}
	return out.Bytes()
}

// printText writes for people.
func printText(w io.Writer, format string, args ...any) error {
	_, err := io.WriteString(w, inert(fmt.Sprintf(format, args...)))
	return err
}

// printJSON writes for programs: indented for one value, a line each in a list.
func printJSON(w io.Writer, v any, indent bool) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if indent {
		enc.SetIndent("", "  ")
	}
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	_, err := w.Write(inertJSON(b.Bytes()))
	return err
}

// table writes aligned columns.
func table(w io.Writer, rows [][]string) error {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	for _, r := range rows {
		for i := range r {
			if r[i] == "" {
				r[i] = "-"
			}
		}
		fmt.Fprintln(t, inert(strings.Join(r, "\t")))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// moment writes a time in the clinic's zone; "" for none.
func moment(t molt.Time, zone *time.Location) string {
	if t == 0 {
		return ""
	}
	return t.Std().In(zone).Format("2006-01-02 15:04 MST")
}

// brief writes a duration as people say it: 40s, 12m, 3h05m, 2d4h.
func brief(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + brief(-d)
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour && d%time.Minute < time.Second:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd%dh", int(d.Hours())/24, int(d.Hours())%24)
}
