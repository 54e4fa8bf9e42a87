package record_test

import (
	"bufio"
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

	"github.com/waybill-dev/waybill/gate/channel"
	"github.com/waybill-dev/waybill/gate/channel/http"
	"github.com/waybill-dev/waybill/gate/record"
)

// BenchmarkHTTP puts a recorder and a bare httputil.ReverseProxy in turn before one
// server of package net/http, and says what the one adds to the median latency of a
// client, as a ratio to what the other adds, and the ratio of the requests a second
// that 16 clients get answered through them.
func BenchmarkHTTP(b *testing.B) {
	page := fmt.Appendf(nil, "%01000d", 0)
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
	r, err := record.New(options(b.TempDir()))
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	tap, err := http.Protocol().Tap(channel.TapConfig{Name: "web", Listen: "127.0.0.1:0", Upstream: target.Host, Exchange: r.Exchange, Missed: r.Missed})
	if err != nil {
		b.Fatal(err)
	}
	defer tap.Close(b.Context())
	addresses := []string{target.Host, tap.Address(), peer.Listener.Addr().String()}

	var took [3][]time.Duration
	var rate [3]float64
	for b.Loop() {
		for i, a := range addresses { // in turn, so that a busy machine is busy for each
			took[i] = append(took[i], ask(b, a, 300)...)
			begin := time.Now()
			var all sync.WaitGroup
			for range 16 {
				all.Go(func() { ask(b, a, 100) })
			}
			all.Wait()
			rate[i] = max(rate[i], 1600/time.Since(begin).Seconds())
		}
	}
	b.StopTimer()
	var p50 [3]float64
	for i := range took {
		slices.Sort(took[i])
		p50[i] = float64(took[i][len(took[i])/2]) / 1e3
	}
	b.ReportMetric(p50[1]-p50[0], "added-p50-µs")
	b.ReportMetric(p50[2]-p50[0], "proxy-added-p50-µs")
	b.ReportMetric((p50[1]-p50[0])/(p50[2]-p50[0]), "added-p50-ratio")
	b.ReportMetric(rate[1]/rate[2], "requests/s-ratio")
}

// ask makes n requests on one connection, and says how long each took.
func ask(b *testing.B, address string, n int) []time.Duration {
	const request = "POST /v1/x?a=b HTTP/1.1\r\nHost: portal.example\r\nUser-Agent: bench\r\nCookie: session=0123456789abcdef\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\n0123456789"
	c, err := net.Dial("tcp", address)
	if err != nil {
		b.Error(err)
		return nil
	}
	defer c.Close()
	in := bufio.NewReader(c)
	var took []time.Duration
	for range n {
		begin := time.Now()
		io.WriteString(c, request)
		res, err := nethttp.ReadResponse(in, nil)
		if err != nil {
			b.Error(err)
			return took
		}
		io.Copy(io.Discard, res.Body)
		took = append(took, time.Since(begin))
	}
	return took
}
