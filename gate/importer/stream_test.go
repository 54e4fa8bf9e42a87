package importer_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/gate/importer"
)

// parts reads text as one direction of a connection, in pieces of size bytes.
func parts(text string, size int, asked ...string) (out []string, err error) {
	s := &importer.Stream{Max: 10, Answers: len(asked) > 0, Asked: func() string {
		method := asked[0]
		if len(asked) > 1 {
			asked = asked[1:]
		}
		return method
	}}
	s.Take = func(m *importer.StreamMessage) {
		first, _, _ := strings.Cut(string(m.Head), "\r\n")
		out = append(out, fmt.Sprintf("%s|%s|%d|%d", first, m.Body, m.Cut, m.Trailers))
	}
	for len(text) > 0 && err == nil {
		n := min(size, len(text))
		err = s.Write([]byte(text[:n]))
		text = text[n:]
	}
	if err == nil {
		err = s.Close()
	}
	return out, err
}

func TestStream(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		asked []string // methods, of answers
		want  []string
		err   string
	}{
		"counted":            {"\r\n\nPOST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET /b HTTP/1.1\n\n", nil, []string{"POST / HTTP/1.1|abc|0|0", "GET /b HTTP/1.1||0|0"}, ""},
		"cut":                {"POST / HTTP/1.1\r\nContent-Length: 12\r\n\r\nabcdefghijkl", nil, []string{"POST / HTTP/1.1|abcdefghij|2|0"}, ""},
		"chunks":             {"POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n3;a=b\r\nabc\r\nA\r\n0123456789\r\n0\r\nX: y\r\nZ: z\r\n\r\nGET / HTTP/1.0\r\n\r\n", nil, []string{"POST / HTTP/1.1|abc0123456|3|2", "GET / HTTP/1.0||0|0"}, ""},
		"same length twice":  {"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", nil, []string{"POST / HTTP/1.1|x|0|0"}, ""},
		"answers":            {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 304 Same\r\nContent-Length: 9\r\n\r\nHTTP/1.0 200 OK\r\n\r\nthe rest", []string{"GET"}, []string{"HTTP/1.1 100 Continue||0|0", "HTTP/1.1 200|x|0|0", "HTTP/1.1 304 Same||0|0", "HTTP/1.0 200 OK|the rest|0|0"}, ""},
		"answer to HEAD":     {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHTTP/1.1 204 No\r\n\r\n", []string{"HEAD", "GET"}, []string{"HTTP/1.1 200 OK||0|0", "HTTP/1.1 204 No||0|0"}, ""},
		"answer to CONNECT":  {"HTTP/1.1 200 OK\r\n\r\nanything at all", []string{"CONNECT"}, []string{"HTTP/1.1 200 OK||0|0"}, ""},
		"switched":           {"HTTP/1.1 101 Switching\r\n\r\nanything at all", []string{"GET"}, []string{"HTTP/1.1 101 Switching||0|0"}, ""},
		"ends in a head":     {"GET / HTTP/1.1\r\nHost: x\r\n", nil, nil, "ends within"},
		"ends in a body":     {"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nab", nil, nil, "ends within"},
		"ends in a trailer":  {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", nil, nil, "ends within"},
		"both framings":      {"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", nil, nil, "both"},
		"two lengths":        {"POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", nil, nil, "one number"},
		"length with a sign": {"POST / HTTP/1.1\r\nContent-Length: +3\r\n\r\n", nil, nil, "one number"},
		"no length":          {"POST / HTTP/1.1\r\nContent-Length:\r\n\r\n", nil, nil, "one number"},
		"other coding":       {"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", nil, nil, "chunked alone"},
		"space before colon": {"POST / HTTP/1.1\r\nContent-Length : 3\r\n\r\n", nil, nil, "field line"},
		"folded":             {"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", nil, nil, "field line"},
		"CR in a value":      {"GET / HTTP/1.1\r\nA: b\rc\r\n\r\n", nil, nil, "field line"},
		"CR in a target":     {"GET /\rX HTTP/1.1\r\n\r\n", nil, nil, "request line"},
		"HTTP/2":             {"GET / HTTP/2\r\n\r\n", nil, nil, "request line"},
		"status of words":    {"HTTP/1.1 OK\r\n\r\n", []string{"GET"}, nil, "status line"},
		"size of a chunk":    {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n+3\r\n", nil, nil, "hexadecimal"},
		"no size of a chunk": {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", nil, nil, "hexadecimal"},
		"long chunk":         {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n", nil, nil, "longer than its size"},
		"endless head":       {"GET / HTTP/1.1\r\nA: " + strings.Repeat("x", 2<<20), nil, nil, "longer than"},
		"endless fields":     {"GET / HTTP/1.1\r\n" + strings.Repeat("A: b\r\n", 3000), nil, nil, "more than"},
		"endless chunk line": {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;" + strings.Repeat("x", 100_000), nil, nil, "too long"},
	} {
		for _, size := range []int{1, 2, 7, 1 << 20} {
			if size < 7 && len(c.text) > 10_000 {
				continue
			}
			got, err := parts(c.text, size, c.asked...)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("%s, by %d: error %v, want %q", name, size, err, c.err)
				}
			} else if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("%s, by %d: %q, %v; want %q", name, size, got, err, c.want)
			}
		}
	}
}

// Bytes that never come are told, where it is known how many belong to a body.
func TestStreamSkip(t *testing.T) {
	var got []*importer.StreamMessage
	s := &importer.Stream{Max: 100, Take: func(m *importer.StreamMessage) { got = append(got, m) }}
	write := func(text string) {
		t.Helper()
		if err := s.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if s.Skip(1) {
		t.Error("bytes of a head are skipped")
	}
	write("POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc")
	if s.Skip(8) || !s.Skip(5) {
		t.Error("a body of which 7 bytes are left")
	}
	write("ijGET / HTTP/1.1\r\n\r\n")
	if len(got) != 2 || string(got[0].Body) != "abc" || got[0].Lost != 5 || got[0].Cut != 2 || got[1].Lost != 0 {
		t.Errorf("%+v", got)
	}
	write("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\n")
	if !s.Skip(3) || len(got) != 3 || errors.Is(s.Close(), importer.ErrCut) {
		t.Error("a body that is missing whole")
	}
}

func TestSites(t *testing.T) {
	sites, err := importer.ParseSites([]string{"Portal.Example.ORG", "192.0.2.7:25", "[2001:db8::1]:80", ":8080", "2001:DB8::2"})
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]bool{
		"portal.example.org 1": true, "portal.example.org. 443": true, "example.org 80": false,
		"192.0.2.7 25": true, "192.0.2.7 26": false, "2001:db8:0:0::1 80": true, "2001:db8::1 81": false, "[2001:db8::2] 5": true, "anybody 8080": true,
	} {
		name, port, _ := strings.Cut(host, " ")
		var n uint16
		fmt.Sscan(port, &n)
		if got := sites.Has(name, n); got != want {
			t.Errorf("%s: %v", host, got)
		}
	}
	if got := sites.String(); got != "portal.example.org, 192.0.2.7:25, [2001:db8::1]:80, :8080, 2001:db8::2" {
		t.Error(got)
	}
	again, err := importer.ParseSites(strings.Split(sites.String(), ", "))
	if err != nil || !slices.Equal(sites, again) {
		t.Errorf("%v, %v", again, err)
	}
	for _, bad := range []string{"", ":", "a:0", "a:70000", "a:b", "a b", "a/b", "https://a"} {
		if s, err := importer.ParseSites([]string{bad}); err == nil {
			t.Errorf("%q is %v", bad, s)
		}
	}
}

// Whatever is answered when, and however much, what was begun first comes out first.
func TestWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var got []int64
		out := importer.NewOutput("x", "path", importer.Options{}, func(item importer.Item, _ error) bool {
			got = append(got, item.Offset)
			return true
		})
		var w importer.Window
		var waiting []*importer.Entry
		n := rapid.IntRange(1, 200).Draw(t, "entries")
		for i := range n {
			e := &importer.Entry{Items: []importer.Item{importer.Skipped("x", "y", int64(i), 1)}, Size: rapid.Int64Range(0, 2<<20).Draw(t, "size")}
			w.Begin(e)
			waiting = append(waiting, e)
			for len(waiting) > 0 && rapid.Bool().Draw(t, "answer") {
				k := rapid.IntRange(0, len(waiting)-1).Draw(t, "which")
				waiting[k].Done()
				waiting = slices.Delete(waiting, k, k+1)
			}
			w.Release(out, false)
		}
		for _, e := range waiting {
			if held := !e.Left(); held && slices.Contains(got, e.Items[0].Offset) {
				t.Fatal("an entry that went out can be changed")
			}
		}
		w.Release(out, true)
		if len(got) != n || !slices.IsSorted(got) {
			t.Fatalf("%v of %d", got, n)
		}
	})
}
