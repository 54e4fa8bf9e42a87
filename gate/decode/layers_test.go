package decode_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate/decode"
)

func layers(text string) []decode.Layer { return slices.Collect(decode.Layers(text)) }

func zipped(t testing.TB, s string) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zlib.NewWriter(&out)
	if _, err := z.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func gzipped(t testing.TB, s string) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func jwt(header, payload string, signature []byte) string {
	e := base64.RawURLEncoding
	return e.EncodeToString([]byte(header)) + "." + e.EncodeToString([]byte(payload)) + "." + e.EncodeToString(signature)
}

// A token whose header says that it is deflated holds a DEFLATE stream, though it be too short
// to be told by itself.
func TestDeflatedToken(t *testing.T) {
	payload := zipped(t, `{"sub":"erin"}`)
	token := jwt(`{"alg":"HS256","zip":"DEF"}`, string(payload[2:len(payload)-4]), make([]byte, 32))
	for l := range decode.Layers(token) {
		if len(l.Pieces) != 3 || l.Pieces[1].Kind != decode.Deflate {
			t.Errorf("%d pieces: %+v", len(l.Pieces), l.Pieces)
		}
		return
	}
	t.Error("no layer was found")
}

// Each layer is found where it stands, in text around it, and holds what was put in.
func TestLayers(t *testing.T) {
	const fact = `{"mail":"erin@example.org"}`
	std, raw, url := base64.StdEncoding, base64.RawStdEncoding, base64.RawURLEncoding
	proto := append([]byte{0x0a, 16}, "erin@example.org\x10\x07"...)
	token := jwt(`{"alg":"HS256"}`, fact, make([]byte, 32))
	for _, c := range []struct {
		name, text, layer string
		kind              decode.Kind
	}{
		{"base64", std.EncodeToString([]byte(fact)), "base64", decode.JSON},
		{"base64 without padding", raw.EncodeToString([]byte(fact)), "base64", decode.JSON},
		{"base64url", url.EncodeToString([]byte(`{"mail":"erin@example.org","s":"~~~???"}`)), "base64", decode.JSON},
		{"text", std.EncodeToString([]byte("erin@example.org")), "base64", decode.Text},
		{"number", std.EncodeToString([]byte("48213377")), "base64", decode.Text},
		{"form", std.EncodeToString([]byte("user=erin&record=48213377")), "base64", decode.Form},
		{"XML", std.EncodeToString([]byte(`<?xml version="1.0"?><a>erin</a>`)), "base64", decode.XML},
		{"gzip", std.EncodeToString(gzipped(t, fact)), "base64", decode.Gzip},
		{"zlib", std.EncodeToString(zipped(t, fact)), "base64", decode.Zlib},
		{"raw deflate", std.EncodeToString(zipped(t, strings.Repeat(fact, 3))[2:][:len(zipped(t, strings.Repeat(fact, 3)))-6]), "base64", decode.Deflate},
		{"protobuf", std.EncodeToString(proto), "base64", decode.Protobuf},
		{"hex", hex.EncodeToString([]byte(fact)), "hex", decode.JSON},
		{"hex, as long as a digest", hex.EncodeToString(append([]byte{0x0a, 26}, "frank.northern@example.org\x10\x07\x18\x03"...)), "hex", decode.Protobuf},
		{"base32", base32.StdEncoding.EncodeToString([]byte("erin@example.org has that")), "base32", decode.Text},
		{"JWT", token, "jwt", decode.JSON},
		{"JWT, deflated", jwt(`{"alg":"HS256","zip":"DEF"}`, string(zipped(t, fact)[2:len(zipped(t, fact))-4]), make([]byte, 32)), "jwt", decode.JSON},
		{"JWT without a signature", jwt(`{"alg":"none"}`, fact, nil), "jwt", decode.JSON},
		{"JWE", token + ".AAAA.BBBB", "jwe", decode.JSON},
		{"base64 over lines", wrap(std.EncodeToString([]byte(strings.Repeat("erin@example.org and others\n", 9)))), "base64", decode.Text},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, around := range [][2]string{{"", ""}, {"https://app.example/in/", "?x=1"}, {"https://app.example/in?t=", "&x=1"}, {"(see: ", ") and more"}, {"a\n", "\nb"}} {
				if strings.Contains(c.text, "\n") && around[0] != "" && around[0] != "a\n" {
					continue
				}
				text := around[0] + c.text + around[1]
				got := layers(text)
				if len(got) != 1 {
					t.Fatalf("%q: %d layers: %+v", text, len(got), got)
				}
				l := got[0]
				if l.Name != c.layer || l.Pieces[0].Kind != c.kind || !l.Sure || text[l.Start:l.End] != c.text {
					t.Errorf("%q: %s of kind %q, sure %v, at %q", text, l.Name, l.Pieces[0].Kind, l.Sure, text[l.Start:l.End])
				}
			}
		})
	}
}

func wrap(s string) string {
	var out []string
	for len(s) > 76 {
		out = append(out, s[:76])
		s = s[76:]
	}
	return strings.Join(append(out, s), "\n")
}

