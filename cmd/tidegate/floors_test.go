package main_test

import (
	"bytes"
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// The bounds of a file and of a function, in lines. A function's lines are its
// own: those of a literal inside it count for the literal.
const (
	maxFileLines     = 660
	maxFuncLines     = 50
	maxTestFuncLines = 70
)

const (
	module = "github.com/tidegate/tidegate"
	sim    = "gateway/sim" // the simulator
)

// floors are the folders that hold code, each with the floors it may stand on.
// A folder's packages may always import one another, as far as the rules allow.
var floors = map[string][]string{
	"cmd":        {"gateway", "channels", "escalation", "config", "molt"},
	"gateway":    {"channels", "escalation", "config", "molt"},
	"channels":   {"molt"},
	"escalation": {"molt"},
	"config":     {},
	"molt":       {},
}

// pure packages decide and nothing else: what they know they are told.
var pure = []string{"gateway/turn", "gateway/screen", "gateway/policy", "escalation"}

// The roots of what a pure package does not import, and the calls it does not make.
var (
	impureImports = []string{"context", "crypto/rand", "log", "math/rand", "net", "os", "syscall", "github.com/rs/zerolog"}
	impureCalls   = []string{"After", "AfterFunc", "NewTicker", "NewTimer", "Now", "Since", "Sleep", "Tick", "Until"}
)

// concrete packages are one of several: the command alone says which is used.
var concrete = []string{"channels/twilio", "gateway/model/scripted", "molt/boltstore", "molt/memstore"}

// kits are conformance suites: test code in packages of its own.
var kits = []string{"channels/channeltest", "molt/storetest"}

// beside are the channels' packages that are no adapter.
var beside = []string{"channels/channeltest", "channels/outbox", "channels/segment"}

// starters may say go: the daemon, the mailboxes of conversations, the workers,
// the store's committer. So may what listens below channels, and every test.
var starters = []string{"channels", "cmd/tidegate", "gateway", "gateway/intake", "molt/boltstore", "molt/lane"}

// file is one source file of the tree.
type file struct {
	path string // from the root, with slashes
	dir  string
	test bool // a test's file, or of a kit
	set  *token.FileSet
	ast  *ast.File
	text []byte
}

// at writes a place in the file.
func (f *file) at(n ast.Node) string {
	return f.path + ":" + strconv.Itoa(f.set.Position(n.Pos()).Line)
}

func (f *file) line(p token.Pos) int { return f.set.Position(p).Line }

// link is an import: its path, ours without the module's name, and its place.
type link struct {
	path string
	ours bool
	at   string
	name string // that the file gives it
}

func (f *file) imports() []link {
	var links []link
	for _, s := range f.ast.Imports {
		l := link{at: f.at(s)}
		full, _ := strconv.Unquote(s.Path.Value)
		l.path, l.ours = strings.CutPrefix(full, module+"/")
		if s.Name != nil {
			l.name = s.Name.Name
		}
		links = append(links, l)
	}
	return links
}

// under reports whether a package is one of roots or stands below one.
func under(p string, roots ...string) bool {
	return slices.ContainsFunc(roots, func(root string) bool { return p == root || strings.HasPrefix(p, root+"/") })
}

// readTree parses all of the module's source.
func readTree(t *testing.T, root fs.FS) []*file {
	t.Helper()
	var files []*file
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go"):
			return nil
		}
		f := &file{path: name, dir: path.Dir(name), set: token.NewFileSet()}
		f.test = strings.HasSuffix(name, "_test.go") || slices.Contains(kits, f.dir)
		if f.text, err = fs.ReadFile(root, name); err != nil {
			return err
		}
		f.ast, err = parser.ParseFile(f.set, name, f.text, parser.ParseComments)
		files = append(files, f)
		return err
	})
	if err != nil {
		t.Fatalf("reading the tree: %v", err)
	}
	return files
}

// report takes one breach: where, and what is wrong there.
type report func(where, format string, args ...any)

// rule is one sentence about the tree, judged file by file.
type rule struct {
	name  string
	judge func(f *file, r report)
	plant map[string]string // breaches of it: the file's path and what it holds
}

