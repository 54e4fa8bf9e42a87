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

// Every kind of gap that the vocabulary has is explained, with what to do about it.
func TestGapsAreExplained(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../evidence.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	kinds := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Names) != 1 || !strings.HasPrefix(spec.Names[0].Name, "Gap") || len(spec.Values) != 1 {
			return true
		}
		kind, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		kinds++
		if meaning, todo := report.AboutGap(kind); !strings.HasSuffix(meaning, ".") || todo == "" {
			t.Errorf("%s: meaning %q, what to do %q", kind, meaning, todo)
		}
		return true
	})
	if kinds < 30 {
		t.Errorf("only %d kinds were found", kinds)
	}
	if meaning, todo := report.AboutGap("none-such"); meaning+todo != "" {
		t.Errorf("what is no kind means %q, %q", meaning, todo)
	}
}
