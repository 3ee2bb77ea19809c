package config

import (
	"encoding"
	"errors"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// positions remembers on which line each field was written.
type positions map[string]int

// line finds the line of a field, or of the section it is missing from.
func (p positions) line(path string) int {
	for {
		if line, ok := p[path]; ok {
			return line
		}
		cut := strings.LastIndexAny(path, ".[")
		if cut < 0 {
			return p[""]
		}
		path = path[:cut]
	}
}

// A decoder lays a tree over a value that already holds the defaults, and goes
// on after a fault, so that all of them come out at once.
type decoder struct {
	file   string
	lines  positions
	broken map[string]bool // fields that already have a fault
	faults Faults
}

func newDecoder(file string) *decoder {
	return &decoder{file: file, lines: positions{}, broken: map[string]bool{}}
}

// nodeDecoder is a value with a shape of its own.
type nodeDecoder interface {
	decodeNode(d *decoder, n *node, path string)
}

// defaulter is an element of a list or table that has defaults.
type defaulter interface{ setDefaults() }

// dialed is a value that may stand without quotes though it looks like a
// number.
type dialed interface{ dialed() }

// worded is a text that has to be one of a few.
type worded interface{ Words() []string }

func (d *decoder) fault(n *node, path, rule, got, hint string) {
	d.broken[path] = true
	d.faults = append(d.faults, Fault{File: d.file, Line: n.line, Field: path, Rule: rule, Got: got, Hint: hint})
}

// wrong reports what a value says about itself.
func (d *decoder) wrong(n *node, path string, err error) {
	var r *ruleError
	if errors.As(err, &r) {
		got := r.got
		if got == "" {
			got = n.shown(path)
		}
		d.fault(n, path, r.rule, got, r.hint)
		return
	}
	// The words of a foreign type may repeat the value, which may be private.
	rule := "must be valid"
	if words := err.Error(); !strings.Contains(words, n.text) && !strings.ContainsAny(words, "\n\r") && len(words) <= 2*MaxShown {
		rule += ": " + words
	}
	d.fault(n, path, rule, n.shown(path), "")
}

func (d *decoder) seen(n *node, path string) { d.lines[path] = n.line }

// value decodes one node. It reports whether the value may be looked at
// further.
func (d *decoder) value(n *node, v reflect.Value, path string) bool {
	d.seen(n, path)
	if n.kind == kindNothing {
		if d.broken[path] {
			return false
		}
		d.fault(n, path, "must have a value", "nothing", "write one, or take out the line")
		return false
	}
	if t, ok := v.Addr().Interface().(nodeDecoder); ok {
		before := len(d.faults)
		t.decodeNode(d, n, path)
		return len(d.faults) == before
	}
	if t, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return d.text(n, t, path)
	}
	switch v.Kind() {
	case reflect.Struct:
		return d.section(n, v, path)
	case reflect.Map:
		return d.table(n, v, path)
	case reflect.Slice:
		return d.list(n, v, path)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return d.value(n, v.Elem(), path)
	case reflect.Interface:
		v.Set(reflect.ValueOf(n.plain()))
		return true
	default:
		return d.scalar(n, v, path)
	}
}

// text decodes a value that reads itself. What people dial is taken as it was
// written, since 911 and +15550100100 look like numbers to YAML.
func (d *decoder) text(n *node, t encoding.TextUnmarshaler, path string) bool {
	if n.kind == kindList || n.kind == kindTable {
		d.fault(n, path, "must be one value", n.shown(path), "write it on one line behind the colon")
		return false
	}
	if n.kind == kindTruth {
		d.fault(n, path, "must be text", n.shown(path), "put it in quotes")
		return false
	}
	err := t.UnmarshalText([]byte(n.text))
	if _, isTime := t.(*time.Time); isTime && err != nil {
		err = &ruleError{rule: "must be a point in time", hint: "write it as in 2026-05-01T00:00:00Z"}
	}
	if err != nil {
		d.wrong(n, path, err)
		return false
	}
	if _, ok := t.(dialed); n.kind == kindText || ok && n.kind == kindWhole {
		return true
	}
	d.fault(n, path, "must be text", n.shown(path), "put it in quotes")
	return false
}

func (d *decoder) scalar(n *node, v reflect.Value, path string) bool {
	switch v.Kind() {
	case reflect.String:
		return d.word(n, v, path)
	case reflect.Bool:
		if n.kind == kindTruth {
			v.SetBool(n.text == "true")
			return true
		}
		d.fault(n, path, "must be true or false", n.shown(path), "write true or false without quotes")
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if i, err := strconv.ParseInt(n.text, 10, v.Type().Bits()); err == nil && n.kind == kindWhole {
			v.SetInt(i)
			return true
		}
		d.fault(n, path, "must be a whole number", n.shown(path), "write digits without quotes or units")
	case reflect.Float32, reflect.Float64:
		if f, err := strconv.ParseFloat(n.text, v.Type().Bits()); err == nil && (n.kind == kindWhole || n.kind == kindDecimal) {
			v.SetFloat(f)
			return true
		}
		d.fault(n, path, "must be a number", n.shown(path), "write digits without quotes or units")
	default:
		d.fault(n, path, "cannot be configured", "", "this is a mistake of the program, not of the file")
	}
	return false
}

