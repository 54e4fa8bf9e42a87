package canon

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/gate"
)

// A field is one header field as it stands in a message.
type field struct {
	part  string // "header/" and its name
	name  string // lower case
	value []byte // after the colon, folds and line ends included
}

const inHeader = "header/"

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

// treatment says what becomes of a header field.
type treatment uint8

const (
	asValue treatment = iota
	asText
	asAddresses
	asList      // RFC 2369: URLs in angle brackets
	asThread    // RFC 5322, 3.6.4: ids of other messages
	asMask      // hidden by a rule
	asMessageID // hidden, and a trace
	asTrace     // hidden, and a trace
	asSignature // hidden but for its domain
	asMIME      // RFC 2045: of the entity that it stands in
)

// treat says what becomes of the header field called name, and by which rule it is
// hidden if it is.
func treat(name string) (treatment, string) {
	switch name {
	case "from", "sender", "to", "cc", "bcc", "reply-to", "return-path", "errors-to", "delivered-to",
		"disposition-notification-to", "return-receipt-to", "read-receipt-to", "x-confirm-reading-to",
		"x-original-to", "envelope-to", "x-envelope-to", "x-envelope-from", "apparently-to", "x-rcpt-to", "x-forwarded-to",
		"mail-followup-to", "mail-reply-to", "resent-from", "resent-sender", "resent-to", "resent-cc", "resent-bcc", "resent-reply-to":
		return asAddresses, ""
	case "subject", "comments", "thread-topic", "resent-comments":
		return asText, ""
	case "date", "resent-date", "delivery-date", "x-date":
		return asMask, "date"
	case "message-id", "resent-message-id":
		return asMessageID, "message-id"
	case "received", "x-received", "received-spf":
		return asMask, "received"
	case "dkim-signature", "x-google-dkim-signature", "domainkey-signature":
		return asSignature, "signature"
	case "authentication-results", "arc-seal", "arc-message-signature", "arc-authentication-results":
		return asMask, "signature"
	case "x-mailer", "user-agent":
		return asMask, "user-agent"
	case "mime-version":
		return asMask, "mime-version"
	case "list-unsubscribe", "list-post", "list-help", "list-subscribe", "list-owner", "list-archive":
		return asList, ""
	case "in-reply-to", "references":
		return asThread, ""
	case "traceparent", "tracestate", "x-request-id", "x-correlation-id", "x-trace-id", "x-b3-traceid", "x-b3-spanid", "x-amzn-trace-id":
		return asTrace, "trace-id"
	}
	if strings.HasPrefix(name, "content-") {
		return asMIME, ""
	}
	if strings.HasPrefix(name, "x-waybill-") {
		return asTrace, "trace-id"
	}
	return asValue, ""
}

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
	s.out.Parts = append(s.out.Parts[:mark], withoutAuthorDomain(s.out.Parts[mark:], s.join(in, "header/from"))...)
	s.sortByName(s.out.Parts[mark:])
}

// withoutAuthorDomain leaves out the domains of signatures that are the one which
// the field from shows, or above it: they say no more than that field does.
func withoutAuthorDomain(parts []gate.Part, from string) []gate.Part {
	author := ""
	for i := range parts {
		if parts[i].Name == from {
			author, _, _ = strings.Cut(parts[i].Value, "\n")
			break
		}
	}
	domain := author[strings.LastIndexByte(author, '@')+1:]
	return slices.DeleteFunc(parts, func(p gate.Part) bool {
		return domain != "" && strings.HasSuffix(p.Name, "-signature/d") && (p.Value == domain || strings.HasSuffix(domain, "."+p.Value))
	})
}

func (s *state) headerField(in string, f *field) {
	how, rule := treat(f.name)
	if how == asMIME {
		return
	}
	name := s.join(in, f.part)
	if how == asMask {
		s.mask(rule, name, 1)
		return
	}
	value := f.unfold(&s.arena)
	switch how {
	case asText:
		value = normal(gate.Text, collapse(decodeWords(value)))
		s.emit(name, gate.Text, value)
	case asAddresses:
		s.addressField(in, name, f.name, value)
	case asList:
		s.listField(name, value)
	case asThread:
		s.emit(name, gate.Value, normal(gate.Value, decodePhrases(value)))
	case asMessageID:
		s.mask(rule, name, 1)
		if value != "" && in == "" {
			s.trace(s.concat("message-id:", value, ""))
		}
	case asTrace:
		s.mask(rule, name, 1)
		s.traceField(f.name, value)
	case asSignature:
		s.mask(rule, name, 1)
		if d := signatureDomain(value); d != "" {
			s.emit(s.join(name, "d"), gate.Value, d)
		}
	default:
		if f.name == "list-unsubscribe-post" && strings.EqualFold(value, "List-Unsubscribe=One-Click") {
			s.mask("one-click", name, 1) // the only value there is (RFC 8058, 3.1)
			return
		}
		s.emit(name, gate.Value, normal(gate.Value, decodeWords(value)))
	}
}

// traceField records an id carried in a header field. Of a traceparent it is the
// trace id (W3C Trace Context, 3.2.2); a span's id is of one hop alone.
func (s *state) traceField(name, value string) {
	switch name {
	case "tracestate", "x-b3-spanid":
		return
	case "traceparent":
		parts := strings.Split(value, "-")
		if len(parts) < 4 || len(parts[1]) != 32 {
			return
		}
		value = asciiLower(parts[1])
	}
	if value != "" {
		s.trace(s.concat(name, ":", value))
	}
}

// signatureDomain is the d= tag of a signature (RFC 6376, 3.5) in canonical form.
func signatureDomain(value string) string {
	for tag := range strings.SplitSeq(value, ";") {
		k, v, ok := strings.Cut(tag, "=")
		if ok && strings.TrimSpace(k) == "d" {
			v = strings.TrimSpace(v)
			if r, err := gate.HostRecipient(v); err == nil {
				return r.Address
			}
			return normal(gate.Value, v)
		}
	}
	return ""
}

// addressField adds a field that holds mailboxes: who they are, what they are
// called, and what is neither.
func (s *state) addressField(in, name, field, value string) {
	l := &s.list
	l.parse(value)
	if len(l.addresses) > 0 || len(l.unparsed) == 0 {
		s.emit(name, gate.Addresses, strings.Join(l.addresses, "\n"))
	}
	if names := strings.TrimRight(strings.Join(l.names, "\n"), "\n"); names != "" {
		s.emit(s.join(name, "name"), gate.Text, normal(gate.Text, names))
	}
	if len(l.groups) > 0 {
		s.emit(s.join(name, "group"), gate.Text, normal(gate.Text, strings.Join(l.groups, "\n")))
	}
	if len(l.unparsed) > 0 {
		s.emit(s.join(name, "unparsed"), gate.Addresses, strings.Join(l.unparsed, "\n"))
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
