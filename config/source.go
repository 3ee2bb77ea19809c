package config

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// source is the file as text, cleaned and bounded, before it means anything.
type source struct {
	file string
	text string
}

// newSource refuses what is not a text file of bearable size, and takes away
// the marks editors leave: a byte order mark and foreign line ends.
func newSource(file string, data []byte) (source, *Fault) {
	s := source{file: file}
	if len(data) > MaxFile {
		return s, &Fault{File: file, Rule: fmt.Sprintf("must not be longer than %d bytes", MaxFile), Got: count(len(data), "byte"), Hint: "this does not look like a configuration file"}
	}
	if bytes.HasPrefix(data, []byte{0xff, 0xfe}) || bytes.HasPrefix(data, []byte{0xfe, 0xff}) {
		return s, &Fault{File: file, Line: 1, Rule: "must be UTF-8 text", Got: "UTF-16", Hint: "save the file again with the encoding UTF-8"}
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	text := strings.ReplaceAll(string(data), "\r\n", "\n")
	s.text = strings.ReplaceAll(text, "\r", "\n")
	return s, s.foreign()
}

// foreign finds the first byte that no text file has.
func (s source) foreign() *Fault {
	line := 1
	for i, r := range s.text {
		switch {
		case r == '\n':
			line++
		case r == utf8.RuneError && !strings.HasPrefix(s.text[i:], "\ufffd"):
			return &Fault{File: s.file, Line: line, Rule: "must be UTF-8 text", Got: "other bytes", Hint: "save the file again with the encoding UTF-8"}
		case r < ' ' && r != '\t' || r == 0x7f || r == '\u2028' || r == '\u2029' || r == '\u0085' || r == '\ufeff':
			return &Fault{File: s.file, Line: line, Rule: "must not hold control characters", Got: fmt.Sprintf("U+%04X", r), Hint: "type the line again in a plain text editor"}
		}
	}
	return nil
}

// parse turns the text into one tree of nodes.
func (s source) parse() (root *node, faults Faults) {
	// The YAML library is given hostile text by the fuzzer and by editors in
	// the middle of a word. If it panics, the administrator still gets a
	// fault and the running configuration stays.
	defer func() {
		if recover() != nil {
			root, faults = nil, Faults{{File: s.file, Rule: "must be YAML", Hint: "undo the last change and make it again in smaller steps"}}
		}
	}()
	if strings.Trim(s.text, " \t\n") == "" {
		return nil, Faults{{File: s.file, Line: 1, Rule: "must not be empty", Hint: emptyHint}}
	}
	tokens := lexer.Tokenize(s.text)
	if f := s.refused(tokens); f != nil {
		return nil, Faults{*f}
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, Faults{s.syntax(err)}
	}
	body, f := s.onlyDocument(file)
	if f != nil {
		return nil, Faults{*f}
	}
	c := &converter{file: s.file, anchors: map[string]*node{}}
	root = c.convert(body, "", 0)
	if c.full {
		return nil, c.faults // what was left out would only seem to be missing
	}
	if root.kind != kindTable && len(c.faults) == 0 {
		c.fault(root.line, "", "must be a table of sections", root.shown(""), emptyHint)
	}
	return root, c.faults
}

const emptyHint = "start from the example: clinic:, listen:, channels:, staff:, escalation:"

// onlyDocument returns the body of the one document a file may have.
func (s source) onlyDocument(file *ast.File) (ast.Node, *Fault) {
	var body ast.Node
	for _, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.CommentType || doc.Body.Type() == ast.DirectiveType {
			continue
		}
		if body != nil {
			return nil, &Fault{File: s.file, Line: doc.Body.GetToken().Position.Line, Rule: "must hold one document", Hint: "take out the line --- and what follows it"}
		}
		body = doc.Body
	}
	if body == nil {
		return nil, &Fault{File: s.file, Line: 1, Rule: "must not be empty", Got: "only comments", Hint: emptyHint}
	}
	return body, nil
}

// refused bounds the nesting before the parser, which calls itself once for
// every level, ever sees it, and turns away the parts of YAML that a
// configuration does without.
func (s source) refused(tokens token.Tokens) *Fault {
	open, dashes, anchors, line, values := 0, 0, 0, 0, 0
	for _, tk := range tokens {
		if tk.Position.Line != line {
			line, dashes = tk.Position.Line, 0
		}
		switch tk.Type {
		case token.SequenceStartType, token.MappingStartType:
			open++
		case token.SequenceEndType, token.MappingEndType:
			open = max(0, open-1)
		case token.SequenceEntryType:
			dashes++
			values++
		case token.CollectEntryType:
			values++
		case token.MappingValueType:
			values += 2
		case token.AnchorType:
			anchors++
		case token.TagType:
			return &Fault{File: s.file, Line: line, Rule: "must not carry a YAML tag", Hint: "take out the word that starts with !, or put the value in quotes"}
		case token.MappingKeyType:
			return &Fault{File: s.file, Line: line, Rule: "must have plain words as keys", Hint: "put a value that starts with ? in quotes"}
		}
		if open > MaxDepth || dashes > MaxDepth {
			return &Fault{File: s.file, Line: line, Rule: fmt.Sprintf("must not be nested deeper than %d", MaxDepth), Hint: "nothing in a configuration lies that deep"}
		}
		if values > MaxNodes {
			return s.tooMany(line)
		}
		if anchors > MaxAnchors {
			return &Fault{File: s.file, Line: line, Rule: fmt.Sprintf("must not hold more than %d anchors", MaxAnchors), Hint: "write each value where it belongs"}
		}
	}
	return nil
}

