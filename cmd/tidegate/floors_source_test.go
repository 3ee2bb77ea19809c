package main_test

import (
	"bytes"
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// The bounds of a file and of a function, in lines. A function's lines are its
// own: those of a literal inside it count for the literal.
const (
	maxFileLines     = 510
	maxTestFileLines = 570
	maxFuncLines     = 50
	maxTestFuncLines = 75 // a table and the loop over it
)

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

// judgeVars lets a package have errors, compiled patterns, embedded files and what is
// compiled from them once, and assertions that a type is of an interface.
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
	case "regexp.MustCompile", "strings.NewReplacer", "template.Must", "sync.OnceValues":
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
	fileLimit, limit := maxFileLines, maxFuncLines
	if f.test {
		fileLimit, limit = maxTestFileLines, maxTestFuncLines
	}
	if lines := bytes.Count(f.text, []byte("\n")); lines > fileLimit {
		r(f.path, "%d lines, at most %d", lines, fileLimit)
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
