package channel

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// ReadFile reads a file that the settings of a tap name: relative names start at Dir.
func (c *TapConfig) ReadFile(name string) ([]byte, error) { return os.ReadFile(c.path(name)) }

func (c *TapConfig) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(c.Dir, name)
}

// Serving gives the configuration of TLS that a tap serves with: by a certificate and
// its key, both PEM, which the settings tls_certificate and tls_key name, or by TLS
// where they name none.
func (c *TapConfig) Serving(certificate, key string) (*tls.Config, error) {
	if (certificate == "") != (key == "") {
		return nil, errors.New("tls_certificate and tls_key come together")
	}
	if certificate == "" {
		return c.TLS, nil
	}
	pair, err := tls.LoadX509KeyPair(c.path(certificate), c.path(key))
	if err != nil {
		return nil, fmt.Errorf("read the certificate to serve with: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}}, nil
}

// Roots gives who may have signed the certificate of an upstream: those that the system
// trusts and those in the file, PEM, which the setting roots names. Where it names none
// it is nil, which is those that the system trusts.
func (c *TapConfig) Roots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := c.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read roots: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read roots: %s holds no certificate in PEM form", file)
	}
	return pool, nil
}
