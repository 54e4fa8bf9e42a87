package http_test

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"net"
	nethttp "net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
	"github.com/waybill-dev/waybill/gate/channel/http"
)

// BenchmarkTap puts a tap and a bare httputil.ReverseProxy in turn before one server
// of package net/http, and says what each adds to the median latency of one client
// and which share of the server's requests a second is left to 16.
func BenchmarkTap(b *testing.B) {
	server := httptest.NewServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/plain")
		w.Write(page)
	}))
	defer server.Close()
	target, err := url.Parse(server.URL)
	if err != nil {
		b.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport = &nethttp.Transport{MaxIdleConnsPerHost: 64}
	peer := httptest.NewServer(proxy)
	defer peer.Close()
	nothing := func(*gate.Stimulus, *gate.Outcome) {}
	tap, err := http.Protocol().Tap(channel.TapConfig{Name: "web", Listen: "127.0.0.1:0", Upstream: target.Host, Exchange: nothing, Missed: func(gate.Gap) {}})
	if err != nil {
		b.Fatal(err)
	}
	defer tap.Close(b.Context())
	addresses := []string{target.Host, tap.Address(), peer.Listener.Addr().String()}

	var p50 [3][]time.Duration
	var rate [3]float64
	for b.Loop() {
		for i, a := range addresses { // in turn, so that a busy machine is busy for each
			p50[i] = append(p50[i], latency(b, a, 500)...)
			rate[i] = max(rate[i], throughput(b, a, 16, 200))
		}
	}
	b.StopTimer()
	direct, ours, theirs := median(p50[0]), median(p50[1]), median(p50[2])
	b.ReportMetric(float64(ours-direct)/1e3, "added-p50-µs")
	b.ReportMetric(float64(theirs-direct)/1e3, "proxy-added-p50-µs")
	b.ReportMetric(float64(ours-direct)/float64(theirs-direct), "added-p50-ratio")
	b.ReportMetric(rate[1]/rate[2], "requests/s-ratio")
}

var page = []byte(fmt.Sprintf("%01000d", 0))

const asked = "POST /v1/x?a=b HTTP/1.1\r\nHost: portal.example\r\nUser-Agent: bench\r\nCookie: session=0123456789abcdef\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\n0123456789"

func latency(b *testing.B, address string, n int) []time.Duration {
	c, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	in := bufio.NewReader(c)
	var took []time.Duration
	for range n {
		begin := time.Now()
		io.WriteString(c, asked)
		res, err := nethttp.ReadResponse(in, nil)
		if err != nil {
			b.Fatal(err)
		}
		io.Copy(io.Discard, res.Body)
		took = append(took, time.Since(begin))
	}
	return took
}

func throughput(b *testing.B, address string, clients, each int) float64 {
	begin := time.Now()
	var all sync.WaitGroup
	for range clients {
		all.Go(func() { latency(b, address, each) })
	}
	all.Wait()
	return float64(clients*each) / time.Since(begin).Seconds()
}

func median[T cmp.Ordered](v []T) T {
	slices.Sort(v)
	return v[len(v)/2]
}
