package http_test

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/canon"
	"github.com/waybill-dev/waybill/gate/channel/http"
)

// What signs a request is made anew with each, with its date and the digest of the body:
// these are hidden as they are. Whose key signs, for which account, region and service, for
// which scope and over which fields, is compared, and so is what has not the shape of a
// signature.
func TestSignatures(t *testing.T) {
	hexOf := func(seed string) string { b := sha256.Sum256([]byte(seed)); return hex.EncodeToString(b[:]) }
	base64Of := func(seed string) string {
		b := sha256.Sum256([]byte(seed))
		return base64.StdEncoding.EncodeToString(b[:])
	}
	sha1Of := func(seed string) string {
		b := sha1.Sum([]byte(seed))
		return base64.StdEncoding.EncodeToString(b[:])
	}
	const body = `{"n":1}`
	bodySum := sha256.Sum256([]byte(body))
	sigV4 := func(key, region, service, signed string) func(day int) string {
		return func(day int) string {
			return fmt.Sprintf("Authorization: AWS4-HMAC-SHA256 Credential=%s/202603%02d/%s/%s/aws4_request, SignedHeaders=%s, Signature=%s\r\nX-Amz-Date: 202603%02dT081500Z\r\nX-Amz-Content-Sha256: %x\r\n",
				key, day, region, service, signed, hexOf(fmt.Sprint("v4", day)), day, bodySum)
		}
	}
	sigV4A := func(key, regions string) func(day int) string {
		return func(day int) string {
			return fmt.Sprintf("Authorization: AWS4-ECDSA-P256-SHA256 Credential=%s/202603%02d/events/aws4_request, SignedHeaders=host, Signature=3045022100%s0220%s\r\nX-Amz-Region-Set: %s\r\n",
				key, day, hexOf(fmt.Sprint("r", day)), hexOf(fmt.Sprint("s", day)), regions)
		}
	}
	jwt := func(header, claims string) func(day int) string {
		return func(day int) string {
			e := base64.RawURLEncoding.EncodeToString
			return "Authorization: Bearer " + e([]byte(header)) + "." + e([]byte(claims)) + "." + e([]byte(hexOf(fmt.Sprint("jwt", day))[:32])) + "\r\n"
		}
	}
	for _, scheme := range []struct {
		name   string
		signed func(day int) string
		others map[string]func(day int) string // what differs from it in what is compared
	}{
		{"SigV4", sigV4("AKIDEXAMPLE", "eu-west-1", "ses", "host;x-amz-date"), map[string]func(int) string{
			"key":     sigV4("AKIDOTHER00", "eu-west-1", "ses", "host;x-amz-date"),
			"region":  sigV4("AKIDEXAMPLE", "us-east-1", "ses", "host;x-amz-date"),
			"service": sigV4("AKIDEXAMPLE", "eu-west-1", "sns", "host;x-amz-date"),
			"fields":  sigV4("AKIDEXAMPLE", "eu-west-1", "ses", "host"),
		}},
		{"SigV4A", sigV4A("AKIDEXAMPLE", "eu-*"), map[string]func(int) string{
			"key":     sigV4A("AKIDOTHER00", "eu-*"),
			"regions": sigV4A("AKIDEXAMPLE", "*"),
		}},
		{"Twilio", func(day int) string { return "X-Twilio-Signature: " + sha1Of(fmt.Sprint("twilio", day)) + "\r\n" }, map[string]func(int) string{
			"shape": func(int) string { return "X-Twilio-Signature: anna@example.org\r\n" },
		}},
		{"Slack", func(day int) string {
			return fmt.Sprintf("X-Slack-Signature: v0=%s\r\nX-Slack-Request-Timestamp: 17723528%02d\r\n", hexOf(fmt.Sprint("slack", day)), day)
		}, map[string]func(int) string{
			"shape": func(int) string { return "X-Slack-Signature: v0=unsigned\r\nX-Slack-Request-Timestamp: 1772352801\r\n" },
			"time": func(int) string {
				return "X-Slack-Signature: v0=" + hexOf("slack") + "\r\nX-Slack-Request-Timestamp: never\r\n"
			},
		}},
		{"Standard Webhooks", func(day int) string {
			return fmt.Sprintf("Webhook-Id: msg_%s\r\nWebhook-Timestamp: 17723528%02d\r\nWebhook-Signature: v1,%s v1a,%s\r\n",
				hexOf(fmt.Sprint("id", day))[:24], day, base64Of(fmt.Sprint("v1", day)), base64Of(fmt.Sprint("v1a", day)))
		}, map[string]func(int) string{
			"shape": func(int) string {
				return "Webhook-Id: msg_" + hexOf("id")[:24] + "\r\nWebhook-Timestamp: 1772352801\r\nWebhook-Signature: none\r\n"
			},
		}},
		{"GitHub", func(day int) string {
			return fmt.Sprintf("X-Hub-Signature: sha1=%s\r\nX-Hub-Signature-256: sha256=%s\r\nX-GitHub-Delivery: %s\r\n",
				hexOf(fmt.Sprint("sha1", day))[:40], hexOf(fmt.Sprint("sha256", day)), "72d3162e-cc78-11e3-81ab-4c9367dc09"+fmt.Sprintf("%02d", day))
		}, map[string]func(int) string{
			"one left out": func(day int) string {
				return fmt.Sprintf("X-Hub-Signature: sha1=%s\r\nX-Hub-Signature-256: off\r\n", hexOf(fmt.Sprint("sha1", day))[:40])
			},
		}},
		{"JWT", jwt(`{"alg":"RS256","kid":"k1"}`, `{"iss":"push@clinic.example","scope":"send"}`), map[string]func(int) string{
			"key id": jwt(`{"alg":"RS256","kid":"k2"}`, `{"iss":"push@clinic.example","scope":"send"}`),
			"issuer": jwt(`{"alg":"RS256","kid":"k1"}`, `{"iss":"push@other.example","scope":"send"}`),
			"scope":  jwt(`{"alg":"RS256","kid":"k1"}`, `{"iss":"push@clinic.example","scope":"send admin"}`),
			"how":    jwt(`{"alg":"none","kid":"k1"}`, `{"iss":"push@clinic.example","scope":"send"}`),
		}},
	} {
		read := func(fields string) []gate.Part { return canonicalParts(t, fields, body) }
		first := read(scheme.signed(1))
		if diff := cmp.Diff(first, read(scheme.signed(2))); diff != "" {
			t.Errorf("%s: another signature is another request (-first +second):\n%s", scheme.name, diff)
		}
		for what, other := range scheme.others {
			if cmp.Equal(first, read(other(1))) {
				t.Errorf("%s: another %s is not seen", scheme.name, what)
			}
		}
	}
}

// canonicalParts is what is compared of a request with these fields.
func canonicalParts(t *testing.T, fields, body string) []gate.Part {
	t.Helper()
	decode, err := http.Protocol().Decode(settings("catalogue = false\n"))
	if err != nil {
		t.Fatal(err)
	}
	m := &gate.Message{Channel: "http", Sink: "web", Host: "api.example", Head: []byte("POST /v1/letters HTTP/1.1\r\nHost: api.example\r\n" + fields), Body: []byte(body)}
	out, err := decode(m)
	if err != nil || len(out) != 1 {
		t.Fatalf("%d messages: %v", len(out), err)
	}
	c, err := canon.New(canon.Options{})
	if err != nil {
		t.Fatal(err)
	}
	canonical := c.Message(m, &out[0], gate.Ref{Seq: 1})
	return canonical.Parts
}
