package canon_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/canon"
	"github.com/waybill-dev/waybill/gate/exposure"
)

// A leafCase carries one value of a person and one that is fresh, in some format.
type leafCase struct {
	name   string
	binary bool // not a text
	wrap   func(t testing.TB, person, fresh string) []byte
}

func deflated(t testing.TB, level int, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z, err := zlib.NewWriterLevel(&out, level)
	if err != nil {
		t.Fatal(err)
	}
	finish(t, z, data)
	return out.Bytes()
}

func finish(t testing.TB, w io.WriteCloser, data []byte) {
	t.Helper()
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func object(person, fresh string) []byte {
	return fmt.Appendf(nil, `{"person":%q,"at":%q}`, person, fresh)
}

func token(person, fresh string) []byte {
	e := base64.RawURLEncoding
	signature := make([]byte, 32)
	for i := range signature {
		signature[i] = fresh[i%len(fresh)] * byte(7*i+3)
	}
	return []byte(e.EncodeToString([]byte(`{"alg":"HS256"}`)) + "." + e.EncodeToString(object(person, fresh)) + "." + e.EncodeToString(signature))
}

// document is a PDF that shows a line about person and was made at fresh.
func document(t testing.TB, person, fresh string, level int) []byte {
	t.Helper()
	page := deflated(t, level, fmt.Appendf(nil, "BT /F1 12 Tf 10 20 Td (Result of %s) Tj ET 0 0 m 10 10 l S", person))
	var out bytes.Buffer
	out.WriteString("%PDF-1.4\n")
	objects := []string{
		"<</Type/Catalog/Pages 2 0 R>>",
		"<</Type/Pages/Kids[3 0 R]/Count 1>>",
		"<</Type/Page/Parent 2 0 R/Contents 4 0 R/MediaBox[0 0 200 200]>>",
		fmt.Sprintf("<</Length %d/Filter/FlateDecode>>stream\n%s\nendstream", len(page), page),
		fmt.Sprintf("<</Producer(Writer)/Keywords(%s)/CreationDate(D:20260102030405Z)>>", fresh),
	}
	for i, o := range objects {
		fmt.Fprintf(&out, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	fmt.Fprintf(&out, "trailer<</Root 1 0 R/Info 5 0 R/Size 6/ID[<%032x><%032x>]>>\nstartxref\n%d\n%%%%EOF\n", len(page), len(fresh), out.Len())
	return out.Bytes()
}

func picture(t testing.TB, person, fresh string, level int) []byte {
	t.Helper()
	out := []byte("\x89PNG\r\n\x1a\n")
	chunk := func(kind string, body []byte) {
		out = binary.BigEndian.AppendUint32(out, uint32(len(body)))
		start := len(out)
		out = append(append(out, kind...), body...)
		out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[start:]))
	}
	chunk("IHDR", []byte{0, 0, 0, 2, 0, 0, 0, 1, 8, 0, 0, 0, 0})
	chunk("tEXt", []byte("Title\x00"+person))
	chunk("zTXt", append([]byte("Comment\x00\x00"), deflated(t, level, []byte(fresh))...))
	chunk("IDAT", deflated(t, level, []byte{0, 7, 9}))
	chunk("IEND", nil)
	return out
}

func archived(t testing.TB, person, fresh string, level int) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, level) })
	for _, m := range [][2]string{{"who.txt", person}, {"when.txt", fresh}} {
		w, err := z.Create(m[0])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, m[1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func proto(person, fresh string) []byte {
	inner := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), person)
	inner = protowire.AppendVarint(protowire.AppendTag(inner, 2, protowire.VarintType), 7)
	out := protowire.AppendBytes(protowire.AppendTag(nil, 3, protowire.BytesType), inner)
	return protowire.AppendString(protowire.AppendTag(out, 4, protowire.BytesType), fresh)
}

