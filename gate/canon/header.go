package canon

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/fields"
)

// A field is one header field as it stands in a message.
type field struct {
	part  string // "header/" and its name
	name  string // lower case
	value []byte // after the colon, folds and line ends included
}

const (
	inHeader  = "header/"
	inContent = "content-" // begins the names of fields that describe an entity's body
)

// maxFieldName bounds a field's name; RFC 5322, 2.1.1, allows 998.
const maxFieldName = 998

// splitHeader splits the header of an entity from its body. The header ends at an
// empty line, or before a line that is no field, as mail servers have it: then the
// body begins with that line. odd is a first line in the manner of an mbox file. The
// fields are appended to fields, and their names are those of names.
func splitHeader(names *memo, fields []field, raw []byte) (_ []field, odd, body []byte) {
	rest := raw
	for first := true; len(rest) > 0; first = false {
		line, next := cutLine(rest)
		if isBlank(line) {
			return fields, odd, next
		}
		colon := bytes.IndexByte(line, ':')
		nameEnd := fieldName(line, colon)
		if nameEnd == 0 {
			if first && (bytes.HasPrefix(line, []byte("From ")) || bytes.HasPrefix(line, []byte(">From "))) {
				odd, rest = line, next
				continue
			}
			return fields, odd, rest
		}
		end := len(rest) - len(next)
		for len(next) > 0 && (next[0] == ' ' || next[0] == '\t') {
			folded, after := cutLine(next)
			if isBlank(folded) {
				break
			}
			end += len(folded)
			next = after
		}
		part, ok := (*names)[string(line[:nameEnd])]
		if !ok {
			name := string(line[:nameEnd])
			part = names.put(name, inHeader+asciiLower(name))
		}
		fields = append(fields, field{part, part[len(inHeader):], rest[colon+1 : end]})
		rest = rest[end:]
	}
	return fields, odd, nil
}

// cutLine splits b after its first line, whose end stays on it.
func cutLine(b []byte) (line, rest []byte) {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return b[:i+1], b[i+1:]
	}
	return b, nil
}

func isBlank(line []byte) bool {
	return string(line) == "\r\n" || string(line) == "\n" || string(line) == "\r"
}

// fieldName is the length of the field's name before the colon, without the white
// space that old mailers put there (RFC 5322, 4.5); 0 says that line is no field.
func fieldName(line []byte, colon int) int {
	if colon <= 0 {
		return 0
	}
	n := colon
	for n > 0 && (line[n-1] == ' ' || line[n-1] == '\t') {
		n--
	}
	if n > maxFieldName {
		return 0
	}
	for _, c := range line[:n] {
		if c <= ' ' || c >= 0x7f {
			return 0
		}
	}
	return n
}

// unfold is a field's value on one line (RFC 5322, 2.2.3), with runs of white space
// made one space: where a field is folded is nobody's business.
func (f *field) unfold(a *arena) string { return a.collapse(f.value) }

// header adds the fields of a mail's own header, but those that describe its body.
// in is what the mail is in: "" for the outermost.
func (s *state) header(in string, fields []field) {
	mark := len(s.out.Parts)
	for i := range fields {
		if s.over != "" {
			return
		}
		s.headerField(in, &fields[i])
	}
	s.out.Parts = append(s.out.Parts[:mark], s.withoutAuthorDomain(s.out.Parts[mark:], s.join(in, "header/from"))...)
	s.sortByName(s.out.Parts[mark:])
}

// withoutAuthorDomain hides the domains of signatures that are the one which the field
// from shows, or above it: they say no more than that field does.
func (s *state) withoutAuthorDomain(parts []gate.Part, from string) []gate.Part {
	author := ""
	for i := range parts {
		if parts[i].Name == from {
			author, _, _ = strings.Cut(parts[i].Value, "\n")
			break
		}
	}
	domain := author[strings.LastIndexByte(author, '@')+1:]
	return slices.DeleteFunc(parts, func(p gate.Part) bool {
		said := domain != "" && strings.HasSuffix(p.Name, "-signature/d") && (p.Value == domain || strings.HasSuffix(domain, "."+p.Value))
		if said {
			s.hide("signature-tag", p.Name, p.Value)
		}
		return said
	})
}

