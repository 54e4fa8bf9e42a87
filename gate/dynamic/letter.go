package dynamic

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/decode"
)

// Bounds of what is read of one message.
const (
	maxLetter  = 4 << 20 // bytes of its body
	maxParts   = 64
	maxAddress = 64 // recipients of one
	maxTelling = 400
)

// A Letter is one message read for the values in it that stimuli may need.
type Letter struct {
	channel string
	to      []string        // sorted
	words   map[string]bool // that it repeats of what it was told, in lower case
	values  []given
}

// A given is a value with where it stands.
type given struct{ place, value string }

// Read reads a message. What cannot be read of it gives nothing.
func Read(m *gate.Message) *Letter {
	l := &Letter{channel: m.Channel, words: map[string]bool{}}
	w := &walk{count: map[string]int{}, found: func(place, value string) bool {
		l.values = append(l.values, given{place, value})
		return true
	}}
	r := &letterReader{l, w, 0}
	if m.Channel == "smtp" {
		l.to = envelope(m.Head)
		r.mail(m.Body[:min(len(m.Body), maxLetter)])
	} else {
		r.request(m)
	}
	slices.Sort(l.to)
	l.to = slices.Compact(l.to)
	return l
}

var (
	rcpt      = regexp.MustCompile(`(?im)^RCPT TO:\s*<([^>\r\n]*)>`)
	addresses = regexp.MustCompile(`[\w.+%-]+@[\w-]+(?:\.[\w-]+)+`)
	numbers   = regexp.MustCompile(`(?:^|[^\w+])(\+\d{7,15})\b`)
)

// envelope gives the recipients of a transaction (RFC 5321, 4.1.1.3).
func envelope(head []byte) []string {
	var to []string
	for _, m := range rcpt.FindAllSubmatch(head, maxAddress) {
		to = append(to, string(m[1]))
	}
	return to
}

type letterReader struct {
	*Letter
	w     *walk
	parts int
}

// text reads what somebody reads, or part of it.
func (r *letterReader) text(s string) {
	r.w.prose(s)
	r.tell(s)
}

// tell remembers the words of s, by which messages to one recipient are told apart.
func (r *letterReader) tell(s string) {
	for word := range strings.FieldsFuncSeq(s, isBreak) {
		if len(r.words) >= maxTelling {
			return
		}
		if len(word) >= 3 && len(word) <= 40 && !made("text/", word) {
			r.words[strings.ToLower(word)] = true
		}
	}
}

// mail reads a mail, or a part of one.
func (r *letterReader) mail(raw []byte) {
	if r.parts++; r.parts > maxParts {
		return
	}
	head, body, _ := bytes.Cut(raw, []byte("\n\r\n"))
	if i := bytes.Index(raw, []byte("\n\n")); i >= 0 && (i < len(head) || len(body) == 0) {
		head, body = raw[:i], raw[i+2:]
	}
	kind, coding := "text/plain", ""
	var params map[string]string
	for _, f := range unfolded(head) {
		switch f.name {
		case "content-type":
			k, p, err := mime.ParseMediaType(f.value)
			if err == nil || k != "" {
				kind, params = k, p
			}
		case "content-transfer-encoding":
			coding = strings.ToLower(strings.TrimSpace(f.value))
		case "subject":
			r.text(decode.EncodedWords(f.value) + "\n")
		case "reply-to", "list-unsubscribe", "in-reply-to", "references":
			r.w.prose(f.value)
		default:
			if strings.HasPrefix(f.name, "x-") {
				r.w.distinct("field/"+f.name, decode.EncodedWords(f.value))
			}
		}
	}
	if strings.HasPrefix(kind, "multipart/") && params["boundary"] != "" {
		mr := multipart.NewReader(bytes.NewReader(body), params["boundary"])
		for r.parts < maxParts {
			p, err := mr.NextRawPart()
			if err != nil {
				return
			}
			inner, err := io.ReadAll(io.LimitReader(p, maxLetter))
			var fields bytes.Buffer
			for name, values := range p.Header {
				for _, v := range values {
					fields.WriteString(name + ": " + v + "\n")
				}
			}
			if r.mail(slices.Concat(fields.Bytes(), []byte("\n"), inner)); err != nil {
				return
			}
		}
		return
	}
	switch coding {
	case "base64":
		body, _ = decode.Base64(body)
	case "quoted-printable":
		body, _ = decode.QuotedPrintable(nil, body)
	}
	switch {
	case kind == "message/rfc822":
		r.mail(body)
	case strings.HasPrefix(kind, "text/"):
		text, _, known := decode.Charset(body, params["charset"])
		if !known {
			text = body
		}
		r.body(kind, text)
	case strings.HasSuffix(kind, "json"):
		r.json(body)
	}
}

// body reads a text of some kind.
func (r *letterReader) body(kind string, text []byte) {
	if kind != "text/html" {
		r.text(string(text))
		return
	}
	var seen strings.Builder
	r.w.page(text, &seen)
	r.text(seen.String())
}

