package twiliofake

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Kind says what an entry of the ledger records.
type Kind string

// The kinds of entries.
const (
	KindStart      Kind = "start"                // the carrier started on this file
	KindNumber     Kind = "number"               // a clinic number (To) and where its webhooks (URL, StatusCallback) go from here on
	KindInbound    Kind = "inbound"              // a handset texted a clinic number
	KindWebhook    Kind = "webhook"              // an attempt to post an inbound text, begun or ended
	KindCreate     Kind = "create"               // an outbound message was accepted; its body will be carried whatever the sender learns
	KindRefused    Kind = "refused"              // a create request was not accepted
	KindLostAnswer Kind = "lost_answer"          // an accepted request whose sender was told otherwise, or nothing
	KindStatus     Kind = "status"               // an outbound message changed its state
	KindCallback   Kind = "callback"             // an attempt to post a state, begun or ended
	KindHandset    Kind = "delivered_to_handset" // the words of a message reached a phone
	KindOptOut     Kind = "optout"               // a handset (From) opted out of a clinic number (To) or its service
	KindOptIn      Kind = "optin"                // and in again
	KindDelete     Kind = "delete"               // a message was deleted through the API
	KindDeleteFile Kind = "delete_media"         // one media file (MediaSID) of a message was
	KindHeld       Kind = "held"                 // a create request waits for a release
	KindReleased   Kind = "released"             // and goes on, or was dropped (Error says so)
)

// Phase tells the two entries of one attempt apart. An attempt that only began is unknown: it may have reached the other side.
type Phase string

// The phases of an attempt.
const (
	PhaseBegun Phase = "begun"
	PhaseEnded Phase = "ended"
)

// Origin says who wrote an outbound message.
type Origin string

// The origins of outbound messages.
const (
	OriginAPI     Origin = "api"     // a create request
	OriginReply   Origin = "reply"   // the answer to a webhook
	OriginCarrier Origin = "carrier" // the carrier's own canned text
)

// Entry is one line of the ledger. Which fields are set depends on the kind; Seq counts from 1 without a gap.
type Entry struct {
	Seq  int64     `json:"seq"`
	At   time.Time `json:"at"`
	Kind Kind      `json:"kind"`

	SID              string  `json:"sid,omitempty"`
	From             string  `json:"from,omitempty"`
	To               string  `json:"to,omitempty"`
	Body             string  `json:"body,omitempty"`
	Media            []Media `json:"media,omitempty"`
	Origin           Origin  `json:"origin,omitempty"`
	MessagingService string  `json:"messaging_service_sid,omitempty"`
	StatusCallback   string  `json:"status_callback,omitempty"`
	Validity         int     `json:"validity,omitempty"` // seconds
	Segments         int     `json:"segments,omitempty"`
	Keyword          string  `json:"keyword,omitempty"` // of an inbound text, as the carrier understood it

	Status    string    `json:"status,omitempty"`     // state of the message, or the one a callback reports
	ErrorCode int       `json:"error_code,omitempty"` // Twilio's
	Error     string    `json:"error,omitempty"`
	Fault     FaultKind `json:"fault,omitempty"` // the armed fault that did it

	URL        string `json:"url,omitempty"`      // posted to, as configured
	Delivery   int    `json:"delivery,omitempty"` // of one webhook or callback: 1, and more for duplicates
	Attempt    int    `json:"attempt,omitempty"`  // of one delivery: 1, and more for retries
	Phase      Phase  `json:"phase,omitempty"`
	HTTPStatus int    `json:"http_status,omitempty"`
	Reply      string `json:"reply,omitempty"`   // body of the answer to a webhook
	TookMS     int64  `json:"took_ms,omitempty"` // of an ended attempt
	MediaSID   string `json:"media_sid,omitempty"`
	HeldID     int64  `json:"held_id,omitempty"`
	Where      Where  `json:"where,omitempty"`
	Account    string `json:"account_sid,omitempty"`
}

