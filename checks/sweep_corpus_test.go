package checks_test

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/waybill-dev/waybill/fixtures/builds/clinic"
	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/importer"
	"github.com/waybill-dev/waybill/gate/importer/mbox"
)

var (
	sweepWhole = flag.Bool("sweep.whole", false, "sweep every position of 200 mails of the archive, of all test messages and of 100 requests; hours on one core")
	sweepSeed  = flag.Uint64("sweep.seed", 1, "seed of the sweeps: which positions are sampled, and which fact is put at each")
	sweepFile  = flag.String("sweep.report", "", "`FILE` that lists everything the sweeps did not find")
)

// A member is one of the people whose messages are swept. Everything in it is theirs alone.
type member struct{ mail, record, sentence string }

// members are the people of a sweep. Production writes to each of them what is theirs.
var members = []member{
	{"wilma.kestrel@lakeview.example", "MRN-7700012", "the biopsy of your left shoulder was benign"},
	{"osric.plover@harbour.example", "MRN-7700029", "stop taking lithium before the kidney scan"},
	{"tamsin.dunlin@hillside.example", "MRN-7700036", "an interpreter for Farsi joins the custody hearing"},
	{"bertil.avocet@meadow.example", "MRN-7700043", "insulin pump settings were raised after fainting"},
	{"noor.curlew@orchard.example", "MRN-7700057", "genetic counselling about Huntington begins Monday"},
	{"ivo.sanderling@quarry.example", "MRN-7700064", "the paternity report excludes Mister Whimbrel"},
}

// Places in a template where something of the member stands, and the length of the body.
const (
	theirMail     = "\x01"
	theirRecord   = "\x02"
	theirSentence = "\x03"
	bodyLength    = "\x04"
)

// theirField is what tells the requests of members from each other that hold nothing of
// theirs: without it two exchanged ones would be the same two requests to one party.
const theirField = "X-Member: " + theirRecord + " " + theirMail + "\r\n"

// A specimen is a message that is sent to, or because of, each member alike: a template
// of its head and of its body.
type specimen struct {
	name    string
	channel string
	host    string
	parts   [2][]byte           // head, body
	encode  func([]byte) []byte // of the body, after it was filled; nil is none
}

// Indexes of a specimen's parts.
const (
	head = 0
	body = 1
)

// render gives the specimen as it is sent to a member. edit, if not nil, alters the
// template of a part.
func (s *specimen) render(m *member, edit func(part int, template []byte) []byte) gate.Message {
	fill := strings.NewReplacer(theirMail, m.mail, theirRecord, m.record, theirSentence, m.sentence)
	var out [2][]byte
	for _, part := range []int{body, head} {
		template := s.parts[part]
		if edit != nil {
			template = edit(part, template)
		}
		filled := []byte(fill.Replace(string(template)))
		if part == body && s.encode != nil {
			filled = s.encode(filled)
		}
		if part == head {
			filled = bytes.ReplaceAll(filled, []byte(bodyLength), []byte(strconv.Itoa(len(out[body]))))
		}
		out[part] = filled
	}
	return gate.Message{Channel: s.channel, Sink: s.channel, Host: s.host, TLS: "TLS 1.3", Head: out[head], Body: out[body]}
}

// mailSpecimen gives a mail, whose lines end in CR LF, as one that each member receives.
func mailSpecimen(name string, raw []byte) specimen {
	return specimen{name: name, channel: "smtp", parts: [2][]byte{
		[]byte("EHLO app.lakeview.example\r\nMAIL FROM:<bounces@lakeview.example> SIZE=" + bodyLength + " BODY=8BITMIME\r\nRCPT TO:<" + theirMail + ">\r\n"),
		raw,
	}}
}

// profiles are the mails in which production tells each member what is theirs.
func profiles() []gate.Message {
	s := mailSpecimen("profile", []byte("From: Records <records@lakeview.example>\r\nTo: "+theirMail+"\r\nSubject: Your file\r\nMIME-Version: 1.0\r\n"+
		"Content-Type: text/plain; charset=utf-8\r\n\r\nWe hold these of you:\r\n\r\naddress: "+theirMail+"\r\nrecord: "+theirRecord+"\r\nnote: "+theirSentence+".\r\n"))
	var out []gate.Message
	for i := range members {
		out = append(out, s.render(&members[i], nil))
	}
	return out
}

