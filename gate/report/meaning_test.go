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

// gapKinds are the kinds of gap that the vocabulary has.
func gapKinds(t *testing.T) (kinds []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../evidence.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Names) != 1 || !strings.HasPrefix(spec.Names[0].Name, "Gap") || len(spec.Values) != 1 {
			return true
		}
		kind, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, kind)
		return false
	})
	if len(kinds) < 30 {
		t.Errorf("only %d kinds were found", len(kinds))
	}
	return kinds
}

// Every kind of gap that the vocabulary has is explained, with what to do about it.
func TestGapsAreExplained(t *testing.T) {
	for _, kind := range gapKinds(t) {
		if meaning, todo := report.AboutGap(kind); !strings.HasSuffix(meaning, ".") || todo == "" {
			t.Errorf("%s: meaning %q, what to do %q", kind, meaning, todo)
		}
	}
	if meaning, todo := report.AboutGap("none-such"); meaning+todo != "" {
		t.Errorf("what is no kind means %q, %q", meaning, todo)
	}
}