func rules() []rule {
	return append(importRules(), sourceRules()...)
}

func importRules() []rule {
	const imports = `package x; import _ "github.com/tidegate/tidegate/gateway/sim"`
	return []rule{
		{"imports run down the floors", judgeFloors, map[string]string{
			"channels/outbox/x.go":      `package x; import _ "github.com/tidegate/tidegate/gateway/turn"`,
			"channels/outbox/x_test.go": `package x; import _ "github.com/tidegate/tidegate/gateway/turn"`,
			"escalation/x.go":           `package x; import _ "github.com/tidegate/tidegate/config"`,
			"config/x_test.go":          `package x; import _ "github.com/tidegate/tidegate/molt"`,
			"config/x.go":               `package x; import _ "github.com/tidegate/tidegate/config/words"`,
			"molt/lane/x.go":            `package x; import _ "github.com/tidegate/tidegate/channels"`,
			"gateway/turn/x.go":         `package x; import _ "github.com/tidegate/tidegate/cmd/tidegate"`,
			"gateway/intake/x.go":       `package x; import _ "github.com/tidegate/tidegate/gateway"`,
			"util/x.go":                 `package x`,
		}},
		{"molt's words import the standard library only", judgeMolt, map[string]string{
			"molt/x.go": `package molt; import _ "github.com/rs/zerolog"`,
			"molt/y.go": `package molt; import _ "github.com/tidegate/tidegate/molt/seal"`,
		}},
		{"adapters do not know each other", judgeAdapters, map[string]string{
			"channels/webchat/x.go":           `package x; import _ "github.com/tidegate/tidegate/channels/twilio"`,
			"channels/slack/x_test.go":        `package x; import _ "github.com/tidegate/tidegate/channels/twilio/twiliofake"`,
			"channels/outbox/y.go":            `package x; import _ "github.com/tidegate/tidegate/channels/twilio"`,
			"channels/twilio/twiliofake/x.go": `package x; import _ "github.com/tidegate/tidegate/channels/twilio"`,
			"channels/twilio/x.go":            `package x; import _ "github.com/tidegate/tidegate/channels/twilio/twiliofake"`,
		}},
		{"only the command names concrete parts", judgeConcrete, map[string]string{
			"gateway/x.go":      `package gateway; import _ "github.com/tidegate/tidegate/molt/boltstore"`,
			"gateway/turn/z.go": `package turn; import _ "github.com/tidegate/tidegate/channels/twilio"`,
			"molt/lane/y.go":    `package lane; import _ "github.com/tidegate/tidegate/molt/storetest"`,
			"gateway/agent/x.go": `package agent
				import _ "testing"`,
		}},
		{"nothing imports the simulator but tests and a verb", judgeSim, map[string]string{
			"gateway/y.go": imports, "gateway/turn/y.go": imports,
		}},
		{"the pure packages are pure", judgePure, map[string]string{
			"gateway/turn/a.go":   `package turn; import _ "context"`,
			"gateway/screen/a.go": `package screen; import _ "math/rand/v2"`,
			"gateway/policy/a.go": `package policy; import _ "net/http"`,
			"gateway/policy/b.go": `package policy; import _ "crypto/rand"`,
			"escalation/a.go":     `package escalation; import _ "log/slog"`,
			"escalation/b.go":     `package escalation; import _ "os"`,
			"escalation/c.go":     `package escalation; import clock "time"; func f() { clock.Now() }`,
			"gateway/turn/b.go":   `package turn; import "time"; func f(now func() time.Time) { f(time.Now) }`,
		}},
		{"the product is built without cgo, and with the parts of twilio-go it needs", judgeForeign, map[string]string{
			"channels/twilio/y.go": `package twilio; import _ "github.com/twilio/twilio-go"`,
			"molt/seal/x.go":       `package seal; import "C"`,
		}},
	}
}

