package http_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	nethttp "net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
	"github.com/waybill-dev/waybill/gate/channel/channeltest"
	"github.com/waybill-dev/waybill/gate/channel/http"
)

func newTap(t testing.TB, cfg channel.TapConfig) *channeltest.Rig {
	t.Helper()
	cfg.Name = "web"
	return channeltest.OpenTap(t, http.Protocol(), cfg)
}

func dialTCP(t testing.TB, address string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c.(*net.TCPConn)
}

// scripted is an upstream that takes one connection, and for each step awaits what
// it must hear and then says its words. It gives all that it heard.
type step struct{ hear, say string }

func scripted(t testing.TB, steps ...step) (address string, heard chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	heard = make(chan string, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(patience))
		var all bytes.Buffer
		buf := make([]byte, 4096)
		at := 0
		for _, s := range steps {
			for !strings.Contains(all.String()[at:], s.hear) {
				n, err := c.Read(buf)
				if all.Write(buf[:n]); err != nil {
					heard <- all.String()
					return
				}
			}
			at = all.Len()
			io.WriteString(c, s.say)
		}
		c.(*net.TCPConn).CloseWrite()
		io.Copy(&all, c)
		heard <- all.String()
	}()
	return l.Addr().String(), heard
}

// TestTapPassesBytes says to a client's and a server's bytes that they pass as they
// are, and to the tap what it must take down of them.
func TestTapPassesBytes(t *testing.T) {
	for _, c := range []struct {
		name  string
		says  string // of the client, at once
		steps []step
		want  []string // head|body|status|answer of each exchange
		gaps  []string
	}{
		{
			name:  "a head as odd as it may be",
			says:  "GET /a//b/../c?x=%zz&y HTTP/1.1\r\nhOsT: Portal.Example\r\nX-Twice:b\r\nx-twice:  a \r\nCookie: a=b\r\n\r\n",
			steps: []step{{"\r\n\r\n", "HTTP/1.1 200 Fine\r\nx-odd:  1\r\nContent-Length: 2\r\n\r\nok"}},
			want:  []string{"GET /a//b/../c?x=%zz&y HTTP/1.1\r\nhOsT: Portal.Example\r\nX-Twice:b\r\nx-twice:  a \r\nCookie: a=b\r\n||200|ok"},
		},
		{
			name:  "chunked both ways, with trailers",
			says:  "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n3;x=y\r\nabc\r\n0A\r\n0123456789\r\n0\r\nX-T: 1\r\n\r\n",
			steps: []step{{"X-T: 1\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\nX-U: 2\r\n\r\n"}},
			want:  []string{"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n|abc0123456789|200|abc"},
			gaps:  []string{"trailer fields of a request were not kept"},
		},
		{
			name: "pipelined, with HEAD, interim answers and none",
			says: "HEAD /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\nPUT /3 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc",
			steps: []step{{"abc", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n" +
				"HTTP/1.1 204 No Content\r\n\r\n"}},
			want: []string{"HEAD /1 HTTP/1.1\r\nHost: h\r\n||200|", "GET /2 HTTP/1.1\r\nHost: h\r\n||304|", "PUT /3 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n|abc|204|"},
		},
		{
			name:  "an answer that ends with the connection",
			says:  "GET / HTTP/1.0\r\n\r\n",
			steps: []step{{"\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\nas long as it lasts"}},
			want:  []string{"GET / HTTP/1.0\r\n||200|as long as it lasts"},
		},
		{
			name:  "a message to no standard",
			says:  "GET / HTTP/1.1\nHost: h\n\n",
			steps: []step{{"h\n\n", "HTTP/1.1 200 OK\nContent-Length: 0\n\n"}},
			want:  []string{"GET / HTTP/1.1\nHost: h\n||200|"},
		},
		{
			name:  "expects to be told to continue",
			says:  "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab",
			steps: []step{{"\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n"}, {"", "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"}},
			want:  []string{"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n|ab|201|"},
		},
		{
			name:  "a WebSocket",
			says:  "GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
			steps: []step{{"\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x02hi\xff\r\n\r\nHTTP/1.1 500 not an answer\r\n\r\n"}},
			gaps:  []string{"not-replayable: a WebSocket"},
		},
		{
			name:  "a WebSocket that is refused", // a request like any other
			says:  "GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
			steps: []step{{"\r\n\r\n", "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"}},
			want:  []string{"GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: upgrade\r\n||403|"},
		},
		{
			name:  "a tunnel",
			says:  "CONNECT other.example:25 HTTP/1.1\r\nHost: other.example:25\r\n\r\n",
			steps: []step{{"\r\n\r\n", "HTTP/1.1 200 Connection established\r\n\r\n220 mx ESMTP\r\n"}},
			gaps:  []string{"not-replayable: a tunnel"},
		},
		{
			name:  "a tunnel that is refused",
			says:  "CONNECT other.example:25 HTTP/1.1\r\nHost: other.example:25\r\n\r\n",
			steps: []step{{"\r\n\r\n", "HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n"}},
			gaps:  []string{"not-replayable: a tunnel"},
		},
		{
			name:  "an upgrade that is not taken up",
			says:  "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
			steps: []step{{"\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}},
			want:  []string{"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\nConnection: upgrade\r\n||200|"},
		},
		{
			name:  "lengths that disagree are passed on and not followed",
			says:  "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n",
			steps: []step{{"smuggled", "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"}},
			gaps:  []string{"can be taken in two ways"},
		},
		{
			name:  "HTTP/2 with prior knowledge",
			says:  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
			steps: []step{{"SM", "\x00\x00\x00\x04\x00\x00\x00\x00\x00"}},
			gaps:  []string{"not HTTP/1"},
		},
		{
			name:  "TLS to a tap of plaintext",
			says:  "\x16\x03\x01\x02\x00\x01\n\n",
			steps: []step{{"\n\n", "\x15\x03\x01\x00\x02\x02\x28"}},
			gaps:  []string{"not HTTP/1"},
		},
		{
			name:  "a request that ends half way",
			says:  "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc",
			steps: []step{{"abc", ""}},
			gaps:  []string{"ended half way"},
		},
		{
			name:  "no answer",
			says:  "POST /acted HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc",
			steps: []step{{"abc", ""}},
			want:  []string{"POST /acted HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n|abc|0|"},
		},
		{
			name:  "an answer to nothing",
			says:  "",
			steps: []step{{"", "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n"}},
		},
		{
			name:  "an answer before the request is whole",
			says:  "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabc",
			steps: []step{{"abc", "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"}},
			gaps:  []string{"ended half way"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, pieces := range []int{1 << 20, 1} { // at once, and byte by byte
				address, heard := scripted(t, c.steps...)
				r := newTap(t, channel.TapConfig{Upstream: address})
				conn := dialTCP(t, r.Tap.Address())
				conn.SetNoDelay(true)
				for i := 0; i < len(c.says); i += pieces {
					if _, err := io.WriteString(conn, c.says[i:min(i+pieces, len(c.says))]); err != nil {
						t.Fatal(err)
					}
				}
				answers, err := io.ReadAll(conn)
				if err != nil {
					t.Fatal(err)
				}
				conn.Close()
				said := ""
				for _, s := range c.steps {
					said += s.say
				}
				if diff := cmp.Diff(said, string(answers)); diff != "" {
					t.Errorf("the client hears (-server +client):\n%s", diff)
				}
				if diff := cmp.Diff(c.says, <-heard); diff != "" {
					t.Errorf("the server hears (-client +server):\n%s", diff)
				}
				await(t, "the connection's end", func() bool { return r.Tap.Stats().Open == 0 })
				stimuli, outcomes := r.Exchanges()
				var got []string
				for i, s := range stimuli {
					got = append(got, fmt.Sprintf("%s|%s|%d|%s", s.Head, s.Body, s.Status, outcomes[i].Body))
					if s.Channel != http.Name || s.Door != "web" || s.Key == "" || s.At == 0 || outcomes[i].Elapsed <= 0 || outcomes[i].Status != s.Status {
						t.Errorf("stimulus %+v, outcome %+v", s, outcomes[i])
					}
				}
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("recorded (-want +got):\n%s", diff)
				}
				missed := r.Missed()
				if (missed == "") != (len(c.gaps) == 0) {
					t.Errorf("missed %q", missed)
				}
				for _, g := range c.gaps {
					if !strings.Contains(missed, g) {
						t.Errorf("missed %q, want %q", missed, g)
					}
				}
				if st := r.Tap.Stats(); st.Busy != 0 || st.Accepted != uint64(len(c.want)+strings.Count(missed, "not-replayable")) {
					t.Errorf("stats %+v", st)
				}
			}
		})
	}
}

// TestTapTellsFirst proves that an exchange is taken down before its client has the
// whole answer, however that ends.
func TestTapTellsFirst(t *testing.T) {
	for _, answer := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\n\r\nok", // its end is the connection's
	} {
		address, _ := scripted(t, step{"\r\n\r\n", answer})
		r := newTap(t, channel.TapConfig{Upstream: address})
		hold := make(chan struct{})
		told := make(chan struct{})
		r.Before(func() { close(told); <-hold })
		conn := dialTCP(t, r.Tap.Address())
		io.WriteString(conn, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		<-told
		got := make(chan string, 1)
		go func() { b, _ := io.ReadAll(conn); got <- string(b) }()
		select {
		case b := <-got:
			t.Errorf("the client had its answer %q before it was taken down", b)
		case <-time.After(50 * time.Millisecond): // that nothing comes cannot be awaited
		}
		close(hold)
		if b := <-got; b != answer {
			t.Errorf("answer %q", b)
		}
	}
}

func TestTapStreamsEvents(t *testing.T) {
	next := make(chan string)
	server := httptest.NewServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		for e := range next {
			fmt.Fprintf(w, "data: %s\n\n", e)
			w.(nethttp.Flusher).Flush()
		}
	}))
	defer server.Close()
	r := newTap(t, channel.TapConfig{Upstream: server.URL})
	go func() { next <- "one" }()
	res, err := nethttp.Get("http://" + r.Tap.Address() + "/events")
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(res.Body)
	for _, e := range []string{"one", "two", "three"} {
		if !lines.Scan() || lines.Text() != "data: "+e {
			t.Fatalf("event %q, want %q", lines.Text(), e)
		}
		lines.Scan()
		if stimuli, _ := r.Exchanges(); len(stimuli) != 1 || stimuli[0].Status != 200 {
			t.Fatalf("while events come, recorded %+v", stimuli)
		}
		if e != "three" {
			go func() { next <- map[string]string{"one": "two", "two": "three"}[e] }()
		}
	}
	close(next)
	if lines.Scan() {
		t.Errorf("and then %q", lines.Text())
	}
	res.Body.Close()
	if stimuli, _ := r.Exchanges(); len(stimuli) != 1 || r.Missed() != "" {
		t.Errorf("recorded %d times, missed %q", len(stimuli), r.Missed())
	}
}

