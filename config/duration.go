package config

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Duration is a length of time. It is written as Go writes it, with d for days
// of 24 hours in front: 90s, 2m, 1h30m, 7d, 1d12h.
type Duration time.Duration

// Day is 24 hours; a configuration knows no other day.
const Day = Duration(24 * time.Hour)

// Std returns the duration as the standard library has it.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// String writes the duration as short as it can be read back.
func (d Duration) String() string {
	if d == 0 {
		return "0s"
	}
	days, rest := d/Day, time.Duration(d%Day)
	text := ""
	if days != 0 {
		text = strconv.FormatInt(int64(days), 10) + "d"
	}
	if rest == 0 {
		return text
	}
	s := rest.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return text + s
}

// MarshalText writes what String writes.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what String writes.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := ParseDuration(string(b))
	if err != nil {
		return err
	}
	*d = v
	return nil
}

// durationPattern is all there is to write; what it leaves out (signs, bare
// fractions, nanoseconds) is a slip more often than a wish.
var durationPattern = regexp.MustCompile(`^([0-9]+d|([0-9]+d)?([0-9]+(\.[0-9]+)?(ms|s|m|h))+)$`)

// ParseDuration reads a duration such as 90s, 1h30m or 7d.
func ParseDuration(s string) (Duration, error) {
	switch {
	case s != "" && strings.Trim(s, "0123456789.") == "":
		return 0, &ruleError{rule: "must be a duration with its unit", hint: "write s, m, h or d behind the number, as in " + s + "s"}
	case strings.HasPrefix(s, "-"):
		return 0, &ruleError{rule: "must not be negative", hint: "write the time to wait, as in 2m"}
	case !durationPattern.MatchString(s):
		return 0, durationRule()
	}
	days, rest, found := strings.Cut(s, "d")
	if !found {
		days, rest = "0", s
	}
	n, err := strconv.ParseInt(days, 10, 64)
	if err != nil || n > int64(math.MaxInt64/Day)-1 {
		return 0, durationRule()
	}
	var more time.Duration
	if rest != "" {
		if more, err = time.ParseDuration(rest); err != nil {
			return 0, durationRule()
		}
	}
	total := Duration(n)*Day + Duration(more)
	if total < 0 {
		return 0, durationRule() // the sum went over what a duration can hold
	}
	return total, nil
}

func durationRule() error {
	return &ruleError{rule: "must be a duration", hint: "write it as in 90s, 2m, 1h30m or 7d"}
}
