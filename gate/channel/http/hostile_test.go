package http_test

import (
	"bufio"
	"context"
	"io"
	"net"
	nethttp "net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
)

// newServer runs serve for each connection, numbered from 1, and closes it then.
func newServer(t testing.TB, serve func(n int, c *net.TCPConn, br *bufio.Reader)) (address string, opened *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	opened = new(atomic.Int64)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			n := int(opened.Add(1))
			go func() {
				defer c.Close()
				serve(n, c.(*net.TCPConn), bufio.NewReader(c))
			}()
		}
	}()
	return l.Addr().String(), opened
}

// hear reads one request whole.
func hear(br *bufio.Reader) bool {
	r, err := nethttp.ReadRequest(br)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, r.Body)
	return err == nil
}

func get(id string) *gate.Stimulus {
	return &gate.Stimulus{ID: id, Head: []byte("GET / HTTP/1.1\r\nHost: h\r\n")}
}

// What is sent is what was recorded, to the byte, but for what is between neighbours.
func TestDriverSendsBytes(t *testing.T) {
	heard := make(chan string, 1)
	address, _ := newServer(t, func(_ int, c *net.TCPConn, br *bufio.Reader) {
		var head strings.Builder
		for !strings.HasSuffix(head.String(), "\r\n\r\n") {
			b, err := br.ReadByte()
			if err != nil {
				return
			}
			head.WriteByte(b)
		}
		body := make([]byte, 4)
		io.ReadFull(br, body)
		heard <- head.String() + string(body)
		io.WriteString(c, empty200)
	})
	d := open(t, channel.DriveConfig{Address: address, Settings: settings(`headers = { X-Set = "s" }`)})
	o := do(t, d, &gate.Stimulus{ID: "s", Body: []byte("body"), Head: []byte("PATCH /%zz?&&# HTTP/1.0\r\nb:1\r\nHOST: \th \r\nConnection: close\r\ncontent-length: 4\r\nA:  2\t \nTraceparent: t\r\nx-set: r\r\nb: 3 ; \xff\r\n")})
	want := "PATCH /%zz?&&# HTTP/1.1\r\nb:1\r\nHOST: \th \r\nContent-Length: 4\r\nA:  2\t \r\nTraceparent: t\r\nb: 3 ; \xff\r\nX-Set: s\r\n\r\nbody"
	if got := <-heard; o.Error != "" || got != want {
		t.Errorf("%s\nsent %q\nwant %q", o.Error, got, want)
	}
}

// A connection goes on to the next stimulus only where nothing can be left on it of
// the one before. What is left there is no answer's, and was not compared: that is an error.
func TestDriverKeepsConnections(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
	tests := []struct {
		name, method, answer string
		connections          int64 // for three stimuli
		behind               bool  // more comes than the answer
	}{
		{"as should be", "GET", ok, 1, false},
		{"chunked", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nT: x\r\n\r\n", 1, false},
		{"no content", "GET", "HTTP/1.1 204 No Content\r\n\r\n", 1, false},
		{"head alone", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", 1, false},
		{"after an interim answer", "GET", "HTTP/1.1 103 Early Hints\r\n\r\n" + ok, 1, false},
		{"HTTP/1.0 that is kept", "GET", "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n", 1, false},
		{"HTTP/1.0", "GET", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", 3, false},
		{"closes", "GET", "HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 0\r\n\r\n", 3, false},
		{"length and coding", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 3, false},
		{"more than its length", "GET", ok + "!", 3, true},
		{"two answers", "GET", ok + ok, 3, true},
		{"no content, and some", "GET", "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok", 3, true},
		{"a body for HEAD", "HEAD", ok, 3, true},
		{"more than its chunks", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n0\r\n\r\n", 3, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			address, opened := newServer(t, func(_ int, c *net.TCPConn, br *bufio.Reader) {
				for hear(br) {
					io.WriteString(c, test.answer)
				}
			})
			d := open(t, channel.DriveConfig{Address: address})
			for range 3 {
				s := &gate.Stimulus{ID: "s", Head: []byte(test.method + " / HTTP/1.1\r\nHost: h\r\n")}
				o := do(t, d, s)
				if behind := strings.Contains(o.Error, "behind its answer"); o.Status/100 != 2 || behind != test.behind || !behind && o.Error != "" {
					t.Fatalf("outcome: %+v", o)
				}
			}
			if n := opened.Load(); n != test.connections {
				t.Errorf("%d connections, want %d", n, test.connections)
			}
		})
	}
}

// A build that speaks first answers nothing that it was asked.
func TestDriverSpokenToFirst(t *testing.T) {
	address, _ := newServer(t, func(_ int, c *net.TCPConn, br *bufio.Reader) {
		io.WriteString(c, "220 mail.example ESMTP\r\n")
		io.Copy(io.Discard, br)
	})
	if o := do(t, open(t, channel.DriveConfig{Address: address}), get("s")); o.Error == "" || o.Status != 0 {
		t.Errorf("outcome: %+v", o)
	}
}

