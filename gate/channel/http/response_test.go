package http_test

import (
	"bufio"
	"bytes"
	"io"
	nethttp "net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/waybill-dev/waybill/gate/channel/http"
)

func TestReadResponse(t *testing.T) {
	tests := []struct {
		name, method, raw string
		status            int
		head, body        string
		err               string
	}{
		{name: "reason of many words", raw: "HTTP/1.1 207 Multi Status Of It\r\nContent-Length: 0\r\n\r\n", status: 207, head: "HTTP/1.1 207 Multi Status Of It\r\nContent-Length: 0\r\n"},
		{name: "no reason", raw: "HTTP/1.0 200\r\nContent-Length: 0\r\n\r\n", status: 200, head: "HTTP/1.0 200\r\nContent-Length: 0\r\n"},
		{name: "empty reason", raw: "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", status: 200, head: "HTTP/1.1 200\r\nContent-Length: 0\r\n"},
		{name: "bare line feeds", raw: "HTTP/1.1 200 OK\nA: b\nContent-Length: 1\n\nx", status: 200, head: "HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 1\r\n", body: "x"},
		{name: "folded", raw: "HTTP/1.1 200 OK\r\nA: b\r\n\t c\r\n d\r\nContent-Length:\r\n 1\r\n\r\nx", status: 200, head: "HTTP/1.1 200 OK\r\nA: b  \t c   d\r\nContent-Length: 1\r\n", body: "x"},
		{name: "one length said twice", raw: "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", status: 200, body: "x"},
		{name: "length overruled", raw: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: Chunked\r\nTrailer: X\r\nB: 1\r\n\r\n1;a=b\r\nx\r\n0\r\nX: y\r\n\r\n", status: 200, head: "HTTP/1.1 200 OK\r\nB: 1\r\n", body: "x"},
		{name: "interim answers", raw: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", status: 200, head: "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n", body: "x"},
		{name: "HEAD, however framed", method: "HEAD", raw: "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\nTransfer-Encoding: x\r\n\r\n", status: 200},
		{name: "no content, however framed", raw: "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", status: 204},
		{name: "to the end", raw: "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\nall of it", status: 200, body: "all of it"},
		{name: "to the end, HTTP/1.0", raw: "HTTP/1.0 200 OK\r\n\r\nall of it", status: 200, body: "all of it"},

		{name: "nothing", raw: "", err: "EOF"},
		{name: "half a head", raw: "HTTP/1.1 200 OK\r\nA: b\r\n", err: "unexpected EOF"},
		{name: "half a body", raw: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", status: 200, body: "abc", err: "unexpected EOF"},
		{name: "blank line first", raw: "\r\nHTTP/1.1 200 OK\r\n\r\n", err: "malformed"},
		{name: "two lengths", raw: "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy", err: "malformed"},
		{name: "list of lengths", raw: "HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\nx", err: "malformed"},
		{name: "signed length", raw: "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\nx", err: "malformed"},
		{name: "negative length", raw: "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nx", err: "malformed"},
		{name: "huge length", raw: "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551617\r\n\r\nx", err: "malformed"},
		{name: "two codings", raw: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", err: "malformed"},
		{name: "other coding", raw: "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", err: "malformed"},
		{name: "chunked in 1.0", raw: "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", err: "malformed"},
		{name: "negative chunk", raw: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nx\r\n0\r\n\r\n", status: 200, err: "malformed"},
		{name: "huge chunk", raw: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx\r\n0\r\n\r\n", status: 200, err: "malformed"},
		{name: "large chunk that ends", raw: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\nx", status: 200, body: "x", err: "unexpected EOF"},
		{name: "chunk too long", raw: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n0\r\n\r\n", status: 200, body: "x", err: "malformed"},
		{name: "chunk size in bare LF", raw: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n", status: 200, err: "malformed"},
		{name: "endless trailer", raw: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + strings.Repeat("x: yyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n", 5000) + "\r\n", status: 200, err: "malformed"},
		{name: "endless chunk line", raw: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + strings.Repeat("y", 1<<20) + "\r\nx\r\n0\r\n\r\n", status: 200, err: "malformed"},
		{name: "space before colon", raw: "HTTP/1.1 200 OK\r\nContent-Length : 1\r\n\r\nx", err: "malformed"},
		{name: "no name", raw: "HTTP/1.1 200 OK\r\n: 1\r\n\r\nx", err: "malformed"},
		{name: "first line folded", raw: "HTTP/1.1 200 OK\r\n A: b\r\n\r\n", err: "malformed"},
		{name: "CR in a value", raw: "HTTP/1.1 200 OK\r\nA: b\rContent-Length: 1\r\n\r\nx", err: "malformed"},
		{name: "NUL in a value", raw: "HTTP/1.1 200 OK\r\nA: \x00\r\n\r\n", err: "malformed"},
		{name: "HTTP/2", raw: "HTTP/2.0 200 OK\r\n\r\n", err: "malformed"},
		{name: "status of two digits", raw: "HTTP/1.1 20 OK\r\n\r\n", err: "malformed"},
		{name: "status of four digits", raw: "HTTP/1.1 2000 OK\r\n\r\n", err: "malformed"},
		{name: "status zero", raw: "HTTP/1.1 000 OK\r\n\r\n", err: "malformed"},
		{name: "signed status", raw: "HTTP/1.1 +20 OK\r\n\r\n", err: "malformed"},
		{name: "too many fields", raw: "HTTP/1.1 200 OK\r\n" + strings.Repeat("x: y\r\n", 2001) + "\r\n", err: "too large"},
		{name: "endless line", raw: "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("y", 1<<20), err: "exceeded"},
		{name: "endless folds", raw: "HTTP/1.1 200 OK\r\nX: y" + strings.Repeat("\r\n y", 1<<18), err: "exceeded"},
		{name: "endless interim answers", raw: strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 1<<15), err: "exceeded"},
		{name: "endless different interim answers", raw: strings.Repeat("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n", 1<<14), err: "exceeded"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			method := test.method
			if method == "" {
				method = "GET"
			}
			for how, r := range map[string]io.Reader{
				"at once":      strings.NewReader(test.raw),
				"byte by byte": iotest.OneByteReader(strings.NewReader(test.raw)),
			} {
				status, head, body, cut, err := http.NewResponseReader(r, method, 1<<20)()
				if status != test.status || string(body) != test.body || cut != 0 || test.head != "" && string(head) != test.head {
					t.Errorf("%s: %d %q %q, cut %d", how, status, head, body, cut)
				}
				if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
					t.Errorf("%s: error %v, want %q", how, err, test.err)
				}
			}
		})
	}
}

// FuzzReadResponse holds the reader against the standard library's: where both
// take a response, it is the same; and how it comes in pieces makes no difference.
func FuzzReadResponse(f *testing.F) {
	for _, raw := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\nT: v\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n3\r\nabc\r\n0\r\n\r\nrest",
		"HTTP/1.0 404 Not Found\r\nX: a\r\n b\r\n\r\nabc",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\nx: y\nz:\n\n",
		"HTTP/1.1 200 OK\nContent-Length: 1\nContent-Length: 1\n\nx",
		"HTTP/1.1 304 Not Modified\r\nContent-Length: 1\r\n\r\n",
	} {
		f.Add([]byte(raw), false)
		f.Add([]byte(raw), true)
	}
	f.Fuzz(func(t *testing.T, raw []byte, head bool) {
		const limit = 1 << 20
		method := "GET"
		if head {
			method = "HEAD"
		}
		status, text, body, cut, err := http.NewResponseReader(bytes.NewReader(raw), method, limit)()
		s2, t2, b2, c2, err2 := http.NewResponseReader(iotest.OneByteReader(bytes.NewReader(raw)), method, limit)()
		if s2 != status || !bytes.Equal(t2, text) || !bytes.Equal(b2, body) || c2 != cut || (err2 == nil) != (err == nil) {
			t.Fatalf("in pieces: %d %q %q %v, at once: %d %q %q %v", s2, t2, b2, err2, status, text, body, err)
		}
		if err != nil {
			return
		}
		if status < 100 || status > 999 || cut != 0 {
			t.Fatalf("status %d, cut %d", status, cut)
		}
		br := bufio.NewReader(bytes.NewReader(raw))
		for {
			theirs, err := nethttp.ReadResponse(br, &nethttp.Request{Method: method})
			if err != nil {
				return
			}
			if theirs.StatusCode < 200 && theirs.StatusCode != 101 {
				continue
			}
			if theirs.StatusCode == 101 { // its body is what follows the switch
				return
			}
			all, err := io.ReadAll(theirs.Body)
			if err != nil {
				return
			}
			if theirs.StatusCode != status || !bytes.Equal(all, body) {
				t.Fatalf("%d %q, net/http says %d %q", status, body, theirs.StatusCode, all)
			}
			return
		}
	})
}

func BenchmarkReadResponse(b *testing.B) {
	raw := []byte("HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Sat, 21 Nov 2026 23:59:59 GMT\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok")
	r := bytes.NewReader(nil)
	next := http.NewResponseReader(r, "GET", 1<<10)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		r.Reset(raw)
		if _, _, _, _, err := next(); err != nil {
			b.Fatal(err)
		}
	}
}