var leafCases = []leafCase{
	{"JSON", false, func(_ testing.TB, p, f string) []byte { return object(p, f) }},
	{"form", false, func(_ testing.TB, p, f string) []byte { return []byte(url.Values{"at": {f}, "person": {p}}.Encode()) }},
	{"XML", false, func(_ testing.TB, p, f string) []byte {
		return []byte(`<?xml version="1.0"?><r><person>` + p + `</person><at>` + f + `</at></r>`)
	}},
	{"JWT", false, func(_ testing.TB, p, f string) []byte { return token(p, f) }},
	{"protobuf", true, func(_ testing.TB, p, f string) []byte { return proto(p, f) }},
	{"PDF", true, func(t testing.TB, p, f string) []byte { return document(t, p, f, 6) }},
	{"PNG", true, func(t testing.TB, p, f string) []byte { return picture(t, p, f, 6) }},
	{"ZIP", true, func(t testing.TB, p, f string) []byte { return archived(t, p, f, 6) }},
	{"calendar", false, func(_ testing.TB, p, f string) []byte {
		return []byte("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:0\r\nDTSTAMP:20260102T030405Z\r\nSUMMARY:For " + p + "\r\nX-AT:" + f + "\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n")
	}},
}

// Layers that text is carried in as text.
var textLayers = map[string]func(testing.TB, []byte) []byte{
	"base64": func(_ testing.TB, b []byte) []byte { return []byte(base64.StdEncoding.EncodeToString(b)) },
	"base64url": func(_ testing.TB, b []byte) []byte {
		return []byte(base64.RawURLEncoding.EncodeToString(b))
	},
	"hex":         func(_ testing.TB, b []byte) []byte { return []byte(hex.EncodeToString(b)) },
	"gzip base64": func(t testing.TB, b []byte) []byte { return []byte(base64.StdEncoding.EncodeToString(gzipped(t, b))) },
	"zlib base64": func(t testing.TB, b []byte) []byte {
		return []byte(base64.StdEncoding.EncodeToString(deflated(t, 9, b)))
	},
	"zstd base64": func(t testing.TB, b []byte) []byte {
		return []byte(base64.StdEncoding.EncodeToString(zstdCompressed(t, b)))
	},
}

// carriers carry a text to a canonical form: a leaf, a link in a mail, a header field.
var carriers = map[string]func(string) *gate.Decoded{
	"JSON leaf": func(v string) *gate.Decoded {
		b, err := json.Marshal(map[string]any{"messages": []any{map[string]any{"data": v}}})
		if err != nil {
			panic(err)
		}
		return payload("application/json", "", b)
	},
	"form field": func(v string) *gate.Decoded {
		return payload("application/x-www-form-urlencoded", "", []byte("d="+url.QueryEscape(v)))
	},
	"XML element": func(v string) *gate.Decoded { return payload("text/xml", "", []byte("<a><b>"+v+"</b></a>")) },
	"multipart field": func(v string) *gate.Decoded {
		return payload("multipart/form-data; boundary=XX", "", []byte("--XX\r\nContent-Disposition: form-data; name=d\r\n\r\n"+v+"\r\n--XX--\r\n"))
	},
	"protocol's field": func(v string) *gate.Decoded {
		return &gate.Decoded{Fields: []gate.Part{{Name: "header/cookie/session", Kind: gate.Value, Value: v}}}
	},
	"link in a text": func(v string) *gate.Decoded {
		return mail("Subject: x\n\nDear all, go to\nhttps://app.example/in?t=" + url.QueryEscape(v) + "&x=1\nnow.\n")
	},
	"path of a link": func(v string) *gate.Decoded {
		return mail("Subject: x\nContent-Type: text/html\n\n<p>Go <a href=\"https://app.example/in/" + url.QueryEscape(v) + "/x\">there</a>")
	},
	"text": func(v string) *gate.Decoded { return mail("Subject: x\n\nYour key:\n\n" + v + "\n\nKeep it.\n") },
}

// partTexts are the parts of a form as one list of names and values, and what it hides.
func partTexts(c *gate.Canonical) []string {
	var out []string
	for _, p := range c.Parts {
		out = append(out, p.Name+"="+p.Value)
	}
	return out
}

