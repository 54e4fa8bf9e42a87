package http_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
	"github.com/waybill-dev/waybill/gate/channel/http"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// settings reads TOML as strictly as the configuration does.
func settings(text string) channel.Settings {
	return func(dst any) error {
		md, err := toml.Decode(text, dst)
		if err != nil {
			return err
		}
		if unknown := md.Undecoded(); len(unknown) > 0 {
			return fmt.Errorf("unknown key %q", unknown[0])
		}
		return nil
	}
}

// A log is what a sink kept.
type log struct {
	mu       sync.Mutex
	messages []*gate.Message
	gaps     []gate.Gap
	fail     error // what Keep returns
}

func (l *log) keep(m *gate.Message) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil {
		return l.fail
	}
	m.Seq = uint64(len(l.messages) + 1)
	l.messages = append(l.messages, m)
	return nil
}

func (l *log) gap(g gate.Gap) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gaps = append(l.gaps, g)
}

func (l *log) all() []*gate.Message {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.messages)
}

// kinds are the gaps so far, sorted.
func (l *log) kinds() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for _, g := range l.gaps {
		out = append(out, g.Kind)
	}
	slices.Sort(out)
	return out
}

func (l *log) details() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for _, g := range l.gaps {
		out = append(out, g.Detail)
	}
	return strings.Join(out, "\n")
}

// A rig is a sink under test.
type rig struct {
	t         testing.TB
	sink      channel.Sink
	log       *log
	authority *http.Authority
	closed    bool
}

func newRig(t testing.TB, cfg channel.SinkConfig) *rig {
	t.Helper()
	authority, err := http.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, log: &log{}, authority: authority}
	cfg.Name, cfg.Address, cfg.Authority, cfg.Gap = "web", "127.0.0.1:0", authority, r.log.gap
	if cfg.Keep == nil {
		cfg.Keep = r.log.keep
	}
	if r.sink, err = http.Protocol().Listen(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.close() })
	return r
}

func (r *rig) close() {
	if r.closed {
		return
	}
	r.closed = true
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := r.sink.Close(ctx); err != nil {
		r.t.Errorf("close: %v", err)
	}
}

// trust is what a build would be told to trust.
func (r *rig) trust() *tls.Config {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(r.authority.RootPEM()) {
		r.t.Fatal("the root is not PEM")
	}
	return &tls.Config{RootCAs: pool}
}

// dial opens a raw connection that gives up after a while.
func (r *rig) dial() net.Conn {
	r.t.Helper()
	c, err := net.Dial("tcp", r.sink.Address())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c
}

// say sends raw bytes, half-closes, and reads all answers.
func (r *rig) say(raw string) string {
	r.t.Helper()
	c := r.dial()
	go func() {
		io.WriteString(c, raw)
		c.(*net.TCPConn).CloseWrite()
	}()
	b, err := io.ReadAll(c)
	if err != nil && len(b) == 0 {
		r.t.Fatalf("read the answer: %v", err)
	}
	return string(b)
}

// await waits until ok.
func await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

var statusLine = regexp.MustCompile(`HTTP/1\.1 (\d{3}) `)

// statuses are those of all answers in raw.
func statuses(raw string) (out []int) {
	for _, m := range statusLine.FindAllStringSubmatch(raw, -1) {
		n, _ := strconv.Atoi(m[1])
		out = append(out, n)
	}
	return out
}