func (d *decoder) word(n *node, v reflect.Value, path string) bool {
	if n.kind != kindText {
		hint := "put it in quotes"
		if n.kind == kindList || n.kind == kindTable {
			hint = "write it on one line behind the colon"
		}
		d.fault(n, path, "must be text", n.shown(path), hint)
		return false
	}
	v.SetString(n.text)
	w, ok := v.Interface().(worded)
	if !ok {
		return true
	}
	for _, known := range w.Words() {
		if n.text == known {
			return true
		}
	}
	hint, _ := meant(n.text, w.Words()) // the rule lists the words already
	d.fault(n, path, "must be "+quoteList(w.Words()), n.shown(path), hint)
	return false
}

// section decodes the fields of a struct and reports those it does not know
// and those that are missing.
func (d *decoder) section(n *node, v reflect.Value, path string) bool {
	if n.kind != kindTable {
		d.fault(n, path, "must be a section with fields", n.shown(path), "write one field a line below it, two spaces further in")
		return false
	}
	fields := fieldsOf(v.Type())
	for _, e := range n.entries {
		at := join(path, e.key)
		f, ok := fields.find(e.key)
		if !ok {
			d.fault(e.keyNode, at, "must be a known field", "", d.known(n, e.key, fields))
			continue
		}
		if d.value(e.value, v.FieldByIndex(f.index), at) && d.reference(e.value, at, f) {
			d.bounds(e.value, v.FieldByIndex(f.index), at, f)
		}
	}
	for _, f := range fields {
		if f.need != "" && n.find(f.name) == nil {
			d.fault(n, join(path, f.name), "must be there", "", f.need)
		}
	}
	return true
}

// reference checks a plain text field that holds a secret by its name or tag:
// an adapter that knows nothing of [Secret] is still never handed a literal.
func (d *decoder) reference(n *node, path string, f field) bool {
	items := n.items
	switch {
	case !f.secret:
		return true
	case f.typ.Kind() == reflect.String:
		items = []*node{n}
	case f.typ.Kind() != reflect.Slice || f.typ.Elem().Kind() != reflect.String:
		return true
	}
	sound := true
	for _, item := range items {
		var s Secret
		if err := s.UnmarshalText([]byte(item.text)); err != nil {
			d.wrong(item, path, err)
			sound = false
		}
	}
	return sound
}

// known is the hint for a field nobody knows. A field that is already there is
// not what was meant.
func (d *decoder) known(n *node, key string, fs fields) string {
	var free []string
	for _, name := range fs.names() {
		if n.find(name) == nil {
			free = append(free, name)
		}
	}
	if len(free) == 0 {
		return "take it out; all the fields there are here are written already"
	}
	return suggest(key, free)
}

func (d *decoder) list(n *node, v reflect.Value, path string) bool {
	if n.kind != kindList {
		hint := "write each entry on a line of its own behind a dash"
		if n.kind == kindText {
			hint = "put it in brackets, as in [" + strings.Trim(n.shown(path), `"`) + "]"
			if v.Type().Elem().Kind() != reflect.String || looksLikePhone(n.text) {
				hint = "write each entry on a line of its own behind a dash"
			}
		}
		d.fault(n, path, "must be a list", n.shown(path), hint)
		return false
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.items), len(n.items)))
	for i, item := range n.items {
		setDefaults(v.Index(i))
		d.value(item, v.Index(i), index(path, i))
	}
	return true
}

// table decodes a map. An entry the defaults already hold keeps what the file
// does not say.
func (d *decoder) table(n *node, v reflect.Value, path string) bool {
	if n.kind != kindTable {
		d.fault(n, path, "must be a section with names", n.shown(path), "write one name a line below it, two spaces further in")
		return false
	}
	if v.IsNil() {
		v.Set(reflect.MakeMap(v.Type()))
	}
	for _, e := range n.entries {
		at := join(path, e.key)
		key := reflect.New(v.Type().Key()).Elem()
		if !d.value(e.keyNode, key, at) {
			continue
		}
		value := reflect.New(v.Type().Elem()).Elem()
		if old := v.MapIndex(key); old.IsValid() {
			value.Set(old)
		} else {
			setDefaults(value)
		}
		d.value(e.value, value, at)
		v.SetMapIndex(key, value)
	}
	return true
}

func setDefaults(v reflect.Value) {
	if t, ok := v.Addr().Interface().(defaulter); ok {
		t.setDefaults()
	}
}

// bounds holds a value against the range its field names.
func (d *decoder) bounds(n *node, v reflect.Value, path string, f field) {
	b := f.bounds
	if b == nil {
		return
	}
	var size float64
	what := ""
	switch v.Kind() {
	case reflect.String:
		size, what = float64(utf8.RuneCountInString(v.String())), "character"
	case reflect.Slice:
		size, what = float64(v.Len()), "entry"
	case reflect.Map:
		// The entries of the file count, not those of the defaults.
		size, what = float64(len(n.entries)), "entry"
	case reflect.Float32, reflect.Float64:
		size = v.Float()
	default:
		size = float64(v.Int())
	}
	if size >= b.min && size <= b.max {
		return
	}
	got, hint := n.shown(path), ""
	if what != "" {
		got = amount(int(size), what)
	}
	if size < b.min {
		hint = f.need
	}
	d.fault(n, path, "must be "+b.text+unit(what), got, hint)
}

func unit(what string) string {
	switch what {
	case "entry":
		return " entries long"
	case "character":
		return " characters long"
	}
	return ""
}

func amount(n int, what string) string {
	if what == "entry" && n != 1 {
		return strconv.Itoa(n) + " entries"
	}
	return count(n, what)
}