func wireLines(raw []byte) []byte {
	return bytes.ReplaceAll(bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
}

// longest is how many bytes a swept message may have: the time of a sweep grows with the
// square of that.
const longest = 24 << 10

// archiveSpecimens gives n mails of the public archive, spread evenly over it. There are none
// where WAYBILL_CORPORA does not name its folder.
func archiveSpecimens(t *testing.T, n int) (out []specimen) {
	t.Helper()
	folder := os.Getenv("WAYBILL_CORPORA")
	if folder == "" {
		t.Log("WAYBILL_CORPORA does not name the folder of the public mail archive, spamassassin.mbox.gz: no real mail is swept")
		return nil
	}
	var all []specimen
	read := 0
	for item, err := range mbox.Format.Read(filepath.Join(folder, "spamassassin.mbox.gz"), importer.Options{}) {
		if err != nil {
			t.Fatal(err)
		}
		if item.Record.Message == nil {
			continue
		}
		read++
		if raw := item.Record.Message.Body; len(raw) <= longest && !bytes.ContainsAny(raw, theirMail+theirRecord+theirSentence+bodyLength) {
			all = append(all, mailSpecimen(fmt.Sprintf("archive %d", read), wireLines(raw)))
		}
	}
	if len(all) < n {
		t.Fatalf("the archive has %d mails that can be swept, want %d", len(all), n)
	}
	for i := range n {
		out = append(out, all[i*len(all)/n])
	}
	return out
}

// ownSpecimens are the messages that tests of other packages hold, and one of each kind
// that the clinic sends.
func ownSpecimens(t *testing.T) (out []specimen) {
	t.Helper()
	request := func(name string, data []byte) {
		top, rest, _ := bytes.Cut(data, []byte("\n\n"))
		rest = bytes.TrimSuffix(rest, []byte("\n"))
		lines := "POST /v1/things HTTP/1.1\r\nHost: api.partner.example\r\n" + theirField + "Content-Length: " + bodyLength + "\r\n" + string(wireLines(top)) + "\r\n"
		out = append(out, specimen{name: name, channel: "http", host: "api.partner.example", parts: [2][]byte{[]byte(lines), rest}})
	}
	read := func(pattern string, take func(name string, data []byte)) {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no test messages: %v", pattern, err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			take(strings.TrimPrefix(filepath.ToSlash(file), "../gate/"), data)
		}
	}
	letter := func(name string, data []byte) { out = append(out, mailSpecimen(name, wireLines(data))) }
	read("../gate/canon/testdata/golden/*.eml", letter)
	read("../gate/importer/eml/testdata/*.eml", letter)
	read("../gate/canon/testdata/golden/*.http", request)
	read("../gate/canon/testdata/twins/*.txt", func(name string, data []byte) {
		kind, rest, _ := strings.Cut(string(data), "\n")
		first, _, _ := strings.Cut(rest, "\n=== ")
		if kind == "=== eml" {
			letter(name, []byte(first))
		} else {
			request(name, []byte(first+"\n"))
		}
	})
	read("../gate/channel/http/testdata/decode/*.txtar", func(name string, data []byte) {
		s := specimen{name: name, channel: "http"}
		for _, f := range txtar.Parse(data).Files {
			switch f.Name {
			case "message":
				for line := range strings.Lines(string(f.Data)) {
					if host, ok := strings.CutPrefix(line, "host "); ok {
						s.host = strings.TrimSpace(host)
					}
				}
			case "head":
				s.parts[head] = append(wireLines(f.Data), theirField...)
			case "body":
				s.parts[body] = bytes.TrimSuffix(f.Data, []byte("\n"))
			}
		}
		out = append(out, s)
	})
	seen := map[string]bool{}
	traffic := clinic.Build(60)
	for i := range traffic.Mails {
		if m := &traffic.Mails[i]; !seen[m.Kind] {
			seen[m.Kind] = true
			letter("clinic "+m.Kind, clinic.NewWriter(clinic.Style{}, 1).Mail(m, i).Body)
		}
	}
	return slices.DeleteFunc(out, func(s specimen) bool {
		return len(s.parts[body]) > longest || bytes.ContainsAny(s.parts[body], theirMail+theirRecord+theirSentence+bodyLength)
	})
}