// An answer to a request that the build did not read whole counts; the connection
// does not go on.
func TestDriverAnsweredEarly(t *testing.T) {
	done := make(chan struct{})
	defer close(done)
	address, opened := newServer(t, func(n int, c *net.TCPConn, br *bufio.Reader) {
		if n == 1 {
			br.ReadString('\n')
			io.WriteString(c, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno")
			<-done
		}
		for hear(br) {
			io.WriteString(c, empty200)
		}
	})
	d := open(t, channel.DriveConfig{Address: address})
	o := do(t, d, &gate.Stimulus{ID: "s", Head: []byte("POST / HTTP/1.1\r\nHost: h\r\n"), Body: make([]byte, 16<<20)})
	if o.Error != "" || o.Status != 413 || string(o.Body) != "no" {
		t.Errorf("outcome: %+v", o)
	}
	if o := do(t, d, get("2")); o.Status != 200 || opened.Load() != 2 {
		t.Errorf("outcome: %+v, %d connections", o, opened.Load())
	}
}

// The body waits for 100 Continue, is not sent where another answer comes, and is
// where none comes.
func TestDriverWaitsToContinue(t *testing.T) {
	for _, test := range []struct {
		name, first string
		status      int
		body        string // that the build gets
	}{
		{"told to go on", "HTTP/1.1 100 Continue\r\n\r\n", 200, "body"},
		{"told something else first", "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n", 200, "body"},
		{"refused", "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n", 417, ""},
		{"told nothing", "", 200, "body"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			heard := make(chan string, 1)
			address, _ := newServer(t, func(_ int, c *net.TCPConn, br *bufio.Reader) {
				for line := ""; line != "\r\n"; {
					var err error
					if line, err = br.ReadString('\n'); err != nil {
						return
					}
				}
				if br.Buffered() > 0 {
					t.Error("the body was sent with the head")
				}
				io.WriteString(c, test.first)
				body := make([]byte, 4)
				n, _ := io.ReadFull(br, body)
				heard <- string(body[:n])
				io.WriteString(c, empty200)
			})
			o := do(t, open(t, channel.DriveConfig{Address: address}), &gate.Stimulus{ID: "s", Body: []byte("body"), Head: []byte("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n")})
			if got := <-heard; o.Error != "" || o.Status != test.status || got != test.body {
				t.Errorf("outcome: %+v, the build got %q", o, got)
			}
		})
	}
}

// Whatever a build withholds, the context ends the wait, and the next stimulus gets
// a connection of its own.
func TestDriverGivesUp(t *testing.T) {
	tests := map[string]string{
		"silent":        "",
		"half a head":   "HTTP/1.1 200 OK\r\nContent-",
		"half a body":   "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
		"half a chunk":  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf",
		"does not end":  "HTTP/1.1 200 OK\r\n\r\nhalf",
		"never decides": "HTTP/1.1 102 Processing\r\n\r\n",
	}
	for name, answer := range tests {
		for _, body := range []int{0, 8 << 20} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				ctx, cancel := context.WithCancel(context.Background())
				done := make(chan struct{})
				defer close(done)
				address, opened := newServer(t, func(n int, c *net.TCPConn, br *bufio.Reader) {
					if n == 1 {
						br.ReadString('\n')
						io.WriteString(c, answer)
						cancel()
						<-done
					}
					for hear(br) {
						io.WriteString(c, empty200)
					}
				})
				d := open(t, channel.DriveConfig{Address: address})
				o := d.Do(ctx, &gate.Stimulus{ID: "s", Head: []byte("POST / HTTP/1.1\r\nHost: h\r\n"), Body: make([]byte, body)})
				if !strings.Contains(o.Error, context.Canceled.Error()) || o.Elapsed <= 0 {
					t.Errorf("outcome: %+v", o)
				}
				if o := do(t, d, get("2")); o.Error != "" || opened.Load() != 2 {
					t.Errorf("outcome: %+v, %d connections", o, opened.Load())
				}
			})
		}
	}
}

// A deadline ends the wait for a silent build.
func TestDriverDeadline(t *testing.T) {
	address, _ := newServer(t, func(_ int, c *net.TCPConn, br *bufio.Reader) { io.Copy(io.Discard, br) })
	d := open(t, channel.DriveConfig{Address: address})
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if o := d.Do(ctx, get("s")); !strings.Contains(o.Error, context.DeadlineExceeded.Error()) {
		t.Errorf("outcome: %+v", o)
	}
}

// Connections that nothing is sent on are closed, well before a server would.
func TestDriverClosesIdle(t *testing.T) {
	ended := make(chan struct{}, 1)
	address, _ := newServer(t, func(_ int, c *net.TCPConn, br *bufio.Reader) {
		for hear(br) {
			io.WriteString(c, empty200)
		}
		ended <- struct{}{}
	})
	d := open(t, channel.DriveConfig{Address: address})
	if o := do(t, d, get("s")); o.Error != "" {
		t.Fatal(o.Error)
	}
	select {
	case <-ended:
	case <-time.After(patience):
		t.Error("the connection is still open")
	}
	if o := do(t, d, get("2")); o.Error != "" {
		t.Error(o.Error)
	}
}