func judgeFloors(f *file, r report) {
	floor, _, _ := strings.Cut(f.path, "/")
	if _, ok := floors[floor]; !ok {
		r(f.path, "no code belongs here: the house has six folders")
		return
	}
	for _, l := range f.imports() {
		target, child, _ := strings.Cut(l.path, "/")
		switch {
		case !l.ours, slices.Contains(floors[floor], target):
		case target != floor:
			r(l.at, "%s may not import %s: imports run down only", floor, l.path)
		case floor == "config":
			r(l.at, "config imports nothing of ours")
		case floor == "gateway" && child == "" && f.dir != "gateway" && f.dir != sim:
			r(l.at, "the gateway stands on its parts, not they on it")
		}
	}
}

func judgeMolt(f *file, r report) {
	if f.dir != "molt" || f.test {
		return
	}
	for _, l := range f.imports() {
		if root, _, _ := strings.Cut(l.path, "/"); l.ours || strings.Contains(root, ".") {
			r(l.at, "molt may not import %s: the words stand on the standard library alone", l.path)
		}
	}
}

func judgeAdapters(f *file, r report) {
	if !under(f.dir, "channels") {
		return
	}
	of := func(dir string) string { // the adapter a package belongs to
		parts := strings.SplitN(dir, "/", 3)
		if len(parts) < 2 || slices.Contains(beside, dir) {
			return ""
		}
		return parts[1]
	}
	for _, l := range f.imports() {
		switch {
		case !l.ours || of(l.path) == "":
		case of(l.path) != of(f.dir):
			r(l.at, "%s may not import %s: an adapter is known to itself alone", f.dir, l.path)
		case !f.test && l.path != f.dir:
			r(l.at, "%s may not import %s: an adapter and its stand-in share no misunderstanding", f.dir, l.path)
		}
	}
}

func judgeConcrete(f *file, r report) {
	if f.test || under(f.dir, "cmd") {
		return
	}
	for _, l := range f.imports() {
		switch {
		case l.ours && under(l.path, concrete...):
			r(l.at, "%s may not name %s: the command chooses", f.dir, l.path)
		case l.ours && under(l.path, kits...), !l.ours && under(l.path, "testing"):
			r(l.at, "%s is for tests", l.path)
		}
	}
}

func judgeSim(f *file, r report) {
	if f.test || under(f.dir, sim, "cmd") {
		return
	}
	for _, l := range f.imports() {
		if l.ours && under(l.path, sim) {
			r(l.at, "%s may not import %s", f.dir, l.path)
		}
	}
}

func judgePure(f *file, r report) {
	if f.test || !slices.Contains(pure, f.dir) {
		return
	}
	clock := ""
	for _, l := range f.imports() {
		switch {
		case under(l.path, impureImports...):
			r(l.at, "%s may not import %s: it is told what it needs to know", f.dir, l.path)
		case l.path == "time":
			clock = cmp.Or(l.name, "time")
		}
	}
	for n := range ast.Preorder(f.ast) {
		if name, ok := selected(n, clock); ok && slices.Contains(impureCalls, name) {
			r(f.at(n), "%s may not use time.%s: time is a value", f.dir, name)
		}
	}
}

// selected is the name chosen from a package.
func selected(n ast.Node, pkg string) (string, bool) {
	sel, ok := n.(*ast.SelectorExpr)
	if !ok {
		return "", false
	}
	x, ok := sel.X.(*ast.Ident)
	return sel.Sel.Name, ok && pkg != "" && x.Name == pkg
}

func judgeForeign(f *file, r report) {
	for _, l := range f.imports() {
		switch l.path {
		case "C":
			r(l.at, "the binary is built without cgo")
		case "github.com/twilio/twilio-go":
			r(l.at, "the root of twilio-go compiles every product of Twilio's: import its parts")
		}
	}
}

