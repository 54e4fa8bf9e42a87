package smtp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"sync"
	"time"

	"github.com/waybill-dev/waybill/gate/channel"
)

// serverTLS is how a sink speaks TLS: with whatever version a build asks for, the
// obsolete ones included, since which it was is evidence.
func serverTLS(authority channel.Authority, hostname string) *tls.Config {
	var certificate func(name string) (*tls.Certificate, error)
	if authority != nil {
		certificate = authority.Certificate
	} else {
		own := sync.OnceValues(func() (*tls.Certificate, error) { return selfSigned(hostname) })
		certificate = func(string) (*tls.Certificate, error) { return own() }
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS10,
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			return certificate(askedFor(hello, hostname))
		},
	}
}

// askedFor is the name that a client will look for in the certificate. A client
// that was given an address instead of a name names none (RFC 6066, 3), and looks
// for the address that it came to.
func askedFor(hello *tls.ClientHelloInfo, hostname string) string {
	if hello.ServerName != "" {
		return hello.ServerName
	}
	if local, ok := hello.Conn.LocalAddr().(*net.TCPAddr); ok {
		return local.IP.String()
	}
	return hostname
}

// selfSigned makes a certificate for a sink that was given no authority. It is
// signed by nobody, for builds that do not verify.
func selfSigned(hostname string) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a key for %s: %w", hostname, err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()),
		Subject:      pkix.Name{CommonName: hostname},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(30 * 24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     []string{hostname, "localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("making a certificate for %s: %w", hostname, err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// A primedConn gives first what was read ahead of it.
type primedConn struct {
	net.Conn
	ahead []byte
}

func (c *primedConn) Read(p []byte) (int, error) {
	if len(c.ahead) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.ahead)
	c.ahead = c.ahead[n:]
	return n, nil
}
