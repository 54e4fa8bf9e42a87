package main_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/waybill-dev/waybill"

// layers is the import table: a package imports only packages of lower rows.
// A package belongs to exactly one rule.
var layers = []struct {
	row     int
	pattern string // of the path within the module, whole
	reason  string
}{
	{0, `gate`, "the vocabulary, which everything shares"},
	{0, `\.github/docs`, "the pages of the manual, and nothing else"},
	{1, `gate/(decode|fields)`, "grammar that stages share: pure, one rule in one place"},
	{2, `gate/(config|channel|tape|importer|canon|match|diff|exposure|verdict|report|publish|pseudonym|dynamic)`, "one stage or one face of the outside each, unaware of the others"},
	{2, `checks/[a-z]+(-[a-z]+)+`, "a check sees a comparison and nothing else"},
	{2, `checks/kit`, "what checks share"},
	{2, `fixtures(/.*)?`, "software under test, which knows nothing of the gate"},
	{3, `gate/channel/(smtp|http|exec)`, "a protocol is a value of the type that gate/channel describes"},
	{3, `gate/importer/[a-z]+`, "a format is a value of the type that gate/importer describes"},
	{3, `gate/(answered|record|shard|build|corpus|replay|pipeline|incident|drill)`, "stages that order others"},
	{4, `gate/channel/(all|channeltest)`, "lists every protocol, tests every protocol"},
	{4, `gate/importer/(all|importertest)`, "lists every format, tests every format"},
	{4, `gate/publish/publishtest`, "stands in for GitHub in tests"},
	{4, `checks`, "lists every check"},
	{4, `checks/checktest`, "tests every check"},
	{5, `cmd/[a-z]+`, "the only place where checks, protocols and stages are joined"},
}

// narrower names, for patterns above that are wider than their row.
var notFormats = regexp.MustCompile(`^gate/importer/(all|importertest)$`)

// exceptions are imports that the table forbids, as patterns, each with its
// reason. One that no longer happens fails.
var exceptions = []struct{ from, to, reason string }{
	{`checks/[a-z]+(-[a-z]+)+`, `checks/kit`, "checks word counts alike, and own each edit once"},
	{`gate/decode`, `gate/fields`, "a mail is told by its fields"},
	{`gate/shard`, `gate/answered`, "the parts of a replay are held to their corpus as the whole is"},
	{`fixtures/.*`, `fixtures/.*`, "software under test is made of packages too"},
}

// forbidden are imports that no row allows.
var forbidden = []struct{ from, to, reason string }{
	{`gate`, `os|os/.*|io/ioutil|syscall|net|net/(http|smtp|rpc|textproto)(/.*)?|time|math/rand(/v2)?|crypto/rand|runtime(/.*)?|unsafe|log(/.*)?`,
		"the vocabulary is pure: no files, no network, no clock, no chance"},
	{`checks/[a-z]+(-[a-z]+)+`, `os|os/.*|io/ioutil|syscall|net|net/.*|time|math/rand(/v2)?|crypto/rand|unsafe`,
		"a check gives equal findings for equal comparisons"},
	{`gate/pipeline`, regexp.QuoteMeta(module) + `/(checks|gate/channel/|gate/importer/).*`, "the pipeline names no check, no protocol and no format"},
}

// reserved are libraries that only some packages may import.
var reserved = []struct{ library, pattern, reason string }{
	{"filippo.io/age", `gate/tape`, "only tapes are encrypted"},
	{"github.com/gopacket/gopacket", `gate/importer/pcap`, "packets are one format's"},
	{"github.com/google/go-github/v60/github", `gate/publish`, "nothing else talks to GitHub"},
	{"github.com/sergi/go-diff/diffmatchpatch", `gate/report`, "it shows differences, and never decides equality"},
	{"github.com/urfave/cli/v2", `cmd/waybill`, "flags are the program's"},
	{"github.com/schollz/progressbar/v3", `cmd/waybill`, "only the program knows its terminal"},
	{"github.com/mattn/go-isatty", `cmd/waybill`, "only the program knows its terminal"},
}

// lists are the folders whose every package a list must import.
var lists = []struct{ folder, list, except string }{
	{"gate/channel", "gate/channel/all", `all|channeltest`},
	{"gate/importer", "gate/importer/all", `all|importertest`},
	{"checks", "checks", `checktest|kit`},
}

// A tree is every package of the module, by its path within it, with what its
// files import, tests left out.
type tree map[string][]string

