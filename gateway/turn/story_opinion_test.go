package turn

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tidegate/tidegate/escalation"
	"github.com/tidegate/tidegate/gateway/model"
)

// opined is what came of asking for an opinion; without "read_along" before it, of
// asking now.
func (s *story) opined(plain []string, arg map[string]string) []fact {
	o := s.reading
	if o == nil {
		o = s.readAlong()
	}
	s.reading = nil
	switch plain[0] {
	case "none":
	case "failed":
		o.Failed, o.Why = true, "no usable answer: timeout"
	case "budget":
		o.Failed, o.Budget = true, "clinic"
	default:
		o.Level = escalation.Severity(plain[0])
	}
	if n := arg["tokens"]; n != "" {
		o.Tokens = s.number(n)
	}
	return []fact{{KindOpined, o}}
}

func (s *story) opinionRequest() string {
	q := s.s.OpinionRequest(model.Clinic{Name: "Harbor"}, s.recall, s.now)
	var b strings.Builder
	fmt.Fprintf(&b, "  new %d\n", q.New)
	for _, m := range q.Window {
		fmt.Fprintf(&b, "  %s: %s\n", m.From, m.Words.Reveal())
	}
	return b.String()
}

// A model is shown the last messages alone, and of those that are unread as many as
// are among them.
func TestHowMuchIsReadAlong(t *testing.T) {
	w := newWorld(t)
	w.rules.Opinions, w.rules.Agent = Opinions{1, 1}, false
	s := &story{world: w}
	for range MaxReadAlong + 5 {
		s.run(`patient "ok thanks"`)
	}
	q := w.s.OpinionRequest(model.Clinic{Name: "Harbor", Phone: "+15550100100"}, w.recall, w.now)
	if len(q.Window) != MaxReadAlong || q.New != MaxReadAlong || q.Clinic.Phone != "" {
		t.Errorf("%d messages, %d of them unread, phone %q; want %d", len(q.Window), q.New, q.Clinic.Phone, MaxReadAlong)
	}
}
