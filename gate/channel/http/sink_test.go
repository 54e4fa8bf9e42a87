package http_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	nethttp "net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
	"github.com/waybill-dev/waybill/gate/channel/http"
)

// seen is what tests compare of a message.
type seen struct {
	Host, TLS, Head, Body string
	Events                []string
	Cut                   int64
}

func (l *log) seen() (out []seen) {
	for _, m := range l.all() {
		out = append(out, seen{m.Host, m.TLS, string(m.Head), string(m.Body), m.Events, m.Cut})
	}
	return out
}

func TestSinkRaw(t *testing.T) {
	long := strings.Repeat("x", 3000)
	tests := []struct {
		name   string
		cfg    channel.SinkConfig
		raw    string
		status []int
		want   []seen
		gaps   []string
	}{{
		name:   "origin",
		raw:    "POST /a?b=c HTTP/1.1\r\nHost: Api.Example:80\r\nX-A:  1 \r\nx-a: 2\r\nContent-Length: 3\r\n\r\na\x00c",
		status: []int{200},
		want:   []seen{{Host: "api.example", Head: "POST /a?b=c HTTP/1.1\r\nHost: Api.Example:80\r\nX-A:  1 \r\nx-a: 2\r\nContent-Length: 3\r\n", Body: "a\x00c"}},
	}, {
		name:   "absolute form outranks Host",
		raw:    "GET http://u:p@One.Example:8080/x HTTP/1.1\r\nHost: two.example\r\n\r\n",
		status: []int{200},
		want:   []seen{{Host: "one.example:8080", Head: "GET http://u:p@One.Example:8080/x HTTP/1.1\r\nHost: two.example\r\n"}},
	}, {
		name: "pipelined, after blank lines",
		raw: "\r\n\r\nPOST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;q=1\r\nab\r\n1\r\nc\r\n0\r\nX-Sum: 9\r\n\r\n" +
			"GET /2 HTTP/1.1\r\nHost: a\r\n\r\nHEAD /3 HTTP/1.0\r\nHost: a\r\n\r\nGET /never HTTP/1.1\r\n\r\n",
		status: []int{200, 200, 200},
		want: []seen{
			{Host: "a", Head: "POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n", Body: "abc", Events: []string{"trailer X-Sum: 9", "chunk-extension 1", "chunk-extension-text q=1"}},
			{Host: "a", Head: "GET /2 HTTP/1.1\r\nHost: a\r\n"},
			{Host: "a", Head: "HEAD /3 HTTP/1.0\r\nHost: a\r\n"},
		},
		gaps: []string{gate.GapBrokenMessage}, // what follows a last request is not taken
	}, {
		name:   "bare line feeds",
		raw:    "GET / HTTP/1.1\nHost: a\n\n",
		status: []int{200},
		want:   []seen{{Host: "a", Head: "GET / HTTP/1.1\nHost: a\n", Events: []string{"bare-lf 2"}}},
	}, {
		name:   "the body beyond the cap is counted",
		cfg:    channel.SinkConfig{MaxBody: 1000},
		raw:    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000\r\n\r\n" + long + "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		status: []int{200, 200},
		want: []seen{
			{Host: "a", Head: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000\r\n", Body: long[:1000], Cut: 2000},
			{Host: "a", Head: "GET / HTTP/1.1\r\nHost: a\r\n"},
		},
		gaps: []string{gate.GapCutBody},
	}, {
		name:   "a body of exactly the cap is whole",
		cfg:    channel.SinkConfig{MaxBody: 3000},
		raw:    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nbb8\r\n" + long + "\r\n0\r\n\r\n",
		status: []int{200},
		want:   []seen{{Host: "a", Head: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n", Body: long}},
	}, {
		name:   "a WebSocket is refused, and seen",
		raw:    "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
		status: []int{501},
		want:   []seen{{Host: "a", Head: "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n", Events: []string{"upgrade websocket"}}},
		gaps:   []string{gate.GapBrokenMessage},
	}, {
		name:   "plaintext in a tunnel",
		raw:    "CONNECT Api.Example:80 HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: other.example\r\n\r\n",
		status: []int{200, 200},
		want:   []seen{{Host: "api.example", Head: "GET / HTTP/1.1\r\nHost: other.example\r\n"}},
	}, {
		name:   "a large head is taken whole",
		raw:    "GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("y", 500_000) + "\r\n\r\n",
		status: []int{200},
		want:   []seen{{Host: "a", Head: "GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("y", 500_000) + "\r\n"}},
	}}
	broken := []struct{ name, raw string }{
		{"head beyond the limit", "GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("y", 1<<20) + "\r\n\r\n"},
		{"too many fields", "GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("x: y\r\n", 2001) + "\r\n"},
		{"both lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
		{"two lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc"},
		{"list of lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\nabc"},
		{"signed length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc"},
		{"huge length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\nabc"},
		{"other coding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
		{"obscured coding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"},
		{"chunked in 1.0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
		{"space before colon", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n"},
		{"folded line", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"},
		{"NUL in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n"},
		{"NUL in the target", "GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n"},
		{"CR in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb: c\r\n\r\n"},
		{"two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"},
		{"no target", "GET HTTP/1.1\r\nHost: a\r\n\r\n"},
		{"other version", "GET / HTTP/3.0\r\nHost: a\r\n\r\n"},
		{"another protocol", "SSH-2.0-OpenSSH_9.9\r\n\r\n"},
		{"chunk size in bare LF", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n"},
		{"chunk too long", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n0\r\n\r\n"},
		{"chunk size signed", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nxy\r\n0\r\n\r\n"},
		{"chunk size hex prefix", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\nx\r\n0\r\n\r\n"},
		{"endless trailer", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + strings.Repeat("x: yyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n", 5000) + "\r\n"},
		{"CONNECT with a body", "CONNECT a:443 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"},
		{"CONNECT without a port", "CONNECT a HTTP/1.1\r\n\r\n"},
	}
	for _, b := range broken {
		status := 400
		if strings.HasPrefix(b.name, "head beyond") || strings.HasPrefix(b.name, "too many") {
			status = 431
		}
		tests = append(tests, struct {
			name   string
			cfg    channel.SinkConfig
			raw    string
			status []int
			want   []seen
			gaps   []string
		}{name: b.name, raw: b.raw, status: []int{status}, gaps: []string{gate.GapBrokenMessage}})
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, test.cfg)
			got := r.say(test.raw)
			if diff := cmp.Diff(test.status, statuses(got)); diff != "" {
				t.Errorf("statuses (-want +got):\n%s\n%s", diff, got)
			}
			r.close()
			if diff := cmp.Diff(test.want, r.log.seen()); diff != "" {
				t.Errorf("messages (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.gaps, r.log.kinds()); diff != "" {
				t.Errorf("gaps (-want +got):\n%s\n%s", diff, r.log.details())
			}
			if s := r.sink.Stats(); s.Accepted != uint64(len(test.want)) || s.Busy != 0 || s.Open != 0 || s.LastAt == 0 {
				t.Errorf("stats: %+v", s)
			}
		})
	}
}

// Each request that ends half way, wherever it is cut, is a gap and not a message.
func TestSinkHalfWay(t *testing.T) {
	const whole = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
	r := newRig(t, channel.SinkConfig{})
	for i := 1; i < len(whole); i++ {
		before := len(r.log.kinds())
		r.say(whole[:i])
		await(t, fmt.Sprintf("a gap for %q", whole[:i]), func() bool { return len(r.log.kinds()) == before+1 })
	}
	r.close()
	if n := len(r.log.all()); n != 0 {
		t.Errorf("%d messages were stored", n)
	}
	for _, k := range r.log.kinds() {
		if k != gate.GapBrokenMessage {
			t.Errorf("gap %s", k)
		}
	}
}

func client(r *rig, proxy string, protocols func(*nethttp.Protocols)) *nethttp.Client {
	p := new(nethttp.Protocols)
	protocols(p)
	tr := &nethttp.Transport{
		TLSClientConfig: r.trust(),
		Protocols:       p,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", r.sink.Address())
		},
	}
	if proxy != "" {
		tr.Proxy = nethttp.ProxyURL(&url.URL{Scheme: proxy, Host: "proxy.example:3128"})
	}
	r.t.Cleanup(tr.CloseIdleConnections)
	return &nethttp.Client{Transport: tr, Timeout: patience}
}

func http1(p *nethttp.Protocols) { p.SetHTTP1(true) }
func http2p(p *nethttp.Protocols) {
	p.SetHTTP2(true)
}
func h2c(p *nethttp.Protocols) { p.SetUnencryptedHTTP2(true) }

func TestSinkClients(t *testing.T) {
	tests := []struct {
		name      string
		url       string
		proxy     string
		protocols func(*nethttp.Protocols)
		host, tls string
		events    []string
		line      string
	}{
		{"origin", "http://api.example/x", "", http1, "api.example", "", nil, "POST /x HTTP/1.1"},
		{"origin with a port", "http://api.example:8080/x", "", http1, "api.example:8080", "", nil, "POST /x HTTP/1.1"},
		{"h2c", "http://api.example/x", "", h2c, "api.example", "", []string{"http/2"}, "POST /x HTTP/1.1"},
		{"proxy", "http://api.example/x", "http", http1, "api.example", "", nil, "POST http://api.example/x HTTP/1.1"},
		{"direct TLS", "https://api.example/x", "", http1, "api.example", "TLS 1.3", nil, "POST /x HTTP/1.1"},
		{"direct TLS, HTTP/2", "https://api.example/x", "", http2p, "api.example", "TLS 1.3", []string{"http/2"}, "POST /x HTTP/1.1"},
		{"CONNECT", "https://api.example/x", "http", http1, "api.example", "TLS 1.3", nil, "POST /x HTTP/1.1"},
		{"CONNECT, HTTP/2", "https://Api.Example/x", "http", http2p, "api.example", "TLS 1.3", []string{"http/2"}, "POST /x HTTP/1.1"},
		{"TLS to a proxy", "http://api.example/x", "https", http1, "api.example", "", nil, "POST http://api.example/x HTTP/1.1"},
		{"TLS to a proxy, CONNECT", "https://api.example/x", "https", http1, "api.example", "TLS 1.3", nil, "POST /x HTTP/1.1"},
		{"CONNECT to a port", "https://api.example:8443/x", "http", http1, "api.example:8443", "TLS 1.3", nil, "POST /x HTTP/1.1"},
		{"CONNECT to an address", "https://[2001:db8::1]/x", "http", http1, "[2001:db8::1]", "TLS 1.3", nil, "POST /x HTTP/1.1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, channel.SinkConfig{})
			c := client(r, test.proxy, test.protocols)
			for range 2 {
				body := strings.Repeat("hello ", 20_000)
				resp, err := c.Post(test.url, "text/plain", io.MultiReader(strings.NewReader(body)))
				if err != nil {
					t.Fatal(err)
				}
				answer, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if err != nil || resp.StatusCode != 200 || string(answer) != "{}" || resp.Header.Get("Date") != "" {
					t.Fatalf("%d %q %v %v", resp.StatusCode, answer, resp.Header, err)
				}
				got := r.log.all()
				m := got[len(got)-1]
				line, _, _ := strings.Cut(string(m.Head), "\r\n")
				if m.Host != test.host || m.TLS != test.tls || string(m.Body) != body || line != test.line || !slices.Equal(m.Events, test.events) ||
					m.Channel != "http" || m.Sink != "web" || m.At == 0 || m.Peer == "" {
					t.Errorf("message: host %q, tls %q, events %v, %d bytes\n%s", m.Host, m.TLS, m.Events, len(m.Body), m.Head)
				}
			}
			r.close()
			if gaps := r.log.kinds(); len(gaps) > 0 {
				t.Errorf("gaps: %v %s", gaps, r.log.details())
			}
		})
	}
}

func TestSinkOwnAddress(t *testing.T) {
	r := newRig(t, channel.SinkConfig{})
	for _, host := range []string{r.sink.Address(), strings.Replace(r.sink.Address(), "127.0.0.1", "localhost", 1)} {
		resp, err := nethttp.Get("http://" + host + "/")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	tr := &nethttp.Transport{TLSClientConfig: r.trust()}
	defer tr.CloseIdleConnections()
	resp, err := (&nethttp.Client{Transport: tr}).Get("https://" + r.sink.Address() + "/")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	decode, err := http.Protocol().Decode(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range r.log.all() {
		d, err := decode(m)
		if err != nil || m.Host != "" || d[0].Recipients[0].String() != "host:web as party" {
			t.Errorf("host %q: %v %v", m.Host, d, err)
		}
	}
}

func TestSinkAnswers(t *testing.T) {
	r := newRig(t, channel.SinkConfig{Settings: settings(`
		answers = [
			{ match = "POST /v1/messages", host = "*.x.example", status = 202, headers = { X-Id = "7" }, body = '{"id":7}' },
			{ match = "* /gone/**", status = 410 },
			{ match = "DELETE /v1/*", status = 204 },
		]`)})
	tests := []struct {
		method, url string
		header      nethttp.Header
		status      int
		body, ctype string
	}{
		{"POST", "http://api.x.example/v1/messages?q", nil, 202, `{"id":7}`, "application/json"},
		{"POST", "http://y.example/v1/messages", nil, 200, `{}`, "application/json"},
		{"PUT", "http://y.example/gone/a/b", nil, 410, "", ""},
		{"PUT", "http://y.example/gone", nil, 410, "", ""},
		{"PUT", "http://y.example/gonebut", nil, 200, `{}`, "application/json"},
		{"DELETE", "http://y.example/v1/3", nil, 204, "", ""},
		{"DELETE", "http://y.example/v1/3/4", nil, 200, "{}", "application/json"},
		{"HEAD", "http://y.example/", nil, 200, "", "application/json"},
		{"GET", "http://y.example/p.gif", nethttp.Header{"Accept": {"image/avif,*/*"}}, 200, "GIF89a", "image/gif"},
		{"OPTIONS", "http://y.example/", nethttp.Header{"Origin": {"https://o.example"}, "Access-Control-Request-Method": {"POST"}}, 204, "", ""},
	}
	for _, protocols := range []func(*nethttp.Protocols){http1, h2c} {
		c := client(r, "", protocols)
		for _, test := range tests {
			req, err := nethttp.NewRequest(test.method, test.url, nil)
			if err != nil {
				t.Fatal(err)
			}
			if test.header != nil {
				req.Header = test.header
			}
			resp, err := c.Do(req)
			if err != nil {
				t.Fatalf("%s %s: %v", test.method, test.url, err)
			}
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil || resp.StatusCode != test.status || !strings.HasPrefix(string(body), test.body) || (test.body == "") != (len(body) == 0) || resp.Header.Get("Content-Type") != test.ctype {
				t.Errorf("%s %s: %d %q %v %v", test.method, test.url, resp.StatusCode, body, resp.Header, err)
			}
			if origin := req.Header.Get("Origin"); resp.Header.Get("Access-Control-Allow-Origin") != origin {
				t.Errorf("%s %s: CORS %v", test.method, test.url, resp.Header)
			}
			if test.status == 202 && resp.Header.Get("X-Id") != "7" {
				t.Errorf("headers: %v", resp.Header)
			}
		}
	}
	if n := len(r.log.all()); n != 2*len(tests) {
		t.Errorf("%d messages for %d requests", n, 2*len(tests))
	}
}

// A message that was not stored is not acknowledged, in either version of HTTP.
func TestSinkKeepFails(t *testing.T) {
	for name, protocols := range map[string]func(*nethttp.Protocols){"http1": http1, "h2c": h2c} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, channel.SinkConfig{})
			r.log.fail = errors.New("the disk is full")
			resp, err := client(r, "", protocols).Post("http://a.example/", "text/plain", strings.NewReader("x"))
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != 503 || r.sink.Stats().Accepted != 0 || !slices.Equal(r.log.kinds(), []string{gate.GapStore}) {
				t.Errorf("%d, stats %+v, gaps %v", resp.StatusCode, r.sink.Stats(), r.log.kinds())
			}
		})
	}
}

// The answer comes after Keep has returned, never before.
func TestSinkAnswersAfterKeep(t *testing.T) {
	for name, protocols := range map[string]func(*nethttp.Protocols){"http1": http1, "h2c": h2c} {
		t.Run(name, func(t *testing.T) {
			entered, release := make(chan struct{}), make(chan struct{})
			r := newRig(t, channel.SinkConfig{Keep: func(*gate.Message) error {
				close(entered)
				<-release
				return nil
			}})
			answered := make(chan error, 1)
			go func() {
				resp, err := client(r, "", protocols).Get("http://a.example/")
				if err == nil {
					resp.Body.Close()
				}
				answered <- err
			}()
			<-entered
			if s := r.sink.Stats(); s.Busy != 1 || s.Open != 1 || s.Accepted != 0 {
				t.Errorf("stats while keeping: %+v", s)
			}
			select {
			case err := <-answered:
				t.Fatalf("answered before it was kept: %v", err)
			case <-time.After(20 * time.Millisecond):
			}
			close(release)
			if err := <-answered; err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestSinkMoods(t *testing.T) {
	for name, protocols := range map[string]func(*nethttp.Protocols){"http1": http1, "h2c": h2c} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, channel.SinkConfig{})
			c := client(r, "", protocols)
			post := func() (int, error) {
				resp, err := c.Post("http://a.example/", "text/plain", io.MultiReader(strings.NewReader("x")))
				if err != nil {
					return 0, err
				}
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				return resp.StatusCode, nil
			}
			step := func(m channel.Mood, status int, fails bool, stored int) {
				t.Helper()
				r.sink.Mood(m)
				got, err := post()
				if got != status || (err != nil) != fails || len(r.log.all()) != stored {
					t.Errorf("mood %d: status %d, error %v, %d stored", m, got, err, len(r.log.all()))
				}
			}
			step(channel.Accept, 200, false, 1)
			step(channel.Refuse, 503, false, 1) // on the open connection
			step(channel.Drop, 0, true, 1)      // there too
			step(channel.Drop, 0, true, 1)      // and on a new one
			step(channel.Accept, 200, false, 2)
			r.close()
			if s := r.sink.Stats(); s.Refused < 3 || s.Accepted != 2 {
				t.Errorf("stats: %+v", s)
			}
			if gaps := r.log.kinds(); len(gaps) != 0 {
				t.Errorf("gaps of a scripted mood: %v %s", gaps, r.log.details())
			}
		})
	}
}

func TestSinkHandshake(t *testing.T) {
	tests := []struct {
		name string
		do   func(*rig)
		kind string
		says string
	}{
		{"a client that does not trust the root, direct", func(r *rig) {
			c := tls.Client(r.dial(), &tls.Config{ServerName: "api.example"})
			if c.Handshake() == nil {
				r.t.Error("the root was trusted")
			}
			c.Close()
		}, gate.GapHandshake, `"api.example"`},
		{"a client that does not trust the root, in a tunnel", func(r *rig) {
			c := r.dial()
			io.WriteString(c, "CONNECT tracker.example:443 HTTP/1.1\r\n\r\n")
			if _, err := io.ReadFull(c, make([]byte, len("HTTP/1.1 200 Connection established\r\n\r\n"))); err != nil {
				r.t.Fatal(err)
			}
			inner := tls.Client(c, &tls.Config{ServerName: "tracker.example"})
			if inner.Handshake() == nil {
				r.t.Error("the root was trusted")
			}
			inner.Close()
		}, gate.GapHandshake, `"tracker.example"`},
		{"not TLS after its first byte", func(r *rig) { r.say("\x16garbage that is no handshake") }, gate.GapHandshake, "an unnamed host"},
		{"a tunnel in which nothing is said", func(r *rig) { r.say("CONNECT quiet.example:443 HTTP/1.1\r\n\r\n") }, gate.GapHandshake, `"quiet.example:443"`},
		{"a TLS connection on which nothing is said", func(r *rig) {
			cfg := r.trust()
			cfg.ServerName = "quiet.example"
			c := tls.Client(r.dial(), cfg)
			if err := c.Handshake(); err != nil {
				r.t.Error(err)
			}
			c.Close()
		}, gate.GapHandshake, `"quiet.example"`},
		{"another protocol in a tunnel", func(r *rig) {
			r.say("CONNECT mail.example:25 HTTP/1.1\r\n\r\nEHLO me\r\n\r\n")
		}, gate.GapBrokenMessage, `"mail.example:25"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, channel.SinkConfig{})
			test.do(r)
			await(t, "the connection to end", func() bool { return r.sink.Stats().Open == 0 })
			r.close()
			if kinds := r.log.kinds(); !slices.Equal(kinds, []string{test.kind}) || !strings.Contains(r.log.details(), test.says) {
				t.Errorf("gaps %v: %s", kinds, r.log.details())
			}
		})
	}
}

// TLS that asks for another name than its tunnel: both are stated.
func TestSinkFronting(t *testing.T) {
	r := newRig(t, channel.SinkConfig{})
	c := r.dial()
	io.WriteString(c, "CONNECT cdn.example:443 HTTP/1.1\r\n\r\n")
	if _, err := io.ReadFull(c, make([]byte, len("HTTP/1.1 200 Connection established\r\n\r\n"))); err != nil {
		t.Fatal(err)
	}
	cfg := r.trust()
	cfg.ServerName = "hidden.example"
	inner := tls.Client(c, cfg)
	io.WriteString(inner, "GET / HTTP/1.1\r\nHost: third.example\r\nConnection: close\r\n\r\n")
	if _, err := io.ReadAll(inner); err != nil {
		t.Fatal(err)
	}
	m := r.log.all()[0]
	decode, err := http.Protocol().Decode(nil)
	if err != nil {
		t.Fatal(err)
	}
	out, err := decode(m)
	if err != nil {
		t.Fatal(err)
	}
	got := render(out)
	for _, want := range []string{"to host:cdn.example as party", `transport/sni "hidden.example"`, `header/host "third.example"`} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is missing from\n%s", want, got)
		}
	}
}

// TLS names a host without the dot that an absolute name ends in: that is the host
// that was asked for, port included.
func TestSinkAbsoluteName(t *testing.T) {
	r := newRig(t, channel.SinkConfig{})
	proxied := client(r, "http", http1)
	for _, url := range []string{"https://api.example./", "https://api.example.:8443/"} {
		resp, err := proxied.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	cfg := r.trust()
	cfg.ServerName = "api.example"
	c := tls.Client(r.dial(), cfg)
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: api.example.:8443\r\nConnection: close\r\n\r\n")
	if _, err := io.ReadAll(c); err != nil {
		t.Fatal(err)
	}
	want := []string{"api.example.", "api.example.:8443", "api.example.:8443"}
	for i, m := range r.log.all() {
		if m.Host != want[i] || len(m.Events) > 0 {
			t.Errorf("host %q, want %q; events %q", m.Host, want[i], m.Events)
		}
	}
	if n := len(r.log.all()); n != len(want) {
		t.Errorf("%d messages, want %d", n, len(want))
	}
}

// Clients open connections in reserve: that is no gap where a message went to the same host.
func TestSinkReserve(t *testing.T) {
	r := newRig(t, channel.SinkConfig{})
	cfg := r.trust()
	cfg.ServerName = "api.example"
	for _, protocol := range []string{"http/1.1", "h2"} {
		cfg := cfg.Clone()
		cfg.NextProtos = []string{protocol}
		reserve := tls.Client(r.dial(), cfg)
		if err := reserve.Handshake(); err != nil {
			t.Fatal(err)
		}
		reserve.Close()
		await(t, "the connection to end", func() bool { return r.sink.Stats().Open == 0 })
	}
	resp, err := client(r, "", http1).Get("https://api.example/")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	r.dial() // says nothing to nobody
	r.close()
	if gaps := r.log.kinds(); len(gaps) > 0 {
		t.Errorf("gaps: %v %s", gaps, r.log.details())
	}
}

// What net/http turns away by itself must not be lost without a word.
func TestSinkHTTP2TurnedAway(t *testing.T) {
	tests := []struct {
		name   string
		fields []hpack.HeaderField
	}{
		{"a head beyond the limit", append(pseudo("/"), hpack.HeaderField{Name: "x", Value: strings.Repeat("y", 2<<20)})},
		{"a malformed head", append(pseudo("/"), hpack.HeaderField{Name: "connection", Value: "x"})},
		{"no path", pseudo("")},
		{"a field name in upper case", append(pseudo("/"), hpack.HeaderField{Name: "X-A", Value: "y"})},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, channel.SinkConfig{})
			c := r.dial()
			var block bytes.Buffer
			enc := hpack.NewEncoder(&block)
			for _, f := range test.fields {
				enc.WriteField(f)
			}
			io.WriteString(c, http2.ClientPreface)
			framer := http2.NewFramer(c, c)
			framer.WriteSettings()
			go func() {
				b := block.Bytes()
				n := min(len(b), 16<<10)
				framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: b[:n], EndStream: true, EndHeaders: n == len(b)})
				for b = b[n:]; len(b) > 0; b = b[n:] {
					n = min(len(b), 16<<10)
					framer.WriteContinuation(1, n == len(b), b[:n])
				}
				framer.WriteData(3, true, nil) // a connection error: the server hangs up
			}()
			io.Copy(io.Discard, c)
			c.Close()
			await(t, "the connection to end", func() bool { return r.sink.Stats().Open == 0 })
			if !slices.Contains(r.log.kinds(), gate.GapBrokenMessage) || len(r.log.all()) != 0 {
				t.Errorf("gaps %v, %d messages", r.log.kinds(), len(r.log.all()))
			}
		})
	}
}

func pseudo(path string) []hpack.HeaderField {
	f := []hpack.HeaderField{{Name: ":method", Value: "GET"}, {Name: ":scheme", Value: "http"}, {Name: ":authority", Value: "a.example"}}
	if path != "" {
		f = append(f, hpack.HeaderField{Name: ":path", Value: path})
	}
	return f
}

func TestSinkExpectContinue(t *testing.T) {
	r := newRig(t, channel.SinkConfig{})
	c := r.dial()
	io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
	const interim = "HTTP/1.1 100 Continue\r\n\r\n"
	b := make([]byte, len(interim))
	if _, err := io.ReadFull(c, b); err != nil || string(b) != interim {
		t.Fatalf("%q %v", b, err)
	}
	io.WriteString(c, "hi")
	if _, err := io.ReadFull(c, b[:12]); err != nil || string(b[:12]) != "HTTP/1.1 200" {
		t.Fatalf("%q %v", b, err)
	}
	if got := r.log.seen(); len(got) != 1 || got[0].Body != "hi" {
		t.Errorf("%+v", got)
	}
}

// Close waits for what is under way, and breaks it when told to, with a gap.
func TestSinkClose(t *testing.T) {
	for name, protocols := range map[string]func(*nethttp.Protocols){"http1": http1, "h2c": h2c} {
		for _, patient := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s patient %v", name, patient), func(t *testing.T) {
				r := newRig(t, channel.SinkConfig{})
				body, write := io.Pipe()
				var wg sync.WaitGroup
				wg.Add(1)
				var status int
				var failed error
				go func() {
					defer wg.Done()
					resp, err := client(r, "", protocols).Post("http://a.example/", "text/plain", body)
					if failed = err; err == nil {
						status = resp.StatusCode
						resp.Body.Close()
					}
				}()
				io.WriteString(write, "half ")
				await(t, "the request to be under way", func() bool { return r.sink.Stats().Busy == 1 })
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				defer cancel()
				closed := make(chan error, 1)
				go func() { closed <- r.sink.Close(ctx) }()
				await(t, "the port to close", func() bool {
					c, err := net.Dial("tcp", r.sink.Address())
					if err == nil {
						c.Close()
					}
					return err != nil
				})
				r.closed = true
				if !patient {
					cancel()
					if err := <-closed; err != nil {
						t.Errorf("close: %v", err)
					}
					write.CloseWithError(io.ErrClosedPipe)
					wg.Wait()
					if failed == nil || !slices.Equal(r.log.kinds(), []string{gate.GapBrokenMessage}) || len(r.log.all()) != 0 {
						t.Errorf("client %v, gaps %v %s, %d messages", failed, r.log.kinds(), r.log.details(), len(r.log.all()))
					}
					return
				}
				io.WriteString(write, "whole")
				write.Close()
				wg.Wait()
				if err := <-closed; err != nil {
					t.Errorf("close: %v", err)
				}
				if got := r.log.seen(); failed != nil || status != 200 || len(got) != 1 || got[0].Body != "half whole" || len(r.log.kinds()) != 0 {
					t.Errorf("client %v %d, gaps %v %s, %+v", failed, status, r.log.kinds(), r.log.details(), got)
				}
			})
		}
	}
}

func TestListenErrors(t *testing.T) {
	r := newRig(t, channel.SinkConfig{})
	ok := channel.SinkConfig{Name: "web", Address: "127.0.0.1:0", Keep: r.log.keep, Gap: r.log.gap}
	tests := []struct {
		name string
		cfg  func(*channel.SinkConfig)
		says string
	}{
		{"port taken", func(c *channel.SinkConfig) { c.Address = r.sink.Address() }, r.sink.Address()},
		{"no keep", func(c *channel.SinkConfig) { c.Keep = nil }, "nowhere to keep"},
		{"unknown key", func(c *channel.SinkConfig) { c.Settings = settings(`answer = 1`) }, "answer"},
		{"bad match", func(c *channel.SinkConfig) { c.Settings = settings(`answers = [{ match = "/x" }]`) }, "answers[0]"},
		{"bad glob", func(c *channel.SinkConfig) { c.Settings = settings(`answers = [{ match = "GET /[" }]`) }, "pattern"},
		{"bad status", func(c *channel.SinkConfig) { c.Settings = settings(`answers = [{ match = "GET /", status = 100 }]`) }, "status 100"},
		{"body of 204", func(c *channel.SinkConfig) {
			c.Settings = settings(`answers = [{ match = "GET /", status = 204, body = "x" }]`)
		}, "no body"},
		{"split header", func(c *channel.SinkConfig) {
			c.Settings = settings(`answers = [{ match = "GET /", headers = { X = "a\r\nb" } }]`)
		}, `"X"`},
		{"bad jq", func(c *channel.SinkConfig) {
			c.Settings = settings(`fanout = [{ match = "POST /", each = ".a[", mail = [".b"] }]`)
		}, "fanout[0]: each"},
		{"nobody", func(c *channel.SinkConfig) { c.Settings = settings(`fanout = [{ match = "POST /", each = ".a[]" }]`) }, "no recipients"},
		{"bad host", func(c *channel.SinkConfig) { c.Settings = settings(`host = "a b"`) }, "host"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cfg := ok
			test.cfg(&cfg)
			s, err := http.Protocol().Listen(cfg)
			if err == nil {
				s.Close(context.Background())
				t.Fatal("it listens")
			}
			if !strings.Contains(err.Error(), test.says) {
				t.Errorf("error: %v", err)
			}
			if cfg.Settings != nil && http.Protocol().Check(cfg.Settings) == nil {
				t.Error("Check finds nothing wrong")
			}
		})
	}
}

// FuzzSink gives a sink any bytes: it must answer or hang up, and whatever is not
// a message is a gap, unless nothing was said or all was scripted.
func FuzzSink(f *testing.F) {
	for _, s := range []string{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;x\r\na\r\n0\r\nT: v\r\n\r\n",
		"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
		"CONNECT a:1 HTTP/1.1\r\n\r\nGET / HTTP/1.0\r\n\r\n",
		http2.ClientPreface + "\x00\x00\x00\x04\x00\x00\x00\x00\x00",
		"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00",
		"\r\n\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Add([]byte("PRI * HTTP/1.1\r\nHost: a\r\n\r\n"))
	f.Add([]byte(http2.ClientPreface[:20]))
	r := newRig(f, channel.SinkConfig{MaxBody: 64})
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := net.Dial("tcp", r.sink.Address())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(patience))
		before := len(r.log.all()) + len(r.log.kinds())
		go func() {
			c.Write(raw)
			c.(*net.TCPConn).CloseWrite()
		}()
		if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("the sink neither answers nor hangs up")
		}
		await(t, "the connection to end", func() bool { return r.sink.Stats().Open == 0 })
		quiet := len(bytes.Trim(raw, "\r\n")) == 0 ||
			bytes.HasPrefix(raw, []byte("CONNECT ")) || bytes.HasPrefix(raw, []byte(http2.ClientPreface))
		if !quiet && len(r.log.all())+len(r.log.kinds()) == before {
			t.Errorf("nothing was kept of %q", raw)
		}
	})
}

func BenchmarkHTTPSink(b *testing.B) {
	r := newRig(b, channel.SinkConfig{Keep: func(*gate.Message) error { return nil }})
	body := strings.Repeat("x", 1000)
	raw := fmt.Sprintf("POST /v1/events?a=b HTTP/1.1\r\nHost: api.example\r\nUser-Agent: bench\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		c, err := net.Dial("tcp", r.sink.Address())
		if err != nil {
			b.Error(err)
			return
		}
		defer c.Close()
		buf := make([]byte, 4096)
		for pb.Next() {
			if _, err := io.WriteString(c, raw); err != nil {
				b.Error(err)
				return
			}
			if _, err := c.Read(buf); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
