package report_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/report"
)

// published is the schema as people find it in the repository.
const published = "verdict.schema.json"

func TestSchemaIsTheOnePublished(t *testing.T) {
	if *update {
		if err := os.WriteFile(published, report.Schema(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(published)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(report.Schema())); d != "" {
		t.Errorf("%s is of another version (-published +made), and go test ./gate/report -update writes it anew:\n%s", published, d)
	}
}

func TestVerdictsAreOfTheirSchema(t *testing.T) {
	read := func(b []byte) any {
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(report.SchemaID(), read(report.Schema())); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile(report.SchemaID())
	if err != nil {
		t.Fatal(err)
	}
	verdicts := map[string]*gate.Verdict{"zero": {}}
	for _, dir := range cases(t) {
		verdicts[filepath.Base(dir)], _ = readCase(t, dir)
	}
	for name, v := range verdicts {
		var b bytes.Buffer
		if err := report.JSON(&b, v); err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(read(b.Bytes())); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, wrong := range [][2]string{{`"decision": "`, `"decision": "maybe`}, {`"findings": `, `"found": `}, {`"schema": `, `"schema": "x`}} {
			broken := strings.Replace(b.String(), wrong[0], wrong[1], 1)
			if wrong[0] == `"schema": ` {
				broken = strings.Replace(b.String(), `"schema": `, `"schema": true, "was": `, 1)
			}
			if schema.Validate(read([]byte(broken))) == nil {
				t.Errorf("%s: with %s for %s it is of its schema too", name, wrong[1], wrong[0])
			}
		}
	}
}