// request reads a call to an outside party: to whom it says that it is, its path, and the
// leaves of its body.
func (r *letterReader) request(m *gate.Message) {
	if m.Host != "" {
		r.to = append(r.to, strings.ToLower(m.Host))
	}
	line, _, _ := bytes.Cut(m.Head, []byte("\n"))
	if _, rest, ok := strings.Cut(strings.TrimSpace(string(line)), " "); ok {
		target, _, _ := strings.Cut(rest, " ")
		r.w.link(target, 0)
		r.address(target)
	}
	kind, coding := "", ""
	for _, f := range fieldsOf(m.Head) {
		switch f.name {
		case "content-type":
			kind, _, _ = strings.Cut(strings.ToLower(f.value), ";")
		case "content-encoding":
			coding = f.value
		case "host":
			if m.Host == "" {
				r.to = append(r.to, strings.ToLower(f.value))
			}
		}
	}
	body, ok := decoded(strings.ToLower(coding), m.Body[:min(len(m.Body), maxLetter)])
	if !ok {
		return
	}
	start := bytes.TrimLeft(body, " \t\r\n")
	switch {
	case len(start) > 0 && (start[0] == '{' || start[0] == '['):
		r.json(body)
	case strings.HasSuffix(kind, "xml"):
		r.leaves(func(w *walk) { w.xml(body) })
	case strings.HasSuffix(kind, "urlencoded"):
		r.leaves(func(w *walk) {
			for pair := range strings.SplitSeq(string(body), "&") {
				name, v, _ := strings.Cut(pair, "=")
				if plain, err := url.QueryUnescape(v); err == nil {
					w.give("form/"+name, plain)
				}
			}
		})
	default:
		r.address(string(body))
		r.text(string(body))
	}
}

func (r *letterReader) json(body []byte) { r.leaves(func(w *walk) { w.json(body) }) }

// leaves reads each leaf that walked gives: as a value, and where it is longer as the text,
// page or mail that it holds.
func (r *letterReader) leaves(walked func(*walk)) {
	var all []given
	walked(&walk{count: map[string]int{}, long: true, found: func(place, value string) bool {
		all = append(all, given{place, value})
		return true
	}})
	for _, g := range all {
		r.address(g.value)
		plain, err := decode.Base64Word(strings.TrimRight(strings.Join(strings.Fields(g.value), ""), "="))
		switch {
		case decode.IsMail(g.value):
			r.mail([]byte(g.value))
		case err == nil && decode.IsMail(plain):
			r.mail(plain)
		case strings.Contains(g.value, "</"):
			r.body("text/html", []byte(g.value))
		case strings.ContainsAny(g.value, " \n") || strings.Contains(g.value, "://"):
			r.text(g.value)
		default:
			r.w.give(g.place, g.value)
			r.tell(g.value)
		}
	}
}

// address takes addresses and telephone numbers for whom a request is for.
func (r *letterReader) address(s string) {
	if len(r.to) >= maxAddress || len(s) > maxValue {
		return
	}
	if plain, err := url.QueryUnescape(s); err == nil && !strings.Contains(s, "+") {
		s = plain
	}
	r.to = append(r.to, addresses.FindAllString(s, maxAddress)...)
	for _, m := range numbers.FindAllStringSubmatch(s, maxAddress) {
		r.to = append(r.to, m[1])
	}
}

// unfolded are the fields of a mail's header section, continued lines joined (RFC 5322, 2.2.3).
func unfolded(head []byte) []field {
	var out []field
	for line := range bytes.Lines(head) {
		text := strings.TrimRight(string(line), "\r\n")
		if len(out) > 0 && text != "" && (text[0] == ' ' || text[0] == '\t') {
			out[len(out)-1].value += text
			continue
		}
		if name, value, ok := strings.Cut(text, ":"); ok {
			out = append(out, field{name: strings.ToLower(strings.TrimSpace(name)), value: strings.TrimSpace(value)})
		}
	}
	return out
}

// Fits reports whether l may be the message that b names: it goes to all of the same
// recipients and has something at its place, looked at loosely. like: it holds the words of
// its cause too.
func (l *Letter) Fits(b *gate.Binding, like bool) bool {
	if b.Sent == nil || l.channel != b.Sent.Channel || !subset(b.Sent.To, l.to) {
		return false
	}
	if like && slices.ContainsFunc(b.Sent.Like, func(w string) bool { return !l.words[w] }) {
		return false
	}
	_, ok := l.Value(b)
	return ok
}

// Value is what l has at the place of b; else, for a release may word and link otherwise,
// what alone stands at a place like it.
func (l *Letter) Value(b *gate.Binding) (string, bool) {
	loose := loosen(b.Place, b.Value)
	near := ""
	for _, g := range l.values {
		if g.place == b.Place && (!strings.HasPrefix(g.place, "text/") || shape(g.value) == shape(b.Value)) {
			return g.value, true
		}
		if near == "" && loosen(g.place, g.value) == loose && (loose != "link/#" || made(g.place, g.value)) {
			near = g.value
		}
	}
	return near, near != ""
}

// subset reports whether all of a, sorted, are in b, sorted.
func subset(a, b []string) bool {
	for _, v := range a {
		if _, ok := slices.BinarySearch(b, v); !ok {
			return false
		}
	}
	return true
}
