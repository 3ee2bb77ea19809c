package screen

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Named limits of the batch reader.
const (
	maxLine      = 1 << 20 // bytes of one input line, its end not counted
	turnGap      = 20_000  // milliseconds between turns that carry no time
	turnBase     = 1 << 40 // so that no turn has time 0, which means unknown
	maxRecent    = 32      // turns a turn is read together with
	longestTurnT = 1e12    // seconds; a time beyond it is no time
)

// record is one output line for a text.
type record struct {
	ID       json.RawMessage `json:"id"`
	Escalate string          `json:"escalate"`
	Severity Severity        `json:"severity"`
	Category string          `json:"category"`
	Rules    []string        `json:"rules"`
	Quotes   []Quote         `json:"quotes"`
}

// dialogRecord is one output line for turns.
type dialogRecord struct {
	record
	At *int `json:"at"`
}

type errorRecord struct {
	ID    json.RawMessage `json:"id"`
	Error string          `json:"error"`
}

// turn is one message of a dialog line.
type turn struct {
	From string   `json:"from"`
	Text *string  `json:"text"`
	T    *float64 `json:"t"`
}

// Run reads lines from r and writes one line of JSON for each to w, in order. A
// line is {"text"} or {"turns"} as JSON, else plain text. It flushes whenever
// the input pauses, so that a program can speak with it line by line. erred
// reports that at least one line could not be judged; err that r or w failed.
func (s *Screen) Run(r io.Reader, w io.Writer) (erred bool, err error) {
	in := bufio.NewReaderSize(r, 64<<10)
	out := bufio.NewWriterSize(w, 64<<10)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	for n := 1; ; n++ {
		if !lineWaits(in) {
			if err := out.Flush(); err != nil {
				return erred, fmt.Errorf("write verdicts: %w", err)
			}
		}
		line, tooLong, rerr := readLine(in)
		if rerr != nil && !errors.Is(rerr, io.EOF) {
			return erred, errors.Join(fmt.Errorf("read line %d: %w", n, rerr), out.Flush())
		}
		if rerr != nil && len(line) == 0 && !tooLong {
			break
		}
		rec := s.line(line, tooLong, n)
		if _, bad := rec.(errorRecord); bad {
			erred = true
		}
		if err := enc.Encode(rec); err != nil {
			return erred, fmt.Errorf("write verdict %d: %w", n, err)
		}
		if rerr != nil {
			break
		}
	}
	if err := out.Flush(); err != nil {
		return erred, fmt.Errorf("write verdicts: %w", err)
	}
	return erred, nil
}

// lineWaits reports whether a whole line can be read without waiting for input.
func lineWaits(in *bufio.Reader) bool {
	b, err := in.Peek(in.Buffered())
	return err == nil && bytes.IndexByte(b, '\n') >= 0
}

