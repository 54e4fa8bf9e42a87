package main_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	waybill "github.com/waybill-dev/waybill/cmd/waybill"
	"github.com/waybill-dev/waybill/gate/config"
)

// base is the least configuration that has a table of each kind: keys are tried in it.
const base = `
version = 1
[corpus]
path = "corpus.tape"
[doors.web]
channel = "http"
[doors.mail]
channel = "smtp"
[sinks.mail]
channel = "smtp"
[sinks.web]
channel = "http"
[production]
command = ["./app"]
[production.jobs.drain]
command = ["./drain"]
[staging]
command = ["./app"]
[jobs.drain]
command = ["./drain"]
`

// needed is what one table of each list needs besides the key that is tried.
var needed = map[string]string{
	"masks":                "part = \"text\"\npattern = 'x+'\nrule = \"x\"",
	"policy.opaque":        "class = \"c\"\nreason = \"r\"",
	"replay.allow":         "class = \"c\"\nmessages = 1\nreason = \"r\"",
	"scenarios":            "name = \"first\"\nkind = \"outage\"\njobs = [\"drain\"]",
	"record.taps":          "channel = \"CHANNEL\"\nside = \"front\"\nlisten = \"127.0.0.1:1\"\nupstream = \"127.0.0.1:2\"",
	"sinks.NAME.answers":   "match = \"* /\"",
	"sinks.NAME.fanout":    "match = \"* /\"\neach = \".list[]\"\nmail = [\".to\"]\nid = [\".device\"]",
	"sinks.NAME.apis":      "api = \"x\"\nhosts = [\"sms.example.net\"]\n[[requests]]\nmatch = \"POST /\"\neach = \".list[]\"\ntel = [\".to\"]\nid = [\".device\"]",
	"state":                "folder = \"${state}\"\nrestore = [[\"./load\"]]\ncheck = [\"./sums\"]",
	"production.jobs.NAME": "command = [\"./drain\"]",
}

// parsed is a text of TOML as tables.
func parsed(t *testing.T, text string) map[string]any {
	t.Helper()
	var m map[string]any
	if _, err := toml.Decode(text, &m); err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	return m
}

// with returns base with one key set to a value, and those tables on its way that it needs.
func with(t *testing.T, path, of string, value any) string {
	t.Helper()
	name := map[string]string{"smtp": "mail", "http": "web", "": "web"}[of]
	if of == "" && strings.HasPrefix(path, "production.jobs.") || strings.HasPrefix(path, "jobs.") {
		name = "drain"
	}
	doc := parsed(t, base)
	if strings.HasPrefix(path, "record.") {
		doc["record"] = map[string]any{"folder": "corpus"}
	}
	if strings.HasPrefix(path, "replies.") {
		doc["replies"] = map[string]any{"reason": "r"}
	}
	at := doc
	names := strings.Split(path, ".")
	for i, n := range names {
		if n == "NAME" {
			n = name
		}
		list := strings.HasSuffix(n, "[]")
		n = strings.TrimSuffix(n, "[]")
		if i == len(names)-1 {
			at[n] = value
			break
		}
		needs := needed[strings.ReplaceAll(strings.Join(names[:i+1], "."), "[]", "")]
		needs = strings.ReplaceAll(needs, "CHANNEL", cmp.Or(of, "http"))
		if last := names[len(names)-1]; names[0] == "scenarios[]" && (last == "seed" || last == "giveup") {
			needs = strings.ReplaceAll(needs, "outage", "contention")
		}
		if next, ok := at[n].(map[string]any); ok && !list {
			at = next
			continue
		}
		if present, ok := at[n].([]map[string]any); ok && list {
			at = present[0]
			continue
		}
		inner := parsed(t, needs)
		if n == "taps" { // a table of tables, none of which is in base
			at[n] = map[string]any{name: inner}
			at = at[n].(map[string]any)
			continue
		}
		if at[n] = any(inner); list {
			at[n] = []map[string]any{inner}
		}
		at = inner
	}
	return encoded(t, doc)
}

