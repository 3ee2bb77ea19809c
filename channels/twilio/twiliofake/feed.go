package twiliofake

import (
	"fmt"
	"io"
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
		return fmt.Sprintf("%s texts %s: %q%s", e.From, e.To, e.Body, withMedia(e))
	case KindHandset:
		return fmt.Sprintf("%s gets from %s: %q%s", e.To, e.From, e.Body, withMedia(e))
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

func withMedia(e Entry) string {
	if len(e.Media) == 0 {
		return ""
	}
	return fmt.Sprintf(" (+%d media)", len(e.Media))
}
