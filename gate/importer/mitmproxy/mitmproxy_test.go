package mitmproxy_test

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate/importer"
	"github.com/waybill-dev/waybill/gate/importer/importertest"
	"github.com/waybill-dev/waybill/gate/importer/mitmproxy"
)

var update = flag.Bool("update", false, "write what the golden cases give")

const flows = "testdata/flows.mitm"

func TestSuite(t *testing.T) {
	importertest.Run(t, importertest.Suite{
		Format: mitmproxy.Format,
		Samples: []importertest.Sample{{
			Path: flows, Stimuli: 3, Messages: 2, Gaps: 4, Skips: map[string]int{"answered-by-proxy": 1, "not-http": 1}, Size: importertest.SizeOf(t, flows),
		}},
		Many: many,
	})
}

// tnet is a tnetstring of parts, which are ones themselves, or of text.
func tnet(kind byte, parts ...string) string {
	text := strings.Join(parts, "")
	return fmt.Sprintf("%d:%s%c", len(text), text, kind)
}

func text(s string) string { return tnet(';', s) }

// flow is a request and its answer, both with body.
func flow(version, body string) string {
	message := func(more ...string) string {
		return tnet('}', append(more, text("headers"), tnet(']'), text("content"), tnet(',', body), text("trailers"), tnet('~'))...)
	}
	return tnet('}', text("version"), version, text("type"), text("http"),
		text("request"), message(text("method"), tnet(',', "POST"), text("scheme"), tnet(',', "http"), text("host"), text("a.example"), text("port"), tnet('#', "80"), text("path"), tnet(',', "/")),
		text("response"), message(text("status_code"), tnet('#', "200")))
}

func many(t *testing.T, dir string, n int, body []byte) string {
	path := filepath.Join(dir, "many.mitm")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	one := flow(tnet('#', "21"), string(body))
	for range n {
		fmt.Fprint(w, one)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return path
}

// Where two captures are compared, all requests are what was sent.
func TestSent(t *testing.T) {
	importertest.Sent(t, mitmproxy.Format, flows, importer.Options{})
}

// What the file comes to stands beside it.
func TestGolden(t *testing.T) {
	importertest.Golden(t, mitmproxy.Format, "testdata/*.mitm", importer.Options{}, *update)
}

func TestRefused(t *testing.T) {
	good := flow(tnet('#', "21"), "x")
	for content, want := range map[string]string{
		"":                         "holds no flows",
		flow(tnet('#', "22"), "x"): "format version 22, and versions 12 to 21 are read",
		flow(tnet('#', "11"), "x"): "format version 11",
		flow(tnet(']', tnet('#', "0"), tnet('#', "18"), tnet('#', "2")), "x"): "saved by mitmproxy 0.18.2, before its format had versions",
		flow(tnet(']', tnet('#', "0"), tnet('#', "9")), "x"):                  "saved by mitmproxy 0.9,",
		// What stood in flows of old in other forms is not what is wrong with them.
		tnet('}', text("client_conn"), tnet('}', text("address"), tnet('}', text("use_ipv6"), tnet('!', "false"))), text("version"), tnet(']', tnet('#', "0"), tnet('#', "17"))): "saved by mitmproxy 0.17,",
		tnet('}', text("request"), tnet('}', text("headers"), tnet('}')), text("version"), tnet('#', "5")):                                                                       "format version 5",
		good + flow(tnet('#', "7"), "x"):      fmt.Sprintf("flow at byte %d: the flow is of format version 7", len(good)),
		good + "x":                            fmt.Sprintf("at byte %d: it is not a tnetstring", len(good)),
		good[:len(good)-1]:                    "EOF",
		good[:len(good)/2]:                    "EOF",
		"12:":                                 "EOF",
		"5:hello,":                            "it is not a tnetstring",
		"0:~":                                 "version 0",
		tnet('}', text("request"), "99:x"):    "longer than what it stands in",
		tnet('}', text("request"), text("x")): "it is not a tnetstring",
		tnet('}', text("client_conn"), tnet(',', text("a")+text("b"))): "type ','",
		"999999999999999:": "not a tnetstring",
		tnet('}', text("type"), tnet(',', strings.Repeat("x", 2<<20))): "longer than 1048576",
	} {
		path := importertest.Write(t, "x.mitm", []byte(content))
		var got error
		for _, err := range mitmproxy.Format.Read(path, importer.Options{}) {
			got = err
		}
		if got == nil || !strings.Contains(got.Error(), want) || !strings.Contains(got.Error(), path) {
			t.Errorf("%.80q: error %v, want %q", content, got, want)
		}
	}
}

// Whatever a file holds, either it is refused or its bytes are all accounted for.
func FuzzMitmproxy(f *testing.F) {
	data, err := os.ReadFile(flows)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(flow(tnet('#', "21"), "x")))
	f.Fuzz(func(t *testing.T, data []byte) {
		if bytes.HasPrefix(data, []byte("\x1f\x8b")) {
			t.Skip("gzip is tried by the suite")
		}
		path := importertest.Write(t, "x.mitm", data)
		var n int64
		for item, err := range mitmproxy.Format.Read(path, importer.Options{MaxBody: 100}) {
			if err != nil {
				return
			}
			n += item.Bytes
			if s := item.Record.Stimulus; s != nil && (bytes.Count(s.Head, []byte("\r")) != bytes.Count(s.Head, []byte("\n")) || len(s.Body) > 100) {
				t.Errorf("head %q, body %q", s.Head, s.Body)
			}
		}
		if n != int64(len(data)) {
			t.Errorf("%d bytes are accounted for, of %d", n, len(data))
		}
	})
}
