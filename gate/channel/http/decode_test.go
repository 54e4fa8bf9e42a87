package http_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"github.com/rogpeppe/go-internal/txtar"
	"golang.org/x/text/unicode/norm"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
	"github.com/waybill-dev/waybill/gate/channel/http"
)

var update = flag.Bool("update", false, "rewrite the want files of testdata/decode")

// A decodeCase is one archive of testdata/decode:
//
//	settings   of the sink, TOML; may be missing
//	message    host, tls, sink, cut and events of the message, one a line
//	head       with LF for CRLF
//	body       without its last line end; "gzip" on the line of message packs it
//	want       what it decodes to
type decodeCase struct {
	settings channel.Settings
	message  gate.Message
	want     string
}

func readCase(t testing.TB, file string) (decodeCase, *txtar.Archive) {
	t.Helper()
	a, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c := decodeCase{message: gate.Message{Seq: 7, Channel: "http", Sink: "web"}}
	pack := false
	for _, f := range a.Files {
		data := string(f.Data)
		switch f.Name {
		case "settings":
			c.settings = settings(data)
		case "message":
			for line := range strings.Lines(data) {
				k, v, _ := strings.Cut(strings.TrimSpace(line), " ")
				switch k {
				case "host":
					c.message.Host = v
				case "sink":
					c.message.Sink = v
				case "tls":
					c.message.TLS = v
				case "event":
					c.message.Events = append(c.message.Events, v)
				case "cut":
					c.message.Cut, _ = strconv.ParseInt(v, 10, 64)
				case "gzip":
					pack = true
				default:
					t.Fatalf("%s: message: unknown key %q", file, k)
				}
			}
		case "head":
			c.message.Head = []byte(strings.ReplaceAll(data, "\n", "\r\n"))
		case "body":
			c.message.Body = []byte(strings.TrimSuffix(data, "\n"))
		case "want":
			c.want = data
		case "answer":
		default:
			t.Fatalf("%s: unknown file %q", file, f.Name)
		}
	}
	if pack {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		z.Write(c.message.Body)
		z.Close()
		c.message.Body = b.Bytes()
	}
	return c, a
}

func cases(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/decode/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in testdata/decode: %v", err)
	}
	return files
}