// zeros is n bytes that nobody holds.
type zeros struct{ n int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.n == 0 {
		return 0, io.EOF
	}
	k := min(int64(len(p)), z.n)
	clear(p[:k])
	z.n -= k
	return int(k), nil
}

// TestTapLargeUpload passes a GiB through in flat memory, and marks what is cut.
func TestTapLargeUpload(t *testing.T) {
	const size, limit = 1 << 30, 1 << 16
	sums := make(chan string, 1)
	server := httptest.NewServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		sums <- fmt.Sprintf("%d %v", n, err)
	}))
	defer server.Close()
	r := newTap(t, channel.TapConfig{Upstream: server.URL, MaxBody: limit})
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	req, _ := nethttp.NewRequest("PUT", "http://"+r.Tap.Address()+"/large", &zeros{size})
	req.ContentLength = size
	res, err := nethttp.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	runtime.ReadMemStats(&after)
	if got := <-sums; got != fmt.Sprintf("%d <nil>", size) {
		t.Errorf("arrived: %s", got)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 16<<20 {
		t.Errorf("%d bytes were allocated on the way", grown)
	}
	stimuli, _ := r.Exchanges()
	if len(stimuli) != 1 || len(stimuli[0].Body) != limit || stimuli[0].Cut != size-limit {
		t.Errorf("recorded %d, body %d, cut %d", len(stimuli), len(stimuli[0].Body), stimuli[0].Cut)
	}
	if !strings.Contains(r.Missed(), gate.GapCutBody) {
		t.Errorf("missed %q", r.Missed())
	}
}

