package checks_test

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/waybill-dev/waybill/gate"
)

// A place is where a message of a class has a constant. In a template it stands as
// «name: old | new ~ want | ...»: the text of production, texts that staging has instead in
// everybody's message, and what must come of each: "block"; "note" for what people read as
// running text and the other exceptions of invariant 12; "quiet" for what only describes,
// which may be masked by its shape.
type place struct {
	name     string
	old      string
	variants []variant
}

type variant struct{ text, want string }

var placeMark = regexp.MustCompile(`(?s)«([^:»]+): ?([^»]*)»`)

// cutPlaces gives a template with production's constants, and with a function that puts the
// text of one place in.
func cutPlaces(t *testing.T, template string) (places []place, put func(name, text string) string) {
	t.Helper()
	for _, m := range placeMark.FindAllStringSubmatch(template, -1) {
		fields := strings.Split(m[2], " | ")
		p := place{name: m[1], old: fields[0]}
		for _, f := range fields[1:] {
			text, want, ok := strings.Cut(f, " ~ ")
			if !ok || want != "block" && want != "note" && want != "quiet" {
				t.Fatalf("place %s: %q does not say what it wants", p.name, f)
			}
			p.variants = append(p.variants, variant{text, want})
		}
		if len(p.variants) == 0 || slices.ContainsFunc(places, func(q place) bool { return q.name == p.name }) {
			t.Fatalf("place %s has no variant, or stands twice", p.name)
		}
		places = append(places, p)
	}
	return places, func(name, text string) string {
		return placeMark.ReplaceAllStringFunc(template, func(mark string) string {
			m := placeMark.FindStringSubmatch(mark)
			if m[1] == name {
				return text
			}
			old, _, _ := strings.Cut(m[2], " | ")
			return old
		})
	}
}

