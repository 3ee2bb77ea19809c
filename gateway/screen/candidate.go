package screen

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// What people say of a verdict.
const (
	saidFalseAlarm = "false_alarm" // it fired for nothing
	saidMissed     = "missed"      // it should have fired
)

// Unknown is what a scrubbed line has for a word the screen does not know. Names,
// numbers of people, addresses and the like are such words.
const Unknown = "…"

// longestNumber is the most digits of a number that stays: a temperature or a
// glucose does, a phone number, a birthday or a record number does not.
const longestNumber = 3

// candidate is one line for a clinic's own golden file, in the form Report reads.
type candidate struct {
	ID       string   `json:"id"`
	Label    string   `json:"label"`
	Category string   `json:"category,omitempty"`
	Escalate []string `json:"escalate"`
	Got      string   `json:"got"` // what the screen says of the scrubbed line now
	Text     string   `json:"text"`
}

// Candidates reads lines {"id", "text", "said": "false_alarm" or "missed"} and
// writes for each a scrubbed line for the clinic's own golden file. An admin
// reads it before it is taken: scrubbing keeps only words the screen knows, and
// some of those are names of people too.
func (s *Screen) Candidates(r io.Reader, w io.Writer) error {
	in := bufio.NewScanner(r)
	in.Buffer(nil, maxLine+1)
	out := bufio.NewWriter(w)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	for n := 1; in.Scan(); n++ {
		if strings.TrimSpace(in.Text()) == "" {
			continue
		}
		var l struct{ ID, Text, Said string }
		if err := json.Unmarshal(in.Bytes(), &l); err != nil {
			return fmt.Errorf(`line %d: want {"id", "text", "said"} as JSON`, n)
		}
		if l.Said != saidFalseAlarm && l.Said != saidMissed {
			return fmt.Errorf("line %d: said: want %s or %s (got %q)", n, saidFalseAlarm, saidMissed, l.Said)
		}
		if l.ID == "" {
			l.ID = fmt.Sprint(n)
		}
		if err := enc.Encode(s.candidate(l.ID, l.Text, l.Said)); err != nil {
			return fmt.Errorf("write candidate %d: %w", n, err)
		}
	}
	if err := in.Err(); err != nil {
		return fmt.Errorf("read lines: %w", err)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write candidates: %w", err)
	}
	return nil
}

func (s *Screen) candidate(id, text, said string) candidate {
	c := candidate{ID: id, Label: "benign", Escalate: []string{"no"}, Text: s.Scrub(text)}
	v := s.Judge(c.Text, nil, 0, "")
	c.Got = v.Severity.Escalate()
	if said == saidMissed {
		c.Escalate, c.Category = []string{"now"}, v.Category
		c.Label = labelOf("now", v.Category)
	}
	return c
}

// Scrub writes a text in the words the screen knows: each as it was written when
// it is known or a misspelling of a known one, any other as Unknown. Numbers of
// more than three digits are unknown too. Signs between words stay.
func (s *Screen) Scrub(text string) string {
	sp := s.d.newSpeller()
	var b strings.Builder
	at := 0
	for _, t := range s.d.cut(s.d.fold(text, sp.room), 0, sp.room) {
		b.WriteString(signsOnly(text[at:t.start]))
		if s.d.speakable(t, sp) {
			b.WriteString(text[t.start:t.end])
		} else {
			b.WriteString(Unknown)
		}
		at = t.end
	}
	b.WriteString(signsOnly(text[at:]))
	return b.String()
}

// speakable reports whether a word may stay in a scrubbed text.
func (d *data) speakable(t token, sp *speller) bool {
	if t.isNum {
		digits := strings.Map(func(r rune) rune {
			if isDigit(r) {
				return r
			}
			return -1
		}, t.word)
		return len(digits) <= longestNumber || t.dec && len(digits) == longestNumber+1
	}
	if strings.ContainsAny(t.word, "0123456789") {
		return false
	}
	r := sp.read(t.word)
	return d.known(t.word) || len(r.ids) > 0 || len(r.words) > 0
}

// signsOnly keeps what is neither letter nor digit of the text between words.
func signsOnly(between string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" \t\n.,;:!?¿¡'\"()-/%°$", r) {
			return r
		}
		return -1
	}, between)
}