// TestTapUpstreamDown: the client is hung up on without a word, and nothing is recorded.
func TestTapUpstreamDown(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	r := newTap(t, channel.TapConfig{Upstream: l.Addr().String()})
	if conn, err := net.Dial("tcp", r.Tap.Address()); err == nil { // else it was reset while it was opened
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(patience))
		io.WriteString(conn, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		if b, err := io.ReadAll(conn); len(b) > 0 || err == nil {
			t.Errorf("the client was told %q, %v, want a reset", b, err)
		}
	}
	await(t, "the refusal", func() bool { return r.Tap.Stats().Refused == 1 && r.Tap.Stats().Open == 0 })
	if stimuli, _ := r.Exchanges(); len(stimuli) > 0 || r.Missed() != "" {
		t.Errorf("recorded %d, missed %q, stats %+v", len(stimuli), r.Missed(), r.Tap.Stats())
	}
}

// TestTapCloses waits for what is under way and hangs up on what is idle.
func TestTapCloses(t *testing.T) {
	release := make(chan struct{})
	started := make(chan struct{})
	server := httptest.NewServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		close(started)
		<-release
		io.WriteString(w, "done")
	}))
	defer server.Close()
	r := newTap(t, channel.TapConfig{Upstream: server.URL})
	idle := dialTCP(t, r.Tap.Address())
	await(t, "the idle connection", func() bool { return r.Tap.Stats().Open == 1 })
	answer := make(chan string, 1)
	go func() {
		res, err := nethttp.Get("http://" + r.Tap.Address() + "/slow")
		if err != nil {
			answer <- err.Error()
			return
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		answer <- string(b)
	}()
	<-started
	closed := make(chan error, 1)
	go func() { closed <- r.Tap.Close(context.Background()) }()
	if b, _ := io.ReadAll(idle); len(b) > 0 {
		t.Errorf("the idle client heard %q", b)
	}
	close(release)
	if got := <-answer; got != "done" {
		t.Errorf("the busy client got %q", got)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if stimuli, _ := r.Exchanges(); len(stimuli) != 1 {
		t.Errorf("recorded %d", len(stimuli))
	}
}

// bearer is a JWT of somebody that is another each time.
func bearer(who string, n int) string {
	part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	return "Bearer " + part(`{"alg":"HS256"}`) + "." + part(fmt.Sprintf(`{"sub":%q,"iat":%d}`, who, n)) + "." + part(fmt.Sprint("signature ", n))
}

func TestTapKeys(t *testing.T) {
	server := httptest.NewServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		if v := r.URL.Query().Get("set"); v != "" {
			nethttp.SetCookie(w, &nethttp.Cookie{Name: "app_session", Value: v})
		}
		for _, v := range r.URL.Query()["cookie"] {
			w.Header().Add("Set-Cookie", v)
		}
	}))
	defer server.Close()
	type visit struct{ path, cookie, authorization string }
	for _, c := range []struct {
		name, settings string
		visits         []visit
		same           string // which visits share a key, by letter
	}{
		{"a session from its first answer on", "", []visit{
			{"/login?set=s1", "", ""}, {"/", "theme=dark; app_session=s1", ""}, {"/login?set=s2", "", ""}, {"/", "app_session=s2", ""}, {"/", "app_session=s1", ""},
		}, "aabba"},
		{"a session that is renewed", "", []visit{
			{"/", "app_session=s1", ""}, {"/?set=s3", "app_session=s1", ""}, {"/", "app_session=s3", ""}, {"/?set=s4", "app_session=s3", ""}, {"/", "app_session=s4", ""},
		}, "aaaaa"},
		{"a session that ends, and another", "", []visit{
			{"/?cookie=PHPSESSID%3Dp1", "", ""}, {"/?cookie=PHPSESSID%3Ddeleted%3B+Max-Age%3D0", "PHPSESSID=p1", ""}, {"/", "PHPSESSID=deleted", ""}, {"/?cookie=PHPSESSID%3Dp2", "", ""}, {"/", "PHPSESSID=p2", ""},
		}, "aabcc"},
		{"deleted by a day long past", "", []visit{{"/?cookie=sid%3Dx%3B+Expires%3DThu,+01-Jan-1970+00:00:01+GMT", "", ""}, {"/", "", ""}}, "aa"},
		{"frameworks' names", "", []visit{
			{"/", "wordpress_test_cookie=1; comment_author_ab=x; wordpress_logged_in_0123456789abcdef0123=w1", ""}, {"/", "wordpress_logged_in_0123456789abcdef0123=w1; theme=2; sidebar=open", ""},
			{"/", "_xsrf=1; next-auth.callback-url=u; __Secure-next-auth.session-token=n1", ""}, {"/", "__Secure-next-auth.session-token=n1", ""},
			{"/", "connect.sid=s%3Ac1", ""}, {"/", "JSESSIONID=j1; XSRF-TOKEN=a", ""}, {"/", "XSRF-TOKEN=b; JSESSIONID=j1", ""}, {"/", ".AspNetCore.Identity.Application=i1", ""}, {"/", "laravel_session=l1; XSRF-TOKEN=c", ""},
		}, "aabbcddef"},
		{"who logs in goes on", "", []visit{
			{"/", "PHPSESSID=p1", ""}, {"/?cookie=wordpress_logged_in_ab%3Dw1", "PHPSESSID=p1", ""}, {"/", "PHPSESSID=p1; wordpress_logged_in_ab=w1", ""},
		}, "aaa"},
		{"tokens of one subject", "", []visit{{"/", "", bearer("alice", 1)}, {"/", "", bearer("alice", 2)}, {"/", "", bearer("bob", 1)}}, "aab"},
		{"credentials where there is no session", "", []visit{{"/", "", "Basic YQ=="}, {"/", "", "Basic Yg=="}, {"/", "csrf_token=x", "Basic YQ=="}, {"/", "", ""}}, "abac"},
		{"a cookie by name", `key = "cookie/who"`, []visit{{"/", "who=1; app_session=x", ""}, {"/", "who=1; app_session=y", ""}, {"/", "who=2", "Basic YQ=="}, {"/", "", "Basic YQ=="}, {"/", "", ""}}, "aabcc"},
		{"a header by name", `key = "header/Authorization"`, []visit{{"/", "app_session=x", "Basic YQ=="}, {"/", "", "Basic YQ=="}, {"/", "app_session=x", ""}}, "aab"},
		{"the address", `key = "address"`, []visit{{"/", "app_session=x", "Basic YQ=="}, {"/?set=q", "", ""}}, "aa"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newTap(t, channel.TapConfig{Upstream: server.URL, Settings: settings(c.settings)})
			for _, v := range c.visits {
				req, _ := nethttp.NewRequest("GET", "http://"+r.Tap.Address()+v.path, nil)
				for name, value := range map[string]string{"Cookie": v.cookie, "Authorization": v.authorization} {
					if value != "" {
						req.Header.Set(name, value)
					}
				}
				res, err := nethttp.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				res.Body.Close()
			}
			stimuli, _ := r.Exchanges()
			letters, got := map[string]byte{}, ""
			for _, s := range stimuli {
				if _, ok := letters[s.Key]; !ok {
					letters[s.Key] = byte('a' + len(letters))
				}
				got += string(letters[s.Key])
				if strings.Contains(s.Key, "s1") || strings.Contains(s.Key, "127") {
					t.Errorf("the key %q tells what it is of", s.Key)
				}
			}
			if got != c.same {
				t.Errorf("keys %s, want %s", got, c.same)
			}
		})
	}
}

