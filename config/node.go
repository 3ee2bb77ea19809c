package config

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// kind is what a node is, in the words an administrator reads.
type kind string

const (
	kindText    kind = "text"
	kindWhole   kind = "a whole number"
	kindDecimal kind = "a number"
	kindTruth   kind = "true or false"
	kindNothing kind = "nothing"
	kindList    kind = "a list"
	kindTable   kind = "a section"
)

// A node is one value of the file with its place. Aliases share the node they
// stand for.
type node struct {
	kind    kind
	text    string // a scalar as it was written, without its quotes
	line    int
	items   []*node // of a list
	entries []entry // of a table, in the order of the file, each key once
	weight  int     // the values in here, aliases written out
}

type entry struct {
	key     string
	keyNode *node // where the key stands
	value   *node
}

// shown is the node as a fault may print it.
func (n *node) shown(path string) string {
	switch n.kind {
	case kindText, kindWhole, kindDecimal, kindTruth:
		if looksSecret(path) {
			return "****"
		}
		text := shown(n.text)
		if n.kind != kindText {
			text = strings.Trim(text, `"`)
		}
		return text
	default:
		return string(n.kind)
	}
}

// plain is the node as encoding/json would have read it.
func (n *node) plain() any {
	switch n.kind {
	case kindNothing:
		return nil
	case kindTruth:
		return n.text == "true"
	case kindWhole:
		if v, err := strconv.ParseInt(n.text, 10, 64); err == nil {
			return v
		}
		return n.text
	case kindDecimal:
		if v, err := strconv.ParseFloat(n.text, 64); err == nil {
			return v
		}
		return n.text
	case kindList:
		list := make([]any, len(n.items))
		for i, item := range n.items {
			list[i] = item.plain()
		}
		return list
	case kindTable:
		table := make(map[string]any, len(n.entries))
		for _, e := range n.entries {
			table[e.key] = e.value.plain()
		}
		return table
	default:
		return n.text
	}
}

func (n *node) find(key string) *node {
	for _, e := range n.entries {
		if e.key == key {
			return e.value
		}
	}
	return nil
}

// wordPattern is a key that can stand in the name of a field as it is.
var wordPattern = regexp.MustCompile(`^[A-Za-z0-9_,-]{1,40}$`)

