//go:build !linux

package smtp

import "net"

// serve serves what comes to ln. What it returns stops accepting.
func (k *sink) serve(ln *net.TCPListener) (stop func() error, err error) {
	return k.serveThreaded(ln), nil
}
