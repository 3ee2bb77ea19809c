package config

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Fault is one thing wrong with a configuration file. Got never holds a
// secret or a telephone number.
type Fault struct {
	File  string // as it was named to [Parse]
	Line  int    // from 1; 0 when no line can be named
	Field string // as in escalation.steps[0].ack; empty for the file as a whole
	Rule  string // what has to hold
	Got   string // what was found, masked; may be empty
	Hint  string // what to do about it; may be empty
}

// Error puts the fault on one line: file:line: field: rule (got value); hint.
func (f Fault) Error() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Line > 0 {
		b.WriteString(":" + strconv.Itoa(f.Line))
	}
	if f.Field != "" {
		b.WriteString(": " + f.Field)
	}
	b.WriteString(": " + f.Rule)
	if f.Got != "" {
		b.WriteString(" (got " + f.Got + ")")
	}
	if f.Hint != "" {
		b.WriteString("; " + f.Hint)
	}
	return b.String()
}

// Faults is everything wrong with a file, in the order of its lines.
type Faults []Fault

// Error puts each fault on a line of its own.
func (fs Faults) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.Error()
	}
	return strings.Join(lines, "\n")
}

// tidy sorts the faults by line and bounds their number, saying how many were
// left out.
func (fs Faults) tidy() Faults {
	slices.SortStableFunc(fs, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Field, b.Field), cmp.Compare(a.Rule, b.Rule))
	})
	if len(fs) <= MaxFaults {
		return fs
	}
	rest := len(fs) - MaxFaults
	return append(fs[:MaxFaults:MaxFaults], Fault{
		File: fs[0].File,
		Rule: fmt.Sprintf("%d more faults are not shown", rest),
		Hint: "correct those above first",
	})
}

// A ruleError is how a value says what it has to look like. The decoder adds
// the place.
type ruleError struct {
	rule string
	got  string // shown instead of the value, where the value is private
	hint string
}

func (e *ruleError) Error() string { return e.rule }

// count writes 1 fault, 2 faults.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// shown makes a found value fit to be printed in a fault. A telephone number
// is masked wherever it stands.
func shown(s string) string {
	if looksLikePhone(s) && len(digitsOf(s)) >= 9 { // a date has eight
		s = maskDigits(s)
	}
	if r := []rune(s); len(r) > MaxShown {
		s = string(r[:MaxShown]) + "…"
	}
	return strconv.Quote(s)
}

// quoteList joins words as a, b or c.
func quoteList(words []string) string {
	switch len(words) {
	case 0:
		return ""
	case 1:
		return words[0]
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// suggest is the hint for a word nobody knows: the one that was meant, or
// those there are.
func suggest(word string, known []string) string {
	if hint, ok := meant(word, known); ok {
		return hint
	}
	if len(known) == 0 || len(known) > 16 {
		return ""
	}
	return "known here: " + strings.Join(known, ", ")
}

// meant finds the word most like the one written, so that a slip of the finger
// is answered with the word that was meant.
func meant(word string, known []string) (string, bool) {
	best, least := "", 1+len(word)/3
	for _, k := range known {
		if apart := len(word) - len(k); apart >= least || -apart >= least {
			continue
		}
		if d := distance(strings.ToLower(word), strings.ToLower(k)); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return "", false
	}
	return "did you mean " + best + "?", true
}

// distance is the number of letters to change, add, drop or swap with a
// neighbor to get from a to b.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	before, prev, cur := rows[0], rows[1], rows[2]
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			same := 1
			if a[i-1] == b[j-1] {
				same = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+same)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], before[j-2]+1)
			}
		}
		before, prev, cur = prev, cur, before
	}
	return prev[len(b)]
}
