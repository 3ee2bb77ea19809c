package config

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// every walks the fields of the configuration down to the leaves, those of
// list and table entries included.
func every(t reflect.Type, path string, visit func(path string, f field)) {
	for _, f := range fieldsOf(t) {
		at := join(path, f.name)
		visit(at, f)
		inner := f.typ
		for inner.Kind() == reflect.Slice || inner.Kind() == reflect.Map {
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct && formSchema(inner) == nil {
			every(inner, at, visit)
		}
	}
}

func TestEveryFieldIsDescribed(t *testing.T) {
	every(reflect.TypeFor[Config](), "", func(path string, f field) {
		if !strings.HasSuffix(f.doc, ".") || len(f.doc) < 20 {
			t.Errorf("%s: description %q is not a sentence", path, f.doc)
		}
		if f.need != "" && strings.HasSuffix(f.need, ".") {
			t.Errorf("%s: hint %q ends in a period", path, f.need)
		}
	})
}

func TestEveryNumberAndListIsBounded(t *testing.T) {
	// The pace of a severity is bounded by its severity, and a zero step or
	// text list has no tag: paceRules and MaxText have tests of their own.
	elsewhere := "escalation.severities."
	every(reflect.TypeFor[Config](), "", func(path string, f field) {
		switch {
		case strings.HasPrefix(path, elsewhere), path == "texts":
		case f.typ == reflect.TypeFor[Duration](), f.typ.Kind() == reflect.Int, f.typ.Kind() == reflect.Float64, f.typ.Kind() == reflect.Slice, f.typ.Kind() == reflect.Map:
			if f.bounds == nil {
				t.Errorf("%s has no range", path)
			}
		}
	})
}

// TestEveryRangeBites tries each range at its ends and just beyond.
func TestEveryRangeBites(t *testing.T) {
	tried := 0
	every(reflect.TypeFor[Config](), "", func(path string, f field) {
		if f.bounds == nil {
			return
		}
		tried++
		step := 1.0
		switch {
		case f.typ == reflect.TypeFor[Duration]():
			step = float64(Duration(1e9))
		case f.typ.Kind() == reflect.Float64:
			step = 0.01
		}
		for _, c := range []struct {
			at   float64
			want bool
		}{{f.bounds.min - step, false}, {f.bounds.min, true}, {f.bounds.max, true}, {f.bounds.max + step, false}} {
			if c.at < 0 {
				continue
			}
			if got := inBounds(f, c.at); got != c.want {
				t.Errorf("%s at %v: got accepted=%v, want %v", path, c.at, got, c.want)
			}
		}
	})
	if tried < 25 {
		t.Errorf("got %d ranges, want at least 25", tried)
	}
}

// inBounds decodes a value of the given size into a field and reports whether
// its range let it pass.
func inBounds(f field, size float64) bool {
	n := &node{kind: kindText, line: 1}
	v := reflect.New(f.typ).Elem()
	switch f.typ.Kind() {
	case reflect.String:
		v.SetString(strings.Repeat("é", int(size)))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(f.typ, int(size), int(size)))
	case reflect.Map:
		n.entries = make([]entry, int(size))
	case reflect.Float64:
		v.SetFloat(size)
	default:
		v.SetInt(int64(size))
	}
	d := newDecoder("x")
	d.bounds(n, v, f.name, f)
	return len(d.faults) == 0
}

// TestEveryPaceBites tries each bound of each severity at its ends and beyond.
func TestEveryPaceBites(t *testing.T) {
	for sev, r := range paceRules() {
		for name, b := range map[string][2]Duration{"ack": r.ack, "contact": r.contact, "repage": r.repage, "all_hands_every": r.allHands} {
			for _, c := range []struct {
				d    Duration
				want bool
			}{{b[0] - 1, false}, {b[0], true}, {b[1], true}, {b[1] + 1, false}} {
				if got := !mentions(t, sev, name, c.d.String(), "must be "); got != c.want {
					t.Errorf("%s.%s of %v: got accepted=%v, want %v", sev, name, c.d, got, c.want)
				}
			}
			never := r.never && name != "ack" && name != "contact"
			if got := !mentions(t, sev, name, "0s", "must be "); got != never {
				t.Errorf("%s.%s of 0s: got accepted=%v, want %v", sev, name, got, never)
			}
		}
		for n, want := range map[int]bool{r.rounds[0] - 1: false, r.rounds[0]: true, r.rounds[1]: true, r.rounds[1] + 1: false} {
			if got := !mentions(t, sev, "rounds", strconv.Itoa(n), "must be "); got != want {
				t.Errorf("%s.rounds of %d: got accepted=%v, want %v", sev, n, got, want)
			}
		}
	}
}

// mentions reports whether a minimal file with one value of one severity gets
// a fault about it that starts with the words given.
func mentions(t *testing.T, sev Severity, name, value, rule string) bool {
	t.Helper()
	text := string(readFile(t, "testdata/good/minimal.yaml")) + fmt.Sprintf("  severities:\n    %s: {%s: %s}\n", sev, name, value)
	_, faults := Parse("x.yaml", []byte(text), Options{})
	for _, f := range faults {
		if f.Field == "escalation.severities."+string(sev)+"."+name && strings.HasPrefix(f.Rule, rule) {
			return true
		}
	}
	return false
}

