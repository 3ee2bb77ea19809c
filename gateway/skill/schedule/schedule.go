// Package schedule is the clinic's calendar of openings, as an agent's tools see
// it: a CSV file that staff edit, or a server with a small JSON contract.
//
// It owns the form of both, and that a booking has a key of the gateway's making:
// the same key twice is one booking. It must never book on its own, and it knows
// no conversation.
package schedule

import (
	"context"
	"errors"
	"time"

	"github.com/tidegate/tidegate/gateway/model"
)

var (
	// ErrTaken says that somebody else has the opening, or that it is gone.
	ErrTaken = errors.New("the opening is taken")
	// ErrNone says that there is no booking of that key.
	ErrNone = errors.New("no such booking")
	// ErrUnanswered says that a call may have been made, or may be made yet: no
	// answer to it came.
	ErrUnanswered = errors.New("no answer came")
)

// Booking is an appointment to be made. Whose it is the gateway says.
type Booking struct {
	Key    string `json:"-"`
	Slot   string `json:"slot"`
	Name   string `json:"name"`
	DOB    string `json:"dob"`
	Phone  string `json:"phone"`
	Reason string `json:"reason"`
}

// Calendar is where appointments are made. Its errors repeat nobody's words.
type Calendar interface {
	// Free lists openings that begin in [from, to), the earliest first.
	Free(ctx context.Context, from, to time.Time, most int) ([]model.Slot, error)
	// Reserve books an opening under a key. The same key for the same opening again
	// changes nothing and is no error; ErrTaken when it is not free, ErrUnanswered when
	// nobody can tell whether it will be booked. Where calls take time on their way, one
	// that comes after a later Release of its key books nothing.
	Reserve(ctx context.Context, b Booking) error
	// Find returns what is booked under a key; ErrNone when nothing is.
	Find(ctx context.Context, key string) (model.Slot, error)
	// Release gives an opening back. That there is none is no error.
	Release(ctx context.Context, key string) error
}