// alikeTemplates are messages of a class: head and body, divided by "--BODY--\n".
var alikeTemplates = map[string]string{
	"mail": `EHLO app.lakeview.example
MAIL FROM:<«envelope/from: bounces@lakeview.example | bounces@other.example ~ block»>«envelope/auth:  |  AUTH=sender@other.example ~ block»
RCPT TO:<` + theirMail + `>«envelope/notify:  |  NOTIFY=SUCCESS,FAILURE ~ block»«envelope/orcpt:  |  ORCPT=rfc822;mallory@evil.example ~ block»
--BODY--
From: «header/from name: Lakeview Clinic | Hillside Clinic ~ block» <«header/from: care@lakeview.example | care@other.example ~ block»>
To: ` + theirMail + `
Cc: «header/cc: copies@lakeview.example | copies@other.example ~ block»
Reply-To: «header/reply-to: desk@lakeview.example | desk@other.example ~ block»
Sender: «header/sender: system@lakeview.example | system@other.example ~ block»
Errors-To: «header/errors-to: errors@lakeview.example | errors@other.example ~ block»
Return-Receipt-To: «header/return-receipt-to: seen@lakeview.example | seen@other.example ~ block»
Disposition-Notification-To: «header/disposition-notification-to: read@lakeview.example | read@other.example ~ block»
List-Unsubscribe: <https://«header/list-unsubscribe: lakeview.example | other.example ~ block»/leave?r=` + theirRecord + `>
X-MC-BccAddress: «header/x-mc-bccaddress: archive@lakeview.example | archive@other.example ~ block»
X-SMTPAPI: {"category":"«header/x-smtpapi category: letters | reports ~ block»","filters":{"bcc":{"settings":{"email":"«header/x-smtpapi bcc: a@lakeview.example | a@other.example ~ block»"}}}}
X-Mailgun-Drop-Message: «header/x-mailgun-drop-message: no | yes ~ block»
X-Campaign: «header/x-campaign: spring | autumn ~ note | mallory@evil.example ~ block | evil.example ~ block»
«new header:  | X-Wing: north
 ~ note | X-Wing: mallory@evil.example
 ~ block»X-Mailer: «header/x-mailer: ClinicPost 4.1 | ClinicPost 4.2 ~ quiet | mallory@evil.example ~ block»
In-Reply-To: <«header/in-reply-to: case-1@lakeview.example | case-2@lakeview.example ~ block»>
Subject: «header/subject: Your visit | Your next visit ~ note | Your visit, call +44 20 7946 0958 ~ block»
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=outer

--outer
Content-Type: multipart/alternative; boundary=inner

--inner
Content-Type: text/plain; charset=utf-8

Your record is ` + theirRecord + `, and ` + theirSentence + `.
«text: Kind regards | With kind regards ~ note | Kind regards, mallory@evil.example ~ block | Kind regards, www.evil.example ~ block»
Call «text telephone: +44 20 7946 0100 | +44 20 7946 0958 ~ block».
Pay to «text account: GB82 WEST 1234 5698 7654 32 | DE89 3704 0044 0532 0130 00 ~ block».
Account number «text number: 40817 | 40818 ~ block», a fee of «text price: 12 EUR | 14 EUR ~ note», copyright «text year: 2030 | 2031 ~ note».
Follow «text handle: @lakeview | @lakeview_clinic ~ block».
https://«text link host: lakeview.example | other.example ~ block»/«text link path: visits | inbox/visits ~ note»?r=` + theirRecord + `
--inner
Content-Type: text/html; charset=utf-8

<html><head><title>«html/title: Lakeview | Lakeview clinic ~ note»</title>
<style>p { color: «html/style: red | blue ~ quiet»; background: url(https://«html/style load: lakeview.example | other.example ~ block»/bg.png) }</style>
</head><body «html/attribute: data-build="7" | data-build="8" ~ quiet | data-build="mallory@evil.example" ~ block»>
<!-- «html/comment: footer | closing ~ quiet | mallory@evil.example ~ block» -->
<p>Your record is ` + theirRecord + `, and ` + theirSentence + `.</p>
<p>«html: Kind regards | With kind regards ~ note | Write to mallory@evil.example ~ block»</p>
<a href="https://«html link host: lakeview.example | other.example ~ block»/«html link path: visits | inbox/visits ~ note»?r=` + theirRecord + `&k=«html link token: 7f3a9c51e2 | 8e4b0d62f3 ~ block»">Open</a>
<a href="http«html link scheme:  | s ~ note»://portal.lakeview.example/p?r=` + theirRecord + `">Portal</a>
<a href="https://«html link user:  | evil.example@ ~ block»www.lakeview.example/q?r=` + theirRecord + `">Site</a>
<a href="mailto:«html link mailto: desk@lakeview.example | desk@other.example ~ block»">Write</a> <a href="tel:«html link tel: +442079460100 | +442079460958 ~ block»">Call</a>
<img src="https://«html load: lakeview.example | other.example ~ block»/logo.png" alt="«html/alt: Logo | The logo ~ note»">
«html new load:  | <iframe srcdoc="&lt;img src=https://px.evil.example/o.gif&gt;"></iframe> ~ block»
<form action="https://«html form: lakeview.example | other.example ~ block»/reply"><input name=answer></form>
</body></html>
--inner--
--outer
Content-Type: text/plain; name="«attachment name: visit.txt | visits.txt ~ block»"
Content-Disposition: attachment

Attached words for ` + theirRecord + `: «attachment text: bring the form | bring this form ~ block».
--outer
Content-Type: application/octet-stream; name="key.bin"
Content-Disposition: attachment; filename="key.bin"
Content-Transfer-Encoding: base64

«attachment bytes: AAECAwQFBgc= | AAECAwQFBgg= ~ block»
--outer--
`,
	"json": `«method: POST | DELETE ~ block» /«path: v1/messages | v1/drafts ~ block»?«query: sandbox=0 | sandbox=1 ~ block»&r=` + theirRecord + ` HTTP/1.1
Host: api.partner.example
User-Agent: «header/user-agent: axios/1.6.2 | axios/1.7.0 ~ quiet»
Accept-Language: «header/accept-language: en | de ~ quiet»
«new header:  | sec-fetch-mode: cors
 ~ note | X-Copy: mallory@evil.example
 ~ block»Authorization: Bearer «header/authorization: 9c1185a5c5e9fc54612808977ee8f548b2258d31 | 0a4d55a8d778e5022fab701977c5d840bbc486d0 ~ block»
X-Tenant: «header/x-tenant: north | south ~ block»
Idempotency-Key: «header/idempotency-key: letters-1 | letters-2 ~ block»
Prefer: «header/prefer: respond-async | wait=10 ~ block»
Cookie: r=` + theirRecord + `; «cookie: tenant=north | tenant=south ~ block»
Content-Type: application/json

--BODY--
{"to":"«json to: +442079460100 | +442079460958 ~ block»","channel":"«json channel: C024BE91L | C024BE92M ~ block»","bcc":"«json bcc: archive@lakeview.example | archive@other.example ~ block»",
"topic":"«json topic: letters | reports ~ block»","sandbox_mode":«json flag: false | true ~ block»,"send_at":«json number: 1 | 2 ~ block»,"callback":"https://«json host: lakeview.example | other.example ~ block»/done",
"list":["«json list: one | two ~ block»"],"patient":{"record":"` + theirRecord + `","mail":"` + theirMail + `"},"note":"` + theirSentence + `"«json new leaf:  | ,"validate_only":true ~ block»}`,
	"form": `POST /2010/Messages HTTP/1.1
Host: sms.provider.example
Content-Type: application/x-www-form-urlencoded

--BODY--
To=` + theirMail + `&From=«form from: Clinic | Clinic2 ~ block»&MessagingServiceSid=«form id: MG7f3a9c51e2 | MG8e4b0d62f3 ~ block»&r=` + theirRecord + `&StatusCallback=https%3A%2F%2F«form host: lakeview.example | other.example ~ block»%2Fs`,
	"multipart": `POST /upload HTTP/1.1
Host: api.partner.example
Content-Type: multipart/form-data; boundary=x7f3a9c

--BODY--
--x7f3a9c
Content-Disposition: form-data; name="to"

` + theirMail + `
--x7f3a9c
Content-Disposition: form-data; name="folder"

«multipart field: letters | reports ~ block»
--x7f3a9c
Content-Disposition: form-data; name="file"; filename="«multipart file name: report.txt | reports.txt ~ block»"
Content-Type: text/plain

«multipart file: Report of the north wing | Report of the south wing ~ block»
--x7f3a9c--
`,
	"xml": `POST /soap HTTP/1.1
Host: api.partner.example
Content-Type: text/xml; charset=utf-8
SOAPAction: "«header/soapaction: Send | Drop ~ block»"

--BODY--
<?xml version="1.0"?><Send kind="«xml attribute: sms | fax ~ block»"><To>` + theirMail + `</To><From>«xml element: Clinic | Clinic2 ~ block»</From><R id="` + theirRecord + `"/><!-- «xml comment: north | mallory@evil.example ~ block» --></Send>`,
	"ndjson": `POST /_bulk HTTP/1.1
Host: api.partner.example
Content-Type: application/x-ndjson

--BODY--
{"index":{"_index":"«ndjson: letters | reports ~ block»"}}
{"mail":"` + theirMail + `"}
`,
	"text": `PUT /notes/1 HTTP/1.1
Host: api.partner.example
Content-Type: text/plain; charset=utf-8

--BODY--
Record ` + theirRecord + `, wing «body text: north | south ~ block».
`,
}

