package persona

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/tidegate/tidegate/gateway/model"
)

// Fault is one thing wrong with a persona file.
type Fault struct {
	File  string
	Line  int
	Field string // "" when the file as a whole is at fault
	Rule  string
	Got   string // "" when nothing was there
	Hint  string
}

func (f Fault) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d: ", f.File, f.Line)
	if f.Field != "" {
		fmt.Fprintf(&b, "%s: ", f.Field)
	}
	b.WriteString(f.Rule)
	if f.Got != "" {
		fmt.Fprintf(&b, " (got %s)", f.Got)
	}
	if f.Hint != "" {
		fmt.Fprintf(&b, "; %s", f.Hint)
	}
	return b.String()
}

// Faults is the error of a file that was not taken: all that is wrong with it,
// in the order of the lines.
type Faults []Fault

func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, one := range f {
		lines[i] = one.String()
	}
	return strings.Join(lines, "\n")
}

var (
	nameForm  = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,39}$`)
	modelForm = regexp.MustCompile(`^[a-z][a-z0-9]*/[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}$`)
	// position is how the YAML reader points at another place. It counts lines
	// from the front matter's first, so it would mislead.
	position = regexp.MustCompile(` at \[[0-9]+:[0-9]+\]`)
	place    = regexp.MustCompile(`\{[^}]*\}?`)
)

// Parse reads a persona. The file's name is for the faults only. An error is
// always Faults.
func Parse(file string, data []byte) (Persona, error) {
	r := &reader{file: file, seen: map[string]int{}}
	front, first, ok := r.split(data)
	if ok {
		r.front(front, first)
	}
	if len(r.faults) > 0 {
		slices.SortStableFunc(r.faults, func(a, b Fault) int { return a.Line - b.Line })
		return Persona{}, r.faults
	}
	return r.p, nil
}

// reader reads one file and gathers its faults.
type reader struct {
	file   string
	base   int // the line before the front matter's first
	last   int // the line that ends it
	seen   map[string]int
	p      Persona
	faults Faults
}

func (r *reader) fault(line int, field, rule, got, hint string) {
	r.faults = append(r.faults, Fault{r.file, line, field, rule, got, hint})
}

// split parts front matter and body, and keeps the body.
func (r *reader) split(data []byte) (front []byte, first int, ok bool) {
	switch {
	case len(data) > MaxBytes:
		r.fault(1, "", fmt.Sprintf("must be at most %d bytes", MaxBytes), strconv.Itoa(len(data)), "")
		return nil, 0, false
	case !utf8.Valid(data):
		r.fault(1, "", "must be UTF-8 text", "", "")
		return nil, 0, false
	}
	data = bytes.ReplaceAll(bytes.TrimPrefix(data, []byte("\ufeff")), []byte("\r\n"), []byte("\n"))
	lines := bytes.SplitAfter(data, []byte("\n"))
	if string(bytes.TrimRight(lines[0], "\n ")) != "---" {
		r.fault(1, "", "must begin with front matter", "", `put a line "---" before and after the settings`)
		return nil, 0, false
	}
	at := len(lines[0])
	for i, line := range lines[1:] {
		if string(bytes.TrimRight(line, "\n ")) == "---" {
			r.p.Text = strings.TrimSpace(string(data[at+len(line):]))
			if r.p.Text == "" {
				r.fault(i+2, "", "must have instructions after the front matter", "", "say in prose what the agent does")
			}
			r.last = i + 2
			return data[len(lines[0]):at], 2, true
		}
		at += len(line)
	}
	r.fault(len(lines), "", "front matter must end", "", `put a line "---" after the settings`)
	return nil, 0, false
}

// front reads the settings. Lines count from first.
func (r *reader) front(text []byte, first int) {
	r.base = first - 1
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		line, rule := r.base+1, "must be readable as YAML"
		var syntax *yaml.SyntaxError
		if errors.As(err, &syntax) && syntax.Token != nil && syntax.Token.Position != nil {
			line = r.lineOf(syntax.Token.Position.Line)
			rule += ": " + position.ReplaceAllString(syntax.Message, " above")
		}
		r.fault(line, "", rule, "", "")
		return
	}
	if len(file.Docs) != 1 {
		r.fault(first, "", "front matter must be one mapping", "", "begin with name:")
		return
	}
	r.fields("", file.Docs[0].Body, map[string]func(string, ast.Node){
		"name": r.name, "tone": r.line(&r.p.Tone, 200), "hours": r.line(&r.p.Hours, 100), "disclosure": r.disclosure,
		"collect": r.collect, "languages": r.languages, "models": r.models, "limits": r.limits, "tools": r.tools,
		"autonomy": r.word(&r.p.Autonomy, "draft", "known", "extended"), "unapproved": r.word(&r.p.Unapproved, "refuse", "make"),
		"intents": r.intents, "approve": r.approve,
	})
	r.whole()
}

// fields reads a mapping of known keys.
func (r *reader) fields(prefix string, n ast.Node, known map[string]func(string, ast.Node)) {
	m, ok := n.(ast.MapNode)
	if !ok {
		r.fault(r.at(n), strings.TrimSuffix(prefix, "."), "must be a mapping", kindOf(n), "")
		return
	}
	for it := m.MapRange(); it.Next(); {
		key, value := it.Key(), it.Value()
		name, isText := "", false
		if s, ok := key.(*ast.StringNode); ok {
			name, isText = s.Value, true
		}
		read, ok := known[name]
		if !isText || !ok {
			r.fault(r.at(key), strings.TrimSuffix(prefix, "."), "has an unknown setting", short(key.String()), "known are "+strings.Join(sortedKeys(known), ", "))
			continue
		}
		r.seen[prefix+name] = r.at(key)
		read(prefix+name, value)
	}
}

func sortedKeys(m map[string]func(string, ast.Node)) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// at returns a node's line in the file.
func (r *reader) at(n ast.Node) int {
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return r.base + 1
	}
	return r.lineOf(n.GetToken().Position.Line)
}

// lineOf counts a line of the front matter from the file's first. The YAML
// reader also counts lines that no editor shows, so it is held inside.
func (r *reader) lineOf(n int) int { return min(max(r.base+n, r.base+1), r.last) }

func kindOf(n ast.Node) string {
	switch n.(type) {
	case nil, *ast.NullNode:
		return "nothing"
	case *ast.StringNode, *ast.LiteralNode:
		return "text"
	case *ast.IntegerNode, *ast.FloatNode:
		return "a number"
	case *ast.BoolNode:
		return "true or false"
	case *ast.SequenceNode:
		return "a list"
	case ast.MapNode:
		return "a mapping"
	}
	return "something else"
}

// short quotes a value for a fault.
func short(s string) string {
	if rs := []rune(s); len(rs) > 40 {
		s = string(rs[:40]) + "…"
	}
	return strconv.Quote(s)
}

// text reads one line of text.
func (r *reader) text(field string, n ast.Node, limit int) (string, bool) {
	var s string
	switch v := n.(type) {
	case *ast.StringNode:
		s = v.Value
	case *ast.LiteralNode:
		s = v.Value.Value
	default:
		r.fault(r.at(n), field, "must be text", kindOf(n), "")
		return "", false
	}
	s = strings.TrimSpace(s)
	switch {
	case s == "":
		r.fault(r.at(n), field, "must not be empty", "", "")
	case strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f }):
		r.fault(r.at(n), field, "must be one line", short(s), "")
	case utf8.RuneCountInString(s) > limit:
		r.fault(r.at(n), field, fmt.Sprintf("must have at most %d characters", limit), strconv.Itoa(utf8.RuneCountInString(s)), "")
	default:
		return s, true
	}
	return "", false
}

func (r *reader) line(into *string, limit int) func(string, ast.Node) {
	return func(field string, n ast.Node) {
		if s, ok := r.text(field, n, limit); ok {
			*into = s
		}
	}
}

func (r *reader) name(field string, n ast.Node) {
	s, ok := r.text(field, n, 40)
	if ok && !nameForm.MatchString(s) {
		r.fault(r.at(n), field, "must be small letters, digits, - and _, beginning with a letter", short(s), "as intake")
		return
	}
	r.p.Name = s
}

// list reads texts without repetition and checks each.
func (r *reader) list(field string, n ast.Node, check func(string) (rule, hint string)) []string {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		r.fault(r.at(n), field, "must be a list", kindOf(n), "as [a, b]")
		return nil
	}
	var out []string
	for _, v := range seq.Values {
		s, ok := r.text(field, v, 120)
		if !ok {
			continue
		}
		if rule, hint := check(s); rule != "" {
			r.fault(r.at(v), field, rule, short(s), hint)
			continue
		}
		if slices.Contains(out, s) {
			r.fault(r.at(v), field, "must not repeat", short(s), "")
			continue
		}
		out = append(out, s)
	}
	return out
}

// some faults a list without entries.
func (r *reader) some(field string, n ast.Node) {
	if seq, ok := n.(*ast.SequenceNode); ok && len(seq.Values) == 0 {
		r.fault(r.at(n), field, "must name at least one", "", "")
	}
}

// languages are those a persona may speak.
func languages() []string { return []string{"en", "es"} }

// facts are those a persona may collect.
func facts() []string {
	return []string{model.FactName, model.FactDOB, model.FactReason, model.FactInsurance, model.FactTime}
}

// oneOf checks that a value is one of the known.
func oneOf(known []string) func(string) (string, string) {
	return func(s string) (string, string) {
		if slices.Contains(known, s) {
			return "", ""
		}
		return "must be known", "known are " + strings.Join(known, ", ")
	}
}

func (r *reader) collect(field string, n ast.Node) { r.p.Collect = r.list(field, n, oneOf(facts())) }

func (r *reader) languages(field string, n ast.Node) {
	r.some(field, n)
	r.p.Languages = r.list(field, n, oneOf(languages()))
}

func (r *reader) models(field string, n ast.Node) {
	r.some(field, n)
	r.p.Models = r.list(field, n, func(s string) (string, string) {
		if modelForm.MatchString(s) {
			return "", ""
		}
		return "must be provider/model", "as scripted/intake"
	})
	if seq, ok := n.(*ast.SequenceNode); ok && len(seq.Values) == len(r.p.Models) {
		for _, v := range seq.Values {
			r.p.ModelsAt = append(r.p.ModelsAt, r.at(v))
		}
	}
}

// tools are those a persona may call. An empty list is none, and no list is all.
func (r *reader) tools(field string, n ast.Node) {
	r.p.Tools = r.list(field, n, oneOf([]string{model.ToolHours, model.ToolFind, model.ToolBook, model.ToolCancel, model.ToolNote}))
	if r.p.Tools == nil {
		r.p.Tools = []string{}
	}
}

// word reads one of a few.
func (r *reader) word(into *string, known ...string) func(string, ast.Node) {
	return func(field string, n ast.Node) {
		s, ok := r.text(field, n, 40)
		if !ok {
			return
		}
		if rule, hint := oneOf(known)(s); rule != "" {
			r.fault(r.at(n), field, rule, short(s), hint)
			return
		}
		*into = s
	}
}

func (r *reader) intents(field string, n ast.Node) {
	r.some(field, n)
	r.p.Intents = r.list(field, n, oneOf(model.Intents()))
}

func (r *reader) approve(field string, n ast.Node) {
	r.p.Approve = r.list(field, n, oneOf([]string{model.ToolBook, model.ToolCancel}))
}

func (r *reader) disclosure(field string, n ast.Node) {
	r.p.Disclosure = map[string]string{}
	known := map[string]func(string, ast.Node){}
	for _, lang := range languages() {
		known[lang] = func(field string, n ast.Node) {
			s, ok := r.text(field, n, MinReplyChars-40)
			if !ok {
				return
			}
			for _, p := range place.FindAllString(s, -1) {
				if p != "{clinic}" {
					r.fault(r.at(n), field, "has an unknown place", short(p), "only {clinic} is filled in")
					return
				}
			}
			r.p.Disclosure[lang] = s
		}
	}
	r.fields(field+".", n, known)
}

func (r *reader) limits(field string, n ast.Node) {
	r.fields(field+".", n, map[string]func(string, ast.Node){
		"reply_chars":     r.number(&r.p.Limits.ReplyChars, MinReplyChars, MaxReplyChars),
		"window_messages": r.number(&r.p.Limits.WindowMessages, 1, MaxWindow),
		"review_minutes":  r.number(&r.p.Limits.ReviewMinutes, 1, MaxReview),
	})
}

func (r *reader) number(into *int, least, most int) func(string, ast.Node) {
	return func(field string, n ast.Node) {
		rule := fmt.Sprintf("must be a whole number from %d to %d", least, most)
		v, ok := n.(*ast.IntegerNode)
		if !ok {
			r.fault(r.at(n), field, rule, kindOf(n), "")
			return
		}
		i, err := strconv.Atoi(v.String())
		if err != nil || i < least || i > most {
			r.fault(r.at(n), field, rule, short(v.String()), "")
			return
		}
		*into = i
	}
}

// whole checks what no single setting can show, and fills in the limits that
// were left out.
func (r *reader) whole() {
	for _, must := range []string{"name", "disclosure", "collect", "languages"} {
		if _, ok := r.seen[must]; !ok {
			r.fault(r.base+1, must, "must be set", "", "")
		}
	}
	if line, set := r.seen["disclosure"]; set {
		for _, lang := range r.p.Languages {
			if _, tried := r.seen["disclosure."+lang]; !tried {
				r.fault(line, "disclosure."+lang, "must be set, since the agent speaks it", "", "say that a machine answers")
			}
		}
	}
	if r.p.Limits.ReplyChars == 0 {
		r.p.Limits.ReplyChars = defaultReplyChars
	}
	r.p.Autonomy = cmp.Or(r.p.Autonomy, defaultAutonomy)
	r.p.Unapproved = cmp.Or(r.p.Unapproved, defaultUnapproved)
	r.p.Limits.ReviewMinutes = cmp.Or(r.p.Limits.ReviewMinutes, defaultReview)
	if r.p.Limits.WindowMessages == 0 {
		r.p.Limits.WindowMessages = defaultWindow
	}
}
