package http

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/waybill-dev/waybill/gate"
)

const (
	maxLeaves  = 4096 // certificates kept; a build that asks for more names starts the cache anew
	maxDNSName = 253  // octets, RFC 1035, 2.3.4 as text
	validity   = 7 * 24 * time.Hour
	clockSkew  = time.Hour
)

// An Authority makes server certificates for any name, signed by a root of its
// own that lives in memory only and ends with the process. It implements
// channel.Authority and may be used from many goroutines.
type Authority struct {
	root    *x509.Certificate
	rootKey *ecdsa.PrivateKey
	pem     []byte
	leafKey *ecdsa.PrivateKey // one for all leaves: they have one life and one holder

	mu     sync.Mutex
	leaves map[string]*tls.Certificate
}

// NewAuthority makes a root (ECDSA, P-256) that is valid for seven days, and for
// servers' names only.
func NewAuthority() (*Authority, error) {
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the root key of the sinks: %w", err)
	}
	leafKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the key of the sinks: %w", err)
	}
	serial, err := serialNumber()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "Waybill sink authority", SerialNumber: serial.Text(16)},
		NotBefore:             now.Add(-clockSkew),
		NotAfter:              now.Add(validity),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, rootKey.Public(), rootKey)
	if err != nil {
		return nil, fmt.Errorf("sign the root certificate of the sinks: %w", err)
	}
	root, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read back the root certificate of the sinks: %w", err)
	}
	return &Authority{
		root:    root,
		rootKey: rootKey,
		pem:     pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		leafKey: leafKey,
		leaves:  map[string]*tls.Certificate{},
	}, nil
}

// RootPEM is the root certificate, for the build to trust.
func (a *Authority) RootPEM() []byte { return append([]byte(nil), a.pem...) }

// Certificate is for one host name or IP address, without a port. Names are made
// canonical first; one that cannot be a host is an error.
func (a *Authority) Certificate(name string) (*tls.Certificate, error) {
	r, err := gate.HostRecipient(name)
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	host := strings.Trim(r.Address, "[]")
	ip := net.ParseIP(host)
	if ip == nil && (len(host) > maxDNSName || strings.ContainsRune(host, ':')) {
		return nil, fmt.Errorf("make a certificate for %.80q: it is not the name of a host", name)
	}

	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.leaves[host]; c != nil {
		return c, nil
	}
	serial, err := serialNumber()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		NotBefore:    a.root.NotBefore,
		NotAfter:     a.root.NotAfter,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.root, a.leafKey.Public(), a.rootKey)
	if err != nil {
		return nil, fmt.Errorf("sign a certificate for %s: %w", host, err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read back the certificate for %s: %w", host, err)
	}
	c := &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: a.leafKey, Leaf: leaf}
	if len(a.leaves) >= maxLeaves {
		clear(a.leaves)
	}
	a.leaves[host] = c
	return c, nil
}

func serialNumber() (*big.Int, error) {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("make a serial number: %w", err)
	}
	return n.Add(n, big.NewInt(1)), nil
}
