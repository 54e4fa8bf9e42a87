package http_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	nethttp "net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
	"github.com/waybill-dev/waybill/gate/channel/http"
)

// A wire is a server that writes what it is told and records what it reads.
type wire struct {
	listener net.Listener
	mu       sync.Mutex
	heads    []string
	bodies   []string
}

// newWire answers request n (from 0, over all connections) with answer(n); an
// empty answer closes the connection, and so does one that says so.
func newWire(t testing.TB, answer func(n int) string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	w := &wire{listener: l}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				br := bufio.NewReader(c)
				for w.one(c, br, answer) {
				}
			}()
		}
	}()
	return w
}

func (w *wire) one(c net.Conn, br *bufio.Reader, answer func(int) string) bool {
	var head strings.Builder
	for {
		line, err := br.ReadString('\n')
		if err != nil {
			return false
		}
		if line == "\r\n" {
			break
		}
		head.WriteString(line)
	}
	req, err := nethttp.ReadRequest(bufio.NewReader(io.MultiReader(strings.NewReader(head.String()+"\r\n"), br)))
	if err != nil {
		return false
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return false
	}
	w.mu.Lock()
	n := len(w.heads)
	w.heads, w.bodies = append(w.heads, head.String()), append(w.bodies, string(body))
	w.mu.Unlock()
	a := answer(n)
	io.WriteString(c, a)
	return a != "" && !strings.Contains(strings.ToLower(a), "connection: close")
}

func (w *wire) seen() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.heads)
}