// join names a field within a section. A key can be any text; one that is not
// a word is quoted, shortened and masked like any other value found.
func join(path, key string) string {
	if !wordPattern.MatchString(key) || looksLikePhone(key) {
		key = shown(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

func index(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// A converter turns the library's tree into ours and refuses what YAML can say
// and a configuration must not: keys said twice, merges, tags, keys that are
// not words, and aliases that make much out of little.
type converter struct {
	file    string
	anchors map[string]*node
	total   int
	full    bool
	faults  Faults
}

func (c *converter) fault(line int, path, rule, got, hint string) {
	c.faults = append(c.faults, Fault{File: c.file, Line: line, Field: path, Rule: rule, Got: got, Hint: hint})
}

func (c *converter) convert(a ast.Node, path string, depth int) *node {
	n := &node{kind: kindNothing, weight: 1, line: lineOf(a)}
	if c.full {
		return n
	}
	if depth > MaxDepth {
		c.full = true
		c.fault(n.line, path, fmt.Sprintf("must not be nested deeper than %d", MaxDepth), "", "nothing in a configuration lies that deep")
		return n
	}
	if !c.grow(1, n.line) {
		return n
	}
	switch a := a.(type) {
	case *ast.AnchorNode:
		return c.anchor(a, path, depth)
	case *ast.AliasNode:
		return c.alias(a, path)
	case *ast.MappingNode:
		c.table(n, a.Values, path, depth)
	case *ast.MappingValueNode:
		c.table(n, []*ast.MappingValueNode{a}, path, depth)
	case *ast.SequenceNode:
		n.kind = kindList
		for i, v := range a.Values {
			item := c.convert(v, index(path, i), depth+1)
			n.items = append(n.items, item)
			n.weight += item.weight
		}
	default:
		c.scalar(n, a, path)
	}
	return n
}

// grow counts values, written or repeated, up to the limit.
func (c *converter) grow(by, line int) bool {
	c.total += by
	if c.total > MaxNodes && !c.full {
		c.full = true
		c.faults = append(c.faults, *source{file: c.file}.tooMany(line))
	}
	return !c.full
}

func (c *converter) anchor(a *ast.AnchorNode, path string, depth int) *node {
	n := c.convert(a.Value, path, depth+1)
	if a.Name != nil {
		c.anchors[a.Name.GetToken().Value] = n
	}
	return n
}

func (c *converter) alias(a *ast.AliasNode, path string) *node {
	none := &node{kind: kindNothing, weight: 1, line: lineOf(a)}
	if a.Value == nil {
		return none
	}
	n, ok := c.anchors[a.Value.GetToken().Value]
	if !ok {
		c.fault(none.line, path, "must repeat a value written above", shown("*"+a.Value.GetToken().Value), "write the value out, or mark it above with & and the same name")
		return none
	}
	if !c.grow(n.weight, none.line) {
		return none
	}
	return n
}

func (c *converter) table(n *node, values []*ast.MappingValueNode, path string, depth int) {
	n.kind = kindTable
	lines := make(map[string]int, len(values))
	for _, v := range values {
		key := &node{kind: kindText, line: lineOf(v.Key), weight: 1}
		if !c.key(key, v.Key, path) {
			continue
		}
		at := join(path, key.text)
		if before, ok := lines[key.text]; ok {
			c.fault(key.line, at, "must not be said twice", "", fmt.Sprintf("it already stands on line %d; keep one of them", before))
			continue
		}
		lines[key.text] = key.line
		value := c.convert(v.Value, at, depth+1)
		if value.line == 0 {
			value.line = key.line
		}
		n.entries = append(n.entries, entry{key: key.text, keyNode: key, value: value})
		n.weight += value.weight + 1
	}
}

// key reads the key of an entry, which has to be one plain word.
func (c *converter) key(n *node, a ast.MapKeyNode, path string) bool {
	switch k := a.(type) {
	case *ast.MergeKeyNode:
		c.fault(n.line, path, "must not merge sections with <<", "", "write the fields out")
		return false
	case *ast.StringNode:
		n.text = k.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		n.text = a.GetToken().Value
	default:
		c.fault(n.line, path, "must have plain words as keys", "", "write the name of a field and a colon")
		return false
	}
	return c.grow(1, n.line)
}

func (c *converter) scalar(n *node, a ast.Node, path string) {
	switch a := a.(type) {
	case *ast.StringNode:
		n.kind, n.text = kindText, a.Value
	case *ast.LiteralNode:
		n.kind, n.text = kindText, strings.TrimRight(a.Value.Value, "\n")
	case *ast.IntegerNode:
		n.kind, n.text = kindWhole, a.Token.Value
	case *ast.FloatNode:
		n.kind, n.text = kindDecimal, a.Token.Value
	case *ast.BoolNode:
		n.kind, n.text = kindTruth, strconv.FormatBool(a.Value)
	case *ast.NullNode, nil:
		n.kind = kindNothing
	case *ast.InfinityNode, *ast.NanNode:
		// No number here may be endless, so the decoder refuses the text.
		n.kind, n.text = kindDecimal, a.GetToken().Value
	default:
		c.fault(n.line, path, "must be a plain value", "", "write a word, a number, a list or a section")
	}
}

func lineOf(a ast.Node) int {
	if a == nil {
		return 0
	}
	if m, ok := a.(*ast.MappingNode); ok && len(m.Values) > 0 {
		return lineOf(m.Values[0].Key)
	}
	if tk := a.GetToken(); tk != nil && tk.Position != nil {
		return tk.Position.Line
	}
	return 0
}