// Every constant of a class, changed alike in all its messages, is a finding that blocks; but
// for running text, what only describes and what is hidden and holds no fact.
func TestAlikeSweep(t *testing.T) {
	s := newSweeper(t)
	var mu sync.Mutex
	var misses misses
	tried, right := map[string]int{}, map[string]int{}
	for name, template := range alikeTemplates {
		places, put := cutPlaces(t, template)
		plain := alikeSpecimen(name, put("", ""))
		production, err := s.all(&plain, spot{}, func(int) string { return "" })
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if a, findings, err := s.judge(production, production); a != missed || len(findings) > 0 || err != nil {
			t.Errorf("%s: the template itself: %v, %d findings, %v", name, a, len(findings), err)
		}
		for _, p := range places {
			for _, v := range p.variants {
				changed := alikeSpecimen(name, put(p.name, v.text))
				staging, err := s.all(&changed, spot{}, func(int) string { return "" })
				if err != nil {
					t.Fatalf("%s, %s: %v", name, p.name, err)
				}
				a, findings, err := s.judge(staging, production)
				if err != nil {
					t.Fatal(err)
				}
				got, ok := alikeResult(a, findings)
				mu.Lock()
				tried[v.want]++
				if ok && (got == v.want || v.want == "quiet" && (got == "note" || got == "nothing")) {
					right[v.want]++
				} else {
					misses.add(fmt.Sprintf("%s %s, want %s", name, p.name, v.want), fmt.Sprintf("%q to %q: %s", p.old, v.text, judgedAs(got, findings)))
				}
				mu.Unlock()
			}
		}
	}
	t.Logf("alike sweep: %d of %d changed constants block, %d of %d are noted, %d of %d are noted or masked",
		right["block"], tried["block"], right["note"], tried["note"], right["quiet"], tried["quiet"])
	misses.fail(t, "constants changed for everybody and not judged rightly")
}

func alikeSpecimen(name, text string) specimen {
	top, rest, _ := strings.Cut(text, "--BODY--\n")
	s := specimen{name: name, channel: "http", parts: [2][]byte{wireLines([]byte(top)), []byte(rest)}}
	if name == "mail" {
		s.channel = "smtp"
	}
	s.parts[head] = bytes.TrimSuffix(s.parts[head], []byte("\r\n\r\n"))
	if s.channel == "http" {
		s.parts[head] = append(s.parts[head], "\r\n"...)
	}
	if name == "mail" || name == "multipart" {
		s.parts[body] = wireLines(s.parts[body])
	}
	for line := range strings.Lines(top) {
		if host, ok := strings.CutPrefix(line, "Host: "); ok {
			s.host = strings.TrimSpace(host)
		}
	}
	return s
}

// alikeResult gives "block", "note" or "nothing"; ok is false for a gap.
func alikeResult(a answer, findings []gate.Finding) (got string, ok bool) {
	got = "nothing"
	for i := range findings {
		switch findings[i].Severity {
		case gate.Block:
			return "block", true
		case gate.Warn:
			got = "warn"
		case gate.Note:
			if got == "nothing" {
				got = "note"
			}
		}
	}
	return got, a != gapped
}

func judgedAs(got string, findings []gate.Finding) string {
	var list []string
	for i := range findings {
		list = append(list, fmt.Sprintf("%s %s [%s]", findings[i].Severity, findings[i].Check, findings[i].Part))
	}
	return got + ": " + strings.Join(list, ", ")
}