func open(t testing.TB, cfg channel.DriveConfig) channel.Driver {
	t.Helper()
	if cfg.Door == "" {
		cfg.Door = "front"
	}
	d, err := http.Protocol().Drive(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func do(t testing.TB, d channel.Driver, s *gate.Stimulus) gate.Outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return d.Do(ctx, s)
}

const empty200 = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

func TestDriverSends(t *testing.T) {
	trace := "traceparent: 00-" + http.Trace("s") + "-"
	tests := []struct {
		name, settings, head, body string
		want                       []string // lines, sorted; ADDR is the door's address
	}{
		{
			name: "as recorded",
			head: "GET /a//b?x=%zz&y HTTP/1.1\r\nHost: Portal.Example\r\nx-lower: 1\r\nX-Twice: b\r\nX-Twice: a\r\nUser-Agent: Moz\r\nAccept-Encoding: br\r\nCookie: a=b; c=d\r\n",
			want: []string{"GET /a//b?x=%zz&y HTTP/1.1", "Host: Portal.Example", "x-lower: 1", "X-Twice: b", "X-Twice: a", "User-Agent: Moz", "Accept-Encoding: br", "Cookie: a=b; c=d", trace},
		},
		{
			name: "between neighbours left out, framing made anew",
			head: "POST /x HTTP/1.1\r\nHost: h\r\ncontent-length: 99\r\ntransfer-encoding: chunked\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\nUpgrade: h2c\r\nProxy-Authorization: x\r\n",
			body: "hello",
			want: []string{"POST /x HTTP/1.1", "Host: h", "Content-Length: 5", trace},
		},
		{name: "no body", head: "POST /x HTTP/1.1\r\nHost: h\r\n", want: []string{"POST /x HTTP/1.1", "Host: h", "Content-Length: 0", trace}},
		{name: "no body, no length", head: "DELETE /x HTTP/1.1\r\nHost: h\r\n", want: []string{"DELETE /x HTTP/1.1", "Host: h", trace}},
		{name: "path that begins with two slashes", head: "GET //a%2Fb?q HTTP/1.1\r\nHost: h\r\n", want: []string{"GET //a%2Fb?q HTTP/1.1", "Host: h", trace}},
		{name: "absolute form without a path", head: "GET http://h.example?q HTTP/1.1\r\nHost: other\r\nHost: third\r\n", want: []string{"GET /?q HTTP/1.1", "Host: h.example", trace}},
		{name: "Host of the settings", settings: `headers = { host = "set.example" }`, head: "GET http://h.example/ HTTP/1.1\r\nHost: other\r\n", want: []string{"GET / HTTP/1.1", "Host: set.example", trace}},
		{name: "two User-Agents", head: "GET / HTTP/1.1\r\nHost: h\r\nUser-Agent: a\r\nUser-Agent: b\r\n", want: []string{"GET / HTTP/1.1", "Host: h", "User-Agent: a", "User-Agent: b", trace}},
		{name: "a length of nothing", head: "DELETE / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n", want: []string{"DELETE / HTTP/1.1", "Host: h", "Content-Length: 0", trace}},
		{name: "absolute form", head: "GET http://u@H.example:81/p?q HTTP/1.1\r\nHost: other\r\n", want: []string{"GET /p?q HTTP/1.1", "Host: H.example:81", trace}},
		{name: "asterisk", head: "OPTIONS * HTTP/1.1\r\nHost: h\r\n", want: []string{"OPTIONS * HTTP/1.1", "Host: h", trace}},
		{name: "HTTP/1.0 without Host", head: "GET / HTTP/1.0\r\n", want: []string{"GET / HTTP/1.1", "Host: ADDR", trace}},
		{name: "a trace of its own", head: "GET / HTTP/1.1\r\nHost: h\r\nTraceParent: 00-x\r\n", want: []string{"GET / HTTP/1.1", "Host: h", "TraceParent: 00-x"}},
		{
			name: "settings replace", settings: `headers = { x-test = "1", Authorization = "Bearer t", User-Agent = "w" }`,
			head: "GET / HTTP/1.1\r\nHost: h\r\nX-Test: 0\r\nX-TEST: 0\r\nauthorization: old\r\nUser-Agent: m\r\n",
			want: []string{"GET / HTTP/1.1", "Host: h", "x-test: 1", "Authorization: Bearer t", "User-Agent: w", trace},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWire(t, func(int) string { return empty200 })
			d := open(t, channel.DriveConfig{Address: w.listener.Addr().String(), Concurrency: 1, Settings: settings(test.settings)})
			o := do(t, d, &gate.Stimulus{ID: "s", Channel: "http", Head: []byte(test.head), Body: []byte(test.body)})
			if o.Error != "" || o.Status != 200 || o.Stimulus != "s" || o.Elapsed <= 0 {
				t.Fatalf("outcome: %+v", o)
			}
			got := strings.Split(strings.TrimSuffix(w.seen()[0], "\r\n"), "\r\n")
			for i, line := range got {
				if strings.HasPrefix(line, trace) {
					got[i] = trace
				}
			}
			for i := range test.want {
				test.want[i] = strings.Replace(test.want[i], "ADDR", w.listener.Addr().String(), 1)
			}
			byName := func(a, b string) int {
				an, _, _ := strings.Cut(a, ":")
				bn, _, _ := strings.Cut(b, ":")
				return strings.Compare(an, bn)
			}
			slices.SortStableFunc(got, byName)
			slices.SortStableFunc(test.want, byName)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("sent (-want +got):\n%s", diff)
			}
			if w.bodies[0] != test.body {
				t.Errorf("body %q", w.bodies[0])
			}
		})
	}
}

// A connection that breaks after the request was read leaves an error, whatever the
// method, with a body or without: the request is not sent again.
func TestDriverNeverSendsTwice(t *testing.T) {
	for _, method := range []string{"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "POST"} {
		for _, key := range []string{"", "Idempotency-Key: 1\r\n", "X-Idempotency-Key: 1\r\n", "idempotency-key: 1\r\n"} {
			for _, body := range []string{"", "body"} {
				for _, half := range []string{"", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Le"} {
					t.Run(fmt.Sprintf("%s %s%s %d", method, strings.TrimSpace(key), body, len(half)), func(t *testing.T) {
						w := newWire(t, func(n int) string {
							if n == 0 {
								return empty200
							}
							return half
						})
						d := open(t, channel.DriveConfig{Address: w.listener.Addr().String(), Concurrency: 1})
						s := &gate.Stimulus{ID: "s", Head: []byte(method + " / HTTP/1.1\r\nHost: h\r\n" + key), Body: []byte(body)}
						if o := do(t, d, &gate.Stimulus{ID: "0", Head: []byte("GET / HTTP/1.1\r\nHost: h\r\n")}); o.Error != "" {
							t.Fatal(o.Error) // the connection is in use from here on
						}
						o := do(t, d, s)
						if o.Error == "" || o.Status != 0 {
							t.Errorf("outcome: %+v", o)
						}
						if n := len(w.seen()); n != 2 {
							t.Errorf("sent %d times", n-1)
						}
					})
				}
			}
		}
	}
}