// readLine reads up to and with the next line end. Of a line over the limit nothing is kept.
func readLine(in *bufio.Reader) (line []byte, tooLong bool, err error) {
	for {
		part, err := in.ReadSlice('\n')
		if !tooLong {
			line = append(line, part...)
			if len(bytes.TrimSuffix(line, []byte{'\n'})) > maxLine {
				tooLong, line = true, nil
			}
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		return line, tooLong, err
	}
}

// line judges one input line.
func (s *Screen) line(line []byte, tooLong bool, n int) any {
	id := json.RawMessage(strconv.Quote(strconv.Itoa(n)))
	if tooLong {
		return errorRecord{id, fmt.Sprintf("line is longer than %d bytes", maxLine)}
	}
	line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
	fields, ok := object(line)
	if !ok {
		return textRecord(id, s.Judge(string(line), nil, 0, ""))
	}
	if given, ok := scalar(fields["id"]); ok {
		id = given
	}
	var lang string
	_ = json.Unmarshal(fields["lang"], &lang) // A hint that is no string is no hint.
	if raw, ok := fields["turns"]; ok {
		var turns []turn
		if err := json.Unmarshal(raw, &turns); err != nil {
			return errorRecord{id, "turns: want a list of {from, text, t}"}
		}
		return s.dialog(id, turns, lang)
	}
	var text *string
	if err := json.Unmarshal(fields["text"], &text); err != nil {
		return errorRecord{id, "text: want a string"}
	}
	if text == nil {
		text = new(string) // A photo without words.
	}
	return textRecord(id, s.Judge(*text, nil, 0, lang))
}

// object parses a line as a JSON object with text or turns. Anything else is plain text.
func object(line []byte) (map[string]json.RawMessage, bool) {
	if len(line) == 0 || line[0] != '{' || !utf8.Valid(line) {
		return nil, false
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(line, &fields) != nil {
		return nil, false
	}
	_, text := fields["text"]
	_, turns := fields["turns"]
	return fields, text || turns
}

// scalar returns an id given as a string or a number, as it was written.
func scalar(raw json.RawMessage) (json.RawMessage, bool) {
	if len(raw) == 0 {
		return nil, false
	}
	return raw, raw[0] == '"' || raw[0] == '-' || isDigit(rune(raw[0]))
}

func textRecord(id json.RawMessage, v Verdict) record {
	return record{id, v.Severity.Escalate(), v.Severity, v.Category, v.Rules, v.Quotes}
}

// dialog judges turns one after the other, as they would have come in.
func (s *Screen) dialog(id json.RawMessage, turns []turn, lang string) any {
	first, worst, err := s.dialogVerdict(turns, lang)
	if err != nil {
		return errorRecord{id, err.Error()}
	}
	return dialogRecord{textRecord(id, worst), first}
}

// dialogVerdict is the worst verdict of a dialog, and the 1-based turn that first
// reached its level; nil when none did.
func (s *Screen) dialogVerdict(turns []turn, lang string) (first *int, worst Verdict, err error) {
	msgs, err := timed(turns)
	if err != nil {
		return nil, worst, err
	}
	worst = Verdict{Severity: None, Rules: []string{}, Quotes: []Quote{}}
	for i, m := range msgs {
		if m.From != "patient" {
			continue
		}
		recent, index := s.before(msgs, i)
		v := s.Judge(m.Text, recent, m.At, lang)
		if level := v.Severity.Escalate(); level != worst.Severity.Escalate() && v.Severity.Rank() > max(worst.Severity.Rank(), S4.Rank()) {
			n := i + 1
			first = &n
		}
		if v.Severity.Rank() > worst.Severity.Rank() {
			worst = v
			for k := range worst.Quotes {
				worst.Quotes[k].Turn = index(worst.Quotes[k].Turn, i)
			}
		}
	}
	return first, worst, nil
}

// timed gives turns their times: 20 s apart where none is written.
func timed(turns []turn) ([]Message, error) {
	msgs := make([]Message, len(turns))
	at := int64(turnBase)
	for i, t := range turns {
		if t.From != "patient" && t.From != "agent" && t.From != "nurse" {
			return nil, fmt.Errorf("turns[%d].from: want patient, agent or nurse (got %q)", i, t.From)
		}
		if i > 0 {
			at += turnGap
		}
		if t.T != nil && math.Abs(*t.T) <= longestTurnT {
			at = turnBase + int64(*t.T*1000)
		}
		msgs[i] = Message{From: t.From, At: at}
		if t.Text != nil {
			msgs[i].Text = *t.Text
		}
	}
	return msgs, nil
}

// before gathers what turn i is read with: the patient's turns before it, and the
// latest agent or nurse turn, to which alone an answer binds. index maps a
// verdict's turn back to the 1-based turn of the line.
func (s *Screen) before(msgs []Message, i int) (recent []Message, index func(turn, current int) int) {
	var from []int
	spoken := false
	for k := i - 1; k >= 0 && len(from) < maxRecent; k-- {
		if msgs[k].From != "patient" {
			if spoken {
				continue
			}
			spoken = true
		}
		from = append(from, k)
	}
	slices.Reverse(from)
	for _, k := range from {
		recent = append(recent, msgs[k])
	}
	return recent, func(turn, current int) int {
		if turn == 0 {
			return current + 1
		}
		return from[turn-1] + 1
	}
}
