package importer

import (
	"bytes"
	"iter"
	"strings"
)

// recipientHeaders are tried in this order; the first that has more than loop marks is taken.
var recipientHeaders = [...]string{deliveredTo, originalTo, "Envelope-To", "X-Envelope-To"}

const (
	deliveredTo = "Delivered-To"
	originalTo  = "X-Original-To"
)

// RecipientHeaders says which header fields name the recipients of a mail on disk, for people.
const RecipientHeaders = "Delivered-To, X-Original-To, Envelope-To or X-Envelope-To"

// An envelope is what the header section of a mail says of the transaction.
type envelope struct {
	client      string // how the client called itself to the server that wrote the topmost Received; "" is not known
	sender      string
	senderKnown bool // the empty sender of RFC 5321, section 4.5.5, is one that is known

	kind       string // header that the recipients are from
	recipients []string
	marks      int // entries of it, and of those tried before, that are marks of list managers
	unread     int // entries of that header that are neither
}

// readEnvelope reads the header section of mail, whose lines end in CRLF.
func readEnvelope(mail []byte) envelope {
	var env envelope
	var found [len(recipientHeaders)]envelope
	var original pair
	seenPath, seenTrace := false, false
	for name, value := range Fields(mail) {
		if strings.EqualFold(name, "Return-Path") && !seenPath {
			seenPath = true
			env.sender, env.senderKnown = mailbox(bytes.Trim(value, " \t"))
		}
		if strings.EqualFold(name, "Received") && !seenTrace {
			seenTrace = true
			env.client = clientName(value)
		}
		original.see(name, value)
		for i, kind := range recipientHeaders {
			if strings.EqualFold(name, kind) {
				found[i].add(value)
			}
		}
	}
	original.see("", nil)
	if original.noted() { // then a Delivered-To that is not beside it is of an earlier delivery
		found[0], found[1] = envelope{}, original.envelope
	}
	for i := range found {
		env.marks += found[i].marks
		if found[i].noted() {
			env.kind, env.recipients, env.unread = recipientHeaders[i], found[i].recipients, found[i].unread
			break
		}
	}
	return env
}

// noted reports whether a header names recipients, if only unreadable ones.
func (e *envelope) noted() bool { return len(e.recipients) > 0 || e.unread > 0 }

// A pair takes each X-Original-To with the Delivered-To next to it, if there is one: the
// two are of one delivery, which went to the second.
type pair struct {
	envelope
	waiting   []byte // an X-Original-To whose next field was not seen yet
	delivered []byte // a Delivered-To in the field before
}

// see takes the next field, and the end of all where name is empty.
func (p *pair) see(name string, value []byte) {
	delivered := strings.EqualFold(name, deliveredTo)
	if p.waiting != nil {
		if delivered {
			p.add(value)
			p.waiting = nil
			return
		}
		p.add(p.waiting)
		p.waiting = nil
	}
	if strings.EqualFold(name, originalTo) {
		if p.delivered != nil {
			p.add(p.delivered)
		} else {
			p.waiting = append([]byte{}, value...)
		}
	}
	p.delivered = nil
	if delivered {
		p.delivered = append([]byte{}, value...)
	}
}

// add takes the entries of one header.
func (e *envelope) add(value []byte) {
	for entry := range entries(value) {
		entry = bytes.Trim(entry, " \t")
		if a, ok := mailbox(entry); ok && a != "" {
			e.recipients = append(e.recipients, a)
		} else if isLoopMark(entry) {
			e.marks++
		} else {
			e.unread++
		}
	}
}

// Fields yields name and value of the fields of mail's header section, values
// unfolded (RFC 5322, section 2.2.3). A line that is no field ends the section, as an
// empty one does. Values may share memory with mail.
func Fields(mail []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for len(mail) > 0 {
			line, rest := cutLine(mail)
			name, value, ok := bytes.Cut(line, []byte(":"))
			name = bytes.TrimRight(name, " \t")
			if !ok || !isFieldName(name) {
				return
			}
			folded := false
			for len(rest) > 0 && (rest[0] == ' ' || rest[0] == '\t') {
				if !folded {
					value = bytes.Clone(value)
					folded = true
				}
				line, rest = cutLine(rest)
				value = append(value, line...)
			}
			if !yield(string(name), value) {
				return
			}
			mail = rest
		}
	}
}

func cutLine(p []byte) (line, rest []byte) {
	line, rest, _ = bytes.Cut(p, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r")), rest
}

// isFieldName is RFC 5322, section 2.2: printable US-ASCII without colon.
func isFieldName(p []byte) bool {
	for _, c := range p {
		if c <= ' ' || c >= 0x7f || c == ':' {
			return false
		}
	}
	return len(p) > 0
}

// entries yields what commas part, those in quotes and brackets left out.
func entries(value []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		start, quoted, angle := 0, false, false
		for i := 0; i < len(value); i++ {
			switch c := value[i]; {
			case c == '\\' && quoted:
				i++
			case c == '"':
				quoted = !quoted
			case quoted:
			case c == '<':
				angle = true
			case c == '>':
				angle = false
			case c == ',' && !angle:
				if !yield(value[start:i]) {
					return
				}
				start = i + 1
			}
		}
		yield(value[start:])
	}
}

// mailbox reads an address, with or without angle brackets, that may be put into an
// SMTP command as it is: no space, control character, bracket, comma or second "@"
// outside a quoted local part. "<>" is the empty address. The domain may be missing.
func mailbox(p []byte) (string, bool) {
	if len(p) >= 2 && p[0] == '<' && p[len(p)-1] == '>' {
		if p = p[1 : len(p)-1]; len(p) == 0 {
			return "", true
		}
	}
	quoted, at := false, -1
	for i := 0; i < len(p); i++ {
		switch c := p[i]; {
		case c < ' ' || c == 0x7f:
			return "", false
		case c == '\\' && quoted:
			if i++; i == len(p) || p[i] < ' ' || p[i] == 0x7f {
				return "", false
			}
		case c == '"' && at < 0:
			quoted = !quoted
		case quoted:
		case c == '@' && at < 0:
			at = i
		case strings.IndexByte(" <>,;()\\@\"", c) >= 0:
			return "", false
		}
	}
	if quoted || len(p) == 0 || at == 0 || at == len(p)-1 {
		return "", false
	}
	return string(p), true
}

// isLoopMark knows "mailing list a@b" and "moderator for a@b": words of letters and
// then an address, which is how ezmlm and its kin mark what they passed on.
func isLoopMark(p []byte) bool {
	words := bytes.Fields(p)
	if len(words) < 2 {
		return false
	}
	last := len(words) - 1
	for _, w := range words[:last] {
		for _, c := range w {
			if c|0x20 < 'a' || c|0x20 > 'z' {
				return false
			}
		}
	}
	a, ok := mailbox(words[last])
	return ok && strings.Contains(a, "@")
}

// clientName is the Extended-Domain of the From-domain of a Received (RFC 5321, section
// 4.4): "from NAME ...", where NAME may be sent in HELO again.
func clientName(received []byte) string {
	words := bytes.Fields(received)
	if len(words) < 2 || !strings.EqualFold(string(words[0]), "from") || len(words[1]) > 255 {
		return ""
	}
	for _, c := range words[1] {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._:[]", c) >= 0:
		default:
			return ""
		}
	}
	return string(words[1])
}
