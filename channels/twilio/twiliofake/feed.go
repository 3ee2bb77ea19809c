package twiliofake

import (
	"fmt"
	"io"
	"strings"
	"unicode"
)

// feed tells a person what happens, a line an event. A slow reader loses lines and never slows the carrier.
type feed struct {
	lines chan string
	done  chan struct{}
}

func newFeed(out io.Writer) *feed {
	if out == nil {
		return nil
	}
	f := &feed{lines: make(chan string, maxFeedLines), done: make(chan struct{})}
	go func() { // ends when close closes the lines
		defer close(f.done)
		for line := range f.lines {
			_, _ = io.WriteString(out, line)
		}
	}()
	return f
}

// close writes what waits and ends the feed. Nothing may be shown afterwards.
func (f *feed) close() {
	if f != nil {
		close(f.lines)
		<-f.done
	}
}

func (f *feed) show(e Entry) {
	if f == nil {
		return
	}
	text := sentence(e)
	if text == "" {
		return
	}
	select {
	case f.lines <- e.At.Format("15:04:05 ") + text + "\n":
	default:
	}
}

// sentence words an entry, or returns nothing for those that would only bore.
func sentence(e Entry) string {
	switch e.Kind {
	case KindInbound:
		return fmt.Sprintf("%s texts %s: %s%s", e.From, e.To, readable(e.Body), withMedia(e))
	case KindHandset:
		return fmt.Sprintf("%s gets from %s: %s%s", e.To, e.From, readable(e.Body), withMedia(e))
	case KindRefused:
		return fmt.Sprintf("refused a text to %s: %d %s", e.To, e.ErrorCode, e.Error)
	case KindLostAnswer:
		return fmt.Sprintf("the answer about the text to %s was lost", e.To)
	case KindOptOut:
		return fmt.Sprintf("%s opted out of %s", e.From, e.To)
	case KindOptIn:
		return fmt.Sprintf("%s opted in to %s", e.From, e.To)
	case KindHeld:
		return fmt.Sprintf("holding a text to %s", e.To)
	case KindStatus:
		if e.ErrorCode != 0 {
			return fmt.Sprintf("%s: %s %d", e.SID, e.Status, e.ErrorCode)
		}
	case KindWebhook:
		if e.Phase == PhaseEnded && e.Error != "" {
			return fmt.Sprintf("webhook to %s: %s", e.URL, e.Error)
		}
	}
	return ""
}

// indent stands before each further line of a text, under the words of the
// first: what begins with a time is ours, and nobody's text can forge it.
const indent = "\n         "

// readable is a text as its reader sees it. What could move the cursor, color
// the terminal or turn a line around is written out instead.
func readable(words string) string {
	var b strings.Builder
	for _, r := range words {
		switch {
		case r == '\n':
			b.WriteString(indent)
		case r != joiner && (unicode.In(r, unicode.Cc, unicode.Cf) || r == '\u2028' || r == '\u2029'):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// joiner holds emoji together, and does nothing else to a terminal.
const joiner = '\u200d'

func withMedia(e Entry) string {
	if len(e.Media) == 0 {
		return ""
	}
	return fmt.Sprintf(" (+%d media)", len(e.Media))
}
