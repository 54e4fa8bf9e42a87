package smtp_test

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
	"github.com/waybill-dev/waybill/gate/channel/smtp"
)

// A store takes down what a sink keeps.
type store struct {
	mu       sync.Mutex
	messages []*gate.Message
	gaps     []gate.Gap
	fail     error
}

func (s *store) keep(m *gate.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return s.fail
	}
	m.Seq = uint64(len(s.messages) + 1)
	s.messages = append(s.messages, m)
	return nil
}

func (s *store) gap(g gate.Gap) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gaps = append(s.gaps, g)
}

func (s *store) all() ([]*gate.Message, []gate.Gap) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages), slices.Clone(s.gaps)
}

func settings(text string) channel.Settings {
	return func(dst any) error {
		meta, err := toml.Decode(text, dst)
		if err == nil && len(meta.Undecoded()) > 0 {
			err = errors.New("unknown key " + meta.Undecoded()[0].String())
		}
		return err
	}
}

// open opens a sink that is closed, without mercy, when the test ends.
func open(t testing.TB, st *store, change ...func(*channel.SinkConfig)) channel.Sink {
	t.Helper()
	cfg := channel.SinkConfig{Name: "mail", Address: "127.0.0.1:0", Keep: st.keep, Gap: st.gap}
	for _, c := range change {
		c(&cfg)
	}
	sink, err := smtp.Protocol().Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(t, sink) })
	return sink
}

// shut closes a sink at once: what is under way is broken.
func shut(t testing.TB, sink channel.Sink) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := sink.Close(ctx); err != nil {
		t.Error(err)
	}
}

func dial(t testing.TB, sink channel.Sink) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", sink.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(time.Minute))
	return conn
}

// session sends wire as it is, ends the sending half and returns the codes of all
// replies. It returns when the sink has ended the connection.
func session(t testing.TB, sink channel.Sink, wire string) string {
	t.Helper()
	conn := dial(t, sink)
	go func() {
		io.WriteString(conn, wire)
		conn.(*net.TCPConn).CloseWrite()
	}()
	b, err := io.ReadAll(conn)
	if err != nil {
		t.Fatalf("reading replies: %v (%q)", err, b)
	}
	return codes(string(b))
}

func codes(replies string) string {
	var codes []string
	for line := range strings.SplitSeq(replies, "\r\n") {
		if len(line) > 3 && line[3] == ' ' {
			codes = append(codes, line[:3])
		}
	}
	return strings.Join(codes, " ")
}

// until waits for a condition of a sink that no reply tells.
func until(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never: " + what)
		}
	}
}

func kinds(gaps []gate.Gap) string {
	var k []string
	for _, g := range gaps {
		k = append(k, g.Kind)
	}
	return strings.Join(k, " ")
}
