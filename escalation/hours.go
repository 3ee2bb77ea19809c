package escalation

import "time"

// Hours are weekly hours on the wall clock of a zone. Hours without a usable
// span are always open: a missing table must not silence a case.
type Hours struct {
	Zone  *time.Location `json:"-"` // nil: UTC
	Spans []Span         `json:"spans"`
}

// Span is one stretch of a week. Minutes count on the wall clock from
// midnight; a To that is not after From lies on the following day.
type Span struct {
	Day  time.Weekday `json:"day"`
	From int          `json:"from"` // 0..1439
	To   int          `json:"to"`   // 0..1440
}