func TestDecode(t *testing.T) {
	for _, file := range cases(t) {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			c, a := readCase(t, file)
			decode, err := http.Protocol().Decode(c.settings)
			if err != nil {
				t.Fatal(err)
			}
			out, err := decode(&c.message)
			if err != nil {
				t.Fatal(err)
			}
			again, err := decode(&c.message)
			if err != nil || !reflect.DeepEqual(out, again) {
				t.Errorf("decodes differently the second time: %v", err)
			}
			got := render(out)
			if *update {
				for i := range a.Files {
					if a.Files[i].Name == "want" {
						a.Files[i].Data = []byte(got)
					}
				}
				if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// render shows deliveries, one fact a line.
func render(out []gate.Decoded) string {
	var b strings.Builder
	for _, d := range out {
		fmt.Fprintf(&b, "%s\n", d.Class)
		for _, r := range d.Recipients {
			fmt.Fprintf(&b, "\tto %s\n", r)
		}
		for _, p := range d.Fields {
			fmt.Fprintf(&b, "\t%s %s %q\n", p.Kind, p.Name, p.Value)
		}
		for _, p := range d.Payloads {
			shown := strconv.Quote(string(p.Bytes))
			if p.Encoding != "" {
				shown = "(packed)"
			}
			fmt.Fprintf(&b, "\tpayload %s %q %q %s\n", p.Name, p.Type, p.Encoding, shown)
		}
		for _, s := range d.Prose {
			fmt.Fprintf(&b, "\tprose %s\n", s)
		}
		for _, s := range d.Traces {
			fmt.Fprintf(&b, "\ttrace %s\n", s)
		}
		for _, m := range d.Masks {
			fmt.Fprintf(&b, "\tmask %s %s %d\n", m.Rule, m.Part, m.Count)
		}
		for _, g := range d.Gaps {
			fmt.Fprintf(&b, "\tgap %s %s %d: %s\n", g.Kind, g.Where, g.Seq, g.Detail)
		}
	}
	return b.String()
}

func TestDecodeBadHead(t *testing.T) {
	decode, err := http.Protocol().Decode(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, head := range []string{"", "x", "GET /\r\n", "GET / HTTP/1.1\r\nx\r\n", "GET / HTTP/1.1\r\n\r\nX: y\r\n"} {
		if out, err := decode(&gate.Message{Seq: 3, Sink: "web", Head: []byte(head)}); err == nil || out != nil || !strings.Contains(err.Error(), "message 3 of sink web") {
			t.Errorf("%q: %v %v", head, out, err)
		}
	}
}

// Paths that name different resources stay different; one resource in two spellings does not.
func TestPath(t *testing.T) {
	decode, err := http.Protocol().Decode(nil)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ target, path, class string }{
		{"/", "/", "/"},
		{"/v1/hooks/17", "/v1/hooks/17", "/v1/hooks/#"},
		{"/a%2fb", "/a%2Fb", "/#"},
		{"/a/b", "/a/b", "/a/b"},
		{"/a%252Fb", "/a%252Fb", "/#"},
		{"/%7euser/%41", "/~user/A", "/~user/A"},
		{"/alice%40example.org", "/alice@example.org", "/#"},
		{"/caf%C3%A9", "/café", "/#"},
		{"/cafe%CC%81", "/cafe%CC%81", "/#"}, // not in normal form C: another resource
		{"/caf%e9", "/caf%E9", "/#"},
		{"/a%0Ab%00", "/a%0Ab%00", "/#"},
		{"/100%", "/100%", "/#"},
		{"/a%zz", "/a%zz", "/#"},
		{"/a/../b//c/", "/a/../b//c/", "/a/../b//c/"},
		{"/v1.2/x/v2beta1/v3alpha/vx1", "/v1.2/x/v2beta1/v3alpha/vx1", "/v1.2/x/v2beta1/v3alpha/#"},
		{"/de305d54-75b4-431b-adb2-eb6b9e546014/deadbeef/facade/decade", "", "/#/#/facade/decade"},
		{"/xQkTzLmWvRbNsPdF/sendTransactionalMessage/hjkqwrtzxcvbnmlpqs", "", "/#/sendTransactionalMessage/#"},
		{"/" + strings.Repeat("a", 65), "", "/#"},
		{strings.Repeat("/a", 40), "", strings.Repeat("/a", 31) + "/#"},
		{"*", "*", "*"},
	}
	for _, test := range tests {
		out, err := decode(&gate.Message{Sink: "web", Head: []byte("GET " + test.target + " HTTP/1.1\r\n")})
		if err != nil {
			t.Fatal(err)
		}
		path := ""
		for _, p := range out[0].Fields {
			if p.Name == "path" {
				path = p.Value
			}
		}
		if test.path == "" {
			test.path = test.target
		}
		if path != test.path || out[0].Class != "GET "+test.class {
			t.Errorf("%s: path %q, class %q", test.target, path, out[0].Class)
		}
	}
}

func FuzzDecode(f *testing.F) {
	const rule = `fanout = [{ match = "POST /**", each = ".p[]", mail = [".to[]?.email"], tel = [".tel?"] }]`
	for _, file := range cases(f) {
		c, _ := readCase(f, file)
		f.Add(c.message.Host, c.message.Head, c.message.Body)
	}
	f.Add("a", []byte("POST / HTTP/1.1\r\nContent-Type: application/json\r\n"), []byte(`{"p":[{"to":[{"email":"a@b"}]},{"tel":"+1"}]}`))
	decode, err := http.Protocol().Decode(settings(rule))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, host string, head, body []byte) {
		m := &gate.Message{Seq: 1, Channel: "http", Sink: "web", Host: host, Head: head, Body: body}
		out, err := decode(m)
		if err != nil {
			return
		}
		if len(out) == 0 {
			t.Fatal("no delivery and no error")
		}
		for _, d := range out {
			if len(d.Recipients) == 0 && len(d.Gaps) == 0 {
				t.Error("nobody is addressed, and no gap says so")
			}
			for _, p := range d.Fields {
				if !utf8.ValidString(p.Value) || !utf8.ValidString(p.Name) || !norm.NFC.IsNormalString(p.Value) || strings.Contains(p.Value, "\r") {
					t.Errorf("part %q holds %q", p.Name, p.Value)
				}
			}
			for _, r := range d.Recipients {
				if !utf8.ValidString(r.Address) || r.Address == "" {
					t.Errorf("recipient %q", r.Address)
				}
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	for _, name := range []string{"plain", "fanout"} {
		b.Run(name, func(b *testing.B) {
			c, _ := readCase(b, "testdata/decode/"+name+".txtar")
			decode, err := http.Protocol().Decode(c.settings)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := decode(&c.message); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Rules that cannot be meant are refused when they are read.
func TestFanoutRulesAreRefused(t *testing.T) {
	for rule, want := range map[string]string{
		`match = "POST /x", from = "yaml", mail = [".to"]`:                    "from is",
		`match = "POST /x", from = "query", each = ".to[]", mail = ["."]`:     "one group",
		`match = "POST /x", from = "multipart", each = ".to[]", mail = ["."]`: "one group",
		`match = "POST /x"`:                                    "names no recipients",
		`match = "POST /x", text = [".text"]`:                  "names no recipients",
		`match = "POST /x", mail = [".to"], namespace = "a"`:   "without id",
		`match = "POST /x", id = [".to"], namespace = "a:b"`:   "namespace",
		`match = "POST /x", mail = [".to"], text = [".a | ("]`: "text[0]",
		`match = "POST /x", mail = ["$body.to"]`:               "mail[0]",
		`match = "POST /x", mail = [".to"], txt = [".a"]`:      "txt",
		`match = "/x", mail = [".to"]`:                         "match",
	} {
		err := http.Protocol().Check(settings("fanout = [{ " + rule + " }]"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want it refused for %q", rule, err, want)
		}
	}
}

// A body is read through every coding that is undone elsewhere, and through two.
func TestFanoutCodings(t *testing.T) {
	text := []byte(`{"to":"a@b.example"}`)
	pack := func(make func(io.Writer) io.WriteCloser, b []byte) []byte {
		var out bytes.Buffer
		w := make(&out)
		w.Write(b)
		w.Close()
		return out.Bytes()
	}
	zipped := pack(func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }, text)
	deflated := pack(func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }, text)
	squeezed := pack(func(w io.Writer) io.WriteCloser { z, _ := zstd.NewWriter(w); return z }, text)
	twice := pack(func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }, deflated)
	decode, err := http.Protocol().Decode(settings(`fanout = [{ match = "POST /x", mail = [".to"] }]`))
	if err != nil {
		t.Fatal(err)
	}
	for coding, body := range map[string][]byte{"identity": text, "x-gzip": zipped, "deflate": deflated, "ZSTD": squeezed, "deflate, gzip": twice} {
		head := "POST /x HTTP/1.1\r\nHost: h.example\r\nContent-Type: application/json\r\nContent-Encoding: " + coding + "\r\n"
		out, err := decode(&gate.Message{Host: "h.example", Head: []byte(head), Body: body})
		if err != nil || len(out) != 2 || len(out[1].Recipients) != 1 || out[1].Recipients[0].Address != "a@b.example" {
			t.Errorf("%s: %v %+v", coding, err, out)
		}
	}
}