// A requestKind makes requests of one form of body. Each has the member's address, record
// number and sentence somewhere, and constants.
type requestKind struct {
	name string
	make func(r *rand.Rand) specimen
}

func pick(r *rand.Rand, list ...string) string { return list[r.IntN(len(list))] }

// requestOf gives a request with the usual fields, and further ones.
func requestOf(r *rand.Rand, method, target, contentType string, content string, more ...string) specimen {
	host := pick(r, "api.partner.example", "hooks.practice.example", "sms.provider.example")
	lines := method + " " + target + " HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: " + pick(r, "ClinicPost/4.1", "python-requests/2.31.0", "axios/1.6.2") +
		"\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\n"
	if contentType != "" {
		lines += "Content-Type: " + contentType + "\r\nContent-Length: " + bodyLength + "\r\n"
	}
	for i := 0; i < len(more); i += 2 {
		lines += more[i] + ": " + more[i+1] + "\r\n"
	}
	if r.IntN(2) == 0 {
		lines += "X-Request-ID: 8f14e45f-ceea-467f-a8f3-1d2c3b4a5968\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
	}
	return specimen{channel: "http", host: host, parts: [2][]byte{[]byte(lines), []byte(content)}}
}

func jsonBody(r *rand.Rand) string {
	return `{"event":"` + pick(r, "visit.booked", "result.ready") + `","priority":` + pick(r, "1", "2.5") + `,"patient":{"record":"` + theirRecord + `","mail":"` + theirMail +
		`"},"tags":["clinic","north wing"],"note":"` + theirSentence + `","urgent":` + pick(r, "true", "false") + `,"at":"2031-03-04T10:30:00Z"}`
}