// headerField adds one field of a mail's own header. What is new in each message by
// nature is hidden where it has the shape of that, and a part where it has not.
func (s *state) headerField(in string, f *field) {
	if strings.HasPrefix(f.name, inContent) {
		return
	}
	name := s.join(in, f.part)
	s.bareCR(name, f)
	value := f.unfold(&s.arena)
	switch fields.Of(f.name).Kind {
	case fields.Text:
		s.emit(name, gate.Text, normal(gate.Text, collapse(decodeWords(value))))
	case fields.Addresses:
		s.addressField(in, name, f.name, value)
	case fields.List:
		s.listField(name, value)
	case fields.Thread:
		s.emit(name, gate.Value, normal(gate.Value, decodePhrases(value)))
	case fields.Date:
		s.hideIf(fields.IsDate(value), gate.Hidden{Rule: "date", Part: name, Value: value})
	case fields.ID:
		s.messageID(name, value)
		if value != "" && in == "" {
			s.trace(s.concat("message-id:", value, ""))
		}
	case fields.Trace:
		id, ok := fields.TraceID(f.name, value)
		s.hideIf(ok, gate.Hidden{Rule: "trace-id", Part: name, Value: value})
		s.traceField(f.name, id, value)
	case fields.Signature:
		s.signature(name, value)
	case fields.Received:
		s.received(name, value)
	case fields.Results:
		s.results(name, value)
	case fields.MIME:
		s.mimeVersion(name, value)
	default:
		const oneClick = "List-Unsubscribe=One-Click"
		if f.name == "list-unsubscribe-post" && strings.EqualFold(value, oneClick) {
			s.mask("one-click", name, 1) // the only value there is (RFC 8058, 3.1)
			if value != oneClick {
				s.keep("one-click", name, value)
			}
			return
		}
		s.emit(name, gate.Value, normal(gate.Value, decodeWords(value)))
	}
}

// hideIf hides a value that has the shape which its rule is for, and else adds it.
func (s *state) hideIf(shaped bool, h gate.Hidden) {
	if shaped {
		s.hide(h.Rule, h.Part, h.Value)
		return
	}
	s.emit(h.Part, gate.Value, normal(gate.Value, decodeWords(h.Value)))
}

// messageID hides an id that is made anew for each message. The local part and the domain
// are two values: together they read as somebody's address. Any other id is compared:
// answers are filed by it.
func (s *state) messageID(name, value string) {
	local, domain, ok := fields.MessageID(value)
	if !ok {
		s.emit(name, gate.Value, normal(gate.Value, decodePhrases(value)))
		return
	}
	s.hideRuns("message-id", name, local, value)
	s.hide("message-id", s.join(name, "domain"), domain)
}

// traceField records an id carried in a header field. Of a traceparent it is the
// trace id (W3C Trace Context, 3.2.2); a span's id is of one hop alone.
func (s *state) traceField(name, id, value string) {
	switch name {
	case "tracestate", "x-b3-spanid", "x-b3-parentspanid", "x-b3-sampled", "x-b3-flags":
		return
	case "traceparent", "b3":
		value = id
	}
	if value != "" && strings.IndexByte(value, '@') < 0 && strings.IndexByte(value, ' ') < 0 {
		s.trace(s.concat(name, ":", value))
	}
}

// mimeVersion adds what a MIME-Version says beside the one version that there is (RFC
// 2045, 4).
func (s *state) mimeVersion(name, value string) {
	version, comment := cutComments(value)
	if version = strings.Trim(version, " "); version == "1.0" {
		s.mask("mime-version", name, 1)
	} else {
		s.emit(name, gate.Value, normal(gate.Value, decodeWords(version)))
	}
	s.comment(name, comment)
}

// comment adds what stands in the comments of a field, where that is anything.
func (s *state) comment(name, text string) {
	if text = collapse(text); text != "" {
		s.emit(s.join(name, "comment"), gate.Value, normal(gate.Value, decodeWords(text)))
	}
}