// Media is one file of a message: its bytes if a handset sent it, its address if the clinic did.
type Media struct {
	SID         string `json:"sid,omitempty"`
	ContentType string `json:"content_type,omitempty"`
	URL         string `json:"url,omitempty"`
	Bytes       []byte `json:"bytes,omitempty"`
	Trick       Trick  `json:"trick,omitempty"`
}

// scanLedger reads whole lines and returns how many bytes they fill.
func scanLedger(r io.Reader) ([]Entry, int64, error) {
	var (
		entries []Entry
		good    int64
		lines   = bufio.NewReaderSize(r, 64<<10)
	)
	for {
		line, err := readLine(lines)
		if errors.Is(err, io.EOF) {
			return entries, good, nil
		}
		if err != nil {
			return nil, 0, fmt.Errorf("line %d: %w", len(entries)+1, err)
		}
		var e Entry
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, 0, fmt.Errorf("line %d: %w", len(entries)+1, err)
		}
		if want := int64(len(entries)) + 1; e.Seq != want {
			return nil, 0, fmt.Errorf("line %d: sequence %d, want %d", len(entries)+1, e.Seq, want)
		}
		if len(entries) >= maxLedgerEntries {
			return nil, 0, ErrLedgerFull
		}
		entries = append(entries, e)
		good += int64(len(line))
	}
}

// readLine returns one line with its newline; a line without one counts as the end of the file.
func readLine(lines *bufio.Reader) ([]byte, error) {
	var whole []byte
	for {
		part, err := lines.ReadSlice('\n')
		whole = append(whole, part...)
		switch {
		case err == nil:
			return whole, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		case len(whole) > maxLedgerLine:
			return nil, fmt.Errorf("longer than %d bytes", maxLedgerLine)
		}
	}
}

// ledger is the file and what it holds. It is not safe for concurrent use; the carrier's lock guards it.
//
// Each entry is handed to the kernel in one write before anything acts on it, so that it survives the end of this process at any moment. It is not
// synced: a judge of processes that get killed needs to outlive processes, not power cuts, and a sync per entry would make it the slowest part of a test.
//
// After a write that failed nothing more is written: half a line may be in the file, and what would follow it could not be read.
type ledger struct {
	file    *os.File
	entries []Entry
	broken  error
}

// openLedger opens or creates the file, reads what it holds and cuts off a torn last line.
func openLedger(path string) (*ledger, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open ledger: %w", err)
	}
	entries, good, err := scanLedger(file)
	if err == nil {
		err = file.Truncate(good)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open ledger %s: %w", path, err), file.Close())
	}
	return &ledger{file: file, entries: entries}, nil
}

// next is the sequence number of the entry to come.
func (l *ledger) next() int64 { return int64(len(l.entries)) + 1 }

// append numbers the entry and writes it.
func (l *ledger) append(e Entry) (Entry, error) {
	if l.broken != nil {
		return e, l.broken
	}
	if len(l.entries) >= maxLedgerEntries {
		return e, ErrLedgerFull
	}
	e.Seq = l.next()
	var line bytes.Buffer
	if err := json.NewEncoder(&line).Encode(e); err != nil {
		return e, fmt.Errorf("write ledger: %w", err)
	}
	if line.Len() > maxLedgerLine {
		return e, fmt.Errorf("write ledger: entry of %d bytes, want at most %d", line.Len(), maxLedgerLine)
	}
	if _, err := l.file.Write(line.Bytes()); err != nil {
		l.broken = fmt.Errorf("write ledger: %w", err)
		return e, l.broken
	}
	l.entries = append(l.entries, e)
	return e, nil
}

// page returns up to limit entries after a sequence number, without the bytes of their media.
func (l *ledger) page(since int64, limit int) []Entry {
	since = max(since, 0)
	if since >= int64(len(l.entries)) {
		return []Entry{}
	}
	rest := l.entries[since:]
	page := make([]Entry, min(len(rest), limit))
	for i := range page {
		page[i] = rest[i].withoutBytes()
	}
	return page
}

func (e Entry) withoutBytes() Entry {
	if len(e.Media) == 0 {
		return e
	}
	light := make([]Media, len(e.Media))
	for i, m := range e.Media {
		m.Bytes = nil
		light[i] = m
	}
	e.Media = light
	return e
}
