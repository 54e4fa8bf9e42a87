package http_test

import (
	"bufio"
	"io"
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/waybill-dev/waybill/gate/channel"
)

// What happens to a kept connection while nothing is awaited on it, be it an end or
// an answer that nobody asked for, costs no stimulus and is taken for no answer.
func TestDriverKeptConnectionTurnsBad(t *testing.T) {
	for name, turn := range map[string]func(*net.TCPConn){
		"it ends":          func(c *net.TCPConn) { c.CloseWrite() },
		"an answer":        func(c *net.TCPConn) { io.WriteString(c, "HTTP/1.1 500 Stray\r\nContent-Length: 0\r\n\r\n") },
		"half an answer":   func(c *net.TCPConn) { io.WriteString(c, "HTTP/1.1 500 Str") },
		"a single newline": func(c *net.TCPConn) { io.WriteString(c, "\n") },
	} {
		t.Run(name, func(t *testing.T) {
			bad, turned := make(chan struct{}), make(chan struct{})
			address, opened := newServer(t, func(n int, c *net.TCPConn, br *bufio.Reader) {
				for hear(br) {
					io.WriteString(c, empty200)
					if n == 1 {
						<-bad
						turn(c)
						await(t, "the driver's system to have it", func() bool { return unacknowledged(t, c) == 0 })
						close(turned)
					}
				}
			})
			d := open(t, channel.DriveConfig{Address: address})
			if o := do(t, d, get("1")); o.Status != 200 {
				t.Fatalf("outcome: %+v", o)
			}
			close(bad)
			<-turned
			if o := do(t, d, get("2")); o.Error != "" || o.Status != 200 || opened.Load() != 2 {
				t.Errorf("outcome: %+v, %d connections", o, opened.Load())
			}
		})
	}
}

// unacknowledged is how many octets, an end among them, the other end has not yet.
func unacknowledged(t testing.TB, c *net.TCPConn) (n int) {
	raw, err := c.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { n, err = unix.IoctlGetInt(int(fd), unix.TIOCOUTQ) })
	}
	if err != nil {
		t.Error(err)
	}
	return n
}
