package http_test

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/waybill-dev/waybill/gate/channel"
)

// A scheme with its colon, as firebase-admin writes it, is understood, and requests after it on
// one connection are too: those that refer to earlier fields, that are long, padded, and come
// in pieces.
func TestSinkHTTP2Scheme(t *testing.T) {
	long := strings.Repeat("a", 40<<10)
	for name, chunk := range map[string]int{"whole": 1 << 20, "in pieces": 7} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, channel.SinkConfig{})
			c := r.dial()
			var block, said bytes.Buffer
			enc := hpack.NewEncoder(&block)
			said.WriteString(http2.ClientPreface)
			w := http2.NewFramer(&said, nil)
			w.WriteSettings()
			for i, scheme := range []string{"http", "https:", "https", "HTTP:"} {
				block.Reset()
				for _, f := range pseudo("/" + string(rune('a'+i))) {
					if f.Name == ":scheme" {
						f.Value = scheme
					}
					enc.WriteField(f)
				}
				enc.WriteField(hpack.HeaderField{Name: "x-kept", Value: "known from the first on"})
				if i == 2 {
					enc.WriteField(hpack.HeaderField{Name: "x-long", Value: long})
				}
				id, b := uint32(2*i+1), block.Bytes()
				n := min(len(b), 1000)
				w.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: b[:n], EndHeaders: n == len(b), PadLength: uint8(i), Priority: http2.PriorityParam{Weight: uint8(i)}})
				for b = b[n:]; len(b) > 0; b = b[n:] {
					n = min(len(b), 16<<10)
					w.WriteContinuation(id, n == len(b), b[:n])
				}
				w.WriteData(id, true, []byte("body"))
			}
			go func() {
				for b := said.Bytes(); len(b) > 0; {
					n := min(len(b), chunk)
					c.Write(b[:n])
					b = b[n:]
				}
			}()
			go io.Copy(io.Discard, c)
			await(t, "all requests", func() bool { return len(r.log.all()) == 4 })
			var paths []string
			for _, m := range r.log.all() {
				head := string(m.Head)
				_, path, _ := strings.Cut(head, " ")
				path, _, _ = strings.Cut(path, " ")
				paths = append(paths, path)
				if !strings.Contains(head, "x-kept: known from the first on\r\n") || string(m.Body) != "body" || strings.Contains(head, long) != (path == "/c") {
					t.Errorf("%s: head %.200q, body %q", path, head, m.Body)
				}
			}
			slices.Sort(paths)
			if !slices.Equal(paths, []string{"/a", "/b", "/c", "/d"}) {
				t.Errorf("paths %q", paths)
			}
			c.Close()
			await(t, "the connection to end", func() bool { return r.sink.Stats().Open == 0 })
			if gaps := r.log.kinds(); len(gaps) > 0 {
				t.Errorf("gaps %v", gaps)
			}
		})
	}
}