func requestKinds() []requestKind {
	return []requestKind{
		{"json", func(r *rand.Rand) specimen {
			return requestOf(r, "POST", "/v1/events", "application/json", jsonBody(r), "Authorization", "Bearer 9c1185a5c5e9fc54612808977ee8f548b2258d31")
		}},
		{"form", func(r *rand.Rand) specimen {
			return requestOf(r, "POST", "/2010/Messages", "application/x-www-form-urlencoded", "To="+theirMail+"&From=Clinic&Body="+theirSentence+"&record="+theirRecord+"&flag="+pick(r, "on", "off"))
		}},
		{"multipart", func(r *rand.Rand) specimen {
			field := func(name, value string) string {
				return "--x7f3a9c\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n"
			}
			return requestOf(r, "POST", "/upload", "multipart/form-data; boundary=x7f3a9c", field("to", theirMail)+field("record", theirRecord)+
				"--x7f3a9c\r\nContent-Disposition: form-data; name=\"file\"; filename=\"report.txt\"\r\nContent-Type: text/plain\r\n\r\n"+theirSentence+"\r\n--x7f3a9c--\r\n")
		}},
		{"xml", func(r *rand.Rand) specimen {
			return requestOf(r, "POST", "/soap", "text/xml; charset=utf-8", `<?xml version="1.0"?><e:Envelope xmlns:e="http://soap.example/e"><!-- north --><e:Body><Send kind="`+pick(r, "sms", "fax")+`"><To>`+theirMail+
				`</To><Record id="`+theirRecord+`"/><Note><![CDATA[`+theirSentence+`]]></Note></Send></e:Body></e:Envelope>`)
		}},
		{"ndjson", func(r *rand.Rand) specimen {
			return requestOf(r, "POST", "/_bulk", "application/x-ndjson", `{"index":{"_index":"letters"}}`+"\n"+`{"mail":"`+theirMail+`","record":"`+theirRecord+`"}`+"\n"+`{"note":"`+theirSentence+`"}`+"\n")
		}},
		{"text", func(r *rand.Rand) specimen {
			return requestOf(r, "PUT", "/notes/1", "text/plain; charset=utf-8", "Record "+theirRecord+" of "+theirMail+":\n"+theirSentence+".\n"+pick(r, "Printed by the north wing.", "Printed by the south wing."))
		}},
		{"protobuf", func(r *rand.Rand) specimen {
			s := requestOf(r, "POST", "/clinic.v1.Letters/Send", "application/x-protobuf", "1 "+theirMail+"\n2 "+theirRecord+"\n3 "+theirSentence+"\n4 "+pick(r, "sms", "fax"))
			s.encode = protobuf
			return s
		}},
		{"gzip", func(r *rand.Rand) specimen {
			s := requestOf(r, "POST", "/v1/events", "application/json", jsonBody(r), "Content-Encoding", "gzip")
			s.encode = deflated
			return s
		}},
		{"graphql", func(r *rand.Rand) specimen {
			return requestOf(r, "POST", "/graphql", "application/json", `{"operationName":"Send","query":"mutation Send($to: String!, $note: String) { send(to: $to, note: $note) { id } }","variables":{"to":"`+
				theirMail+`","record":"`+theirRecord+`","note":"`+theirSentence+`"}}`)
		}},
		{"sigv4", func(r *rand.Rand) specimen {
			return requestOf(r, "POST", "/v2/email/outbound-emails", "application/x-amz-json-1.1", `{"Destination":{"ToAddresses":["`+theirMail+`"]},"Record":"`+theirRecord+`","Content":{"Data":"`+theirSentence+`"}}`,
				"X-Amz-Date", "20310304T103000Z", "X-Amz-Content-Sha256", strings.Repeat("9f86d081884c7d65", 4), "X-Amz-Target", "Letters_20310101.Send",
				"Authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE7/20310304/eu-west-1/ses/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature="+strings.Repeat("5d672d79c15b1316", 4))
		}},
		{"cookies", func(r *rand.Rand) specimen {
			return requestOf(r, "GET", "/session", "", "", "Cookie", "user="+theirMail+"; record="+theirRecord+"; theme="+pick(r, "dark", "light"), "Referer", "https://portal.lakeview.example/home", "X-Note", theirSentence)
		}},
		{"query", func(r *rand.Rand) specimen {
			return requestOf(r, "GET", "/g/collect?v=2&tid=G-1&cid="+theirRecord+"&em="+theirMail+"&dt=My+clinic&sr="+pick(r, "1920x1080", "800x600"), "", "", "X-Note", theirSentence)
		}},
		{"path", func(r *rand.Rand) specimen {
			return requestOf(r, pick(r, "PUT", "DELETE"), "/v1/patients/"+theirRecord+"/mails/"+theirMail+"/notes", "text/plain", theirSentence)
		}},
		{"text in base64", func(r *rand.Rand) specimen {
			s := requestOf(r, "POST", "/raw", "application/json", theirRecord+" "+theirMail+" "+theirSentence)
			s.encode = func(b []byte) []byte {
				return []byte(`{"kind":"letter","data":"` + base64.StdEncoding.EncodeToString(b) + `"}`)
			}
			return s
		}},
	}
}

// protobuf writes lines of a field's number and text in the wire format of Protocol Buffers:
// a tag, whose wire type 2 is "length-delimited", a length and the text.
func protobuf(lines []byte) (out []byte) {
	for line := range bytes.SplitSeq(lines, []byte("\n")) {
		number, value, _ := bytes.Cut(line, []byte(" "))
		n, err := strconv.ParseUint(string(number), 10, 28)
		if err != nil || n == 0 {
			n, value = 9, line
		}
		out = binary.AppendUvarint(out, n<<3|2)
		out = binary.AppendUvarint(out, uint64(len(value)))
		out = append(out, value...)
	}
	return out
}

func deflated(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(b) // a bytes.Buffer takes everything
	_ = z.Close()
	return out.Bytes()
}

// requestSpecimens gives n requests, of all kinds of body in turn. Of those whose body is
// encoded, every other is swept in its encoded bytes.
func requestSpecimens(n int, seed uint64) (out []specimen) {
	kinds := requestKinds()
	for i := range n {
		k := kinds[i%len(kinds)]
		s := k.make(rand.New(rand.NewPCG(seed, uint64(i))))
		s.name = "request " + k.name
		if s.encode != nil && i/len(kinds)%2 == 1 {
			s.name += ", encoded"
			s.parts[body] = s.render(&members[0], nil).Body
			s.encode = nil
		}
		out = append(out, s)
	}
	return out
}

