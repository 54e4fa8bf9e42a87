package http_test

import (
	"crypto/x509"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/waybill-dev/waybill/gate/channel"
	"github.com/waybill-dev/waybill/gate/channel/http"
)

var _ channel.Authority = (*http.Authority)(nil)

func TestAuthority(t *testing.T) {
	a, err := http.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(a.RootPEM()) || strings.Contains(string(a.RootPEM()), "PRIVATE") {
		t.Fatalf("root: %s", a.RootPEM())
	}
	for _, name := range []string{"api.example", "API.Example.", "under_score.example", "bücher.example", "127.0.0.1", "2001:db8::1", "[2001:db8::1]"} {
		c, err := a.Certificate(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		asked := strings.ToLower(strings.TrimSuffix(strings.Trim(name, "[]"), "."))
		if asked == "bücher.example" {
			asked = "xn--bcher-kva.example"
		}
		if _, err := c.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: asked}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if again, err := a.Certificate(name); err != nil || again != c {
			t.Errorf("%s: a second certificate was made: %v", name, err)
		}
	}
	for _, name := range []string{"", "a b", "a..b", "api.example:8443", strings.Repeat("a.", 127) + "example", "*.example\x00"} {
		if _, err := a.Certificate(name); err == nil {
			t.Errorf("%q has a certificate", name)
		}
	}
	other, err := http.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	c, err := other.Certificate("api.example")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: "api.example"}); err == nil {
		t.Error("two authorities trust each other")
	}

	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			if _, err := a.Certificate(fmt.Sprintf("n%d.example", i%3)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}
