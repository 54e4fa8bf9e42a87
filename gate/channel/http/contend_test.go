package http_test

import (
	"context"
	"fmt"
	nethttp "net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
	"github.com/waybill-dev/waybill/gate/channel/http"
)

// contender drives a server.
func contender(t *testing.T, handler nethttp.HandlerFunc) channel.Contender {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	d, err := http.Protocol().Drive(channel.DriveConfig{Door: "web", Address: s.URL, Concurrency: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d.(channel.Contender)
}

func fetching(id, path string) *gate.Stimulus {
	return &gate.Stimulus{ID: id, Channel: "http", Door: "web", Head: []byte("GET " + path + " HTTP/1.1\r\nHost: h\r\n")}
}

// TestAbandon goes away before the answer: the server learns of it.
func TestAbandon(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	gone := make(chan string, 1)
	d := contender(t, func(_ nethttp.ResponseWriter, r *nethttp.Request) {
		<-r.Context().Done()
		gone <- r.URL.Path
	})
	if err := d.Abandon(ctx, fetching("a", "/slow"), time.Millisecond); err != nil {
		t.Fatal(err)
	}
	select {
	case path := <-gone:
		if path != "/slow" {
			t.Errorf("%s was given up", path)
		}
	case <-ctx.Done():
		t.Error("the server did not learn that its client has gone")
	}
	closed := contender(t, nil)
	if err := closed.Abandon(ctx, &gate.Stimulus{Channel: "http", Head: []byte("GET\r\n")}, 0); err == nil {
		t.Error("what is no request was sent")
	}
}

// TestPipeline reads both answers, each as that to its own request, and sends the second again
// where the server closes after the first.
func TestPipeline(t *testing.T) {
	for _, closes := range []bool{false, true} {
		t.Run(fmt.Sprint("closes ", closes), func(t *testing.T) {
			var asked atomic.Int32
			d := contender(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
				asked.Add(1)
				if closes {
					w.Header().Set("Connection", "close")
				}
				fmt.Fprint(w, "of ", r.URL.Path)
			})
			x, y := d.Pipeline(t.Context(), fetching("x", "/x"), fetching("y", "/y"))
			for _, o := range []gate.Outcome{x, y} {
				if o.Error != "" || o.Status != 200 || string(o.Body) != "of /"+o.Stimulus {
					t.Errorf("outcome %+v, body %q", o, o.Body)
				}
			}
			if asked.Load() != 2 {
				t.Errorf("the server was asked %d times", asked.Load())
			}
		})
	}
}

// TestPipelineBroken does not take half an answer for one, nor send its request again.
func TestPipelineBroken(t *testing.T) {
	w := newWire(t, func(int) string {
		return "HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\nhalf"
	})
	d, err := http.Protocol().Drive(channel.DriveConfig{Door: "web", Address: w.listener.Addr().String(), Concurrency: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	x, _ := d.(channel.Contender).Pipeline(t.Context(), fetching("x", "/x"), fetching("y", "/y"))
	if x.Error == "" || x.Status != 200 {
		t.Errorf("outcome %+v", x)
	}
}

// TestDawdle reads an answer whole, however slowly.
func TestDawdle(t *testing.T) {
	text := strings.Repeat("a page that is long enough. ", 10_000)
	d := contender(t, func(w nethttp.ResponseWriter, _ *nethttp.Request) { fmt.Fprint(w, text) })
	o := d.Dawdle(t.Context(), fetching("s", "/"), 50*time.Millisecond)
	if o.Error != "" || o.Status != 200 || int64(len(o.Body))+o.Cut != int64(len(text)) {
		t.Errorf("status %d, %s: %d bytes, %d cut, want %d", o.Status, o.Error, len(o.Body), o.Cut, len(text))
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if o := d.Dawdle(gone, fetching("s", "/"), time.Minute); o.Error == "" {
		t.Error("it went on after its time was over")
	}
}