// differing are the names of parts that two forms do not have alike.
func differing(a, b *gate.Canonical) []string {
	var out []string
	x, y := partTexts(a), partTexts(b)
	for _, v := range x {
		if !slices.Contains(y, v) {
			name, _, _ := strings.Cut(v, "=")
			out = append(out, name)
		}
	}
	for _, v := range y {
		name, _, _ := strings.Cut(v, "=")
		if !slices.Contains(x, v) && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// In every format, under every layer, at every place: a leaf holds what was put in, and
// what is fresh differs in a leaf of its own alone.
func TestLeavesUnderLayers(t *testing.T) {
	c := newCanon(t, canon.Options{})
	const erin, frank = "erin.north@example.org", "frank.south@example.org"
	const now, then = "1767225600123456789", "1767229911987654321"
	for _, leaf := range leafCases {
		for layer, wrap := range textLayers {
			for place, carry := range carriers {
				t.Run(leaf.name+"/"+layer+"/"+place, func(t *testing.T) {
					form := func(person, fresh string) gate.Canonical {
						return message(c, carry(string(wrap(t, leaf.wrap(t, person, fresh)))))
					}
					first, later, other := form(erin, now), form(erin, then), form(frank, then)
					if len(first.Gaps) > 0 {
						t.Fatalf("gaps: %v", first.Gaps)
					}
					holds := func(f *gate.Canonical, v string) bool {
						return slices.ContainsFunc(f.Parts, func(p gate.Part) bool { return p.Kind != gate.Link && strings.Contains(p.Value, v) })
					}
					if !holds(&first, erin) || !holds(&first, now) {
						t.Fatalf("no leaf holds what was put in:\n%s", show(&first))
					}
					if d := differing(&first, &later); len(d) != 1 {
						t.Errorf("what is fresh makes %d parts differ: %q\n%s", len(d), d, show(&first))
					}
					if d := differing(&later, &other); len(d) != 1 {
						t.Errorf("another person makes %d parts differ: %q", len(d), d)
					}
				})
			}
		}
	}
}

// However a format packs what it holds, what is compared is what it holds.
func TestRepacked(t *testing.T) {
	c := newCanon(t, canon.Options{})
	for _, f := range []struct {
		name, kind string
		pack       func(testing.TB, string, string, int) []byte
	}{
		{"PDF", "application/pdf", document},
		{"PNG", "image/png", picture},
		{"ZIP", "application/zip", archived},
		{"office document", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", archived},
		{"gzip", "application/gzip", func(t testing.TB, p, f string, level int) []byte {
			var out bytes.Buffer
			z, err := gzip.NewWriterLevel(&out, level)
			if err != nil {
				t.Fatal(err)
			}
			finish(t, z, object(p, f))
			return out.Bytes()
		}},
	} {
		t.Run(f.name, func(t *testing.T) {
			person, fresh := strings.Repeat("erin ", 40), strings.Repeat("2026 ", 40)
			one := message(c, payload(f.kind, "", f.pack(t, person, fresh, 1)))
			for _, level := range []int{0, 6, 9} {
				two := message(c, payload(f.kind, "", f.pack(t, person, fresh, level)))
				if d := differing(&one, &two); len(d) > 0 {
					t.Errorf("level %d differs in %q", level, d)
				}
			}
			other := message(c, payload(f.kind, "", f.pack(t, strings.Repeat("dora ", 40), fresh, 6)))
			if d := differing(&one, &other); len(d) != 1 {
				t.Errorf("another person differs in %q", d)
			}
			if len(one.Gaps) > 0 || slices.ContainsFunc(one.Parts, func(p gate.Part) bool { return strings.Contains(p.Name, "malformed") }) {
				t.Error(show(&one))
			}
		})
	}
	var packed bytes.Buffer
	finish(t, brotli.NewWriter(&packed), object("erin", "now"))
	plain, br := message(c, payload("application/json", "", object("erin", "now"))), message(c, payload("application/json", "br", packed.Bytes()))
	if d := differing(&plain, &br); len(d) > 0 {
		t.Errorf("brotli: %q", d)
	}
}

// What stands behind or beside the data of a container is compared.
func TestAroundContainers(t *testing.T) {
	c := newCanon(t, canon.Options{})
	const left = "left by frank.south@example.org"
	named := func(name, comment string) []byte {
		var out bytes.Buffer
		z := gzip.NewWriter(&out)
		z.Name, z.Comment = name, comment
		finish(t, z, []byte("x"))
		return out.Bytes()
	}
	skippable := append([]byte{0x50, 0x2a, 0x4d, 0x18, byte(len(left)), 0, 0, 0}, left...)
	zipComment := func() []byte {
		var out bytes.Buffer
		z := zip.NewWriter(&out)
		w, err := z.CreateHeader(&zip.FileHeader{Name: "a", Comment: left})
		if err == nil {
			_, err = w.Write([]byte("x"))
		}
		if err != nil || z.Close() != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}()
	for _, f := range []struct {
		name, kind string
		data       []byte
	}{
		{"gzip name", "application/gzip", named(left, "")},
		{"gzip comment", "application/gzip", named("", left)},
		{"gzip trailer", "application/gzip", append(named("", ""), left...)},
		{"second gzip member", "application/gzip", append(named("", ""), gzipped(t, []byte(left))...)},
		{"skippable frame", "application/zstd", append(skippable, zstdCompressed(t, []byte("x"))...)},
		{"ZIP member's comment", "application/zip", zipComment},
		{"before a ZIP", "application/octet-stream", append([]byte("PK\x03\x04"+left), archived(t, "a", "b", 6)...)},
		{"behind a PNG", "image/png", append(picture(t, "a", "b", 6), left...)},
		{"behind a PDF", "application/pdf", append(document(t, "a", "b", 6), left...)},
	} {
		form := message(c, payload(f.kind, "", f.data))
		if !slices.ContainsFunc(form.Parts, func(p gate.Part) bool { return strings.Contains(p.Value, left) }) {
			t.Errorf("%s: no part holds what was left there:\n%s", f.name, show(&form))
		}
	}
}

// Facts in random layers within layers are found by canonical form, and by the search for
// facts in a text.
func TestNestedLayers(t *testing.T) {
	c := newCanon(t, canon.Options{})
	names := make([]string, 0, len(textLayers))
	for name := range textLayers {
		names = append(names, name)
	}
	slices.Sort(names)
	rapid.Check(t, func(r *rapid.T) {
		leaf := leafCases[rapid.IntRange(0, len(leafCases)-1).Draw(r, "leaf")]
		address := rapid.StringMatching(`[a-z]{6,10}\.[a-z]{4,8}@example\.org`).Draw(r, "address")
		b := leaf.wrap(t, address, fmt.Sprint(rapid.Uint64().Draw(r, "fresh")))
		for range rapid.IntRange(1, 3).Draw(r, "layers") {
			b = textLayers[rapid.SampledFrom(names).Draw(r, "layer")](t, b)
		}
		form := message(c, carriers["JSON leaf"](string(b)))
		if !slices.ContainsFunc(form.Parts, func(p gate.Part) bool { return strings.Contains(p.Value, address) }) {
			r.Fatalf("canonical form does not hold %s:\n%s", address, show(&form))
		}
		found := false
		exposure.InText("x", "see "+string(b)+" here", func(f *exposure.Found) {
			found = found || f.Kind == gate.FactAddress && f.Value() == address
		})
		if !found {
			r.Fatalf("%s is not found in %s", address, b)
		}
	})
}

// Tokens of chance are compared as they stand, of whichever letters they are made.
func TestRandomTokensStay(t *testing.T) {
	c := newCanon(t, canon.Options{})
	r := rand.New(rand.NewChaCha8([32]byte{2}))
	for range 3000 {
		b := make([]byte, 8+r.IntN(40))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		for _, v := range []string{base64.StdEncoding.EncodeToString(b), base64.RawURLEncoding.EncodeToString(b), hex.EncodeToString(b)} {
			form := message(c, carriers["JSON leaf"](v))
			if len(form.Parts) > 2 || form.Parts[0].Value != v {
				t.Fatalf("%q became %s", v, show(&form))
			}
		}
	}
}

// A string of digits has one form whatever its first digit is; a number is another.
func TestDigitsInJSON(t *testing.T) {
	c := newCanon(t, canon.Options{})
	names := func(v string) (out []string) {
		form := message(c, payload("application/json", "", []byte(`{"code":`+v+`}`)))
		for _, p := range form.Parts {
			out = append(out, p.Name)
		}
		return out
	}
	for _, v := range []string{`"023456"`, `"000000"`, `"-01.50"`, `"00e1"`} {
		if got, want := names(v), names(`"123456"`); !slices.Equal(got, want) {
			t.Errorf("%s has parts %q, and not %q", v, got, want)
		}
	}
	if slices.Equal(names(`123456`), names(`"123456"`)) {
		t.Error("a number and a string are alike")
	}
}

// Links of one meaning have one form, and near ones another.
func TestLinkSpelling(t *testing.T) {
	c := newCanon(t, canon.Options{})
	link := func(u string) string {
		form := message(c, mail("Subject: x\n\nGo to "+u+" now\n"))
		for _, p := range form.Parts {
			if p.Kind == gate.Link {
				return p.Value
			}
		}
		return ""
	}
	for _, group := range [][]string{
		{"https://portal.example", "https://portal.example/", "https://portal.example:443/", "HTTPS://Portal.Example:443"},
		{"http://portal.example/a?x=1&y=2", "http://portal.example:80/a?y=2&x=1"},
		{"https://portal.example/%7Eerin/%2f", "https://portal.example/~erin/%2F"},
		{"https://portal.example:8443/"},
		{"http://portal.example:443/"},
		{"https://portal.example/A"}, {"https://portal.example/a"},
		{"https://portal.example/a?x=1&x=2"}, {"https://portal.example/a?x=2&x=1"},
		{"https://portal.example/a?x=1&utm_source=y"},
	} {
		for _, u := range group {
			if got := link(u); got != link(group[0]) || got != link(got) {
				t.Errorf("%s is %s, and %s is %s", u, got, group[0], link(group[0]))
			}
		}
		for _, other := range []string{"https://portal.example/b", "https://portal.example/%2F"} {
			if link(group[0]) == link(other) {
				t.Errorf("%s and %s are alike", group[0], other)
			}
		}
	}
}

func FuzzOpenLayers(f *testing.F) {
	for _, leaf := range leafCases {
		f.Add("", leaf.wrap(f, "erin@example.org", "1767225600"))
	}
	f.Add(string(token("erin@example.org", "1767225600")), []byte(nil))
	f.Fuzz(func(t *testing.T, text string, data []byte) {
		c := fuzzCanon(t)
		canonical(t, c, carriers["JSON leaf"](text+base64.StdEncoding.EncodeToString(data)))
		for _, kind := range []string{"application/pdf", "text/calendar", "application/x-protobuf", "application/grpc", "application/pkcs7-mime", "application/octet-stream"} {
			canonical(t, c, payload(kind, "", data))
		}
	})
}

// Of a message that is encrypted, it is compared to whose keys; its ciphertext is opaque, and
// so is all of what only looks like such a message.
func TestOpenPGP(t *testing.T) {
	c := newCanon(t, canon.Options{})
	packet := func(tag byte, body []byte) []byte {
		return append([]byte{0xc0 | tag, 192, byte(len(body) - 192)}, body...)
	}
	armored := func(key, secret byte) string {
		session := append([]byte{3, 1, 2, 3, 4, 5, 6, 7, key, 1}, bytes.Repeat([]byte{secret}, 200)...)
		data := append(packet(1, session), packet(18, append([]byte{1}, bytes.Repeat([]byte{secret + 1}, 210)...))...)
		return "-----BEGIN PGP MESSAGE-----\n\n" + base64.StdEncoding.EncodeToString(data) + "\n-----END PGP MESSAGE-----\n"
	}
	form := func(text string) gate.Canonical { return message(c, mail("Subject: x\n\n"+text)) }
	first, again, other := form(armored(8, 1)), form(armored(8, 2)), form(armored(9, 2))
	if d := differing(&first, &again); !slices.Equal(d, []string{"text/pgp/opaque"}) {
		t.Errorf("encrypted again, %q differ:\n%s", d, show(&first))
	}
	if d := differing(&again, &other); !slices.Contains(d, "text/pgp/recipient[0]") {
		t.Errorf("encrypted to another key, %q differ", d)
	}
	junk := form("-----BEGIN PGP MESSAGE-----\n\n" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0x84, 7}, 90)) + "\n-----END PGP MESSAGE-----\n")
	if d := differing(&first, &junk); slices.ContainsFunc(d, func(n string) bool { return n == "text" }) || !slices.ContainsFunc(junk.Parts, func(p gate.Part) bool { return p.Name == "text/pgp/opaque" && p.Kind == gate.Binary }) {
		t.Error(show(&junk))
	}
}