func TestDriverAnswers(t *testing.T) {
	tests := []struct {
		name, method, answer string
		status               int
		head, body           string
		cut                  int64
		err                  string
	}{
		{name: "sorted head", answer: "HTTP/1.1 201 Created\r\nZ: 1\r\na: 2\r\nZ: 0\r\nContent-Length: 2\r\n\r\nhi",
			status: 201, head: "HTTP/1.1 201 Created\r\nA: 2\r\nContent-Length: 2\r\nZ: 1\r\nZ: 0\r\n", body: "hi"},
		{name: "chunked", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", status: 200, body: "abc"},
		{name: "until the end", answer: "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc", status: 200, body: "abc"},
		{name: "head only", method: "HEAD", answer: "HTTP/1.1 200 OK\r\nContent-Length: 700\r\n\r\n", status: 200},
		{name: "no content", answer: "HTTP/1.1 204 No Content\r\n\r\n", status: 204},
		{name: "not modified", answer: "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", status: 304},
		{name: "interim answers", answer: "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + empty200, status: 200},
		{name: "redirect not followed", answer: "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n", status: 302},
		{name: "gzip left as it is", answer: "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08", status: 200, body: "\x1f\x8b\x08"},
		{name: "cut at the cap", answer: "HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n" + strings.Repeat("x", 30), status: 200, body: strings.Repeat("x", 20), cut: 10},
		{name: "short body", answer: "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9\r\n\r\nabc", status: 200, body: "abc", err: "unexpected EOF"},
		{name: "short chunks", answer: "HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc", status: 200, body: "abc", err: "unexpected EOF"},
		{name: "garbage", answer: "SMTP? connection: close\r\n\r\n", err: "malformed"},
		{name: "switched", answer: "HTTP/1.1 101 Switching Protocols\r\nConnection: close\r\n\r\n", status: 101, err: "switched"},
		{name: "huge head", answer: "HTTP/1.1 200 OK\r\nConnection: close\r\nX: " + strings.Repeat("y", 2<<20) + "\r\n\r\n", err: "exceeded"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWire(t, func(int) string { return test.answer })
			d := open(t, channel.DriveConfig{Address: "http://" + w.listener.Addr().String(), Concurrency: 1, MaxAnswer: 20})
			method := test.method
			if method == "" {
				method = "GET"
			}
			o := do(t, d, &gate.Stimulus{ID: "s", Head: []byte(method + " / HTTP/1.1\r\nHost: h\r\n")})
			if o.Status != test.status || string(o.Body) != test.body || o.Cut != test.cut || !strings.Contains(o.Error, test.err) || (test.err == "") != (o.Error == "") {
				t.Errorf("outcome: %+v\n%s\n%q", o, o.Head, o.Body)
			}
			if test.head != "" && string(o.Head) != test.head {
				t.Errorf("head %q", o.Head)
			}
			if n := len(w.seen()); n != 1 {
				t.Errorf("sent %d times", n)
			}
		})
	}
}

func TestDriverExpectContinue(t *testing.T) {
	s := httptest.NewServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		b, _ := io.ReadAll(r.Body) // reading it sends the 100
		fmt.Fprintf(w, "%s %s", r.Header.Get("Expect"), b)
	}))
	defer s.Close()
	d := open(t, channel.DriveConfig{Address: s.URL, Concurrency: 1})
	o := do(t, d, &gate.Stimulus{ID: "s", Head: []byte("POST / HTTP/1.1\r\nHost: h\r\nexpect: 100-continue\r\n"), Body: []byte("body")})
	if o.Error != "" || string(o.Body) != "100-continue body" {
		t.Errorf("outcome: %+v %q", o, o.Body)
	}
}

