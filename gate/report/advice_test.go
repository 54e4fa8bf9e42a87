package report_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate/report"
)

// Every kind of gap says what to do about it.
func TestAdvice(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../evidence.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	kinds := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Gap") {
			return true
		}
		kind, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		kinds++
		if report.Advice(kind) == "" {
			t.Errorf("%s: nothing is said about what to do", kind)
		}
		return false
	})
	if kinds == 0 {
		t.Error("no kinds of gap were found")
	}
	if got := report.Advice("no-such-kind"); got != "" {
		t.Errorf("of a kind that is not known: %q", got)
	}
}