func (t tree) violations() []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	row := map[string]int{}
	for _, p := range t.packages() {
		var rules []string
		for _, l := range layers {
			if !whole(l.pattern, p) || l.pattern == `gate/importer/[a-z]+` && notFormats.MatchString(p) || l.pattern == `checks/[a-z]+(-[a-z]+)+` && p == "checks/checktest" {
				continue
			}
			rules = append(rules, l.pattern)
			row[p] = l.row
		}
		if len(rules) != 1 {
			add("%s: belongs to %d rules of the table %q, and must belong to one", p, len(rules), rules)
		}
	}
	used := make([]bool, len(exceptions))
	for _, p := range t.packages() {
		for _, i := range t[p] {
			for _, f := range forbidden {
				if whole(f.from, p) && whole(f.to, i) {
					add("%s imports %s: %s", p, i, f.reason)
				}
			}
			for _, r := range reserved {
				if i == r.library && !whole(r.pattern, p) {
					add("%s imports %s, which is for %s: %s", p, i, r.pattern, r.reason)
				}
			}
			to, ours := strings.CutPrefix(i, module+"/")
			if !ours {
				continue
			}
			if _, known := t[to]; !known {
				add("%s imports %s, which is not there", p, to)
				continue
			}
			if row[to] < row[p] {
				continue
			}
			excepted := false
			for n, e := range exceptions {
				if whole(e.from, p) && whole(e.to, to) {
					used[n], excepted = true, true
				}
			}
			if !excepted {
				add("%s (row %d) imports %s (row %d): only lower rows may be imported", p, row[p], to, row[to])
			}
		}
	}
	for n, e := range exceptions {
		if !used[n] {
			add("the exception %s -> %s is stale: there is no such import", e.from, e.to)
		}
	}
	for _, r := range reserved {
		if !slices.ContainsFunc(t.packages(), func(p string) bool { return whole(r.pattern, p) && slices.Contains(t[p], r.library) }) {
			add("the reservation of %s for %s is stale: it is not imported there", r.library, r.pattern)
		}
	}
	for _, l := range lists {
		if _, ok := t[l.list]; !ok {
			add("%s: there is no such list", l.list)
		}
		for _, p := range t.packages() {
			if path.Dir(p) != l.folder || whole(l.except, path.Base(p)) {
				continue
			}
			if !slices.Contains(t[l.list], module+"/"+p) {
				add("%s is not in the list %s", p, l.list)
			}
		}
	}
	return out
}

func (t tree) packages() []string {
	var out []string
	for p := range t {
		out = append(out, p)
	}
	slices.Sort(out)
	return out
}

func whole(pattern, s string) bool {
	return regexp.MustCompile(`^(?:` + pattern + `)$`).MatchString(s)
}

// readTree reads the imports of every Go file of the module for all platforms.
func readTree(root string) (tree, error) {
	t := tree{}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if file == root {
				return nil
			}
			name := d.Name()
			switch rel, err := filepath.Rel(root, file); {
			case err != nil:
				return err
			case rel == ".github" || filepath.ToSlash(rel) == ".github/docs":
				return nil // whose pages a package embeds
			case filepath.Dir(rel) == ".github":
				return fs.SkipDir
			}
			if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata" {
				return fs.SkipDir
			}
			if _, err := os.Stat(filepath.Join(file, "go.mod")); err == nil {
				return fs.SkipDir // a module of its own
			}
			return nil
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(file))
		if err != nil {
			return err
		}
		dir = filepath.ToSlash(dir)
		t[dir] = slices.Grow(t[dir], len(f.Imports)) // a package that imports nothing is one too
		for _, i := range f.Imports {
			p, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			if !slices.Contains(t[dir], p) {
				t[dir] = append(t[dir], p)
			}
		}
		return nil
	})
	return t, err
}

func TestLayers(t *testing.T) {
	imports, err := readTree("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"gate", "gate/channel", "cmd/waybill"} {
		if _, ok := imports[p]; !ok {
			t.Fatalf("%s was not found: the tree was not read", p)
		}
	}
	for _, v := range imports.violations() {
		t.Error(v)
	}
	for _, l := range layers {
		if l.reason == "" {
			t.Errorf("%s: has no reason", l.pattern)
		}
	}
	for _, e := range exceptions {
		if e.reason == "" {
			t.Errorf("%s -> %s: has no reason", e.from, e.to)
		}
	}
}

// Each rule of the table can fail.
func TestLayersCanFail(t *testing.T) {
	imports, err := readTree("../..")
	if err != nil {
		t.Fatal(err)
	}
	before := len(imports.violations())
	for _, c := range []struct{ from, imported, want string }{
		{"gate", "os", "pure"},
		{"gate", "net/http", "pure"},
		{"gate", "time", "pure"},
		{"gate", module + "/gate/channel", "only lower rows"},
		{"gate/match", module + "/gate/diff", "only lower rows"},
		{"gate/pipeline", module + "/gate/channel/smtp", "names no check"},
		{"gate/pipeline", module + "/checks/recipient-added", "names no check"},
		{"gate/diff", "github.com/sergi/go-diff/diffmatchpatch", "never decides equality"},
		{"gate/replay", module + "/gate/build", "only lower rows"},
		{"checks/planted-check", module + "/gate/match", "only lower rows"},
		{"checks/planted-check", "time", "equal findings"},
		{"checks/planted-check", "", "not in the list checks"},
		{"gate/channel/planted", "", "belongs to 0 rules"},
		{"gate/importer/planted", "", "not in the list gate/importer/all"},
		{"gate/planted", "", "belongs to 0 rules"},
		{"planted", "", "belongs to 0 rules"},
		{"gate/report", module + "/gate/nowhere", "not there"},
	} {
		planted := tree{}
		for p, i := range imports {
			planted[p] = i
		}
		planted[c.from] = append(slices.Clone(planted[c.from]), c.imported)
		if c.imported == "" {
			planted[c.from] = nil
		}
		got := planted.violations()
		if len(got) <= before || !slices.ContainsFunc(got, func(v string) bool {
			return strings.Contains(v, c.want) && strings.Contains(v, strings.TrimPrefix(c.from, "checks/"))
		}) {
			t.Errorf("%s importing %q: no violation with %q among %q", c.from, c.imported, c.want, got)
		}
	}
}