// Answers that are sent while the body still comes in, and bodies of any size.
func TestDriverStreams(t *testing.T) {
	s := httptest.NewServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		nethttp.NewResponseController(w).EnableFullDuplex()
		io.Copy(w, r.Body)
	}))
	defer s.Close()
	body := []byte(strings.Repeat("0123456789abcdef", 1<<16))
	d := open(t, channel.DriveConfig{Address: s.URL, Concurrency: 4, MaxAnswer: 2 << 20})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			o := do(t, d, &gate.Stimulus{ID: fmt.Sprint(i), Head: []byte("POST / HTTP/1.1\r\nHost: h\r\n"), Body: body})
			if o.Error != "" || string(o.Body) != string(body) || o.Cut != 0 {
				t.Errorf("outcome %d: %d bytes, cut %d, %s", o.Status, len(o.Body), o.Cut, o.Error)
			}
		}()
	}
	wg.Wait()
}

func TestDriverReusesConnections(t *testing.T) {
	var opened atomic.Int64
	s := httptest.NewUnstartedServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		fmt.Fprint(w, strings.Repeat("x", 100))
	}))
	s.Config.ConnState = func(_ net.Conn, state nethttp.ConnState) {
		if state == nethttp.StateNew {
			opened.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	d := open(t, channel.DriveConfig{Address: s.URL, Concurrency: 1, MaxAnswer: 10})
	for range 50 {
		if o := do(t, d, &gate.Stimulus{ID: "s", Head: []byte("GET / HTTP/1.1\r\nHost: h\r\n")}); o.Error != "" || o.Cut != 90 {
			t.Fatalf("outcome: %+v", o)
		}
	}
	if n := opened.Load(); n > 5 {
		t.Errorf("%d connections for 50 stimuli in turn", n)
	}
}

// Connections are kept over TLS too, whatever its handshake still brings, and carry
// bodies of any size.
func TestDriverKeepsTLS(t *testing.T) {
	var opened atomic.Int64
	s := httptest.NewUnstartedServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, n)
	}))
	s.Config.ConnState = func(_ net.Conn, state nethttp.ConnState) {
		if state == nethttp.StateNew {
			opened.Add(1)
		}
	}
	s.StartTLS()
	defer s.Close()
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	d := open(t, channel.DriveConfig{Address: s.Listener.Addr().String(), TLS: &tls.Config{RootCAs: pool}})
	for _, n := range []int{0, 1, 16 << 10, 16<<10 + 1, 1 << 20, 5} {
		o := do(t, d, &gate.Stimulus{ID: "s", Head: []byte("POST / HTTP/1.1\r\nHost: h\r\n"), Body: make([]byte, n)})
		if o.Error != "" || string(o.Body) != fmt.Sprint(n) {
			t.Errorf("%d bytes: %+v %q", n, o, o.Body)
		}
	}
	if n := opened.Load(); n > 3 {
		t.Errorf("%d connections for stimuli in turn", n)
	}
}

func TestDriverTLS(t *testing.T) {
	s := httptest.NewTLSServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) { io.WriteString(w, r.Proto) }))
	defer s.Close()
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	get := &gate.Stimulus{ID: "s", Head: []byte("GET / HTTP/1.1\r\nHost: h\r\n")}
	o := do(t, open(t, channel.DriveConfig{Address: s.Listener.Addr().String(), TLS: &tls.Config{RootCAs: pool}}), get)
	if o.Error != "" || string(o.Body) != "HTTP/1.1" {
		t.Errorf("trusted: %+v", o)
	}
	o = do(t, open(t, channel.DriveConfig{Address: s.Listener.Addr().String(), Settings: settings(`tls = true`)}), get)
	if !strings.Contains(o.Error, "certificate") {
		t.Errorf("not trusted: %+v", o)
	}
}