func sourceRules() []rule {
	long := "package x\nfunc F() {\n" + strings.Repeat("\tF()\n", maxFuncLines) + "}\n"
	return []rule{
		{"no variables of a package, no init", judgeVars, map[string]string{
			"gateway/a.go":        `package x; var seen = map[string]bool{}`,
			"gateway/b.go":        `package x; var count int`,
			"gateway/c.go":        `package x; func init() {}`,
			"gateway/model/a.go":  `package x; import "errors"; var mute = errors.New("no")`,
			"gateway/intake/a.go": `package x; import "errors"; var ErrA, b = errors.New("a"), 7`,
		}},
		{"tests do not wait for the clock", judgeSleep, map[string]string{
			"gateway/a_test.go": `package x; import "time"; func f() { time.Sleep(1) }`,
			"gateway/b_test.go": `package x; import "time"; func TestX(t *testing.T) { synctest.Test(t, func(t *testing.T) {}); time.Sleep(1) }`,
		}},
		{"only the concurrent shell says go, and says when it ends", judgeGo, map[string]string{
			"gateway/turn/c.go": "package x\nfunc f() {\n\tgo f() // ends soon\n}",
			"molt/seal/a.go":    "package x\nfunc f() {\n\tgo f() // ends soon\n}",
			"gateway/d.go":      "package x\nfunc f() {\n\tgo f()\n}",
		}},
		{"every file and function can be read at once", judgeSize, map[string]string{
			"gateway/e.go":     long,
			"molt/lane/a.go":   "package x\n" + strings.Repeat("\n", maxFileLines),
			"escalation/l.go":  "package x\nfunc F() {\n\t_ = func() {\n" + strings.Repeat("\t\tF()\n", maxFuncLines) + "\t}\n}\n",
			"config/x_test.go": strings.Replace(long, "\tF()\n", strings.Repeat("\tF()\n", maxTestFuncLines), 1),
		}},
	}
}

// judgeVars lets a package have errors, compiled patterns, embedded files and
// assertions that a type is of an interface.
func judgeVars(f *file, r report) {
	for _, d := range f.ast.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil && d.Name.Name == "init" {
				r(f.at(d), "func init: nothing happens by being imported")
			}
		case *ast.GenDecl:
			if d.Tok != token.VAR || f.test {
				continue
			}
			for _, s := range d.Specs {
				v, _ := s.(*ast.ValueSpec)
				embedded := commented(d.Doc, "//go:embed") || commented(v.Doc, "//go:embed")
				for i, name := range v.Names {
					if !embedded && !constantVar(name.Name, v.Values, i) {
						r(f.at(name), "var %s: two gateways live in one process and share nothing", name.Name)
					}
				}
			}
		}
	}
}

func commented(g *ast.CommentGroup, with string) bool {
	return g != nil && slices.ContainsFunc(g.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, with) })
}

// constantVar reports whether a variable is one that Go has no constants for.
func constantVar(name string, values []ast.Expr, i int) bool {
	if name == "_" {
		return true
	}
	if i >= len(values) {
		return false
	}
	value := values[i]
	if call, ok := value.(*ast.CallExpr); ok {
		value = call.Fun
	}
	sel, ok := value.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	from, _ := sel.X.(*ast.Ident)
	if from == nil {
		return false
	}
	isError := strings.HasPrefix(name, "Err") || strings.HasPrefix(name, "err")
	switch what := from.Name + "." + sel.Sel.Name; what {
	case "errors.New", "fmt.Errorf":
		return isError
	case "regexp.MustCompile", "strings.NewReplacer", "template.Must":
		return true
	}
	return isError && strings.HasPrefix(sel.Sel.Name, "Err") // another package's, under a name of ours
}

// judgeSleep lets a test sleep only in a bubble, where it takes no time.
func judgeSleep(f *file, r report) {
	if !f.test {
		return
	}
	var bubbles []ast.Node
	for n := range ast.Preorder(f.ast) {
		if call, ok := n.(*ast.CallExpr); ok {
			if _, ok := selected(call.Fun, "synctest"); ok {
				bubbles = append(bubbles, n)
			}
		}
		name, ok := selected(n, "time")
		inside := func(b ast.Node) bool { return b.Pos() <= n.Pos() && n.End() <= b.End() }
		if ok && name == "Sleep" && !slices.ContainsFunc(bubbles, inside) {
			r(f.at(n), "time.Sleep: wait for what is to happen")
		}
	}
}