// encoded is tables as a text of TOML.
func encoded(t *testing.T, doc map[string]any) string {
	t.Helper()
	var b bytes.Buffer
	if err := toml.NewEncoder(&b).Encode(doc); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func valueOf(t *testing.T, text string) any {
	t.Helper()
	return parsed(t, "v = "+text)["v"]
}

// What is written of the keys of waybill.toml is of all that the decoder knows and of no
// other; every example is taken; every default changes nothing; and every text that is one of
// a few is taken, and another is not.
func TestConfigurationReference(t *testing.T) {
	docs := waybill.KeyDocs()
	stale := maps.Clone(docs)
	schema, dir := compiled(t), t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "apis"), 0o777); err != nil {
		t.Fatal(err)
	}
	own := "api = \"House SMS\"\nhosts = [\"sms.example.net\"]\n[[requests]]\nmatch = \"POST /\"\ntel = [\".to\"]\n"
	if err := os.WriteFile(filepath.Join(dir, "apis", "house.toml"), []byte(own), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, k := range waybill.SettingKeys() {
		path := k.Path()
		doc, ok := docs[path]
		if !ok {
			t.Errorf("%s (%s) is not in keys.toml", path, k.Type())
			continue
		}
		delete(stale, path)
		if !strings.HasSuffix(doc.About, ".") || doc.Default == "" || doc.Example == "" {
			t.Errorf("%s: %+v is not whole", path, doc)
		}
		if strings.HasPrefix(doc.Example, "(") {
			continue
		}
		tried := func(value any) (*config.Config, error) {
			text := with(t, path, k.Of(), value)
			c, err := waybill.Sound(dir, text)
			if valid := schema.Validate(jsonOf(t, parsed(t, text))); (err == nil) && valid != nil {
				t.Errorf("%s: the decoder takes it, and the schema does not: %v", path, valid)
			}
			return c, err
		}
		if _, err := tried(valueOf(t, doc.Example)); err != nil {
			t.Errorf("%s: its example %s is refused: %v", path, doc.Example, err)
		}
		if !strings.HasPrefix(doc.Default, "(") && k.Of() == "" && !strings.Contains(path, "[]") && !strings.Contains(path, "NAME") {
			got, err := tried(valueOf(t, doc.Default))
			if err != nil {
				t.Errorf("%s: its default %s is refused: %v", path, doc.Default, err)
			} else if is, want := plain(got), plain(without(t, dir, path, k.Of())); is != want {
				t.Errorf("%s = %s is not its default: it makes %s", path, doc.Default, firstDifference(is, want))
			}
		}
		if k.Type().Kind() == reflect.String && k.Type().PkgPath() != "" && strings.HasSuffix(k.Type().PkgPath(), "gate/config") && len(doc.OneOf) == 0 {
			t.Errorf("%s is one of a few: %s, and keys.toml does not list them", path, k.Type())
		}
		for _, v := range doc.OneOf {
			if _, err := tried(v); err != nil && !strings.Contains(err.Error(), "of an outage only") {
				t.Errorf("%s = %q is refused: %v", path, v, err)
			}
		}
		if len(doc.OneOf) > 0 {
			if _, err := waybill.Sound(dir, with(t, path, k.Of(), "none-such")); err == nil {
				t.Errorf("%s takes what it does not list", path)
			}
		}
	}
	var reference, errs bytes.Buffer
	waybill.Run([]string{"waybill", "config", "keys"}, nil, &reference, &errs)
	for path := range docs {
		if !strings.Contains(reference.String(), "| `"+path+"` |") {
			t.Errorf("%s does not stand in the reference", path)
		}
	}
	for path := range stale {
		t.Errorf("%s is in keys.toml, and the decoder does not know it", path)
	}
}

// without is base with the tables that a key needs, and not the key.
func without(t *testing.T, dir, path, of string) *config.Config {
	t.Helper()
	var doc map[string]any = parsed(t, with(t, path, of, "taken out again"))
	at := doc
	names := strings.Split(path, ".")
	for _, n := range names[:len(names)-1] {
		at = at[n].(map[string]any)
	}
	delete(at, names[len(names)-1])
	c, err := waybill.Sound(dir, encoded(t, doc))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// plain is a configuration without its functions, as text. Empty and missing are one.
func plain(c *config.Config) string {
	d := *c
	d.Doors, d.Sinks, d.Record.Taps = nil, nil, nil
	production, staging := *d.Production, *d.Staging
	d.Production, d.Staging = nil, nil
	var follow config.Follow
	if d.Follow != nil {
		follow, d.Follow = *d.Follow, nil
	}
	var state config.State
	if d.State != nil {
		state, d.State = *d.State, nil
	}
	return fmt.Sprintf("%+v %+v %+v %+v %+v", d, production, staging, follow, state)
}

// firstDifference shows where two texts part.
func firstDifference(a, b string) string {
	i := 0
	for i < min(len(a), len(b)) && a[i] == b[i] {
		i++
	}
	return fmt.Sprintf("%.60q of %.60q", a[max(0, i-20):], b[max(0, i-20):])
}

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	var b bytes.Buffer
	if err := waybill.WriteSchema(&b); err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(&b)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("waybill.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("waybill.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// jsonOf is a document of TOML as the validator takes it.
func jsonOf(t *testing.T, doc any) any {
	t.Helper()
	b, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// The schema takes every configuration of this repository, and refuses a key that no table
// has wherever one is added, as the decoder does.
func TestConfigurationSchema(t *testing.T) {
	schema := compiled(t)
	var texts []string
	for _, template := range config.Templates() {
		texts = append(texts, template.Text)
	}
	for _, pattern := range []string{"../../fixtures/incidents/*/*.toml", "../../fixtures/examples/*/*.toml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			texts = append(texts, string(text))
		}
	}
	refused := 0
	for _, text := range texts {
		if err := schema.Validate(jsonOf(t, parsed(t, text))); err != nil {
			t.Errorf("%v:\n%s", err, text)
		}
		for _, path := range tables(parsed(t, text), nil) {
			doc := parsed(t, text)
			planted(doc, path)
			if schema.Validate(jsonOf(t, doc)) == nil && !free(path) {
				t.Errorf("an unknown key in %q is not seen", path)
			}
			refused++
		}
	}
	if refused < 50 {
		t.Errorf("only %d keys were planted", refused)
	}
}

// free reports whether the table at a path takes any name.
func free(path []string) bool {
	last := path[len(path)-1]
	return slices.Contains([]string{"env", "headers", "doors", "sinks", "jobs", "taps", "ids"}, last)
}

// tables lists the paths of all tables below doc, doc itself left out.
func tables(doc map[string]any, at []string) [][]string {
	var all [][]string
	for name, v := range doc {
		path := append(slices.Clone(at), name)
		switch v := v.(type) {
		case map[string]any:
			all = append(append(all, path), tables(v, path)...)
		case []map[string]any:
			all = append(append(all, path), tables(v[0], path)...)
		}
	}
	return all
}

// planted adds an unknown key to the table at path.
func planted(doc map[string]any, path []string) {
	at := doc
	for _, name := range path {
		switch v := at[name].(type) {
		case map[string]any:
			at = v
		case []map[string]any:
			at = v[0]
		}
	}
	at["none_such"] = "x"
}