// bareCR adds what readers see behind a CR within a field that no LF follows: to many
// it is the end of a line, and what follows a field of its own.
func (s *state) bareCR(name string, f *field) {
	for rest := f.value; ; {
		i := bytes.IndexByte(rest, '\r')
		if i < 0 || i+1 >= len(rest) {
			return
		}
		if rest = rest[i+1:]; rest[0] == '\n' {
			continue
		}
		line := rest
		for at := 0; at < len(line); at++ {
			if line[at] == '\r' && (at+1 == len(line) || line[at+1] != '\n') {
				line = line[:at]
			}
		}
		if len(bytes.TrimSpace(line)) == 0 {
			s.emit(s.join(name, "bare-cr"), gate.Value, "") // an empty line to some: there the header ends
			continue
		}
		colon := bytes.IndexByte(line, ':')
		if end := fieldName(line, colon); end > 0 {
			injected := asciiLower(string(line[:end]))
			if fields.Of(injected).Kind == fields.Addresses {
				s.addressField("bare-cr", s.join(name, "bare-cr/"+injected), injected, s.arena.collapse(line[colon+1:]))
				continue
			}
		}
		s.emit(s.join(name, "bare-cr"), gate.Value, normal(gate.Value, decodeWords(s.arena.collapse(line))))
	}
}

// addressField adds a field that holds mailboxes: who they are, what they are called,
// and what is neither. Of names the words are compared, whatever their case, order and
// quotes. Who besides would be read as addressed by readers that are not strict, since
// an address stands where a name or a comment should, is a part too: "lenient".
func (s *state) addressField(in, name, field, value string) {
	l := &s.list
	l.parse(value)
	if len(l.addresses) > 0 || len(l.unparsed) == 0 {
		s.emit(name, gate.Addresses, strings.Join(l.addresses, "\n"))
	}
	s.spelling(s.join(name, "name"), l.stray)
	if names := strings.TrimRight(l.foldedNames(), "\n"); names != "" {
		s.emit(s.join(name, "name"), gate.Text, normal(gate.Text, names))
	}
	for _, list := range []struct {
		of     string
		kind   gate.PartKind
		values []string
	}{
		{"group", gate.Text, l.groups},
		{"unparsed", gate.Addresses, l.unparsed},
		{"lenient", gate.Addresses, l.lenient()},
		{"comment", gate.Value, l.comments},
		{"route", gate.Addresses, l.routes},
	} {
		if len(list.values) > 0 {
			s.emit(s.join(name, list.of), list.kind, normal(list.kind, strings.Join(list.values, "\n")))
		}
	}
	if in != "" {
		return
	}
	switch field {
	case "from":
		if s.from == "" && len(l.addresses) > 0 {
			s.from = l.addresses[0]
		}
	case "to", "cc", "bcc":
		s.names = append(s.names, l.names...)
	}
}

// listField adds a field of RFC 2369: URLs in angle brackets, by commas.
func (s *state) listField(name, value string) {
	var addresses []string
	var around strings.Builder
	s.spelling(name, fields.Uneven(value, ','))
	whole := len(value)
	for value != "" {
		before, after, ok := strings.Cut(value, "<")
		if !ok {
			around.WriteString(value)
			break
		}
		url, rest, closed := strings.Cut(after, ">")
		if !closed {
			around.WriteString(value)
			break
		}
		around.WriteString(strings.Trim(before, " ,"))
		if first := len(value) == whole; !first && strings.IndexByte(before, ',') < 0 {
			s.spelling(name, 1) // a comma too few
		}
		value = rest
		url = strings.ReplaceAll(url, " ", "")
		if scheme := schemeEnd(url); scheme == len("mailto:") && strings.EqualFold(url[:scheme], "mailto:") {
			to, query, hasQuery := strings.Cut(url[scheme:], "?")
			if r, err := gate.MailRecipient(unescapePercent(to), ""); err == nil {
				addresses = append(addresses, r.Address)
				if !hasQuery || query == "" {
					continue
				}
			}
		}
		s.emit(s.join(name, "link"), gate.Link, s.canonicalURL(url))
	}
	if len(addresses) > 0 {
		s.emit(name, gate.Addresses, strings.Join(addresses, "\n"))
	}
	if text := strings.Trim(around.String(), " ,"); text != "" {
		s.emit(s.join(name, "text"), gate.Value, normal(gate.Value, decodeWords(text)))
	}
}

// unescapePercent undoes percent escapes; where one is bad, or the outcome is not
// UTF-8, s comes back as it is.
func unescapePercent(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' {
			if i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) {
				return s
			}
			out = append(out, byte(unhex(s[i+1])<<4|unhex(s[i+2])))
			i += 2
			continue
		}
		out = append(out, s[i])
	}
	if !utf8.Valid(out) {
		return s
	}
	return string(out)
}