// Fields of a calendar are read one by one: when it was written is hidden by its exact shape
// alone, and who is invited are addresses.
func TestCalendar(t *testing.T) {
	c := newCanon(t, canon.Options{})
	form := func(stamp, uid, guest string) gate.Canonical {
		text := "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTAMP:" + stamp + "\nUID:" + uid + "\nATTENDEE;CN=\"Erin North\";PARTSTAT=NEEDS-ACTION:mai\n lto:" + guest + "\nSUMMARY:Visit\\, first\nEND:VEVENT\nEND:VCALENDAR\n"
		return message(c, payload("text/calendar; charset=utf-8", "", []byte(crlf(text))))
	}
	const id = "123e4567-e89b-12d3-a456-426614174000"
	first, later := form("20260102T030405Z", id, "erin@example.org"), form("20260203T040506Z", strings.Replace(id, "1", "2", 1), "erin@example.org")
	if d := differing(&first, &later); len(d) > 0 || len(first.Hidden) != 3 {
		t.Errorf("written again, %q differ:\n%s", d, show(&first))
	}
	for part, other := range map[string]gate.Canonical{
		"body/VCALENDAR/VEVENT/DTSTAMP":  form("20260102T030405Z frank", id, "erin@example.org"),
		"body/VCALENDAR/VEVENT/UID":      form("20260102T030405Z", "visit-of-frank", "erin@example.org"),
		"body/VCALENDAR/VEVENT/ATTENDEE": form("20260102T030405Z", id, "frank@example.org"),
	} {
		if d := differing(&first, &other); !slices.Equal(d, []string{part}) {
			t.Errorf("%s: %q differ", part, d)
		}
	}
	if !slices.ContainsFunc(first.Parts, func(p gate.Part) bool { return p.Kind == gate.Addresses && p.Value == "erin@example.org" }) {
		t.Errorf("no addresses:\n%s", show(&first))
	}
}

