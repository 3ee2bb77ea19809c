package turn

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"
)

// TestEveryReasonIsSaid reads the constants from the source, so that none is added
// without its sentence.
func TestEveryReasonIsSaid(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "reason.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	said, found := sentences(), 0
	ast.Inspect(f, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(v.Names[0].Name, "Reason") {
			return true
		}
		lit, ok := v.Values[0].(*ast.BasicLit)
		if !ok {
			return true
		}
		found++
		if r := Reason(strings.Trim(lit.Value, `"`)); said[r] == "" {
			t.Errorf("reason %s has no sentence", r)
		}
		return true
	})
	if found < 40 || found != len(said) {
		t.Errorf("%d reasons and %d sentences", found, len(said))
	}
}