func judgeGo(f *file, r report) {
	if f.test {
		return
	}
	may := slices.Contains(starters, f.dir) || strings.HasPrefix(f.dir, "channels/")
	for n := range ast.Preorder(f.ast) {
		if _, ok := n.(*ast.GoStmt); !ok {
			continue
		}
		line := f.line(n.Pos())
		beside := func(g *ast.CommentGroup) bool { return f.line(g.Pos()) == line || f.line(g.End()) == line-1 }
		switch {
		case !may:
			r(f.at(n), "%s may not start goroutines", f.dir)
		case !slices.ContainsFunc(f.ast.Comments, beside):
			r(f.at(n), "a goroutine's end is written where it starts")
		}
	}
}

func judgeSize(f *file, r report) {
	if lines := bytes.Count(f.text, []byte("\n")); lines > maxFileLines {
		r(f.path, "%d lines, at most %d", lines, maxFileLines)
	}
	limit := maxFuncLines
	if f.test {
		limit = maxTestFuncLines
	}
	for n := range ast.Preorder(f.ast) {
		switch n.(type) {
		case *ast.FuncDecl, *ast.FuncLit:
			if lines := f.lines(n); lines > limit {
				r(f.at(n), "a function of %d lines, at most %d", lines, limit)
			}
		}
	}
}

// lines counts a function's own lines, less those inside its literals.
func (f *file) lines(fn ast.Node) int {
	span := func(n ast.Node) int { return f.line(n.End()) - f.line(n.Pos()) }
	own := span(fn) + 1
	ast.Inspect(fn, func(n ast.Node) bool {
		lit, ok := n.(*ast.FuncLit)
		if !ok || n == fn {
			return true
		}
		own -= span(lit)
		return false
	})
	return own
}

// judgeComments wants a comment for each package. It is about the tree, not
// about one file of it.
func judgeComments(files []*file, r report) {
	told := map[string]bool{}
	for _, f := range files {
		if strings.HasSuffix(f.path, "_test.go") {
			continue
		}
		first := "Package " + f.ast.Name.Name + " "
		if f.ast.Name.Name == "main" {
			first = "Command " + path.Base(f.dir) + " "
		}
		told[f.dir] = told[f.dir] || strings.HasPrefix(f.ast.Doc.Text(), first)
	}
	for dir, ok := range told {
		if !ok {
			r(dir, "no comment says what the package owns and what it never does")
		}
	}
}

// judge collects what a rule has against files.
func judge(files []*file, one func(*file, report)) []string {
	var found []string
	for _, f := range files {
		one(f, func(where, format string, args ...any) {
			found = append(found, where+": "+fmt.Sprintf(format, args...))
		})
	}
	return found
}

// TestFloors holds the drawing of the house, and its manners.
func TestFloors(t *testing.T) {
	tree := readTree(t, os.DirFS("../.."))
	if len(tree) < 100 {
		t.Fatalf("the tree has %d files: this is not all of it", len(tree))
	}
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			for _, breach := range judge(tree, r.judge) {
				t.Error(breach)
			}
		})
	}
	t.Run("every package has a comment", func(t *testing.T) {
		judgeComments(tree, func(where, format string, args ...any) { t.Errorf("%s: %s", where, fmt.Sprintf(format, args...)) })
	})
}

// TestFloorsBite plants a breach of each rule and wants it reported.
func TestFloorsBite(t *testing.T) {
	for _, r := range rules() {
		for name, text := range r.plant {
			t.Run(r.name+"/"+name, func(t *testing.T) {
				planted := readTree(t, fstest.MapFS{name: {Data: []byte(text)}})
				found := judge(planted, r.judge)
				if len(found) == 0 {
					t.Fatalf("not reported:\n%s", text)
				}
				t.Log(found[0])
			})
		}
	}
	t.Run("every package has a comment", func(t *testing.T) {
		bare := fstest.MapFS{"molt/a.go": {Data: []byte("package molt")}, "molt/a_test.go": {Data: []byte("// Package molt is told in a test.\npackage molt")}}
		found := 0
		judgeComments(readTree(t, bare), func(string, string, ...any) { found++ })
		if found != 1 {
			t.Fatalf("got %d reports, want 1", found)
		}
	})
}
