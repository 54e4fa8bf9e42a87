package channel_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/waybill-dev/waybill/gate/channel"
)

// Names of files in settings start at the folder of the configuration, wherever the
// recorder was started: a relative name was once looked for where the operator stood.
func TestTapFiles(t *testing.T) {
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	pair := server.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, block := range map[string]*pem.Block{
		"cert.pem": {Type: "CERTIFICATE", Bytes: pair.Certificate[0]},
		"key.pem":  {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	there := &channel.TapConfig{Dir: dir}
	elsewhere := &channel.TapConfig{Dir: t.TempDir()}
	for _, name := range []string{"cert.pem", filepath.Join(dir, "cert.pem")} {
		roots, err := there.Roots(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := server.Certificate().Verify(x509.VerifyOptions{Roots: roots}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if c, err := there.Serving("cert.pem", filepath.Join(dir, "key.pem")); err != nil || len(c.Certificates) != 1 {
		t.Errorf("serving: %+v, %v", c, err)
	}
	if _, err := elsewhere.Roots("cert.pem"); err == nil {
		t.Error("a file in another folder was read")
	}
	if _, err := elsewhere.Serving("cert.pem", "key.pem"); err == nil {
		t.Error("a certificate in another folder was read")
	}
	if _, err := there.Roots("key.pem"); err == nil {
		t.Error("a key passes for a certificate")
	}
	if _, err := there.Serving("cert.pem", ""); err == nil {
		t.Error("a certificate without a key passes")
	}
	given := &tls.Config{}
	if c, err := (&channel.TapConfig{TLS: given}).Serving("", ""); c != given || err != nil {
		t.Errorf("without files: %v, %v", c, err)
	}
	if roots, err := there.Roots(""); roots != nil || err != nil {
		t.Errorf("without roots: %v, %v", roots, err)
	}
}
