package report_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/report"
)

// letters is s without what renderers escape.
func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return r
		}
		return -1
	}, s)
}

// Every report says each kind of blind spot in words of its own.
func TestBlindKinds(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../change.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	kinds := 0
	lines := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Blind") {
			return true
		}
		kind, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		kinds++
		spot := gate.BlindSpot{Kind: gate.BlindKind(kind), Sink: "mail", Class: "zoe@clinic.example", Count: 3}
		v := &gate.Verdict{Decision: gate.Pass, Drill: "x", Comparisons: []gate.Comparison{{Blind: []gate.BlindSpot{spot}}}}
		o := report.Options{Width: 1000}
		for name, render := range map[string]func(*bytes.Buffer) error{
			"terminal": func(b *bytes.Buffer) error { return report.Terminal(b, v, o) },
			"markdown": func(b *bytes.Buffer) error { return report.Markdown(b, v, o) },
			"html":     func(b *bytes.Buffer) error { return report.HTML(b, v, nil, o) },
			"junit":    func(b *bytes.Buffer) error { return report.JUnit(b, v, o) },
		} {
			var b bytes.Buffer
			if err := render(&b); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(b.String(), "zoe") {
				t.Errorf("%s of %s names a class:\n%s", name, kind, b.String())
			}
			if !strings.Contains(letters(b.String()), letters(report.BlindLine(v))) {
				t.Errorf("%s does not say %s:\n%s", name, kind, b.String())
			}
		}
		line := report.BlindLine(v)
		if strings.Contains(line, kind+",") {
			t.Errorf("%s has no words of its own: %s", kind, line)
		}
		if other, ok := lines[line]; ok {
			t.Errorf("%s and %s are said alike", kind, other)
		}
		lines[line] = kind
		return false
	})
	if kinds == 0 {
		t.Error("no kinds of blind spot were found")
	}
}