func TestTapRefusesSettings(t *testing.T) {
	authority, err := http.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	nowhere := filepath.Join(t.TempDir(), "none.pem")
	for _, c := range []struct {
		cfg  channel.TapConfig
		says string
	}{
		{channel.TapConfig{}, "needs an upstream"},
		{channel.TapConfig{Upstream: "h"}, "host:port"},
		{channel.TapConfig{Upstream: "ftp://h"}, "scheme"},
		{channel.TapConfig{Upstream: "http://h/path"}, "nothing behind"},
		{channel.TapConfig{Upstream: "h:1", Settings: settings(`key = "cookie"`)}, "cookie/NAME"},
		{channel.TapConfig{Upstream: "h:1", Settings: settings(`keys = ""`)}, "keys"},
		{channel.TapConfig{Upstream: "h:1", Settings: settings(`roots = "` + nowhere + `"`)}, "none.pem"},
		{channel.TapConfig{Upstream: "h:1", Settings: settings(`tls_key = "k"`)}, "come together"},
		{channel.TapConfig{Upstream: "h:1", Authority: authority}, "authority"},
		{channel.TapConfig{Side: channel.Behind, Settings: settings(`proxy_protocol = true`)}, "forward proxy"},
		{channel.TapConfig{Side: channel.Behind, TLS: &tls.Config{}}, "plaintext"},
		{channel.TapConfig{Side: channel.Behind, Listen: "256.0.0.1:0"}, "listen"},
		{channel.TapConfig{Side: 7, Upstream: "h:1"}, "no side"},
	} {
		c.cfg.Name = "web"
		if c.cfg.Listen == "" {
			c.cfg.Listen = "127.0.0.1:0"
		}
		c.cfg.Exchange, c.cfg.Message, c.cfg.Missed = func(*gate.Stimulus, *gate.Outcome) {}, func(*gate.Message) {}, func(gate.Gap) {}
		tap, err := http.Protocol().Tap(c.cfg)
		if err == nil {
			tap.Close(t.Context())
		}
		if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "http tap web") {
			t.Errorf("%+v: %v, want %q", c.cfg, err, c.says)
		}
	}
	if _, err := http.Protocol().Tap(channel.TapConfig{Name: "web", Upstream: "h:1", Listen: "127.0.0.1:0"}); err == nil {
		t.Error("a tap without callbacks was opened")
	}
}