// Leaves that a rule declares to be running text are.
func TestProse(t *testing.T) {
	d := payload("application/json", "", []byte(`{"to":"erin","text":"Go to https://app.example:443/x now"}`))
	d.Prose = []string{"body/$.text"}
	form := message(newCanon(t, canon.Options{}), d)
	for _, want := range []gate.Part{
		{Name: "body/$.text", Kind: gate.Text, Value: "Go to https://app.example:443/x now"},
		{Name: "body/$.text/link", Kind: gate.Link, Value: "https://app.example/x"},
		{Name: "body/$.to", Kind: gate.Value, Value: "erin"},
	} {
		if !slices.Contains(form.Parts, want) {
			t.Errorf("no %+v:\n%s", want, show(&form))
		}
	}
}

// A page among the leaves that people read is read as HTML.
func TestProsePage(t *testing.T) {
	d := payload("application/json", "", []byte(`{"parts":[{"value":"<p>Dear Erin, <a href='https://app.example/visits'>look</a><img src='https://cdn.example/a.png'></p>"},{"value":"1 < 2"}],"to":"erin"}`))
	d.Prose = []string{"body/$.parts[*].value"}
	form := message(newCanon(t, canon.Options{}), d)
	for _, want := range []gate.Part{
		{Name: "body/$.parts[0].value/html", Kind: gate.Text, Value: "Dear Erin, look"},
		{Name: "body/$.parts[0].value/html/link", Kind: gate.Link, Value: "https://app.example/visits"},
		{Name: "body/$.parts[0].value/html/load", Kind: gate.Load, Value: "https://cdn.example/a.png"},
		{Name: "body/$.parts[1].value", Kind: gate.Text, Value: "1 < 2"},
		{Name: "body/$.to", Kind: gate.Value, Value: "erin"},
	} {
		if !slices.Contains(form.Parts, want) {
			t.Errorf("no %+v:\n%s", want, show(&form))
		}
	}
}

