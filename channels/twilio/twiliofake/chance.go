package twiliofake

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Duration is a time.Duration that reads and writes itself as text ("150ms"), so that a behavior can be typed by hand.
type Duration time.Duration

// MarshalText writes the duration the way time.Duration prints it.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads what time.ParseDuration reads.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return err
	}
	*d = Duration(parsed)
	return nil
}

// Span is a range from which a length of time is drawn, evenly, both ends included.
type Span struct {
	Min Duration `json:"min"`
	Max Duration `json:"max"`
}

func (s Span) validate(name string) error {
	if s.Min < 0 || s.Max < s.Min || time.Duration(s.Max) > maxDelay {
		return fmt.Errorf("%s: want 0 <= min <= max <= %s, got %s to %s", name, maxDelay, time.Duration(s.Min), time.Duration(s.Max))
	}
	return nil
}

// draw picks a length of time from the span.
func (s Span) draw(chance *rand.Rand) time.Duration {
	if s.Max <= s.Min {
		return time.Duration(s.Min)
	}
	return time.Duration(s.Min) + time.Duration(chance.Int64N(int64(s.Max-s.Min)+1))
}

// at picks the point of the span that a fixed share in [0,1) stands for.
func (s Span) at(share float64) time.Duration {
	return time.Duration(s.Min) + time.Duration(share*float64(s.Max-s.Min))
}

// happens reports whether an event of the given probability occurs. It draws only when the answer is open, so that switching one kind of trouble off
// does not silently switch another one on.
func happens(chance *rand.Rand, share float64) bool {
	return share > 0 && (share >= 1 || chance.Float64() < share)
}