// sweepVolume is the number of mails of the archive and of requests of a sweep.
func sweepVolume() (mails, requests int) {
	if *sweepWhole {
		return 200, 100
	}
	return 20, len(requestKinds())
}

func specimens(t *testing.T) []specimen {
	t.Helper()
	mails, requests := sweepVolume()
	return slices.Concat(archiveSpecimens(t, mails), ownSpecimens(t), requestSpecimens(requests, *sweepSeed))
}

// A spot is a run of bytes of a specimen's part that a sweep replaces; empty, where it
// only puts something in.
type spot struct{ part, start, end int }

func isWordByte(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c >= 0x80 || c <= 4
}

// spots gives every position of a specimen: each word, which is replaced, and each
// boundary of words, at which something is put in.
func (s *specimen) spots() (out []spot) {
	for part, data := range s.parts {
		last := 0
		for i := 1; i <= len(data); i++ {
			if i < len(data) && isWordByte(data[i]) == isWordByte(data[i-1]) {
				continue
			}
			if isWordByte(data[last]) {
				out = append(out, spot{part, last, i})
			}
			out = append(out, spot{part, i, i})
			last = i
		}
	}
	return out
}

// put gives the edit that puts value at a spot.
func (p spot) put(value string) func(int, []byte) []byte {
	return func(part int, template []byte) []byte {
		if part != p.part {
			return template
		}
		return slices.Concat(template[:p.start], []byte(value), template[p.end:])
	}
}

// place says where a spot is: the name of a header field, or what the body is.
func (s *specimen) place(part, at int) string {
	data := s.parts[part]
	top := data
	what := "head"
	if part == body {
		if s.channel == "http" {
			return "body"
		}
		what = "mail"
		end := bytes.Index(data, []byte("\r\n\r\n"))
		if end >= 0 {
			top = data[:end+2]
		}
		if at >= len(top) {
			return mailBodyPlace(data, at)
		}
	}
	start := bytes.LastIndexByte(top[:min(at, len(top))], '\n') + 1
	for start > 0 && start < len(top) && (top[start] == ' ' || top[start] == '\t') {
		start = bytes.LastIndexByte(top[:start-1], '\n') + 1
	}
	line, _, _ := bytes.Cut(top[start:], []byte("\n"))
	name, _, ok := bytes.Cut(line, []byte(":"))
	if !ok {
		name, _, _ = bytes.Cut(line, []byte(" "))
	}
	return what + " " + strings.ToLower(cmp.Or(strings.TrimSpace(string(name)), "line"))
}

// mailBodyPlace says in which kind of text a byte behind a mail's header is: a guess, for
// people to read.
func mailBodyPlace(data []byte, at int) string {
	before := bytes.ToLower(data[:at])
	kind := "text"
	if i := bytes.LastIndex(before, []byte("content-type:")); i >= 0 {
		value, _, _ := bytes.Cut(before[i+len("content-type:"):], []byte("\n"))
		value, _, _ = bytes.Cut(value, []byte(";"))
		kind = strings.TrimSpace(string(value))
	}
	if strings.Contains(kind, "html") {
		switch tag, end := bytes.LastIndexByte(before, '<'), bytes.LastIndexByte(before, '>'); {
		case bytes.LastIndex(before, []byte("<!--")) > bytes.LastIndex(before, []byte("-->")):
			return "mail " + kind + " comment"
		case bytes.LastIndex(before, []byte("<style")) > bytes.LastIndex(before, []byte("</style")):
			return "mail " + kind + " style"
		case bytes.LastIndex(before, []byte("<script")) > bytes.LastIndex(before, []byte("</script")):
			return "mail " + kind + " script"
		case tag > end:
			return "mail " + kind + " tag"
		}
	}
	return "mail " + kind
}

// around shows the bytes around a position.
func around(data []byte, start, end int) string {
	return fmt.Sprintf("%q[%q]%q", data[max(0, start-30):start], data[start:min(end, start+40)], data[end:min(len(data), end+20)])
}