// What chance makes is never sure, whatever its alphabet and length; nor are words.
func TestLayersOfRandomTokens(t *testing.T) {
	r := rand.New(rand.NewChaCha8([32]byte{1}))
	n := 0
	for range 20_000 {
		b := make([]byte, 4+r.IntN(60))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		for _, token := range []string{base64.StdEncoding.EncodeToString(b), base64.RawURLEncoding.EncodeToString(b), hex.EncodeToString(b), base32.StdEncoding.EncodeToString(b)} {
			for l := range decode.Layers(token) {
				n++
				if l.Sure {
					t.Fatalf("%q is taken for %s of kind %q: %q", token, l.Name, l.Pieces[0].Kind, l.Pieces[0].Data)
				}
			}
		}
	}
	if n == 0 {
		t.Error("no token was taken for anything: loose layers are not found")
	}
	for _, s := range []string{"unsubscribe", "documentation/of/internationalization", "https://app.example/account/settings", "photosynthesis", "2026-01-01T00:00:00Z"} {
		for l := range decode.Layers(s) {
			if l.Sure {
				t.Errorf("%q is taken for %s of kind %q", s, l.Name, l.Pieces[0].Kind)
			}
		}
	}
}

// Two spellings of a token never give one inside, but for the two alphabets of base64:
// what replaces it hides no difference.
func TestLayersAreExact(t *testing.T) {
	alphabet := strings.NewReplacer("-", "+", "_", "/")
	sum := sha256.Sum256([]byte("x"))
	for _, token := range []string{
		base64.StdEncoding.EncodeToString([]byte(`{"mail":"erin@example.org"}`)),
		jwt(`{"alg":"HS256"}`, `{"sub":"erin"}`, sum[:]),
	} {
		seen := map[string]string{}
		for i := range len(token) {
			for c := byte(' '); c < 0x7f; c++ {
				changed := token[:i] + string(c) + token[i+1:]
				got := layers(changed)
				if len(got) == 0 || !got[0].Sure {
					continue
				}
				key := changed[:got[0].Start] + fmt.Sprintf("%+v", got[0].Pieces) + changed[got[0].End:]
				if other, ok := seen[key]; ok && alphabet.Replace(other) != alphabet.Replace(changed) {
					t.Errorf("%q and %q hold the same", changed, other)
				}
				seen[key] = changed
			}
		}
	}
}

func FuzzLayers(f *testing.F) {
	f.Add("https://app.example/login?t=" + jwt(`{"alg":"HS256"}`, `{"sub":"erin"}`, make([]byte, 32)))
	f.Add("-----BEGIN PGP MESSAGE-----\n\nhQEMA0123456789ABAQf/\n=abcd\n-----END PGP MESSAGE-----")
	f.Fuzz(func(t *testing.T, text string) {
		last := 0
		for l := range decode.Layers(text) {
			if l.Start < last || l.End <= l.Start || l.End > len(text) || len(l.Pieces) == 0 {
				t.Fatalf("%q: layer at %d to %d, after %d", text, l.Start, l.End, last)
			}
			last = l.End
		}
		for name, inner := range decode.Respelled(text) {
			if name == "" || inner == text {
				t.Errorf("%q: respelled as itself", text)
			}
		}
	})
}

// kinds are all that can be opened.
var kinds = []decode.Kind{
	decode.Gzip, decode.Zlib, decode.Deflate, decode.Zstd, decode.Brotli, decode.ZIP, decode.PDF, decode.PNG, decode.JPEG, decode.GIF,
	decode.Protobuf, decode.GRPC, decode.PGP, decode.CMS, decode.Calendar, decode.Card,
}

func FuzzOpen(f *testing.F) {
	for i := range kinds {
		f.Add(i, gzipped(f, "x"))
	}
	f.Fuzz(func(t *testing.T, kind int, data []byte) {
		if kind < 0 || kind >= len(kinds) {
			return
		}
		b := decode.Budget{Bytes: 1 << 20, Ratio: 100}
		size := 0
		err := decode.Open(kinds[kind], data, &b, func(l decode.Leaf) { size += len(l.Data) })
		if err == nil && size > 1<<24 {
			t.Errorf("%s of %d bytes gives %d", kinds[kind], len(data), size)
		}
	})
}

// Lines that could be base64 over lines and are not cost no more than their size: without a
// bound, 4 MiB of them take minutes. A block behind a line of its width is still found.
func TestLinesInVain(t *testing.T) {
	rule := strings.Repeat("0123456789abcdef", 4) + "\n"
	for range decode.Layers(strings.Repeat(rule, 4<<20/len(rule))) {
		t.Fatal("lines of hexadecimal hold nothing")
	}
	for range decode.Layers(strings.Repeat("-----BEGIN PGP MESSAGE-----\n", 1<<16) + "-----END PGP MESSAGE-----") {
		t.Fatal("armor without an end holds nothing")
	}
	inside := strings.Repeat("your appointment with erin@example.org is on Monday. ", 5)
	word := base64.StdEncoding.EncodeToString([]byte(inside))
	text := rule
	for ; len(word) > 64; word = word[64:] {
		text += word[:64] + "\n"
	}
	for l := range decode.Layers(text + word) {
		if l.Sure && string(l.Pieces[0].Data) == inside {
			return
		}
	}
	t.Error("a block behind a line of its width was not found")
}