func (s source) tooMany(line int) *Fault {
	return &Fault{File: s.file, Line: line, Rule: fmt.Sprintf("must not hold more than %d values, aliases written out", MaxNodes), Hint: "write each value where it belongs instead of repeating it"}
}

// syntax turns an error of the YAML library into a fault. None of its words are
// repeated, only the meaning of those known here: some quote the file, and the
// line they quote may hold a secret.
func (s source) syntax(err error) Fault {
	f := Fault{File: s.file, Rule: "must be YAML", Hint: "look at the quotes, colons and indentation of this line and the one above"}
	var syntax *yaml.SyntaxError
	if !errors.As(err, &syntax) {
		return f
	}
	if syntax.Token != nil && syntax.Token.Position != nil {
		f.Line = syntax.Token.Position.Line
	}
	if line := s.tabbed(); line > 0 {
		f.Line, f.Rule, f.Got, f.Hint = line, "must be indented with spaces", "a tab", "write two spaces for each step"
		return f
	}
	colons := s.colons(f.Line)
	for _, p := range syntaxHints() {
		if strings.Contains(syntax.Message, p.says) && colons >= p.colons {
			f.Got, f.Hint = p.means, p.hint
			break
		}
	}
	return f
}

// A syntaxHint puts a message of the YAML library into an administrator's
// words.
type syntaxHint struct {
	says   string
	colons int // the least colons on the line for this to be what is meant
	means  string
	hint   string
}

const cutShort = "look for its end, or for a save that was cut short"

func syntaxHints() []syntaxHint {
	return []syntaxHint{
		{"end character of double-quoted", 0, `a " that is never closed`, cutShort},
		{"end character of single-quoted", 0, "a ' that is never closed", cutShort},
		{"flow mapping end token", 0, "a { that is never closed", cutShort},
		{"',' or '}' must", 0, "a { that is never closed", cutShort},
		{"flow map content", 0, "a { that is never closed", cutShort},
		{"sequence end token", 0, "a [ that is never closed", cutShort},
		{"',' or ']' must", 0, "a [ that is never closed", cutShort},
		{"mapping value is not allowed", 2, "a second colon on the line", "put a value with a colon in quotes"},
		{"mapping value is not allowed", 0, "a line that fits no section", "give the line below it as many spaces in front as the line it belongs with"},
		{"non-map value is specified", 0, "a line without a colon", "write a field, a colon and its value; the file may also have been cut short here"},
		{"value is not allowed in this context", 0, "a line that fits no section", "give it as many spaces in front as the line it belongs with"},
		{"invalid header option", 0, "a | or > with words behind it", "put the value in quotes"},
		{"multi-line content", 0, "a | or > with nothing below it", "put the value in quotes"},
		{"sequence entries are not allowed", 0, "a list where a value stands already", "write each entry on a line of its own, two spaces further in"},
		{"found character '\t'", 0, "a tab", "write spaces"},
		{"reserved character", 0, "a value that starts with a character YAML keeps for itself", "put the value in quotes"},
		{"invalid key for this map", 0, "a key that is not a word", "write the name of a field and a colon"},
		{"undefined alias name", 0, "a * with no name", "put a value that starts with * in quotes"},
		{"undefined anchor", 0, "a & with no value", "put a value that starts with & in quotes"},
		{"unknown escape character", 0, `a \ in double quotes`, "write two of them, or use single quotes"},
	}
}

// colons counts the colons on a line that could end a key.
func (s source) colons(line int) int {
	at := 0
	for text := range strings.SplitSeq(s.text, "\n") {
		if at++; at == line {
			return strings.Count(text+" ", ": ")
		}
	}
	return 0
}

// tabbed finds the first line indented with a tab.
func (s source) tabbed() int {
	line := 0
	for text := range strings.SplitSeq(s.text, "\n") {
		line++
		if bare := strings.TrimLeft(text, " "); strings.HasPrefix(bare, "\t") && strings.TrimSpace(bare) != "" {
			return line
		}
	}
	return 0
}
