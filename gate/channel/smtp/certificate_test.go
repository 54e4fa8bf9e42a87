package smtp_test

import (
	"crypto/tls"
	"crypto/x509"
	"testing"

	"github.com/waybill-dev/waybill/gate/channel"
	"github.com/waybill-dev/waybill/gate/channel/http"
)

// TestCertificateIsVerified is a build that trusts the root of the sinks, and was
// given the sink by name or, as by ${sink.NAME}, by its address.
func TestCertificateIsVerified(t *testing.T) {
	authority, err := http.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority.RootPEM()) {
		t.Fatal("the root certificate cannot be read")
	}
	st := &store{}
	sink := open(t, st, func(c *channel.SinkConfig) {
		c.Authority = authority
		c.Settings = settings("implicit_tls = true")
	})
	for _, name := range []string{"mx.example.org", "127.0.0.1"} {
		conn := tls.Client(dial(t, sink), &tls.Config{ServerName: name, RootCAs: roots})
		if err := conn.HandshakeContext(t.Context()); err != nil {
			t.Errorf("asked for %s: %v", name, err)
		}
		begin(t, conn).expect("220")
	}
}