func TestMaxFile(t *testing.T) {
	text := readFile(t, "testdata/good/minimal.yaml")
	pad := strings.Repeat("#", MaxFile-len(text))
	if _, faults := Parse("x", append(text[:len(text):len(text)], pad...), Options{}); len(faults) > 0 {
		t.Errorf("a file of %d bytes: got %v, want none", MaxFile, faults)
	}
	_, faults := Parse("x", append(text[:len(text):len(text)], pad+"#"...), Options{})
	want := "x: must not be longer than 1048576 bytes (got 1048577 bytes); this does not look like a configuration file"
	if faults.Error() != want {
		t.Errorf("a file of %d bytes: got %v, want %v", MaxFile+1, faults, want)
	}
}

func TestMaxNodes(t *testing.T) {
	// A list of n is two nodes for its key and itself and n for its entries;
	// the table around it is one more.
	list := func(n int) string { return "x: [" + strings.Repeat("a,", n-1) + "a]\n" }
	alias := func(n int) string { return "x: &a [" + strings.Repeat("a,", n-1) + "a]\ny: *a\n" }
	for name, c := range map[string]struct {
		text string
		want bool
	}{
		"written":         {list(MaxNodes - 3), true},
		"written, over":   {list(MaxNodes - 2), false},
		"repeated":        {alias((MaxNodes - 7) / 2), true},
		"repeated, over":  {alias((MaxNodes-5)/2 + 1), false},
		"dashes":          {strings.Repeat("- a\n", MaxNodes+1), false},
		"colons":          {strings.Repeat("a: b\n", MaxNodes/2+1), false},
		"far from enough": {"x: 1\n", true},
	} {
		_, faults := Parse("x", []byte(c.text), Options{})
		if got := !strings.Contains(faults.Error(), "must not hold more than 20000 values"); got != c.want {
			t.Errorf("%s: got accepted=%v, want %v", name, got, c.want)
		}
	}
}

func TestMaxDepth(t *testing.T) {
	stairs := func(n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(strings.Repeat(" ", i) + "a:\n")
		}
		return b.String()
	}
	for name, c := range map[string]struct {
		text string
		want bool
	}{
		"flow":        {strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth), true},
		"flow, over":  {strings.Repeat("[", MaxDepth+1) + strings.Repeat("]", MaxDepth+1), false},
		"dash":        {strings.Repeat("- ", MaxDepth) + "a", true},
		"dash, over":  {strings.Repeat("- ", MaxDepth+1) + "a", false},
		"block":       {stairs(MaxDepth), true},
		"block, over": {stairs(MaxDepth + 1), false},
	} {
		_, faults := Parse("x", []byte(c.text), Options{})
		if got := !strings.Contains(faults.Error(), "must not be nested deeper than 24"); got != c.want {
			t.Errorf("%s: got accepted=%v (%v), want %v", name, got, faults, c.want)
		}
	}
}

func TestMaxAnchors(t *testing.T) {
	for n, want := range map[int]bool{MaxAnchors: true, MaxAnchors + 1: false} {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "a%d: &a%d x\n", i, i)
		}
		_, faults := Parse("x", []byte(b.String()), Options{})
		if got := !strings.Contains(faults.Error(), "must not hold more than 100 anchors"); got != want {
			t.Errorf("%d anchors: got accepted=%v, want %v", n, got, want)
		}
	}
}

func TestMaxFaults(t *testing.T) {
	var b strings.Builder
	for i := range 2 * MaxFaults {
		fmt.Fprintf(&b, "a%d: x\n", i)
	}
	_, faults := Parse("x", []byte(b.String()), Options{})
	if len(faults) != MaxFaults+1 {
		t.Fatalf("got %d faults, want %d", len(faults), MaxFaults+1)
	}
	// The five missing sections are faults too.
	want := fmt.Sprintf("%d more faults are not shown", 2*MaxFaults+5-MaxFaults)
	if last := faults[MaxFaults]; last.Rule != want {
		t.Errorf("last fault: got %q, want %q", last.Rule, want)
	}
}

func TestMaxTextAndShown(t *testing.T) {
	for n, want := range map[int]bool{0: false, 1: true, MaxText: true, MaxText + 1: false} {
		var text Text
		if got := text.UnmarshalText([]byte(strings.Repeat("ñ", n))) == nil; got != want {
			t.Errorf("a text of %d: got accepted=%v, want %v", n, got, want)
		}
	}
	long := strings.Repeat("x", MaxShown)
	if got, want := shown(long), `"`+long+`"`; got != want {
		t.Errorf("shown: got %s, want %s", got, want)
	}
	if got, want := shown(long+"y"), `"`+long+`…"`; got != want {
		t.Errorf("shown: got %s, want %s", got, want)
	}
}

func TestParseBoundsOfAllTags(t *testing.T) {
	every(reflect.TypeFor[Config](), "", func(path string, f field) {
		if b := f.bounds; b != nil && (b.min > b.max || math.IsNaN(b.min)) {
			t.Errorf("%s: range %s is upside down", path, b.text)
		}
	})
}