// A whole mail in a leaf, however it is wrapped, is read as one: its boundary, its id and its
// date are hidden, and its mailboxes are addresses.
func TestMailInLeaf(t *testing.T) {
	write := func(id, boundary, person string) string {
		return strings.ReplaceAll("From: Clinic <desk@clinic.example>\nTo: "+person+"\nSubject: =?utf-8?q?Your_visit?=\nMessage-ID: <"+id+"@clinic.example>\n"+
			"Date: Mon, 30 Nov 2026 10:0"+boundary[len(boundary)-1:]+":00 +0000\nMIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=\""+boundary+"\"\n\n"+
			"--"+boundary+"\nContent-Type: text/plain\nContent-Transfer-Encoding: 8bit\n\nGr\u00fc\u00dfe, "+person+"\n"+
			"--"+boundary+"\nContent-Type: text/html\n\n<p>Hello <a href=\"https://app.example/v\">there</a></p>\n--"+boundary+"--\n", "\n", "\r\n")
	}
	first := write("8d3b2c1e-90ab-4cde-8f12-3456789abcde", "----=_Part_0_5566778899aabb1", "erin@example.org")
	second := write("1f2e3d4c-5b6a-4788-9900-aabbccddeeff", "----=_Part_0_99ffee00112233a2", "erin@example.org")
	second = strings.ReplaceAll(second, "10:0"+"2", "10:03")
	other := write("8d3b2c1e-90ab-4cde-8f12-3456789abcde", "----=_Part_0_5566778899aabb1", "omar@example.net")
	latin := strings.ReplaceAll(strings.ReplaceAll(first, "\u00fc", "\xfc"), "\u00df", "\xdf")
	for _, c := range []struct {
		name, prefix string
		wrap         func(mail string) *gate.Decoded
	}{
		{"base64url in JSON", "body/$.raw/base64/", func(m string) *gate.Decoded {
			return payload("application/json", "", fmt.Appendf(nil, `{"raw":%q}`, base64.URLEncoding.EncodeToString([]byte(m))))
		}},
		{"base64 in a form", "body/RawMessage.Data/base64/", func(m string) *gate.Decoded {
			return payload("application/x-www-form-urlencoded", "", []byte(url.Values{"RawMessage.Data": {base64.StdEncoding.EncodeToString([]byte(m))}, "Action": {"Send"}}.Encode()))
		}},
		{"plain in JSON", "body/$.mail/mail/", func(m string) *gate.Decoded {
			b, err := json.Marshal(map[string]string{"mail": m})
			if err != nil {
				t.Fatal(err)
			}
			return payload("application/json", "", b)
		}},
		{"a file of a form", "body/message/attachment/", func(m string) *gate.Decoded {
			return payload("multipart/form-data; boundary=b", "", []byte("--b\r\nContent-Disposition: form-data; name=\"message\"; filename=\"m.mime\"\r\nContent-Type: application/octet-stream\r\n\r\n"+m+"\r\n--b--\r\n"))
		}},
		{"a body without a type", "body/", func(m string) *gate.Decoded { return payload("", "", []byte(m)) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			cn := newCanon(t, canon.Options{})
			a, b, o := message(cn, c.wrap(first)), message(cn, c.wrap(second)), message(cn, c.wrap(other))
			for _, want := range []gate.Part{
				{Name: c.prefix + "header/to", Kind: gate.Addresses, Value: "erin@example.org"},
				{Name: c.prefix + "header/subject", Kind: gate.Text, Value: "Your visit"},
				{Name: c.prefix + "html/link", Kind: gate.Link, Value: "https://app.example/v"},
				{Name: c.prefix + "text", Kind: gate.Text, Value: "Gr\u00fc\u00dfe, erin@example.org"},
			} {
				if !slices.Contains(a.Parts, want) {
					t.Errorf("no %+v:\n%s", want, show(&a))
				}
			}
			if d := differing(&a, &b); len(d) > 0 {
				t.Errorf("written anew, %q differ", d)
			}
			if d := differing(&a, &o); !slices.Contains(d, c.prefix+"header/to") {
				t.Errorf("to another, %q differ", d)
			}
			if c.name == "base64url in JSON" {
				l := message(cn, c.wrap(latin))
				if !slices.Contains(l.Parts, gate.Part{Name: c.prefix + "header/to", Kind: gate.Addresses, Value: "erin@example.org"}) {
					t.Errorf("bytes that are not UTF-8 in it:\n%s", show(&l))
				}
			}
		})
	}
	for _, text := range []string{"To: Erin\n\nhello", "Note: this\nAlso: that\n\nend of it", "https://example.org/a\nTo: x\n\n"} {
		l := message(newCanon(t, canon.Options{}), payload("application/json", "", fmt.Appendf(nil, `{"v":%q}`, text)))
		if len(l.Parts) != 1 {
			t.Errorf("%q is no mail:\n%s", text, show(&l))
		}
	}
}
