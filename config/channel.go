package config

import (
	"encoding/json"
	"reflect"
	"strings"
)

// Channel is one section under channels. Its type is known here; the rest is
// for the adapter of that type, which asks Decode.
type Channel struct {
	ID   ChannelID
	Type string

	file string
	path string
	raw  *node
}

// decodeNode takes the type and keeps the rest as it was written.
func (c *Channel) decodeNode(d *decoder, n *node, path string) {
	*c = Channel{ID: ChannelID(path[strings.LastIndexByte(path, '.')+1:]), file: d.file, path: path, raw: n}
	if n.kind != kindTable {
		d.fault(n, path, "must be a section with a type", n.shown(path), "write type: and the fields of the channel below it")
		return
	}
	t := n.find("type")
	switch {
	case t == nil:
		d.fault(n, join(path, "type"), "must be there", "", "write the kind of channel, as in type: twilio")
	case t.kind != kindText || !idPattern.MatchString(t.text):
		d.fault(t, join(path, "type"), "must be a kind of channel", t.shown(path), "write it as in type: twilio")
	default:
		d.seen(t, join(path, "type"))
		c.Type = t.text
	}
}

// Decode lays the section over the struct that into points to, which already
// holds the defaults. It is as strict as the rest of the file: an unknown
// field, a wrong type, a missing field with a need tag or a value outside its
// range tag is a fault with its line. Field names come from yaml or json tags.
// Fields of the types [Duration], [Secret], [Address], [Phone] and of any
// [encoding.TextUnmarshaler] read themselves. A plain text field whose name
// ends in token, secret, password or the like has to be a reference that
// [ParseSecret] reads; the tags secret:"yes" and secret:"no" say otherwise.
func (c Channel) Decode(into any) []Fault {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return []Fault{c.Fault("", "cannot be read", "", "this is a mistake of the program, not of the file")}
	}
	if c.raw == nil || c.raw.kind != kindTable {
		return []Fault{c.Fault("", "must be a section with a type", "", "")}
	}
	n := *c.raw
	if _, ok := fieldsOf(v.Elem().Type()).find("type"); !ok {
		n.entries = nil
		for _, e := range c.raw.entries {
			if e.key != "type" {
				n.entries = append(n.entries, e)
			}
		}
	}
	d := newDecoder(c.file)
	d.value(&n, v.Elem(), c.path)
	return d.faults.tidy()
}

// Fault is for the rules only the adapter knows. The field is named as in the
// section, as in account or numbers[1]; empty is the section as a whole. Got
// must hold no secret.
func (c Channel) Fault(field, rule, got, hint string) Fault {
	f := Fault{File: c.file, Field: c.path, Rule: rule, Got: got, Hint: hint}
	if field != "" {
		f.Field = c.path + "." + field
	}
	if c.raw != nil {
		lines := positions{}
		c.raw.mark(lines, c.path)
		f.Line = lines.line(f.Field)
	}
	return f
}

// mark notes the lines of a node and all below it.
func (n *node) mark(lines positions, path string) {
	lines[path] = n.line
	for i, item := range n.items {
		item.mark(lines, index(path, i))
	}
	for _, e := range n.entries {
		e.value.mark(lines, join(path, e.key))
	}
}

// MarshalJSON writes the section with everything masked that is, or by its
// name could be, a secret.
func (c Channel) MarshalJSON() ([]byte, error) {
	if c.raw == nil {
		return json.Marshal(map[string]string{"type": c.Type})
	}
	return json.Marshal(c.raw.masked(""))
}

func (n *node) masked(key string) any {
	switch n.kind {
	case kindTable:
		table := make(map[string]any, len(n.entries))
		for _, e := range n.entries {
			table[e.key] = e.value.masked(e.key)
		}
		return table
	case kindList:
		list := make([]any, len(n.items))
		for i, item := range n.items {
			list[i] = item.masked(key)
		}
		return list
	case kindText:
		var s Secret
		if s.UnmarshalText([]byte(n.text)) == nil {
			return s
		}
	}
	if looksSecret(key) && n.kind != kindTruth {
		return "****"
	}
	return n.plain()
}
