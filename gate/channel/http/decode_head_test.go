package http_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel/http"
	"github.com/waybill-dev/waybill/gate/fields"
)

// frames are the forms in which header fields come, "%" for what somebody wrote there.
var frames = []string{
	"%", "% %", "%, %", "%; %=%", "%=%", "%@%.example", "% (%)", "%/%/%", "00-%-%-01", "t=%,v1=%", "sha256=%", "timeout=%, max=%", "gzip;q=%", "close, %", "Mon, 02 Jan 2006 15:04:05 GMT %",
	"Basic %", "Bearer %", "AWS4-HMAC-SHA256 Credential=%/20260102/%/%/aws4_request, SignedHeaders=%, Signature=%", "multipart/form-data; boundary=%; charset=%", `multipart/mixed; boundary="% %"`, "text/plain; charset=%",
}

var values = rapid.OneOf(
	rapid.StringMatching(`[a-z]{4,9}`),
	rapid.StringMatching(`[1-9][0-9]{4,12}`),
	rapid.StringMatching(`[0-9a-f]{16}|[0-9a-f]{32}|[0-9a-f]{64}`),
)

// Nothing that stands in a header field vanishes: it is in a part, hidden by a rule that
// keeps it to be searched, or a secret of which the digest is compared.
func TestNoFieldVanishes(t *testing.T) {
	decode, err := http.Protocol().Decode(nil)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"x-tenant", "x-qz", "proxy-qz"}
	for f := range fields.Each {
		if !strings.Contains(f.Name, "/") && f.Name != "host" {
			names = append(names, strings.Replace(f.Name, "*", "qz", 1))
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		var planted []string
		var value strings.Builder
		for _, r := range rapid.SampledFrom(frames).Draw(t, "frame") {
			if r != '%' {
				value.WriteRune(r)
				continue
			}
			v := values.Draw(t, "value")
			planted = append(planted, v)
			value.WriteString(v)
		}
		for _, name := range names {
			out, err := decode(&gate.Message{Seq: 1, Sink: "web", Host: "api.example", Head: []byte("POST / HTTP/1.1\r\nHost: api.example\r\n" + name + ": " + value.String() + "\r\n"), Body: []byte("{}")})
			if err != nil {
				t.Fatal(err)
			}
			var said strings.Builder
			secret := false
			for _, p := range out[0].Fields {
				said.WriteString(p.Name + " " + p.Value + "\n")
				secret = secret || p.Kind == gate.Binary
			}
			for _, h := range out[0].Hidden {
				said.WriteString(h.Value + "\n")
			}
			for _, v := range planted {
				if !secret && !strings.Contains(strings.ToLower(said.String()), v) {
					t.Errorf("%s: %s: %s vanished:\n%s", name, value.String(), v, render(out))
				}
			}
			if secret && fields.Of(name).Kind != fields.Credential {
				t.Errorf("%s: %s: is taken for a secret", name, value.String())
			}
		}
	})
}

// A digest of the body is left out where it is right, in whatever field it stands; a
// wrong one is compared.
func TestBodyDigest(t *testing.T) {
	decode, err := http.Protocol().Decode(nil)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(`{"n":1}`))
	for _, value := range []string{hex.EncodeToString(sum[:]), base64.StdEncoding.EncodeToString(sum[:]), "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"} {
		for body, right := range map[string]bool{`{"n":1}`: true, `{"n":2}`: false} {
			for _, more := range []string{"", ", bob", " 88123"} {
				out, err := decode(&gate.Message{Host: "api.example", Head: []byte("POST / HTTP/1.1\r\nHost: api.example\r\nX-Sum: " + value + more + "\r\n"), Body: []byte(body)})
				if err != nil {
					t.Fatal(err)
				}
				compared := slices.ContainsFunc(out[0].Fields, func(p gate.Part) bool { return p.Name == "header/x-sum" })
				if compared == (right && more == "") {
					t.Errorf("%s%s of %s: compared is %v", value, more, body, compared)
				}
			}
		}
	}
}