// A site is an origin server of TLS whose certificate an authority signed.
func site(t *testing.T, authority *http.Authority, change func(*tls.Config), h nethttp.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	c, err := authority.Certificate("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	s.TLS = &tls.Config{Certificates: []tls.Certificate{*c}}
	if change != nil {
		change(s.TLS)
	}
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func trusting(t testing.TB, roots ...[]byte) *tls.Config {
	t.Helper()
	pool := x509.NewCertPool()
	for _, r := range roots {
		if !pool.AppendCertsFromPEM(r) {
			t.Fatal("not PEM")
		}
	}
	return &tls.Config{RootCAs: pool}
}

// through is a client that takes the tap for its proxy.
func through(t testing.TB, r *channeltest.Rig, trust *tls.Config, h2 bool) *nethttp.Client {
	proxy := &url.URL{Scheme: "http", Host: r.Tap.Address()}
	tr := &nethttp.Transport{Proxy: nethttp.ProxyURL(proxy), TLSClientConfig: trust, ForceAttemptHTTP2: h2, DisableCompression: true}
	t.Cleanup(tr.CloseIdleConnections)
	return &nethttp.Client{Transport: tr}
}

// TestTapForwardProxy compares what is taken down of requests with what a sink takes
// down of the same ones.
func TestTapForwardProxy(t *testing.T) {
	origins, err := http.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	minting, err := http.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, origins.RootPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	echo := nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		b, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s %s %q %q", r.Proto, r.Method, r.RequestURI, b, r.Header["Proxy-Connection"], r.Header["Proxy-Authorization"])
	})
	plain, other := httptest.NewServer(echo), httptest.NewServer(echo)
	defer plain.Close()
	defer other.Close()
	secure := site(t, origins, nil, echo)
	mutual := site(t, origins, func(c *tls.Config) { c.ClientAuth = tls.RequestClientCert }, echo)
	open := func(t *testing.T, authority channel.Authority) *channeltest.Rig {
		return newTap(t, channel.TapConfig{Side: channel.Behind, Authority: authority, Settings: settings(`roots = "` + roots + `"`)})
	}
	ask := func(t *testing.T, c *nethttp.Client, url, body string) string {
		t.Helper()
		res, err := c.Post(url, "text/plain", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(res.StatusCode, " ", string(b))
	}
	// What a sink takes down of a client that is told to use it as its proxy.
	sinkSees := func(t *testing.T, url, body string) *gate.Message {
		t.Helper()
		rig := newRig(t, channel.SinkConfig{})
		tr := &nethttp.Transport{Proxy: nethttp.ProxyURL(mustURL(t, "http://"+rig.sink.Address())), TLSClientConfig: rig.trust(), DisableCompression: true}
		defer tr.CloseIdleConnections()
		ask(t, &nethttp.Client{Transport: tr}, url, body)
		return rig.log.all()[0]
	}
	sees := func(m *gate.Message) *gate.Message {
		c := *m
		c.Peer, c.At, c.Seq = "", 0, 0
		return &c
	}

	t.Run("absolute form", func(t *testing.T) {
		r := open(t, nil)
		client := through(t, r, nil, false)
		for i, u := range []string{plain.URL + "/a?b=c", other.URL + "/d", plain.URL, plain.URL + "/e"} {
			path := strings.TrimPrefix(strings.TrimPrefix(u, plain.URL), other.URL)
			if path == "" {
				path = "/"
			}
			if got, want := ask(t, client, u, "body"), "200 HTTP/1.1 POST "+path+" body [] []"; got != want {
				t.Errorf("request %d: %s, want %s", i, got, want)
			}
			if diff := cmp.Diff(sees(sinkSees(t, u, "body")), sees(r.Messages()[i])); diff != "" {
				t.Errorf("request %d, taken down (-sink +tap):\n%s", i, diff)
			}
		}
		if r.Missed() != "" {
			t.Errorf("missed %q", r.Missed())
		}
	})
	t.Run("one connection for many hosts", func(t *testing.T) {
		r := open(t, nil)
		conn := dialTCP(t, r.Tap.Address())
		in := bufio.NewReader(conn)
		for i, u := range []string{plain.URL, other.URL, other.URL, plain.URL} {
			fmt.Fprintf(conn, "GET %s/%d HTTP/1.1\r\nHost: x\r\nProxy-Connection: keep-alive\r\nProxy-Authorization: Basic c2VjcmV0\r\n\r\n", u, i)
			res, err := nethttp.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			b, _ := io.ReadAll(res.Body)
			if want := fmt.Sprintf("HTTP/1.1 GET /%d  [] []", i); string(b) != want {
				t.Errorf("%s, want %s", b, want)
			}
		}
		for _, m := range r.Messages() {
			if strings.Contains(string(m.Head), "c2VjcmV0") || !strings.Contains(string(m.Head), "GET http://127.0.0.1:") {
				t.Errorf("taken down: %q", m.Head)
			}
		}
		if len(r.Messages()) != 4 || r.Missed() != "" {
			t.Errorf("%d messages, missed %q", len(r.Messages()), r.Missed())
		}
	})
	t.Run("seen into", func(t *testing.T) {
		r := open(t, minting)
		client := through(t, r, trusting(t, minting.RootPEM()), false)
		if got := ask(t, client, secure.URL+"/s?x", "secret"); got != "200 HTTP/1.1 POST /s?x secret [] []" {
			t.Error(got)
		}
		if diff := cmp.Diff(sees(sinkSees(t, secure.URL+"/s?x", "secret")), sees(r.Messages()[0])); diff != "" {
			t.Errorf("taken down (-sink +tap):\n%s", diff)
		}
	})
	t.Run("no authority", func(t *testing.T) {
		r := open(t, nil)
		client := through(t, r, trusting(t, origins.RootPEM()), true)
		if got := ask(t, client, secure.URL+"/s", "secret"); got != "200 HTTP/2.0 POST /s secret [] []" {
			t.Error(got)
		}
		if missed := r.Missed(); len(r.Messages()) > 0 || !strings.Contains(missed, secure.Listener.Addr().String()) {
			t.Errorf("%d messages, missed %q", len(r.Messages()), missed)
		}
		client.CloseIdleConnections()
		await(t, "the tunnel's end", func() bool { return r.Tap.Stats().Open == 0 })
		r.Close()
		if missed := r.Missed(); strings.Count(missed, "tunnels to") != 2 {
			t.Errorf("missed %q, want the bytes in the end", missed)
		}
	})
	t.Run("a server that wants to know the client", func(t *testing.T) {
		r := open(t, minting)
		client := through(t, r, trusting(t, origins.RootPEM()), false) // trusts no tap: the server itself must answer
		if got := ask(t, client, mutual.URL+"/m", "x"); got != "200 HTTP/1.1 POST /m x [] []" {
			t.Error(got)
		}
		if !strings.Contains(r.Missed(), "unseen") || len(r.Messages()) > 0 {
			t.Errorf("missed %q", r.Missed())
		}
	})
	t.Run("a client of HTTP/2 alone", func(t *testing.T) {
		r := open(t, minting)
		trust := trusting(t, origins.RootPEM())
		trust.NextProtos = []string{"h2"}
		conn := dialTCP(t, r.Tap.Address())
		fmt.Fprintf(conn, "CONNECT %s HTTP/1.1\r\nHost: x\r\n\r\n", secure.Listener.Addr())
		b := make([]byte, len("HTTP/1.1 200 Connection established\r\n\r\n"))
		if _, err := io.ReadFull(conn, b); err != nil {
			t.Fatal(err)
		}
		trust.ServerName = "127.0.0.1"
		inner := tls.Client(conn, trust)
		if err := inner.Handshake(); err != nil || inner.ConnectionState().NegotiatedProtocol != "h2" {
			t.Errorf("handshake: %v, protocol %q", err, inner.ConnectionState().NegotiatedProtocol)
		}
	})
	t.Run("a client that does not trust the tap", func(t *testing.T) {
		r := open(t, minting)
		client := through(t, r, trusting(t, origins.RootPEM()), false)
		if _, err := client.Get(secure.URL); err == nil {
			t.Fatal("the client trusts a certificate that nobody signed for it")
		}
		await(t, "the refusal", func() bool { return strings.Contains(r.Missed(), "did not take the certificate") })
		if got := ask(t, client, secure.URL+"/again", "x"); got != "200 HTTP/1.1 POST /again x [] []" {
			t.Errorf("the second time: %s", got)
		}
	})
	t.Run("plaintext in a tunnel", func(t *testing.T) {
		r := open(t, minting)
		conn := dialTCP(t, r.Tap.Address())
		fmt.Fprintf(conn, "CONNECT %s HTTP/1.1\r\nHost: x\r\n\r\nGET /in HTTP/1.1\r\nHost: y\r\nConnection: close\r\n\r\n", plain.Listener.Addr())
		b, _ := io.ReadAll(conn)
		if !strings.Contains(string(b), "HTTP/1.1 GET /in") {
			t.Errorf("answer %q", b)
		}
		if m := r.Messages(); len(m) != 1 || m[0].Host != plain.Listener.Addr().String() || m[0].TLS != "" {
			t.Errorf("messages %+v", m)
		}
	})
	t.Run("nobody there", func(t *testing.T) {
		r := open(t, nil)
		for says, want := range map[string]string{
			"GET http://127.0.0.1:1/ HTTP/1.1\r\nHost: x\r\n\r\n":        "502",
			"CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: x\r\n\r\n":            "502",
			"GET / HTTP/1.1\r\nHost: x\r\n\r\n":                          "400",
			"CONNECT nowhere HTTP/1.1\r\nHost: x\r\n\r\n":                "400",
			"GET ftp://127.0.0.1:1/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n": "400",
		} {
			conn := dialTCP(t, r.Tap.Address())
			io.WriteString(conn, says)
			if b, _ := io.ReadAll(conn); !strings.HasPrefix(string(b), "HTTP/1.1 "+want) {
				t.Errorf("%q is answered %q, want %s", says, b, want)
			}
		}
	})
}

func mustURL(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// TestTapTLS ends the client's TLS and begins it anew, and tells the upstream who
// the client is where it is set to.
func TestTapTLS(t *testing.T) {
	authority, err := http.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	secure := site(t, authority, nil, nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) { io.WriteString(w, r.Proto) }))
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, authority.RootPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	cert, err := authority.Certificate("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	r := newTap(t, channel.TapConfig{Upstream: secure.URL, TLS: &tls.Config{Certificates: []tls.Certificate{*cert}}, Settings: settings(`roots = "` + roots + `"`)})
	client := &nethttp.Client{Transport: &nethttp.Transport{TLSClientConfig: trusting(t, authority.RootPEM())}}
	res, err := client.Get("https://" + r.Tap.Address() + "/x")
	if err != nil {
		t.Fatal(err)
	}
	b, _ := io.ReadAll(res.Body)
	if stimuli, _ := r.Exchanges(); string(b) != "HTTP/1.1" || len(stimuli) != 1 {
		t.Errorf("answer %q, recorded %d", b, len(stimuli))
	}
	client.CloseIdleConnections()

	address, heard := scripted(t, step{"\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n"})
	r = newTap(t, channel.TapConfig{Upstream: address, Settings: settings(`proxy_protocol = true`)})
	conn := dialTCP(t, r.Tap.Address())
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	io.ReadAll(conn)
	conn.Close()
	from, to := conn.LocalAddr().(*net.TCPAddr), conn.RemoteAddr().(*net.TCPAddr)
	want := fmt.Sprintf("PROXY TCP4 127.0.0.1 127.0.0.1 %d %d\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", from.Port, to.Port)
	if got := <-heard; got != want {
		t.Errorf("the upstream hears %q, want %q", got, want)
	}
}

// FuzzTap says anything on both sides: every byte passes, and the tap stays up.
func FuzzTap(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), []byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
	f.Add([]byte("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;a\r\nabc\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n"), []byte("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nto the end"))
	f.Add([]byte("GET / HTTP/1.1\r\nUpgrade: x\r\n\r\nmore"), []byte("HTTP/1.1 101 Yes\r\n\r\nmore"))
	f.Add([]byte("\r\n\r\n\x00"), []byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"))
	f.Fuzz(func(t *testing.T, request, answer []byte) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		heard := make(chan [32]byte, 1)
		go func() {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			b, _ := io.ReadAll(c)
			heard <- sha256.Sum256(b)
			c.Write(answer)
		}()
		r := newTap(t, channel.TapConfig{Upstream: l.Addr().String(), MaxBody: 64})
		conn := dialTCP(t, r.Tap.Address())
		conn.Write(request)
		conn.CloseWrite()
		b, err := io.ReadAll(conn)
		if err != nil || !bytes.Equal(b, answer) {
			t.Errorf("the client hears %q, %v, want %q", b, err, answer)
		}
		if sum := <-heard; sum != sha256.Sum256(request) {
			t.Errorf("the server does not hear %q", request)
		}
		conn.Close()
		await(t, "the connection's end", func() bool { return r.Tap.Stats().Open == 0 })
	})
}