func TestDriverErrors(t *testing.T) {
	for _, cfg := range []channel.DriveConfig{
		{Address: "localhost"},
		{Address: "ftp://localhost"},
		{Address: "http://localhost/base"},
		{Address: "localhost:1", Settings: settings(`header = {}`)},
		{Address: "localhost:1", Settings: settings(`headers = { Connection = "close" }`)},
		{Address: "localhost:1", Settings: settings(`headers = { X = "a\r\nB: c" }`)},
		{Address: "localhost:1", Settings: settings(`headers = { X = "1", x = "2" }`)},
	} {
		cfg.Door = "front"
		if _, err := http.Protocol().Drive(cfg); err == nil || !strings.Contains(err.Error(), "http door front: ") {
			t.Errorf("%q: error %v", cfg.Address, err)
		}
	}

	w := newWire(t, func(int) string { return empty200 })
	d := open(t, channel.DriveConfig{Address: w.listener.Addr().String(), Concurrency: 1})
	for _, head := range []string{
		"", "GET\r\n", "GET / HTTP/1.1\r\nno colon\r\n", "GET / HTTP/1.1\r\nX: a\x00b\r\n", "G@T / HTTP/1.1\r\n",
		"CONNECT h:443 HTTP/1.1\r\n", "GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n",
		"GET path HTTP/1.1\r\nHost: h\r\n", "GET / HTTP/1.1\r\nHost: h\r\nX: \x01\r\n",
	} {
		if o := do(t, d, &gate.Stimulus{ID: "the-id", Head: []byte(head)}); !strings.Contains(o.Error, "the-id") || o.Status != 0 {
			t.Errorf("%q: outcome %+v", head, o)
		}
	}
	if o := do(t, d, &gate.Stimulus{ID: "s", Channel: "smtp", Head: []byte("EHLO x\r\n")}); o.Error == "" {
		t.Error("a stimulus of another channel was sent")
	}
	if sent := w.seen(); len(sent) > 0 {
		t.Errorf("sent: %q", sent)
	}

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if o := d.Do(ctx, &gate.Stimulus{ID: "s", Head: []byte("GET / HTTP/1.1\r\nHost: h\r\n")}); !strings.Contains(o.Error, "canceled") {
		t.Errorf("canceled: %+v", o)
	}
	w.listener.Close()
	gone := open(t, channel.DriveConfig{Address: w.listener.Addr().String()})
	if o := do(t, gone, &gate.Stimulus{ID: "s", Head: []byte("GET / HTTP/1.1\r\nHost: h\r\n")}); !strings.Contains(o.Error, "refused") {
		t.Errorf("nobody there: %+v", o)
	}
}

func TestTrace(t *testing.T) {
	a, b := http.Trace("a"), http.Trace("b")
	if a == b || len(a) != 32 || strings.Trim(a, "0123456789abcdef") != "" {
		t.Errorf("%q %q", a, b)
	}
	// printf 'waybill trace\0a' | sha256sum | cut -c1-32
	if want := "87caae48887b864cf027748733d1bb4f"; a != want {
		t.Errorf("trace of a is %s, want %s", a, want)
	}
}

func BenchmarkHTTPDrive(b *testing.B) {
	const body = 1000
	address, _ := newServer(b, func(_ int, c *net.TCPConn, br *bufio.Reader) {
		for {
			for {
				line, err := br.ReadSlice('\n')
				if err != nil {
					return
				}
				if len(line) == len("\r\n") {
					break
				}
			}
			if _, err := br.Discard(body); err != nil {
				return
			}
			io.WriteString(c, empty200)
		}
	})
	d := open(b, channel.DriveConfig{Address: address, Concurrency: 8})
	s := &gate.Stimulus{ID: "s", Head: []byte("POST /v1/x?a=b HTTP/1.1\r\nHost: h\r\nUser-Agent: bench\r\nContent-Type: text/plain\r\n"), Body: []byte(strings.Repeat("x", body))}
	b.ReportAllocs()
	b.SetParallelism(4)
	b.RunParallel(func(pb *testing.PB) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		for pb.Next() {
			if o := d.Do(ctx, s); o.Error != "" {
				b.Error(o.Error)
				return
			}
		}
	})
}
