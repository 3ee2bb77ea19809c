package main_test

import (
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
var concrete = []string{"channels/twilio", "channels/webchat", "gateway/model/ollama", "gateway/model/openai", "gateway/model/scripted", "molt/boltstore", "molt/memstore"}

// kits are test code in packages of their own: conformance suites, stories.
var kits = []string{"channels/channeltest", "escalation/storytest", "gateway/model/ollama/ollamatest", "molt/raced", "molt/storetest"}

// reference is the store that says what a store is. Tests alone keep one in memory.
const reference = "molt/memstore"

// beside are the channels' packages that are no adapter.
var beside = []string{"channels/channeltest", "channels/outbox", "channels/segment"}

// starters may say go: the daemon, the mailboxes of conversations, the workers,
// the live pages of the console, the store's committer. So may what listens below channels, and every test.
var starters = []string{"channels", "cmd/tidegate", "gateway", "gateway/console", "gateway/intake", "molt/boltstore", "molt/lane"}

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
			"gateway/x.go":              `package gateway; import _ "github.com/tidegate/tidegate/molt/boltstore"`,
			"gateway/agent/z.go":        `package agent; import _ "github.com/tidegate/tidegate/gateway/model/ollama"`,
			"gateway/model/ollama/x.go": `package ollama; import _ "github.com/tidegate/tidegate/gateway/model/ollama/ollamafake"`,
			"gateway/turn/z.go":         `package turn; import _ "github.com/tidegate/tidegate/channels/twilio"`,
			"molt/lane/y.go":            `package lane; import _ "github.com/tidegate/tidegate/molt/storetest"`,
			"gateway/agent/x.go": `package agent
				import _ "testing"`,
		}},
		{"nothing imports the simulator but tests and a verb", judgeSim, map[string]string{
			"gateway/y.go": imports, "gateway/turn/y.go": imports, "cmd/tidegate/serve.go": imports,
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
	if f.test || f.dir == sim || f.path == "cmd/tidegate/sim.go" {
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

// treeRule is a sentence about the tree as a whole.
type treeRule struct {
	name  string
	judge func([]*file, report)
	plant map[string]string // one breach of it
}

func treeRules() []treeRule {
	return []treeRule{
		{"every package has a comment", judgeComments, map[string]string{
			"molt/a.go":         "package molt",
			"molt/a_test.go":    "// Package molt is told in a test.\npackage molt",
			"molt/lane/lane.go": "// Package lane is told.\npackage lane",
		}},
		{"the command reaches every package", judgeReach, map[string]string{
			"cmd/tidegate/main.go":      `package main; import _ "github.com/tidegate/tidegate/gateway"`,
			"cmd/tidegate/main_test.go": `package main; import _ "github.com/tidegate/tidegate/gateway/skill"`,
			"gateway/a.go":              `package gateway; import _ "github.com/tidegate/tidegate/molt"`,
			"gateway/skill/a.go":        `package skill`,
			"molt/a.go":                 `package molt`,
			"molt/memstore/a.go":        `package memstore`,
		}},
	}
}

// judgeComments wants a comment for each package.
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

// judgeReach wants the command to reach every package that is not for tests:
// what serve never reaches does not exist.
func judgeReach(files []*file, r report) {
	links := map[string][]string{}
	for _, f := range files {
		if f.test {
			continue
		}
		links[f.dir] = append(links[f.dir], "")
		for _, l := range f.imports() {
			if l.ours {
				links[f.dir] = append(links[f.dir], l.path)
			}
		}
	}
	reached := map[string]bool{}
	var visit func(dir string)
	visit = func(dir string) {
		if reached[dir] {
			return
		}
		reached[dir] = true
		for _, to := range links[dir] {
			visit(to)
		}
	}
	visit("cmd/tidegate")
	for dir := range links {
		if !reached[dir] && dir != reference {
			r(dir, "the command never reaches it")
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
	for _, r := range treeRules() {
		t.Run(r.name, func(t *testing.T) {
			r.judge(tree, func(where, format string, args ...any) { t.Errorf("%s: %s", where, fmt.Sprintf(format, args...)) })
		})
	}
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
	for _, r := range treeRules() {
		t.Run(r.name, func(t *testing.T) {
			planted := fstest.MapFS{}
			for name, text := range r.plant {
				planted[name] = &fstest.MapFile{Data: []byte(text)}
			}
			found := 0
			r.judge(readTree(t, planted), func(string, string, ...any) { found++ })
			if found != 1 {
				t.Fatalf("got %d reports, want 1", found)
			}
		})
	}
}
